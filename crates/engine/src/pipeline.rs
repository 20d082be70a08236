//! What happens to a call between the client and its provider, top to bottom.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use steersman_core::{ByteStream, Code, ContentHash, UpstreamAnswer, UpstreamError};
use steersman_wire::RequestHead;
use steersman_wire::json::RawObject;
use tokio::time::Instant;

use crate::admit::{Admitted, Asking};
use crate::attempt::{Attempt, AttemptFailure, read_error, read_whole};
use crate::best::Best;
use crate::cache::GivenAgain;
use crate::checks::Checks;
use crate::engine::Engine;
use crate::judged::{Judge, WholeJudge, keep_pieces};
use crate::live::Live;
use crate::plan::Plan;
use crate::prepare::{Prepared, Target, prepare};
use crate::previews::Previews;
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::relay::{Relay, Released};
use crate::reply::{Inbound, Reply, ReplyBody};
use crate::route::{Verdict, unaffordable};
use crate::stored;

/// An answer that is good enough to be released.
pub(crate) enum Accepted {
    /// A whole body in the client's dialect.
    Whole(Bytes),
    /// A stream whose first frames are there.
    Live(Streaming),
}

impl Accepted {
    /// The answer, where it is there as a whole.
    fn whole(&self) -> Option<Bytes> {
        match self {
            Self::Whole(body) => Some(body.clone()),
            Self::Live(_) => None,
        }
    }
}

/// A stream that has begun.
pub(crate) struct Streaming {
    /// What is left of the answer.
    pub(crate) body: ByteStream,
    /// Where it is looked at and translated.
    pub(crate) relay: Relay,
    /// What its first pieces gave.
    pub(crate) first: Released,
}

impl Streaming {
    /// The body has come to its end: the piece that is missing from it, where it is complete but for its last line or
    /// its end marker.
    pub(crate) fn ended(&mut self) -> Option<Bytes> {
        self.body = futures_util::stream::empty().boxed();
        self.relay.missing()
    }
}

impl Engine {
    /// Answers one request. Dropping the future, or the stream in its reply, cancels the upstream call; the record is
    /// offered in any case.
    pub async fn serve(&self, mut inbound: Inbound) -> Reply {
        match stored::recall(self.responses.as_ref(), &self.catalog, &self.admit, &mut inbound).await {
            Ok(None) => self.answer(inbound).await,
            Ok(Some(keeping)) => keeping.keep(Box::pin(self.answer(inbound)).await).await,
            Err(refusal) => {
                let recording = Recording::open(Arc::clone(&self.recorder), &inbound);
                refuse(&inbound, &refusal, recording)
            }
        }
    }

    async fn answer(&self, inbound: Inbound) -> Reply {
        let mut recording = Recording::open(Arc::clone(&self.recorder), &inbound);
        let body = inbound.body.clone();
        let read = inbound.dialect.request_head(&body).map_err(Refusal::from);
        let read = read.and_then(|head| Ok((Box::new(prepare(&self.catalog, &self.forms, &inbound, &head)?), head)));
        let (mut prepared, head) = match read {
            Ok(read) => read,
            Err(refusal) => return refuse(&inbound, &refusal, recording),
        };
        recording.describe(&prepared);
        let stays = self.can_be_read_for(&inbound, &prepared.task);
        if let Err(refusal) = stays.and_then(|()| self.stay_in_region(&inbound, &mut prepared, &mut recording)) {
            return refuse(&inbound, &refusal, recording);
        }
        let steps = self.agent(&prepared.task).map(|task| task.max_steps);
        let asking = Asking::of(&prepared).in_steps(steps).or_for_less(self.routes.stand_ins(&prepared));
        match self.admitted(&inbound, &asking).await {
            Ok((mut admitted, report)) => {
                prepared.shortage = admitted.shortage();
                recording.admitted(admitted, report.as_ref());
            }
            Err(refusal) => return refuse(&inbound, &refusal, recording),
        }
        match self.give_again(&inbound, &prepared, recording).await {
            GivenAgain::Reply(reply) => reply,
            GivenAgain::Refused(recording, refusal) => refuse(&inbound, &refusal, recording),
            GivenAgain::Ask(recording, word) => {
                let mut reply = self.ask_provider(inbound, &head, prepared, recording).await;
                reply.headers.extend(word.map(|word| ("x-steersman-cache", word.to_owned())));
                reply
            }
        }
    }

