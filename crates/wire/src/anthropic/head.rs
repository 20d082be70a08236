//! The head of a Messages request: one shallow scan.

use crate::error::DecodeError;
use crate::fields::as_text;
use crate::head::{RequestHead, list_of, member_of, model_of, opened, present, typed};

/// Reads the head of a request body.
///
/// # Errors
/// [`DecodeError`] for what is no JSON object, has no `model` or `messages`, or a wrong type in a member named here.
pub fn request_head(body: &[u8]) -> Result<RequestHead<'_>, DecodeError> {
    let object = opened(body)?;
    let present = |key| present(&object, key);
    let (model, messages) = (model_of(&object)?, list_of(&object, "messages")?);
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
