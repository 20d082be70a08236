//! A Messages request, from the canonical form to bytes.
//!
//! Turns alternate: neighbouring messages of one side are merged, tool results speak for the user. System messages move
//! to the front, where the dialect has its only place for them; one that stood later is named as moved.
//!
//! What never happens here: a part of the request is left out without an error or a named loss.

use std::borrow::Cow;

use steersman_core::{ChatRequest, ContentHash, Image, Part, Reasoning, ResponseFormat, Role, ToolChoice, ToolResult};

use super::NAME;
use super::think::Thinking;
use crate::effort;
use crate::error::{EncodeError, Encoded, Loss};
use crate::extra::Extras;
use crate::json::RawObject;
use crate::write::{self, Object};
use crate::{gemini, openai_responses};

/// The limit that is written where the request has none: the dialect demands one. It is the largest that every model
/// since 2024 takes.
pub const DEFAULT_MAX_TOKENS: u64 = 8192;

/// Writes a request body.
///
/// # Errors
/// [`EncodeError`] for what the dialect cannot express and what may not be left out: several answers, JSON without a
/// schema, tool calls whose arguments are no JSON object, parts and tools of other dialects.
pub fn encode_request(request: &ChatRequest) -> Result<Encoded, EncodeError> {
    let mut losses = Vec::new();
    let extras = Extras::open(request, NAME, &mut losses)?;
    refuse_what_has_no_words(request)?;
    let (spelled, unsigned) = (effort::is_spelled(&extras), goes_on_unsigned(request));
    let thinking = Thinking::of(request, spelled, unsigned, &mut losses)?;
    let mut turns = Turns { extras: &extras, losses: &mut losses, native: request.dialect == Some(NAME) };
    let system = turns.system(request)?;
    let messages = turns.messages(request)?;
    let mut body = Vec::with_capacity(messages.len() + system.len() + 512);
    write::object(&mut body, |out| {
        out.string("model", &request.model);
        let limit = request.max_output_tokens.unwrap_or_else(|| {
            let what = match thinking {
                Thinking::Enabled(_) => "set to 8192 beside the thinking: the dialect demands a limit",
                _ => "set to 8192: the dialect demands a limit",
            };
            losses.push(Loss { param: "max_tokens".to_owned(), what });
            thinking.limit(DEFAULT_MAX_TOKENS)
        });
        out.value("max_tokens", limit);
        if !system.is_empty() {
            out.member("system").extend_from_slice(&system);
        }
        out.member("messages").extend_from_slice(&messages);
        write_tools(request, &extras, out);
        write_tool_choice(request, &extras, out);
        write_output_config(request, &extras, thinking, out);
        write_parameters(request, &extras, thinking, &mut losses, out);
        extras.write_top(out);
    });
    Ok(Encoded { body, losses })
}

pub(super) fn unsupported(param: impl Into<String>, what: &'static str) -> EncodeError {
    EncodeError::unsupported(NAME, param, what)
}

fn refuse_what_has_no_words(request: &ChatRequest) -> Result<(), EncodeError> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(unsupported("n", "several answers to one request"));
    }
    if matches!(request.response_format, Some(ResponseFormat::JsonObject)) {
        return Err(unsupported("response_format", "a JSON answer without a schema"));
    }
    if request.stop.iter().any(|text| text.trim().is_empty()) {
        return Err(unsupported("stop", "a stop text of white space"));
    }
    Ok(())
}

struct Turns<'r, 'l> {
    extras: &'r Extras<'r>,
    losses: &'l mut Vec<Loss>,
    /// Whether the request came in this dialect, so that unsigned thinking may go back where it came from.
    native: bool,
}

impl Turns<'_, '_> {
    /// The `system` member: all system messages; empty if there is none.
    fn system(&mut self, request: &ChatRequest) -> Result<Vec<u8>, EncodeError> {
        let mut blocks = Vec::new();
        let mut spoken = false;
        for (i, message) in request.messages.iter().enumerate() {
            if message.role != Role::System {
                spoken = true;
                continue;
            }
            if spoken {
                let what = "moved to the front: the dialect has one place for system text";
                self.losses.push(Loss { param: format!("messages[{i}]"), what });
            }
            for (j, part) in message.parts.iter().enumerate() {
                if matches!(part, Part::Text(_) | Part::Foreign { dialect: NAME, .. }) {
                    blocks.push((i, j, part));
                } else {
                    return Err(unsupported(format!("messages[{i}].parts[{j}]"), "anything but text for the system"));
                }
            }
        }
        let mut out = Vec::new();
        if !blocks.is_empty() {
            self.write_content(&blocks, &mut out)?;
        }
        Ok(out)
    }

