//! A responses request, from bytes to the canonical form.
//!
//! Strict where a value would be misread, open where the API grows: an item or a content part of unknown type becomes
//! [`Part::Foreign`], a member that this file does not know is kept as it came.

use serde_json::value::RawValue;
use steersman_core::{ChatRequest, Message, Part, ResponseFormat, Role, ToolCall, ToolResult, ToolSpec};

use super::{NAME, seal};
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
    let mut items = Items::default();
    let model = fields.required_string("model")?;
    if let Some(text) = fields.string("instructions")? {
        items.messages.push(Message { role: Role::System, parts: vec![Part::Text(text)] });
        items.extra.push(("instructions".to_owned(), RawValue::NULL.to_owned()));
    }
    items.read(&mut fields)?;
    let Items { messages, mut extra, .. } = items;
    let mut request = ChatRequest { model, messages, dialect: Some(NAME), ..ChatRequest::default() };
    decode_tools(&mut fields, &mut request.tools, &mut extra, decode_tool)?;
    let choice = |raw: &RawValue| openai::tool_choice(raw, None);
    request.tool_choice = fields.take_if("tool_choice", |raw| choice(raw).is_some()).and_then(choice);
    request.parallel_tool_calls = fields.boolean("parallel_tool_calls")?;
    request.response_format = decode_text(&mut fields, &mut extra)?;
    request.max_output_tokens = fields.unsigned("max_output_tokens")?;
    request.temperature = fields.number("temperature", 2.0, "a number between 0 and 2")?;
    request.top_p = fields.number("top_p", 1.0, "a number between 0 and 1")?;
    let root = fields.path;
    if let Some(raw) = fields.take("reasoning") {
        let mut reasoning = Fields::of(raw, root.member("reasoning"))?;
        effort::take_word(&mut reasoning, "effort", "/reasoning/effort", &mut extra)?;
        keep(&mut extra, "/reasoning", &reasoning);
    }
    request.user = fields.string("user")?;
    request.stream = fields.boolean("stream")?.unwrap_or(false);
    request.include_usage = request.stream;
    keep(&mut extra, "", &fields);
    request.extra = extra;
    effort::learn(&mut request);
    Ok(request)
}

/// The items of a conversation, on their way to messages.
#[derive(Default)]
struct Items {
    messages: Vec<Message>,
    extra: Extra,
    /// Whether the last message is the model's and may take further items.
    open: bool,
    /// Whether it holds a `message` item already: two stay two.
    has_message: bool,
}

impl Items {
    fn read(&mut self, fields: &mut Fields<'_, '_>) -> Result<(), DecodeError> {
        let root = fields.path;
        let raw = fields.required("input")?;
        let path = root.member("input");
        if let Some(text) = as_text(raw) {
            self.messages.push(Message { role: Role::User, parts: vec![Part::Text(text.into_owned())] });
            return Ok(());
        }
        if kind_of(raw.get()) != "an array" {
            return Err(path.wrong_type("a string or an array of items", raw));
        }
        for (i, raw) in json::elements(raw).enumerate() {
            self.item(raw, path.element(i))?;
        }
        Ok(())
    }

    fn item(&mut self, raw: &RawValue, path: Path<'_>) -> Result<(), DecodeError> {
        let mut item = Fields::of(raw, path)?;
        let kind = item.string("type")?.unwrap_or_else(|| "message".to_owned());
        match kind.as_str() {
            "message" => self.message(&mut item),
            "function_call" => {
                let call = ToolCall {
                    id: item.required_string("call_id")?,
                    name: item.required_string("name")?,
                    arguments: item.string("arguments")?.unwrap_or_default(),
                };
                let pointer = self.push(Part::ToolCall(call));
                keep(&mut self.extra, &pointer, &item);
                Ok(())
            }
            "function_call_output" => self.output(&mut item),
            "reasoning" => self.reasoning(&mut item),
            other if other.ends_with("_output") => {
                self.open = false;
                let part = Part::Foreign { dialect: NAME, json: raw.to_owned() };
                self.messages.push(Message { role: Role::Tool, parts: vec![part] });
                Ok(())
            }
            _ => {
                self.push(Part::Foreign { dialect: NAME, json: raw.to_owned() });
                Ok(())
            }
        }
    }

    /// Adds a part to the model's open message, or to a new one. Gives its pointer.
    fn push(&mut self, part: Part) -> String {
        if !self.open {
            (self.open, self.has_message) = (true, false);
            self.messages.push(Message { role: Role::Assistant, parts: Vec::new() });
        }
        let at = self.messages.len() - 1;
        let parts = &mut self.messages.last_mut().expect("invariant: a message was just opened").parts;
        parts.push(part);
        format!("/messages/{at}/parts/{}", parts.len() - 1)
    }

