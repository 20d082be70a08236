//! A Gemini request, from the canonical form to bytes; its model and whether it streams stand in the body.
//!
//! Turns alternate: neighbouring messages of one side are merged, tool results speak for the user, and all results of
//! parallel calls stand in one content, as the provider demands. System messages move to the front; one that stood
//! later is named as moved. Models since Gemini 3 refuse a call without a signature: the first call of a step that has
//! lost its own says so in the word that the provider has for that.
//!
//! What never happens here: a part of the request is left out without an error or a named loss.

use steersman_core::{ChatRequest, Image, Message, Part, ResponseFormat, Role, ToolCall, ToolChoice, ToolResult};

use super::parts::{Parts, write_image};
use super::{NAME, OWN_ID, is_sealed_here, think};
use crate::effort;
use crate::error::{EncodeError, Encoded, Loss};
use crate::extra::Extras;
use crate::json::RawObject;
use crate::write::{self, Object};

/// The most stop texts that the API takes.
const MAX_STOP_TEXTS: usize = 5;
/// What stands in for the signature of a call that has none.
const UNSIGNED: &str = "skip_thought_signature_validator";

/// Writes a request body.
///
/// # Errors
/// [`EncodeError`] for what the dialect cannot express and what may not be left out: a result without its call,
/// arguments that are no JSON object, more than five stop texts, parts and tools of other dialects.
pub fn encode_request(request: &ChatRequest) -> Result<Encoded, EncodeError> {
    let mut losses = Vec::new();
    let extras = Extras::open(request, NAME, &mut losses)?;
    think::refuse_what_has_no_words(request, effort::is_spelled(&extras))?;
    if request.stop.len() > MAX_STOP_TEXTS {
        return Err(unsupported("stop", "more than five stop texts"));
    }
    let own = request.dialect.is_none_or(|origin| origin == NAME);
    let mut turns = Turns { request, extras: &extras, losses: &mut losses, own };
    let system = turns.system()?;
    let contents = turns.contents()?;
    let mut body = Vec::with_capacity(contents.len() + system.len() + 512);
    write::object(&mut body, |out| {
        out.string("model", &request.model);
        if !system.is_empty() {
            out.object("systemInstruction", |out| {
                out.list("parts", &system);
                extras.write_at("/messages/0", out);
            });
        }
        out.list("contents", &contents);
        write_tools(request, &extras, &mut losses, out);
        write_tool_config(request, &extras, &mut losses, out);
        write_config(request, &extras, &mut losses, out);
        if request.user.is_some() {
            losses.push(Loss { param: "user".to_owned(), what: "left out: the dialect has no end users" });
        }
        if request.stream {
            out.value("stream", true);
        }
        extras.write_top(out);
    });
    Ok(Encoded { body, losses })
}

fn unsupported(param: impl Into<String>, what: &'static str) -> EncodeError {
    EncodeError::unsupported(NAME, param, what)
}

struct Turns<'r, 'l> {
    request: &'r ChatRequest,
    extras: &'r Extras<'r>,
    losses: &'l mut Vec<Loss>,
    /// Whether the request came in this dialect or was made here, so that any seal may go back.
    own: bool,
}

impl Turns<'_, '_> {
    /// The parts of the system's instruction; empty if there is none.
    fn system(&mut self) -> Result<Vec<u8>, EncodeError> {
        let mut parts = Parts::default();
        let mut spoken = false;
        for (i, message) in self.request.messages.iter().enumerate() {
            if message.role != Role::System {
                spoken = true;
                continue;
            }
            if spoken {
                let what = "moved to the front: the dialect has one place for system text";
                self.losses.push(Loss { param: format!("messages[{i}]"), what });
            }
            for (j, part) in message.parts.iter().enumerate() {
                match part {
                    Part::Text(text) => parts.part(|out| {
                        out.string("text", text);
                        self.extras.write_at(&format!("/messages/{i}/parts/{j}"), out);
                    }),
                    Part::Foreign { dialect: NAME, json } => parts.raw(json),
                    _ => {
                        let param = format!("messages[{i}].parts[{j}]");
                        return Err(unsupported(param, "anything but text for the system"));
                    }
                }
            }
        }
        Ok(parts.out)
    }

    fn contents(&mut self) -> Result<Vec<u8>, EncodeError> {
        let messages = &self.request.messages;
        let spoken: Vec<_> = messages.iter().enumerate().filter(|(_, m)| m.role != Role::System).collect();
        let mut out = Vec::new();
        for turn in spoken.chunk_by(|(_, a), (_, b)| (a.role == Role::Assistant) == (b.role == Role::Assistant)) {
            let Some((first, message)) = turn.first() else { continue };
            let assistant = message.role == Role::Assistant;
            let mut parts = Parts::default();
            let mut called = false;
            for (i, message) in turn {
                for (j, part) in message.parts.iter().enumerate() {
                    self.part((*i, j), part, assistant, &mut called, &mut parts)?;
                }
            }
            parts.flush();
            if !out.is_empty() {
                out.push(b',');
            }
            write::object(&mut out, |out| {
                out.string("role", if assistant { "model" } else { "user" });
                out.list("parts", &parts.out);
                self.extras.write_at(&format!("/messages/{first}"), out);
            });
        }
        Ok(out)
    }

