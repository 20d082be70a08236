//! What the gateway reads of a request that stays in its dialect: the few members it acts on, borrowed from the bytes.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::DecodeError;
use crate::fields::Path;
use crate::json::RawObject;

/// The head of a request. Everything else stays in `object`, unread.
#[derive(Debug, Clone)]
pub struct RequestHead<'a> {
    /// The index of the body; [`RawObject::splice`] edits it.
    pub object: RawObject<'a>,
    /// The model asked for.
    pub model: Cow<'a, str>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether a stream is to end with a usage report.
    pub include_usage: bool,
    /// The task that `metadata.task` names.
    pub task: Option<Cow<'a, str>>,
    /// The most tokens to produce, in any of the dialect's spellings.
    pub max_output_tokens: Option<u64>,
    /// How many answers are wanted.
    pub choices: u64,
    /// The conversation.
    pub messages: &'a RawValue,
    /// The operator's text before the first other message: contents of system and developer messages, as JSON.
    pub system: Vec<&'a RawValue>,
    /// The tools offered.
    pub tools: Option<&'a RawValue>,
    /// The form of the answer (a schema, or a word for one).
    pub response_format: Option<&'a RawValue>,
}

/// One member of an object member, if both are there.
pub(crate) fn member_of<'a>(object: Option<&'a RawValue>, key: &str) -> Option<&'a RawValue> {
    RawObject::of(object?).ok()?.get(key)
}

/// A typed member, or an error that names it.
pub(crate) fn typed<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    key: &str,
    expected: &'static str,
) -> Result<Option<T>, DecodeError> {
    let Some(raw) = raw else { return Ok(None) };
    match serde_json::from_str(raw.get()) {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(Path::Root.member(key).wrong_type(expected, raw)),
    }
}
