//! A held answer's value while it grows, for clients that ask to see it (`x-steersman-events: previews`).
//!
//! The answer itself stays behind the gate until it has been judged. Beside it go the parts of its value that no later
//! step can change: complete, declared, of their type, under keys that came once. The first of them releases the answer
//! in part: from then on no other model is asked, and an ending that would take a part back is a rejection. What was
//! wrong may still be asked for once more, since all the rest of the value stays as it was shown.
//!
//! What never happens here: a preview of an answer that may still be weighed, rewritten by the guard or put in another
//! order; work that grows with what was shown before.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;
use steersman_core::{BoxFuture, Code, Event, Layer, Part, Violation};
use steersman_structured::{
    CompiledSchema, Document, Growth, Previews as Showing, Step, Stream as Growing, is_continued,
};
use steersman_wire::sse::{SseDecoder, write_comment, write_frame};
use steersman_wire::{Answer, AnswerDecoder, Choice};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::attempt::AttemptFailure;
use crate::checks::{self, Checks, Held, Passed};
use crate::engine::Engine;
use crate::extension;
use crate::forced::Hearing;
use crate::pipeline::refuse;
use crate::plan::Plan;
use crate::prepare::{Prepared, Target};
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::rejection::Rejection;
use crate::reply::{Inbound, Reply, ReplyBody};

/// How often a stream without news says that it is alive.
const ALIVE: Duration = Duration::from_secs(10);
/// Previews that may wait for a slow client; then its provider waits too.
const QUEUE: usize = 64;
/// The largest frame of an answer, as the relay has it.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// One request's previews.
pub(crate) struct Previews {
    frames: mpsc::Sender<Bytes>,
    since: std::time::Instant,
    /// Whether an attempt has begun to show its answer; no other one may.
    begun: AtomicBool,
    shown: Mutex<Out>,
}

/// What is out.
#[derive(Default)]
struct Out {
    /// By answer: its text so far, and what closes it up.
    parts: BTreeMap<u32, (String, String)>,
    note: Note,
}

/// What the record says of them.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Note {
    chunks: u64,
    first_ms: u64,
}

/// What a client is shown: `text` follows on all texts before it, `close` closes them up.
#[derive(Serialize)]
struct Shown<'t> {
    index: u32,
    text: &'t str,
    close: &'t str,
}

impl Previews {
    /// Whether a client asks for them and its answer is one that can be shown: a form to keep, nothing that puts it in
    /// another order.
    pub(crate) fn are_wanted(inbound: &Inbound, prepared: &Prepared) -> bool {
        let form = prepared.checks.as_ref().is_some_and(Checks::grows_in_order);
        inbound.previews && prepared.stream && form && extension::is_understood(prepared.dialect)
    }

    /// Those of an attempt, if what it says may be shown: it is nobody's correction, and neither weighed nor rewritten
    /// later.
    pub(crate) fn of<'p>(prepared: &'p Prepared, target: &Target) -> Option<&'p Self> {
        let weighed = prepared.routed.as_ref().is_some_and(|routed| routed.holds(&target.candidate));
        let rewritten = prepared.guarded.as_ref().is_some_and(|guarded| guarded.rewrites());
        prepared.previews.as_deref().filter(|_| target.reask.is_none() && !weighed && !rewritten)
    }

    /// How many attempts may follow a failure, of `more` that are left: once a part of an answer is out, only the
    /// question for what was wrong with it.
    pub(crate) fn left(prepared: &Prepared, more: u32, failure: &AttemptFailure, plan: &mut Plan<'_>) -> u32 {
        if !prepared.previews.as_ref().is_some_and(|previews| previews.begun.load(Ordering::Relaxed)) {
            return more;
        }
        plan.stay();
        if failure.held.is_some() { more } else { 0 }
    }

    /// For the record; `None` if nothing was shown.
    pub(crate) fn note(&self) -> Option<Note> {
        Some(self.out().note).filter(|note| note.chunks > 0)
    }

    /// Fails an answer that takes back what was shown.
    pub(crate) fn confirm(&self, answer: &Answer, passed: &Passed) -> Result<(), AttemptFailure> {
        for (choice, (text, close)) in &self.out().parts {
            let at = usize::try_from(*choice).unwrap_or(usize::MAX);
            let revised = passed.revisions.iter().find(|revision| revision.choice == at && revision.call.is_none());
            let own = || answer.choices.get(at).map(spoken).unwrap_or_default();
            let whole = revised.map_or_else(own, |revision| revision.text.clone());
            let shown = format!("{text}{close}");
            if !Document::parse(whole.as_str()).is_ok_and(|whole| is_continued(&shown, &whole)) {
                return Err(AttemptFailure::from_held(taken_back(&whole)));
            }
        }
        Ok(())
    }

    async fn show(&self, index: u32, growth: Growth<'_>) {
        let chunk = extension::chunk("preview", &Shown { index, text: growth.text, close: &growth.close });
        {
            let mut out = self.out();
            let (text, close) = out.parts.entry(index).or_default();
            text.push_str(growth.text);
            *close = growth.close;
            if out.note.chunks == 0 {
                out.note.first_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
            }
            out.note.chunks += 1;
        }
        // A client that has left has dropped this whole future with its stream.
        drop(self.frames.send(chunk).await);
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spoken(choice: &Choice) -> String {
    choice
        .parts
        .iter()
        .filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None })
        .collect()
}

