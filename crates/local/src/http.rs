//! The HTTP surface: chat completions, models, health.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use steersman_core::{ChatRequest, Code, Event};
use steersman_wire::openai_chat::{ChatAnswerEncoder, decode_request, encode_answer, encode_error};
use steersman_wire::{Answer, AnswerEncoder, AnswerOptions, DecodeError, ErrorBody};

use crate::answer::{AnswerReader, with_joined_logprobs};
use crate::facts::ModelFacts;
use crate::job::{JobError, Piece};
use crate::prepare::{Refusal, prepare};
use crate::slots::{Full, Slots, Ticket};
use crate::template::ChatTemplate;

/// The largest request body, in bytes: far more text than any context window here holds.
const MAX_BODY_BYTES: usize = 4 << 20;

/// What every request needs.
#[derive(Debug)]
pub struct Service {
    /// The model.
    pub facts: ModelFacts,
    /// Its chat template.
    pub template: ChatTemplate,
    /// The way to it.
    pub slots: Slots,
    /// The most tokens of an answer to a request that names no limit.
    pub default_max_tokens: u32,
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the request body is larger than {MAX_BODY_BYTES} bytes, or broke off")]
    Body,
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("there is no model `{asked}` here, only `{served}`")]
    UnknownModel { asked: String, served: String },
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Full(#[from] Full),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error("the inference thread ended before the answer did")]
    Broken,
    #[error("no source of randomness: {0}")]
    Random(getrandom::Error),
    #[error("there is nothing at `{0}`")]
    NotFound(String),
    #[error("this address does not take the method `{0}`")]
    Method(String),
}

/// The routes.
pub fn router(service: Service) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/models", get(models))
        .route("/healthz", get(|| async { json_body(json!({"status": "ok"}).to_string()) }))
        .fallback(|request: Request| async move { Failure::NotFound(request.uri().path().to_owned()) })
        .method_not_allowed_fallback(|request: Request| async move { Failure::Method(request.method().to_string()) })
        .with_state(Arc::new(service))
}

async fn models(State(service): State<Arc<Service>>) -> Response {
    let model = json!({
        "id": service.facts.name, "object": "model", "created": 0, "owned_by": "local",
        "context_window": service.facts.context_tokens,
    });
    json_body(json!({"object": "list", "data": [model]}).to_string())
}

async fn chat_completions(State(service): State<Arc<Service>>, request: Request) -> Result<Response, Failure> {
    let body = to_bytes(request.into_body(), MAX_BODY_BYTES).await.map_err(|_| Failure::Body)?;
    let request = decode_request(&body)?;
    if request.model != service.facts.name {
        return Err(Failure::UnknownModel { asked: request.model, served: service.facts.name.clone() });
    }
    let mut answering = service.begin(&request)?;
    // The head of a stream waits for the job to be taken up, so that a refusal still has a status of its own.
    let first = answering.ticket.pieces.recv().await.ok_or(Failure::Broken)?;
    if let Piece::Failed(error) = first {
        return Err(error.into());
    }
    if request.stream { Ok(answering.streamed(first)) } else { answering.whole(first).await }
}

impl Service {
    fn begin(&self, request: &ChatRequest) -> Result<Answering, Failure> {
        let seed = getrandom::u64().map_err(Failure::Random)?;
        let prepared = prepare(request, &self.facts, &self.template, self.default_max_tokens, seed)?;
        let id = format!("chatcmpl-{:016x}", getrandom::u64().map_err(Failure::Random)?);
        let is_constrained = prepared.constraint.is_some();
        let reader = AnswerReader::new(id, self.facts.name.clone(), prepared.reading.clone(), is_constrained);
        let options = AnswerOptions {
            created_unix_s: unix_seconds(),
            include_usage: request.include_usage,
            ..AnswerOptions::default()
        };
        Ok(Answering { ticket: self.slots.enter(prepared)?, reader, options })
    }
}

/// One answer on its way out. Dropping it cancels the job.
struct Answering {
    ticket: Ticket,
    reader: AnswerReader,
    options: AnswerOptions,
}

impl Answering {
    async fn whole(mut self, first: Piece) -> Result<Response, Failure> {
        let mut events = self.reader.read(first);
        while let Some(piece) = self.ticket.pieces.recv().await {
            if let Piece::Failed(error) = piece {
                return Err(error.into());
            }
            events.extend(self.reader.read(piece));
        }
        let answer = Answer::collect(&with_joined_logprobs(events));
        if !answer.complete {
            return Err(Failure::Broken);
        }
        let body = encode_answer(&answer, &self.options).body;
        Ok(json_body(body))
    }

    fn streamed(self, first: Piece) -> Response {
        let encoder = ChatAnswerEncoder::new(self.options.clone());
        let frames = stream::unfold((self, encoder, Some(first)), |(mut answering, mut encoder, first)| async move {
            let mut frames = Vec::new();
            let mut next = first;
            while frames.is_empty() {
                let piece = match next.take() {
                    Some(piece) => piece,
                    None => answering.ticket.pieces.recv().await?,
                };
                for event in answering.events(piece) {
                    encoder.event(&event, &mut frames);
                }
            }
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(frames)), (answering, encoder, None)))
        });
        let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
        (headers, Body::from_stream(frames)).into_response()
    }

    fn events(&mut self, piece: Piece) -> Vec<Event> {
        if let Piece::Failed(error) = piece {
            let (code, _) = error.code();
            return vec![Event::Error { kind: code.openai_type.to_owned(), message: error.to_string() }];
        }
        self.reader.read(piece)
    }
}

impl Failure {
    fn code(&self) -> (&'static Code, Option<&str>) {
        match self {
            Self::Body => (Code::BODY_TOO_LARGE, None),
            Self::Decode(error) => (error.code(), error.param()),
            Self::UnknownModel { .. } => (Code::MODEL_NOT_FOUND, Some("model")),
            Self::Refused(refusal) => refusal.code(),
            Self::Full(Full::Busy { .. }) => (Code::OVERLOADED, None),
            Self::Full(Full::Closed) => (Code::SHUTTING_DOWN, None),
            Self::Job(error) => error.code(),
            Self::Broken | Self::Random(_) => (Code::INTERNAL, None),
            Self::NotFound(_) => (Code::NOT_FOUND, None),
            Self::Method(_) => (Code::METHOD_NOT_ALLOWED, None),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (code, param) = self.code();
        let error = ErrorBody {
            kind: code.openai_type.to_owned(),
            message: self.to_string(),
            param: param.map(str::to_owned),
            code: Some(code.name.to_owned()),
        };
        let status = StatusCode::from_u16(code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(header::CONTENT_TYPE, "application/json")], encode_error(&error)).into_response();
        if let Self::Full(Full::Busy { retry_after_s }) = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
        }
        response
    }
}

fn json_body(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
