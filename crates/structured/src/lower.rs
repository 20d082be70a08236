//! A schema as a provider takes it, and what of it is left to check afterwards.
//!
//! Providers enforce subsets of JSON Schema ([`Subset`]). [`lower`] writes the schema in a provider's subset: bounds
//! and patterns that it does not know are dropped and stay with the validator, optional members become nullable where
//! all must be required (alignment makes the null absent again), and `oneOf` becomes `anyOf`. What cannot be written
//! without making a valid value unreachable is not written at all, and the schema is served at a lower level: as the
//! one tool that the model must call where it can be made to, else by JSON mode or the prompt.
//!
//! What never happens here: nothing is widened or narrowed in silence. Each difference is a [`Change`].

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use steersman_core::pointer_token;

use crate::join::joined;
use crate::subset::{Asking, Level, Subset};

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
    /// `allOf` was written as one schema that means the same.
    Joined,
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

/// A schema at the strongest level that a provider has for it, whatever the model. Linear in the schema.
#[must_use]
pub fn lower(schema: &Value, subset: &Subset) -> Lowered {
    lower_for(schema, subset, &Asking::default())
}

/// A schema at the strongest level that a provider has for it in one request. Linear in the schema.
#[must_use]
pub fn lower_for(schema: &Value, subset: &Subset, asking: &Asking<'_>) -> Lowered {
    let given = |level, obstacle| Lowered { level, schema: schema.clone(), changes: Vec::new(), obstacle };
    let obstacle = match subset.of(asking.model).0 {
        Level::Strict if subset.unknown.is_empty() => return given(Level::Strict, None),
        Level::Strict => match written(schema, subset) {
            Ok((schema, changes)) => return Lowered { level: Level::Strict, schema, changes, obstacle: None },
            Err(obstacle) => Some(obstacle),
        },
        Level::Tool => None,
        level => return given(level, None),
    };
    match tool_obstacle(schema).or_else(|| subset.obstacle(asking)) {
        None => given(Level::Tool, obstacle),
        Some(tool) => given(subset.otherwise, Some(obstacle.unwrap_or_else(|| tool.to_owned()))),
    }
}

/// The schema in the subset, with each difference, or why it cannot be written in it.
fn written(schema: &Value, subset: &Subset) -> Result<(Value, Vec<Change>), String> {
    let joined = schema.as_object().and_then(|map| joined(schema, map)).map(Value::Object);
    if !is_plain_object(joined.as_ref().unwrap_or(schema)) && subset.object_root {
        return Err("the root is no object".to_owned());
    }
    let mut lowering = Lowering { root: schema, subset, changes: Vec::new(), count: Count::default() };
    let lowered = lowering.write(schema, &mut String::new(), 1)?;
    if !subset.recursive && recursive(schema) {
        return Err("the schema refers to itself".to_owned());
    }
    Ok((lowered, lowering.changes))
}

fn is_plain_object(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}

/// Arguments of a tool are an object by name; providers refuse schemas that say so only in a branch.
fn tool_obstacle(schema: &Value) -> Option<&'static str> {
    let branches = ["anyOf", "oneOf", "allOf", "$ref"].iter().any(|keyword| schema.get(keyword).is_some());
    (!is_plain_object(schema) || branches).then_some("the root is no plain object, as the arguments of a tool are")
}

struct Lowering<'s> {
    root: &'s Value,
    subset: &'s Subset,
    changes: Vec<Change>,
    count: Count,
}

/// What is written nests no deeper: a joined reference to a schema around it would go on for ever.
const DEPTH_MAX: usize = 64;
/// Nor are more schemas written: references to references can double at each step.
const SCHEMAS_MAX: usize = 10_000;

