//! The older spelling of schemas (`parameters`, `responseSchema`: a subset of OpenAPI 3.0), read as JSON Schema.
//!
//! It differs in three ways: types are upper case, `nullable` stands beside the type, and keywords are spelt as members
//! of `proto3` JSON are. What is written is always the
//! newer spelling, which is JSON Schema itself.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// The members of `generationConfig` that ask for a schema: JSON Schema itself, and the older spelling.
const MEMBERS: [&str; 2] = ["responseJsonSchema", "responseSchema"];
/// Keywords whose names `proto3` JSON takes in `snake_case` as well.
const SPELT_TWICE: [&str; 8] = [
    "anyOf",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
    "additionalProperties",
];

/// Whether a schema of the answer is asked for.
pub(super) fn is_asked<'a>(member: impl FnMut(&str) -> Option<&'a RawValue>) -> bool {
    MEMBERS.map(member).iter().any(Option::is_some)
}

/// The schema of the answer; the newer spelling counts where both are there.
pub(super) fn asked<'a>(member: impl FnMut(&str) -> Option<&'a RawValue>) -> Option<Cow<'a, RawValue>> {
    let [newer, older] = MEMBERS.map(member);
    newer.map(Cow::Borrowed).or_else(|| Some(Cow::Owned(read(older?))))
}

/// A schema in JSON Schema; one that is no object is kept as it came.
pub(super) fn read(raw: &RawValue) -> Box<RawValue> {
    let Ok(mut schema) = serde_json::from_str::<Value>(raw.get()) else { return raw.to_owned() };
    rewrite(&mut schema);
    to_raw_value(&schema).unwrap_or_else(|_| raw.to_owned())
}

fn snake_case(name: &str) -> String {
    name.chars().fold(String::with_capacity(name.len() + 1), |mut text, c| {
        if c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
        text
    })
}

/// Depth is bounded by the parser's own limit.
fn rewrite(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    for name in SPELT_TWICE {
        if let Some(value) = members.remove(&snake_case(name)) {
            members.insert(name.to_owned(), value);
        }
    }
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
    members.retain(|key, _| !matches!(key.as_str(), "propertyOrdering" | "property_ordering"));
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
