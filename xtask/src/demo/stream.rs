//! The same path as a stream.

use serde_json::{Value, json};

use super::session::{Row, Session};
use crate::Failure;

pub(super) fn run(session: &Session) -> Result<Vec<Row>, Failure> {
    let answer = session.ask(json!({
        "messages": [{ "role": "user", "content": "Name three things that a ship needs." }],
        "temperature": 0, "max_completion_tokens": 48, "stream": true,
    }))?;
    let events = answer.body.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = events.filter_map(|event| serde_json::from_str::<Value>(event).ok());
    let pieces = chunks.filter_map(|chunk| Some(chunk.pointer("/choices/0/delta/content")?.as_str()?.to_owned()));
    let text: String = pieces.collect();
    if text.is_empty() {
        return Err(Failure::new(format!("the stream has no text: {}", answer.body)));
    }
    Ok(vec![session.row("stream", text, &answer)?])
}
