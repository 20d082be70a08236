//! One request, from its head to the body that will be sent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use steersman_wire::openai_chat::OpenAiChat;
use steersman_wire::{AnswerOptions, Dialect, ErrorBody, RequestHead};
use tokio::sync::Notify;

use crate::bill::{Bill, Charge, Ended};
use crate::body::{Course, Place, SimBody, Ticket};
use crate::chance::Chance;
use crate::compose::compose;
use crate::entrance::{Entrance, admits};
use crate::render::{Frame, Rendered, streamed, telling, whole};
use crate::script::{Behaviour, Fault, Script, Seen};

/// The largest request that is read.
const MAX_BODY_BYTES: usize = 64 << 20;
/// Prebuilt answers that are kept.
const MAX_PREBUILT: usize = 256;
/// The clock of a world without one.
const CREATED_UNIX_S: u64 = 1_767_225_600;

/// Everything the connections share.
#[derive(Debug)]
pub(crate) struct State {
    script: Script,
    books: Arc<Mutex<Bill>>,
    arrived: AtomicU64,
    arrival: Notify,
    in_flight: Arc<()>,
    /// Answers of a constant script, by everything they depend on.
    prebuilt: Option<Mutex<HashMap<Prebuilt, Arc<Rendered>>>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Prebuilt {
    dialect: &'static str,
    model: String,
    stream: bool,
    include_usage: bool,
    input: u64,
    limit: Option<u64>,
}

type Answered = Response<SimBody>;

impl State {
    pub(crate) fn new(script: Script) -> Self {
        let prebuilt = script.is_constant().then(Mutex::default);
        Self {
            script,
            books: Arc::default(),
            arrived: AtomicU64::new(0),
            arrival: Notify::new(),
            in_flight: Arc::default(),
            prebuilt,
        }
    }

    pub(crate) fn bill(&self) -> Bill {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers one request; never, if the script says so.
    pub(crate) async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Answered {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        match (&parts.method, parts.uri.path(), Entrance::at(path)) {
            (&Method::POST, _, Some(entrance)) => match Limited::new(body, MAX_BODY_BYTES).collect().await {
                Ok(body) => {
                    let body = body.to_bytes();
                    let admitted = admits(self.script.api_key.as_deref(), &parts, &body);
                    self.chat(&entrance, admitted, entrance.body(body)).await
                }
                Err(_) => error(entrance.dialect, 413, "the request is larger than the simulator reads", None),
            },
            (&Method::POST, "/token", _) => self.token(),
            (&Method::POST, "/v1/embeddings", _) => self.embed(&parts, body).await,
            (&Method::POST, "/v1/messages/count_tokens", _) => self.count(&parts, body).await,
            (&Method::GET, "/v1/models", _) => self.models(),
            (&Method::GET, "/sim/bill", _) => json(200, serde_json::json!(self.bill()).to_string()),
            (_, path, _) => error(&OpenAiChat, 404, &format!("nothing at `{path}`"), None),
        }
    }

    fn models(&self) -> Answered {
        let models =
            self.script.models.iter().map(
                |id| serde_json::json!({"id": id, "object": "model", "created": CREATED_UNIX_S, "owned_by": "sim"}),
            );
        json(200, serde_json::json!({"object": "list", "data": models.collect::<Vec<_>>()}).to_string())
    }

    /// Vectors of eight numbers, the same for the same text; charged like a prompt.
    async fn embed(&self, parts: &Parts, body: Incoming) -> Answered {
        let (index, ..) = self.arrive();
        let Some(request) = read(body).await.filter(|_| admits(self.script.api_key.as_deref(), parts, &[])) else {
            return error(&OpenAiChat, 400, "no embeddings request with a key of the script", None);
        };
        let texts = match request.get("input") {
            Some(serde_json::Value::Array(texts)) => texts.clone(),
            Some(text) => vec![text.clone()],
            None => Vec::new(),
        };
        let model = request.get("model").and_then(|model| model.as_str()).unwrap_or_default().to_owned();
        let tokens = texts.iter().map(|text| text.to_string().len().div_ceil(4)).sum::<usize>();
        let vectors = texts.iter().enumerate().map(|(at, text)| {
            let hash = text.to_string().bytes().fold(17_u32, |hash, byte| hash.wrapping_mul(31) ^ u32::from(byte));
            let numbers: Vec<f64> = (0..8_u32).map(|k| f64::from(hash.rotate_left(k * 4) % 1_000) / 1_000.0).collect();
            serde_json::json!({"object": "embedding", "index": at, "embedding": numbers})
        });
        let data: Vec<_> = vectors.collect();
        let usage = serde_json::json!({"prompt_tokens": tokens, "total_tokens": tokens});
        let answer = serde_json::json!({"object": "list", "data": data, "model": model, "usage": usage}).to_string();
        let mut ticket = Ticket::open(Arc::clone(&self.books), index, model);
        let input = u64::try_from(tokens).unwrap_or(u64::MAX);
        ticket.begin(Charge { input, ..Charge::default() });
        ticket.end(Ended::Complete);
        json(200, answer)
    }

    /// A quarter of the bytes of the messages.
    async fn count(&self, parts: &Parts, body: Incoming) -> Answered {
        let Some(request) = read(body).await.filter(|_| admits(self.script.api_key.as_deref(), parts, &[])) else {
            return error(
                &steersman_wire::anthropic::AnthropicMessages,
                400,
                "no request with a key of the script",
                None,
            );
        };
        let tokens = request.get("messages").map_or(0, |messages| messages.to_string().len().div_ceil(4));
        json(200, serde_json::json!({"input_tokens": tokens}).to_string())
    }

    /// An access token for whoever sends something to exchange for it: the key of the script.
    fn token(&self) -> Answered {
        let token = self.script.api_key.as_deref().unwrap_or("sim-token");
        json(200, serde_json::json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}).to_string())
    }

