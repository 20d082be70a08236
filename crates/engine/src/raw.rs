//! Endpoints whose bodies this house does not read beyond the model's name: embeddings, token counts, and any other
//! path of a provider. They are passed through, recorded and priced where the answer tells its usage.
//!
//! What is known to be free of effects is tried again after a passing failure. Any other call is made once: a second
//! one might do its work twice.
//!
//! What never happens here: a path that leaves the provider's base address, a client's key or cookie on its way
//! upstream.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use steersman_core::{ByteStream, Code, UpstreamAnswer, UpstreamCall, UpstreamError, Usage};
use steersman_wire::json::RawObject;
use steersman_wire::{DecodeError, FrameFacts};
use tokio::time::Instant;

use crate::admit::Asking;
use crate::attempt::{AttemptFailure, read_error};
use crate::catalog::Candidate;
use crate::engine::Engine;
use crate::pipeline::{jitter, refuse};
use crate::prepare::Target;
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::reply::{Inbound, Reply, ReplyBody};
use crate::silence::Silence;

/// The largest answer whose usage is looked for.
const MAX_READ_BYTES: usize = 4 << 20;

/// How one endpoint is passed through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name on the record: `openai.embeddings`, `raw`.
    pub protocol: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// Path and query below a provider's base address, beginning with a slash.
    pub path: String,
    /// Whether the same call may be made twice.
    pub repeatable: bool,
    /// The provider that the client names; otherwise the model says where it goes.
    pub provider: Option<String>,
    /// The model that the path names; otherwise the body may name one.
    pub model: Option<String>,
}

impl Endpoint {
    /// Whether the path stays below a base address, however a server may read it: no dot segments, empty segments,
    /// back-slashes, encoded separators or control characters.
    #[must_use]
    pub(crate) fn is_contained(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        let plain = path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'#' | b'@' | b';'));
        let encoded = path.to_ascii_lowercase();
        let hidden = ["%2f", "%5c", "%2e", "%25", "%00", "%0"].iter().any(|code| encoded.contains(code));
        let segments = path.strip_prefix('/').unwrap_or("/").trim_end_matches('/');
        plain && !hidden && segments.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
    }
}

impl Engine {
    /// Passes one call through. Dropping the future, or the stream in its reply, cancels it; the record is offered in
    /// any case.
    pub async fn pass(&self, inbound: Inbound, endpoint: &Endpoint) -> Reply {
        let mut recording = Recording::open(Arc::clone(self.recorder()), &inbound);
        recording.pass(endpoint.protocol);
        let target = match self.raw_target(&inbound, endpoint) {
            Ok(target) => target,
            Err(refusal) => return refuse(&inbound, &refusal, recording),
        };
        recording.asks(&target.candidate.model);
        if inbound.guard.is_some() {
            let message = "`x-steersman-guard` asks for more of the guard, and this endpoint's bodies pass unread";
            return refuse(&inbound, &Refusal::new(Code::INVALID_REQUEST, message), recording);
        }
        if let Err(refusal) = self.stays_in_region(&inbound, &target.candidate) {
            return refuse(&inbound, &refusal, recording);
        }
        match self.admitted(&inbound, &Asking::passed(endpoint.protocol, &target.candidate)).await {
            Ok((admitted, report)) => recording.admitted(admitted, report.as_ref()),
            Err(refusal) => return refuse(&inbound, &refusal, recording),
        }
        let deadline = Instant::now() + self.settings().total;
        match self.attempt_raw(&inbound, endpoint, &target, &mut recording, deadline).await {
            Ok(answer) => self.hand_on(&inbound, endpoint, &target, answer, recording, deadline),
            Err(refusal) => refuse(&inbound, &refusal, recording),
        }
    }

    /// Who is asked, and what with: the client's bytes but for the model's name.
    fn raw_target(&self, inbound: &Inbound, endpoint: &Endpoint) -> Result<Target, Refusal> {
        if !endpoint.is_contained() {
            return Err(Refusal::new(Code::INVALID_REQUEST, "the path holds segments or characters that no API has"));
        }
        let object = RawObject::parse(&inbound.body).ok();
        if let Some(key) = object.as_ref().and_then(RawObject::repeated) {
            return Err(Refusal::from(DecodeError::repeated(key)));
        }
        let in_body: Option<String> =
            object.as_ref().and_then(|object| serde_json::from_str(object.get("model")?.get()).ok());
        let asked = endpoint.model.as_ref().or(in_body.as_ref());
        let candidate = match (&endpoint.provider, asked) {
            (Some(provider), _) => {
                let model = asked.map_or("-", String::as_str);
                let own = model.strip_prefix(&format!("{provider}/")).unwrap_or(model);
                self.catalog().candidate(&format!("{provider}/{own}"))?
            }
            (None, Some(model)) => {
                let resolved = self.catalog().resolve(model)?;
                resolved.candidates.into_iter().next().expect("invariant: a resolved model has a candidate")
            }
            (None, None) => {
                let path: String = endpoint.path.chars().take(120).collect();
                let what = format!(
                    "there is nothing at `{}{path}`; to pass it on to a provider, name one in `x-steersman-provider`, \
                     or a `model` in a JSON body",
                    inbound.dialect.root()
                );
                return Err(Refusal::new(Code::NOT_FOUND, what));
            }
        };
        let renamed = in_body.is_some_and(|named| named != candidate.model.as_str());
        let body = match object.filter(|_| renamed) {
            Some(object) => Bytes::from(object.splice().set("model", candidate.model.as_str()).finish()),
            None => inbound.body.clone(),
        };
        Ok(Target::raw(candidate, body, renamed))
    }

