//! A structured extraction: the model can only say what the schema allows, token by token.

use serde_json::{Value, json};

use super::session::{Row, Session, text_at};
use crate::Failure;

pub(super) fn run(session: &Session) -> Result<Vec<Row>, Failure> {
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
    let answer = session.ask(json!({
        "messages": [
            { "role": "system", "content": "Extract name, category and order number of the ticket as JSON." },
            { "role": "user", "content": "I am Ada Brown. My parcel, order 4711, has not been delivered." },
        ],
        "response_format": { "type": "json_schema", "json_schema": { "name": "ticket", "strict": true, "schema": schema } },
        "temperature": 0, "max_completion_tokens": 100,
    }))?;
    let text = text_at(&answer.body, "/choices/0/message/content")?;
    let value: Value = serde_json::from_str(&text)?;
    let known = ["delivery", "billing", "other"];
    if !value.get("category").and_then(Value::as_str).is_some_and(|category| known.contains(&category)) {
        return Err(Failure::new(format!("the answer is not of the schema: {text}")));
    }
    Ok(vec![session.row("extraction, constrained", value.to_string(), &answer)?])
}
