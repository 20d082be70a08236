//! A chat completion request, from the canonical form to bytes.
//!
//! Order is kept (messages, parts, tools), since prompt caches depend on it. A single text part is written as a string.
//!
//! What never happens here: a part of the request is left out without an error or a named loss.

use steersman_core::{ChatRequest, Message, Part, Reasoning, Role, ToolResult};

use super::{NAME, NEST};
use crate::error::{EncodeError, Encoded, Loss};
use crate::extra::Extras;
use crate::openai;
use crate::write::{self, Object};

/// The most stop texts that the API takes.
const MAX_STOP_TEXTS: usize = 4;

/// Writes a request body.
///
/// # Errors
/// [`EncodeError`] for what the dialect cannot express and what may not be left out: images outside of user messages,
/// parts and tools of other dialects, more than four stop texts.
pub fn encode_request(request: &ChatRequest) -> Result<Encoded, EncodeError> {
    let mut losses = Vec::new();
    let extras = Extras::open(request, NAME, &mut losses)?;
    if request.stop.len() > MAX_STOP_TEXTS {
        return Err(unsupported("stop", "more than four stop texts"));
    }
    let keeps_reasoning = request.dialect == Some(NAME);
    let mut writer = Messages { extras: &extras, losses: &mut losses, keeps_reasoning, out: Vec::new(), first: true };
    for (i, message) in request.messages.iter().enumerate() {
        writer.message(i, message)?;
    }
    let messages = writer.out;
    let mut body = Vec::with_capacity(messages.len() + 512);
    write::object(&mut body, |out| {
        out.string("model", &request.model);
        out.list("messages", &messages);
        write_tools(request, &extras, out);
        write_parameters(request, &extras, &mut losses, out);
        extras.write_top(out);
    });
    Ok(Encoded { body, losses })
}

fn unsupported(param: impl Into<String>, what: &'static str) -> EncodeError {
    EncodeError::unsupported(NAME, param, what)
}

/// The messages of one request, on their way out.
struct Messages<'r, 'l> {
    extras: &'r Extras<'r>,
    losses: &'l mut Vec<Loss>,
    keeps_reasoning: bool,
    out: Vec<u8>,
    first: bool,
}

impl Messages<'_, '_> {
    fn message(&mut self, index: usize, message: &Message) -> Result<(), EncodeError> {
        let pointer = format!("/messages/{index}");
        let role = match message.role {
            Role::System if self.extras.get(&format!("{pointer}/role")).is_some() => "developer",
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => return self.tool_message(index, &pointer, message),
        };
        let (mut content, mut calls, mut thoughts, mut refusal) = (Vec::new(), Vec::new(), Vec::new(), None);
        for (j, part) in message.parts.iter().enumerate() {
            let param = || format!("messages[{index}].parts[{j}]");
            match part {
                Part::ToolCall(_) if message.role == Role::Assistant => calls.push((j, part)),
                Part::Foreign { json, dialect } if *dialect == NAME && is_tool_call(json.get()) => {
                    calls.push((j, part));
                }
                Part::Reasoning(reasoning) if self.keeps_reasoning => thoughts.push(reasoning),
                Part::Reasoning(_) => {
                    self.losses.push(Loss { param: param(), what: "left out: the dialect has no words for thinking" });
                }
                Part::Refusal(text) if message.role == Role::Assistant && refusal.is_none() => refusal = Some(text),
                Part::Image(_) if message.role != Role::User => {
                    return Err(unsupported(param(), "an image outside of a user message"));
                }
                Part::ToolCall(_) | Part::ToolResult(_) => {
                    return Err(unsupported(param(), "a tool call or result in this role"));
                }
                Part::Foreign { dialect, .. } if *dialect != NAME => {
                    return Err(unsupported(param(), "a part that another dialect wrote"));
                }
                Part::Text(_) | Part::Image(_) | Part::Refusal(_) | Part::Foreign { .. } => content.push((j, part)),
            }
        }
        let extras = self.extras;
        write::object(self.next(), |out| {
            out.string("role", role);
            if message.role != Role::Assistant || !content.is_empty() || calls.is_empty() && refusal.is_none() {
                write_content(&content, &format!("{pointer}/parts"), extras, out);
            }
            write_thoughts(&thoughts, out);
            if let Some(refusal) = refusal {
                out.string("refusal", refusal);
            }
            if !calls.is_empty() {
                out.array("tool_calls", &calls, |out, (j, part)| {
                    write_call(part, &format!("{pointer}/parts/{j}"), extras, out);
                });
            }
            extras.write_at(&pointer, out);
        });
        Ok(())
    }

