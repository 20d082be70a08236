//! One upstream call: what was sent, what came back, and whether it may be made again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use steersman_core::{
    AttemptRecord, ByteStream, Code, FinishReason, ModelName, Timing, UpstreamAnswer, UpstreamError, Usage,
};
use steersman_wire::json::RawObject;
use steersman_wire::{ErrorBody, FrameFacts, openai_responses, retry_delay};

use crate::catalog::Candidate;
use crate::checks::Held;
use crate::health::Turn;
use crate::prepare::Target;
use crate::refusal::Refusal;
use crate::thought::is_starved;

/// The largest error body that is read; a provider has no more to say than that.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// The attempt under way.
pub(crate) struct Attempt {
    record: AttemptRecord,
    candidate: Candidate,
    started: Instant,
    refused: bool,
    streamed: bool,
    retry_after: Option<Duration>,
    turn: Option<Turn>,
}

impl Attempt {
    /// Starts the clock of a new attempt.
    pub(crate) fn start(
        target: &Target,
        request_body: Option<Bytes>,
        since_request_us: u64,
        reason: &'static str,
    ) -> Self {
        let candidate = target.candidate.clone();
        let record = AttemptRecord {
            started_us: since_request_us,
            provider: candidate.provider.name.clone(),
            requested_model: candidate.model.clone(),
            served_model: None,
            response_id: None,
            status: None,
            code: None,
            finish_reason: None,
            usage: Usage::default(),
            cost: None,
            timing: Timing::default(),
            reason,
            request_body,
            response_body: None,
        };
        let turn = target.place.as_ref().map(|place| Arc::clone(place).begin());
        let started = Instant::now();
        Self { record, candidate, started, refused: false, streamed: false, retry_after: None, turn }
    }

    /// Notes the head of the answer.
    pub(crate) fn head(&mut self, answer: &UpstreamAnswer) {
        self.record.status = Some(answer.status);
        self.record.timing.connect_us = Some(self.elapsed_us());
        self.retry_after = answer.retry_after;
        self.streamed = answer.content_type.as_deref().is_some_and(|kind| kind.starts_with("text/event-stream"));
    }

    /// Notes what a frame or a body says.
    pub(crate) fn learn(&mut self, facts: &FrameFacts<'_>) {
        if facts.has_content && self.record.timing.first_token_us.is_none() {
            self.record.timing.first_token_us = Some(self.elapsed_us());
        }
        if let (Some(id), None) = (&facts.id, &self.record.response_id) {
            self.record.response_id = Some(id.clone().into_owned());
        }
        if let (Some(model), None) = (&facts.model, &self.record.served_model) {
            self.record.served_model = Some(ModelName::from(&**model));
        }
        if let Some(usage) = &facts.usage {
            self.record.usage.update(usage);
        }
        if let Some((_, reason)) = facts.finishes.first() {
            self.record.finish_reason = Some(*reason);
        }
        self.refused |= facts.has_refusal;
    }

    /// Why the answer ended, if it came to an end.
    pub(crate) const fn finish_reason(&self) -> Option<FinishReason> {
        self.record.finish_reason
    }

    /// Whether it was cut at its limit before a word was said.
    pub(crate) fn is_starved(&self) -> bool {
        self.record.finish_reason == Some(FinishReason::Length) && self.record.timing.first_token_us.is_none()
    }

    /// The version of the model that answered, as it calls itself.
    pub(crate) const fn served(&self) -> Option<&ModelName> {
        self.record.served_model.as_ref()
    }

    /// Whether the model declined.
    pub(crate) fn is_refusal(&self) -> bool {
        self.refused || matches!(self.record.finish_reason, Some(FinishReason::Refusal | FinishReason::ContentFilter))
    }

    /// Notes that the model declined where nothing but its words says so.
    pub(crate) const fn decline(&mut self) {
        self.refused = true;
    }

    /// Notes how long the provider asks to wait, once its error is read.
    pub(crate) const fn wait(&mut self, retry_after: Option<Duration>) {
        self.retry_after = retry_after;
    }

    /// Keeps the provider's answer, where the client does not receive it as it is.
    pub(crate) fn keep(&mut self, body: Bytes) {
        self.record.response_body = Some(body);
    }

    /// Keeps an answer unless the provider's own words are kept already.
    pub(crate) fn keep_first(&mut self, body: Bytes) {
        self.record.response_body.get_or_insert(body);
    }

