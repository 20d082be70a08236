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
    /// The root must be an object.
    object_root: bool,
    /// Each object must forbid unknown members.
    closed: bool,
    /// Each member must be required.
    all_required: bool,
    /// A schema may refer to itself.
    recursive: bool,
    /// Keywords that it does not know.
    unknown: &'static [&'static str],
    /// Shaping keywords that it does know, see [`SHAPING`].
    shaping: &'static [&'static str],
    /// The formats it knows; `None` if it takes any.
    formats: Option<&'static [&'static str]>,
    /// The largest `minItems`.
    min_items_max: u64,
    /// Deepest nesting.
    depth_max: usize,
    /// Most members in all.
    members_max: usize,
    /// Most members that may be absent.
    optional_max: usize,
    /// Most listed values in all.
    listed_max: usize,
    /// Most unions (`anyOf`, or several types) in all.
    unions_max: usize,
    /// Most characters of names and listed values in all.
    characters_max: usize,
}

const LOOSE: Subset = Subset {
    name: "as-sent",
    level: Level::Schema,
    otherwise: Level::Schema,
    always: false,
    object_root: false,
    closed: false,
    all_required: false,
    recursive: true,
    unknown: &[],
    shaping: &[],
    formats: None,
    min_items_max: u64::MAX,
    depth_max: usize::MAX,
    members_max: usize::MAX,
    optional_max: usize::MAX,
    listed_max: usize::MAX,
    unions_max: usize::MAX,
    characters_max: usize::MAX,
};

/// OpenAI's Structured Outputs. Source: platform.openai.com, guide "Structured model outputs", section "Supported schemas"
/// (as of February 2026): the root an object and no `anyOf`, every member required, `additionalProperties: false`; at
/// most 5,000 members, 10 levels, 1,000 listed values, 120,000 characters of names and values; `pattern`, nine formats,
/// bounds of numbers and arrays; no `allOf`, `not`, `if`, `dependent*`.
pub static OPENAI: Subset = Subset {
    name: "openai",
    level: Level::Strict,
    otherwise: Level::JsonMode,
    object_root: true,
    closed: true,
    all_required: true,
    formats: Some(&["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"]),
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
    listed_max: 1_000,
    characters_max: 120_000,
    ..LOOSE
};

