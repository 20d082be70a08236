//! A tool call's arguments in canonical JSON ([`canonical_json`]), so that one call has one spelling and one hash.
//!
//! Input is the text a model wrote, so it is read strictly: a repeated member name is an error and not a silent choice.
//! Nothing here does I/O.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use steersman_core::canonical_json;

/// Largest integer up to which every integer is a double.
const EXACT: u64 = 1 << 53;

/// Why arguments have no canonical form.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentsError {
    /// The text is no JSON document, or repeats a member name.
    #[error("the arguments are not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The document is JSON and not an object.
    #[error("the arguments are not a JSON object")]
    NotAnObject,
}

/// The arguments of a call in canonical form. An empty text stands for no arguments.
///
/// # Errors
/// [`ArgumentsError`] says what is wrong with the text.
pub(crate) fn canonical_arguments(text: &str) -> Result<(Value, String), ArgumentsError> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let Strict(value) = serde_json::from_str(text)?;
    if !value.is_object() {
        return Err(ArgumentsError::NotAnObject);
    }
    let canonical = canonical_json(&value);
    Ok((value, canonical))
}

/// A JSON value whose objects name each member once, and whose numbers have one spelling.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }

    /// A double that is a whole number is that integer: `1.0`, `1e0` and `1` are one argument.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        let whole = v.fract() == 0.0 && v.abs() <= EXACT as f64;
        Ok(if whole { Value::from(v as i64) } else { Value::from(v) })
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = from.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(member))) = from.next_entry::<String, Strict>()? {
            if members.contains_key(&name) {
                return Err(de::Error::custom(format_args!("member `{name}` is given twice")));
            }
            members.insert(name, member);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(canonical_arguments(text).unwrap().1, expected);
    }

    #[test]
    fn one_call_has_one_spelling() {
        check(" { \"b\" : 1.0, \"a\" : [ 1e0, 10, true, null ] } ", r#"{"a":[1,10,true,null],"b":1}"#);
        check("", "{}");
        // The sorting example of RFC 8785, section 3.2.3: by UTF-16 code units.
        let names = r#"{"\u20ac":"a","\r":"b","\ufb33":"c","1":"d","\ud83d\ude00":"e","\u0080":"f","\u00f6":"g"}"#;
        check(
            names,
            "{\"\\r\":\"b\",\"1\":\"d\",\"\u{80}\":\"f\",\"\u{f6}\":\"g\",\"\u{20ac}\":\"a\",\"\u{1f600}\":\"e\",\"\u{fb33}\":\"c\"}",
        );
        check(r#"{"s":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/"}"#, r#"{"s":"€$\u000f\nA'B\"\\\\\"/"}"#);
    }

    #[test]
    fn account_numbers_that_differ_stay_different() {
        check(r#"{"to":9007199254740993}"#, r#"{"to":9007199254740993}"#);
        check(r#"{"to":18446744073709551615}"#, r#"{"to":18446744073709551615}"#);
    }

    #[test]
    fn what_has_two_readings_has_none() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"x":{"a":1,"a":1}}"#, "[1]", "7", "{\"a\":1", "{\"a\":1e999}"] {
            assert!(canonical_arguments(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own_canonical_form(x in any::<f64>(), n in any::<i64>(), s in ".*", k in ".*") {
            let value = serde_json::json!({ "x": x, "n": n, k: [s] });
            let once = canonical_json(&value);
            prop_assert_eq!(canonical_arguments(&once).unwrap().1, once);
        }
    }
}
