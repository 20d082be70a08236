//! Events to a Messages answer, streamed or whole.
//!
//! Blocks never overlap on this wire. A second tool call that begins while the first is being written is therefore held
//! back until the first can be complete: at the next text, or at the end. Nothing that interleaves is lost.

use steersman_core::{Event, FinishReason, Part, Usage};

use super::{NAME, usage};
use crate::answer::{Answer, AnswerEncoder, WHOLE_PART};
use crate::error::{Encoded, ErrorBody, Loss};
use crate::json::RawObject;
use crate::sse;
use crate::write::{self, Object};

/// The wire demands both counts; the record still knows that they are unknown.
const UNREPORTED: &str = "written as 0: the provider did not report it";

/// Writes a streamed answer, event by event.
#[derive(Debug, Default)]
pub struct MessagesAnswerEncoder {
    id: String,
    model: String,
    started: bool,
    usage: Usage,
    open: Option<Open>,
    blocks: u32,
    /// Tool calls that wait for the open one: index, id, name, arguments.
    waiting: Vec<(u32, String, String, String)>,
    stop: Stop,
    losses: Vec<Loss>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Tool(u32),
    Other,
}

/// What the last events say of the end.
#[derive(Debug, Default)]
struct Stop {
    reason: Option<FinishReason>,
    /// Members that only this dialect has, as JSON: `stop_reason`, `stop_sequence`, `usage.*`, others.
    members: Vec<(String, String)>,
}

impl Stop {
    fn member(&self, name: &str) -> Option<&str> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, json)| json.as_str())
    }

    fn write(&self, out: &mut Object<'_>) {
        match (self.member("stop_reason"), self.reason) {
            (Some(json), _) => out.json("stop_reason", json),
            (None, Some(reason)) => out.string("stop_reason", self.word(reason)),
            (None, None) => out.json("stop_reason", "null"),
        }
        out.json("stop_sequence", self.member("stop_sequence").unwrap_or("null"));
    }

    fn word(&self, reason: FinishReason) -> &'static str {
        match reason {
            FinishReason::Stop if self.member("stop_sequence").is_some() => "stop_sequence",
            FinishReason::Stop | FinishReason::Other => "end_turn",
            FinishReason::Length => "max_tokens",
            FinishReason::ToolCalls => "tool_use",
            FinishReason::ContentFilter | FinishReason::Refusal => "refusal",
            FinishReason::Pause => "pause_turn",
        }
    }

    fn write_usage(&self, report: &Usage, out: &mut Object<'_>) {
        out.object("usage", |out| {
            usage::write(report, out);
            for (name, json) in &self.members {
                if let Some(name) = name.strip_prefix("usage.") {
                    out.json(name, json);
                }
            }
        });
    }

    /// Members of the message itself.
    fn others(&self) -> impl Iterator<Item = (&str, &str)> {
        let special = |name: &str| matches!(name, "stop_reason" | "stop_sequence") || name.starts_with("usage.");
        self.members.iter().filter(move |(name, _)| !special(name)).map(|(name, json)| (name.as_str(), json.as_str()))
    }
}

impl AnswerEncoder for MessagesAnswerEncoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if choice_of(event) > 0 {
            Loss::record(&mut self.losses, "choices", "left out: the dialect has one answer");
            return;
        }
        match event {
            Event::Start { id, model } => (self.id, self.model) = (id.clone(), model.clone()),
            Event::Text { text, .. } | Event::Refusal { text, .. } => {
                self.open_block(Open::Text, r#"{"type":"text","text":""}"#, out);
                self.delta(out, |out| {
                    out.string("type", "text_delta");
                    out.string("text", text);
                });
            }
            Event::Reasoning { text, .. } => {
                self.open_block(Open::Thinking, r#"{"type":"thinking","thinking":"","signature":""}"#, out);
                self.delta(out, |out| {
                    out.string("type", "thinking_delta");
                    out.string("thinking", text);
                });
            }
            Event::ReasoningSeal { signature, redacted, .. } => {
                self.seal(signature.as_deref(), redacted.as_deref(), out);
            }
            Event::ToolCall { index, id, name, .. } => match self.open {
                Some(Open::Tool(_)) => self.waiting.push((*index, id.clone(), name.clone(), String::new())),
                _ => self.open_call(*index, id, name, out),
            },
            Event::ToolArguments { index, text, .. } => self.arguments(*index, text, out),
            Event::Finish { reason, .. } => self.stop.reason = Some(*reason),
            Event::Usage(report) => self.usage.update(report),
            Event::Foreign { dialect, name, json, .. } => self.foreign(dialect, name, json, out),
            Event::Error { kind, message } => {
                sse::write_frame(out, Some("error"), &super::encode_error(&ErrorBody::told(kind, message)));
            }
            Event::Done => self.done(out),
        }
    }

    fn losses(&self) -> &[Loss] {
        &self.losses
    }
}

