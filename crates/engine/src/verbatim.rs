//! A guarded stream that stays in its dialect: each frame leaves as it came once the guard has let all of it through.
//!
//! The gate lets text through word by word and calls at the end, so a frame may have to wait for the next ones. While
//! it has changed nothing, what left is the provider's own bytes, unknown members and all. From its first change on the
//! rest is written anew; the encoder has heard everything that left before, and goes on where the frames stopped.
//!
//! What never happens here: a byte leaves before the gate has released what it says.

use std::collections::VecDeque;
use std::mem::discriminant;

use bytes::Bytes;
use steersman_core::Event;
use steersman_wire::{AnswerEncoder, Loss};

use crate::guard::Gate;

/// The frames of one stream that wait for the gate.
pub(crate) struct Verbatim {
    encoder: Box<dyn AnswerEncoder>,
    waiting: VecDeque<Waiting>,
    /// Released by the gate, and not yet told by a frame that left.
    released: Vec<Event>,
    rewriting: bool,
}

struct Waiting {
    raw: Bytes,
    events: Vec<Event>,
}

impl Verbatim {
    /// A stream that the client reads in the dialect of `encoder`.
    pub(crate) fn new(encoder: Box<dyn AnswerEncoder>) -> Self {
        Self { encoder, waiting: VecDeque::new(), released: Vec::new(), rewriting: false }
    }

    /// What the frames that were written anew had no words for.
    pub(crate) fn losses(&self) -> &[Loss] {
        if self.rewriting { self.encoder.losses() } else { &[] }
    }

    /// Takes a frame, its events, and what the gate released upon them; hands out what may leave.
    pub(crate) fn push(&mut self, raw: Bytes, events: Vec<Event>, released: Vec<Event>, gate: &Gate) -> Vec<Bytes> {
        if self.rewriting {
            return vec![self.write(&released)];
        }
        self.waiting.push_back(Waiting { raw, events });
        self.released.extend(released);
        // Behind the provider's own error comes nothing that what waits could leave with.
        if gate.has_changed() || self.released.iter().any(|event| matches!(event, Event::Error { .. })) {
            self.rewriting = true;
            self.waiting.clear();
            let rest = std::mem::take(&mut self.released);
            return vec![self.write(&rest)];
        }
        let mut leaving = Vec::new();
        if gate.is_empty() {
            let told = std::mem::take(&mut self.released);
            drop(self.write(&told));
            leaving.extend(self.waiting.drain(..).map(|frame| frame.raw));
            return leaving;
        }
        while let Some(frame) = self.waiting.front() {
            let Some(told) = take(&mut self.released, &frame.events) else { break };
            drop(self.write(&told));
            leaving.extend(self.waiting.pop_front().map(|frame| frame.raw));
        }
        leaving
    }

    /// The frame of an error, behind what has left.
    pub(crate) fn error(&mut self, error: &Event) -> Bytes {
        self.write(std::slice::from_ref(error))
    }

    fn write(&mut self, events: &[Event]) -> Bytes {
        let mut out = Vec::new();
        events.iter().for_each(|event| self.encoder.event(event, &mut out));
        out.into()
    }
}

/// Takes from `released` what a frame's `events` say. `None`, and nothing taken, unless all of it is there. Calls are
/// never taken: they leave together, once the gate is empty.
fn take(released: &mut Vec<Event>, events: &[Event]) -> Option<Vec<Event>> {
    let mut rest = released.clone();
    let mut told = Vec::new();
    for event in events {
        match event {
            Event::ToolCall { .. } | Event::ToolArguments { .. } => return None,
            Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => {
                told.extend(take_text(&mut rest, event, text)?);
            }
            event => {
                let at = rest.iter().position(|released| released == event)?;
                told.push(rest.remove(at));
            }
        }
    }
    *released = rest;
    Some(told)
}

/// Takes exactly `text` from the front of what was released in the voice of `like`: of its choice, and of its thought,
/// its refusal or what it says.
fn take_text(released: &mut Vec<Event>, like: &Event, text: &str) -> Option<Vec<Event>> {
    let said = |event: &Event| match event {
        Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. }
            if discriminant(event) == discriminant(like) && event.choice() == like.choice() =>
        {
            Some(text.clone())
        }
        _ => None,
    };
    let event = |more: String| {
        let mut event = like.clone();
        if let Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } = &mut event {
            *text = more;
        }
        event
    };
    let mut left = text;
    let mut told = Vec::new();
    while !left.is_empty() {
        let (at, found) = released.iter().enumerate().find_map(|(at, event)| Some((at, said(event)?)))?;
        if let Some(more) = left.strip_prefix(found.as_str()) {
            left = more;
            told.push(released.remove(at));
        } else {
            let rest = found.strip_prefix(left)?.to_owned();
            told.push(event(left.to_owned()));
            *released.get_mut(at)? = event(rest);
            left = "";
        }
    }
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Event {
        Event::Text { choice: 0, text: text.to_owned() }
    }

    #[test]
    fn a_frame_leaves_once_all_of_its_text_was_released_however_it_was_cut() {
        let mut released = vec![text("one "), text("two thr")];
        assert!(take(&mut released, &[text("one two three")]).is_none());
        assert_eq!(released, [text("one "), text("two thr")]);
        assert_eq!(take(&mut released, &[text("one tw")]), Some(vec![text("one "), text("tw")]));
        assert_eq!(released, [text("o thr")]);
    }

    #[test]
    fn other_events_are_found_by_what_they_are_and_calls_wait() {
        let usage = Event::Usage(steersman_core::Usage { input_tokens: Some(1), ..Default::default() });
        let mut released = vec![text("a"), usage.clone()];
        assert_eq!(take(&mut released, std::slice::from_ref(&usage)), Some(vec![usage]));
        let call = Event::ToolCall { choice: 0, index: 0, id: "c".into(), name: "f".into() };
        assert!(take(&mut vec![call.clone()], &[call]).is_none());
    }
}
