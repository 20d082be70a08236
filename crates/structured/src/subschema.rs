//! What a schema says of one place of a value.
//!
//! References inside the schema are followed; where branches are open, the first that knows the place speaks for it.
//! The answer serves to ask for a place again and to tell free text from listed words; it judges nothing.
//!
//! What never happens here: validation, a reference that leads outside.

use serde_json::Value;
use steersman_core::pointer_key;

/// How often a reference is followed on the way to one step: they may turn in circles.
const HOPS_MAX: usize = 16;

/// The subschema of the place that a pointer (RFC 6901) names, if the schema has one for it. Linear in the pointer.
#[must_use]
pub fn subschema<'s>(root: &'s Value, pointer: &str) -> Option<&'s Value> {
    let mut at = resolve(root, root)?;
    for step in pointer.split('/').skip(1) {
        let name = pointer_key(step);
        at = resolve(root, below(root, at, &name, HOPS_MAX)?)?;
    }
    Some(at)
}

/// Whether the object around a place requires it; an element of an array is always wanted.
#[must_use]
pub fn is_required(root: &Value, pointer: &str) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return true };
    let name = pointer_key(name);
    let Some(parent) = subschema(root, parent) else { return false };
    if below(root, parent, &name, HOPS_MAX).is_some() && parent.get("items").is_some() {
        return true;
    }
    let listed = |schema: &Value| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|required| required.as_str() == Some(&name)))
    };
    listed(parent) || parts(parent).any(|part| resolve(root, part).is_some_and(listed))
}

/// Whether any text may stand there: a string that no list bounds.
#[must_use]
pub fn is_free_text(schema: &Value) -> bool {
    let types = schema.get("type");
    let text = match types {
        Some(Value::String(name)) => name == "string",
        Some(Value::Array(names)) => names.iter().any(|name| name == "string"),
        _ => schema.get("anyOf").is_none() && schema.get("oneOf").is_none(),
    };
    text && schema.get("enum").is_none() && schema.get("const").is_none()
}

/// The values that a schema gives as examples of a place: `examples`, `example`, `default`.
#[must_use]
pub fn examples(schema: &Value) -> Vec<&str> {
    let listed = schema.get("examples").and_then(Value::as_array).into_iter().flatten();
    listed.chain(schema.get("example")).chain(schema.get("default")).filter_map(Value::as_str).collect()
}

fn resolve<'s>(root: &'s Value, mut schema: &'s Value) -> Option<&'s Value> {
    for _ in 0..HOPS_MAX {
        let Some(target) = schema.get("$ref").and_then(Value::as_str) else { return Some(schema) };
        schema = root.pointer(target.strip_prefix('#')?)?;
    }
    None
}

fn parts(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| schema.get(word)?.as_array()).flatten()
}

fn below<'s>(root: &'s Value, schema: &'s Value, name: &str, hops: usize) -> Option<&'s Value> {
    let hops = hops.checked_sub(1)?;
    if let Some(member) = schema.get("properties").and_then(|members| members.get(name)) {
        return Some(member);
    }
    if let Ok(index) = name.parse::<usize>() {
        let placed = schema.get("prefixItems").and_then(|items| items.get(index));
        if let Some(item) = placed.or_else(|| schema.get("items").filter(|items| items.is_object())) {
            return Some(item);
        }
    }
    let branch = parts(schema).find_map(|part| below(root, resolve(root, part)?, name, hops));
    branch.or_else(|| schema.get("additionalProperties").filter(|other| other.is_object()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_through_references_lists_and_branches() {
        let schema = serde_json::json!({
            "type": "object", "required": ["lines"],
            "properties": {
                "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
                "by": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"a/b": {"type": "string"}}, "required": ["a/b"]}]},
            },
            "$defs": {"line": {"type": "object", "properties": {
                "price": {"type": "number"}, "kind": {"enum": ["a"]},
                "note": {"type": ["string", "null"], "examples": ["a note"]},
                "next": {"$ref": "#/$defs/line"},
            }, "required": ["price"]}},
        });
        let kind = |pointer: &str| subschema(&schema, pointer).map(|schema| schema["type"].to_string());
        assert_eq!(kind("/lines/3/price").as_deref(), Some("\"number\""));
        assert_eq!(kind("/lines/3/next/next/price").as_deref(), Some("\"number\""));
        assert_eq!(kind("/by/a~1b").as_deref(), Some("\"string\""));
        assert_eq!(kind("/lines/3/nothing"), None);
        let required = ["/lines", "/lines/0", "/lines/0/price", "/lines/0/note", "/by", "/by/a~1b"]
            .map(|pointer| is_required(&schema, pointer));
        assert_eq!(required, [true, true, true, false, false, true]);
        let free = |pointer: &str| subschema(&schema, pointer).is_some_and(is_free_text);
        assert_eq!([free("/lines/0/note"), free("/lines/0/kind"), free("/lines/0/price")], [true, false, false]);
        assert_eq!(subschema(&schema, "/lines/0/note").map(examples), Some(vec!["a note"]));
    }
}
