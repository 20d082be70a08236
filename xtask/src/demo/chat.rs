//! A question and its answer in one piece.

use serde_json::json;

use super::session::{Row, Session, text_at};
use crate::Failure;

pub(super) fn run(session: &Session) -> Result<Vec<Row>, Failure> {
    let answer = session.ask(json!({
        "messages": [{ "role": "user", "content": "What is the capital of France? Answer in one sentence." }],
        "temperature": 0, "max_completion_tokens": 40,
    }))?;
    let text = text_at(&answer.body, "/choices/0/message/content")?;
    Ok(vec![session.row("chat", text, &answer)?])
}