fn taken_back(whole: &str) -> Box<Held> {
    let message = "the whole answer takes back a part that was shown";
    let violation = Violation {
        layer: Layer::Rules,
        pointer: String::new(),
        rule: "shown".to_owned(),
        message: message.to_owned(),
        suggestion: None,
    };
    let best_attempt = Some(whole.to_owned());
    let rejection = Rejection { layer: Layer::Rules, violations: vec![violation], readings: Vec::new(), best_attempt };
    let mut held = checks::held(Code::OUTPUT_REJECTED, message.to_owned(), Some(rejection), whole);
    held.worth_asking_again = false;
    held
}

/// One attempt's answer, followed while it comes.
pub(crate) struct Following<'a> {
    previews: &'a Previews,
    schema: Option<&'a CompiledSchema>,
    frames: SseDecoder,
    decoder: Box<dyn AnswerDecoder>,
    /// By answer, with how much of it is out.
    growing: BTreeMap<u32, (Growing<'a>, usize)>,
    /// Whether it is this attempt that shows.
    own: bool,
    /// What cannot be followed is shown no further; the judge will say what is wrong with it.
    lost: bool,
}

impl<'a> Following<'a> {
    pub(crate) fn new(previews: &'a Previews, checks: &'a Checks, hearing: Hearing) -> Self {
        Self {
            previews,
            schema: checks.compiled(),
            frames: SseDecoder::new(MAX_FRAME_BYTES),
            decoder: hearing.decoder(),
            growing: BTreeMap::new(),
            own: false,
            lost: false,
        }
    }

    /// Takes the next piece of the stream, and shows what it made certain.
    pub(crate) async fn push(&mut self, piece: Bytes) {
        if self.lost {
            return;
        }
        let grown = self.follow(piece);
        for index in grown {
            let Some((growing, told)) = self.growing.get_mut(&index) else { continue };
            self.own = self.own || !self.previews.begun.swap(true, Ordering::Relaxed);
            let Some(growth) = growing.since(*told).filter(|_| self.own) else { continue };
            *told += growth.text.len();
            self.previews.show(index, growth).await;
        }
    }

    /// The answers of which more is certain now.
    fn follow(&mut self, piece: Bytes) -> BTreeSet<u32> {
        let mut grown = BTreeSet::new();
        self.frames.push(piece);
        loop {
            let events = match self.frames.next_frame() {
                Ok(Some(frame)) => frame.data().map(|data| self.decoder.frame(frame.event(), data)),
                Ok(None) => return grown,
                Err(_) => Some(Ok(vec![Event::Done])),
            };
            let Ok(events) = events.unwrap_or_else(|| Ok(Vec::new())) else {
                self.lost = true;
                return grown;
            };
            for event in events {
                match event {
                    Event::Text { choice, text } => {
                        let fresh = || (Growing::new(Showing::Shown, self.schema), 0);
                        let (growing, _) = self.growing.entry(choice).or_insert_with(fresh);
                        if growing.push(text.as_bytes()) != Step::Hold {
                            grown.insert(choice);
                        }
                    }
                    Event::Done => {
                        self.lost = true;
                        return grown;
                    }
                    _ => {}
                }
            }
        }
    }
}

