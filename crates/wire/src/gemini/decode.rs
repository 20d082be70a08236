//! A Gemini request, from bytes to the canonical form.
//!
//! A turn that carries function responses becomes one canonical message for each of them; `systemInstruction` becomes a
//! leading system message. Names are read in both spellings of proto3 JSON, since the SDKs write both. A response that
//! has no id belongs to the first call of its name that has none yet. Members and parts that this file does not know
//! are kept as they came.

use std::borrow::Cow;

use serde_json::value::{RawValue, to_raw_value};
use steersman_core::{
    ChatRequest, Image, Message, Part, Reasoning, ResponseFormat, Role, ToolCall, ToolChoice, ToolResult, ToolSpec,
};

use super::{NAME, OWN_ID, schema, seal};
use crate::effort;
use crate::error::DecodeError;
use crate::extra::{Extra, keep};
use crate::fields::{Fields, Path, as_text};
use crate::json::{self, RawObject, kind_of};

/// Reads a request body.
///
/// # Errors
/// [`DecodeError`], with the member at fault.
pub fn decode_request(body: &[u8]) -> Result<ChatRequest, DecodeError> {
    let mut fields = Fields::proto_document(body)?;
    let model = fields.required_string("model")?;
    let mut turns = Turns::default();
    turns.system(&mut fields)?;
    turns.contents(&mut fields)?;
    let Turns { messages, mut extra, .. } = turns;
    let mut request = ChatRequest { model, messages, dialect: Some(NAME), ..ChatRequest::default() };
    decode_tools(&mut fields, &mut request.tools, &mut extra)?;
    decode_tool_config(&mut fields, &mut request, &mut extra)?;
    let root = fields.path;
    if let Some(raw) = fields.take("generationConfig") {
        decode_config(Fields::proto(raw, root.member("generationConfig"))?, &mut request, &mut extra)?;
    }
    request.stream = fields.boolean("stream")?.unwrap_or(false);
    request.include_usage = request.stream;
    keep(&mut extra, "", &fields);
    request.extra = extra;
    effort::learn(&mut request);
    Ok(request)
}

#[derive(Default)]
struct Turns {
    messages: Vec<Message>,
    extra: Extra,
    /// Calls so far: id, name, and whether a response has come.
    calls: Vec<(String, String, bool)>,
}

impl Turns {
    fn system(&mut self, fields: &mut Fields<'_, '_>) -> Result<(), DecodeError> {
        let root = fields.path;
        let path = root.member("systemInstruction");
        let Some(raw) = fields.take("systemInstruction") else { return Ok(()) };
        let mut system = Fields::proto(raw, path)?;
        // Any role may stand there, and none is heard.
        system.take("role");
        self.parts(&mut system, Role::System)?;
        keep(&mut self.extra, "/messages/0", &system);
        Ok(())
    }

    fn contents(&mut self, fields: &mut Fields<'_, '_>) -> Result<(), DecodeError> {
        let root = fields.path;
        let list = root.member("contents");
        let contents = fields.array("contents")?.ok_or_else(|| list.missing())?;
        for (i, raw) in contents.enumerate() {
            let mut content = Fields::proto(raw, list.element(i))?;
            let path = content.path;
            let role = match content.string("role")?.as_deref() {
                None | Some("user" | "function") => Role::User,
                Some("model") => Role::Assistant,
                Some(other) => return Err(path.member("role").wrong_value("`user` or `model`", other)),
            };
            let first = self.messages.len();
            self.parts(&mut content, role)?;
            keep(&mut self.extra, &format!("/messages/{first}"), &content);
        }
        Ok(())
    }

    /// The parts of one turn; function responses become messages of their own, in place.
    fn parts(&mut self, content: &mut Fields<'_, '_>, role: Role) -> Result<(), DecodeError> {
        let path = content.path;
        let list = path.member("parts");
        let mut open = false;
        for (i, raw) in content.array("parts")?.into_iter().flatten().enumerate() {
            let mut part = Fields::proto(raw, list.element(i))?;
            if let Some(response) = part.take("functionResponse") {
                let result = self.result(response, list.element(i).member("functionResponse"))?;
                self.messages.push(Message { role: Role::Tool, parts: vec![Part::ToolResult(result)] });
                open = false;
            } else {
                if !std::mem::replace(&mut open, true) {
                    self.messages.push(Message { role, parts: Vec::new() });
                }
                self.part(&mut part, raw)?;
            }
            let (message, at) = self.place();
            keep(&mut self.extra, &format!("/messages/{message}/parts/{at}"), &part);
        }
        Ok(())
    }

    /// Where the last part lies.
    fn place(&self) -> (usize, usize) {
        let parts = self.messages.last().map_or(0, |message| message.parts.len());
        (self.messages.len().saturating_sub(1), parts.saturating_sub(1))
    }

