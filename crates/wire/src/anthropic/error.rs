//! The error object: `{"type": "error", "error": {"type", "message"}}`.

use steersman_core::Code;

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
            out.string("type", kind(error));
            out.string("message", &error.message);
        });
    });
    body
}

/// The dialect's own word for one of our codes; another's error keeps its kind.
fn kind(error: &ErrorBody) -> &str {
    let Some(code) = error.code.as_deref().and_then(Code::named) else { return &error.kind };
    match code.status {
        401 => "authentication_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        504 => "timeout_error",
        500 | 502 => "api_error",
        _ => "invalid_request_error",
    }
}

/// Reads an error body. Its `error` member has the shape of OpenAI's, less two members.
#[must_use]
pub fn decode_error(body: &[u8]) -> Option<ErrorBody> {
    openai_chat::decode_error(body)
}
