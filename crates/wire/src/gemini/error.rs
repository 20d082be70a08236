//! The error object: `{"error": {"code", "message", "status"}}`, as all of Google's APIs write it.

use crate::error::ErrorBody;
use crate::openai_chat;
use crate::write;

/// Writes an error body. The dialect has no place for `param`; the message names the member.
#[must_use]
pub fn encode_error(error: &ErrorBody) -> Vec<u8> {
    let status = error.status().unwrap_or(400);
    let mut body = Vec::new();
    write::object(&mut body, |out| {
        out.object("error", |out| {
            out.value("code", status);
            out.string("message", &error.message);
            out.string("status", word(status));
        });
    });
    body
}

/// Google's word for a status. Source: google.rpc.Code.
const fn word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        502 | 503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// Reads an error body, alone or in a list of one, as a stream that never began has it.
#[must_use]
pub fn decode_error(body: &[u8]) -> Option<ErrorBody> {
    openai_chat::decode_error(body)
}
