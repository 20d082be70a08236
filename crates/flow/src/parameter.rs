//! What a tool's schema says of one argument, or of a member of the objects in it.
//!
//! What never happens here: no value of a call is looked at.

use std::sync::Arc;

use serde_json::Value;

use crate::hashed::HashSet;
use crate::naming::Name;
use crate::text;

/// An argument by its schema.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: Arc<Name>,
    /// The values that the schema lists, in order.
    pub(crate) constants: Vec<String>,
    /// The words of its description.
    pub(crate) described: HashSet<String>,
    pub(crate) numeric: Numeric,
    /// The value that it has when it is left out.
    pub(crate) default: Option<Value>,
    /// Whether it takes one text, number or flag, or a list of such.
    pub(crate) flat: bool,
}

impl Parameter {
    /// Reads the schema of one argument; `root` is the schema of all, for references.
    pub(crate) fn read(name: &str, schema: &Value, root: &Value) -> Self {
        let mut constants = Vec::new();
        enumerated(schema, root, 0, &mut constants);
        let said = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        Self {
            name: Name::of(name),
            constants,
            described: text::tokens(said).map(|token| token.text.to_lowercase()).collect(),
            numeric: numeric(schema),
            default: schema.get("default").cloned(),
            flat: is_flat(schema),
        }
    }
}

fn enumerated(schema: &Value, root: &Value, depth: usize, into: &mut Vec<String>) {
    if depth > 4 {
        return;
    }
    for value in schema.get("enum").and_then(Value::as_array).into_iter().flatten() {
        into.extend(value.as_str().map(str::to_owned));
    }
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    if let Some(inner) = reference.and_then(|pointer| root.pointer(pointer)) {
        enumerated(inner, root, depth + 1, into);
    }
    into.extend(schema.get("const").and_then(Value::as_str).map(str::to_owned));
    for key in ["anyOf", "oneOf", "allOf"] {
        for inner in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            enumerated(inner, root, depth + 1, into);
        }
    }
    if let Some(items) = schema.get("items") {
        enumerated(items, root, depth + 1, into);
    }
}

/// What the schema says of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numeric {
    No,
    Whole,
    Fraction,
}

fn numeric(schema: &Value) -> Numeric {
    let kinds = |schema: &Value| -> Vec<String> {
        let kind = schema.get("type");
        let several = kind.and_then(Value::as_array).into_iter().flatten();
        kind.into_iter().chain(several).filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let inner = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array).into_iter().flatten();
    let all: Vec<String> = kinds(schema).into_iter().chain(inner.flat_map(kinds)).collect();
    let has = |kind: &str| all.iter().any(|entry| entry == kind);
    match (has("number"), has("integer")) {
        (true, _) => Numeric::Fraction,
        (false, true) => Numeric::Whole,
        (false, false) => Numeric::No,
    }
}

/// Whether a schema takes plain values alone, by the types that it names.
fn is_flat(schema: &Value) -> bool {
    let plain = |kind: &Value| matches!(kind.as_str(), Some("string" | "number" | "integer" | "boolean" | "null"));
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().all(plain),
        Some(kind) if kind == "array" => schema.get("items").is_some_and(is_flat),
        Some(kind) => plain(kind),
        None => false,
    }
}
