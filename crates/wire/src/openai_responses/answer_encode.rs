//! Events to a response, streamed or whole.
//!
//! Text and thinking are written one item after the other. Calls may grow side by side, as they came; all of them end
//! with the response.

use steersman_core::{Event, FinishReason, Part, Usage};

use super::item::{Content, Envelope, Item, State};
use super::{NAME, seal};
use crate::answer::{Answer, AnswerEncoder, AnswerOptions, WHOLE_PART};
use crate::error::{Encoded, Loss};
use crate::write::{self, Object};

/// Writes a streamed answer, event by event.
#[derive(Debug, Default)]
pub struct ResponsesAnswerEncoder {
    envelope: Envelope,
    sequence: u64,
    started: bool,
    items: Vec<Item>,
    /// The message or the reasoning that is being written; always the last item.
    open: bool,
    finish: Option<FinishReason>,
    usage: Option<Usage>,
    failed: Option<(String, String)>,
    losses: Vec<Loss>,
}

impl ResponsesAnswerEncoder {
    /// An encoder at the start of an answer.
    #[must_use]
    pub fn new(options: &AnswerOptions) -> Self {
        Self { envelope: Envelope::new(options), ..Self::default() }
    }

    fn frame(&mut self, out: &mut Vec<u8>, event: &str, fill: impl FnOnce(&Self, &mut Object<'_>)) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        write::object(out, |data| {
            data.string("type", event);
            data.value("sequence_number", self.sequence);
            fill(self, data);
        });
        out.extend_from_slice(b"\n\n");
        self.sequence += 1;
    }

    fn response_frame(&mut self, out: &mut Vec<u8>, event: &str, state: State<'_>) {
        self.frame(out, event, |this, data| {
            data.object("response", |out| this.envelope.write(&state, &this.items, out));
        });
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.started, true) {
            self.response_frame(out, "response.created", State::Under);
            self.response_frame(out, "response.in_progress", State::Under);
        }
    }

    /// One frame about the item at `position`.
    fn item_frame(
        &mut self,
        out: &mut Vec<u8>,
        event: &str,
        position: usize,
        fill: impl FnOnce(&Self, &mut Object<'_>),
    ) {
        self.frame(out, event, |this, data| {
            if let Some(item) = this.items.get(position) {
                data.string("item_id", &this.envelope.id_of(item, position));
            }
            data.value("output_index", position);
            fill(this, data);
        });
    }

    fn whole_item(&mut self, out: &mut Vec<u8>, event: &str, position: usize, status: &str) {
        self.frame(out, event, |this, data| {
            data.value("output_index", position);
            if let Some(item) = this.items.get(position) {
                this.envelope.write_item(item, position, status, data.member("item"));
            }
        });
    }

    fn add(&mut self, item: Item, out: &mut Vec<u8>) -> usize {
        self.close(out);
        self.start(out);
        self.items.push(item);
        let position = self.items.len() - 1;
        self.whole_item(out, "response.output_item.added", position, "in_progress");
        position
    }

    fn last(&self) -> usize {
        self.items.len().saturating_sub(1)
    }

    fn said(&mut self, content: &Content, out: &mut Vec<u8>) {
        let joins = match (self.items.last(), content) {
            (Some(Item::Message(parts)), new) if self.open => parts.last().is_some_and(|last| {
                matches!(
                    (last, new),
                    (Content::Text(..), Content::Text(..)) | (Content::Refusal(_), Content::Refusal(_))
                )
            }),
            _ => false,
        };
        let in_message = self.open && matches!(self.items.last(), Some(Item::Message(_)));
        if !in_message {
            self.add(Item::Message(Vec::new()), out);
            self.open = true;
        } else if !joins {
            self.close_part(out);
        }
        let (event, key, more) = match content {
            Content::Text(text, _) => ("response.output_text.delta", "text", text.clone()),
            Content::Refusal(text) => ("response.refusal.delta", "refusal", text.clone()),
        };
        if !joins {
            let empty =
                if key == "text" { Content::Text(String::new(), Vec::new()) } else { Content::Refusal(String::new()) };
            self.open_part(&empty, out);
        }
        if let Some(Item::Message(parts)) = self.items.last_mut()
            && let Some(Content::Text(text, _) | Content::Refusal(text)) = parts.last_mut()
        {
            text.push_str(&more);
        }
        let (position, part) = (self.last(), self.part_index());
        self.item_frame(out, event, position, |_, data| {
            data.value("content_index", part);
            data.string("delta", &more);
            if key == "text" {
                data.json("logprobs", "[]");
            }
        });
    }

    fn part_index(&self) -> usize {
        match self.items.last() {
            Some(Item::Message(parts)) => parts.len().saturating_sub(1),
            _ => 0,
        }
    }

    fn open_part(&mut self, part: &Content, out: &mut Vec<u8>) {
        if let Some(Item::Message(parts)) = self.items.last_mut() {
            parts.push(part.clone());
        }
        let (position, index) = (self.last(), self.part_index());
        self.item_frame(out, "response.content_part.added", position, |_, data| {
            data.value("content_index", index);
            part.write(data.member("part"));
        });
    }

    fn close_part(&mut self, out: &mut Vec<u8>) {
        let Some(Item::Message(parts)) = self.items.last() else { return };
        let Some(part) = parts.last().cloned() else { return };
        let (position, index) = (self.last(), self.part_index());
        let (event, key, text) = match &part {
            Content::Text(text, _) => ("response.output_text.done", "text", text),
            Content::Refusal(text) => ("response.refusal.done", "refusal", text),
        };
        self.item_frame(out, event, position, |_, data| {
            data.value("content_index", index);
            data.string(key, text);
            if key == "text" {
                data.json("logprobs", "[]");
            }
        });
        self.item_frame(out, "response.content_part.done", position, |_, data| {
            data.value("content_index", index);
            part.write(data.member("part"));
        });
    }

    fn thought(&mut self, more: &str, out: &mut Vec<u8>) {
        if !(self.open && matches!(self.items.last(), Some(Item::Reasoning { .. }))) {
            let position = self.add(Item::Reasoning { id: None, text: String::new(), encrypted: None }, out);
            self.open = true;
            self.item_frame(out, "response.reasoning_summary_part.added", position, |_, data| {
                data.value("summary_index", 0);
                write_summary_part("", data);
            });
        }
        if let Some(Item::Reasoning { text, .. }) = self.items.last_mut() {
            text.push_str(more);
        }
        let position = self.last();
        self.item_frame(out, "response.reasoning_summary_text.delta", position, |_, data| {
            data.value("summary_index", 0);
            data.string("delta", more);
        });
    }

    fn seal(&mut self, signature: Option<&str>, redacted: Option<&str>, out: &mut Vec<u8>) {
        let Some((own, sealed)) = seal::close(signature, redacted) else { return self.close(out) };
        if !(self.open && matches!(self.items.last(), Some(Item::Reasoning { .. }))) {
            self.add(Item::Reasoning { id: own.clone(), text: String::new(), encrypted: None }, out);
            self.open = true;
        }
        if let Some(Item::Reasoning { id, encrypted, .. }) = self.items.last_mut() {
            // A seal goes back with the id that it came with.
            *id = own.or(id.take());
            *encrypted = Some(sealed);
        }
        self.close(out);
    }

    /// Ends the open message or reasoning.
    fn close(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        let position = self.last();
        match self.items.last().cloned() {
            Some(Item::Message(_)) => self.close_part(out),
            Some(Item::Reasoning { text, .. }) if !text.is_empty() => {
                self.item_frame(out, "response.reasoning_summary_text.done", position, |_, data| {
                    data.value("summary_index", 0);
                    data.string("text", &text);
                });
                self.item_frame(out, "response.reasoning_summary_part.done", position, |_, data| {
                    data.value("summary_index", 0);
                    write_summary_part(&text, data);
                });
            }
            _ => {}
        }
        self.whole_item(out, "response.output_item.done", position, "completed");
    }

    fn arguments(&mut self, wanted: u32, more: &str, out: &mut Vec<u8>) {
        let found = self.items.iter_mut().enumerate().rev().find_map(|(position, item)| match item {
            Item::Call { index, arguments, .. } if *index == wanted => Some((position, arguments)),
            _ => None,
        });
        let Some((position, arguments)) = found else { return };
        arguments.push_str(more);
        self.item_frame(out, "response.function_call_arguments.delta", position, |_, data| data.string("delta", more));
    }

    fn close_calls(&mut self, out: &mut Vec<u8>) {
        for position in 0..self.items.len() {
            let Some(Item::Call { name, arguments, .. }) = self.items.get(position) else { continue };
            let (name, arguments) = (name.clone(), arguments.clone());
            self.item_frame(out, "response.function_call_arguments.done", position, |_, data| {
                data.string("name", &name);
                data.string("arguments", &arguments);
            });
            self.whole_item(out, "response.output_item.done", position, "completed");
        }
    }

    fn foreign(&mut self, dialect: &str, name: &str, json: &str, out: &mut Vec<u8>) {
        if dialect == NAME && name == WHOLE_PART {
            let position = self.add(Item::Foreign(json.to_owned()), out);
            self.whole_item(out, "response.output_item.done", position, "completed");
        } else if dialect == NAME && name == "annotation" && self.open && annotate(&mut self.items, json) {
            let (position, part) = (self.last(), self.part_index());
            self.item_frame(out, "response.output_text.annotation.added", position, |_, data| {
                data.value("content_index", part);
                data.json("annotation", json);
            });
        } else {
            Loss::record(&mut self.losses, name, "left out: the dialect has no place for it in an answer");
        }
    }

    fn done(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        self.close_calls(out);
        self.start(out);
        let failed = self.failed.clone();
        let state = match &failed {
            Some((kind, message)) => State::Failed { kind, message },
            None => State::Ended { finish: self.finish, refused: refused(&self.items), usage: self.usage },
        };
        note_finish(self.finish, &mut self.losses);
        let event = format!("response.{}", state.status());
        self.response_frame(out, &event, state);
    }
}

