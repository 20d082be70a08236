//! One JSON line in, one JSON line out: the format of `steersman structure batch` and of the test sets.
//!
//! A line holds `id`, `input`, `schema` (or null) and perhaps `finish_reason`, `mode`, `prompt` (the text that the
//! model was given) and `rules` (by id). The answer holds `id`, `outcome`, `value` (exact source text; null unless
//! accepted), `repairs`, `violations`, and, where there is one, `runner_up`, `readings`, `best`, `duplicates`, `prefix`
//! or `refusal`.
//!
//! What never happens here: no state between lines, no number that passes through a float, no line without an answer.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::outcome::{Layer, Reading, Rejected, Violation};
use crate::read::{Conditions, Finish, Mode, read};
use crate::rules::{RuleTable, Rules, Source};
use crate::schema::CompiledSchema;

/// The members of a line, each as it stands: a member that is wrong must not cost the line its `id`.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow, default)]
    id: Option<&'l RawValue>,
    #[serde(borrow, default)]
    input: Option<&'l RawValue>,
    #[serde(borrow, default)]
    schema: Option<&'l RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'l RawValue>,
    #[serde(borrow, default)]
    mode: Option<&'l RawValue>,
    #[serde(borrow, default)]
    prompt: Option<&'l RawValue>,
    #[serde(borrow, default)]
    rules: Option<&'l RawValue>,
}

/// What is wrong with a line, as the rule of its violation and a message.
struct BadLine(&'static str, String);

/// Answers one line. A line that is no case is answered with outcome `rejected` and rule `line`, one whose schema is no
/// schema with rule `schema`; its `id` comes back in any case where it can be found. `rules` hold for every line,
/// beside its own.
#[must_use]
pub fn batch_line(line: &[u8], rules: &Rules) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_start_matches('\u{feff}').trim();
    let case = match serde_json::from_str::<Line<'_>>(text) {
        Ok(case) if text.starts_with('{') => case,
        Ok(_) => return answer("null", &rejected("line", "the line is no JSON object".to_owned())),
        Err(error) => return answer("null", &rejected("line", format!("the line is no case: {error}"))),
    };
    let reading = match std::str::from_utf8(line) {
        Ok(_) => judged(&case, rules),
        Err(error) => Err(BadLine("line", format!("the line is no UTF-8 from byte {} on", error.valid_up_to()))),
    };
    let id = case.id.map_or("null", RawValue::get);
    answer(id, &reading.unwrap_or_else(|BadLine(rule, message)| rejected(rule, message)))
}

fn judged(case: &Line<'_>, rules: &Rules) -> Result<Reading, BadLine> {
    let input: Cow<'_, str> = member(case.input, "input")?.ok_or_else(|| {
        BadLine("line", "`input` is missing; a line holds `id`, `input` and `schema` (or null)".to_owned())
    })?;
    let finish_reason: Option<Cow<'_, str>> = member(case.finish_reason, "finish_reason")?;
    let mode: Option<Mode> = member(case.mode, "mode")?;
    let schema = case.schema.filter(|schema| schema.get() != "null");
    let bad = |error: &dyn std::fmt::Display| BadLine("schema", error.to_string());
    let schema = match schema {
        None => None,
        Some(schema) => {
            let value = serde_json::from_str(schema.get()).map_err(|error| bad(&error))?;
            Some(CompiledSchema::new(&value).map_err(|error| bad(&error))?)
        }
    };
    let finish = finish_reason.as_deref().map_or(Finish::Unknown, Finish::from_reason);
    let reading = read(&input, schema.as_ref(), Conditions { mode: mode.unwrap_or_default(), finish });
    let own: Option<RuleTable> = member(case.rules, "rules")?;
    if own.is_none() && rules.is_empty() {
        return Ok(reading);
    }
    let own = Rules::new(own.into_iter().flatten()).map_err(|error| BadLine("rules", error.to_string()))?;
    // A prompt in parts is a source too: every text in it counts.
    let prompt: Option<serde_json::Value> = member(case.prompt, "prompt")?;
    let source = Source::of(prompt.iter().flat_map(texts));
    Ok(own.judge(rules.judge(reading, &source), &source))
}

