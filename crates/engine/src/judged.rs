//! Release policy `whole`: an answer is read to its end, judged, and only then released, as it came or repaired.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use steersman_core::{Event, FinishReason};
use steersman_structured::{Alias, Repair};
use steersman_wire::sse::SseDecoder;
use steersman_wire::{Answer, AnswerDecoder, AnswerOptions, Dialect, Encoded, Loss};
use tokio::time::Instant;

use crate::attempt::{AttemptFailure, next_piece};
use crate::bulk::Reconciled;
use crate::checks::{Checks, Known, Passed, Revision};
use crate::extension;
use crate::forced::Hearing;
use crate::guard::{self, Gate, Guarded};
use crate::pipeline::Streaming;
use crate::previews::{Following, Previews};
use crate::reader::judge_filled;
use crate::recording::Recording;
use crate::relay::Released;

/// The largest frame of a held answer.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// What a held stream is judged by, and whom it is written for.
pub(crate) struct Judge<'a> {
    /// What the answer must be.
    pub(crate) checks: &'a Checks,
    /// What is known before.
    pub(crate) known: Known<'a>,
    /// The labelled conversation, where the guard is on.
    pub(crate) guarded: Option<&'a Arc<Guarded>>,
    /// How it is heard.
    pub(crate) hearing: Hearing,
    /// The dialect it leaves in.
    pub(crate) client: &'static dyn Dialect,
    /// How it is written if it must be rewritten.
    pub(crate) options: AnswerOptions,
    /// Where the value is shown while it is held.
    pub(crate) previews: Option<&'a Previews>,
    /// What was shown of an earlier attempt must hold for this one.
    pub(crate) shown: Option<&'a Previews>,
    /// An answer that begins with text is let through; whoever reads on looks at its calls.
    pub(crate) flows: bool,
}

impl Judge<'_> {
    /// Reads a stream to its end, judges the answer, and puts all that the client will receive into `first`.
    pub(crate) async fn hold(
        self,
        streaming: &mut Streaming,
        mut pieces: Vec<Bytes>,
        idle: Duration,
        recording: &mut Recording,
    ) -> Result<(), AttemptFailure> {
        let began = Instant::now();
        let mut frames = std::mem::take(&mut streaming.first).bytes.to_vec();
        let extent = self.read(streaming, &mut pieces, &mut frames, idle, recording).await;
        if extent.inspect_err(|_| keep_pieces(recording, &pieces))? == Extent::Enough {
            streaming.first = Released { bytes: Bytes::from(frames), has_content: true };
            return Ok(());
        }
        let events = events(self.hearing, &pieces).inspect_err(|_| keep_pieces(recording, &pieces))?;
        let answer = Answer::collect(&events);
        let passed = self.checks.judge(&answer, &self.known).map_err(|held| {
            keep_pieces(recording, &pieces);
            AttemptFailure::from_held(held)
        })?;
        if let Some(previews) = self.shown {
            previews.confirm(&answer, &passed)?;
        }
        let revised = revise(&events, &passed);
        let gated = through_gate(self.guarded, &revised)?;
        if gated.is_some() || !passed.is_unchanged() {
            keep_pieces(recording, &pieces);
            let mark = self.guarded.and_then(|guarded| guarded.report()?.mark());
            let events = gated.unwrap_or(revised);
            let (written, losses) = write_frames(self.client, self.options, &events, &passed.repairs, mark.as_ref());
            frames = written;
            recording.lost_in_answer(&losses);
        }
        recording.held(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        if !passed.declined.is_empty() {
            recording.declined();
        }
        recording.repaired(passed.repairs);
        recording.learned(passed.learned);
        recording.reconciled(passed.bulk);
        streaming.first = Released { bytes: Bytes::from(frames), has_content: true };
        Ok(())
    }

    /// Reads on until the answer is there, or until it is known that it may be let through.
    async fn read(
        &self,
        streaming: &mut Streaming,
        pieces: &mut Vec<Bytes>,
        frames: &mut Vec<u8>,
        idle: Duration,
        recording: &mut Recording,
    ) -> Result<Extent, AttemptFailure> {
        let mut following = self.previews.map(|previews| Following::new(previews, self.checks, self.hearing));
        if let Some(following) = &mut following {
            following.push(Bytes::from(pieces.concat())).await;
        }
        let mut beginning = self.flows.then(|| Beginning::of(self.hearing, pieces)).transpose()?;
        while !streaming.relay.is_done() {
            if beginning.as_ref().is_some_and(|beginning| beginning.speaks == Some(true)) {
                return Ok(Extent::Enough);
            }
            let piece = next_piece(&mut streaming.body, idle, "idle").await;
            let piece = piece.map_err(|error| AttemptFailure::from_upstream(&error))?;
            let piece = piece.or_else(|| streaming.ended());
            let (Some(piece), Some(attempt)) = (piece, recording.attempt()) else {
                return Err(AttemptFailure::cut("the answer ended before it was complete"));
            };
            if let Some(beginning) = &mut beginning {
                beginning.push(&piece)?;
            }
            pieces.push(piece.clone());
            frames.extend_from_slice(&streaming.relay.push(piece.clone(), attempt)?.bytes);
            if let Some(following) = &mut following {
                following.push(piece).await;
            }
        }
        match streaming.relay.failure() {
            Some(words) => Err(AttemptFailure::cut(format!("the provider broke off: {words}"))),
            None => Ok(Extent::All),
        }
    }
}

