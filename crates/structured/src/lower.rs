//! A schema as a provider takes it, and what of it is left to check afterwards.
//!
//! Providers enforce subsets of JSON Schema. [`lower`] writes the schema in a provider's subset: bounds and patterns that
//! it does not know are dropped and stay with the validator, optional members become nullable where all must be
//! required (alignment makes the null absent again), and `oneOf` becomes `anyOf`. What cannot be written without making
//! a valid value unreachable is not written at all, and the schema is served at a lower level.
//!
//! What never happens here: nothing is widened or narrowed in silence. Each difference is a [`Change`].

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// How strongly a form is enforced before an answer is checked, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The schema stands in the prompt.
    Prompt,
    /// The provider enforces JSON, and the schema stands in the prompt.
    JsonMode,
    /// The provider is told the schema and promises nothing.
    Schema,
    /// The provider's decoder cannot leave the schema.
    Strict,
}

/// What one provider takes.
#[derive(Debug)]
pub struct Subset {
    /// Its name in reports.
    pub name: &'static str,
    /// The strongest level there is.
    pub level: Level,
    /// The level of a schema that cannot be written in the subset.
    pub otherwise: Level,
    /// Whether the provider's decoder enforces a schema that the client did not mark `strict`.
    pub always: bool,
    /// Each object must forbid unknown members.
    closed: bool,
    /// Each member must be required.
    all_required: bool,
    /// A schema may refer to itself.
    recursive: bool,
    /// Keywords that it does not know.
    unknown: &'static [&'static str],
    /// Deepest nesting.
    depth_max: usize,
    /// Most members in all.
    members_max: usize,
}

const LOOSE: Subset = Subset {
    name: "as-sent",
    level: Level::Schema,
    otherwise: Level::Schema,
    always: false,
    closed: false,
    all_required: false,
    recursive: true,
    unknown: &[],
    depth_max: usize::MAX,
    members_max: usize::MAX,
};

/// OpenAI's Structured Outputs. Source: platform.openai.com, guide "Structured model outputs", supported schemas.
pub static OPENAI: Subset = Subset {
    name: "openai",
    level: Level::Strict,
    otherwise: Level::JsonMode,
    closed: true,
    all_required: true,
    unknown: &[
        "oneOf",
        "not",
        "dependentRequired",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "minLength",
        "maxLength",
        "propertyNames",
        "default",
        "examples",
    ],
    depth_max: 10,
    members_max: 5_000,
    ..LOOSE
};

/// Anthropic's structured outputs. Source: docs.anthropic.com, "Structured outputs", JSON Schema limitations.
pub static ANTHROPIC: Subset = Subset {
    name: "anthropic",
    level: Level::Strict,
    otherwise: Level::Prompt,
    always: true,
    closed: true,
    recursive: false,
    unknown: &[
        "oneOf",
        "not",
        "dependentRequired",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "propertyNames",
        "default",
        "examples",
    ],
    ..LOOSE
};

/// A server whose decoder follows a grammar made from the schema (vLLM, Ollama, `steersman-local`).
pub static GRAMMAR: Subset = Subset { name: "grammar", level: Level::Strict, ..LOOSE };

/// A provider that enforces JSON and knows no schema.
pub static JSON_MODE: Subset =
    Subset { name: "json-mode", level: Level::JsonMode, otherwise: Level::JsonMode, ..LOOSE };

/// A provider of which nothing is known: the request goes on as it came, and the answer is checked.
pub static AS_SENT: Subset = LOOSE;

/// Every subset, for reports.
pub static SUBSETS: &[&Subset] = &[&OPENAI, &ANTHROPIC, &GRAMMAR, &JSON_MODE, &AS_SENT];

/// One difference between a schema and its lowered form.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// RFC 6901 pointer into the schema.
    pub pointer: String,
    /// The keyword that it is about.
    pub keyword: String,
    /// What was done.
    pub what: What,
}

/// What became of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Left out; the validator checks it.
    Dropped,
    /// `additionalProperties: false` was written.
    Closed,
    /// An optional member is required and may be null, which becomes absent again.
    Nullable,
    /// `oneOf` was written as `anyOf`; the validator checks that only one fits.
    Widened,
}

/// A schema at the strongest level that a subset has for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// The level.
    pub level: Level,
    /// The schema to send; the one that was given where the level has no schema of its own.
    pub schema: Value,
    /// Each difference, in the order of the schema.
    pub changes: Vec<Change>,
    /// Why the subset's strongest level could not be had.
    pub obstacle: Option<String>,
}