    async fn chat(&self, entrance: &Entrance, admitted: bool, body: Bytes) -> Answered {
        let dialect = entrance.dialect;
        let (index, place, in_flight) = self.arrive();
        if !admitted {
            return error(dialect, 401, "the key is not the one of the script", None);
        }
        let head = match dialect.request_head(&body) {
            Ok(head) => head,
            Err(problem) => return error(dialect, 400, &problem.to_string(), problem.param()),
        };
        let seen = Seen {
            index,
            model: &head.model,
            dialect: dialect.name(),
            stream: head.stream,
            messages: head.messages.get(),
        };
        let behaviour = self.script.behaviour(&seen);
        let model = behaviour.served_model.clone().unwrap_or_else(|| head.model.clone().into_owned());
        let ticket = Ticket::open(Arc::clone(&self.books), index, model.clone());
        if self.script.max_in_flight.is_some_and(|most| in_flight > most) {
            ticket.fail(429);
            return error(dialect, 429, "too many requests at once", None);
        }
        let rendered = match self.rendered(dialect, &head, &body, &behaviour, &model, index) {
            Ok(rendered) => rendered,
            Err(refused) => {
                ticket.fail(400);
                return *refused;
            }
        };
        match behaviour.fault {
            Some(Fault::HangBeforeHeaders) => std::future::pending().await,
            Some(Fault::HoldUntilRequest(number)) => self.until_arrived(number).await,
            _ => {}
        }
        wait(self.script.seed, index, &behaviour, &rendered).await;
        if let Some(Fault::Error { status, retry_after_s }) = behaviour.fault {
            ticket.fail(status);
            let mut answer = error(dialect, status, "an error of the script", None);
            if let Some(seconds) = retry_after_s {
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            return answer;
        }
        let kind = if rendered.streamed { entrance.stream_type() } else { "application/json" };
        let body = SimBody::billed(entrance.framed(rendered), course(&behaviour), ticket, place);
        let mut answer = typed(200, kind, body);
        answer.headers_mut().insert("x-sim-request", HeaderValue::from(index));
        answer
    }

    async fn until_arrived(&self, number: u64) {
        loop {
            // Made before the look, it hears of whoever arrives after it.
            let arrival = self.arrival.notified();
            if self.arrived.load(Ordering::SeqCst) >= number {
                return;
            }
            arrival.await;
        }
    }

    /// Counts a request in: its index, its place, and how many are in flight with it.
    fn arrive(&self) -> (u64, Place, usize) {
        let index = self.arrived.fetch_add(1, Ordering::SeqCst);
        self.arrival.notify_waiters();
        let place: Place = Arc::clone(&self.in_flight);
        let in_flight = Arc::strong_count(&self.in_flight) - 1;
        let mut bill = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        bill.requests += 1;
        bill.peak_in_flight = bill.peak_in_flight.max(u64::try_from(in_flight).unwrap_or(u64::MAX));
        (index, place, in_flight)
    }

    /// The answer's bytes, prebuilt where the script is constant.
    fn rendered(
        &self,
        dialect: &'static dyn Dialect,
        head: &RequestHead<'_>,
        body: &[u8],
        behaviour: &Behaviour,
        model: &str,
        index: u64,
    ) -> Result<Arc<Rendered>, Box<Answered>> {
        let input = input_tokens(head);
        let (stream, include_usage) = (head.stream, head.include_usage);
        let plain =
            ["n", "stop", "stop_sequences", "generationConfig"].iter().all(|key| head.object.get(key).is_none());
        let slot = self.prebuilt.as_ref().filter(|_| plain).map(|prebuilt| {
            let (model, limit) = (model.to_owned(), head.max_output_tokens);
            (prebuilt, Prebuilt { dialect: dialect.name(), model, stream, include_usage, input, limit })
        });
        if let Some((prebuilt, key)) = &slot
            && let Some(rendered) = prebuilt.lock().unwrap_or_else(PoisonError::into_inner).get(key)
        {
            return Ok(Arc::clone(rendered));
        }
        let request = dialect
            .decode_request(body)
            .map_err(|problem| Box::new(error(dialect, 400, &problem.to_string(), problem.param())))?;
        let id = format!("sim-{index}");
        let composed = compose(behaviour, &request, self.script.seed, id, model, input);
        let options = AnswerOptions { created_unix_s: CREATED_UNIX_S, include_usage, ..AnswerOptions::default() };
        let mut rendered =
            if stream { streamed(dialect, &composed, options) } else { whole(dialect, &composed, &options) };
        let asks = head.object.get("logprobs").is_some_and(|asked| asked.get() == "true");
        if let Some(likelihood) =
            behaviour.likelihood.filter(|_| asks && !stream && dialect.name() == OpenAiChat.name())
        {
            telling(&mut rendered, likelihood);
        }
        if matches!(behaviour.fault, Some(Fault::Garbage)) {
            let bytes = if stream { &b"data: {\"choices\": [<html>\n\n"[..] } else { b"<html>502 Bad Gateway</html>" };
            rendered.frames = vec![Frame { bytes: Bytes::from_static(bytes), tokens: 0 }];
        }
        let rendered = Arc::new(rendered);
        if let Some((prebuilt, key)) = slot {
            let mut prebuilt = prebuilt.lock().unwrap_or_else(PoisonError::into_inner);
            if prebuilt.len() < MAX_PREBUILT {
                prebuilt.insert(key, Arc::clone(&rendered));
            }
        }
        Ok(rendered)
    }
}

async fn read(body: Incoming) -> Option<serde_json::Value> {
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await.ok()?;
    serde_json::from_slice(&body.to_bytes()).ok()
}

/// A quarter of the bytes of everything the model reads.
fn input_tokens(head: &RequestHead<'_>) -> u64 {
    let mut bytes = head.messages.get().len() + head.tools.map_or(0, |raw| raw.get().len());
    if ["system", "systemInstruction"].iter().any(|member| head.object.get(member).is_some()) {
        bytes += head.system.iter().map(|raw| raw.get().len()).sum::<usize>();
    }
    u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX)
}