impl AnswerEncoder for ResponsesAnswerEncoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if event.choice().is_some_and(|choice| choice > 0) {
            Loss::record(&mut self.losses, "choices", "left out: the dialect has one answer");
            return;
        }
        match event {
            Event::Start { id, model } => {
                self.envelope.start(id, model);
                self.start(out);
            }
            Event::Text { text, .. } => self.said(&Content::Text(text.clone(), Vec::new()), out),
            Event::Refusal { text, .. } => self.said(&Content::Refusal(text.clone()), out),
            Event::Reasoning { text, .. } => self.thought(text, out),
            Event::ReasoningSeal { signature, redacted, .. } => {
                self.seal(signature.as_deref(), redacted.as_deref(), out);
            }
            Event::ToolCall { index, id, name, .. } => {
                let (id, name) = (id.clone(), name.clone());
                self.add(Item::Call { index: *index, id, name, arguments: String::new() }, out);
            }
            Event::ToolArguments { index, text, .. } => self.arguments(*index, text, out),
            Event::Finish { reason, .. } => self.finish = Some(*reason),
            Event::Usage(report) => self.usage.get_or_insert_default().update(report),
            Event::Foreign { dialect, name, json, .. } => self.foreign(dialect, name, json, out),
            Event::Error { kind, message } => {
                // The SDKs know of no response before it was created.
                self.start(out);
                self.failed = Some((kind.clone(), message.clone()));
                self.frame(out, "error", |_, data| {
                    data.string("code", kind);
                    data.string("message", message);
                    data.json("param", "null");
                });
            }
            Event::Done => self.done(out),
        }
    }

    fn losses(&self) -> &[Loss] {
        &self.losses
    }
}

