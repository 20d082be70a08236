//! A tool call: the model must call the tool, and its arguments can only be of the tool's schema.

use serde_json::{Value, json};

use super::session::{Row, Session, text_at};
use crate::Failure;

pub(super) fn run(session: &Session) -> Result<Vec<Row>, Failure> {
    let parameters = json!({
        "type": "object",
        "properties": { "city": { "type": "string", "maxLength": 20 }, "unit": { "type": "string", "enum": ["celsius", "fahrenheit"] } },
        "required": ["city", "unit"],
        "additionalProperties": false,
    });
    let answer = session.ask(json!({
        "messages": [{ "role": "user", "content": "How warm is it in Oslo, in celsius?" }],
        "tools": [{ "type": "function", "function": {
            "name": "get_temperature", "description": "The temperature of a city.", "parameters": parameters,
        } }],
        "tool_choice": { "type": "function", "function": { "name": "get_temperature" } },
        "temperature": 0, "max_completion_tokens": 80,
    }))?;
    let call = "/choices/0/message/tool_calls/0/function";
    let name = text_at(&answer.body, &format!("{call}/name"))?;
    let arguments = text_at(&answer.body, &format!("{call}/arguments"))?;
    let arguments: Value = serde_json::from_str(&arguments)?;
    Ok(vec![session.row("tool call, constrained", format!("{name}({arguments})"), &answer)?])
}
