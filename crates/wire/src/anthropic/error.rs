//! The error object: `{"type": "error", "error": {"type", "message"}}`.

use crate::error::ErrorBody;
use crate::openai_chat;
use crate::write;

/// Writes an error body. The dialect has no place for `param` and `code`; the message names the member.
#[must_use]
pub fn encode_error(error: &ErrorBody) -> Vec<u8> {
    let mut body = Vec::new();
    write::object(&mut body, |out| {
        out.string("type", "error");
        out.object("error", |out| {
            out.string("type", &error.kind);
            out.string("message", &error.message);
        });
    });
    body
}

/// Reads an error body. Its `error` member has the shape of OpenAI's, less two members.
#[must_use]
pub fn decode_error(body: &[u8]) -> Option<ErrorBody> {
    openai_chat::decode_error(body)
}