    fn part(
        &mut self,
        (i, j): (usize, usize),
        part: &Part,
        assistant: bool,
        called: &mut bool,
        parts: &mut Parts,
    ) -> Result<(), EncodeError> {
        let param = || format!("messages[{i}].parts[{j}]");
        let (extras, pointer) = (self.extras, format!("/messages/{i}/parts/{j}"));
        match part {
            // Clients write an empty text beside calls, and it says nothing.
            Part::Text(text) if text.is_empty() && !self.own => {}
            Part::Text(text) => parts.part(|out| {
                out.string("text", text);
                extras.write_at(&pointer, out);
            }),
            Part::Refusal(text) => {
                let what = "written as text: the dialect has no refusals in a request";
                self.losses.push(Loss { param: param(), what });
                parts.text(text);
            }
            Part::Image(Image::Url(url)) if url.starts_with("data:") => {
                return Err(unsupported(param(), "a data URL that is not base64"));
            }
            Part::Image(image) => parts.part(|out| {
                write_image(image, out);
                extras.write_at(&pointer, out);
            }),
            Part::ToolCall(call) if assistant => self.call(call, &param(), called, parts)?,
            Part::ToolCall(_) => return Err(unsupported(param(), "a tool call outside of an assistant turn")),
            Part::ToolResult(_) if assistant => {
                return Err(unsupported(param(), "a tool result in an assistant turn"));
            }
            Part::ToolResult(result) => self.result(i, result, &param(), parts)?,
            Part::Reasoning(thought) => {
                let ours = thought.signature.as_deref().is_some_and(is_sealed_here);
                if self.own || ours {
                    parts.thought(thought);
                } else {
                    let what = "left out: thinking that this dialect did not seal cannot go back";
                    self.losses.push(Loss { param: param(), what });
                }
            }
            Part::Foreign { dialect: NAME, json } => parts.raw(json),
            Part::Foreign { .. } => return Err(unsupported(param(), "a part that another dialect wrote")),
        }
        Ok(())
    }

    /// A call; the first of a step that has lost its signature says so, where one is demanded.
    fn call(&mut self, call: &ToolCall, param: &str, called: &mut bool, parts: &mut Parts) -> Result<(), EncodeError> {
        if !parts.is_signed() && !*called && think::is_since_three(&self.request.model) {
            let what = "sent unsigned: the signature did not come back with the call";
            self.losses.push(Loss { param: param.to_owned(), what });
            parts.sign(UNSIGNED);
        }
        *called = true;
        let id = Some(call.id.as_str()).filter(|id| !id.is_empty() && !id.starts_with(OWN_ID));
        if parts.call(id, &call.name, &call.arguments) {
            return Ok(());
        }
        Err(unsupported(format!("{param}.arguments"), "arguments that are no JSON object"))
    }

    fn result(&mut self, index: usize, result: &ToolResult, param: &str, parts: &mut Parts) -> Result<(), EncodeError> {
        let before = self.request.messages.get(..index).unwrap_or_default();
        let Some(name) = name_of(before, &result.call_id) else {
            return Err(unsupported(param, "a tool result whose call is not in the conversation"));
        };
        let mut texts = Vec::new();
        let mut others = Vec::new();
        for part in &result.parts {
            match part {
                Part::Text(text) => texts.push(text.as_str()),
                Part::Image(Image::Base64 { .. }) | Part::Foreign { dialect: NAME, .. } => others.push(part),
                _ => return Err(unsupported(param, "this part in a tool result")),
            }
        }
        let text = texts.join("\n");
        parts.part(|out| {
            out.object("functionResponse", |out| {
                let id = Some(result.call_id.as_str()).filter(|id| !id.is_empty() && !id.starts_with(OWN_ID));
                out.optional("id", id);
                out.string("name", name);
                write_response(&text, result.is_error, out);
                if !others.is_empty() {
                    out.array("parts", others, |out, part| match part {
                        Part::Image(image) => write::object(out, |out| write_image(image, out)),
                        Part::Foreign { json, .. } => out.extend_from_slice(json.get().as_bytes()),
                        _ => {}
                    });
                }
            });
        });
        Ok(())
    }
}

