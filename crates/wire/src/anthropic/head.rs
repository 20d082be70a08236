//! The head of a Messages request: one shallow scan.

use serde_json::value::RawValue;

use crate::error::DecodeError;
use crate::fields::{Path, as_text};
use crate::head::{RequestHead, member_of, typed};
use crate::json::{RawObject, kind_of};

/// Reads the head of a request body.
///
/// # Errors
/// [`DecodeError`] for what is no JSON object, has no `model` or `messages`, or a wrong type in a member named here.
pub fn request_head(body: &[u8]) -> Result<RequestHead<'_>, DecodeError> {
    let object = RawObject::parse(body)?;
    let present = |key| object.get(key).filter(|raw: &&RawValue| raw.get() != "null");
    let path = Path::Root;
    let model = present("model").ok_or_else(|| path.member("model").missing())?;
    let model = as_text(model).ok_or_else(|| path.member("model").wrong_type("a string", model))?;
    let messages = present("messages").ok_or_else(|| path.member("messages").missing())?;
    if kind_of(messages.get()) != "an array" {
        return Err(path.member("messages").wrong_type("an array", messages));
    }
    let stream = typed(present("stream"), "stream", "a boolean")?.unwrap_or(false);
    Ok(RequestHead {
        model,
        stream,
        include_usage: stream,
        task: member_of(present("metadata"), "task").and_then(as_text),
        max_output_tokens: typed(present("max_tokens"), "max_tokens", "a non-negative integer")?,
        choices: 1,
        messages,
        system: present("system").into_iter().collect(),
        tools: present("tools"),
        response_format: member_of(present("output_config"), "format").or_else(|| present("output_format")),
        object,
    })
}