/// Keywords that shape a value and that no subset with limits can write: without them valid values are unreachable.
const SHAPING: [&str; 10] = [
    "allOf",
    "if",
    "then",
    "else",
    "patternProperties",
    "dependentSchemas",
    "unevaluatedProperties",
    "$dynamicRef",
    "prefixItems",
    "unevaluatedItems",
];

/// Writes a schema in a subset. Linear in the schema.
#[must_use]
pub fn lower(schema: &Value, subset: &Subset) -> Lowered {
    let given = |level, obstacle| Lowered { level, schema: schema.clone(), changes: Vec::new(), obstacle };
    if subset.level != Level::Strict || !subset.closed {
        return given(subset.level, None);
    }
    let mut lowering = Lowering { subset, changes: Vec::new(), members: 0 };
    let root_is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    let written = if root_is_object {
        lowering.write(schema, &mut String::new(), 1)
    } else {
        Err("the root is no object".to_owned())
    };
    let recursion = (!subset.recursive && recursive(schema)).then(|| "the schema refers to itself".to_owned());
    match (written, recursion) {
        (Ok(lowered), None) => {
            Lowered { level: Level::Strict, schema: lowered, changes: lowering.changes, obstacle: None }
        }
        (Err(obstacle), _) | (_, Some(obstacle)) => given(subset.otherwise, Some(obstacle)),
    }
}

struct Lowering<'s> {
    subset: &'s Subset,
    changes: Vec<Change>,
    members: usize,
}

impl Lowering<'_> {
    fn write(&mut self, schema: &Value, at: &mut String, depth: usize) -> Result<Value, String> {
        let Value::Object(map) = schema else {
            return if at.is_empty() || schema == &json!(true) {
                Err(format!("`{at}` allows anything"))
            } else {
                Ok(schema.clone())
            };
        };
        if depth > self.subset.depth_max {
            return Err(format!("nested deeper than {}", self.subset.depth_max));
        }
        if let Some(keyword) = SHAPING.iter().find(|keyword| map.contains_key(**keyword)) {
            return Err(format!("`{keyword}` at `{at}` cannot be written"));
        }
        let mut out = Map::new();
        for (keyword, value) in map {
            let length = at.len();
            at.push('/');
            at.push_str(&crate::record::escape_pointer(keyword));
            self.keyword(keyword, value, at, depth, &mut out)?;
            at.truncate(length);
        }
        if is_object(map) {
            self.object(map, at, &mut out)?;
        }
        Ok(Value::Object(out))
    }

    fn keyword(
        &mut self,
        keyword: &str,
        value: &Value,
        at: &mut String,
        depth: usize,
        out: &mut Map<String, Value>,
    ) -> Result<(), String> {
        let written = match (keyword, value) {
            ("properties" | "$defs" | "definitions", Value::Object(members)) => {
                let deeper = depth + usize::from(keyword == "properties");
                let mut all = Map::new();
                for (name, member) in members {
                    let length = at.len();
                    at.push('/');
                    at.push_str(&crate::record::escape_pointer(name));
                    all.insert(name.clone(), self.write(member, at, deeper)?);
                    at.truncate(length);
                }
                Value::Object(all)
            }
            ("items", Value::Object(_)) => self.write(value, at, depth + 1)?,
            ("anyOf" | "oneOf", Value::Array(branches)) => {
                let written: Result<Vec<Value>, String> = branches.iter().map(|b| self.write(b, at, depth)).collect();
                if keyword == "oneOf" {
                    self.change(at, keyword, What::Widened);
                    out.insert("anyOf".to_owned(), Value::Array(written?));
                    return Ok(());
                }
                Value::Array(written?)
            }
            ("additionalProperties", _) => return Ok(()),
            _ if self.subset.unknown.contains(&keyword) => {
                // What only describes constrains nothing.
                if !matches!(keyword, "default" | "examples") {
                    self.change(at, keyword, What::Dropped);
                }
                return Ok(());
            }
            _ => value.clone(),
        };
        out.insert(keyword.to_owned(), written);
        Ok(())
    }

    fn object(&mut self, map: &Map<String, Value>, at: &str, out: &mut Map<String, Value>) -> Result<(), String> {
        match map.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            None if map.contains_key("properties") => self.change(at, "additionalProperties", What::Closed),
            _ => return Err(format!("`{at}` is a map of names that are not listed")),
        }
        out.insert("additionalProperties".to_owned(), json!(false));
        let Some(Value::Object(members)) = out.get_mut("properties") else { return Ok(()) };
        self.members += members.len();
        if self.members > self.subset.members_max {
            return Err(format!("more than {} members", self.subset.members_max));
        }
        if !self.subset.all_required {
            return Ok(());
        }
        let required: BTreeSet<&str> =
            map.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut changes = Vec::new();
        for (name, member) in members.iter_mut().filter(|(name, _)| !required.contains(name.as_str())) {
            *member = json!({"anyOf": [std::mem::take(member), {"type": "null"}]});
            let pointer = format!("{at}/properties/{}", crate::record::escape_pointer(name));
            changes.push(Change { pointer, keyword: "required".to_owned(), what: What::Nullable });
        }
        let all: Value = members.keys().cloned().collect();
        out.insert("required".to_owned(), all);
        self.changes.extend(changes);
        Ok(())
    }

    fn change(&mut self, pointer: &str, keyword: &str, what: What) {
        self.changes.push(Change { pointer: pointer.to_owned(), keyword: keyword.to_owned(), what });
    }
}

