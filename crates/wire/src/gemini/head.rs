//! The head of a Gemini request: one shallow scan. Its path has been moved into its body.

use serde_json::value::RawValue;

use super::schema;
use crate::error::DecodeError;
use crate::fields::as_text;
use crate::head::{RequestHead, list_of, member_of, model_of, opened, present, typed, unambiguous};
use crate::json::RawObject;

/// Reads the head of a request body.
///
/// # Errors
/// [`DecodeError`] for what is no JSON object, has no `model` or `contents`, or a wrong type in a member named here.
pub fn request_head(body: &[u8]) -> Result<RequestHead<'_>, DecodeError> {
    let object = opened(body)?;
    // Both spellings of a key are one key.
    unambiguous(object.clone().in_camel_case())?;
    let present = |key| present(&object, key);
    let (model, contents) = (model_of(&object)?, list_of(&object, "contents")?);
    let config = present("generationConfig").or_else(|| present("generation_config"));
    let system = present("systemInstruction").or_else(|| present("system_instruction"));
    let limit = "generationConfig.maxOutputTokens";
    let most = member_of(config, "maxOutputTokens").or_else(|| member_of(config, "max_output_tokens"));
    let count = member_of(config, "candidateCount").or_else(|| member_of(config, "candidate_count"));
    Ok(RequestHead {
        model,
        stream: typed(present("stream"), "stream", "a boolean")?.unwrap_or(false),
        include_usage: true,
        task: member_of(present("labels"), "task").and_then(as_text),
        max_output_tokens: typed(most, limit, "a non-negative integer")?,
        choices: typed(count, "generationConfig.candidateCount", "a non-negative integer")?.unwrap_or(1),
        messages: contents,
        system: system.into_iter().collect(),
        tools: present("tools"),
        response_format: config.filter(|config| asks_for_schema(config)),
        object,
    })
}

fn asks_for_schema(config: &RawValue) -> bool {
    RawObject::of(config).is_ok_and(|config| {
        let config = config.in_camel_case();
        schema::is_asked(|key| present(&config, key))
    })
}
