//! `allOf` written as one schema, where that means the same.
//!
//! Code generators write `{"allOf": [{"$ref": "#/$defs/State"}], "description": "..."}` for a reference with a
//! description, and an object that extends another as the two of them. No provider's strict subset has the keyword;
//! what it says can mostly be written without it.
//!
//! What never happens here: a schema that means another thing. Keywords that look at their neighbours
//! (`additionalProperties`, `if`, `unevaluatedItems`, ...) are only moved where they keep them.

use serde_json::{Map, Value};

/// References and nested lists followed.
const HOPS_MAX: usize = 8;
/// What constrains nothing.
const ANNOTATIONS: [&str; 8] =
    ["title", "description", "default", "examples", "deprecated", "$comment", "readOnly", "writeOnly"];
/// What looks at keywords beside it, or names the schema it stands in: in a part, it would look at others.
const RELATED: [&str; 17] = [
    "if",
    "then",
    "else",
    "unevaluatedProperties",
    "unevaluatedItems",
    "prefixItems",
    "additionalItems",
    "contains",
    "minContains",
    "maxContains",
    "patternProperties",
    "$id",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$schema",
    "$recursiveRef",
];

/// The schema without its `allOf`; `None` if it has none, or none that can be written otherwise. Linear in the parts.
pub(crate) fn joined(root: &Value, schema: &Map<String, Value>) -> Option<Map<String, Value>> {
    joined_within(root, schema, HOPS_MAX)
}

fn joined_within(root: &Value, schema: &Map<String, Value>, hops: usize) -> Option<Map<String, Value>> {
    let hops = hops.checked_sub(1)?;
    let parts: Vec<&Map<String, Value>> =
        schema.get("allOf")?.as_array()?.iter().map(Value::as_object).collect::<Option<_>>()?;
    let mut all: Map<String, Value> = schema
        .iter()
        .filter(|(key, _)| key.as_str() != "allOf")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let is_annotation = |key: &String| ANNOTATIONS.contains(&key.as_str());
    // A reference keeps its name, and nothing may stand beside it.
    if let [only] = parts.as_slice()
        && only.len() == 1
        && only.contains_key("$ref")
        && all.keys().all(is_annotation)
    {
        return Some((*only).clone());
    }
    let parts: Vec<&Map<String, Value>> =
        parts.into_iter().map(|part| resolved(root, part, hops)).collect::<Option<_>>()?;
    // Who closes an object speaks of the members beside it alone.
    let holds = |keyword: &str| {
        let of = |map: &Map<String, Value>| map.get(keyword).is_some_and(|value| value != &Value::Bool(true));
        usize::from(of(&all)) + parts.iter().filter(|part| of(part)).count()
    };
    // What is said here of some members or elements takes them from what a part says of all, or of all the rest.
    let takes = |own: &str, rest: &str| all.contains_key(own) && parts.iter().any(|part| part.contains_key(rest));
    if takes("patternProperties", "additionalProperties") || takes("prefixItems", "items") {
        return None;
    }
    let related = parts.iter().any(|part| part.keys().any(|key| RELATED.contains(&key.as_str())));
    if related || (holds("additionalProperties") > 0 && holds("properties") + holds("additionalProperties") > 2) {
        return None;
    }
    if holds("additionalProperties") == 1 && holds("properties") == 1 {
        let both =
            |map: &Map<String, Value>| map.contains_key("additionalProperties") == map.contains_key("properties");
        if !both(&all) || !parts.iter().all(|part| both(part)) {
            return None;
        }
    }
    for part in parts {
        for (keyword, value) in part {
            add(&mut all, keyword, value)?;
        }
    }
    if all.contains_key("allOf") { joined_within(root, &all, hops) } else { Some(all) }
}

/// What a part says that is only a reference.
fn resolved<'v>(root: &'v Value, part: &'v Map<String, Value>, hops: usize) -> Option<&'v Map<String, Value>> {
    match part.get("$ref").and_then(Value::as_str) {
        None => Some(part),
        Some(target) if part.len() == 1 => {
            let next = root.pointer(target.strip_prefix('#')?)?.as_object()?;
            resolved(root, next, hops.checked_sub(1)?)
        }
        Some(_) => None,
    }
}

/// Writes a keyword beside those that are there; `None` if the two do not go together.
fn add(all: &mut Map<String, Value>, keyword: &str, value: &Value) -> Option<()> {
    let Some(known) = all.get_mut(keyword) else {
        all.insert(keyword.to_owned(), value.clone());
        return Some(());
    };
    match (keyword, known, value) {
        ("properties" | "$defs" | "definitions", Value::Object(members), Value::Object(others)) => {
            for (name, other) in others {
                if members.get(name).is_some_and(|own| own != other) {
                    return None;
                }
                members.insert(name.clone(), other.clone());
            }
        }
        ("required", Value::Array(names), Value::Array(others)) => {
            let new: Vec<Value> = others.iter().filter(|name| !names.contains(name)).cloned().collect();
            names.extend(new);
        }
        (_, known, value) if *known == *value => {}
        _ if ANNOTATIONS.contains(&keyword) => {}
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: &Value, expected: Option<&Value>) {
        let found = schema.as_object().and_then(|map| joined(schema, map)).map(Value::Object);
        assert_eq!(found.as_ref(), expected, "{schema}");
    }

    #[test]
    fn what_all_of_says_is_written_beside_it_where_it_means_the_same() {
        check(
            &json!({"allOf": [{"$ref": "#/$defs/s"}], "description": "d", "default": "a"}),
            Some(&json!({"$ref": "#/$defs/s"})),
        );
        check(
            &json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
                "allOf": [{"properties": {"b": {"type": "integer"}}, "required": ["b", "a"]}, {"minProperties": 1}]}),
            Some(&json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
                "required": ["a", "b"], "minProperties": 1})),
        );
        let defs = json!({"base": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}});
        check(
            &json!({"$defs": defs, "allOf": [{"$ref": "#/$defs/base"}, {"type": "object", "properties": {"n": {}}}]}),
            Some(&json!({"$defs": defs, "type": "object", "properties": {"id": {"type": "string"}, "n": {}},
                "required": ["id"]})),
        );
        check(
            &json!({"description": "d", "allOf": [{"type": "object", "properties": {"a": {}}, "additionalProperties": false}]}),
            Some(
                &json!({"description": "d", "type": "object", "properties": {"a": {}}, "additionalProperties": false}),
            ),
        );
    }

    #[test]
    fn what_would_mean_another_thing_is_left() {
        for schema in [
            json!({"type": "object"}),
            json!({"properties": {"a": {}}, "allOf": [{"properties": {"b": {}}, "additionalProperties": false}]}),
            json!({"properties": {"a": {}}, "allOf": [{"additionalProperties": false}]}),
            json!({"additionalProperties": false, "allOf": [{"properties": {"a": {}}}]}),
            json!({"properties": {"a": {"type": "string"}}, "allOf": [{"properties": {"a": {"minLength": 1}}}]}),
            json!({"minLength": 1, "allOf": [{"minLength": 2}]}),
            json!({"allOf": [{"if": {}, "then": {}}]}),
            json!({"patternProperties": {"^x": {}}, "allOf": [{"properties": {"a": {}}, "additionalProperties": false}]}),
            json!({"prefixItems": [{}], "allOf": [{"items": {"type": "string"}}]}),
            json!({"items": [{}], "allOf": [{"additionalItems": false}]}),
            json!({"allOf": [true]}),
            json!({"allOf": [{"$ref": "#"}, {}]}),
        ] {
            check(&schema, None);
        }
    }
}
