//! The client's end of a streamed run: what the model says goes out while it says it.
//!
//! Text and refusals go on as they come, whichever step they belong to, and a thought goes with the text that follows
//! it. What is the gateway's alone stays inside: calls of its tools, the ends of steps that are not the last, the
//! counts of each step. Calls of the client's own tools go out with the end of the run, after their arguments were
//! looked at. A step is pumped only once it may be released: a form or the guard hold it whole before.

use std::time::Duration;

use bytes::Bytes;
use steersman_core::Event;
use steersman_wire::sse::SseDecoder;
use steersman_wire::{AnswerEncoder, Dialect};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::attempt::{AttemptFailure, next_piece};
use crate::pipeline::Streaming;
use crate::recording::Recording;
use crate::refusal::Refusal;

/// The largest frame of an answer, as the relay has it.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// The stream of one run towards its client.
pub(super) struct Outlet {
    encoder: Box<dyn AnswerEncoder>,
    frames: mpsc::Sender<Bytes>,
    begun: bool,
    /// A thought that nobody has said anything after yet.
    thought: Vec<Event>,
}

impl Outlet {
    pub(super) fn new(encoder: Box<dyn AnswerEncoder>, frames: mpsc::Sender<Bytes>) -> Self {
        Self { encoder, frames, begun: false, thought: Vec::new() }
    }

    /// What of these events the client may see now.
    fn outward(&mut self, events: &[Event]) -> Vec<Event> {
        let mut out = Vec::new();
        for event in events {
            match event {
                Event::Start { .. } if self.begun => {}
                Event::Start { .. } => {
                    self.begun = true;
                    out.push(event.clone());
                }
                Event::Reasoning { .. } | Event::ReasoningSeal { .. } => self.thought.push(event.clone()),
                Event::Text { text, .. } if text.is_empty() => {}
                Event::Text { .. } | Event::Refusal { .. } | Event::Foreign { .. } => {
                    out.append(&mut self.thought);
                    out.push(event.clone());
                }
                Event::ToolCall { .. }
                | Event::ToolArguments { .. }
                | Event::Finish { .. }
                | Event::Usage(_)
                | Event::Done
                | Event::Error { .. } => {}
            }
        }
        out
    }

    async fn send(&mut self, events: &[Event], recording: &mut Recording) {
        let mut bytes = Vec::new();
        events.iter().for_each(|event| self.encoder.event(event, &mut bytes));
        if !bytes.is_empty() {
            let bytes = Bytes::from(bytes);
            let says = |event: &Event| !matches!(event, Event::Start { .. });
            recording.release(&bytes, events.iter().any(says));
            // A client that has left has dropped this whole future with its stream.
            drop(self.frames.send(bytes).await);
        }
    }

    /// Passes a step on while it comes. Gives all of its events.
    pub(super) async fn pump(
        &mut self,
        mut streaming: Streaming,
        dialect: &dyn Dialect,
        recording: &mut Recording,
        idle: Duration,
        deadline: Instant,
    ) -> Result<Vec<Event>, AttemptFailure> {
        self.thought.clear();
        let (mut frames, mut decoder) = (SseDecoder::new(MAX_FRAME_BYTES), dialect.answer_decoder());
        let mut all = Vec::new();
        let mut piece = std::mem::take(&mut streaming.first).bytes;
        loop {
            frames.push(piece);
            while let Some(frame) = frames.next_frame().map_err(|error| AttemptFailure::malformed(error.to_string()))? {
                let Some(data) = frame.data() else { continue };
                let events =
                    decoder.frame(frame.event(), data).map_err(|error| AttemptFailure::malformed(error.to_string()))?;
                let outward = self.outward(&events);
                self.send(&outward, recording).await;
                all.extend(events);
            }
            if streaming.relay.is_done() {
                break;
            }
            let limit = idle.min(deadline.saturating_duration_since(Instant::now()));
            let next = next_piece(&mut streaming.body, limit, "idle").await;
            let next = next.map_err(|error| AttemptFailure::from_upstream(&error))?;
            let cut = || AttemptFailure::cut("the answer ended before it was complete");
            let (next, attempt) = (next.ok_or_else(cut)?, recording.attempt().ok_or_else(cut)?);
            piece = streaming.relay.push(next, attempt)?.bytes;
        }
        if let Some(words) = streaming.relay.failure() {
            return Err(AttemptFailure::cut(format!("the provider broke off: {words}")));
        }
        if recording.attempt().is_some_and(|attempt| attempt.is_starved()) {
            return Err(AttemptFailure::starved());
        }
        Ok(all)
    }

    /// The last bytes of the run: what of its last answer has not gone out.
    pub(super) fn close(&mut self, events: &[Event], shown: bool) -> Bytes {
        let (mut bytes, mut order) = (Vec::new(), Vec::new());
        for event in events.iter().filter(|event| **event != Event::Done) {
            // Calls that stayed inside leave no gap.
            let mut place = |index: u32| {
                let at = order.iter().position(|known| *known == index).unwrap_or_else(|| {
                    order.push(index);
                    order.len() - 1
                });
                u32::try_from(at).unwrap_or(u32::MAX)
            };
            let event = match event.clone() {
                Event::Start { .. } if self.begun => continue,
                Event::ToolCall { choice, index, id, name } => {
                    Event::ToolCall { choice, index: place(index), id, name }
                }
                Event::ToolArguments { choice, index, text } => {
                    Event::ToolArguments { choice, index: place(index), text }
                }
                end @ (Event::Start { .. } | Event::Finish { .. } | Event::Usage(_) | Event::Error { .. }) => end,
                _ if shown => continue,
                other => other,
            };
            self.encoder.event(&event, &mut bytes);
        }
        self.encoder.event(&Event::Done, &mut bytes);
        Bytes::from(bytes)
    }

    /// The last bytes of a run that failed.
    pub(super) fn break_off(&mut self, refusal: &Refusal) -> Bytes {
        let mut bytes = Vec::new();
        let event = Event::Error { kind: refusal.code.name.to_owned(), message: refusal.message.clone() };
        self.encoder.event(&event, &mut bytes);
        Bytes::from(bytes)
    }
}
