//! The head of a responses request: one shallow scan, and the leading system items.

use serde_json::value::RawValue;

use crate::error::DecodeError;
use crate::fields::{Path, as_text};
use crate::head::{RequestHead, member_of, model_of, opened, present, typed};
use crate::json::{RawObject, elements, kind_of};

/// Reads the head of a request body.
///
/// # Errors
/// [`DecodeError`] for what is no JSON object, has no `model` or `input`, or a wrong type in a member named here.
pub fn request_head(body: &[u8]) -> Result<RequestHead<'_>, DecodeError> {
    let object = opened(body)?;
    let present = |key| present(&object, key);
    let path = Path::Root.member("input");
    let model = model_of(&object)?;
    let input = present("input").ok_or_else(|| path.missing())?;
    if !matches!(kind_of(input.get()), "a string" | "an array") {
        return Err(path.wrong_type("a string or an array of items", input));
    }
    Ok(RequestHead {
        model,
        stream: typed(present("stream"), "stream", "a boolean")?.unwrap_or(false),
        include_usage: true,
        task: member_of(present("metadata"), "task").and_then(as_text),
        max_output_tokens: typed(present("max_output_tokens"), "max_output_tokens", "a non-negative integer")?,
        choices: 1,
        messages: input,
        system: present("instructions").into_iter().chain(leading_system(input)).collect(),
        tools: present("tools"),
        response_format: member_of(present("text"), "format"),
        object,
    })
}

/// The contents of the system and developer messages that open the conversation.
fn leading_system(input: &RawValue) -> impl Iterator<Item = &RawValue> {
    elements(input).map_while(|raw| {
        let item = RawObject::of(raw).ok()?;
        let role = as_text(item.get("role")?)?;
        matches!(&*role, "system" | "developer").then(|| item.get("content"))?
    })
}
