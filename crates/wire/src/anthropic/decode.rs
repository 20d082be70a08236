//! A Messages request, from bytes to the canonical form.
//!
//! A user turn that carries tool results becomes one canonical message for each result, with the text around them as
//! user messages in between; `system` becomes a leading system message. Members and blocks that this file does not know
//! are kept as they came.

use std::borrow::Cow;

use serde_json::value::RawValue;
use steersman_core::{
    ChatRequest, Image, Message, Part, Reasoning, ResponseFormat, Role, ToolCall, ToolChoice, ToolResult, ToolSpec,
};

use super::NAME;
use crate::effort;
use crate::error::DecodeError;
use crate::extra::{Extra, decode_tools, keep};
use crate::fields::{Fields, Path, as_text};
use crate::json::{self, kind_of};

/// Reads a request body.
///
/// # Errors
/// [`DecodeError`], with the member at fault.
pub fn decode_request(body: &[u8]) -> Result<ChatRequest, DecodeError> {
    let mut fields = Fields::document(body)?;
    let mut extra = Extra::new();
    let mut request =
        ChatRequest { model: fields.required_string("model")?, dialect: Some(NAME), ..ChatRequest::default() };
    let limit = fields.unsigned("max_tokens")?;
    request.max_output_tokens = Some(limit.ok_or_else(|| fields.path.member("max_tokens").missing())?);
    decode_system(&mut fields, &mut request.messages, &mut extra)?;
    decode_messages(&mut fields, &mut request.messages, &mut extra)?;
    decode_tools(&mut fields, &mut request.tools, &mut extra, decode_tool)?;
    decode_tool_choice(&mut fields, &mut request, &mut extra)?;
    decode_output_config(&mut fields, &mut request, &mut extra)?;
    request.temperature = fields.number("temperature", 1.0, "a number between 0 and 1")?;
    request.top_p = fields.number("top_p", 1.0, "a number between 0 and 1")?;
    let root = fields.path;
    let stops = root.member("stop_sequences");
    for (i, raw) in fields.array("stop_sequences")?.into_iter().flatten().enumerate() {
        request.stop.push(text_of(raw, &stops.element(i))?);
    }
    if let Some(metadata) = fields.take("metadata") {
        let mut metadata = Fields::of(metadata, root.member("metadata"))?;
        request.user = metadata.string("user_id")?;
        keep(&mut extra, "/metadata", &metadata);
    }
    request.stream = fields.boolean("stream")?.unwrap_or(false);
    request.include_usage = request.stream;
    keep(&mut extra, "", &fields);
    request.extra = extra;
    effort::learn(&mut request);
    Ok(request)
}

fn decode_system(fields: &mut Fields<'_, '_>, out: &mut Vec<Message>, extra: &mut Extra) -> Result<(), DecodeError> {
    let root = fields.path;
    let path = root.member("system");
    let Some(raw) = fields.take("system") else { return Ok(()) };
    let mut system = Message { role: Role::System, parts: Vec::new() };
    if let Some(text) = as_text(raw) {
        system.parts.push(Part::Text(text.into_owned()));
    } else {
        for (i, block) in array_of(raw, &path)?.enumerate() {
            let pointer = format!("/messages/0/parts/{i}");
            system.parts.push(decode_block(block, path.element(i), &pointer, extra)?);
        }
    }
    out.push(system);
    Ok(())
}

fn decode_messages(fields: &mut Fields<'_, '_>, out: &mut Vec<Message>, extra: &mut Extra) -> Result<(), DecodeError> {
    let root = fields.path;
    let list = root.member("messages");
    let messages = fields.array("messages")?.ok_or_else(|| list.missing())?;
    for (i, raw) in messages.enumerate() {
        let mut message = Fields::of(raw, list.element(i))?;
        let path = message.path;
        let role = match message.required_string("role")?.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            other => return Err(path.member("role").wrong_value("`user` or `assistant`", other)),
        };
        let first = out.len();
        let content = message.required("content")?;
        let path = path.member("content");
        if let Some(text) = as_text(content) {
            out.push(Message { role, parts: vec![Part::Text(text.into_owned())] });
        } else {
            decode_turn(array_of(content, &path)?, path, role, out, extra)?;
        }
        keep(extra, &format!("/messages/{first}"), &message);
    }
    Ok(())
}

