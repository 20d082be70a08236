//! Canonical JSON (RFC 8785) of a tool call's arguments, so that one call has one spelling and one hash.
//!
//! Input is the text a model wrote, so it is read strictly: a repeated member name is an error and not a silent choice.
//! One deviation from the RFC: integers that a double cannot hold exactly keep their digits, since two account numbers
//! that differ must not become one. Nothing here does I/O.

use std::fmt::{self, Write};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Largest integer up to which every integer is a double.
const EXACT: u64 = 1 << 53;

/// Why arguments have no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentsError {
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
pub fn canonical_arguments(text: &str) -> Result<(Value, String), ArgumentsError> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let Strict(value) = serde_json::from_str(text)?;
    if !value.is_object() {
        return Err(ArgumentsError::NotAnObject);
    }
    let canonical = canonical_json(&value);
    Ok((value, canonical))
}

/// The canonical form of a value.
#[must_use]
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (i, (name, member)) in sorted.into_iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write_string(out, name);
                out.push(':');
                write_value(out, member);
            }
            out.push('}');
        }
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => push(out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn write_number(out: &mut String, number: &Number) {
    if let Some(n) = number.as_u64() {
        return push(out, format_args!("{n}"));
    }
    if let Some(n) = number.as_i64() {
        return push(out, format_args!("{n}"));
    }
    write_double(out, number.as_f64().unwrap_or_default());
}

/// A double as ECMAScript prints it (RFC 8785, section 3.2.2.3): the shortest digits that read back, in one of four layouts.
fn write_double(out: &mut String, x: f64) {
    if x == 0.0 {
        return out.push('0');
    }
    let shortest = format!("{:e}", x.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // The value is 0.digits times ten to the power `point`.
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let n = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    if x < 0.0 {
        out.push('-');
    }
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let (whole, rest) = digits.split_at_checked(usize::try_from(point).unwrap_or(0)).unwrap_or((&digits, ""));
    match point {
        _ if n <= point && point <= 21 => push(out, format_args!("{digits}{}", zeros(point - n))),
        1..=21 => push(out, format_args!("{whole}.{rest}")),
        -5..=0 => push(out, format_args!("0.{}{digits}", zeros(-point))),
        _ => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
            let dot = if rest.is_empty() { "" } else { "." };
            push(out, format_args!("{first}{dot}{rest}e{:+}", point - 1));
        }
    }
}

fn push(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("invariant: writing to a string does not fail");
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
    fn doubles_print_as_ecmascript_prints_them() {
        // RFC 8785, appendix B, and the first example of section 3.2.2.
        let table = [
            (5e-324, "5e-324"),
            (-5e-324, "-5e-324"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (295_147_905_179_352_830_000.0, "295147905179352830000"),
            (1e21, "1e+21"),
            (9.999_999_999_999_997e22, "9.999999999999997e+22"),
            (0.000_001, "0.000001"),
            (1e-7, "1e-7"),
            (333_333_333.333_333_3, "333333333.3333333"),
            (4.5, "4.5"),
            (2e-3, "0.002"),
            (0.000_001_234, "0.000001234"),
            (-0.0, "0"),
        ];
        for (x, expected) in table {
            let mut out = String::new();
            write_double(&mut out, x);
            assert_eq!(out, expected);
        }
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
