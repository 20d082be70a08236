//! A stream under way: pieces from the provider, frames to the client, until the end, a failure, a client that leaves
//! or a gateway that does.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use steersman_core::{Code, Event};
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
    silence: Silence,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    begun: bool,
    /// Whether the client has received anything.
    released: bool,
}

impl Live {
    pub(crate) fn new(streaming: Streaming, recording: Recording, idle: Duration, deadline: Instant) -> Self {
        let (silence, cut) = (Silence::new(idle, deadline), Box::pin(recording.cut().made()));
        Self { streaming, recording: Some(recording), silence, cut, begun: false, released: false }
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
            return self.release(first.bytes, first.has_content);
        }
        loop {
            // Once the record is closed, the rest is only read so that the connection can be used again.
            let piece = tokio::select! {
                biased;
                piece = self.silence.next(&mut self.streaming.body) => piece,
                () = &mut self.cut => {
                    let refusal = Refusal::new(Code::SHUTTING_DOWN, "the gateway ended before the answer did");
                    return if self.recording.is_some() { self.break_off(&refusal) } else { None };
                }
            };
            let Some(recording) = &mut self.recording else {
                match piece {
                    Ok(Some(_)) => continue,
                    _ => return None,
                }
            };
            let piece = piece.map(|piece| piece.or_else(|| self.streaming.ended()));
            let released = match (piece, recording.attempt()) {
                (Ok(Some(piece)), Some(attempt)) => self.streaming.relay.push(piece, attempt),
                (Ok(_), _) => Err(AttemptFailure::cut("the answer ended before it was complete")),
                (Err(error), _) => Err(AttemptFailure::from_upstream(&error)),
            };
            match released {
                Ok(released) if released.bytes.is_empty() && !self.streaming.relay.is_done() => {}
                Ok(released) => return self.release(released.bytes, released.has_content),
                Err(failure) => return self.break_off(&failure.refusal),
            }
        }
    }

    /// Hands bytes to the client, and closes the record with the last of them: a client may leave as soon as it has
    /// read the end marker.
    fn release(&mut self, bytes: Bytes, has_content: bool) -> Option<Bytes> {
        let done = self.streaming.relay.is_done();
        let starved = self.recording.as_mut().and_then(Recording::attempt).is_some_and(|attempt| attempt.is_starved());
        if starved && done {
            return self.break_off(&Refusal::new(Code::OUTPUT_STARVED, Code::OUTPUT_STARVED.meaning));
        }
        if let Some(recording) = &mut self.recording {
            recording.release(&bytes, has_content);
            self.released |= !bytes.is_empty();
        }
        if let Some(words) = self.streaming.relay.failure().filter(|_| done && !self.streaming.relay.has_told_failure())
        {
            let refusal = Refusal::new(Code::UPSTREAM_CUT, format!("the provider broke off: {words}"));
            let error = self.break_off(&refusal).unwrap_or_default();
            return Some([bytes, error].concat().into());
        }
        if done && let Some(mut recording) = self.recording.take() {
            recording.lost_in_answer(self.streaming.relay.losses());
            if let Some(report) = self.streaming.relay.guard_report() {
                recording.guarded(report);
            }
            match self.streaming.relay.failure() {
                None => {
                    recording.deliver();
                }
                Some(_) => recording.fail(200, Code::UPSTREAM_ERROR),
            }
        }
        Some(bytes)
    }

    /// The stream cannot go on: the client gets an error frame unless it has read the provider's own, the record its
    /// code, and the provider is left.
    fn break_off(&mut self, refusal: &Refusal) -> Option<Bytes> {
        self.streaming.body = futures_util::stream::empty().boxed();
        let told = self.streaming.relay.has_told_failure();
        let error = Event::Error { kind: refusal.code.name.to_owned(), message: refusal.message.clone() };
        let frame = (!told).then(|| self.streaming.relay.error(&error, self.released));
        if let Some(mut recording) = self.recording.take() {
            frame.iter().for_each(|frame| recording.release(frame, false));
            recording.fail(200, if told { Code::UPSTREAM_ERROR } else { refusal.code });
        }
        frame
    }
}