/// The blocks of one turn; tool results become messages of their own, in place.
fn decode_turn<'a>(
    blocks: impl Iterator<Item = &'a RawValue>,
    path: Path<'_>,
    role: Role,
    out: &mut Vec<Message>,
    extra: &mut Extra,
) -> Result<(), DecodeError> {
    let first = out.len();
    for (i, raw) in blocks.enumerate() {
        let fresh = out.len() == first || out.last().is_none_or(|last| last.role == Role::Tool);
        let (message, part) =
            if fresh { (out.len(), 0) } else { (out.len() - 1, out.last().map_or(0, |m| m.parts.len())) };
        let block = decode_block(raw, path.element(i), &format!("/messages/{message}/parts/{part}"), extra)?;
        match out.last_mut() {
            // A result's pointer was written for the message before it; results always open their own.
            _ if matches!(block, Part::ToolResult(_)) => {
                if !fresh {
                    let from = format!("/messages/{message}/parts/{part}/");
                    move_pointers(extra, &from, &format!("/messages/{}/parts/0/", out.len()));
                }
                out.push(Message { role: Role::Tool, parts: vec![block] });
            }
            Some(last) if !fresh => last.parts.push(block),
            _ => out.push(Message { role, parts: vec![block] }),
        }
    }
    if out.len() == first {
        out.push(Message { role, parts: Vec::new() });
    }
    Ok(())
}

fn move_pointers(extra: &mut Extra, from: &str, to: &str) {
    for (name, _) in extra.iter_mut() {
        if let Some(rest) = name.strip_prefix(from) {
            *name = format!("{to}{rest}");
        }
    }
}

fn decode_block(raw: &RawValue, path: Path<'_>, pointer: &str, extra: &mut Extra) -> Result<Part, DecodeError> {
    let mut block = Fields::of(raw, path)?;
    let foreign = || Ok(Part::Foreign { dialect: NAME, json: raw.to_owned() });
    let part = match block.required_string("type")?.as_str() {
        "text" => Part::Text(block.required_string("text")?),
        "image" => match decode_image(block.required("source")?, path.member("source"))? {
            Some(image) => Part::Image(image),
            None => return foreign(),
        },
        "tool_use" => {
            let (id, name) = (block.required_string("id")?, block.required_string("name")?);
            Part::ToolCall(ToolCall { id, name, arguments: block.required("input")?.get().to_owned() })
        }
        "tool_result" => {
            let call_id = block.required_string("tool_use_id")?;
            let is_error = block.boolean("is_error")?.unwrap_or(false);
            let mut parts = Vec::new();
            if let Some(content) = block.take("content") {
                decode_result_content(content, path.member("content"), pointer, &mut parts, extra)?;
            }
            Part::ToolResult(ToolResult { call_id, parts, is_error })
        }
        "thinking" => {
            let (text, signature) = (block.required_string("thinking")?, block.string("signature")?);
            Part::Reasoning(Reasoning { text, signature, redacted: None })
        }
        "redacted_thinking" => {
            Part::Reasoning(Reasoning { redacted: Some(block.required_string("data")?), ..Reasoning::default() })
        }
        _ => return foreign(),
    };
    keep(extra, pointer, &block);
    Ok(part)
}

fn decode_result_content(
    content: &RawValue,
    path: Path<'_>,
    pointer: &str,
    parts: &mut Vec<Part>,
    extra: &mut Extra,
) -> Result<(), DecodeError> {
    if let Some(text) = as_text(content) {
        parts.push(Part::Text(text.into_owned()));
        return Ok(());
    }
    for (i, raw) in array_of(content, &path)?.enumerate() {
        parts.push(decode_block(raw, path.element(i), &format!("{pointer}/parts/{i}"), extra)?);
    }
    Ok(())
}