impl Engine {
    /// Answers a request whose client wants to see the value while it grows. Until there is something to show it is
    /// answered as any other.
    pub(crate) async fn ask_with_previews(
        &self,
        inbound: Inbound,
        mut prepared: Box<Prepared>,
        recording: Recording,
    ) -> Reply {
        let (frames, mut out) = mpsc::channel(QUEUE);
        let (since, begun, shown) = (inbound.started, AtomicBool::new(false), Mutex::default());
        prepared.previews = Some(Box::new(Previews { frames, since, begun, shown }));
        let headers = vec![("x-request-id", inbound.id.to_string()), ("x-steersman-task", prepared.task.to_string())];
        let engine = self.clone();
        let mut run: BoxFuture<'static, Reply> = Box::pin(async move {
            let body = inbound.body.clone();
            match inbound.dialect.request_head(&body) {
                Ok(head) => engine.ask_candidates(&inbound, &head, prepared, recording).await,
                Err(error) => refuse(&inbound, &Refusal::from(error), recording),
            }
        });
        let alive = Box::pin(tokio::time::sleep(ALIVE));
        let (headers, stream) = tokio::select! {
            biased;
            mut reply = &mut run => match out.try_recv() {
                Ok(first) if reply.status < 400 => {
                    let headers = std::mem::take(&mut reply.headers);
                    (headers, Beside { first: Some(first), run: None, out, rest: Some(answer(reply)), alive })
                }
                _ => return reply,
            },
            Some(first) = out.recv() => (headers, Beside { first: Some(first), run: Some(run), out, rest: None, alive }),
        };
        Reply { status: 200, headers, body: ReplyBody::Stream(Box::pin(stream)) }
    }
}

/// A stream of previews that drives the request behind it, and then is its answer.
struct Beside {
    first: Option<Bytes>,
    run: Option<BoxFuture<'static, Reply>>,
    out: mpsc::Receiver<Bytes>,
    rest: Option<Pin<Box<dyn Stream<Item = Bytes> + Send>>>,
    alive: Pin<Box<tokio::time::Sleep>>,
}

impl Stream for Beside {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        if let Some(run) = &mut self.run
            && let Poll::Ready(reply) = run.as_mut().poll(context)
        {
            self.run = None;
            self.rest = Some(answer(reply));
        }
        match self.out.poll_recv(context) {
            Poll::Ready(Some(bytes)) => {
                self.alive.as_mut().reset(Instant::now() + ALIVE);
                return Poll::Ready(Some(bytes));
            }
            Poll::Ready(None) if self.rest.is_some() => {}
            Poll::Ready(None) | Poll::Pending => {
                if self.alive.as_mut().poll(context).is_ready() {
                    self.alive.as_mut().reset(Instant::now() + ALIVE);
                    let mut comment = Vec::new();
                    write_comment(&mut comment, "the answer is being judged");
                    return Poll::Ready(Some(Bytes::from(comment)));
                }
                return Poll::Pending;
            }
        }
        self.rest.as_mut().map_or(Poll::Ready(None), |rest| rest.as_mut().poll_next(context))
    }
}

/// The answer behind the previews. An error body is the data of a last frame: the status is out.
fn answer(reply: Reply) -> Pin<Box<dyn Stream<Item = Bytes> + Send>> {
    match reply.body {
        ReplyBody::Stream(stream) => stream,
        ReplyBody::Whole(error) => {
            let mut frame = Vec::new();
            write_frame(&mut frame, None, &error);
            Box::pin(futures_util::stream::iter([Bytes::from(frame)]))
        }
        ReplyBody::Raw(_) => unreachable!("invariant: what is not read has no previews"),
    }
}