    async fn attempt_raw(
        &self,
        inbound: &Inbound,
        endpoint: &Endpoint,
        target: &Target,
        recording: &mut Recording,
        deadline: Instant,
    ) -> Result<UpstreamAnswer, Refusal> {
        let mut number = 1;
        loop {
            recording.start_attempt(target, if number == 1 { "first" } else { "retry" });
            let failure = match tokio::time::timeout_at(deadline, self.call_raw(inbound, endpoint, target)).await {
                Ok(Ok(mut answer)) => {
                    if let Some(attempt) = recording.attempt() {
                        attempt.head(&answer);
                    }
                    if answer.status < 400 {
                        return Ok(answer);
                    }
                    let body = read_error(&mut answer, self.settings().idle).await;
                    if let Some(attempt) = recording.attempt() {
                        attempt.wait(answer.retry_after);
                    }
                    AttemptFailure::from_status(target, answer.status, answer.retry_after, &body)
                }
                Ok(Err(error)) => AttemptFailure::from_upstream(&error),
                Err(_) => AttemptFailure::from_upstream(&UpstreamError::Timeout {
                    kind: "total",
                    limit: self.settings().total,
                }),
            };
            recording.end_attempt(Some(failure.refusal.code));
            let pause = self.settings().backoff.pause(number, failure.retry_after, jitter(inbound, number));
            match pause {
                Some(pause)
                    if endpoint.repeatable
                        && failure.retryable
                        && number < self.settings().attempts
                        && Instant::now() + pause < deadline =>
                {
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(*failure.refusal),
            }
            number += 1;
        }
    }

    async fn call_raw(
        &self,
        inbound: &Inbound,
        endpoint: &Endpoint,
        target: &Target,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let limit = self.settings().first_token;
        let call = UpstreamCall {
            method: endpoint.method,
            asked: None,
            path: Cow::Owned(endpoint.path.clone()),
            body: target.body.clone(),
            stream: false,
            headers: inbound.headers.clone(),
        };
        match tokio::time::timeout(limit, target.candidate.provider.upstream.call(call)).await {
            Err(_) => Err(UpstreamError::Timeout { kind: "first_token", limit }),
            Ok(answer) => answer,
        }
    }

    /// The answer on its way to the client, as it comes.
    fn hand_on(
        &self,
        inbound: &Inbound,
        endpoint: &Endpoint,
        target: &Target,
        answer: UpstreamAnswer,
        recording: Recording,
        deadline: Instant,
    ) -> Reply {
        let Candidate { provider, model, .. } = &target.candidate;
        let kind = answer.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
        let headers = vec![
            ("x-request-id", inbound.id.to_string()),
            ("x-steersman-model", format!("{}/{model}", provider.name)),
            ("content-type", kind),
        ];
        let flow = Flow {
            body: answer.body,
            recording: Some(recording),
            embeds: endpoint.protocol == "openai.embeddings",
            seen: Vec::new(),
            target: target.clone(),
            silence: Silence::new(self.settings().idle, deadline),
        };
        Reply { status: answer.status, headers, body: ReplyBody::Raw(Box::pin(flow.into_stream())) }
    }
}

/// An answer under way.
struct Flow {
    body: ByteStream,
    /// Taken once the answer has ended.
    recording: Option<Recording>,
    /// Whether the output is vectors, which are no tokens.
    embeds: bool,
    seen: Vec<u8>,
    target: Target,
    silence: Silence,
}

impl Flow {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, UpstreamError>> + Send {
        futures_util::stream::unfold(self, |mut flow| async move { flow.next().await.map(|piece| (piece, flow)) })
    }

    async fn next(&mut self) -> Option<Result<Bytes, UpstreamError>> {
        let recording = self.recording.as_mut()?;
        match self.silence.next(&mut self.body).await {
            Ok(Some(piece)) => {
                recording.release(&piece, true);
                if self.seen.len() + piece.len() <= MAX_READ_BYTES {
                    self.seen.extend_from_slice(&piece);
                }
                Some(Ok(piece))
            }
            Ok(None) => {
                self.read_usage();
                if let Some(recording) = self.recording.take() {
                    recording.deliver();
                }
                None
            }
            Err(error) => {
                let failure = AttemptFailure::from_upstream(&error);
                if let Some(recording) = self.recording.take() {
                    recording.fail(200, failure.refusal.code);
                }
                Some(Err(error))
            }
        }
    }

    /// What the answer says of its tokens, if it is JSON in one of the shapes that providers use.
    fn read_usage(&mut self) {
        let Some(attempt) = self.recording.as_mut().and_then(Recording::attempt) else { return };
        let mut reader = self.target.dialect.facts_reader();
        let Some(mut facts) = reader.body(&self.seen) else { return };
        if self.embeds {
            let usage = facts.usage.get_or_insert_default();
            *usage = Usage { output_tokens: usage.output_tokens.or(Some(0)), ..*usage };
        }
        attempt.learn(&FrameFacts { usage: facts.usage, model: facts.model, ..FrameFacts::default() });
    }
}