    /// The rare ways are on the heap: a request's future has room for the widest of its ways, and is moved as a whole.
    async fn ask_provider(
        &self,
        inbound: Inbound,
        head: &RequestHead<'_>,
        prepared: Box<Prepared>,
        recording: Recording,
    ) -> Reply {
        let acts = self.agent(&prepared.task).is_some() || self.is_read_for(&inbound, &prepared.task);
        if let Some(room) = self.tools.as_ref().filter(|_| acts) {
            return Box::pin(self.act(room, inbound.made_whole(), *prepared, recording)).await;
        }
        if Previews::are_wanted(&inbound, &prepared) {
            return Box::pin(self.ask_with_previews(inbound, prepared, recording)).await;
        }
        self.ask_candidates(&inbound, head, prepared, recording).await
    }

    pub(crate) async fn ask_candidates(
        &self,
        inbound: &Inbound,
        head: &RequestHead<'_>,
        mut prepared: Box<Prepared>,
        mut recording: Recording,
    ) -> Reply {
        prepared.guarded = match self.label(inbound, inbound, &prepared) {
            Ok(guarded) => guarded,
            Err(refusal) => return refuse(inbound, &refusal, recording),
        };
        self.heed_approvals(inbound, &mut prepared).await;
        prepared.routed = self.routes.decide(inbound, &mut prepared);
        if let Some(refusal) = unaffordable(&prepared) {
            prepared.routed.iter().for_each(|routed| recording.note("route", &routed.note()));
            return refuse(inbound, &refusal, recording);
        }
        let deadline = Instant::now() + self.settings.total;
        let attempted = self.attempt_in_phases(&mut prepared, inbound, head, &mut recording, deadline).await;
        // A stream that is still under way notes it at its end.
        if let Some(report) = prepared.guarded.as_ref().and_then(|guarded| guarded.report()) {
            recording.guarded(&report);
        }
        if let Some(routed) = &prepared.routed {
            self.routes.settle(routed);
            recording.note("route", &routed.note());
        }
        if let Some(note) = prepared.previews.as_ref().and_then(|previews| previews.note()) {
            recording.note("previews", &note);
        }
        match attempted {
            Ok((target, accepted)) => self.finish(inbound, &prepared, &target, accepted, recording, deadline),
            Err(refusal) => refuse(inbound, &refusal, recording),
        }
    }

    /// Makes attempts until one gives an answer that may be released, the attempts are spent, or a failure is final.
    /// Nothing has been released yet, so each attempt starts afresh: the same again after a passing failure, once more
    /// with what was wrong after an answer that broke its form, and then the next candidate.
    pub(crate) async fn attempt_until_accepted(
        &self,
        prepared: &Prepared,
        inbound: &Inbound,
        head: &RequestHead<'_>,
        recording: &mut Recording,
        deadline: Instant,
    ) -> Result<(Target, Accepted), Refusal> {
        self.bearing.earn();
        let first_only = || prepared.candidates.get(..1).unwrap_or_default();
        let candidates = if self.escalates { &prepared.candidates } else { first_only() };
        let mut plan = Plan::new(inbound, head, candidates, &self.bearing)?;
        let attempts = Plan::attempts(self.settings.attempts, candidates);
        let (mut number, mut best) = (1, Best::default());
        loop {
            prepared.routed.iter().for_each(|routed| routed.ask_likelihood(&mut plan.target));
            let reason = prepared.phase.filter(|_| plan.reason == "first").unwrap_or(plan.reason);
            recording.start_attempt(&plan.target, reason);
            let attempt = self.attempt_or_hedge(prepared, &mut plan, inbound, recording);
            let failure = match tokio::time::timeout_at(deadline, attempt).await {
                Ok(Ok(accepted)) => {
                    let whole = accepted.whole();
                    match weigh(prepared, &plan.target, accepted) {
                        Verdict::Release(released) => return Ok(*released),
                        Verdict::Refuse(refusal) => {
                            recording.hold_back(whole);
                            return Err(*refusal);
                        }
                        Verdict::Ask(next) => {
                            recording.hold_back(whole);
                            recording.passed_over();
                            plan.turn_to(inbound, &next)?;
                        }
                    }
                    number = 1;
                    continue;
                }
                Ok(Err(failure)) => failure,
                Err(_) => AttemptFailure::from_upstream(&self.out_of_time()),
            };
            recording.end_attempt(Some(failure.refusal.code));
            best.heed(&failure, recording);
            let pause = self.settings.backoff.pause(number, failure.retry_after, jitter(inbound, number));
            let more = Previews::left(prepared, attempts.saturating_sub(number), &failure, &mut plan);
            let again =
                if more > 0 { plan.after(inbound, &failure, pause, more, prepared.checks.as_ref())? } else { None };
            match again {
                Some(pause) if Instant::now() + pause < deadline => tokio::time::sleep(pause).await,
                _ if Instant::now() < deadline && prepared.routed.is_some() && plan.fail_up(inbound, &failure)? => {
                    number = 0;
                }
                _ => return Err(best.or(*failure.refusal)),
            }
            number += 1;
        }
    }

