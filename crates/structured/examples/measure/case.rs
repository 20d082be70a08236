//! A case: a text, what is known of it, and the values that are right.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of a set. Without `want` there is no value, and any refusal is right.
#[derive(Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) class: String,
    pub(crate) input: String,
    #[serde(default)]
    pub(crate) schema: Option<Value>,
    #[serde(default)]
    pub(crate) want: Option<Value>,
    /// It must stay as it is, byte for byte.
    #[serde(default)]
    pub(crate) untouched: bool,
}

/// Equal as JSON: `36` and `36.0` are one number.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}

/// Everything that a preview shows is in the final value.
pub(crate) fn holds(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Array(p), Value::Array(w)) => p.len() <= w.len() && p.iter().zip(w).all(|(p, w)| holds(p, w)),
        (Value::Object(p), Value::Object(w)) => p.iter().all(|(k, v)| w.get(k).is_some_and(|x| holds(v, x))),
        _ => same(part, whole),
    }
}
