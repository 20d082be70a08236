//! The head of a Gemini request: one shallow scan. Its path has been moved into its body.

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
    let (model, contents) = (model_of(&object)?, list_of(&object, "contents")?);
    let config = present(&object, "generationConfig").or_else(|| present(&object, "generation_config"));
    let system = present(&object, "systemInstruction").or_else(|| present(&object, "system_instruction"));
    let inside = config.and_then(|config| RawObject::of(config).ok());
    let inside = inside.map(|config| unambiguous(config.in_camel_case())).transpose()?;
    let said = |key: &str| present(inside.as_ref()?, key);
    let limit = "generationConfig.maxOutputTokens";
    Ok(RequestHead {
        model,
        stream: typed(present(&object, "stream"), "stream", "a boolean")?.unwrap_or(false),
        include_usage: true,
        task: member_of(present(&object, "labels"), "task").and_then(as_text),
        max_output_tokens: typed(said("maxOutputTokens"), limit, "a non-negative integer")?,
        choices: typed(said("candidateCount"), "generationConfig.candidateCount", "a non-negative integer")?
            .unwrap_or(1),
        messages: contents,
        system: system.into_iter().collect(),
        tools: present(&object, "tools"),
        response_format: config.filter(|_| schema::is_asked(said)),
        object,
    })
}
