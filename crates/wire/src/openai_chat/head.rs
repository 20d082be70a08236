//! The head of a chat completion request: one shallow scan, and the leading system messages.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::DecodeError;
use crate::fields::{Path, as_text};
use crate::head::{RequestHead, member_of, typed};
use crate::json::{RawObject, elements, kind_of};

/// Reads the head of a request body.
///
/// # Errors
/// [`DecodeError`] for what is no JSON object, has no `model` or `messages`, or a wrong type in a member named here.
pub fn request_head(body: &[u8]) -> Result<RequestHead<'_>, DecodeError> {
    let object = RawObject::parse(body)?;
    let present = |key| object.get(key).filter(|raw| raw.get() != "null");
    let path = Path::Root;
    let model = present("model").ok_or_else(|| path.member("model").missing())?;
    let model = as_text(model).ok_or_else(|| path.member("model").wrong_type("a string", model))?;
    let messages = present("messages").ok_or_else(|| path.member("messages").missing())?;
    if kind_of(messages.get()) != "an array" {
        return Err(path.member("messages").wrong_type("an array", messages));
    }
    let limit = match typed(present("max_completion_tokens"), "max_completion_tokens", "a non-negative integer")? {
        None => typed(present("max_tokens"), "max_tokens", "a non-negative integer")?,
        limit => limit,
    };
    Ok(RequestHead {
        model,
        stream: typed(present("stream"), "stream", "a boolean")?.unwrap_or(false),
        include_usage: member_of(present("stream_options"), "include_usage").is_some_and(|raw| raw.get() == "true"),
        task: member_of(present("metadata"), "task").and_then(as_text),
        max_output_tokens: limit,
        messages,
        system: leading_system(messages),
        tools: present("tools"),
        response_format: present("response_format"),
        object,
    })
}

/// The contents of the system and developer messages that open the conversation. Later messages are not looked at.
fn leading_system(messages: &RawValue) -> Vec<&RawValue> {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow, deserialize_with = "crate::json::text::deserialize")]
        role: Cow<'a, str>,
        #[serde(borrow, default)]
        content: Option<&'a RawValue>,
    }
    let leading = elements(messages).map_while(|raw| {
        let message: Message<'_> = serde_json::from_str(raw.get()).ok()?;
        matches!(message.role.as_ref(), "system" | "developer").then_some(message.content)
    });
    leading.flatten().collect()
}
