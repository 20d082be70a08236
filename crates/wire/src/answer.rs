//! Answers on their way through the canonical form: frames in, events, frames out; and events collected to a whole.

use serde_json::value::RawValue;
use steersman_core::{Event, FinishReason, Part, Reasoning, ToolCall, Usage};

use crate::error::{DecodeError, Loss};

/// A provider's index is data, not a size: what it says of choices beyond these falls to the last of them.
const MAX_CHOICES: usize = 128;

/// The name of a foreign event that is a whole part of the answer: it keeps its place among the others.
pub const WHOLE_PART: &str = "part";

/// Turns the frames of one streamed answer into events.
pub trait AnswerDecoder: Send {
    /// The events of the next frame. `event` is the frame's name, `data` its data.
    ///
    /// # Errors
    /// [`DecodeError`] for data that is not of the dialect.
    fn frame(&mut self, event: Option<&[u8]>, data: &[u8]) -> Result<Vec<Event>, DecodeError>;
}

/// Turns the events of one answer into frames.
pub trait AnswerEncoder: Send {
    /// Appends the frames that say `event`.
    fn event(&mut self, event: &Event, out: &mut Vec<u8>);

    /// What has been left out so far because the dialect has no words for it.
    fn losses(&self) -> &[Loss];
}

/// What an encoder needs to know besides the events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerOptions {
    /// When the answer was made, in seconds since the Unix epoch.
    pub created_unix_s: u64,
    /// Whether the client wants a usage report at the end of a stream.
    pub include_usage: bool,
    /// The id that the client gets, for a dialect whose answers can be asked for again; else the provider's own.
    pub answer_id: Option<String>,
    /// The client's request, for a dialect whose answers repeat it.
    pub request: bytes::Bytes,
    /// The stored response that the request goes on from, where it does not say so itself.
    pub previous_response_id: Option<String>,
}

/// A whole answer: its events, put together.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The provider's id of the answer.
    pub id: String,
    /// The model that the provider says it served.
    pub model: String,
    /// The answers, by choice; a choice that nothing was said of has no parts.
    pub choices: Vec<Choice>,
    /// Tokens, as last reported.
    pub usage: Option<Usage>,
    /// The provider's error, type and message, if one came.
    pub error: Option<(String, String)>,
    /// Whether the end marker came.
    pub complete: bool,
    /// Events that the canonical form does not model.
    pub foreign: Vec<Event>,
}

/// One of the answers to a request.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// What was said, in order; neighbouring text is one part.
    pub parts: Vec<Part>,
    /// Why it ended, if it did.
    pub finish: Option<FinishReason>,
    /// Where in `parts` each tool call stands, by its index.
    calls: Vec<(u32, usize)>,
}

impl Answer {
    /// Puts events together.
    #[must_use]
    pub fn collect<'e>(events: impl IntoIterator<Item = &'e Event>) -> Self {
        let mut answer = Self::default();
        for event in events {
            answer.push(event);
        }
        answer
    }

    /// Adds one event.
    pub fn push(&mut self, event: &Event) {
        match event {
            Event::Start { id, model } => (self.id, self.model) = (id.clone(), model.clone()),
            Event::Text { choice, text } => self.choice(*choice).push_text(text),
            Event::Refusal { choice, text } => self.choice(*choice).push_refusal(text),
            Event::Reasoning { choice, text } => self.choice(*choice).open_thought().text.push_str(text),
            Event::ReasoningSeal { choice, signature, redacted } => {
                let thought = self.choice(*choice).open_thought();
                (thought.signature, thought.redacted) = (signature.clone(), redacted.clone());
            }
            Event::ToolCall { choice, index, id, name } => {
                let choice = self.choice(*choice);
                choice.calls.push((*index, choice.parts.len()));
                let call = ToolCall { id: id.clone(), name: name.clone(), arguments: String::new() };
                choice.parts.push(Part::ToolCall(call));
            }
            Event::ToolArguments { choice, index, text } => self.choice(*choice).push_arguments(*index, text),
            Event::Finish { choice, reason } => self.choice(*choice).finish = Some(*reason),
            Event::Usage(usage) => self.usage.get_or_insert_default().update(usage),
            Event::Error { kind, message } => self.error = Some((kind.clone(), message.clone())),
            Event::Foreign { choice, dialect, name, json } => match RawValue::from_string(json.clone()) {
                Ok(json) if name == WHOLE_PART => {
                    self.choice(choice.unwrap_or(0)).parts.push(Part::Foreign { dialect, json });
                }
                _ => self.foreign.push(event.clone()),
            },
            Event::Done => self.complete = true,
        }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        // A provider that counts wrongly must not make us allocate: what lies beyond the last choice there may be is
        // its.
        let index = usize::try_from(index).unwrap_or(usize::MAX).min(MAX_CHOICES - 1);
        if index >= self.choices.len() {
            self.choices.resize_with(index + 1, Choice::default);
        }
        self.choices.get_mut(index).expect("invariant: the list reaches to the index")
    }
}

impl Choice {
    fn push_text(&mut self, more: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text.push_str(more),
            _ => self.parts.push(Part::Text(more.to_owned())),
        }
    }

    fn push_refusal(&mut self, more: &str) {
        match self.parts.last_mut() {
            Some(Part::Refusal(text)) => text.push_str(more),
            _ => self.parts.push(Part::Refusal(more.to_owned())),
        }
    }

    fn push_arguments(&mut self, index: u32, more: &str) {
        let position = self.calls.iter().rev().find(|(call, _)| *call == index).map(|(_, position)| *position);
        if let Some(Part::ToolCall(call)) = position.and_then(|position| self.parts.get_mut(position)) {
            call.arguments.push_str(more);
        }
    }

    /// The trace of thought that is being written, or a new one.
    fn open_thought(&mut self) -> &mut Reasoning {
        let open =
            matches!(self.parts.last(), Some(Part::Reasoning(r)) if r.signature.is_none() && r.redacted.is_none());
        if !open {
            self.parts.push(Part::Reasoning(Reasoning::default()));
        }
        match self.parts.last_mut() {
            Some(Part::Reasoning(thought)) => thought,
            _ => unreachable!("invariant: the last part is a trace of thought"),
        }
    }

    /// The text alone, joined.
    #[must_use]
    pub fn text(&self) -> String {
        self.parts
            .iter()
            .filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(choice: u32, text: &str) -> Event {
        Event::Text { choice, text: text.to_owned() }
    }

    #[test]
    fn pieces_of_several_choices_stay_with_their_own_whoever_speaks_first() {
        let answer = Answer::collect(&[text(1, "b"), text(0, "a"), text(1, "B"), text(u32::MAX, "z"), text(0, "A")]);
        let said = |index: usize| format!("{:?}", answer.choices[index].parts);
        assert_eq!(answer.choices.len(), MAX_CHOICES);
        assert!(said(0).contains("aA") && said(1).contains("bB") && said(MAX_CHOICES - 1).contains('z'));
        assert!(answer.choices[2].parts.is_empty());
    }
}