impl MessagesAnswerEncoder {
    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        frame(out, "message_start", |data| {
            data.object("message", |out| {
                out.string("id", &self.id);
                out.string("type", "message");
                out.string("role", "assistant");
                out.string("model", &self.model);
                out.json("content", "[]");
                out.json("stop_reason", "null");
                out.json("stop_sequence", "null");
                self.stop.write_usage(&self.usage, out);
            });
        });
    }

    /// Makes sure that a block of this kind is open; one that is stays so.
    fn open_block(&mut self, kind: Open, block: &str, out: &mut Vec<u8>) {
        if self.open != Some(kind) || kind == Open::Other {
            self.close_all(out);
            self.start(out);
            self.open = Some(kind);
            let index = self.blocks;
            frame(out, "content_block_start", |data| {
                data.value("index", index);
                data.json("content_block", block);
            });
        }
    }

    fn open_call(&mut self, index: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        let mut block = Vec::new();
        write::object(&mut block, |out| {
            out.string("type", "tool_use");
            out.string("id", id);
            out.string("name", name);
            out.json("input", "{}");
        });
        self.open_block(Open::Tool(index), &String::from_utf8_lossy(&block), out);
    }

    fn arguments(&mut self, index: u32, text: &str, out: &mut Vec<u8>) {
        if self.open == Some(Open::Tool(index)) {
            self.delta(out, |out| {
                out.string("type", "input_json_delta");
                out.string("partial_json", text);
            });
        } else if let Some((.., arguments)) = self.waiting.iter_mut().find(|(waiting, ..)| *waiting == index) {
            arguments.push_str(text);
        } else {
            let what = "left out: arguments of a tool call that was closed by later text";
            Loss::record(&mut self.losses, format!("tool_calls[{index}]"), what);
        }
    }

    fn delta(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        frame(out, "content_block_delta", |data| {
            data.value("index", self.blocks);
            data.object("delta", fill);
        });
    }

    fn seal(&mut self, signature: Option<&str>, redacted: Option<&str>, out: &mut Vec<u8>) {
        if let Some(data) = redacted {
            let mut block = Vec::new();
            write::object(&mut block, |out| {
                out.string("type", "redacted_thinking");
                out.string("data", data);
            });
            self.open_block(Open::Other, &String::from_utf8_lossy(&block), out);
        } else if let Some(signature) = signature {
            self.open_block(Open::Thinking, r#"{"type":"thinking","thinking":"","signature":""}"#, out);
            self.delta(out, |out| {
                out.string("type", "signature_delta");
                out.string("signature", signature);
            });
        }
        self.close_all(out);
    }

    fn foreign(&mut self, dialect: &str, name: &str, json: &str, out: &mut Vec<u8>) {
        match name {
            _ if dialect != NAME => {
                Loss::record(&mut self.losses, name, "left out: another dialect's");
            }
            WHOLE_PART => self.open_block(Open::Other, json, out),
            "content_block_delta" if self.open.is_some() => frame(out, "content_block_delta", |data| {
                data.value("index", self.blocks);
                data.json("delta", json);
            }),
            _ => {
                self.stop.members.retain(|(known, _)| known != name);
                self.stop.members.push((name.to_owned(), json.to_owned()));
            }
        }
    }

    /// Closes the open block, and writes every call that waited for it.
    fn close_all(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        for (index, id, name, arguments) in std::mem::take(&mut self.waiting) {
            self.open_call(index, &id, &name, out);
            self.arguments(index, &arguments, out);
            self.close(out);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            frame(out, "content_block_stop", |data| data.value("index", self.blocks));
            self.blocks += 1;
        }
    }

    fn done(&mut self, out: &mut Vec<u8>) {
        self.close_all(out);
        self.start(out);
        if self.usage.input_tokens.is_none() || self.usage.output_tokens.is_none() {
            Loss::record(&mut self.losses, "usage", UNREPORTED);
        }
        frame(out, "message_delta", |data| {
            data.object("delta", |out| {
                self.stop.write(out);
                for (name, json) in self.stop.others() {
                    out.json(name, json);
                }
            });
            self.stop.write_usage(&self.usage, data);
        });
        frame(out, "message_stop", |_| {});
    }
}

