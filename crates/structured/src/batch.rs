//! One JSON line in, one JSON line out: the format of `steersman structure batch` and of the test sets.
//!
//! A line holds `id`, `input`, `schema` (or null) and perhaps `finish_reason`, `prompt` and `mode`. The answer holds
//! `id`, `outcome`, `value` (exact source text; null unless accepted), `repairs`, `violations`, and `prefix` or
//! `runner_up` where there is one.
//!
//! What never happens here: no state between lines, no number that passes through a float.

use crate::outcome::{Reading, Rejected, Violation};
use crate::read::{Conditions, Finish, Mode, read};
use crate::schema::CompiledSchema;
use serde::Deserialize;
use serde_json::json;
use std::fmt::Write as _;

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: serde_json::Value,
    input: String,
    #[serde(default)]
    schema: Option<serde_json::Value>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    mode: Option<Mode>,
}

/// Answers one line. A line that is no case at all is answered with outcome `rejected` and rule `line`.
#[must_use]
pub fn batch_line(line: &str) -> String {
    let case: Line = match serde_json::from_str(line) {
        Ok(case) => case,
        Err(error) => return failure(&serde_json::Value::Null, "line", &error.to_string()),
    };
    let schema = match case.schema.as_ref().map(CompiledSchema::new).transpose() {
        Ok(schema) => schema,
        Err(error) => return failure(&case.id, "schema", &error.to_string()),
    };
    let finish = case.finish_reason.as_deref().map_or(Finish::Unknown, Finish::from_reason);
    let conditions = Conditions { mode: case.mode.unwrap_or_default(), finish };
    answer(&case.id, read(&case.input, schema.as_ref(), conditions))
}

fn failure(id: &serde_json::Value, rule: &str, message: &str) -> String {
    json!({"id": id, "outcome": "rejected", "value": null, "repairs": [], "violations": [{"layer": "syntax", "pointer": "", "rule": rule, "message": message}]})
        .to_string()
}

fn answer(id: &serde_json::Value, reading: Reading) -> String {
    let mut out = format!("{{\"id\":{id},\"outcome\":");
    let list = |violations: &[Violation]| serde_json::to_string(violations).unwrap_or_default();
    let written = match reading {
        Reading::Accepted(accepted) => {
            let repairs = serde_json::to_string(&accepted.repairs()).unwrap_or_default();
            let value = accepted.document().text().trim().replace(['\n', '\r'], " ");
            write!(out, "\"accepted\",\"value\":{value},\"repairs\":{repairs},\"violations\":[]")
        }
        Reading::Rejected(Rejected { violations, readings, best, .. }) => {
            let runner_up = readings.get(1).or(best.as_ref());
            write!(
                out,
                "\"rejected\",\"value\":null,\"repairs\":[],\"violations\":{},\"readings\":{},\"runner_up\":{}",
                list(&violations),
                json!(readings),
                json!(runner_up)
            )
        }
        Reading::Refused(words) => {
            write!(out, "\"refused\",\"value\":null,\"repairs\":[],\"violations\":[],\"refusal\":{}", json!(words))
        }
        Reading::Truncated(cut) => {
            let prefix = cut.prefix.as_deref().unwrap_or("null").replace(['\n', '\r'], " ");
            write!(out, "\"truncated\",\"value\":null,\"prefix\":{prefix},\"repairs\":[],\"violations\":[]")
        }
    };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    out.push('}');
    out
}