/// The name of the last call with this id.
fn name_of<'m>(messages: &'m [Message], id: &str) -> Option<&'m str> {
    messages.iter().rev().flat_map(|message| message.parts.iter().rev()).find_map(|part| match part {
        Part::ToolCall(call) if call.id == id => Some(call.name.as_str()),
        _ => None,
    })
}

/// An object goes as it is, unless it would be read as wrapped; anything else is wrapped.
fn write_response(text: &str, is_error: bool, out: &mut Object<'_>) {
    let object = RawObject::parse(text.as_bytes()).ok().filter(|_| !is_error);
    let looks_wrapped = object
        .as_ref()
        .is_some_and(|object| matches!(object.members(), [member] if matches!(&*member.key, "output" | "error")));
    if object.is_some() && !looks_wrapped {
        out.json("response", text);
    } else {
        out.object("response", |out| out.string(if is_error { "error" } else { "output" }, text));
    }
}

/// Neighbouring functions share one tool, as the documentation writes them; other tools stand where they stood.
fn write_tools(request: &ChatRequest, extras: &Extras<'_>, losses: &mut Vec<Loss>, out: &mut Object<'_>) {
    let slots = extras.tool_slots(request);
    if slots.is_empty() {
        return;
    }
    for (i, tool) in request.tools.iter().enumerate() {
        if tool.strict == Some(true) {
            let what = "left out: the dialect has no strict tools";
            losses.push(Loss { param: format!("tools[{i}].strict"), what });
        }
    }
    out.array("tools", slots.chunk_by(|a, b| a.is_ok() && b.is_ok()), |out, run| match run {
        [Err(foreign)] => out.extend_from_slice(foreign.get().as_bytes()),
        functions => write::object(out, |out| {
            out.array("functionDeclarations", functions.iter().flatten(), |out, (i, tool)| {
                write::object(out, |out| {
                    out.string("name", &tool.name);
                    out.optional("description", tool.description.as_deref());
                    if let Some(parameters) = &tool.parameters {
                        out.raw("parametersJsonSchema", parameters);
                    }
                    extras.write_at(&format!("/tools/{i}"), out);
                });
            });
        }),
    });
}

fn write_tool_config(request: &ChatRequest, extras: &Extras<'_>, losses: &mut Vec<Loss>, out: &mut Object<'_>) {
    const CALLING: &str = "/toolConfig/functionCallingConfig";
    if request.parallel_tool_calls == Some(false) {
        let what = "left out: the dialect cannot forbid parallel calls";
        losses.push(Loss { param: "parallel_tool_calls".to_owned(), what });
    }
    if request.tool_choice.is_none() && !extras.any_at("/toolConfig") {
        return;
    }
    out.object("toolConfig", |out| {
        out.object("functionCallingConfig", |out| {
            match &request.tool_choice {
                None => {}
                Some(ToolChoice::Auto) => out.string("mode", "AUTO"),
                Some(ToolChoice::None) => out.string("mode", "NONE"),
                Some(ToolChoice::Required) => out.string("mode", "ANY"),
                Some(ToolChoice::Tool(name)) => {
                    out.string("mode", "ANY");
                    out.array("allowedFunctionNames", [name], |out, name| write::string(out, name));
                }
            }
            extras.write_at(CALLING, out);
        });
        extras.write_at("/toolConfig", out);
    });
}

fn write_config(request: &ChatRequest, extras: &Extras<'_>, losses: &mut Vec<Loss>, out: &mut Object<'_>) {
    const THINKING: &str = "/generationConfig/thinkingConfig";
    let mut config = Vec::new();
    write::object(&mut config, |out| {
        out.optional("maxOutputTokens", request.max_output_tokens);
        out.optional("temperature", request.temperature);
        out.optional("topP", request.top_p);
        out.optional("seed", request.seed);
        out.optional("candidateCount", request.n);
        if !request.stop.is_empty() {
            out.array("stopSequences", &request.stop, |out, text| write::string(out, text));
        }
        match &request.response_format {
            None => {}
            Some(ResponseFormat::Text) => out.string("responseMimeType", "text/plain"),
            Some(ResponseFormat::JsonObject) => out.string("responseMimeType", "application/json"),
            Some(ResponseFormat::JsonSchema { schema, .. }) => {
                out.string("responseMimeType", "application/json");
                out.raw("responseJsonSchema", schema);
            }
        }
        let asks = think::asks(request) && !effort::is_spelled(extras);
        if asks || extras.any_at(THINKING) {
            out.object("thinkingConfig", |out| {
                if asks {
                    let shown = extras.get(&format!("{THINKING}/includeThoughts")).is_some();
                    think::write(request, shown, losses, out);
                }
                extras.write_at(THINKING, out);
            });
        }
        extras.write_at("/generationConfig", out);
    });
    if config != b"{}" {
        out.member("generationConfig").extend_from_slice(&config);
    }
}
