//! An answer on its way from a provider to a client.
//!
//! In the same dialect its frames pass as they came, looked at once; in another dialect they become events and frames
//! again. A relay is a machine without I/O: pieces in, bytes for the client out. It never holds back a complete frame
//! and never lets an incomplete one through, so what a client has received can always be followed by an error frame.

use bytes::{Bytes, BytesMut};
use steersman_core::Event;
use steersman_wire::sse::SseDecoder;
use steersman_wire::{AnswerDecoder, AnswerEncoder, AnswerOptions, FactsReader, FrameFacts};

use crate::attempt::{Attempt, AttemptFailure};
use crate::prepare::{Prepared, Target};

/// The largest single frame. A whole answer in one frame is 64 MiB at most, as for a body.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// One streamed answer.
pub(crate) struct Relay {
    decoder: SseDecoder,
    facts: Box<dyn FactsReader>,
    path: Path,
    done: bool,
    failed: Option<String>,
}

enum Path {
    /// Frames pass as they came; a usage report that nobody asked for is taken out.
    Pass { strip_usage: bool },
    /// Frames become events and frames again.
    Translate { decoder: Box<dyn AnswerDecoder>, encoder: Box<dyn AnswerEncoder> },
}

/// What a piece of the answer gave.
#[derive(Default)]
pub(crate) struct Released {
    /// Bytes for the client: whole frames.
    pub(crate) bytes: Bytes,
    /// Whether content is among them.
    pub(crate) has_content: bool,
}

impl Relay {
    /// A relay for one attempt's stream.
    pub(crate) fn new(prepared: &Prepared, target: &Target, created_unix_s: u64) -> Self {
        let provider = target.candidate.provider.dialect;
        let path = if target.same_dialect {
            Path::Pass { strip_usage: !prepared.include_usage }
        } else {
            let options = AnswerOptions { created_unix_s, include_usage: prepared.include_usage };
            Path::Translate { decoder: provider.answer_decoder(), encoder: prepared.dialect.answer_encoder(options) }
        };
        let decoder = SseDecoder::new(MAX_FRAME_BYTES);
        Self { decoder, facts: provider.facts_reader(), path, done: false, failed: None }
    }

    /// Takes the next piece of the answer.
    ///
    /// # Errors
    /// When the piece is not of the dialect and cannot be translated.
    pub(crate) fn push(&mut self, piece: Bytes, attempt: &mut Attempt) -> Result<Released, AttemptFailure> {
        self.decoder.push(piece);
        let mut out = Run::default();
        let mut has_content = false;
        while let Some(frame) =
            self.decoder.next_frame().map_err(|error| AttemptFailure::malformed(error.to_string()))?
        {
            let facts = frame.data().and_then(|data| self.facts.frame(data)).unwrap_or_default();
            has_content |= facts.has_content;
            attempt.learn(&facts);
            self.note(&facts);
            match &mut self.path {
                Path::Pass { strip_usage } => {
                    if !(*strip_usage && facts.usage_only) {
                        out.push(frame.raw());
                    }
                }
                Path::Translate { decoder, encoder } => {
                    let Some(data) = frame.data() else { continue };
                    let events = decoder
                        .frame(frame.event(), data)
                        .map_err(|error| AttemptFailure::malformed(error.to_string()))?;
                    out.events(&events, encoder.as_mut());
                }
            }
        }
        Ok(Released { bytes: out.finish(), has_content })
    }

    /// Whether the end of the answer was seen.
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    /// The provider's own word that the answer failed, if it said so inside the stream.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    fn note(&mut self, facts: &FrameFacts<'_>) {
        self.done |= facts.done;
        if let (Some(error), None) = (&facts.error, &self.failed) {
            self.failed = Some(error.message.clone().into_owned());
        }
    }
}

/// Consecutive frames, joined; a single frame is sent uncopied.
#[derive(Default)]
struct Run {
    first: Option<Bytes>,
    joined: BytesMut,
}

impl Run {
    fn push(&mut self, frame: &Bytes) {
        match self.first.take() {
            None if self.joined.is_empty() => self.first = Some(frame.clone()),
            None => self.joined.extend_from_slice(frame),
            Some(first) => {
                self.joined.extend_from_slice(&first);
                self.joined.extend_from_slice(frame);
            }
        }
    }

    fn events(&mut self, events: &[Event], encoder: &mut dyn AnswerEncoder) {
        let mut written = Vec::new();
        for event in events {
            encoder.event(event, &mut written);
        }
        self.joined.extend_from_slice(&written);
    }

    fn finish(self) -> Bytes {
        self.first.unwrap_or_else(|| self.joined.freeze())
    }
}