fn texts(value: &serde_json::Value) -> Vec<&str> {
    match value {
        serde_json::Value::String(text) => vec![text],
        serde_json::Value::Array(items) => items.iter().flat_map(texts).collect(),
        serde_json::Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn member<'l, T: Deserialize<'l>>(raw: Option<&'l RawValue>, name: &str) -> Result<Option<T>, BadLine> {
    raw.map_or(Ok(None), |raw| {
        serde_json::from_str(raw.get()).map_err(|error| BadLine("line", format!("`{name}`: {error}")))
    })
}

fn rejected(rule: &str, message: String) -> Reading {
    Reading::Rejected(Rejected::one(Layer::Syntax, rule, String::new(), message))
}

/// A reading as one line of JSON under an `id` that is itself JSON.
#[must_use]
pub fn answer(id: &str, reading: &Reading) -> String {
    let mut out = format!("{{\"id\":{id},\"outcome\":");
    let list = |violations: &[Violation]| serde_json::to_string(violations).unwrap_or_default();
    let written = match reading {
        Reading::Accepted(accepted) => {
            let repairs = serde_json::to_string(&accepted.repairs()).unwrap_or_default();
            let value = one_line(accepted.document().text());
            let start = write!(out, "\"accepted\",\"value\":{value},\"repairs\":{repairs},\"violations\":[]");
            let duplicates = accepted.duplicates();
            start.and_then(|()| match duplicates.as_slice() {
                [] => Ok(()),
                keys => write!(out, ",\"duplicates\":{}", json!(keys)),
            })
        }
        Reading::Rejected(rejected) => {
            let violations = list(&rejected.violations);
            let start = write!(out, "\"rejected\",\"value\":null,\"repairs\":[],\"violations\":{violations}");
            start.and_then(|()| write_beside(&mut out, rejected))
        }
        Reading::Refused(words) => {
            write!(out, "\"refused\",\"value\":null,\"repairs\":[],\"violations\":[],\"refusal\":{}", json!(words))
        }
        Reading::Truncated(cut) => {
            let prefix = cut.prefix.as_deref().map_or_else(|| "null".to_owned(), one_line);
            write!(out, "\"truncated\",\"value\":null,\"repairs\":[],\"violations\":[],\"prefix\":{prefix}")
        }
    };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    out.push('}');
    out
}

/// What stands beside a rejection, never in its place.
fn write_beside(out: &mut String, rejected: &Rejected) -> std::fmt::Result {
    if let Some(runner_up) = rejected.readings.get(1) {
        write!(out, ",\"readings\":{},\"runner_up\":{}", json!(rejected.readings), json!(runner_up))?;
    }
    rejected.best.as_ref().map_or(Ok(()), |best| write!(out, ",\"best\":{}", json!(best)))
}

/// Line ends stand in JSON only between tokens, where a space is as good.
fn one_line(json: &str) -> String {
    json.trim().replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &[u8], id: &str, rule: &str) {
        let answered: serde_json::Value =
            serde_json::from_str(&batch_line(line, &Rules::default())).expect("an answer is JSON");
        let said =
            (answered["id"].to_string(), answered["violations"][0]["rule"].as_str().unwrap_or("accepted").to_owned());
        assert_eq!(said, (id.to_owned(), rule.to_owned()), "{}", String::from_utf8_lossy(line));
    }

    #[test]
    fn every_line_has_an_answer_under_its_own_id() {
        check(b"\xef\xbb\xbf{\"id\":\"a\",\"input\":\"{}\"}\r\n", "\"a\"", "accepted");
        check(br#"{"id":7,"input":"{}","schema":null,"finish_reason":null,"mode":null,"more":[1]}"#, "7", "accepted");
        check(br#"{"input":"{\"a\":1,}"}"#, "null", "accepted");
        check(br#"{"id":"a","schema":null}"#, "\"a\"", "line");
        check(br#"{"id":"a","input":{"a":1}}"#, "\"a\"", "line");
        check(br#"{"id":"a","input":"{}","mode":"wild"}"#, "\"a\"", "line");
        check(br#"{"id":"a","input":"\ud800"}"#, "\"a\"", "line");
        check(br#"{"id":"a","input":"{}","schema":{"type":"banana"}}"#, "\"a\"", "schema");
        check(br#"{"id":"a","input":"{}","schema":{"$ref":"https://example.org/s.json"}}"#, "\"a\"", "schema");
        check(br#"{"id":"a","input":"{}","schema":"{}"}"#, "\"a\"", "schema");
        check(br#"{"id":"a","input":"{}","rules":{"r":{"check":"valu == 1.0"}}}"#, "\"a\"", "rules");
        check(
            br#"{"id":"a","input":"{\"n\":\"x\"}","prompt":["x"],"rules":{"r":{"check":"quoted(value.n)"}}}"#,
            "\"a\"",
            "accepted",
        );
        check(
            br#"{"id":"a","input":"{\"n\":\"x\"}","prompt":"y","rules":{"r":{"check":"quoted(value.n)"}}}"#,
            "\"a\"",
            "r",
        );
        check(b"{\"id\":\"a\",\"input\":\"\xff\"}", "\"a\"", "line");
        check(b"[1]", "null", "line");
        check(b"", "null", "line");
    }

    #[test]
    fn a_value_keeps_its_numbers_and_stands_on_one_line() {
        let line = br#"{"id":1.50,"input":"{\"n\":\n12345678901234567890.10}"}"#;
        let wanted =
            r#"{"id":1.50,"outcome":"accepted","value":{"n": 12345678901234567890.10},"repairs":[],"violations":[]}"#;
        assert_eq!(batch_line(line, &Rules::default()), wanted);
    }

    #[test]
    fn a_key_that_stands_twice_is_named_beside_the_value() {
        let answered = batch_line(br#"{"id":"d","input":"{\"a\":1,\"a\":2}"}"#, &Rules::default());
        assert!(answered.ends_with(r#""duplicates":["a"]}"#), "{answered}");
    }
}
