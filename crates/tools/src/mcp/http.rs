//! An MCP server over streamable HTTP: one POST a message; the answer is a JSON document or a stream of events.
//!
//! What never happens here: a stream that is open between calls. That the list of tools has changed is heard where a
//! server says so beside an answer; else it is listed again when it has grown old.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use serde_json::Value;
use steersman_core::{ByteStream, Secret, UpstreamAnswer, UpstreamError};
use steersman_net::{BaseUrl, Client};
use steersman_wire::sse::SseDecoder;

use super::CallFault;
use super::message::{self, Incoming};
use super::pending::Pending;

const SESSION: &str = "mcp-session-id";
/// The largest answer.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// How a server is reached.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) url: BaseUrl,
    pub(crate) key: Option<Secret>,
    pub(crate) client: Client,
}

/// A session with a server.
pub(crate) struct HttpLink {
    address: Address,
    session: Mutex<Option<HeaderValue>>,
    pub(crate) pending: Arc<Pending>,
    /// Whether the server has said that its list of tools has changed.
    pub(crate) changed: AtomicBool,
}

impl HttpLink {
    pub(crate) fn new(address: Address) -> Self {
        Self { address, session: Mutex::default(), pending: Arc::default(), changed: AtomicBool::new(false) }
    }

    /// Sends a request and waits for its answer. Dropping the future closes the connection it waits on.
    pub(crate) async fn ask(&self, id: u64, message: &Value) -> Result<Value, CallFault> {
        let answer = self.post(message).await?;
        let is_stream = answer.content_type.as_deref().is_some_and(|kind| kind.starts_with("text/event-stream"));
        let found = if is_stream { self.in_stream(answer.body, id).await } else { in_document(answer.body, id).await };
        found?.map_err(CallFault::Rpc)
    }

    /// Sends a notification; the server has taken it when this returns.
    pub(crate) async fn tell(&self, message: &Value) -> Result<(), CallFault> {
        self.post(message).await.map(drop)
    }

    async fn post(&self, message: &Value) -> Result<UpstreamAnswer, CallFault> {
        let not_sent = |cause: String| CallFault::NotSent(cause);
        let uri = self.address.url.join("").ok_or_else(|| not_sent("the address is broken".to_owned()))?;
        let mut request = Request::post(uri)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", message::VERSION);
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let has_session = session.is_some();
        if let Some(session) = session {
            request = request.header(SESSION, session);
        }
        if let Some(key) = &self.address.key {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
                .map_err(|_| not_sent("the key is no header".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let body = Full::new(Bytes::from(message.to_string()));
        let request = request.body(body).map_err(|error| not_sent(error.to_string()))?;
        let (head, answer) = self.address.client.exchange(request).await.map_err(|error| fault(&error))?;
        if let Some(session) = head.get(SESSION) {
            *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        }
        match answer.status {
            200..=299 => Ok(answer),
            429 => Err(CallFault::Throttled(answer.retry_after)),
            // Whoever stands before the server says so too, when the server is slow and acts all the same.
            408 => Err(CallFault::Lost("the server's answer did not come in time (HTTP 408)".to_owned())),
            404 if has_session => Err(self.forgotten()),
            // The protocol says 404; servers that look the session up themselves say 400, and that it is why.
            400 if has_session && start_of(answer.body).await.to_ascii_lowercase().contains("session") => {
                Err(self.forgotten())
            }
            status @ 400..=499 => Err(not_sent(format!("the server refused the request with HTTP {status}"))),
            status => Err(CallFault::Lost(format!("the server failed with HTTP {status}"))),
        }
    }

    fn forgotten(&self) -> CallFault {
        const WHY: &str = "the server has forgotten the session";
        self.pending.end(WHY);
        CallFault::NotSent(WHY.to_owned())
    }

    async fn in_stream(&self, mut body: ByteStream, id: u64) -> Found {
        let mut frames = SseDecoder::new(MAX_ANSWER_BYTES);
        while let Some(piece) = body.next().await {
            frames.push(piece.map_err(|error| fault(&error))?);
            while let Some(frame) = frames.next_frame().map_err(|error| CallFault::Lost(error.to_string()))? {
                match frame.data().map(message::read) {
                    Some(Incoming::Answer(of, answer)) if of == id => return Ok(answer),
                    Some(Incoming::Notification(method)) if method == message::LIST_CHANGED => {
                        self.changed.store(true, Ordering::Relaxed);
                    }
                    _ => {}
                }
            }
        }
        Err(CallFault::Lost("the stream ended before the answer".to_owned()))
    }
}

/// The first words of an error.
async fn start_of(mut body: ByteStream) -> String {
    const ENOUGH: usize = 4 << 10;
    let mut start = BytesMut::new();
    while let (true, Some(Ok(piece))) = (start.len() < ENOUGH, body.next().await) {
        start.extend_from_slice(&piece);
    }
    String::from_utf8_lossy(&start).into_owned()
}

fn fault(error: &UpstreamError) -> CallFault {
    match error {
        UpstreamError::Connect { .. }
        | UpstreamError::MissingKey(_)
        | UpstreamError::Timeout { kind: "connect", .. } => CallFault::NotSent(error.to_string()),
        _ => CallFault::Lost(error.to_string()),
    }
}

type Found = Result<Result<Value, message::RpcError>, CallFault>;

async fn in_document(mut body: ByteStream, id: u64) -> Found {
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await {
        whole.extend_from_slice(&piece.map_err(|error| fault(&error))?);
        if whole.len() > MAX_ANSWER_BYTES {
            return Err(CallFault::Lost(format!("the answer is larger than {MAX_ANSWER_BYTES} bytes")));
        }
    }
    match message::read(&whole) {
        Incoming::Answer(of, answer) if of == id => Ok(answer),
        _ => Err(CallFault::Lost("the server sent something else than the answer".to_owned())),
    }
}
