//! What the engine hands back to whoever speaks HTTP with the client.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Instant;

use bytes::Bytes;
use futures_util::Stream;
use steersman_core::{ContentHash, RequestId, UpstreamError};
use steersman_wire::{AnswerOptions, Dialect};

use crate::cut::Cut;

/// A request as it came in, decoded no further than its transport.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// Its id.
    pub id: RequestId,
    /// When its first byte came.
    pub started: Instant,
    /// The same moment in microseconds since the Unix epoch.
    pub started_at_us: i64,
    /// The dialect that the client speaks.
    pub dialect: &'static dyn Dialect,
    /// The body.
    pub body: Bytes,
    /// The body as the client sent it, where another stands in its place.
    pub sent: Option<Bytes>,
    /// The body with all that its provider goes on from, where the provider has some of it and we know what.
    pub whole: Option<Bytes>,
    /// The hash of the virtual key that it came with, if it came with one.
    pub credential: Option<ContentHash>,
    /// The task that the client names in a header.
    pub task: Option<String>,
    /// What the client wants done with an answer that has a form to keep, as it says in a header.
    pub structured: Option<String>,
    /// Which texts of the body somebody else wrote, as the client says in a header.
    pub quoted: Option<String>,
    /// Texts that earlier requests of the conversation marked so, each with its origin.
    pub marked: BTreeMap<String, String>,
    /// Hashes of calls that a person approved, as the client says in a header.
    pub approved: Option<String>,
    /// What more of the guard the client wants, as it says in a header: `reader`, `plan`.
    pub guard: Option<String>,
    /// The client's name for this request, under which it may be sent again.
    pub idempotency_key: Option<String>,
    /// How long it waited for its turn before its body was read, in microseconds; 0: it began at once.
    pub waited_us: u64,
    /// What the client wants of answers that were kept, as it says in a header.
    pub cache: Option<String>,
    /// Whether a stream tells of the tool calls that are run.
    pub tool_events: bool,
    /// Whether a stream shows a held value while it grows.
    pub previews: bool,
    /// When it is cut, however far it is.
    pub cut: Cut,
    /// The stored response that it goes on from, where the items of that stand in its body already.
    pub previous_response_id: Option<String>,
    /// Client headers that the dialect lets through to a provider, lower case.
    pub headers: Vec<(String, String)>,
}

impl Inbound {
    /// The request with all that its provider goes on from in its body.
    pub(crate) fn made_whole(mut self) -> Self {
        if let Some(whole) = self.whole.take() {
            let sent = std::mem::replace(&mut self.body, whole);
            self.sent.get_or_insert(sent);
        }
        self
    }

    /// A request that begins now, at this time in microseconds since the Unix epoch, without a header that says more.
    #[must_use]
    pub fn new(id: RequestId, started_at_us: i64, dialect: &'static dyn Dialect, body: Bytes) -> Self {
        Self {
            id,
            started: Instant::now(),
            started_at_us,
            dialect,
            body,
            sent: None,
            whole: None,
            credential: None,
            task: None,
            structured: None,
            quoted: None,
            marked: BTreeMap::new(),
            approved: None,
            guard: None,
            idempotency_key: None,
            waited_us: 0,
            cache: None,
            tool_events: false,
            previews: false,
            cut: Cut::default(),
            previous_response_id: None,
            headers: Vec::new(),
        }
    }

    /// Whether the client wants this of the guard. No word takes anything away that the operator set.
    pub(crate) fn wants_of_guard(&self, word: &str) -> bool {
        self.guard.as_deref().is_some_and(|words| words.split(',').any(|wanted| wanted.trim() == word))
    }

    /// How an answer to it is written.
    pub(crate) fn answer_options(&self, include_usage: bool) -> AnswerOptions {
        let id = self.id.as_str();
        AnswerOptions {
            created_unix_s: u64::try_from(self.started_at_us / 1_000_000).unwrap_or(0),
            include_usage,
            answer_id: Some(format!("resp_{}", id.strip_prefix("req_").unwrap_or(id))),
            request: self.body.clone(),
            previous_response_id: self.previous_response_id.clone(),
        }
    }
}

/// An answer for the client.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers beside `content-type`, lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: ReplyBody,
}

/// The body of a reply. Dropping a stream cancels the upstream call and closes the record.
pub enum ReplyBody {
    /// A JSON document.
    Whole(Bytes),
    /// Server-sent events.
    Stream(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
    /// Whatever a provider sends, in the content type that a header names. An error breaks the connection off.
    Raw(Pin<Box<dyn Stream<Item = Result<Bytes, UpstreamError>> + Send>>),
}