    fn message(&mut self, item: &mut Fields<'_, '_>) -> Result<(), DecodeError> {
        let path = item.path;
        let word = item.required_string("role")?;
        let role = match word.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => {
                let expected = "one of `system`, `developer`, `user`, `assistant`";
                return Err(path.member("role").wrong_value(expected, other));
            }
        };
        let joins = role == Role::Assistant && self.open && !self.has_message;
        if !joins {
            self.messages.push(Message { role, parts: Vec::new() });
        }
        (self.open, self.has_message) = (role == Role::Assistant, true);
        let index = self.messages.len() - 1;
        if word == "developer" {
            self.extra.push((format!("/messages/{index}/role"), RawValue::NULL.to_owned()));
        }
        let mut parts = std::mem::take(&mut self.messages.last_mut().expect("invariant: there is a message").parts);
        let content = item.required("content")?;
        let pointer = format!("/messages/{index}/parts");
        decode_content(content, path.member("content"), &pointer, &mut parts, &mut self.extra)?;
        self.messages.last_mut().expect("invariant: there is a message").parts = parts;
        keep(&mut self.extra, &format!("/messages/{index}"), item);
        Ok(())
    }

    fn output(&mut self, item: &mut Fields<'_, '_>) -> Result<(), DecodeError> {
        self.open = false;
        let index = self.messages.len();
        let pointer = format!("/messages/{index}/parts/0");
        let (path, call_id, mut parts) = (item.path, item.required_string("call_id")?, Vec::new());
        let output = item.required("output")?;
        decode_content(output, path.member("output"), &format!("{pointer}/parts"), &mut parts, &mut self.extra)?;
        let result = ToolResult { call_id, parts, is_error: false };
        self.messages.push(Message { role: Role::Tool, parts: vec![Part::ToolResult(result)] });
        keep(&mut self.extra, &pointer, item);
        Ok(())
    }

    fn reasoning(&mut self, item: &mut Fields<'_, '_>) -> Result<(), DecodeError> {
        let encrypted = item.string("encrypted_content")?;
        // An id without a seal is a reference that only its provider can follow.
        let id = if encrypted.is_some() { item.string("id")? } else { None };
        let thought = seal::open(id, thought(item)?, encrypted);
        let pointer = self.push(Part::Reasoning(thought));
        keep(&mut self.extra, &pointer, item);
        Ok(())
    }
}

/// The readable text of a reasoning item: its summary, or its content where there is no summary.
pub(super) fn thought(item: &mut Fields<'_, '_>) -> Result<String, DecodeError> {
    let path = item.path;
    for key in ["summary", "content"] {
        let list = path.member(key);
        let mut texts = Vec::new();
        for (i, raw) in item.array(key)?.into_iter().flatten().enumerate() {
            texts.extend(Fields::of(raw, list.element(i))?.string("text")?);
        }
        if !texts.is_empty() {
            return Ok(texts.join("\n\n"));
        }
    }
    Ok(String::new())
}

fn decode_content(
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
    if kind_of(content.get()) != "an array" {
        return Err(path.wrong_type("a string or an array of parts", content));
    }
    for (i, raw) in json::elements(content).enumerate() {
        let pointer = format!("{pointer}/{}", parts.len());
        parts.push(decode_part(raw, path.element(i), &pointer, extra)?);
    }
    Ok(())
}

fn decode_part(raw: &RawValue, path: Path<'_>, pointer: &str, extra: &mut Extra) -> Result<Part, DecodeError> {
    let foreign = || Ok(Part::Foreign { dialect: NAME, json: raw.to_owned() });
    let mut part = Fields::of(raw, path)?;
    let decoded = match part.required_string("type")?.as_str() {
        "input_text" => Part::Text(part.required_string("text")?),
        "output_text" => {
            // Both are empty as a rule; an empty list says nothing.
            part.take_if("annotations", |raw| raw.get() == "[]");
            part.take_if("logprobs", |raw| raw.get() == "[]");
            Part::Text(part.required_string("text")?)
        }
        "refusal" => Part::Refusal(part.required_string("refusal")?),
        "input_image" => match part.string("image_url")? {
            Some(url) => Part::Image(image_of(url)),
            None => return foreign(),
        },
        _ => return foreign(),
    };
    keep(extra, pointer, &part);
    Ok(decoded)
}

fn decode_tool(tool: &mut Fields<'_, '_>, pointer: &str, extra: &mut Extra) -> Result<Option<ToolSpec>, DecodeError> {
    if tool.required_string("type")? != "function" {
        return Ok(None);
    }
    let spec = ToolSpec {
        name: tool.required_string("name")?,
        description: tool.string("description")?,
        parameters: tool.take("parameters").map(ToOwned::to_owned),
        strict: tool.boolean("strict")?,
    };
    keep(extra, pointer, tool);
    Ok(Some(spec))
}

fn decode_text(fields: &mut Fields<'_, '_>, extra: &mut Extra) -> Result<Option<ResponseFormat>, DecodeError> {
    let root = fields.path;
    let path = root.member("text");
    let Some(raw) = fields.take("text") else { return Ok(None) };
    let mut text = Fields::of(raw, path)?;
    let raw = text.take("format");
    keep(extra, "/text", &text);
    let Some(raw) = raw else { return Ok(None) };
    openai::decode_format(raw, path.member("format"), None, "/text/format", extra)
}