    /// One message for each result: the dialect has no other way to say several.
    fn tool_message(&mut self, index: usize, pointer: &str, message: &Message) -> Result<(), EncodeError> {
        for (j, part) in message.parts.iter().enumerate() {
            let param = format!("messages[{index}].parts[{j}]");
            let Part::ToolResult(ToolResult { call_id, parts, is_error }) = part else {
                return Err(unsupported(param, "anything but a tool result in a tool message"));
            };
            if *is_error {
                self.losses.push(Loss { param: format!("{param}.is_error"), what: "left out: the text alone says so" });
            }
            if parts.iter().any(|part| !matches!(part, Part::Text(_) | Part::Foreign { dialect: NAME, .. })) {
                return Err(unsupported(param, "a tool result that is not text"));
            }
            let content: Vec<(usize, &Part)> = parts.iter().enumerate().collect();
            let extras = self.extras;
            write::object(self.next(), |out| {
                out.string("role", "tool");
                out.string("tool_call_id", call_id);
                write_content(&content, &format!("{pointer}/parts/{j}/parts"), extras, out);
                if j == 0 {
                    extras.write_at(pointer, out);
                }
            });
        }
        Ok(())
    }

    fn next(&mut self) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        &mut self.out
    }
}

fn is_tool_call(json: &str) -> bool {
    crate::json::RawObject::parse(json.as_bytes()).is_ok_and(|call| call.get("id").is_some())
}

fn write_content(content: &[(usize, &Part)], pointer: &str, extras: &Extras<'_>, out: &mut Object<'_>) {
    match content {
        [] => out.value("content", serde_json::Value::Null),
        [(j, Part::Text(text))] if extras.is_empty() || !extras.any_at(&format!("{pointer}/{j}")) => {
            out.string("content", text);
        }
        parts => out.array("content", parts, |out, (j, part)| write_part(part, &format!("{pointer}/{j}"), extras, out)),
    }
}

fn write_part(part: &Part, pointer: &str, extras: &Extras<'_>, out: &mut Vec<u8>) {
    if let Part::Foreign { json, .. } = part {
        out.extend_from_slice(json.get().as_bytes());
        return;
    }
    write::object(out, |out| match part {
        Part::Image(image) => {
            out.string("type", "image_url");
            out.object("image_url", |out| {
                out.string("url", &openai::image_url(image));
                extras.write_at(pointer, out);
            });
        }
        Part::Refusal(text) => {
            out.string("type", "refusal");
            out.string("refusal", text);
        }
        Part::Text(text) => {
            out.string("type", "text");
            out.string("text", text);
            extras.write_at(pointer, out);
        }
        _ => {}
    });
}

fn write_thoughts(thoughts: &[&Reasoning], out: &mut Object<'_>) {
    let sealed = |r: &&Reasoning| r.signature.is_some() || r.redacted.is_some();
    if thoughts.iter().any(sealed) || thoughts.len() > 1 {
        out.array("thinking_blocks", thoughts, |out, thought| {
            write::object(out, |out| super::write_thinking_block(out, thought));
        });
    } else if let [thought] = thoughts {
        out.string("reasoning_content", &thought.text);
    }
}

fn write_call(part: &Part, pointer: &str, extras: &Extras<'_>, out: &mut Vec<u8>) {
    match part {
        Part::ToolCall(call) => write::object(out, |out| {
            out.string("id", &call.id);
            out.string("type", "function");
            out.object("function", |out| {
                out.string("name", &call.name);
                out.string("arguments", &call.arguments);
                extras.write_at(&format!("{pointer}/function"), out);
            });
            extras.write_at(pointer, out);
        }),
        Part::Foreign { json, .. } => out.extend_from_slice(json.get().as_bytes()),
        _ => {}
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
            out.string("type", "function");
            out.object("function", |out| {
                out.string("name", &tool.name);
                out.optional("description", tool.description.as_deref());
                if let Some(parameters) = &tool.parameters {
                    out.raw("parameters", parameters);
                }
                out.optional("strict", tool.strict);
                extras.write_at(&format!("/tools/{i}/function"), out);
            });
            extras.write_at(&format!("/tools/{i}"), out);
        }),
    });
}

fn write_parameters(request: &ChatRequest, extras: &Extras<'_>, losses: &mut Vec<Loss>, out: &mut Object<'_>) {
    openai::write_tool_choice(request.tool_choice.as_ref(), Some(NEST), out);
    out.optional("parallel_tool_calls", request.parallel_tool_calls);
    openai::write_format("response_format", request.response_format.as_ref(), Some("json_schema"), extras, out);
    let limit = if extras.get("max_tokens").is_some() { "max_tokens" } else { "max_completion_tokens" };
    out.optional(limit, request.max_output_tokens);
    out.optional("temperature", request.temperature);
    out.optional("top_p", request.top_p);
    match request.stop.as_slice() {
        [] => {}
        [text] => out.string("stop", text),
        texts => out.array("stop", texts, |out, text| write::string(out, text)),
    }
    out.optional("seed", request.seed);
    out.optional("n", request.n);
    out.optional("reasoning_effort", openai::think::word(request, extras, losses));
    out.optional("user", request.user.as_deref());
    if request.stream {
        out.value("stream", true);
    }
    if request.stream && request.include_usage || extras.any_at("/stream_options") {
        out.object("stream_options", |out| {
            if request.include_usage {
                out.value("include_usage", true);
            }
            extras.write_at("/stream_options", out);
        });
    }
}