/// How much of a held stream was read.
#[derive(PartialEq, Eq)]
enum Extent {
    All,
    /// It begins with text, which is let through.
    Enough,
}

/// Keeps what the provider sent, where the client gets something else.
pub(crate) fn keep_pieces(recording: &mut Recording, pieces: &[Bytes]) {
    if let Some(attempt) = recording.attempt().filter(|_| !pieces.is_empty()) {
        attempt.keep(Bytes::from(pieces.concat()));
    }
}

/// An unstreamed answer after its judgement.
pub(crate) struct Whole {
    /// The body in the client's dialect; `None` if it can leave as it came.
    pub(crate) rewritten: Option<Vec<u8>>,
    /// Each change that was made.
    pub(crate) repairs: Vec<Repair>,
    /// Whether the model declined in place of a value.
    pub(crate) declined: bool,
    /// Evidence for other names of members.
    pub(crate) learned: Vec<Alias>,
    /// What the answer did with the items of the question.
    pub(crate) bulk: Option<Reconciled>,
    /// What the client's dialect has no words for.
    pub(crate) losses: Vec<Loss>,
}

/// What an unstreamed answer is judged by.
pub(crate) struct WholeJudge<'a> {
    /// What the answer must be, if it has a form to keep.
    pub(crate) checks: Option<&'a Checks>,
    /// What is known before.
    pub(crate) known: Known<'a>,
    /// The labelled conversation, where the guard is on.
    pub(crate) guarded: Option<&'a Arc<Guarded>>,
}

