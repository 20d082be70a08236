//! Events to a Gemini answer, streamed or whole.
//!
//! A call is one part on this wire: it goes out once its arguments are complete, at the next text or at the end. The
//! last chunk has the reasons and the usage, since the stream ends with the reasons.

use steersman_core::{Event, FinishReason, Part, Reasoning, Usage};

use super::parts::Parts;
use super::{NAME, finish_word, usage};
use crate::answer::{Answer, AnswerEncoder, WHOLE_PART};
use crate::error::{Encoded, ErrorBody, Loss};
use crate::sse;
use crate::write::{self, Object};

const UNPARSED: &str = "kept as text in `unparsed_arguments`: it is no JSON object";
const FOREIGN: &str = "left out: another dialect's";

/// Writes a streamed answer, event by event.
#[derive(Debug, Default)]
pub struct GeminiAnswerEncoder {
    envelope: Envelope,
    candidates: Vec<Candidate>,
    losses: Vec<Loss>,
}

/// What the last chunk, or the whole body, says beside the candidates.
#[derive(Debug, Default)]
struct Envelope {
    id: String,
    model: String,
    usage: Option<Usage>,
    /// Members that only this dialect has, as JSON; `usageMetadata.*` among them.
    members: Vec<(String, String)>,
}

/// One answer under way.
#[derive(Debug, Default)]
struct Candidate {
    parts: Parts,
    /// Calls that may still grow: index, id, name, arguments.
    calls: Vec<(u32, String, String, String)>,
    finish: Option<FinishReason>,
    members: Vec<(String, String)>,
}

impl Envelope {
    fn write(&self, out: &mut Object<'_>) {
        let details =
            || self.members.iter().filter_map(|(name, json)| Some((name.strip_prefix("usageMetadata.")?, json)));
        if self.usage.is_some() || details().next().is_some() {
            out.object("usageMetadata", |out| {
                usage::write(&self.usage.unwrap_or_default(), out);
                details().for_each(|(name, json)| out.json(name, json));
            });
        }
        for (name, json) in self.members.iter().filter(|(name, _)| !name.starts_with("usageMetadata.")) {
            out.json(name, json);
        }
        self.write_names(out);
    }

    fn write_names(&self, out: &mut Object<'_>) {
        out.string("modelVersion", &self.model);
        out.string("responseId", &self.id);
    }
}

impl Candidate {
    /// Writes the calls that are complete now.
    fn settle(&mut self, losses: &mut Vec<Loss>) {
        for (_, id, name, arguments) in std::mem::take(&mut self.calls) {
            if !self.parts.call(Some(&id).filter(|id| !id.is_empty()).map(String::as_str), &name, &arguments) {
                Loss::record(losses, format!("functionCall.{name}.args"), UNPARSED);
            }
        }
    }

    /// Takes an event; its parts wait in `parts` until the chunk is written.
    fn push(&mut self, event: &Event, losses: &mut Vec<Loss>) {
        if !matches!(event, Event::ToolCall { .. } | Event::ToolArguments { .. }) {
            self.settle(losses);
        }
        match event {
            Event::Text { text, .. } | Event::Refusal { text, .. } => self.parts.text(text),
            Event::Reasoning { text, .. } => {
                self.parts.flush();
                self.parts.part(|out| {
                    out.string("text", text);
                    out.value("thought", true);
                });
            }
            Event::ReasoningSeal { signature, redacted, .. } => {
                let (signature, redacted) = (signature.clone(), redacted.clone());
                self.parts.thought(&Reasoning { text: String::new(), signature, redacted });
            }
            Event::ToolCall { index, id, name, .. } => {
                self.calls.push((*index, id.clone(), name.clone(), String::new()));
            }
            Event::ToolArguments { index, text, .. } => {
                match self.calls.iter_mut().rev().find(|(call, ..)| call == index) {
                    Some((.., arguments)) => arguments.push_str(text),
                    None => {
                        let what = "left out: arguments of a tool call that was closed by later text";
                        Loss::record(losses, format!("tool_calls[{index}]"), what);
                    }
                }
            }
            Event::Finish { reason, .. } => self.finish = Some(*reason),
            Event::Foreign { dialect, name, json, .. } => match name.as_str() {
                _ if *dialect != NAME => Loss::record(losses, name.clone(), FOREIGN),
                WHOLE_PART => {
                    if let Ok(raw) = serde_json::from_str::<&serde_json::value::RawValue>(json) {
                        self.parts.raw(raw);
                    }
                }
                _ => set(&mut self.members, name, json),
            },
            Event::Start { .. } | Event::Usage(_) | Event::Error { .. } | Event::Done => {}
        }
    }

    fn write(&mut self, index: usize, ended: bool, out: &mut Vec<u8>) {
        if ended {
            self.parts.flush();
        }
        let parts = std::mem::take(&mut self.parts.out);
        write::object(out, |out| {
            if !parts.is_empty() || ended {
                out.object("content", |out| {
                    out.list("parts", &parts);
                    out.string("role", "model");
                });
            }
            if ended {
                let own = self.members.iter().find(|(name, _)| name == "finishReason");
                match (own, self.finish) {
                    (Some((_, json)), _) => out.json("finishReason", json),
                    (None, Some(reason)) => out.string("finishReason", finish_word(reason)),
                    (None, None) => {}
                }
                for (name, json) in self.members.iter().filter(|(name, _)| name != "finishReason") {
                    out.json(name, json);
                }
            }
            out.value("index", index);
        });
    }
}