fn is_object(map: &Map<String, Value>) -> bool {
    let named = match map.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => names.contains(&json!("object")),
        _ => false,
    };
    named || map.contains_key("properties")
}

/// Whether a schema can be reached from itself by its references.
fn recursive(schema: &Value) -> bool {
    fn targets<'v>(value: &'v Value, into: &mut Vec<&'v str>) {
        match value {
            Value::Object(map) => {
                into.extend(map.get("$ref").and_then(Value::as_str));
                map.iter()
                    .filter(|(key, _)| !matches!(key.as_str(), "$defs" | "definitions"))
                    .for_each(|(_, v)| targets(v, into));
            }
            Value::Array(items) => items.iter().for_each(|item| targets(item, into)),
            _ => {}
        }
    }
    fn reaches<'v>(root: &'v Value, from: &'v str, goal: &str, seen: &mut BTreeSet<&'v str>) -> bool {
        let Some(schema) = from.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) else { return false };
        let mut next = Vec::new();
        targets(schema, &mut next);
        next.into_iter().any(|target| target == goal || (seen.insert(target) && reaches(root, target, goal, seen)))
    }
    let mut all = Vec::new();
    targets(schema, &mut all);
    let inside = ["$defs", "definitions"].iter().filter_map(|key| schema.get(*key)?.as_object());
    inside.flat_map(|map| map.values()).for_each(|value| targets(value, &mut all));
    all.into_iter().any(|target| target == "#" || reaches(schema, target, target, &mut BTreeSet::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_subset_cannot_say_is_dropped_by_name_or_lowers_the_level() {
        let schema = json!({"type": "object", "properties": {
            "id": {"type": "string", "minLength": 3}, "note": {"type": "string"}}, "required": ["id"]});
        let lowered = lower(&schema, &OPENAI);
        assert_eq!(lowered.level, Level::Strict);
        let said: Vec<_> = lowered.changes.iter().map(|c| (c.pointer.as_str(), c.keyword.as_str(), c.what)).collect();
        assert_eq!(
            said,
            [
                ("/properties/id/minLength", "minLength", What::Dropped),
                ("", "additionalProperties", What::Closed),
                ("/properties/note", "required", What::Nullable),
            ]
        );
        assert_eq!(lowered.schema["required"], json!(["id", "note"]));
        for (kept, why) in [
            (json!({"type": "array", "items": {"type": "string"}}), "root"),
            (json!({"type": "object", "additionalProperties": {"type": "number"}}), "map"),
            (json!({"type": "object", "properties": {}, "allOf": [{}]}), "allOf"),
        ] {
            let lowered = lower(&kept, &OPENAI);
            assert_eq!((lowered.level, &lowered.schema), (Level::JsonMode, &kept));
            assert!(lowered.obstacle.expect("an obstacle").contains(why));
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_goes_to_the_prompt_where_the_provider_knows_no_recursion() {
        let tree = json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}, "required": ["next"],
            "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}}});
        assert_eq!(lower(&tree, &ANTHROPIC).level, Level::Prompt);
        assert_eq!(lower(&tree, &OPENAI).level, Level::Strict);
    }

    #[test]
    fn a_schema_inside_the_subset_is_not_touched() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}},
            "required": ["a"], "additionalProperties": false});
        for subset in SUBSETS {
            let lowered = lower(&schema, subset);
            assert_eq!((lowered.schema, lowered.changes.len()), (schema.clone(), 0), "{}", subset.name);
        }
    }
}
