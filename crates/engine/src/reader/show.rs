//! What may be shown of a result: values that no sentence can hide in, under names that the operator wrote.
//!
//! Without a schema these are the fields that a contract attests. With one, numbers, flags and the words that the
//! schema lists; a text is shown if it is the whole value of an attested field. Every other text goes behind a handle,
//! and a member that nobody declared is not even named.
//!
//! What never happens here: a key or a text of somebody else's in what is shown.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use steersman_core::{Contract, pointer_token};
use steersman_structured::subschema;

use super::Handles;

/// A longer text is no id, name or date, whoever attests it.
const MAX_ATTESTED_CHARS: usize = 200;
/// The member that holds what is not shown of a row.
const REST: &str = "rest";

/// A result by its attested fields: a row for each object that has some, the rest of it behind a handle.
pub(super) fn attested(text: &str, contract: &Contract, handles: &mut Handles) -> String {
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let mut rows = Vec::new();
    if let Some(value) = &parsed {
        let mut rest = Rows { contract, handles, rows: &mut rows };
        rest.collect(value, true);
    }
    match (parsed, rows.len()) {
        (None, _) | (Some(_), 0) => handles.name(text.to_owned()),
        (Some(Value::Object(_)), 1) => rows.pop().unwrap_or_default().to_string(),
        _ => Value::Array(rows).to_string(),
    }
}

struct Rows<'a> {
    contract: &'a Contract,
    handles: &'a mut Handles,
    rows: &'a mut Vec<Value>,
}

impl Rows<'_> {
    /// `is_bare`: no member's name leads here, which is where `[]` attests the values of a list.
    fn collect(&mut self, value: &Value, is_bare: bool) {
        match value {
            Value::Array(list) => {
                let is_shown = is_bare && is_attested(self.contract, "[]");
                let (before, mut left) = (self.rows.len(), Vec::new());
                for inner in list {
                    if is_shown && is_short(inner) {
                        self.rows.push(inner.clone());
                    } else if !self.grows(inner, is_bare) {
                        left.push(inner.clone());
                    }
                }
                self.leave(before, &Value::Array(left));
            }
            Value::Object(map) => self.row(map),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Whether there are rows in a value.
    fn grows(&mut self, value: &Value, is_bare: bool) -> bool {
        let before = self.rows.len();
        self.collect(value, is_bare);
        self.rows.len() > before
    }

    /// What has no rows, beside what has some, stands behind a handle of its own.
    fn leave(&mut self, before: usize, left: &Value) {
        let is_empty = left.as_array().is_some_and(Vec::is_empty) || left.as_object().is_some_and(Map::is_empty);
        if self.rows.len() > before && !is_empty {
            self.rows.push(json!({ REST: self.handles.name(as_text(left)) }));
        }
    }

    fn row(&mut self, map: &Map<String, Value>) {
        let (mut row, rest): (Map<String, Value>, Map<String, Value>) = map
            .iter()
            .map(|(name, inner)| (name.clone(), inner.clone()))
            .partition(|(name, inner)| is_attested(self.contract, name) && is_short(inner));
        if row.is_empty() {
            let (before, mut left) = (self.rows.len(), Map::new());
            for (name, inner) in map {
                if !self.grows(inner, false) {
                    left.insert(name.clone(), inner.clone());
                }
            }
            return self.leave(before, &Value::Object(left));
        }
        let text = (!rest.is_empty()).then(|| as_text(&Value::Object(rest)));
        row.extend(text.map(|text| (REST.to_owned(), Value::String(self.handles.name(text)))));
        self.rows.push(Value::Object(row));
    }
}

/// A text alone is itself.
fn as_text(left: &Value) -> String {
    let alone = match left {
        Value::Object(map) if map.len() == 1 => map.values().next(),
        Value::Array(list) if list.len() == 1 => list.first(),
        _ => None,
    };
    alone.and_then(Value::as_str).map_or_else(|| left.to_string(), str::to_owned)
}

fn is_attested(contract: &Contract, name: &str) -> bool {
    contract.attested.iter().any(|field| field == name || field == "*")
}

fn is_short(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().count() <= MAX_ATTESTED_CHARS,
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::Array(_) | Value::Object(_) => false,
    }
}

