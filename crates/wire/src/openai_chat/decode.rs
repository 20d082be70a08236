//! A chat completion request, from bytes to the canonical form.
//!
//! Strict where a value would be misread (types, roles, ranges), open where the API grows: a member that this file does
//! not know is kept as it came, and a content part of unknown type becomes [`Part::Foreign`].

use serde_json::value::RawValue;
use steersman_core::{ChatRequest, Message, Part, Reasoning, ResponseFormat, Role, ToolCall, ToolResult, ToolSpec};

use super::{NAME, NEST};
use crate::effort;
use crate::error::DecodeError;
use crate::extra::{Extra, decode_tools, keep};
use crate::fields::{Fields, Path, as_text};
use crate::json::{self, kind_of};
use crate::openai::{self, image_of};

/// Reads a request body.
///
/// # Errors
/// [`DecodeError`], with the member at fault.
pub fn decode_request(body: &[u8]) -> Result<ChatRequest, DecodeError> {
    let mut fields = Fields::document(body)?;
    let mut extra = Extra::new();
    let mut request =
        ChatRequest { model: fields.required_string("model")?, dialect: Some(NAME), ..ChatRequest::default() };
    decode_messages(&mut fields, &mut request.messages, &mut extra)?;
    decode_tools(&mut fields, &mut request.tools, &mut extra, decode_tool)?;
    let choice = |raw: &RawValue| openai::tool_choice(raw, Some(NEST));
    request.tool_choice = fields.take_if("tool_choice", |raw| choice(raw).is_some()).and_then(choice);
    request.parallel_tool_calls = fields.boolean("parallel_tool_calls")?;
    request.response_format = decode_response_format(&mut fields, &mut extra)?;
    request.max_output_tokens = decode_max_tokens(&mut fields, &mut extra)?;
    request.temperature = fields.number("temperature", 2.0, "a number between 0 and 2")?;
    request.top_p = fields.number("top_p", 1.0, "a number between 0 and 1")?;
    request.stop = decode_stop(&mut fields)?;
    request.seed = fields.integer("seed")?;
    request.n = match fields.unsigned("n")? {
        None => None,
        Some(n) => Some(
            u32::try_from(n)
                .ok()
                .filter(|n| *n > 0)
                .ok_or_else(|| fields.path.member("n").wrong_value("a positive integer", &n.to_string()))?,
        ),
    };
    effort::take_word(&mut fields, "reasoning_effort", "reasoning_effort", &mut extra)?;
    request.user = fields.string("user")?;
    request.stream = fields.boolean("stream")?.unwrap_or(false);
    if let Some(options) = fields.take("stream_options") {
        let path = fields.path.member("stream_options");
        let mut options = Fields::of(options, path)?;
        request.include_usage = options.boolean("include_usage")?.unwrap_or(false);
        keep(&mut extra, "/stream_options", &options);
    }
    keep(&mut extra, "", &fields);
    request.extra = extra;
    effort::learn(&mut request);
    Ok(request)
}

fn decode_messages(fields: &mut Fields<'_, '_>, out: &mut Vec<Message>, extra: &mut Extra) -> Result<(), DecodeError> {
    let root = fields.path;
    let list = root.member("messages");
    let messages = fields.array("messages")?.ok_or_else(|| list.missing())?;
    for (i, raw) in messages.enumerate() {
        let mut message = Fields::of(raw, list.element(i))?;
        out.push(decode_message(&mut message, i, extra)?);
        keep(extra, &format!("/messages/{i}"), &message);
    }
    Ok(())
}

fn decode_message(message: &mut Fields<'_, '_>, index: usize, extra: &mut Extra) -> Result<Message, DecodeError> {
    let path = message.path;
    let role = match message.required_string("role")?.as_str() {
        "system" => Role::System,
        "developer" => {
            extra.push((format!("/messages/{index}/role"), raw_string("developer")));
            Role::System
        }
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            let expected = "one of `system`, `developer`, `user`, `assistant`, `tool`";
            return Err(path.member("role").wrong_value(expected, other));
        }
    };
    let mut parts = Vec::new();
    if role == Role::Assistant {
        decode_reasoning(message, &mut parts)?;
    }
    let content_pointer = match role {
        Role::Tool => format!("/messages/{index}/parts/0/parts"),
        _ => format!("/messages/{index}/parts"),
    };
    if let Some(content) = message.take("content") {
        decode_content(content, path.member("content"), &content_pointer, &mut parts, extra)?;
    }
    match role {
        Role::Assistant => decode_assistant(message, index, &mut parts, extra)?,
        Role::Tool => {
            let call_id = message.required_string("tool_call_id")?;
            parts = vec![Part::ToolResult(ToolResult { call_id, parts, is_error: false })];
        }
        Role::System | Role::User => {}
    }
    Ok(Message { role, parts })
}

fn decode_content(
    content: &RawValue,
    path: Path<'_>,
    pointer: &str,
    parts: &mut Vec<Part>,
    extra: &mut Extra,
) -> Result<(), DecodeError> {
    match kind_of(content.get()) {
        "a string" => parts.push(Part::Text(text_of(content, &path)?)),
        "an array" => {
            for (i, raw) in json::elements(content).enumerate() {
                let pointer = format!("{pointer}/{}", parts.len());
                parts.push(decode_part(raw, path.element(i), &pointer, extra)?);
            }
        }
        _ => return Err(path.wrong_type("a string or an array of parts", content)),
    }
    Ok(())
}

