//! Asking another tool whether an effect happened: with which arguments, and what its answer means. Pure.
//!
//! What never happens here: an answer that is not understood counts as "it has not happened".

use serde_json::{Map, Value, json};
use steersman_scope::{Dispatch, Lookup};

/// Those of a call's arguments, its body's members among them, that the schema of the look-up names, and the key as
/// `effect_key` if it names that.
pub(crate) fn arguments(schema: &Value, dispatch: &Dispatch) -> Value {
    let mut arguments = Map::new();
    let named = schema.get("properties").and_then(Value::as_object);
    let given = |name: &String| dispatch.arguments.get(name).or_else(|| dispatch.arguments.get("body")?.get(name));
    for name in named.into_iter().flat_map(Map::keys) {
        if name == "effect_key" {
            arguments.insert(name.clone(), json!(dispatch.key.map(|key| key.to_string())));
        } else if let Some(value) = given(name) {
            arguments.insert(name.clone(), value.clone());
        }
    }
    Value::Object(arguments)
}

/// What an answer says, by its value (where it brought one beside its text) or its text.
pub(crate) fn found(value: Option<Value>, text: String) -> Lookup {
    let value = value.or_else(|| serde_json::from_str(&text).ok());
    let value = value.map(|value| value.get("result").cloned().unwrap_or(value));
    let absent = match &value {
        Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.get("found").and_then(Value::as_bool) == Some(false),
        Some(_) => false,
        None => text.trim().is_empty(),
    };
    if absent { Lookup::Absent } else { Lookup::Happened(text) }
}