    fn part(&mut self, part: &mut Fields<'_, '_>, raw: &RawValue) -> Result<(), DecodeError> {
        let path = part.path;
        let signature = part.string("thoughtSignature")?;
        let thought = part.boolean("thought")?.unwrap_or(false);
        if thought {
            let text = part.string("text")?.unwrap_or_default();
            self.push(Part::Reasoning(seal::open_thought(text, signature)));
            return Ok(());
        }
        if let Some(signature) = signature {
            let signature = Some(seal::open_next(&signature));
            self.push(Part::Reasoning(Reasoning { signature, ..Reasoning::default() }));
        }
        let decoded = if let Some(call) = part.take("functionCall") {
            Part::ToolCall(self.call(call, path.member("functionCall"))?)
        } else if let Some(raw) = part.take_if("inlineData", is_image) {
            let mut data = Fields::proto(raw, path.member("inlineData"))?;
            Part::Image(Image::Base64 {
                media_type: data.required_string("mimeType")?,
                data: data.required_string("data")?,
            })
        } else if let Some(raw) = part.take_if("fileData", is_image) {
            let mut file = Fields::proto(raw, path.member("fileData"))?;
            Part::Image(Image::Url(file.required_string("fileUri")?))
        } else if let Some(text) = part.string("text")? {
            // An empty text that only carries a signature says nothing else.
            if text.is_empty() && self.ends_with_a_seal() {
                return Ok(());
            }
            Part::Text(text)
        } else {
            part.take_all();
            Part::Foreign { dialect: NAME, json: raw.to_owned() }
        };
        self.push(decoded);
        Ok(())
    }

    fn ends_with_a_seal(&self) -> bool {
        matches!(self.messages.last().and_then(|message| message.parts.last()), Some(Part::Reasoning(_)))
    }

    fn push(&mut self, part: Part) {
        if let Some(message) = self.messages.last_mut() {
            message.parts.push(part);
        }
    }

    fn call(&mut self, raw: &RawValue, path: Path<'_>) -> Result<ToolCall, DecodeError> {
        let mut call = Fields::proto(raw, path)?;
        let name = call.required_string("name")?;
        let given = call.string("id")?.filter(|id| !id.is_empty());
        let id = given.unwrap_or_else(|| format!("{OWN_ID}{}", self.calls.len()));
        self.calls.push((id.clone(), name.clone(), false));
        let arguments = call.take("args").map_or_else(|| "{}".to_owned(), |args| args.get().to_owned());
        Ok(ToolCall { id, name, arguments })
    }

    fn result(&mut self, raw: &RawValue, path: Path<'_>) -> Result<ToolResult, DecodeError> {
        let mut result = Fields::proto(raw, path)?;
        let name = result.required_string("name")?;
        let given = result.string("id")?.filter(|id| !id.is_empty());
        let open = |(id, called, answered): &&mut (String, String, bool)| match &given {
            Some(given) => id == given,
            None => *called == name && !*answered,
        };
        let call = self.calls.iter_mut().find(open).map(|(id, _, answered)| {
            *answered = true;
            id.clone()
        });
        let call_id = given.or(call).unwrap_or_else(|| format!("{OWN_ID}{name}"));
        let (mut parts, mut is_error) = (Vec::new(), false);
        if let Some(response) = result.take("response") {
            let (text, failed) = read_response(response);
            (parts, is_error) = (vec![Part::Text(text)], failed);
        }
        let list = path.member("parts");
        for (i, raw) in result.array("parts")?.into_iter().flatten().enumerate() {
            let part_path = list.element(i);
            let mut part = Fields::proto(raw, part_path)?;
            match part.take_if("inlineData", is_image) {
                Some(data) => {
                    let mut data = Fields::proto(data, part_path.member("inlineData"))?;
                    let media_type = data.required_string("mimeType")?;
                    parts.push(Part::Image(Image::Base64 { media_type, data: data.required_string("data")? }));
                }
                None => parts.push(Part::Foreign { dialect: NAME, json: raw.to_owned() }),
            }
        }
        Ok(ToolResult { call_id, parts, is_error })
    }
}

/// The text of a response, and whether it tells of a failure: a lone `output` or `error` is unwrapped.
fn read_response(raw: &RawValue) -> (String, bool) {
    let object = RawObject::of(raw).ok();
    if let Some([member]) = object.as_ref().map(RawObject::members)
        && let Some(text) = as_text(member.value)
        && (member.key == "output" || member.key == "error")
    {
        return (text.into_owned(), member.key == "error");
    }
    (raw.get().to_owned(), false)
}

/// Whether data or a file is an image; a file that does not say is taken for one.
fn is_image(raw: &RawValue) -> bool {
    let data = RawObject::of(raw).ok().map(RawObject::in_camel_case);
    let kind = data.and_then(|data| data.get("mimeType").and_then(as_text).map(Cow::into_owned));
    kind.is_none_or(|kind| kind.starts_with("image/"))
}