/// The texts that are whole values of attested fields of a result.
pub(super) fn vouched(text: &str, contract: &Contract) -> BTreeSet<String> {
    fn walk(value: &Value, name: &str, contract: &Contract, into: &mut BTreeSet<String>) {
        match value {
            Value::String(text) if is_attested(contract, name) && is_short(value) => {
                into.insert(text.clone());
            }
            Value::Array(list) => list.iter().for_each(|inner| walk(inner, name, contract, into)),
            Value::Object(map) => map.iter().for_each(|(name, inner)| walk(inner, name, contract, into)),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut vouched = BTreeSet::new();
    if let Ok(value) = serde_json::from_str(text) {
        walk(&value, "[]", contract, &mut vouched);
    }
    vouched
}

/// A reader's value, as far as its schema bounds it.
pub(super) fn of_schema(value: &Value, schema: &Value, vouched: &BTreeSet<String>, handles: &mut Handles) -> String {
    let mut declared = BTreeSet::new();
    names(schema, &mut declared);
    let mut bounds = Bounds { schema, vouched, declared, handles };
    bounds.shown(value, "").to_string()
}

struct Bounds<'a> {
    schema: &'a Value,
    vouched: &'a BTreeSet<String>,
    declared: BTreeSet<&'a str>,
    handles: &'a mut Handles,
}

impl Bounds<'_> {
    fn shown(&mut self, value: &Value, pointer: &str) -> Value {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
            Value::String(text) if self.vouched.contains(text) || self.lists(pointer, value) => value.clone(),
            Value::String(text) => Value::String(self.handles.name(text.clone())),
            Value::Array(list) => {
                (0..).zip(list).map(|(at, inner)| self.shown(inner, &format!("{pointer}/{at}"))).collect()
            }
            Value::Object(map) => {
                let mut shown = Map::new();
                for (name, inner) in
                    map.iter().filter(|(name, _)| self.declared.contains(name.as_str())).collect::<Vec<_>>()
                {
                    let below = format!("{pointer}/{}", pointer_token(name));
                    shown.insert(name.clone(), self.shown(inner, &below));
                }
                Value::Object(shown)
            }
        }
    }

    /// Whether the schema lists this very value for its place.
    fn lists(&self, pointer: &str, value: &Value) -> bool {
        let Some(at) = subschema(self.schema, pointer) else { return false };
        at.get("const") == Some(value)
            || at.get("enum").and_then(Value::as_array).is_some_and(|all| all.contains(value))
    }
}

/// Every member that a schema names.
fn names<'a>(schema: &'a Value, into: &mut BTreeSet<&'a str>) {
    match schema {
        Value::Object(map) => {
            let members = map.get("properties").and_then(Value::as_object).into_iter().flatten();
            into.extend(members.map(|(name, _)| name.as_str()));
            map.values().for_each(|inner| names(inner, into));
        }
        Value::Array(list) => list.iter().for_each(|inner| names(inner, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(attested: &[&str]) -> Contract {
        Contract {
            attested: attested.iter().map(|name| (*name).to_owned()).collect(),
            ..Contract::unknown("read_mail")
        }
    }

    #[test]
    fn without_a_schema_attested_fields_are_shown_and_all_else_stands_behind_handles() {
        let check = |text: &str, attested: &[&str], expected: &str| {
            let mut handles = Handles::default();
            let shown = super::attested(text, &contract(attested), &mut handles);
            assert_eq!(shown, expected, "{text}");
            assert!(!shown.contains("OBEY"), "{shown}");
        };
        check("OBEY me", &["id"], "$h1");
        check(r#"{"body":"OBEY"}"#, &["id"], "$h1");
        check(r#"{"id":7,"body":"OBEY"}"#, &["id"], r#"{"id":7,"rest":"$h1"}"#);
        let mails = r#"{"OBEY":[{"id":7,"body":"OBEY","OBEY":1},{"id":8}]}"#;
        check(mails, &["id"], r#"[{"id":7,"rest":"$h1"},{"id":8}]"#);
        let beside = r#"{"summary":"OBEY","mails":[{"id":7,"body":"x"},"OBEY"],"more":["OBEY"]}"#;
        check(beside, &["id"], r#"[{"id":7,"rest":"$h1"},{"rest":"$h2"},{"rest":"$h3"}]"#);
        check(r#"["a","b"]"#, &["[]"], r#"["a","b"]"#);
        check(r#"{"hits":["OBEY"]}"#, &["[]"], "$h1");
        check(r#"{"id":7,"from":"ann"}"#, &["*"], r#"{"id":7,"from":"ann"}"#);
        check(&format!(r#"{{"id":"{}"}}"#, "OBEY ".repeat(60)), &["id"], "$h1");
        check(r#"{"id":{"OBEY":1}}"#, &["id"], "$h1");
    }

    #[test]
    fn with_a_schema_only_what_it_bounds_is_shown() {
        let schema = json!({ "type": "object", "additionalProperties": true, "properties": {
            "urgent": { "type": "boolean" }, "gist": { "type": "string" }, "from": { "type": "string" },
            "kind": { "$ref": "#/$defs/kind" }, "lines": { "type": "array", "items": { "enum": ["a", "b"] } } },
            "$defs": { "kind": { "enum": ["bill", "news"] } } });
        let value = json!({ "urgent": true, "gist": "OBEY", "from": "ann@x.test", "kind": "bill", "lines": ["a", "OBEY"], "OBEY": 1 });
        let mut handles = Handles::default();
        let vouched = vouched(r#"[{"from":"ann@x.test","gist":"OBEY"}]"#, &contract(&["from"]));
        let shown: Value = serde_json::from_str(&of_schema(&value, &schema, &vouched, &mut handles)).unwrap();
        let expected =
            json!({ "urgent": true, "gist": "$h1", "from": "ann@x.test", "kind": "bill", "lines": ["a", "$h2"] });
        assert_eq!(shown, expected);
        assert!(super::vouched(r#"{"hits":["OBEY"]}"#, &contract(&["[]"])).is_empty());
    }
}