fn decode_part(raw: &RawValue, path: Path<'_>, pointer: &str, extra: &mut Extra) -> Result<Part, DecodeError> {
    let mut part = Fields::of(raw, path)?;
    let decoded = match part.required_string("type")?.as_str() {
        "text" => Part::Text(part.required_string("text")?),
        "refusal" => Part::Refusal(part.required_string("refusal")?),
        "image_url" => {
            let image_path = path.member("image_url");
            let mut image = Fields::of(part.required("image_url")?, image_path)?;
            let url = image.required_string("url")?;
            keep(extra, pointer, &image);
            Part::Image(image_of(url))
        }
        _ => return Ok(Part::Foreign { dialect: NAME, json: raw.to_owned() }),
    };
    keep(extra, pointer, &part);
    Ok(decoded)
}

fn decode_assistant(
    message: &mut Fields<'_, '_>,
    index: usize,
    parts: &mut Vec<Part>,
    extra: &mut Extra,
) -> Result<(), DecodeError> {
    let path = message.path;
    if let Some(refusal) = message.string("refusal")? {
        parts.push(Part::Refusal(refusal));
    }
    let list = path.member("tool_calls");
    for (i, raw) in message.array("tool_calls")?.into_iter().flatten().enumerate() {
        let mut call = Fields::of(raw, list.element(i))?;
        let kind = call.string("type")?;
        if kind.is_some_and(|kind| kind != "function") {
            parts.push(Part::Foreign { dialect: NAME, json: raw.to_owned() });
            continue;
        }
        let pointer = format!("/messages/{index}/parts/{}", parts.len());
        let id = call.required_string("id")?;
        let function_path = call.path;
        let function_path = function_path.member("function");
        let mut function = Fields::of(call.required("function")?, function_path)?;
        let name = function.required_string("name")?;
        let arguments = function.string("arguments")?.unwrap_or_default();
        parts.push(Part::ToolCall(ToolCall { id, name, arguments }));
        keep(extra, &pointer, &call);
        keep(extra, &format!("{pointer}/function"), &function);
    }
    Ok(())
}

/// Thinking that travels back: `thinking_blocks` where a provider signs them, else `reasoning_content`.
fn decode_reasoning(message: &mut Fields<'_, '_>, parts: &mut Vec<Part>) -> Result<(), DecodeError> {
    let text = message.string("reasoning_content")?;
    let path = message.path;
    let list = path.member("thinking_blocks");
    let mut signed = false;
    for (i, raw) in message.array("thinking_blocks")?.into_iter().flatten().enumerate() {
        signed = true;
        let mut block = Fields::of(raw, list.element(i))?;
        parts.push(Part::Reasoning(Reasoning {
            text: block.string("thinking")?.unwrap_or_default(),
            signature: block.string("signature")?,
            redacted: block.string("data")?,
        }));
    }
    match text {
        Some(text) if !signed => parts.push(Part::Reasoning(Reasoning { text, ..Reasoning::default() })),
        _ => {}
    }
    Ok(())
}

fn decode_tool(tool: &mut Fields<'_, '_>, pointer: &str, extra: &mut Extra) -> Result<Option<ToolSpec>, DecodeError> {
    if tool.required_string("type")? != "function" {
        return Ok(None);
    }
    let path = tool.path;
    let mut function = Fields::of(tool.required(NEST)?, path.member(NEST))?;
    let spec = ToolSpec {
        name: function.required_string("name")?,
        description: function.string("description")?,
        parameters: function.take("parameters").map(ToOwned::to_owned),
        strict: function.boolean("strict")?,
    };
    keep(extra, pointer, tool);
    keep(extra, &format!("{pointer}/{NEST}"), &function);
    Ok(Some(spec))
}

fn decode_response_format(
    fields: &mut Fields<'_, '_>,
    extra: &mut Extra,
) -> Result<Option<ResponseFormat>, DecodeError> {
    let root = fields.path;
    let Some(raw) = fields.take("response_format") else { return Ok(None) };
    openai::decode_format(raw, root.member("response_format"), Some("json_schema"), "response_format", extra)
}

/// `max_completion_tokens`, or its older spelling, which many vendors still want.
fn decode_max_tokens(fields: &mut Fields<'_, '_>, extra: &mut Extra) -> Result<Option<u64>, DecodeError> {
    let older = fields.unsigned("max_tokens")?;
    let newer = fields.unsigned("max_completion_tokens")?;
    if newer.is_none() && older.is_some() {
        extra.push(("max_tokens".to_owned(), RawValue::NULL.to_owned()));
    }
    Ok(newer.or(older))
}

fn decode_stop(fields: &mut Fields<'_, '_>) -> Result<Vec<String>, DecodeError> {
    let root = fields.path;
    let path = root.member("stop");
    let Some(raw) = fields.take("stop") else { return Ok(Vec::new()) };
    match kind_of(raw.get()) {
        "a string" => Ok(vec![text_of(raw, &path)?]),
        "an array" => json::elements(raw).enumerate().map(|(i, raw)| text_of(raw, &path.element(i))).collect(),
        _ => Err(path.wrong_type("a string or an array of strings", raw)),
    }
}

fn text_of(raw: &RawValue, path: &Path<'_>) -> Result<String, DecodeError> {
    as_text(raw).map(std::borrow::Cow::into_owned).ok_or_else(|| path.wrong_type("a string", raw))
}

fn raw_string(text: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(text).expect("invariant: a string serialises")
}