/// The image of a `source`; `None` for a kind (a file id) that the canonical form does not model.
fn decode_image(raw: &RawValue, path: Path<'_>) -> Result<Option<Image>, DecodeError> {
    let mut source = Fields::of(raw, path)?;
    Ok(match source.required_string("type")?.as_str() {
        "url" => Some(Image::Url(source.required_string("url")?)),
        "base64" => {
            let media_type = source.required_string("media_type")?;
            Some(Image::Base64 { media_type, data: source.required_string("data")? })
        }
        _ => None,
    })
}

fn decode_tool(tool: &mut Fields<'_, '_>, pointer: &str, extra: &mut Extra) -> Result<Option<ToolSpec>, DecodeError> {
    if tool.string("type")?.is_some_and(|kind| kind != "custom") {
        return Ok(None);
    }
    let spec = ToolSpec {
        name: tool.required_string("name")?,
        description: tool.string("description")?,
        parameters: tool.take("input_schema").map(ToOwned::to_owned),
        strict: tool.boolean("strict")?,
    };
    keep(extra, pointer, tool);
    Ok(Some(spec))
}

fn decode_tool_choice(
    fields: &mut Fields<'_, '_>,
    request: &mut ChatRequest,
    extra: &mut Extra,
) -> Result<(), DecodeError> {
    let root = fields.path;
    let path = root.member("tool_choice");
    let Some(raw) = fields.take("tool_choice") else { return Ok(()) };
    let mut choice = Fields::of(raw, path)?;
    request.tool_choice = Some(match choice.required_string("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Tool(choice.required_string("name")?),
        other => return Err(path.member("type").wrong_value("one of `auto`, `any`, `tool`, `none`", other)),
    });
    request.parallel_tool_calls = choice.boolean("disable_parallel_tool_use")?.map(|disabled| !disabled);
    keep(extra, "/tool_choice", &choice);
    Ok(())
}

/// `output_config`, and the older `output_format` beside it.
fn decode_output_config(
    fields: &mut Fields<'_, '_>,
    request: &mut ChatRequest,
    extra: &mut Extra,
) -> Result<(), DecodeError> {
    let root = fields.path;
    if let Some(raw) = fields.take("output_format") {
        request.response_format = Some(decode_format(raw, root.member("output_format"))?);
    }
    let path = root.member("output_config");
    let Some(raw) = fields.take("output_config") else { return Ok(()) };
    let mut config = Fields::of(raw, path)?;
    effort::take_word(&mut config, "effort", "/output_config/effort", extra)?;
    if let Some(raw) = config.take("format") {
        request.response_format = Some(decode_format(raw, path.member("format"))?);
    }
    keep(extra, "/output_config", &config);
    Ok(())
}

fn decode_format(raw: &RawValue, path: Path<'_>) -> Result<ResponseFormat, DecodeError> {
    let mut format = Fields::of(raw, path)?;
    match format.required_string("type")?.as_str() {
        "json_schema" => {
            let schema = format.required("schema")?.to_owned();
            Ok(ResponseFormat::JsonSchema { name: "response".to_owned(), schema, strict: Some(true) })
        }
        other => Err(path.member("type").wrong_value("`json_schema`", other)),
    }
}

fn array_of<'a>(
    raw: &'a RawValue,
    path: &Path<'_>,
) -> Result<impl Iterator<Item = &'a RawValue> + use<'a>, DecodeError> {
    if kind_of(raw.get()) != "an array" {
        return Err(path.wrong_type("a string or an array of blocks", raw));
    }
    Ok(json::elements(raw))
}

fn text_of(raw: &RawValue, path: &Path<'_>) -> Result<String, DecodeError> {
    as_text(raw).map(Cow::into_owned).ok_or_else(|| path.wrong_type("a string", raw))
}