    fn messages(&mut self, request: &ChatRequest) -> Result<Vec<u8>, EncodeError> {
        let spoken: Vec<_> = request.messages.iter().enumerate().filter(|(_, m)| m.role != Role::System).collect();
        let mut out = vec![b'['];
        for turn in spoken.chunk_by(|(_, a), (_, b)| (a.role == Role::Assistant) == (b.role == Role::Assistant)) {
            let Some((first, message)) = turn.first() else { continue };
            let assistant = message.role == Role::Assistant;
            let mut blocks = Vec::new();
            for (i, message) in turn {
                for (j, part) in message.parts.iter().enumerate() {
                    if self.admits(*i, j, part, assistant)? {
                        blocks.push((*i, j, part));
                    }
                }
            }
            // The dialect refuses empty text beside other blocks, and it says nothing.
            if blocks.iter().any(|(_, _, part)| !is_empty_text(part)) {
                blocks.retain(|(_, _, part)| !is_empty_text(part));
            }
            if out.len() > 1 {
                out.push(b',');
            }
            let mut content = Vec::new();
            self.write_content(&blocks, &mut content)?;
            write::object(&mut out, |out| {
                out.string("role", if assistant { "assistant" } else { "user" });
                out.member("content").extend_from_slice(&content);
                self.extras.write_at(&format!("/messages/{first}"), out);
            });
        }
        out.push(b']');
        Ok(out)
    }

