//! What the gateway adds to a stream of the OpenAI format: a chunk without choices, which its clients skip.
//!
//! What never happens here: a member outside of `steersman`.

use bytes::Bytes;
use serde::Serialize;
use steersman_wire::Dialect;
use steersman_wire::openai_chat;
use steersman_wire::sse::write_frame;

/// Whether clients of a dialect can be told anything beside their answer.
pub(crate) fn is_understood(dialect: &dyn Dialect) -> bool {
    dialect.name() == openai_chat::NAME
}

/// A chunk with this member of `steersman`.
pub(crate) fn chunk(member: &str, value: &impl Serialize) -> Bytes {
    let chunk = serde_json::json!({
        "id": "steersman", "object": "chat.completion.chunk", "created": 0, "model": "",
        "choices": [], "steersman": { member: value },
    });
    let mut out = Vec::new();
    write_frame(&mut out, None, chunk.to_string().as_bytes());
    Bytes::from(out)
}
