//! A stream under way: pieces from the provider, frames to the client, until the end, a failure, a client that leaves
//! or a gateway that does.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use steersman_core::{Code, Event};
use steersman_wire::{AnswerOptions, Dialect};
use tokio::time::Instant;

use crate::attempt::AttemptFailure;
use crate::pipeline::Streaming;
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::silence::Silence;

/// The stream's state. Dropping it cancels the upstream call; its recording then says that the client left.
pub(crate) struct Live {
    streaming: Streaming,
    /// Taken once the request has ended, one way or the other.
    recording: Option<Recording>,
    dialect: &'static dyn Dialect,
    silence: Silence,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    begun: bool,
}

impl Live {
    pub(crate) fn new(
        streaming: Streaming,
        recording: Recording,
        dialect: &'static dyn Dialect,
        idle: Duration,
        deadline: Instant,
    ) -> Self {
        let (silence, cut) = (Silence::new(idle, deadline), Box::pin(recording.cut().made()));
        Self { streaming, recording: Some(recording), dialect, silence, cut, begun: false }
    }

    /// The bytes for the client.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Bytes> + Send {
        // On the heap: it is moved three times a piece.
        futures_util::stream::unfold(
            Box::new(self),
            |mut live| async move { live.next().await.map(|bytes| (bytes, live)) },
        )
    }

    async fn next(&mut self) -> Option<Bytes> {
        if !self.begun {
            self.begun = true;
            let first = std::mem::take(&mut self.streaming.first);
            return Some(self.release(first.bytes, first.has_content));
        }
        loop {
            // Once the record is closed, the rest is only read so that the connection can be used again.
            let piece = tokio::select! {
                biased;
                piece = self.silence.next(&mut self.streaming.body) => piece,
                () = &mut self.cut => {
                    let refusal = Refusal::new(Code::SHUTTING_DOWN, "the gateway ended before the answer did");
                    return self.recording.is_some().then(|| self.break_off(&refusal));
                }
            };
            let Some(recording) = &mut self.recording else {
                match piece {
                    Ok(Some(_)) => continue,
                    _ => return None,
                }
            };
            let released = match (piece, recording.attempt()) {
                (Ok(Some(piece)), Some(attempt)) => self.streaming.relay.push(piece, attempt),
                (Ok(_), _) => Err(AttemptFailure::cut("the answer ended before it was complete")),
                (Err(error), _) => Err(AttemptFailure::from_upstream(&error)),
            };
            match released {
                Ok(released) if released.bytes.is_empty() => {}
                Ok(released) => return Some(self.release(released.bytes, released.has_content)),
                Err(failure) => return Some(self.break_off(&failure.refusal)),
            }
        }
    }

    /// Hands bytes to the client, and closes the record with the last of them: a client may leave as soon as it has
    /// read the end marker.
    fn release(&mut self, bytes: Bytes, has_content: bool) -> Bytes {
        let starved = self.recording.as_mut().and_then(Recording::attempt).is_some_and(|attempt| attempt.is_starved());
        if starved && self.streaming.relay.is_done() {
            return self.break_off(&Refusal::new(Code::OUTPUT_STARVED, Code::OUTPUT_STARVED.meaning));
        }
        if let Some(recording) = &mut self.recording {
            recording.release(&bytes, has_content);
        }
        if self.streaming.relay.is_done()
            && let Some(mut recording) = self.recording.take()
        {
            recording.lost_in_answer(self.streaming.relay.losses());
            if let Some(report) = self.streaming.relay.guard_report() {
                recording.guarded(report);
            }
            match self.streaming.relay.failure() {
                None => {
                    recording.deliver();
                }
                Some(_) => recording.fail(200, Code::UPSTREAM_CUT),
            }
        }
        bytes
    }

    /// The stream cannot go on: the client gets an error frame, the record its code, and the provider is left.
    fn break_off(&mut self, refusal: &Refusal) -> Bytes {
        self.streaming.body = futures_util::stream::empty().boxed();
        let mut frame = Vec::new();
        let error = Event::Error { kind: refusal.code.name.to_owned(), message: refusal.message.clone() };
        self.dialect.answer_encoder(AnswerOptions::default()).event(&error, &mut frame);
        let frame = Bytes::from(frame);
        if let Some(mut recording) = self.recording.take() {
            recording.release(&frame, false);
            recording.fail(200, refusal.code);
        }
        frame
    }
}