    /// Whether a part may be written in a turn of this side; what is left out is named.
    fn admits(&mut self, i: usize, j: usize, part: &Part, assistant: bool) -> Result<bool, EncodeError> {
        let param = || format!("messages[{i}].parts[{j}]");
        match part {
            Part::Image(_) if assistant => Err(unsupported(param(), "an image in an assistant turn")),
            Part::Image(Image::Url(url)) if url.starts_with("data:") => {
                Err(unsupported(param(), "a data URL that is not base64"))
            }
            Part::ToolCall(_) if !assistant => Err(unsupported(param(), "a tool call outside of an assistant turn")),
            Part::ToolResult(_) if assistant => Err(unsupported(param(), "a tool result in an assistant turn")),
            Part::Foreign { dialect, .. } if *dialect != NAME => {
                Err(unsupported(param(), "a part that another dialect wrote"))
            }
            Part::Reasoning(thought) => match cannot_go_back(thought, self.native) {
                Some(what) => {
                    self.losses.push(Loss { param: param(), what });
                    Ok(false)
                }
                None => Ok(true),
            },
            Part::Refusal(_) => {
                self.losses
                    .push(Loss { param: param(), what: "written as text: the dialect has no refusals in a request" });
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    /// A string where one text says it all, else a list of blocks.
    fn write_content(&mut self, blocks: &[(usize, usize, &Part)], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if let [(i, j, Part::Text(text))] = blocks
            && !self.extras.any_at(&format!("/messages/{i}/parts/{j}"))
        {
            write::string(out, text);
            return Ok(());
        }
        out.push(b'[');
        for (at, (i, j, part)) in blocks.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            self.write_block(part, &format!("/messages/{i}/parts/{j}"), out)?;
        }
        out.push(b']');
        Ok(())
    }

    fn write_block(&mut self, part: &Part, pointer: &str, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let extras = self.extras;
        match part {
            Part::Text(text) | Part::Refusal(text) => write::object(out, |out| {
                out.string("type", "text");
                out.string("text", text);
                extras.write_at(pointer, out);
            }),
            Part::Image(image) => write::object(out, |out| {
                out.string("type", "image");
                out.object("source", |out| write_image(image, out));
                extras.write_at(pointer, out);
            }),
            Part::ToolCall(call) => {
                let input = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
                if RawObject::parse(input.as_bytes()).is_err() {
                    return Err(unsupported(
                        format!("{}.arguments", param_of(pointer)),
                        "arguments that are no JSON object",
                    ));
                }
                write::object(out, |out| {
                    out.string("type", "tool_use");
                    out.string("id", &call_id(&call.id));
                    out.string("name", &call.name);
                    out.json("input", input);
                    extras.write_at(pointer, out);
                });
            }
            Part::ToolResult(result) => self.write_result(result, pointer, out)?,
            Part::Reasoning(thought) => write::object(out, |out| {
                super::write_thinking(thought, out);
                extras.write_at(pointer, out);
            }),
            Part::Foreign { json, .. } => out.extend_from_slice(json.get().as_bytes()),
        }
        Ok(())
    }

    fn write_result(&mut self, result: &ToolResult, pointer: &str, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let extras = self.extras;
        let mut content = Vec::new();
        match result.parts.as_slice() {
            [] => {}
            [Part::Text(text)] if !extras.any_at(&format!("{pointer}/parts/0")) => write::string(&mut content, text),
            parts => {
                content.push(b'[');
                for (k, part) in parts.iter().enumerate() {
                    if k > 0 {
                        content.push(b',');
                    }
                    let within = matches!(part, Part::Text(_) | Part::Image(_) | Part::Foreign { dialect: NAME, .. });
                    if !within {
                        return Err(unsupported(param_of(pointer), "this part in a tool result"));
                    }
                    self.write_block(part, &format!("{pointer}/parts/{k}"), &mut content)?;
                }
                content.push(b']');
            }
        }
        write::object(out, |out| {
            out.string("type", "tool_result");
            out.string("tool_use_id", &call_id(&result.call_id));
            if !content.is_empty() {
                out.member("content").extend_from_slice(&content);
            }
            if result.is_error {
                out.value("is_error", true);
            }
            extras.write_at(pointer, out);
        });
        Ok(())
    }
}

/// Whether a signature says that a provider of another dialect made it.
fn is_sealed_elsewhere(signature: &str) -> bool {
    openai_responses::is_sealed_here(signature) || gemini::is_sealed_here(signature)
}

/// Why a thought cannot go back to the model. `native`: the request came in this dialect.
fn cannot_go_back(thought: &Reasoning, native: bool) -> Option<&'static str> {
    match (thought.signature.as_deref(), thought.redacted.is_some()) {
        (None, false) if !native => Some("left out: thinking without a signature cannot go back"),
        (Some(seal), _) if is_sealed_elsewhere(seal) => Some("left out: another provider sealed this thinking"),
        _ => None,
    }
}

/// Whether results of calls are handed to a turn that does not begin with a thought of the model's own. Source:
/// "Building with extended thinking", on tool use: under a budget the API wants that turn with its signed thinking.
fn goes_on_unsigned(request: &ChatRequest) -> bool {
    let native = request.dialect == Some(NAME);
    let spoken = request.messages.iter().rev().filter(|message| message.role != Role::System);
    let mut last = spoken.skip_while(|message| message.role != Role::Assistant).peekable();
    let answered = request.messages.iter().rev().take_while(|message| message.role != Role::Assistant);
    if !answered.flat_map(|message| &message.parts).any(|part| matches!(part, Part::ToolResult(_))) {
        return false;
    }
    let is_written = |part: &&Part| match part {
        part if is_empty_text(part) => false,
        Part::Reasoning(thought) => cannot_go_back(thought, native).is_none(),
        _ => true,
    };
    let mut first = None;
    while let Some(message) = last.next_if(|message| message.role == Role::Assistant) {
        first = message.parts.iter().find(is_written).or(first);
    }
    !matches!(first, Some(Part::Reasoning(_)))
}

const fn is_empty_text(part: &Part) -> bool {
    matches!(part, Part::Text(text) if text.is_empty())
}

/// `messages[0].parts[1]` of `/messages/0/parts/1`.
fn param_of(pointer: &str) -> String {
    let tokens = pointer.split('/').filter(|token| !token.is_empty());
    tokens.fold(String::new(), |param, token| match (param.is_empty(), token.parse::<usize>()) {
        (_, Ok(index)) => format!("{param}[{index}]"),
        (true, Err(_)) => token.to_owned(),
        (false, Err(_)) => format!("{param}.{token}"),
    })
}

/// A call id in the dialect's alphabet (`[a-zA-Z0-9_-]`). Other providers' ids are mapped, the same for a call and its
/// result, with a piece of their hash so that two never meet.
fn call_id(id: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(fits) {
        return Cow::Borrowed(id);
    }
    let mapped: String = id.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    let hash: String = ContentHash::of(id.as_bytes()).to_string().chars().take(8).collect();
    Cow::Owned(format!("{mapped}_{hash}"))
}

fn write_image(image: &Image, out: &mut Object<'_>) {
    match image {
        Image::Url(url) => {
            out.string("type", "url");
            out.string("url", url);
        }
        Image::Base64 { media_type, data } => {
            out.string("type", "base64");
            out.string("media_type", media_type);
            out.string("data", data);
        }
    }
}

fn write_tools(request: &ChatRequest, extras: &Extras<'_>, out: &mut Object<'_>) {
    let slots = extras.tool_slots(request);
    if slots.is_empty() {
        return;
    }
    out.array("tools", slots, |out, slot| match slot {
        Err(foreign) => out.extend_from_slice(foreign.get().as_bytes()),
        Ok((i, tool)) => write::object(out, |out| {
            out.string("name", &tool.name);
            out.optional("description", tool.description.as_deref());
            match &tool.parameters {
                Some(schema) => out.raw("input_schema", schema),
                None => out.json("input_schema", r#"{"type":"object","properties":{}}"#),
            }
            out.optional("strict", tool.strict);
            extras.write_at(&format!("/tools/{i}"), out);
        }),
    });
}

fn write_tool_choice(request: &ChatRequest, extras: &Extras<'_>, out: &mut Object<'_>) {
    let serial = request.parallel_tool_calls == Some(false) && !request.tools.is_empty();
    let choice = match &request.tool_choice {
        None if serial => &ToolChoice::Auto,
        None => return,
        Some(choice) => choice,
    };
    out.object("tool_choice", |out| {
        match choice {
            ToolChoice::Auto => out.string("type", "auto"),
            ToolChoice::None => out.string("type", "none"),
            ToolChoice::Required => out.string("type", "any"),
            ToolChoice::Tool(name) => {
                out.string("type", "tool");
                out.string("name", name);
            }
        }
        if let Some(parallel) = request.parallel_tool_calls.filter(|_| *choice != ToolChoice::None) {
            out.value("disable_parallel_tool_use", !parallel);
        }
        extras.write_at("/tool_choice", out);
    });
}

fn write_output_config(request: &ChatRequest, extras: &Extras<'_>, thinking: Thinking<'_>, out: &mut Object<'_>) {
    let effort = thinking.word();
    let schema = match &request.response_format {
        Some(ResponseFormat::JsonSchema { schema, .. }) => Some(schema),
        _ => None,
    };
    if effort.is_some() || schema.is_some() || extras.any_at("/output_config") {
        out.object("output_config", |out| {
            out.optional("effort", effort);
            if let Some(schema) = schema {
                out.object("format", |out| {
                    out.string("type", "json_schema");
                    out.raw("schema", schema);
                });
            }
            extras.write_at("/output_config", out);
        });
    }
    thinking.write(out);
}

fn write_parameters(
    request: &ChatRequest,
    extras: &Extras<'_>,
    thinking: Thinking<'_>,
    losses: &mut Vec<Loss>,
    out: &mut Object<'_>,
) {
    let mut sampled = |param: &str, value: Option<f64>| {
        let left_out = thinking.is_on() && value.is_some_and(|value| value < 1.0);
        let what = "left out: a model that thinks has none";
        losses.extend(left_out.then(|| Loss { param: param.to_owned(), what }));
        value.filter(|_| !left_out)
    };
    let (temperature, top_p) = (sampled("temperature", request.temperature), sampled("top_p", request.top_p));
    if let Some(temperature) = temperature {
        if temperature > 1.0 {
            losses.push(Loss { param: "temperature".to_owned(), what: "lowered to 1, the most there is" });
        }
        out.value("temperature", temperature.min(1.0));
    }
    out.optional("top_p", top_p);
    if !request.stop.is_empty() {
        out.array("stop_sequences", &request.stop, |out, text| write::string(out, text));
    }
    if request.seed.is_some() {
        losses.push(Loss { param: "seed".to_owned(), what: "left out: the dialect has no seed" });
    }
    if request.user.is_some() || extras.any_at("/metadata") {
        out.object("metadata", |out| {
            out.optional("user_id", request.user.as_deref());
            extras.write_at("/metadata", out);
        });
    }
    if request.stream {
        out.value("stream", true);
    }
}
