//! The two formats that an answer has to satisfy: `date` and `date-time`.
//!
//! To JSON Schema a format is a remark, unless somebody makes it a rule. A date in another spelling, or one whose parts
//! may stand in two orders, breaks whoever reads it next, so these two are a rule here. A moment may lack its zone or
//! its seconds: they are nowhere in the text, and inventing them would be worse.
//!
//! What never happens here: no other format becomes a rule that the draft of the schema does not make one.

use jiff::civil::Date;
use jsonschema::ValidationOptions;
use serde_json::Value;

use super::exact::Exact;

/// Formats that stay remarks.
const REMARKS: [&str; 17] = [
    "time",
    "duration",
    "email",
    "idn-email",
    "hostname",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "iri",
    "iri-reference",
    "uri-template",
    "uuid",
    "json-pointer",
    "relative-json-pointer",
    "regex",
];

/// Whether any part of the schema has one of the two formats.
pub(super) fn asks_for_dates(schema: &Value) -> bool {
    let mut left = vec![schema];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(map) => {
                if matches!(map.get("format").and_then(Value::as_str), Some("date" | "date-time")) {
                    return true;
                }
                left.extend(map.values());
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    false
}

/// Options of a validator to which these formats are rules.
pub(super) fn asserted() -> ValidationOptions<'static, std::sync::Arc<dyn jsonschema::Retrieve>, Exact> {
    let options = jsonschema::options_for::<Exact>().should_validate_formats(true);
    let options = REMARKS.iter().fold(options, |options, name| options.with_format(*name, |_| true));
    options.with_format("date", is_date).with_format("date-time", is_moment)
}

fn is_date(text: &str) -> bool {
    let parts = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
    parts && text.parse::<Date>().is_ok()
}

/// `2025-06-14T09:30:00Z`, and without its zone, its seconds or its time.
fn is_moment(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else { return false };
    if rest.is_empty() {
        return is_date(date);
    }
    let Some(rest) = rest.strip_prefix(['T', 't', ' ']) else { return false };
    let end = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let two = |part: &str, max: u8| part.len() == 2 && part.parse::<u8>().is_ok_and(|n| n <= max);
    let mut parts = clock.split(':');
    let hour_and_minute = parts.next().is_some_and(|h| two(h, 23)) && parts.next().is_some_and(|m| two(m, 59));
    let seconds = parts.next().is_none_or(|seconds| {
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        two(whole, 60) && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit())
    });
    let zone = zone.trim_start();
    let offset = zone.strip_prefix(['+', '-']).is_some_and(|offset| {
        let (hours, minutes) = offset.split_once(':').or_else(|| offset.split_at_checked(2)).unwrap_or((offset, ""));
        two(hours, 23) && (minutes.is_empty() || two(minutes, 59))
    });
    is_date(date) && hour_and_minute && seconds && parts.next().is_none() && (matches!(zone, "" | "Z" | "z") || offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn moments_may_lack_what_no_text_says_and_other_spellings_are_none() {
        for moment in [
            "2025-06-14T09:30:00Z",
            "2025-06-14t09:30:00.250+02:00",
            "2025-06-14 09:30",
            "2025-06-14T09:30:00-0500",
            "2025-06-14",
        ] {
            assert!(is_moment(moment), "{moment}");
        }
        for text in [
            "2025-06-31T09:30:00Z",
            "14.06.2025 09:30",
            "2025-06-14T25:00",
            "2025-06-14T09",
            "2025-06-14Tmorning",
            "today",
        ] {
            assert!(!is_moment(text), "{text}");
        }
        assert!(is_date("2024-02-29") && !is_date("2023-02-29") && !is_date("2024-2-9") && !is_date("20240229"));
    }

    #[test]
    fn dates_are_a_rule_wherever_the_schema_asks_for_them_and_other_formats_are_not() {
        let schema = json!({"anyOf": [{"type": "string", "format": "date"}, {"format": "email", "type": "integer"}, {"type": "null"}]});
        assert!(asks_for_dates(&schema) && !asks_for_dates(&json!({"format": "email"})));
        let valid = |schema: &Value, value: &str| {
            let compiled = crate::CompiledSchema::new(schema).expect("a schema");
            match crate::read(value, Some(&compiled), crate::Conditions::default()) {
                crate::Reading::Accepted(accepted) => Some(accepted.document().text().to_owned()),
                _ => None,
            }
        };
        assert_eq!(valid(&schema, "\"May 4, 2025\"").as_deref(), Some("\"2025-05-04\""));
        assert_eq!(valid(&schema, "\"04/05/2025\""), None);
        assert_eq!(valid(&schema, "null").as_deref(), Some("null"));
        assert_eq!(valid(&json!({"type": "string", "format": "email"}), "\"Ann\"").as_deref(), Some("\"Ann\""));
    }
}