const fn choice_of(event: &Event) -> u32 {
    match event {
        Event::Text { choice, .. }
        | Event::Reasoning { choice, .. }
        | Event::ReasoningSeal { choice, .. }
        | Event::Refusal { choice, .. }
        | Event::ToolCall { choice, .. }
        | Event::ToolArguments { choice, .. }
        | Event::Finish { choice, .. } => *choice,
        _ => 0,
    }
}

fn frame(out: &mut Vec<u8>, event: &str, fill: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    write::object(out, |data| {
        data.string("type", event);
        fill(data);
    });
    out.extend_from_slice(b"\n\n");
}

/// Writes an answer that is not streamed.
#[must_use]
pub fn encode_answer(answer: &Answer) -> Encoded {
    let mut losses = Vec::new();
    if answer.choices.len() > 1 {
        Loss::record(&mut losses, "choices", "left out: the dialect has one answer");
    }
    if answer.usage.is_none_or(|usage| usage.input_tokens.is_none() || usage.output_tokens.is_none()) {
        Loss::record(&mut losses, "usage", UNREPORTED);
    }
    let choice = answer.choices.first();
    let mut stop = Stop { reason: choice.and_then(|choice| choice.finish), members: Vec::new() };
    for event in &answer.foreign {
        let Event::Foreign { dialect, name, json, .. } = event else { continue };
        if *dialect != NAME {
            Loss::record(&mut losses, name.clone(), "left out: another dialect's");
        } else if name == "content_block_delta" || name == "citations" {
            Loss::record(&mut losses, name.clone(), "left out: it belonged to one delta of a stream");
        } else {
            stop.members.push((name.clone(), json.clone()));
        }
    }
    let mut body = Vec::new();
    write::object(&mut body, |out| {
        out.string("id", &answer.id);
        out.string("type", "message");
        out.string("role", "assistant");
        out.string("model", &answer.model);
        let parts = choice.map(|choice| choice.parts.as_slice()).unwrap_or_default();
        let parts = parts.iter().filter(|part| is_writable(part, &mut losses)).collect::<Vec<_>>();
        out.array("content", parts, |out, part| match part {
            Part::Foreign { json, .. } => out.extend_from_slice(json.get().as_bytes()),
            part => write::object(out, |out| write_block(part, &mut losses, out)),
        });
        stop.write(out);
        stop.write_usage(&answer.usage.unwrap_or_default(), out);
        for (name, json) in stop.others() {
            out.json(name, json);
        }
    });
    Encoded { body, losses }
}

/// Whether a part has words in this dialect; one that has none is named.
fn is_writable(part: &Part, losses: &mut Vec<Loss>) -> bool {
    let writable = !matches!(part, Part::Foreign { dialect, .. } if *dialect != NAME);
    if !writable {
        Loss::record(losses, "content", "left out: a part that another dialect wrote");
    }
    writable
}

fn write_block(part: &Part, losses: &mut Vec<Loss>, out: &mut Object<'_>) {
    match part {
        Part::Text(text) | Part::Refusal(text) => {
            out.string("type", "text");
            out.string("text", text);
        }
        Part::Reasoning(thought) => super::write_thinking(thought, out),
        Part::ToolCall(call) => {
            out.string("type", "tool_use");
            out.string("id", &call.id);
            out.string("name", &call.name);
            let input = if call.arguments.trim().is_empty() { "{}" } else { call.arguments.as_str() };
            if RawObject::parse(input.as_bytes()).is_ok() {
                out.json("input", input);
            } else {
                let what = "kept as text in `unparsed_arguments`: it is no JSON object";
                Loss::record(losses, format!("tool_use.{}.input", call.name), what);
                out.object("input", |out| out.string("unparsed_arguments", input));
            }
        }
        Part::Image(_) | Part::ToolResult(_) | Part::Foreign { .. } => {}
    }
}
