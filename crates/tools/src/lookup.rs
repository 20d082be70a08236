//! Asking another tool whether an effect happened: with which arguments, and what its answer means. Pure.
//!
//! What never happens here: an answer that is not understood counts as "it has not happened".

use serde_json::{Map, Value, json};
use steersman_scope::{Dispatch, Lookup};

use crate::schema::Arguments;

/// Those of a call's arguments, its body's members among them, that the schema of the look-up names, and the key as
/// `effect_key` if it names that. `None` where that is less than the schema asks for: it would be another question.
pub(crate) fn arguments(schema: &Value, dispatch: &Dispatch) -> Option<Value> {
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
    let arguments = Value::Object(arguments);
    Arguments::of(schema).check(&arguments).is_ok().then_some(arguments)
}

/// What an answer with this value says: nothing, or `{"found": false}`, is a "no".
pub(crate) fn found(value: &Value, text: String) -> Lookup {
    let absent = match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.get("found").and_then(Value::as_bool) == Some(false),
        Value::Number(_) | Value::String(_) | Value::Bool(true) => false,
    };
    if absent { Lookup::Absent } else { Lookup::Happened(text) }
}