    /// One attempt, up to the point where its answer can be released.
    pub(crate) async fn attempt(
        &self,
        prepared: &Prepared,
        target: &Target,
        inbound: &Inbound,
        recording: &mut Recording,
    ) -> Result<Accepted, AttemptFailure> {
        let upstream = &target.candidate.provider.upstream;
        let call = target.call(inbound, prepared.stream);
        // One time for the head and all that comes before something can be released.
        let until = Instant::now() + self.settings.first_token;
        let mut answer = match tokio::time::timeout_at(until, upstream.call(call)).await {
            Err(_) => return Err(AttemptFailure::from_upstream(&self.no_first_token())),
            Ok(answer) => answer.map_err(|error| AttemptFailure::from_upstream(&error))?,
        };
        if let Some(attempt) = recording.attempt() {
            attempt.head(&answer);
        }
        if answer.status >= 400 {
            return Err(self.read_failure(target, &mut answer, recording).await);
        }
        if prepared.stream {
            self.begin_stream(prepared, target, inbound, answer, recording, until).await.map(Accepted::Live)
        } else {
            self.read_answer(prepared, target, inbound, answer, recording).await.map(Accepted::Whole)
        }
    }

    async fn read_failure(
        &self,
        target: &Target,
        answer: &mut UpstreamAnswer,
        recording: &mut Recording,
    ) -> AttemptFailure {
        let body = read_error(answer, self.settings.idle).await;
        if let Some(attempt) = recording.attempt() {
            attempt.keep(body.clone());
            attempt.wait(answer.retry_after);
        }
        AttemptFailure::from_status(target, answer.status, answer.retry_after, &body)
    }

    /// Reads on until there is something to release: the first frames, or, where the answer must be judged, all of it.
    async fn begin_stream(
        &self,
        prepared: &Prepared,
        target: &Target,
        inbound: &Inbound,
        answer: UpstreamAnswer,
        recording: &mut Recording,
        until: Instant,
    ) -> Result<Streaming, AttemptFailure> {
        let held = prepared.routed.as_ref().is_some_and(|routed| routed.holds(&target.candidate));
        let flows =
            prepared.text_flows && !held && prepared.checks.as_ref().is_some_and(|checks| checks.is_of_calls_alone());
        let relay = Relay::new(prepared, target, inbound.answer_options(prepared.include_usage), flows);
        let (kind, body) = (answer.content_type, answer.body);
        let mut streaming = Streaming { body, relay, first: Released::default() };
        let mut pieces = Vec::new();
        let began = self.await_first(&mut streaming, &mut pieces, until, recording).await;
        if let Err(mut failure) = began {
            if failure.refusal.code == Code::UPSTREAM_CUT && !streaming.relay.has_begun() {
                failure = no_stream(target, kind.as_deref(), &pieces.concat().into(), recording).unwrap_or(failure);
            }
            keep_pieces(recording, &pieces);
            return Err(failure);
        }
        let no_form = held.then(Checks::none);
        if let Some(checks) = prepared.checks.as_ref().or(no_form.as_ref()) {
            let options = inbound.answer_options(prepared.include_usage);
            let hearing = target.hearing();
            let guarded = prepared.guarded.as_ref();
            let known = self.known(prepared, target);
            let (previews, shown) = (Previews::of(prepared, target), prepared.previews.as_deref());
            let client = prepared.dialect;
            let judge = Judge { checks, known, guarded, hearing, client, options, previews, shown, flows };
            Box::pin(judge.hold(&mut streaming, pieces, self.settings.idle, recording)).await?;
        }
        Ok(streaming)
    }

