//! Structured extraction: the model can only say what the schema allows, its value is seen while it grows, and what no
//! schema can say is a rule: an order number that the ticket does not hold is asked for again and then refused by name.

use serde_json::{Value, json};

use super::session::{Row, Session, text_at};
use crate::Failure;

/// The task and its rule. It has no tools to guard, and what a guard might rewrite is not shown before it is whole.
pub(super) const CONFIG: &str = "
[tasks.ticket]
model = \"MODEL\"
guard = \"off\"
[tasks.ticket.rules.order]
check = \"mentioned(string(value.order))\"
at = \"/order\"
message = \"the ticket names no such order\"
";

pub(super) fn run(session: &Session) -> Result<Vec<Row>, Failure> {
    let asked = question("I am Ada Brown. My parcel, order 4711, has not been delivered.");
    let answer = session.ask(asked.clone())?;
    let text = text_at(&answer.body, "/choices/0/message/content")?;
    let value: Value = serde_json::from_str(&text)?;
    let known = ["delivery", "billing", "other"];
    if !value.get("category").and_then(Value::as_str).is_some_and(|category| known.contains(&category)) {
        return Err(Failure::new(format!("the answer is not of the schema: {text}")));
    }
    let whole = session.row("extraction, constrained", value.to_string(), &answer)?;
    Ok(vec![whole, growing(session, asked)?, invented(session)?])
}

fn question(ticket: &str) -> Value {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "maxLength": 40 },
            "category": { "type": "string", "enum": ["delivery", "billing", "other"] },
            "order": { "type": "integer", "minimum": 0, "maximum": 999999 },
        },
        "required": ["name", "category", "order"],
        "additionalProperties": false,
    });
    json!({
        "messages": [
            { "role": "system", "content": "Extract name, category and order number of the ticket as JSON." },
            { "role": "user", "content": ticket },
        ],
        "response_format": { "type": "json_schema", "json_schema": { "name": "ticket", "strict": true, "schema": schema } },
        "temperature": 0, "max_completion_tokens": 100,
    })
}

/// The parts of the value that were certain before its answer was judged.
fn growing(session: &Session, mut asked: Value) -> Result<Row, Failure> {
    if let Some(members) = asked.as_object_mut() {
        members.insert("stream".to_owned(), json!(true));
    }
    let answer = session.ask_showing("task/ticket", asked)?;
    let chunks =
        answer.body.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let shown = |chunk: Value| Some(chunk.pointer("/steersman/preview/text")?.as_str()?.to_owned());
    let parts: Vec<String> = chunks.filter_map(shown).collect();
    let first = parts.first().ok_or_else(|| Failure::new("nothing was shown before the end"))?;
    let text = format!("{} parts, each certain when it came; the first: {first}", parts.len());
    session.row("its value while it grows", text, &answer)
}

/// No number stands in the ticket, so that any is invented.
fn invented(session: &Session) -> Result<Row, Failure> {
    let answer = session.ask_anyhow("task/ticket", question("I am Ada Brown. My parcel has not been delivered."))?;
    let body: Value = serde_json::from_str(&answer.body)?;
    let broken = body.pointer("/error/steersman/violations/0").cloned().unwrap_or_default();
    let word = |name: &str| broken.get(name).and_then(Value::as_str).unwrap_or_default();
    if answer.status != 422 || word("rule") != "order" {
        return Err(Failure::new(format!("an invented order number was not refused: {}", answer.body)));
    }
    session.row("an order nobody named", format!("refused at {}: {}", word("pointer"), word("message")), &answer)
}