/// What is limited in all.
#[derive(Default)]
struct Count {
    schemas: usize,
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
        let joined = joined(self.root, map).filter(|_| !self.subset.shaping.contains(&"allOf"));
        if joined.is_some() {
            self.change(at, "allOf", What::Joined);
        }
        let map = joined.as_ref().unwrap_or(map);
        let deepest = self.subset.depth_max.min(DEPTH_MAX);
        if depth > deepest {
            return Err(format!("nested deeper than {deepest}"));
        }
        self.count.schemas += 1;
        if self.count.schemas > SCHEMAS_MAX {
            return Err(format!("more than {SCHEMAS_MAX} schemas, with what its references stand for"));
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
        at.push_str(&pointer_token(step));
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
            ("const", only) if subset.lacks("const") => {
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
            _ => !subset.lacks(keyword),
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
            let pointer = format!("{at}/properties/{}", pointer_token(name));
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
    use crate::subset::{ANTHROPIC, DEEPSEEK, GEMINI, OPENAI, SUBSETS, TOOL};

    /// Both are accepted by the validator, and come from clients.
    #[test]
    fn references_that_are_joined_end() {
        let inner = json!({"allOf": [{"$ref": "#"}], "nullable": true});
        let circle = json!({"type": "object", "properties": {"child": inner}, "required": ["child"],
            "additionalProperties": false});
        let mut defs = Map::new();
        for at in 0..60 {
            let next = json!({"allOf": [{"$ref": format!("#/$defs/n{}", at + 1)}, {}]});
            let both = json!({"type": "object", "properties": {"a": next, "b": next}});
            defs.insert(format!("n{at}"), both);
        }
        defs.insert("n60".to_owned(), json!({"type": "object"}));
        let doubling =
            json!({"type": "object", "properties": {"a": {"allOf": [{"$ref": "#/$defs/n0"}, {}]}}, "$defs": defs});
        for subset in SUBSETS {
            for schema in [&circle, &doubling] {
                let level = lower(schema, subset).level;
                assert!(level != Level::Strict || subset.recursive, "{}", subset.name);
            }
        }
    }

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
        for (kept, why, level) in [
            (json!({"type": "array", "items": {"type": "string"}}), "root", Level::JsonMode),
            (json!({"type": "object", "additionalProperties": {"type": "number"}}), "map", Level::Tool),
            (
                json!({"type": "object", "properties": {}, "allOf": [{"minProperties": 1}, {"minProperties": 2}]}),
                "allOf",
                Level::JsonMode,
            ),
        ] {
            let lowered = lower(&kept, &OPENAI);
            assert_eq!((lowered.level, &lowered.schema), (level, &kept));
            assert!(lowered.obstacle.expect("an obstacle").contains(why));
        }
    }

    #[test]
    fn a_reference_with_a_description_is_no_reason_to_lower_the_level() {
        let schema = json!({"type": "object", "properties": {"s": {"description": "d", "allOf": [{"$ref": "#/$defs/s"}]}},
            "required": ["s"], "additionalProperties": false, "$defs": {"s": {"enum": ["a", "b"]}}});
        for subset in [&OPENAI, &ANTHROPIC, &GEMINI] {
            let lowered = lower(&schema, subset);
            assert_eq!(lowered.level, Level::Strict, "{}", subset.name);
            assert_eq!(lowered.schema["properties"]["s"], json!({"$ref": "#/$defs/s"}));
            assert!(lowered.changes.iter().any(|change| change.what == What::Joined));
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
            (&wide, &OPENAI, Level::Tool, "1000 listed values"),
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
        assert_eq!(lower(&schema, &OPENAI).level, Level::JsonMode, "no tool has a list for its arguments");
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

    #[test]
    fn a_schema_that_cannot_be_written_is_the_one_tool_of_a_model_that_can_be_made_to_call_it() {
        let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
        let list = json!({"type": "array", "items": {"type": "string"}});
        let (told, quiet) = (Some(true), Some(false));
        for (schema, subset, model, tools, thinking, level) in [
            (&map, &OPENAI, "gpt-4.1", false, None, Level::Tool),
            (&map, &OPENAI, "gpt-4.1", true, None, Level::JsonMode),
            (&map, &OPENAI, "o3", false, told, Level::JsonMode),
            (&list, &OPENAI, "gpt-4.1", false, None, Level::JsonMode),
            (&map, &ANTHROPIC, "claude-sonnet-4-6", false, None, Level::Tool),
            (&map, &ANTHROPIC, "claude-sonnet-4-6", false, told, Level::Prompt),
            (&map, &ANTHROPIC, "claude-opus-5-5", false, None, Level::Prompt),
            (&map, &ANTHROPIC, "us.anthropic.claude-3-haiku-20240307-v1:0", false, None, Level::Tool),
            (&map, &GEMINI, "gemini-2.5-pro", false, None, Level::Strict),
            (&map, &DEEPSEEK, "deepseek-chat", false, None, Level::Tool),
            (&map, &DEEPSEEK, "deepseek-v4-pro", false, None, Level::JsonMode),
            (&map, &DEEPSEEK, "deepseek-v4-pro", false, quiet, Level::Tool),
            (&map, &TOOL, "m", false, told, Level::Tool),
        ] {
            let lowered = lower_for(schema, subset, &Asking { model, tools, thinking });
            assert_eq!((lowered.level, &lowered.schema), (level, schema), "{} {model}", subset.name);
        }
    }

    #[test]
    fn a_model_from_before_strict_schemas_has_the_tool_and_a_later_one_the_schema() {
        let flat = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
            "additionalProperties": false});
        for (subset, model, level) in [
            (&OPENAI, "gpt-4", Level::Tool),
            (&OPENAI, "gpt-4-turbo", Level::Tool),
            (&OPENAI, "gpt-4o-2024-08-06", Level::Strict),
            (&OPENAI, "gpt-4.1-mini", Level::Strict),
            (&ANTHROPIC, "claude-sonnet-4-20250514", Level::Tool),
            (&ANTHROPIC, "claude-opus-4@20250514", Level::Tool),
            (&ANTHROPIC, "claude-sonnet-4-5-20250929", Level::Strict),
            (&ANTHROPIC, "claude-opus-5", Level::Strict),
        ] {
            assert_eq!(lower_for(&flat, subset, &Asking { model, ..Asking::default() }).level, level, "{model}");
        }
    }
}