/// The time until the head goes out. An answer that is not streamed is made first, token by token.
async fn wait(seed: u64, index: u64, behaviour: &Behaviour, rendered: &Rendered) {
    let mut time = behaviour.latency.map_or(Duration::ZERO, |latency| latency.draw(&mut Chance::of(seed, &[0, index])));
    if let Some(pace) = course(behaviour).pace.filter(|_| !rendered.streamed) {
        let tokens = rendered.charge.visible + rendered.charge.reasoning;
        time += pace * u32::try_from(tokens).unwrap_or(u32::MAX);
    }
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn course(behaviour: &Behaviour) -> Course {
    let pace = behaviour.tokens_per_second.map(|rate| Duration::from_secs_f64((1.0 / rate).min(3600.0)));
    match behaviour.fault {
        Some(Fault::HangAfterTokens(tokens)) => Course { pace, hang_after: Some(tokens), cut_after: None },
        Some(Fault::CutAfterBytes(bytes)) => Course { pace, hang_after: None, cut_after: Some(bytes) },
        _ => Course { pace, ..Course::default() },
    }
}

/// An error answer, typed as the dialect's provider types it.
fn error(dialect: &dyn Dialect, status: u16, message: &str, param: Option<&str>) -> Answered {
    let anthropic = dialect.name() == steersman_wire::anthropic::NAME;
    let kind = match (status, anthropic) {
        (401, _) => "authentication_error",
        (403, _) => "permission_error",
        (404, true) => "not_found_error",
        (413, true) => "request_too_large",
        (429, _) => "rate_limit_error",
        (529, true) => "overloaded_error",
        (500.., true) => "api_error",
        (500.., false) => "server_error",
        _ => "invalid_request_error",
    };
    let code = (status == 429).then(|| "rate_limit_exceeded".to_owned());
    let error = ErrorBody { kind: kind.to_owned(), message: message.to_owned(), param: param.map(str::to_owned), code };
    json(status, dialect.encode_error(&error))
}

fn json(status: u16, body: impl Into<Bytes>) -> Answered {
    typed(status, "application/json", SimBody::free(body))
}

fn typed(status: u16, kind: &'static str, body: SimBody) -> Answered {
    let mut answer = Response::new(body);
    *answer.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