impl WholeJudge<'_> {
    /// Judges an answer, and writes it again where it was repaired, where a call was not allowed, or where it must
    /// change its dialect.
    pub(crate) fn judge(
        &self,
        hearing: Hearing,
        client: &dyn Dialect,
        body: &[u8],
        options: &AnswerOptions,
    ) -> Result<Whole, AttemptFailure> {
        let events = hearing.decode(body).map_err(|error| AttemptFailure::unreadable(body, error))?;
        let judge = |checks: &Checks| {
            let answer = Answer::collect(&events);
            match self.guarded.map(|guarded| &guarded.handles).filter(|handles| handles.len() > 0) {
                Some(handles) => judge_filled(checks, &answer, &self.known, handles),
                None => checks.judge(&answer, &self.known),
            }
        };
        let judged = self.checks.map(judge).transpose();
        let passed = judged.map_err(AttemptFailure::from_held)?.unwrap_or_default();
        let revised = revise(&events, &passed);
        let gated = through_gate(self.guarded, &revised)?;
        if gated.is_none() && passed.is_unchanged() && hearing.passes_to(client) {
            return Ok(Whole {
                rewritten: None,
                repairs: Vec::new(),
                declined: false,
                learned: passed.learned,
                bulk: passed.bulk,
                losses: Vec::new(),
            });
        }
        let answer = Answer::collect(&gated.unwrap_or(revised));
        let Encoded { body, losses } = client.encode_answer(&answer, options);
        let declined = !passed.declined.is_empty();
        let Passed { repairs, learned, bulk, .. } = passed;
        Ok(Whole { rewritten: Some(body), repairs, declined, learned, bulk, losses })
    }
}

/// The events that the guard lets through; `None` if all may leave as they are.
fn through_gate(guarded: Option<&Arc<Guarded>>, events: &[Event]) -> Result<Option<Vec<Event>>, AttemptFailure> {
    let Some(guarded) = guarded else { return Ok(None) };
    let mut gate = Gate::new(Arc::clone(guarded));
    let released = gate.whole(events);
    match gate.refuses() {
        Some(report) => Err(AttemptFailure::denied(guard::denied(report))),
        None => Ok(released),
    }
}

/// Whether a stream's model speaks before it calls anything. Each piece is read once, however long the model thinks
/// first.
struct Beginning {
    frames: SseDecoder,
    decoder: Box<dyn AnswerDecoder>,
    /// Set by the first text or call.
    speaks: Option<bool>,
}

impl Beginning {
    fn of(hearing: Hearing, pieces: &[Bytes]) -> Result<Self, AttemptFailure> {
        let (frames, decoder) = (SseDecoder::new(MAX_FRAME_BYTES), hearing.decoder());
        let mut beginning = Self { frames, decoder, speaks: None };
        pieces.iter().try_for_each(|piece| beginning.push(piece))?;
        Ok(beginning)
    }

    fn push(&mut self, piece: &Bytes) -> Result<(), AttemptFailure> {
        if self.speaks.is_none() {
            let events = decoded(&mut self.frames, self.decoder.as_mut(), piece)?;
            self.speaks = events.iter().find_map(|event| match event {
                Event::Text { text, .. } if !text.is_empty() => Some(true),
                Event::ToolCall { .. } => Some(false),
                _ => None,
            });
        }
        Ok(())
    }
}

/// The events of a whole stream.
pub(crate) fn events(hearing: Hearing, pieces: &[Bytes]) -> Result<Vec<Event>, AttemptFailure> {
    let (mut frames, mut decoder) = (SseDecoder::new(MAX_FRAME_BYTES), hearing.decoder());
    let mut events = Vec::new();
    for piece in pieces {
        events.extend(decoded(&mut frames, decoder.as_mut(), piece)?);
    }
    Ok(events)
}

/// The events of the frames that end in this piece.
fn decoded(
    frames: &mut SseDecoder,
    decoder: &mut dyn AnswerDecoder,
    piece: &Bytes,
) -> Result<Vec<Event>, AttemptFailure> {
    let malformed = |error: &dyn std::fmt::Display| AttemptFailure::malformed(error.to_string());
    let mut events = Vec::new();
    frames.push(piece.clone());
    while let Some(frame) = frames.next_frame().map_err(|error| malformed(&error))? {
        if let Some(data) = frame.data() {
            events.extend(decoder.frame(frame.event(), data).map_err(|error| malformed(&error))?);
        }
    }
    Ok(events)
}