/// Adds an annotation to the last text, if there is one.
fn annotate(items: &mut [Item], json: &str) -> bool {
    let Some(Item::Message(parts)) = items.iter_mut().rfind(|item| matches!(item, Item::Message(_))) else {
        return false;
    };
    let Some(Content::Text(_, annotations)) = parts.last_mut() else { return false };
    annotations.push(json.to_owned());
    true
}

fn refused(items: &[Item]) -> bool {
    let parts = items.iter().filter_map(|item| if let Item::Message(parts) = item { Some(parts) } else { None });
    parts.flatten().any(|part| matches!(part, Content::Refusal(_)))
}

/// The dialect has no word for a pause and for what this house does not know.
fn note_finish(finish: Option<FinishReason>, losses: &mut Vec<Loss>) {
    if matches!(finish, Some(FinishReason::Pause | FinishReason::Other)) {
        Loss::record(losses, "finish_reason", "written as `completed`: the dialect has no word for it");
    }
}

fn write_summary_part(text: &str, out: &mut Object<'_>) {
    out.object("part", |out| {
        out.string("type", "summary_text");
        out.string("text", text);
    });
}

/// Writes an answer that is not streamed.
#[must_use]
pub fn encode_answer(answer: &Answer, options: &AnswerOptions) -> Encoded {
    let mut losses = Vec::new();
    if answer.choices.len() > 1 {
        Loss::record(&mut losses, "choices", "left out: the dialect has one answer");
    }
    let choice = answer.choices.first();
    let mut items = items(choice.map(|choice| choice.parts.as_slice()).unwrap_or_default(), &mut losses);
    for event in &answer.foreign {
        let Event::Foreign { dialect, name, json, .. } = event else { continue };
        if !(*dialect == NAME && name == "annotation" && annotate(&mut items, json)) {
            Loss::record(&mut losses, name.clone(), "left out: the dialect has no place for it in an answer");
        }
    }
    let mut envelope = Envelope::new(options);
    envelope.start(&answer.id, &answer.model);
    let finish = choice.and_then(|choice| choice.finish);
    note_finish(finish, &mut losses);
    let state = match &answer.error {
        Some((kind, message)) => State::Failed { kind, message },
        None => State::Ended { finish, refused: refused(&items), usage: answer.usage },
    };
    let mut body = Vec::new();
    write::object(&mut body, |out| envelope.write(&state, &items, out));
    Encoded { body, losses }
}