/// Anthropic's structured outputs and strict tools. Source: platform.claude.com, "Structured outputs", sections "JSON
/// Schema limitations" and "Schema complexity limits" (as of September 2026): `additionalProperties: false`, no
/// recursion, no bounds of numbers, strings and arrays but a `minItems` of 0 or 1, ten formats; at most 24 members that may be absent and 16 unions. (The limit of 20 strict tools is one of the
/// request, not of a schema.)
pub static ANTHROPIC: Subset = Subset {
    name: "anthropic",
    level: Level::Strict,
    otherwise: Level::Prompt,
    always: true,
    object_root: true,
    closed: true,
    recursive: false,
    formats: Some(&["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]),
    min_items_max: 1,
    optional_max: 24,
    unions_max: 16,
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
        "maxItems",
        "propertyNames",
        "default",
        "examples",
    ],
    ..LOOSE
};

/// Gemini's `responseJsonSchema`. Source: ai.google.dev, API reference, `GenerationConfig.responseJsonSchema` (as of
/// September 2026), which lists what it takes: `type`, `format`, `enum`, `items`, `prefixItems`, `minItems`, `maxItems`,
/// `minimum`, `maximum`, `anyOf`, `oneOf` (read as `anyOf`), `properties`, `additionalProperties`, `required`,
/// references. Cycles are unrolled and only allowed in members that may be absent, so a schema that refers to itself goes
/// by JSON mode. The older `responseSchema`, a subset of OpenAPI 3.0, is never sent.
pub static GEMINI: Subset = Subset {
    name: "gemini",
    level: Level::Strict,
    otherwise: Level::JsonMode,
    always: true,
    recursive: false,
    shaping: &["prefixItems"],
    unknown: &[
        "oneOf",
        "const",
        "not",
        "pattern",
        "dependentRequired",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "minLength",
        "maxLength",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
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
pub static SUBSETS: &[&Subset] = &[&OPENAI, &ANTHROPIC, &GEMINI, &GRAMMAR, &JSON_MODE, &AS_SENT];

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
    if subset.level != Level::Strict || subset.unknown.is_empty() {
        return given(subset.level, None);
    }
    let mut lowering = Lowering { subset, changes: Vec::new(), count: Count::default() };
    let root_is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    let written = if root_is_object || !subset.object_root {
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
    count: Count,
}

/// What a subset limits in all.
#[derive(Default)]
struct Count {
    members: usize,
    optional: usize,
    listed: usize,
    unions: usize,
    characters: usize,
}

impl Count {
    fn within(&self, subset: &Subset) -> Result<(), String> {
        let limits = [
            (self.members, subset.members_max, "members"),
            (self.optional, subset.optional_max, "members that may be absent"),
            (self.listed, subset.listed_max, "listed values"),
            (self.unions, subset.unions_max, "unions"),
            (self.characters, subset.characters_max, "characters of names and listed values"),
        ];
        let exceeded = limits.into_iter().find(|(n, max, _)| n > max);
        exceeded.map_or(Ok(()), |(_, max, what)| Err(format!("more than {max} {what}")))
    }
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
        let shaping = |keyword: &&&str| map.contains_key(**keyword) && !self.subset.shaping.contains(*keyword);
        if let Some(keyword) = SHAPING.iter().find(shaping) {
            return Err(format!("`{keyword}` at `{at}` cannot be written"));
        }
        let mut out = Map::new();
        let several = map.get("type").and_then(Value::as_array).is_some_and(|types| types.len() > 1);
        self.count.unions += usize::from(several || map.contains_key("anyOf") || map.contains_key("oneOf"));
        for (keyword, value) in map {
            self.inside(keyword, at, |lowering, at| lowering.keyword(keyword, value, at, depth, &mut out))?;
        }
        if is_object(map) && self.subset.closed {
            self.object(map, at, &mut out)?;
        }
        self.count.within(self.subset)?;
        Ok(Value::Object(out))
    }

    /// Works one step further in.
    fn inside<T>(
        &mut self,
        step: &str,
        at: &mut String,
        work: impl FnOnce(&mut Self, &mut String) -> Result<T, String>,
    ) -> Result<T, String> {
        let length = at.len();
        at.push('/');
        at.push_str(&crate::record::escape_pointer(step));
        let done = work(self, at);
        at.truncate(length);
        done
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
                    self.count.characters += name.len();
                    let written = self.inside(name, at, |lowering, at| lowering.write(member, at, deeper))?;
                    all.insert(name.clone(), written);
                }
                Value::Object(all)
            }
            ("items", Value::Object(_)) => self.write(value, at, depth + 1)?,
            ("prefixItems", Value::Array(items)) => self.each(items, at, depth + 1)?,
            ("anyOf", Value::Array(branches)) => self.each(branches, at, depth)?,
            ("oneOf", Value::Array(branches)) => {
                let branches = self.each(branches, at, depth)?;
                self.change(at, keyword, What::Widened);
                out.insert("anyOf".to_owned(), branches);
                return Ok(());
            }
            ("additionalProperties", Value::Object(_)) if !self.subset.closed => self.write(value, at, depth + 1)?,
            ("additionalProperties", _) if self.subset.closed => return Ok(()),
            _ => {
                self.plain(keyword, value, at, out);
                return Ok(());
            }
        };
        out.insert(keyword.to_owned(), written);
        Ok(())
    }

    fn each(&mut self, schemas: &[Value], at: &mut String, depth: usize) -> Result<Value, String> {
        schemas.iter().map(|schema| self.write(schema, at, depth)).collect()
    }

    /// A keyword that holds no schemas: written, written otherwise, or dropped.
    fn plain(&mut self, keyword: &str, value: &Value, at: &str, out: &mut Map<String, Value>) {
        let subset = self.subset;
        let known = match (keyword, value) {
            ("const", only) if subset.unknown.contains(&"const") => {
                out.insert("enum".to_owned(), json!([only]));
                return;
            }
            ("enum", Value::Array(listed)) => {
                self.count.listed += listed.len();
                self.count.characters += listed.iter().filter_map(Value::as_str).map(str::len).sum::<usize>();
                true
            }
            ("format", Value::String(format)) => subset.formats.is_none_or(|known| known.contains(&format.as_str())),
            ("minItems", least) => least.as_u64().is_none_or(|n| n <= subset.min_items_max),
            _ => !subset.unknown.contains(&keyword),
        };
        if known {
            out.insert(keyword.to_owned(), value.clone());
        } else if !matches!(keyword, "default" | "examples") {
            // What only describes constrains nothing.
            self.change(at, keyword, What::Dropped);
        }
    }

    fn object(&mut self, map: &Map<String, Value>, at: &str, out: &mut Map<String, Value>) -> Result<(), String> {
        match map.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            None if map.contains_key("properties") => self.change(at, "additionalProperties", What::Closed),
            _ => return Err(format!("`{at}` is a map of names that are not listed")),
        }
        out.insert("additionalProperties".to_owned(), json!(false));
        let Some(Value::Object(members)) = out.get_mut("properties") else { return Ok(()) };
        self.count.members += members.len();
        let required: BTreeSet<&str> =
            map.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if !self.subset.all_required {
            self.count.optional += members.keys().filter(|name| !required.contains(name.as_str())).count();
            return Ok(());
        }
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
    fn the_limits_of_a_provider_lower_the_level_and_say_which_was_exceeded() {
        let many = |n: usize| (0..n).map(|i| format!("value {i}")).collect::<Vec<_>>();
        let wide = json!({"type": "object", "properties": {"a": {"enum": many(1_001)}}, "required": ["a"]});
        let members: Map<String, Value> = many(25).into_iter().map(|name| (name, json!({"type": "string"}))).collect();
        let loose = json!({"type": "object", "properties": members});
        let unions: Map<String, Value> =
            many(17).into_iter().map(|name| (name, json!({"type": ["string", "null"]}))).collect();
        let unions = json!({"type": "object", "required": many(17), "properties": unions});
        for (schema, subset, level, why) in [
            (&wide, &OPENAI, Level::JsonMode, "1000 listed values"),
            (&loose, &ANTHROPIC, Level::Prompt, "24 members that may be absent"),
            (&unions, &ANTHROPIC, Level::Prompt, "16 unions"),
        ] {
            let lowered = lower(schema, subset);
            assert_eq!(lowered.level, level, "{}", subset.name);
            assert!(lowered.obstacle.is_some_and(|obstacle| obstacle.contains(why)), "{why}");
        }
        assert_eq!((lower(&wide, &ANTHROPIC).level, lower(&loose, &OPENAI).level), (Level::Strict, Level::Strict));
    }

    #[test]
    fn gemini_takes_maps_tuples_and_open_objects_and_a_constant_as_a_list_of_one() {
        let schema = json!({"type": "array", "items": {"type": "object", "properties": {
            "kind": {"const": "point"}, "at": {"prefixItems": [{"type": "number"}], "minItems": 1},
            "tags": {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}}}});
        let lowered = lower(&schema, &GEMINI);
        let said: Vec<_> = lowered.changes.iter().map(|c| c.keyword.as_str()).collect();
        assert_eq!((lowered.level, said.as_slice()), (Level::Strict, &["minLength"][..]));
        let members = &lowered.schema["items"]["properties"];
        assert_eq!(members["kind"], json!({"enum": ["point"]}));
        assert_eq!(members["at"]["prefixItems"], json!([{"type": "number"}]));
        assert_eq!(lower(&schema, &OPENAI).level, Level::JsonMode);
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
