//! What the gateway reads of a request that stays in its dialect: the few members it acts on, borrowed from the bytes.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::DecodeError;
use crate::fields::{Path, as_text};
use crate::json::{RawObject, kind_of};

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

/// A request's body. What stands in it more than once is refused: a provider may take another of the values than the
/// one that models and budgets were judged by.
pub(crate) fn opened(body: &[u8]) -> Result<RawObject<'_>, DecodeError> {
    RawObject::parse(body).map_err(DecodeError::from).and_then(unambiguous)
}

/// The object, if no key stands in it more than once.
pub(crate) fn unambiguous(object: RawObject<'_>) -> Result<RawObject<'_>, DecodeError> {
    match object.repeated() {
        Some(key) => Err(DecodeError::repeated(key)),
        None => Ok(object),
    }
}

/// A member that a client set; `null` stands for none.
pub(crate) fn present<'a>(object: &RawObject<'a>, key: &str) -> Option<&'a RawValue> {
    object.get(key).filter(|raw| raw.get() != "null")
}

/// The model that is asked for.
pub(crate) fn model_of<'a>(object: &RawObject<'a>) -> Result<Cow<'a, str>, DecodeError> {
    let path = Path::Root.member("model");
    let model = present(object, "model").ok_or_else(|| path.missing())?;
    as_text(model).ok_or_else(|| path.wrong_type("a string", model))
}

/// The list under `key`, which must be there.
pub(crate) fn list_of<'a>(object: &RawObject<'a>, key: &str) -> Result<&'a RawValue, DecodeError> {
    let path = Path::Root.member(key);
    let list = present(object, key).ok_or_else(|| path.missing())?;
    if kind_of(list.get()) != "an array" {
        return Err(path.wrong_type("an array", list));
    }
    Ok(list)
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