fn items(parts: &[Part], losses: &mut Vec<Loss>) -> Vec<Item> {
    let mut items = Vec::new();
    for (part, index) in parts.iter().zip(0..) {
        let content = match part {
            Part::Text(text) => Content::Text(text.clone(), Vec::new()),
            Part::Refusal(text) => Content::Refusal(text.clone()),
            Part::ToolCall(call) => {
                let (id, name, arguments) = (call.id.clone(), call.name.clone(), call.arguments.clone());
                items.push(Item::Call { index, id, name, arguments });
                continue;
            }
            Part::Reasoning(thought) => {
                let sealed = seal::close(thought.signature.as_deref(), thought.redacted.as_deref());
                let (id, encrypted) = sealed.map_or((None, None), |(id, encrypted)| (id, Some(encrypted)));
                items.push(Item::Reasoning { id, text: thought.text.clone(), encrypted });
                continue;
            }
            Part::Foreign { dialect: NAME, json } => {
                items.push(Item::Foreign(json.get().to_owned()));
                continue;
            }
            Part::Image(_) | Part::ToolResult(_) | Part::Foreign { .. } => {
                Loss::record(losses, "content", "left out: a part that another dialect wrote");
                continue;
            }
        };
        match items.last_mut() {
            Some(Item::Message(parts)) => parts.push(content),
            _ => items.push(Item::Message(vec![content])),
        }
    }
    items
}
