//! The older spelling of schemas (`parameters`, `responseSchema`: a subset of OpenAPI 3.0), read as JSON Schema.
//!
//! It differs in two ways: types are upper case, and `nullable` stands beside the type. What is written is always the
//! newer spelling, which is JSON Schema itself.

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// A schema in JSON Schema; one that is no object is kept as it came.
pub(super) fn read(raw: &RawValue) -> Box<RawValue> {
    let Ok(mut schema) = serde_json::from_str::<Value>(raw.get()) else { return raw.to_owned() };
    rewrite(&mut schema);
    to_raw_value(&schema).unwrap_or_else(|_| raw.to_owned())
}

/// Depth is bounded by the parser's own limit.
fn rewrite(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    if let Some(Value::String(kind)) = members.get_mut("type") {
        kind.make_ascii_lowercase();
    }
    if members.remove("nullable") == Some(Value::Bool(true))
        && let Some(kind) = members.get_mut("type").filter(|kind| kind.is_string())
    {
        *kind = Value::Array(vec![kind.take(), Value::from("null")]);
    }
    for limit in ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"] {
        // Written as strings: the type on the wire is a 64-bit integer.
        if let Some(value) = members.get_mut(limit)
            && let Some(number) = value.as_str().and_then(|text| text.parse::<u64>().ok())
        {
            *value = Value::from(number);
        }
    }
    members.remove("propertyOrdering");
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.values_mut().for_each(rewrite);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = members.get_mut(key) {
            rewrite(inner);
        }
    }
    if let Some(Value::Array(branches)) = members.get_mut("anyOf") {
        branches.iter_mut().for_each(rewrite);
    }
}
