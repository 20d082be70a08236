//! Events to a chat completion answer, streamed or whole.
//!
//! Thinking goes out as `reasoning_content`; a block that its provider signed follows once as a whole in
//! `thinking_blocks`, so that a client can send it back. A reason to stop that the API has no word for is written as
//! its nearest word with the exact one beside it in `native_finish_reason`.

use steersman_core::{Event, FinishReason, Part, Reasoning, ToolCall, Usage};

use super::{NAME, usage};
use crate::answer::{Answer, AnswerEncoder, AnswerOptions, Choice};
use crate::error::{Encoded, ErrorBody, Loss};
use crate::sse;
use crate::write::{self, Object};

/// Writes a streamed answer, event by event.
#[derive(Debug, Default)]
pub struct ChatAnswerEncoder {
    options: AnswerOptions,
    id: String,
    model: String,
    choices: Vec<ChoiceState>,
    usage: Option<Usage>,
    /// Members of the envelope that each chunk repeats.
    envelope: Vec<(String, String)>,
    losses: Vec<Loss>,
}

#[derive(Debug, Default, Clone)]
struct ChoiceState {
    has_spoken: bool,
    has_refused: bool,
    /// The text of the thinking block that is being written.
    thought: String,
}

impl ChatAnswerEncoder {
    /// An encoder at the start of an answer.
    #[must_use]
    pub fn new(options: AnswerOptions) -> Self {
        Self { options, ..Self::default() }
    }

    fn state(&mut self, choice: u32) -> &mut ChoiceState {
        let slot = usize::try_from(choice).unwrap_or(usize::MAX).min(127);
        if self.choices.len() <= slot {
            self.choices.resize(slot + 1, ChoiceState::default());
        }
        self.choices.get_mut(slot).expect("invariant: the list reaches to the slot")
    }

    /// One chunk with one delta.
    fn delta(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let first = !std::mem::replace(&mut self.state(choice).has_spoken, true);
        self.chunk(out, |chunk| {
            chunk.list_of_one("choices", |out| {
                out.value("index", choice);
                out.object("delta", |out| {
                    if first {
                        out.string("role", "assistant");
                    }
                    fill(out);
                });
                out.value("finish_reason", serde_json::Value::Null);
            });
        });
    }

    /// One chunk with a choice that has an empty delta, and whatever `fill` adds to the choice.
    fn choice_chunk(&self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.chunk(out, |chunk| {
            chunk.list_of_one("choices", |out| {
                out.value("index", choice);
                out.object("delta", |_| {});
                fill(out);
            });
        });
    }

    fn chunk(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        out.extend_from_slice(b"data: ");
        write::object(out, |chunk| {
            self.write_envelope("chat.completion.chunk", chunk);
            fill(chunk);
        });
        out.extend_from_slice(b"\n\n");
    }

    fn write_envelope(&self, object: &str, out: &mut Object<'_>) {
        out.string("id", &self.id);
        out.string("object", object);
        out.value("created", self.options.created_unix_s);
        out.string("model", &self.model);
        for (name, json) in &self.envelope {
            out.json(name, json);
        }
    }

    fn foreign(&mut self, choice: Option<u32>, dialect: &'static str, name: &str, json: &str, out: &mut Vec<u8>) {
        let call_member = name.strip_prefix("tool_calls[").and_then(|rest| rest.split_once("]."));
        match (choice, name.strip_prefix("delta."), call_member) {
            _ if dialect != NAME => {
                Loss::record(&mut self.losses, name, "left out: another dialect's");
            }
            (None, ..) => {
                self.envelope.retain(|(known, _)| known != name);
                self.envelope.push((name.to_owned(), json.to_owned()));
            }
            (Some(choice), Some(member), _) => self.delta(choice, out, |out| out.json(member, json)),
            (Some(choice), None, Some((index, member))) => self.delta(choice, out, |out| {
                out.list_of_one("tool_calls", |out| {
                    out.json("index", index);
                    out.json(member, json);
                });
            }),
            (Some(choice), None, None) => self.choice_chunk(choice, out, |out| {
                out.json(name, json);
                out.value("finish_reason", serde_json::Value::Null);
            }),
        }
    }

    fn done(&mut self, out: &mut Vec<u8>) {
        if let Some(report) = self.usage.filter(|_| self.options.include_usage) {
            self.chunk(out, |chunk| {
                chunk.array("choices", std::iter::empty::<()>(), |_, ()| {});
                chunk.object("usage", |out| usage::write(&report, out));
            });
        }
        out.extend_from_slice(sse::DONE);
    }
}

impl AnswerEncoder for ChatAnswerEncoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => (self.id, self.model) = (id.clone(), model.clone()),
            Event::Text { choice, text } => self.delta(*choice, out, |out| out.string("content", text)),
            Event::Reasoning { choice, text } => {
                self.state(*choice).thought.push_str(text);
                self.delta(*choice, out, |out| out.string("reasoning_content", text));
            }
            Event::ReasoningSeal { choice, signature, redacted } => {
                let text = std::mem::take(&mut self.state(*choice).thought);
                let block = Reasoning { text, signature: signature.clone(), redacted: redacted.clone() };
                self.delta(*choice, out, |out| {
                    out.list_of_one("thinking_blocks", |out| super::write_thinking_block(out, &block));
                });
            }
            Event::Refusal { choice, text } => {
                self.state(*choice).has_refused = true;
                self.delta(*choice, out, |out| out.string("refusal", text));
            }
            Event::ToolCall { choice, index, id, name } => self.delta(*choice, out, |out| {
                out.list_of_one("tool_calls", |out| {
                    out.value("index", *index);
                    out.string("id", id);
                    out.string("type", "function");
                    out.object("function", |out| {
                        out.string("name", name);
                        out.string("arguments", "");
                    });
                });
            }),
            Event::ToolArguments { choice, index, text } => self.delta(*choice, out, |out| {
                out.list_of_one("tool_calls", |out| {
                    out.value("index", *index);
                    out.object("function", |out| out.string("arguments", text));
                });
            }),
            Event::Finish { choice, reason } => {
                let refused = self.state(*choice).has_refused;
                self.choice_chunk(*choice, out, |out| write_finish(Some(*reason), refused, out));
            }
            Event::Foreign { choice, dialect, name, json } => self.foreign(*choice, dialect, name, json, out),
            Event::Usage(report) => self.usage.get_or_insert_default().update(report),
            Event::Error { kind, message } => {
                sse::write_frame(out, None, &super::encode_error(&ErrorBody::told(kind, message)));
            }
            Event::Done => self.done(out),
        }
    }

    fn losses(&self) -> &[Loss] {
        &self.losses
    }
}

