//! An answer on its way from a provider to a client.
//!
//! In the same dialect its frames pass as they came, looked at once; in another dialect they become events and frames
//! again. A relay is a machine without I/O: pieces in, bytes for the client out. It never holds back a complete frame
//! and never lets an incomplete one through, so what a client has received can always be followed by an error frame.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use steersman_core::Event;
use steersman_wire::openai_responses;
use steersman_wire::sse::{Frame, SseDecoder};
use steersman_wire::{AnswerDecoder, AnswerEncoder, AnswerOptions, Dialect, FactsReader, FrameFacts, Loss};

use crate::attempt::{Attempt, AttemptFailure};
use crate::extension;
use crate::guard::{self, Gate, Report};
use crate::prepare::{Prepared, Target};
use crate::verbatim::Verbatim;

/// The largest single frame. A whole answer in one frame is 64 MiB at most, as for a body.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// One streamed answer.
pub(crate) struct Relay {
    decoder: SseDecoder,
    facts: Box<dyn FactsReader>,
    path: Path,
    gate: Option<Box<Gate>>,
    /// Whether the client can be told beside its answer what is missing from it.
    marks: bool,
    /// Whether a frame with data came.
    begun: bool,
    done: bool,
    failed: Option<Box<Failure>>,
    /// In the dialect of its client, and in which way.
    read_in: Box<(&'static dyn Dialect, AnswerOptions)>,
}

/// Why an answer failed inside of its stream.
struct Failure {
    words: String,
    /// Whether the client has read it from the stream itself.
    told: bool,
}

enum Path {
    /// Frames pass as they came; a usage report that nobody asked for is taken out.
    Pass { strip_usage: bool, watching: Option<Box<dyn AnswerDecoder>> },
    /// Frames pass as they came, each once the guard has let all of it through, until it changes something.
    Verbatim { strip_usage: bool, decoder: Box<dyn AnswerDecoder>, frames: Box<Verbatim> },
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
    /// A relay for one attempt's stream. `flows`: its text goes out before the whole of it was judged.
    pub(crate) fn new(prepared: &Prepared, target: &Target, options: AnswerOptions, flows: bool) -> Self {
        let hearing = target.hearing();
        // An answer that is judged whole passes the gate there.
        let gate = prepared.guarded.as_ref().filter(|_| prepared.checks.is_none() || flows);
        let rewrites = gate.is_some_and(|guarded| guarded.rewrites());
        let strip_usage = !prepared.include_usage;
        // Events of the responses API carry ids and numbers that frames written anew could not go on with.
        let numbered = hearing.name() == openai_responses::NAME;
        let path = if target.same_dialect && !rewrites {
            let watching = gate.map(|_| hearing.decoder());
            Path::Pass { strip_usage, watching }
        } else if target.same_dialect && !numbered {
            let frames = Box::new(Verbatim::new(prepared.dialect.answer_encoder(options.clone())));
            Path::Verbatim { strip_usage, decoder: hearing.decoder(), frames }
        } else {
            Path::Translate { decoder: hearing.decoder(), encoder: prepared.dialect.answer_encoder(options.clone()) }
        };
        let decoder = SseDecoder::new(MAX_FRAME_BYTES);
        let gate = gate.map(|guarded| Box::new(Gate::new(Arc::clone(guarded))));
        Self {
            decoder,
            facts: target.dialect.facts_reader(),
            path,
            gate,
            marks: extension::is_understood(prepared.dialect),
            begun: false,
            done: false,
            failed: None,
            read_in: Box::new((prepared.dialect, options)),
        }
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
            let read = frame.data().map(|data| self.facts.frame(data));
            // A provider may add kinds of frames later on; one that begins like this speaks something else.
            if !self.begun && matches!(read, Some(None)) {
                return Err(AttemptFailure::malformed("the answer does not begin as its dialect does"));
            }
            self.begun |= read.is_some();
            let facts = read.flatten().unwrap_or_default();
            has_content |= facts.has_content;
            attempt.learn(&facts);
            self.note(&facts);
            // The end marker of an answer that broke off would be a lie.
            if facts.cut {
                continue;
            }
            match &mut self.path {
                Path::Pass { strip_usage, watching } => {
                    watch(watching.as_deref_mut(), self.gate.as_deref_mut(), &frame);
                    if !(*strip_usage && facts.usage_only) {
                        out.push(frame.raw());
                    }
                }
                Path::Verbatim { strip_usage, decoder, frames } => {
                    let events = frame.data().map_or_else(|| Ok(Vec::new()), |data| decoder.frame(frame.event(), data));
                    let events = events.map_err(|error| AttemptFailure::malformed(error.to_string()))?;
                    let released = gated(self.gate.as_deref_mut(), events.clone())?;
                    marked(self.marks, self.gate.as_deref(), &released).iter().for_each(|mark| out.push(mark));
                    let raw = if *strip_usage && facts.usage_only { Bytes::new() } else { frame.raw().clone() };
                    let Some(gate) = self.gate.as_deref() else { continue };
                    frames.push(raw, events, released, gate).iter().for_each(|bytes| out.push(bytes));
                }
                Path::Translate { decoder, encoder } => {
                    let Some(data) = frame.data() else { continue };
                    let events = decoder
                        .frame(frame.event(), data)
                        .map_err(|error| AttemptFailure::malformed(error.to_string()))?;
                    let released = gated(self.gate.as_deref_mut(), events)?;
                    marked(self.marks, self.gate.as_deref(), &released).iter().for_each(|mark| out.push(mark));
                    out.events(&released, encoder.as_mut());
                }
            }
        }
        Ok(Released { bytes: out.finish(), has_content })
    }