/// The stream again, with the repairs before its end.
fn write_frames(
    client: &dyn Dialect,
    options: AnswerOptions,
    events: &[Event],
    repairs: &[Repair],
    mark: Option<&Bytes>,
) -> (Vec<u8>, Vec<Loss>) {
    let mut out = Vec::new();
    let mut encoder = client.answer_encoder(options);
    for event in events {
        if *event == Event::Done && !repairs.is_empty() {
            write_repairs(&mut out, client, repairs);
        }
        if let Some(mark) = mark.filter(|_| *event == Event::Done && extension::is_understood(client)) {
            out.extend_from_slice(mark);
        }
        encoder.event(event, &mut out);
    }
    (out, encoder.losses().to_vec())
}

/// Clients of the OpenAI format skip a chunk without choices; other formats get a comment.
fn write_repairs(out: &mut Vec<u8>, client: &dyn Dialect, repairs: &[Repair]) {
    if extension::is_understood(client) {
        out.extend_from_slice(&extension::chunk("repairs", &repairs));
    }
}

/// Events with what was found of the answer: repaired texts in place of those that came, what declines as a refusal.
pub(crate) fn revise(events: &[Event], passed: &Passed) -> Vec<Event> {
    let mut revised = replaced(events, &passed.revisions);
    let declines = |choice: u32| passed.declined.iter().any(|declined| u32::try_from(*declined) == Ok(choice));
    for event in &mut revised {
        match event {
            Event::Text { choice, text } if declines(*choice) => {
                *event = Event::Refusal { choice: *choice, text: std::mem::take(text) };
            }
            Event::Finish { choice, reason: reason @ FinishReason::Stop } if declines(*choice) => {
                *reason = FinishReason::Refusal;
            }
            _ => {}
        }
    }
    revised
}

/// Events with the texts of `revisions` in place of the parts they replace. The whole new text comes where the old one
/// began.
pub(crate) fn replaced(events: &[Event], revisions: &[Revision]) -> Vec<Event> {
    let mut pending: Vec<Option<&Revision>> = revisions.iter().map(Some).collect();
    let mut calls: Vec<(u32, u32)> = Vec::new();
    let mut revised = Vec::with_capacity(events.len());
    for event in events {
        let place = match event {
            Event::ToolCall { choice, index, .. } => {
                let call = calls.iter().filter(|(of, _)| of == choice).count();
                calls.push((*choice, *index));
                revised.push(event.clone());
                revised.extend(first_arguments(events, revisions, (*choice, *index), call));
                continue;
            }
            Event::Text { choice, .. } => Some((*choice, None)),
            Event::ToolArguments { choice, index, .. } => {
                let position = calls.iter().filter(|(of, _)| of == choice).position(|(_, known)| known == index);
                Some((*choice, position))
            }
            _ => None,
        };
        let found = place.and_then(|(choice, call)| {
            let matches = |revision: &Revision| u32::try_from(revision.choice) == Ok(choice) && revision.call == call;
            revisions.iter().position(matches)
        });
        let Some(found) = found else {
            revised.push(event.clone());
            continue;
        };
        if let Some(revision) = pending.get_mut(found).and_then(Option::take) {
            revised.push(with_text(event, &revision.text));
        }
    }
    revised
}

/// The arguments that a call is given which came without any; those that came are replaced where they stand.
fn first_arguments(
    events: &[Event],
    revisions: &[Revision],
    (choice, index): (u32, u32),
    call: usize,
) -> Option<Event> {
    let of_call = |revision: &&Revision| u32::try_from(revision.choice) == Ok(choice) && revision.call == Some(call);
    let given = revisions.iter().find(of_call)?;
    let came = |event: &Event| match event {
        Event::ToolArguments { choice: of, index: at, .. } => (*of, *at) == (choice, index),
        _ => false,
    };
    (!events.iter().any(came)).then(|| Event::ToolArguments { choice, index, text: given.text.clone() })
}

fn with_text(event: &Event, text: &str) -> Event {
    let mut event = event.clone();
    if let Event::Text { text: old, .. } | Event::ToolArguments { text: old, .. } = &mut event {
        text.clone_into(old);
    }
    event
}
