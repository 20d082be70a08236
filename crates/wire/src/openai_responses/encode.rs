//! A responses request, from the canonical form to bytes.
//!
//! Order is kept (items, parts, tools), since prompt caches depend on it. The gateway keeps what must be kept, so the
//! provider is told not to, and to hand its thinking out sealed.
//!
//! What never happens here: a part of the request is left out without an error or a named loss.

use steersman_core::{ChatRequest, Message, Part, Role};

use super::{NAME, seal};
use crate::error::{EncodeError, Encoded, Loss};
use crate::extra::Extras;
use crate::json::RawObject;
use crate::openai;
use crate::write::{self, Object};

/// Writes a request body.
///
/// # Errors
/// [`EncodeError`] for what the dialect cannot express and what may not be left out: stop texts, several answers, parts
/// and tools of other dialects.
pub fn encode_request(request: &ChatRequest) -> Result<Encoded, EncodeError> {
    let mut losses = Vec::new();
    let extras = Extras::open(request, NAME, &mut losses)?;
    if request.n.is_some_and(|n| n > 1) {
        return Err(unsupported("n", "several answers to one request"));
    }
    if !request.stop.is_empty() {
        return Err(unsupported("stop", "stop texts"));
    }
    if request.seed.is_some() {
        losses.push(Loss { param: "seed".to_owned(), what: "left out: the dialect has no seed" });
    }
    let has_instructions = extras.get("instructions").is_some();
    let own = request.dialect.is_none_or(|origin| origin == NAME);
    let mut writer = Items { extras: &extras, losses: &mut losses, own, out: Vec::new() };
    for (i, message) in request.messages.iter().enumerate().skip(usize::from(has_instructions)) {
        writer.message(i, message)?;
    }
    let items = writer.out;
    let mut body = Vec::with_capacity(items.len() + 512);
    write::object(&mut body, |out| {
        out.string("model", &request.model);
        if let (true, Some([Part::Text(text)])) =
            (has_instructions, request.messages.first().map(|message| message.parts.as_slice()))
        {
            out.string("instructions", text);
        }
        out.list("input", &items);
        write_tools(request, &extras, out);
        write_parameters(request, &extras, &mut losses, out);
        if !own {
            out.value("store", false);
            out.json("include", r#"["reasoning.encrypted_content"]"#);
        }
        extras.write_top(out);
    });
    Ok(Encoded { body, losses })
}

fn unsupported(param: impl Into<String>, what: &'static str) -> EncodeError {
    EncodeError::unsupported(NAME, param, what)
}

struct Items<'r, 'l> {
    extras: &'r Extras<'r>,
    losses: &'l mut Vec<Loss>,
    /// Whether the request came in this dialect or was made here, so that any seal may go back.
    own: bool,
    out: Vec<u8>,
}

impl Items<'_, '_> {
    fn message(&mut self, index: usize, message: &Message) -> Result<(), EncodeError> {
        // A run of content is one `message` item; anything else is an item of its own.
        let mut run = Vec::new();
        let mut spoken = false;
        for (j, part) in message.parts.iter().enumerate() {
            let param = || format!("messages[{index}].parts[{j}]");
            match part {
                Part::Image(_) if message.role != Role::User => {
                    return Err(unsupported(param(), "an image outside of a user message"));
                }
                Part::Refusal(_) if message.role != Role::Assistant => {
                    return Err(unsupported(param(), "a refusal outside of an assistant message"));
                }
                Part::Foreign { dialect, .. } if *dialect != NAME => {
                    return Err(unsupported(param(), "a part that another dialect wrote"));
                }
                Part::Foreign { json, .. } if !is_content(json.get()) => {
                    self.flush(index, message.role, &mut run, &mut spoken);
                    self.next().extend_from_slice(json.get().as_bytes());
                }
                Part::Text(_) | Part::Image(_) | Part::Refusal(_) | Part::Foreign { .. } => run.push((j, part)),
                Part::ToolCall(_) | Part::ToolResult(_) | Part::Reasoning(_) => {
                    self.flush(index, message.role, &mut run, &mut spoken);
                    self.item(part, &format!("/messages/{index}/parts/{j}"), &param())?;
                }
            }
        }
        if message.parts.is_empty() {
            spoken = true;
            self.write_message(index, message.role, &[]);
        }
        self.flush(index, message.role, &mut run, &mut spoken);
        Ok(())
    }

    fn flush(&mut self, index: usize, role: Role, run: &mut Vec<(usize, &Part)>, spoken: &mut bool) {
        if !run.is_empty() {
            self.write_message(index, role, run);
            *spoken = true;
            run.clear();
        }
    }

    fn write_message(&mut self, index: usize, role: Role, content: &[(usize, &Part)]) {
        let extras = self.extras;
        let pointer = format!("/messages/{index}");
        let word = match role {
            Role::System if extras.get(&format!("{pointer}/role")).is_some() => "developer",
            Role::System => "system",
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        };
        write::object(self.next(), |out| {
            out.string("type", "message");
            out.string("role", word);
            out.array("content", content, |out, (j, part)| {
                write_part(part, role, &format!("{pointer}/parts/{j}"), extras, out);
            });
            extras.write_at(&pointer, out);
        });
    }

    fn item(&mut self, part: &Part, pointer: &str, param: &str) -> Result<(), EncodeError> {
        let extras = self.extras;
        match part {
            Part::ToolCall(call) => write::object(self.next(), |out| {
                out.string("type", "function_call");
                out.string("call_id", &call.id);
                out.string("name", &call.name);
                out.string("arguments", &call.arguments);
                extras.write_at(pointer, out);
            }),
            Part::ToolResult(result) => {
                if result.is_error {
                    let what = "left out: the text alone says so";
                    self.losses.push(Loss { param: format!("{param}.is_error"), what });
                }
                let fits = |part: &Part| match part {
                    Part::Foreign { dialect, json } => *dialect == NAME && is_content(json.get()),
                    part => matches!(part, Part::Text(_) | Part::Image(_)),
                };
                if !result.parts.iter().all(fits) {
                    return Err(unsupported(param, "this part in a tool result"));
                }
                write::object(self.next(), |out| {
                    out.string("type", "function_call_output");
                    out.string("call_id", &result.call_id);
                    write_output(&result.parts, &format!("{pointer}/parts"), extras, out);
                    extras.write_at(pointer, out);
                });
            }
            Part::Reasoning(thought) => {
                let foreign = thought.signature.as_deref().is_none_or(|signature| !seal::is_sealed_here(signature));
                if foreign && !self.own {
                    let what = "left out: thinking that this dialect did not seal cannot go back";
                    self.losses.push(Loss { param: param.to_owned(), what });
                    return Ok(());
                }
                let sealed = seal::close(thought.signature.as_deref(), thought.redacted.as_deref());
                let (id, encrypted) = sealed.map_or((None, None), |(id, encrypted)| (id, Some(encrypted)));
                write::object(self.next(), |out| {
                    out.string("type", "reasoning");
                    out.optional("id", id);
                    write_summary(&thought.text, out);
                    out.optional("encrypted_content", encrypted);
                    extras.write_at(pointer, out);
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn next(&mut self) -> &mut Vec<u8> {
        if !self.out.is_empty() {
            self.out.push(b',');
        }
        &mut self.out
    }
}

/// Whether a foreign part stands inside of a message (`input_file`, `output_audio`) and is no item of its own.
fn is_content(json: &str) -> bool {
    let kind = RawObject::parse(json.as_bytes()).ok().and_then(|part| Some(part.get("type")?.get().to_owned()));
    kind.is_some_and(|kind| kind.starts_with("\"input_") || kind.starts_with("\"output_"))
}

pub(super) fn write_summary(text: &str, out: &mut Object<'_>) {
    if text.is_empty() {
        return out.json("summary", "[]");
    }
    out.list_of_one("summary", |out| {
        out.string("type", "summary_text");
        out.string("text", text);
    });
}

fn write_output(parts: &[Part], pointer: &str, extras: &Extras<'_>, out: &mut Object<'_>) {
    match parts {
        [] => out.string("output", ""),
        [Part::Text(text)] if extras.is_empty() || !extras.any_at(&format!("{pointer}/0")) => {
            out.string("output", text);
        }
        parts => out.array("output", parts.iter().enumerate(), |out, (k, part)| {
            write_part(part, Role::Tool, &format!("{pointer}/{k}"), extras, out);
        }),
    }
}

fn write_part(part: &Part, role: Role, pointer: &str, extras: &Extras<'_>, out: &mut Vec<u8>) {
    if let Part::Foreign { json, .. } = part {
        out.extend_from_slice(json.get().as_bytes());
        return;
    }
    write::object(out, |out| {
        match part {
            Part::Image(picture) => {
                out.string("type", "input_image");
                out.string("image_url", &openai::image_url(picture));
            }
            Part::Refusal(text) => {
                out.string("type", "refusal");
                out.string("refusal", text);
            }
            Part::Text(text) if role == Role::Assistant => {
                out.string("type", "output_text");
                out.string("text", text);
                if extras.get(&format!("{pointer}/annotations")).is_none() {
                    out.json("annotations", "[]");
                }
            }
            Part::Text(text) => {
                out.string("type", "input_text");
                out.string("text", text);
            }
            _ => {}
        }
        extras.write_at(pointer, out);
    });
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
            out.string("name", &tool.name);
            out.optional("description", tool.description.as_deref());
            match &tool.parameters {
                Some(parameters) => out.raw("parameters", parameters),
                None => out.json("parameters", "null"),
            }
            // Left out it would mean `true` here, and in every other dialect the contrary.
            let foreign = request.dialect.is_some_and(|origin| origin != NAME);
            out.optional("strict", if foreign { Some(tool.strict.unwrap_or(false)) } else { tool.strict });
            extras.write_at(&format!("/tools/{i}"), out);
        }),
    });
}

fn write_parameters(request: &ChatRequest, extras: &Extras<'_>, losses: &mut Vec<Loss>, out: &mut Object<'_>) {
    openai::write_tool_choice(request.tool_choice.as_ref(), None, out);
    out.optional("parallel_tool_calls", request.parallel_tool_calls);
    if request.response_format.is_some() || extras.any_at("/text") {
        out.object("text", |out| {
            openai::write_format("format", request.response_format.as_ref(), None, extras, out);
            extras.write_at("/text", out);
        });
    }
    out.optional("max_output_tokens", request.max_output_tokens);
    out.optional("temperature", request.temperature);
    out.optional("top_p", request.top_p);
    let effort = openai::think::word(request, extras, losses);
    if effort.is_some() || extras.any_at("/reasoning") {
        out.object("reasoning", |out| {
            out.optional("effort", effort);
            extras.write_at("/reasoning", out);
        });
    }
    out.optional("user", request.user.as_deref());
    if request.stream {
        out.value("stream", true);
    }
}