fn decode_tools(fields: &mut Fields<'_, '_>, tools: &mut Vec<ToolSpec>, extra: &mut Extra) -> Result<(), DecodeError> {
    let root = fields.path;
    let list = root.member("tools");
    let mut place = 0;
    for (i, raw) in fields.array("tools")?.into_iter().flatten().enumerate() {
        let mut tool = Fields::proto(raw, list.element(i))?;
        let path = tool.path;
        let declarations = path.member("functionDeclarations");
        for (j, raw) in tool.array("functionDeclarations")?.into_iter().flatten().enumerate() {
            let mut function = Fields::proto(raw, declarations.element(j))?;
            let newer = function.take("parametersJsonSchema").map(ToOwned::to_owned);
            let parameters = newer.or_else(|| function.take("parameters").map(schema::read));
            let pointer = format!("/tools/{}", tools.len());
            tools.push(ToolSpec {
                name: function.required_string("name")?,
                description: function.string("description")?,
                parameters,
                strict: None,
            });
            keep(extra, &pointer, &function);
            place += 1;
        }
        for (name, value) in tool.rest() {
            let whole = serde_json::json!({ name: value });
            extra.push((format!("/tools/{place}"), to_raw_value(&whole).expect("invariant: JSON serialises")));
            place += 1;
        }
    }
    Ok(())
}

fn decode_tool_config(
    fields: &mut Fields<'_, '_>,
    request: &mut ChatRequest,
    extra: &mut Extra,
) -> Result<(), DecodeError> {
    let root = fields.path;
    let path = root.member("toolConfig");
    let Some(raw) = fields.take("toolConfig") else { return Ok(()) };
    let mut config = Fields::proto(raw, path)?;
    if let Some(raw) = config.take("functionCallingConfig") {
        let path = path.member("functionCallingConfig");
        let mut calling = Fields::proto(raw, path)?;
        let mode = calling.string("mode")?.unwrap_or_default();
        let one = |raw: &RawValue| json::elements(raw).count() == 1;
        request.tool_choice = match mode.as_str() {
            "AUTO" | "" | "MODE_UNSPECIFIED" => Some(ToolChoice::Auto),
            "NONE" => Some(ToolChoice::None),
            "ANY" => match calling.take_if("allowedFunctionNames", one).and_then(|raw| json::elements(raw).next()) {
                Some(name) => as_text(name).map(|name| ToolChoice::Tool(name.into_owned())),
                None => Some(ToolChoice::Required),
            },
            _ => {
                extra.push(("/toolConfig/functionCallingConfig/mode".to_owned(), raw_string(&mode)));
                None
            }
        };
        keep(extra, "/toolConfig/functionCallingConfig", &calling);
    }
    keep(extra, "/toolConfig", &config);
    Ok(())
}

fn decode_config(mut config: Fields<'_, '_>, request: &mut ChatRequest, extra: &mut Extra) -> Result<(), DecodeError> {
    let path = config.path;
    request.max_output_tokens = config.unsigned("maxOutputTokens")?;
    request.temperature = config.number("temperature", 2.0, "a number between 0 and 2")?;
    request.top_p = config.number("topP", 1.0, "a number between 0 and 1")?;
    request.seed = config.integer("seed")?;
    request.n = config.unsigned("candidateCount")?.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let stops = path.member("stopSequences");
    for (i, raw) in config.array("stopSequences")?.into_iter().flatten().enumerate() {
        let text = as_text(raw).ok_or_else(|| stops.element(i).wrong_type("a string", raw))?;
        request.stop.push(text.into_owned());
    }
    let schema = schema::asked(|key| config.take(key)).map(Cow::into_owned);
    let json = |raw: &RawValue| as_text(raw).is_some_and(|kind| kind == "application/json" || kind == "text/plain");
    let kind = config.take_if("responseMimeType", json).and_then(as_text);
    request.response_format = match (schema, kind.as_deref()) {
        (Some(schema), _) => {
            Some(ResponseFormat::JsonSchema { name: "response".to_owned(), schema, strict: Some(true) })
        }
        (None, Some("application/json")) => Some(ResponseFormat::JsonObject),
        (None, Some(_)) => Some(ResponseFormat::Text),
        (None, None) => None,
    };
    if let Some(raw) = config.take("thinkingConfig") {
        let mut thinking = Fields::proto(raw, path.member("thinkingConfig"))?;
        let level = "/generationConfig/thinkingConfig/thinkingLevel";
        effort::take_word(&mut thinking, "thinkingLevel", level, extra)?;
        keep(extra, "/generationConfig/thinkingConfig", &thinking);
    }
    // Text is what every answer is; other kinds are asked for on purpose.
    config.take_if("responseModalities", |raw| {
        kind_of(raw.get()) == "an array" && json::elements(raw).all(|kind| as_text(kind).is_some_and(|k| k == "TEXT"))
    });
    keep(extra, "/generationConfig", &config);
    Ok(())
}

fn raw_string(text: &str) -> Box<RawValue> {
    to_raw_value(text).expect("invariant: a string serialises")
}
