//! What is kept of a request: one row, its attempts, its two bodies. Filled by the engine, written by the store.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Code, ContentHash, FinishReason, ModelName, ProviderName, RequestId, TaskName, Usage, Usd};

/// How a request ended, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// An answer was delivered.
    Accepted,
    /// An answer was delivered, and the guard refused a call of it.
    Guarded,
    /// The output broke a layer of validity.
    Rejected,
    /// The model, or a safety stop, declined.
    Refused,
    /// The output was cut.
    Truncated,
    /// No usable output.
    Failed,
    /// The client went away first.
    Cancelled,
}

impl OutcomeKind {
    /// All kinds, in the order of the console.
    pub const ALL: [Self; 7] =
        [Self::Accepted, Self::Guarded, Self::Rejected, Self::Refused, Self::Truncated, Self::Failed, Self::Cancelled];

    /// The word, as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Guarded => "guarded",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
            Self::Truncated => "truncated",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The kind with this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Times of one request, in microseconds from its first byte. What did not happen is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Until the upstream connection stood and the request was sent; `None` if none was needed or known.
    pub connect_us: Option<u64>,
    /// Until the first token of the answer went to the client.
    pub first_token_us: Option<u64>,
    /// How long the gate held bytes that were ready.
    pub hold_us: u64,
    /// Until the last byte.
    pub total_us: u64,
}

/// One upstream call.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// When it started, in microseconds from the request's start.
    pub started_us: u64,
    /// Whom it went to.
    pub provider: ProviderName,
    /// The model asked for.
    pub requested_model: ModelName,
    /// The model that the provider says it served.
    pub served_model: Option<ModelName>,
    /// The provider's own id of the answer.
    pub response_id: Option<String>,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub code: Option<&'static Code>,
    /// Why the answer ended, if it came to an end.
    pub finish_reason: Option<FinishReason>,
    /// Tokens as the provider reported them.
    pub usage: Usage,
    /// What it cost; `None` where the price or the usage is unknown.
    pub cost: Option<Usd>,
    /// Times, from the attempt's own start.
    pub timing: Timing,
    /// Why this attempt was made: `first`, `retry`, ...
    pub reason: &'static str,
    /// What the upstream received, where it differs from what the client sent.
    pub request_body: Option<Bytes>,
    /// What the upstream answered, where it is not what the client received (failed attempts, other dialects).
    pub response_body: Option<Bytes>,
}

/// What one room of the house decided about a request and on what grounds: shown, never read by the gateway again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The room (`route`, `guard`, `structured`, ...); one note a room and request.
    pub room: &'static str,
    /// What it has to say, as a JSON value in text.
    pub content: String,
}

/// One request with everything that is kept of it.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    /// Its id.
    pub id: RequestId,
    /// When its first byte came, in microseconds since the Unix epoch.
    pub started_at_us: i64,
    /// The task it belongs to.
    pub task: TaskName,
    /// The protocol that the client spoke (`openai.chat`).
    pub protocol: &'static str,
    /// Whether the answer was streamed.
    pub streamed: bool,
    /// The model that the client asked for.
    pub requested_model: ModelName,
    /// The HTTP status that the client saw.
    pub status: u16,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// The outward code, unless it was accepted.
    pub code: Option<&'static Code>,
    /// Tokens of all attempts together.
    pub usage: Usage,
    /// Cost of all attempts together; `None` as soon as one is unknown.
    pub cost: Option<Usd>,
    /// Times.
    pub timing: Timing,
    /// Hash of system prompt, schema and tools: the same for every call of one task.
    pub fingerprint: ContentHash,
    /// Sampling parameters of the request, as a JSON object.
    pub parameters: String,
    /// The request as the client sent it.
    pub request_body: Bytes,
    /// The answer as the client received it (for a stream, its frames in order).
    pub response_body: Bytes,
    /// Each upstream call, in order of start.
    pub attempts: Vec<AttemptRecord>,
    /// What the rooms decided on its way, in the order in which they did.
    pub notes: Vec<Note>,
}

/// Where records go. Offering one never blocks and never fails: a full queue drops the record and counts it.
pub trait Recorder: Send + Sync {
    /// Offers a finished request.
    fn record(&self, record: RequestRecord);
}