    /// Ends the attempt: its record, priced.
    pub(crate) fn end(mut self, code: Option<&'static Code>) -> AttemptRecord {
        self.record.code = code;
        self.record.timing.total_us = self.elapsed_us();
        let served = self.record.served_model.as_ref();
        self.record.cost = self.candidate.cost(served, &self.record.usage);
        if let Some(turn) = self.turn.take() {
            let timing = &self.record.timing;
            let took = if self.streamed { timing.first_token_us } else { Some(timing.total_us) };
            turn.end(code, self.retry_after, took.map(|took| (Duration::from_micros(took), self.streamed)));
        }
        self.record
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A failed attempt: what the client will hear if it was the last one, and whether another may follow.
#[derive(Debug)]
pub(crate) struct AttemptFailure {
    /// What to tell the client.
    pub(crate) refusal: Box<Refusal>,
    /// Whether the same request may succeed if it is made again.
    pub(crate) retryable: bool,
    /// How long the provider asks to wait.
    pub(crate) retry_after: Option<Duration>,
    /// The answer itself, where one came and was not good enough to be released.
    pub(crate) held: Option<Box<Held>>,
}

impl AttemptFailure {
    pub(crate) fn from_upstream(error: &UpstreamError) -> Self {
        let (code, retryable) = match error {
            UpstreamError::MissingKey(_) => (Code::MISSING_KEY, false),
            UpstreamError::Token(_) => (Code::UPSTREAM_AUTH, false),
            UpstreamError::Address(_) => (Code::INVALID_REQUEST, false),
            UpstreamError::Connect { .. } => (Code::UPSTREAM_UNREACHABLE, true),
            UpstreamError::Broken(_) => (Code::UPSTREAM_CUT, true),
            UpstreamError::Timeout { kind, .. } => (Code::UPSTREAM_TIMEOUT, *kind != "total"),
            UpstreamError::TooLarge(_) => (Code::UPSTREAM_MALFORMED, false),
        };
        Self { refusal: Box::new(Refusal::new(code, error.to_string())), retryable, retry_after: None, held: None }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self {
            refusal: Box::new(Refusal::new(Code::UPSTREAM_MALFORMED, message)),
            retryable: true,
            retry_after: None,
            held: None,
        }
    }

    /// The guard allows no part of the answer; another model would read the same untrusted text.
    pub(crate) fn denied(refusal: Refusal) -> Self {
        Self { refusal: Box::new(refusal), retryable: false, retry_after: None, held: None }
    }

    pub(crate) fn cut(message: impl Into<String>) -> Self {
        Self {
            refusal: Box::new(Refusal::new(Code::UPSTREAM_CUT, message)),
            retryable: true,
            retry_after: None,
            held: None,
        }
    }

    /// Thinking ate the whole output limit. The same again would end the same way.
    pub(crate) fn starved() -> Self {
        let refusal = Refusal::new(Code::OUTPUT_STARVED, Code::OUTPUT_STARVED.meaning);
        Self { refusal: Box::new(refusal), retryable: false, retry_after: None, held: None }
    }

    /// An answer that came and may not be released.
    pub(crate) fn from_held(held: Box<Held>) -> Self {
        Self { refusal: Box::new(held.refusal.clone()), retryable: false, retry_after: None, held: Some(held) }
    }

    /// What a whole answer of status 200 says against itself: an error in its place, no answer at all, or one that
    /// thinking has starved. `None` for an answer.
    pub(crate) fn of_answer(target: &Target, facts: &FrameFacts<'_>, body: &Bytes) -> Option<Self> {
        let (says_nothing, ended) = (!facts.has_content, !facts.finishes.is_empty());
        if let Some(error) = facts.error.as_ref().filter(|_| says_nothing || !ended) {
            let told = || ErrorBody {
                kind: error.kind.clone().into_owned(),
                message: error.message.clone().into_owned(),
                ..ErrorBody::default()
            };
            let said = target.dialect.decode_error(body).unwrap_or_else(told);
            return Some(Self::from_error(target, said.status().unwrap_or(500), retry_delay(body), Some(&said), body));
        }
        if facts.finishes.iter().any(|(_, reason)| *reason == FinishReason::Length)
            && is_starved(target.hearing(), body)
        {
            return Some(Self::starved());
        }
        // A response that is worked on in the background is told as one without an end.
        let waits = target.dialect.name() == openai_responses::NAME;
        (says_nothing && !ended && !waits).then(|| Self::malformed("the answer says nothing, and not why"))
    }

    /// A whole answer that could not be read. What is JSON was made by the model and paid for: the same again would
    /// come out the same.
    pub(crate) fn unreadable(body: &[u8], why: impl std::fmt::Display) -> Self {
        Self { retryable: RawObject::parse(body).is_err(), ..Self::malformed(why.to_string()) }
    }

    /// An error status. A provider's word on the client's own request is handed on in the client's dialect; its word on
    /// our key is not, since it may repeat a part of it.
    pub(crate) fn from_status(target: &Target, status: u16, retry_after: Option<Duration>, body: &Bytes) -> Self {
        Self::from_error(target, status, retry_after, target.dialect.decode_error(body).as_ref(), body)
    }

    fn from_error(
        target: &Target,
        status: u16,
        retry_after: Option<Duration>,
        said: Option<&ErrorBody>,
        body: &Bytes,
    ) -> Self {
        let provider = &target.candidate.provider;
        let words = said.map_or_else(|| format!("HTTP {status}"), |error| error.message.clone());
        let message = format!("`{}` answered: {words}", provider.name);
        let has_no_room = status == 529 || said.is_some_and(|said| said.kind == "overloaded_error");
        let (code, retryable) = match status {
            400 | 413 if said.is_some_and(ErrorBody::is_of_length) => (Code::CONTEXT_LENGTH_EXCEEDED, false),
            500.. if has_no_room => (Code::UPSTREAM_OVERLOADED, true),
            401 | 403 => (Code::UPSTREAM_AUTH, false),
            429 => (Code::RATE_LIMITED, true),
            408 | 409 | 425 => (Code::UPSTREAM_ERROR, true),
            400..=499 => (Code::UPSTREAM_REFUSED, false),
            _ => (Code::UPSTREAM_ERROR, true),
        };
        let mut refusal = if code == Code::UPSTREAM_AUTH {
            Refusal::new(code, format!("`{}` refused the gateway's key (HTTP {status})", provider.name))
        } else {
            Refusal::new(code, message)
        };
        let is_of_request = matches!(code.name, "upstream_refused" | "context_length_exceeded" | "rate_limited");
        if is_of_request || has_no_room && target.same_dialect {
            refusal.status = status;
            refusal.param = said.and_then(|error| error.param.clone());
            refusal.body = (target.same_dialect && said.is_some()).then(|| body.clone());
        }
        refusal.retry_after_s = retry_after.map(|wish| wish.as_secs() + u64::from(wish.subsec_nanos() > 0));
        Self { refusal: Box::new(refusal), retryable, retry_after, held: None }
    }
}

/// Reads a body to its end, with a time-out between pieces. It is copied: the record holds on to it for a while, and a
/// piece kept as it came would hold on to the whole buffer that it was read into.
pub(crate) async fn read_whole(body: &mut ByteStream, idle: Duration) -> Result<Bytes, UpstreamError> {
    let mut whole = BytesMut::new();
    while let Some(piece) = next_piece(body, idle, "idle").await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// Reads the beginning of an error body, and from it the wait that no header asks for; whatever goes wrong meanwhile,
/// the status is the news.
pub(crate) async fn read_error(answer: &mut UpstreamAnswer, idle: Duration) -> Bytes {
    let mut read = BytesMut::new();
    while let Ok(Some(piece)) = next_piece(&mut answer.body, idle, "idle").await {
        let room = MAX_ERROR_BYTES.saturating_sub(read.len());
        read.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if read.len() >= MAX_ERROR_BYTES {
            break;
        }
    }
    answer.retry_after = answer.retry_after.or_else(|| retry_delay(&read));
    read.freeze()
}

/// The next piece of a body, or a time-out by name.
pub(crate) async fn next_piece(
    body: &mut ByteStream,
    limit: Duration,
    kind: &'static str,
) -> Result<Option<Bytes>, UpstreamError> {
    match tokio::time::timeout(limit, body.next()).await {
        Err(_) => Err(UpstreamError::Timeout { kind, limit }),
        Ok(piece) => piece.transpose(),
    }
}