    /// Reads up to the first frames that may be released.
    async fn await_first(
        &self,
        streaming: &mut Streaming,
        pieces: &mut Vec<Bytes>,
        until: Instant,
        recording: &mut Recording,
    ) -> Result<(), AttemptFailure> {
        // Comments keep a connection awake and commit nobody: until data came, another place may still be asked.
        let mut early = BytesMut::new();
        while streaming.first.bytes.is_empty() {
            let piece = match tokio::time::timeout_at(until, streaming.body.next()).await {
                Err(_) => Err(self.no_first_token()),
                Ok(piece) => piece.transpose(),
            };
            let piece = piece.map_err(|error| AttemptFailure::from_upstream(&error))?;
            let piece = piece.or_else(|| streaming.ended());
            let (Some(piece), Some(attempt)) = (piece, recording.attempt()) else {
                return Err(AttemptFailure::cut("the answer ended before it began"));
            };
            pieces.push(piece.clone());
            streaming.first = streaming.relay.push(piece, attempt)?;
            if !streaming.relay.has_begun() {
                early.extend_from_slice(&std::mem::take(&mut streaming.first).bytes);
            }
            if let Some(words) = streaming.relay.failure() {
                return Err(AttemptFailure::cut(format!("the provider broke off: {words}")));
            }
        }
        if !early.is_empty() {
            early.extend_from_slice(&streaming.first.bytes);
            streaming.first.bytes = early.freeze();
        }
        Ok(())
    }

    /// Reads an unstreamed answer whole, judges it where it must be, and puts it into the client's dialect.
    async fn read_answer(
        &self,
        prepared: &Prepared,
        target: &Target,
        inbound: &Inbound,
        mut answer: UpstreamAnswer,
        recording: &mut Recording,
    ) -> Result<Bytes, AttemptFailure> {
        let body = read_whole(&mut answer.body, self.settings.idle).await;
        let body = body.map_err(|error| AttemptFailure::from_upstream(&error))?;
        let body = match &prepared.routed {
            Some(routed) => routed.hear(target, body),
            None => body,
        };
        let hearing = target.hearing();
        let Some(attempt) = recording.attempt() else {
            return Err(AttemptFailure::cut("the attempt has ended"));
        };
        if let Some(failure) = look_at(target, &body, attempt) {
            attempt.keep(body);
            return Err(failure);
        }
        if target.same_dialect && prepared.checks.is_none() && prepared.guarded.is_none() {
            return Ok(body);
        }
        let options = inbound.answer_options(true);
        let known = self.known(prepared, target);
        let judge = WholeJudge { checks: prepared.checks.as_ref(), known, guarded: prepared.guarded.as_ref() };
        let whole =
            judge.judge(hearing, prepared.dialect, &body, &options).inspect_err(|_| attempt.keep(body.clone()))?;
        if whole.declined {
            recording.declined();
        }
        recording.repaired(whole.repairs);
        recording.learned(whole.learned);
        recording.reconciled(whole.bulk);
        recording.lost_in_answer(&whole.losses);
        Ok(match whole.rewritten {
            None => body,
            Some(rewritten) => {
                if let Some(attempt) = recording.attempt() {
                    attempt.keep(body);
                }
                Bytes::from(rewritten)
            }
        })
    }

    fn finish(
        &self,
        inbound: &Inbound,
        prepared: &Prepared,
        target: &Target,
        accepted: Accepted,
        mut recording: Recording,
        deadline: Instant,
    ) -> Reply {
        let mut headers = self.told(inbound, prepared, target, &mut recording);
        headers.extend(prepared.routed.as_ref().map(|routed| ("x-steersman-route", routed.header())));
        headers.extend(prepared.guarded.as_ref().map(|guarded| ("x-steersman-guard", guarded.header())));
        let body = match accepted {
            Accepted::Live(streaming) => {
                let live = Live::new(streaming, recording, self.settings.idle, deadline);
                ReplyBody::Stream(Box::pin(live.into_stream()))
            }
            Accepted::Whole(body) => {
                recording.release(&body, true);
                if let Some(cost) = recording.deliver() {
                    headers.push(("x-steersman-cost-usd", cost.to_string().replace('$', "")));
                }
                ReplyBody::Whole(body)
            }
        };
        Reply { status: 200, headers, body }
    }

    /// What every answer says of how it came to be, on the record and in its headers: form, attempts, losses, repairs.
    pub(crate) fn told(
        &self,
        inbound: &Inbound,
        prepared: &Prepared,
        target: &Target,
        recording: &mut Recording,
    ) -> Vec<(&'static str, String)> {
        if let Some(checks) = prepared.checks.as_ref().filter(|checks| !checks.name.is_empty()) {
            recording.formed(&self.forms, checks, target);
        }
        let mut headers = headers(inbound, prepared, target, recording.attempts() + 1);
        recording.lost_in_request(&target.losses);
        headers.extend(recording.losses_header().map(|losses| ("x-steersman-losses", losses)));
        headers.extend(recording.repairs_header().map(|repairs| ("x-steersman-repairs", repairs)));
        headers
    }