fn write_finish(reason: Option<FinishReason>, refused: bool, out: &mut Object<'_>) {
    let (word, native) = match reason {
        None => return out.value("finish_reason", serde_json::Value::Null),
        Some(FinishReason::Stop) => ("stop", None),
        Some(FinishReason::Length) => ("length", None),
        Some(FinishReason::ToolCalls) => ("tool_calls", None),
        Some(FinishReason::ContentFilter) => ("content_filter", None),
        Some(FinishReason::Refusal) if refused => ("stop", None),
        Some(FinishReason::Refusal) => ("content_filter", Some("refusal")),
        Some(FinishReason::Pause) => ("stop", Some("pause")),
        Some(FinishReason::Other) => ("stop", Some("other")),
    };
    out.string("finish_reason", word);
    out.optional("native_finish_reason", native);
}

/// Writes an answer that is not streamed.
#[must_use]
pub fn encode_answer(answer: &Answer, options: &AnswerOptions) -> Encoded {
    let mut encoder = ChatAnswerEncoder::new(options.clone());
    (encoder.id, encoder.model) = (answer.id.clone(), answer.model.clone());
    let mut members = Vec::new();
    for event in &answer.foreign {
        let Event::Foreign { choice, dialect, name, json } = event else { continue };
        match choice {
            Some(choice) if *dialect == NAME => members.push((*choice, name.as_str(), json.as_str())),
            _ => encoder.foreign(None, dialect, name, json, &mut Vec::new()),
        }
    }
    if answer.choices.iter().flat_map(|choice| &choice.parts).any(|part| matches!(part, Part::Foreign { .. })) {
        Loss::record(&mut encoder.losses, "content", "left out: parts that another dialect wrote");
    }
    let mut body = Vec::new();
    write::object(&mut body, |out| {
        encoder.write_envelope("chat.completion", out);
        out.array("choices", (0u32..).zip(&answer.choices), |out, (index, choice)| {
            let members = members.iter().filter(|(of, ..)| *of == index).map(|(_, name, json)| (*name, *json));
            write_choice(index, choice, &members.collect::<Vec<_>>(), out);
        });
        if let Some(report) = &answer.usage {
            out.object("usage", |out| usage::write(report, out));
        }
    });
    Encoded { body, losses: encoder.losses }
}

fn write_choice(index: u32, choice: &Choice, members: &[(&str, &str)], out: &mut Vec<u8>) {
    let mut thoughts = Vec::new();
    let mut calls: Vec<&ToolCall> = Vec::new();
    let mut refusal = String::new();
    for part in &choice.parts {
        match part {
            Part::Reasoning(thought) => thoughts.push(thought),
            Part::ToolCall(call) => calls.push(call),
            Part::Refusal(text) => refusal.push_str(text),
            _ => {}
        }
    }
    let text = choice.text();
    write::object(out, |out| {
        out.value("index", index);
        out.object("message", |out| {
            out.string("role", "assistant");
            let silent = text.is_empty() && (!calls.is_empty() || !refusal.is_empty());
            out.value("content", (!silent).then_some(text.as_str()));
            out.value("refusal", (!refusal.is_empty()).then_some(refusal.as_str()));
            write_thoughts(&thoughts, out);
            if !calls.is_empty() {
                out.array("tool_calls", calls.iter().enumerate(), |out, (i, call)| {
                    write_call(call, members, &format!("tool_calls[{i}]."), out);
                });
            }
            for (name, json) in members {
                if let Some(member) = name.strip_prefix("delta.") {
                    out.json(member, json);
                }
            }
        });
        for (name, json) in members.iter().filter(|(name, _)| !name.contains(['.', '['])) {
            out.json(name, json);
        }
        write_finish(choice.finish, !refusal.is_empty(), out);
    });
}

fn write_thoughts(thoughts: &[&Reasoning], out: &mut Object<'_>) {
    let text: String = thoughts.iter().map(|thought| thought.text.as_str()).collect();
    if !text.is_empty() {
        out.string("reasoning_content", &text);
    }
    if thoughts.iter().any(|thought| thought.signature.is_some() || thought.redacted.is_some()) {
        out.array("thinking_blocks", thoughts, |out, thought| {
            write::object(out, |out| super::write_thinking_block(out, thought));
        });
    }
}

fn write_call(call: &ToolCall, members: &[(&str, &str)], prefix: &str, out: &mut Vec<u8>) {
    write::object(out, |out| {
        out.string("id", &call.id);
        out.string("type", "function");
        out.object("function", |out| {
            out.string("name", &call.name);
            out.string("arguments", &call.arguments);
        });
        for (name, json) in members {
            if let Some(member) = name.strip_prefix(prefix) {
                out.json(member, json);
            }
        }
    });
}