    /// Whether the end of the answer was seen.
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    /// Whether a frame with data came; comments are none.
    pub(crate) const fn has_begun(&self) -> bool {
        self.begun
    }

    /// What the client's dialect had no words for so far.
    pub(crate) fn losses(&self) -> &[Loss] {
        match &self.path {
            Path::Pass { .. } => &[],
            Path::Verbatim { frames, .. } => frames.losses(),
            Path::Translate { encoder, .. } => encoder.losses(),
        }
    }

    /// What the guard decided, once the answer has ended.
    pub(crate) fn guard_report(&self) -> Option<&Report> {
        self.gate.as_deref().and_then(Gate::report)
    }

    /// The provider's own word that the answer failed, if it said so inside the stream.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failed.as_ref().map(|failure| failure.words.as_str())
    }

    /// Whether the client has read from the stream itself that the answer failed.
    pub(crate) fn has_told_failure(&self) -> bool {
        self.failed.as_ref().is_some_and(|failure| failure.told)
    }

    /// The rest of a body that has ended and is complete but for its last line end or its end marker.
    pub(crate) fn missing(&mut self) -> Option<Bytes> {
        let (mut missing, mut ended) = (Vec::new(), false);
        if let Some(last) = self.decoder.incomplete() {
            missing.extend_from_slice(b"\n\n");
            if let Some(data) = last.data() {
                ended = self.facts.frame(data).filter(|_| is_whole(data))?.done;
            }
        }
        missing.extend_from_slice(self.facts.missing_end().filter(|_| !ended).unwrap_or_default());
        (self.begun && !missing.is_empty()).then(|| missing.into())
    }

    /// The frame that ends a stream which cannot go on. `begun`: something was released before it.
    pub(crate) fn error(&mut self, error: &Event, begun: bool) -> Bytes {
        let mut frame = Vec::new();
        match &mut self.path {
            Path::Translate { encoder, .. } if begun => encoder.event(error, &mut frame),
            Path::Verbatim { frames, .. } if begun => return frames.error(error),
            _ => {
                let (client, options) = &*self.read_in;
                let mut encoder = client.answer_encoder(options.clone());
                if begun {
                    // The provider's own frames have told the beginning.
                    encoder.event(&Event::Start { id: String::new(), model: String::new() }, &mut Vec::new());
                }
                encoder.event(error, &mut frame);
            }
        }
        frame.into()
    }

    fn note(&mut self, facts: &FrameFacts<'_>) {
        self.done |= facts.done;
        let words = facts.error.as_ref().map(|error| (error.message.clone().into_owned(), true));
        let words = words.or_else(|| facts.cut.then(|| ("it ended without a reason to stop".to_owned(), false)));
        if let (Some((words, told)), None) = (words, &self.failed) {
            self.failed = Some(Box::new(Failure { words, told }));
        }
    }
}

/// Whether the data of a frame without its blank line is all there.
fn is_whole(data: &[u8]) -> bool {
    data.trim_ascii() == b"[DONE]" || serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
}

/// Shows a frame to a guard that only observes. What it cannot read is none of the client's trouble.
fn watch(decoder: Option<&mut (dyn AnswerDecoder + 'static)>, gate: Option<&mut Gate>, frame: &Frame) {
    let (Some(decoder), Some(gate), Some(data)) = (decoder, gate, frame.data()) else { return };
    for event in decoder.frame(frame.event(), data).unwrap_or_default() {
        gate.push(&event, &mut Vec::new());
    }
}

/// What the guard lets through of these events.
fn gated(gate: Option<&mut Gate>, events: Vec<Event>) -> Result<Vec<Event>, AttemptFailure> {
    let Some(gate) = gate else { return Ok(events) };
    let mut released = Vec::with_capacity(events.len());
    events.iter().for_each(|event| gate.push(event, &mut released));
    match gate.refuses() {
        Some(report) => Err(AttemptFailure::denied(guard::denied(report))),
        None => Ok(released),
    }
}

/// What stands before the end of a stream from which calls were taken.
fn marked(marks: bool, gate: Option<&Gate>, released: &[Event]) -> Option<Bytes> {
    let ends = marks && released.contains(&Event::Done);
    gate.filter(|_| ends)?.report()?.mark()
}

/// Consecutive frames, joined; a single frame is sent uncopied.
#[derive(Default)]
struct Run {
    first: Option<Bytes>,
    joined: BytesMut,
}

impl Run {
    fn push(&mut self, frame: &Bytes) {
        if frame.is_empty() {
            return;
        }
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