    pub(crate) async fn admitted(
        &self,
        inbound: &Inbound,
        asking: &Asking<'_>,
    ) -> Result<(Admitted, Option<serde_json::Value>), Refusal> {
        self.admit.admit(&self.admit_settings, inbound, asking).await
    }

    pub(crate) async fn heed_approvals(&self, inbound: &Inbound, prepared: &mut Prepared) {
        if let (Some(room), Some(guarded)) = (&self.approvals, prepared.guarded.as_mut().and_then(Arc::get_mut)) {
            guarded.heed(room, inbound, prepared.task.as_str()).await;
        }
    }

    const fn no_first_token(&self) -> UpstreamError {
        UpstreamError::Timeout { kind: "first_token", limit: self.settings.first_token }
    }

    const fn out_of_time(&self) -> UpstreamError {
        UpstreamError::Timeout { kind: "total", limit: self.settings.total }
    }
}

/// What a body says that was to be a stream and has no frame: an error, mostly, or a page of something in between.
/// `None` for one that is cut within its first frame.
fn no_stream(target: &Target, kind: Option<&str>, body: &Bytes, recording: &mut Recording) -> Option<AttemptFailure> {
    let is_document = RawObject::parse(body).is_ok();
    if let Some(failure) =
        recording.attempt().filter(|_| is_document).and_then(|attempt| look_at(target, body, attempt))
    {
        return Some(failure);
    }
    let kind = kind.filter(|kind| !kind.starts_with("text/event-stream"));
    let kind = kind.or_else(|| is_document.then_some("application/json"))?;
    Some(AttemptFailure::malformed(format!("the provider sent `{kind}`, and no stream of events")))
}

/// Notes what a whole answer says of itself. Gives what is wrong with it, if it is no answer.
fn look_at(target: &Target, body: &Bytes, attempt: &mut Attempt) -> Option<AttemptFailure> {
    let mut reader = target.dialect.facts_reader();
    let Some(facts) = reader.body(body) else {
        return Some(AttemptFailure::unreadable(body, "the answer is not of the dialect"));
    };
    attempt.learn(&facts);
    AttemptFailure::of_answer(target, &facts, body)
}

/// What becomes of an answer that could be released: under an objective it is weighed first.
fn weigh(prepared: &Prepared, target: &Target, accepted: Accepted) -> Verdict {
    match &prepared.routed {
        Some(routed) => routed.weigh(target.clone(), accepted, prepared.dialect),
        None => Verdict::Release(Box::new((target.clone(), accepted))),
    }
}

pub(crate) fn refuse(inbound: &Inbound, refusal: &Refusal, mut recording: Recording) -> Reply {
    let encoded = || Bytes::from(inbound.dialect.encode_error(&refusal.to_error_body()));
    let mut body = refusal.body.clone().unwrap_or_else(encoded);
    if let Some(rejection) = &refusal.rejection {
        body = rejection.beside(body);
        recording.rejected(rejection);
    }
    recording.release(&body, false);
    recording.fail(refusal.status, refusal.code);
    let mut headers =
        vec![("x-request-id", inbound.id.to_string()), ("x-steersman-code", refusal.code.name.to_owned())];
    if !refusal.code.retryable {
        // The official SDKs repeat a call by its status alone, unless they are told not to.
        headers.push(("x-should-retry", "false".to_owned()));
    }
    if let Some(seconds) = refusal.retry_after_s {
        headers.push(("retry-after", seconds.to_string()));
    }
    Reply { status: refusal.status, headers, body: ReplyBody::Whole(body) }
}

fn headers(inbound: &Inbound, prepared: &Prepared, target: &Target, attempts: usize) -> Vec<(&'static str, String)> {
    let candidate = &target.candidate;
    let mut headers = vec![
        ("x-request-id", inbound.id.to_string()),
        ("x-steersman-model", format!("{}/{}", candidate.provider.name, candidate.model)),
        ("x-steersman-task", prepared.task.to_string()),
    ];
    if attempts > 1 {
        headers.push(("x-steersman-attempts", attempts.to_string()));
    }
    if let Some(constraint) = &target.constraint {
        headers.push(("x-steersman-level", constraint.level().to_owned()));
    }
    headers
}

/// Spread over requests and attempts, and the same again in a replay of the same request.
pub(crate) fn jitter(inbound: &Inbound, attempt: u32) -> u32 {
    let hash = ContentHash::of(format!("{}/{attempt}", inbound.id).as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}
