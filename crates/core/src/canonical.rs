//! Canonical JSON: one text for one value, so that a hash of it names the value.
//!
//! RFC 8785 (JSON Canonicalization Scheme): members sorted by their UTF-16 code units, no blanks, numbers as ECMAScript
//! writes them, the shortest escapes. Approvals and effect keys are hashes of this text.
//!
//! What never happens here: no loss that a reader could notice. An integer beyond 2^53 is written in full, where the
//! RFC would round it: two amounts that differ never share a hash.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// The canonical text of a JSON value. Linear in its size but for the sorting of members.
#[must_use]
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(list) => {
            out.push('[');
            for (at, inner) in list.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(inner, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut members: Vec<(&String, &Value)> = map.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (at, (key, inner)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write(inner, out);
            }
            out.push('}');
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                // Writing to a string cannot fail.
                write!(out, "\\u{:04x}", u32::from(c)).unwrap_or_default();
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// ECMAScript's `Number::toString` (ECMA-262, section 6.1.6.1.20) from Rust's shortest digits.
fn write_number(number: &Number, out: &mut String) {
    let float = number.as_f64().unwrap_or_default();
    if number.is_i64() || number.is_u64() {
        out.push_str(&number.to_string());
        return;
    }
    if float == 0.0 {
        out.push('0');
        return;
    }
    let scientific = format!("{:e}", float.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if float < 0.0 {
        out.push('-');
    }
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    match exponent {
        -6..=-1 => out.push_str(&format!("0.{}{digits}", zeros(-exponent - 1))),
        0..=20 if exponent + 1 >= count => out.push_str(&format!("{digits}{}", zeros(exponent + 1 - count))),
        0..=20 => {
            let (whole, fraction) = digits.split_at(usize::try_from(exponent + 1).unwrap_or_default());
            out.push_str(&format!("{whole}.{fraction}"));
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            let sign = if exponent < 0 { "-" } else { "+" };
            out.push_str(&format!("{first}{point}{rest}e{sign}{}", exponent.abs()));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_written_as_the_rfc_writes_it() {
        // The first number is put in from Rust: serde_json reads it one unit in the last place off.
        let mut value: Value = serde_json::from_str(
            r#"{"numbers":[0,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
        )
        .unwrap();
        value["numbers"][0] = json!(333_333_333.333_333_3_f64);
        assert_eq!(
            canonical_json(&value),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
    }

    #[test]
    fn doubles_print_as_ecmascript_prints_them() {
        // RFC 8785, appendix B.
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
            (0.000_001_234, "0.000001234"),
            (-0.0, "0"),
        ];
        for (number, expected) in table {
            assert_eq!(canonical_json(&json!(number)), expected);
        }
    }

    #[test]
    fn equal_numbers_share_a_text_whatever_their_type_and_members_have_one_order() {
        assert_eq!(canonical_json(&json!({"b": 1.0, "a": -0.0})), canonical_json(&json!({"a": 0.0, "b": 1})));
        assert_eq!(
            canonical_json(&json!({"\u{e9}": 1, "z": 2, "\u{1F600}": 3, "\u{fb33}": 4})),
            "{\"z\":2,\"é\":1,\"😀\":3,\"\u{fb33}\":4}"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_the_same_number(value in proptest::num::f64::NORMAL) {
            let text = canonical_json(&json!(value));
            prop_assert_eq!(text.parse::<f64>().unwrap(), value, "{}", text);
        }
    }
}