fn set(members: &mut Vec<(String, String)>, name: &str, json: &str) {
    members.retain(|(known, _)| known != name);
    members.push((name.to_owned(), json.to_owned()));
}

impl AnswerEncoder for GeminiAnswerEncoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => {
                (self.envelope.id, self.envelope.model) = (id.clone(), model.clone());
            }
            Event::Usage(report) => self.envelope.usage.get_or_insert_default().update(report),
            Event::Foreign { choice: None, dialect, name, json } if *dialect == NAME => {
                set(&mut self.envelope.members, name, json);
            }
            Event::Error { kind, message } => {
                if self.envelope.usage.is_some() {
                    chunk(out, &self.envelope, true, |_| {});
                }
                sse::write_frame(out, None, &super::encode_error(&ErrorBody::told(kind, message)));
            }
            Event::Done => self.done(out),
            event => {
                let index = usize::try_from(event.choice().unwrap_or(0)).unwrap_or(usize::MAX).min(127);
                if self.candidates.len() <= index {
                    self.candidates.resize_with(index + 1, Candidate::default);
                }
                let Some(candidate) = self.candidates.get_mut(index) else { return };
                candidate.push(event, &mut self.losses);
                if !candidate.parts.out.is_empty() {
                    chunk(out, &self.envelope, false, |out| candidate.write(index, false, out));
                }
            }
        }
    }

    fn losses(&self) -> &[Loss] {
        &self.losses
    }
}

impl GeminiAnswerEncoder {
    fn done(&mut self, out: &mut Vec<u8>) {
        for candidate in &mut self.candidates {
            candidate.settle(&mut self.losses);
        }
        note_cache_writes(&self.envelope, &mut self.losses);
        let candidates = &mut self.candidates;
        chunk(out, &self.envelope, true, |out| {
            for (index, candidate) in candidates.iter_mut().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                candidate.write(index, true, out);
            }
        });
    }
}

fn note_cache_writes(envelope: &Envelope, losses: &mut Vec<Loss>) {
    if envelope.usage.and_then(|usage| usage.cache_write_tokens).is_some_and(|tokens| tokens > 0) {
        Loss::record(losses, "usage.cache_write_tokens", "left out: the dialect does not count them");
    }
}

fn chunk(out: &mut Vec<u8>, envelope: &Envelope, last: bool, candidates: impl FnOnce(&mut Vec<u8>)) {
    let mut list = Vec::new();
    candidates(&mut list);
    out.extend_from_slice(b"data: ");
    write::object(out, |out| {
        out.list("candidates", &list);
        if last {
            envelope.write(out);
        } else {
            envelope.write_names(out);
        }
    });
    out.extend_from_slice(b"\n\n");
}

/// Writes an answer that is not streamed.
#[must_use]
pub fn encode_answer(answer: &Answer) -> Encoded {
    let mut losses = Vec::new();
    let mut envelope =
        Envelope { id: answer.id.clone(), model: answer.model.clone(), usage: answer.usage, members: Vec::new() };
    let mut candidates: Vec<Candidate> = Vec::new();
    for choice in &answer.choices {
        let mut candidate = Candidate { finish: choice.finish, ..Candidate::default() };
        for part in &choice.parts {
            write_part(part, &mut candidate.parts, &mut losses);
        }
        candidates.push(candidate);
    }
    for event in &answer.foreign {
        let Event::Foreign { choice, dialect, name, json } = event else { continue };
        let slot = choice.map(|choice| candidates.get_mut(usize::try_from(choice).unwrap_or(usize::MAX)));
        match slot {
            _ if *dialect != NAME => Loss::record(&mut losses, name.clone(), FOREIGN),
            None => set(&mut envelope.members, name, json),
            Some(Some(candidate)) => set(&mut candidate.members, name, json),
            Some(None) => {}
        }
    }
    note_cache_writes(&envelope, &mut losses);
    let mut body = Vec::new();
    write::object(&mut body, |out| {
        out.array("candidates", candidates.iter_mut().enumerate(), |out, (index, candidate)| {
            candidate.write(index, true, out);
        });
        envelope.write(out);
    });
    Encoded { body, losses }
}

fn write_part(part: &Part, parts: &mut Parts, losses: &mut Vec<Loss>) {
    match part {
        Part::Text(text) | Part::Refusal(text) => parts.text(text),
        Part::Reasoning(thought) => parts.thought(thought),
        Part::ToolCall(call) => {
            if !parts.call(Some(call.id.as_str()).filter(|id| !id.is_empty()), &call.name, &call.arguments) {
                Loss::record(losses, format!("functionCall.{}.args", call.name), UNPARSED);
            }
        }
        Part::Foreign { dialect: NAME, json } => parts.raw(json),
        Part::Foreign { .. } => Loss::record(losses, "content", "left out: a part that another dialect wrote"),
        Part::Image(_) | Part::ToolResult(_) => {}
    }
}
