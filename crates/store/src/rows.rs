//! What the store hands out: plain rows, ready for a page, a table or JSON. No SQL type and no borrowed data.
//!
//! Times of day are microseconds since the Unix epoch, spans are microseconds, sizes are bytes. What is not known
//! is `None`, never zero.

use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use steersman_core::{OutcomeKind, RequestId, Timing, Usage, Usd};

/// One request as a line of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestRow {
    /// Its id.
    pub id: RequestId,
    /// When its first byte came.
    pub started_at_us: i64,
    /// The task it belongs to.
    pub task: String,
    /// The protocol that the client spoke.
    pub protocol: String,
    /// Whether the answer was streamed.
    pub streamed: bool,
    /// The model that the client asked for.
    pub requested_model: String,
    /// The model that the last attempt asked its provider for; `None` if there was no attempt.
    pub model: Option<String>,
    /// The provider of the last attempt.
    pub provider: Option<String>,
    /// The HTTP status that the client saw.
    pub status: u16,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// The outward code, unless it was accepted.
    pub code: Option<String>,
    /// Tokens of all attempts together.
    pub usage: Usage,
    /// Cost of all attempts together; `None` as soon as one is unknown.
    pub cost: Option<Usd>,
    /// Times.
    pub timing: Timing,
    /// Number of upstream calls.
    pub attempts: u32,
    /// Hash of system prompt, schema and tools, in hexadecimal.
    pub fingerprint: String,
}

/// One upstream call of a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptRow {
    /// When it started, from the request's start.
    pub started_us: u64,
    /// Whom it went to.
    pub provider: String,
    /// The model asked for.
    pub requested_model: String,
    /// The model that the provider says it served.
    pub served_model: Option<String>,
    /// The provider's own id of the answer.
    pub response_id: Option<String>,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub code: Option<String>,
    /// Why the answer ended, in the words of `FinishReason`.
    pub finish_reason: Option<String>,
    /// Tokens as the provider reported them.
    pub usage: Usage,
    /// What it cost.
    pub cost: Option<Usd>,
    /// Times, from the attempt's own start.
    pub timing: Timing,
    /// Why this attempt was made: `first`, `retry`, ...
    pub reason: String,
    /// What the upstream received, where it differs from what the client sent.
    pub request_body: Option<BodyRow>,
    /// What the upstream answered, where it is not what the client received.
    pub response_body: Option<BodyRow>,
}

/// One body, redacted and whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BodyRow {
    /// BLAKE3 of the redacted content, in hexadecimal.
    pub hash: String,
    /// The content. Serialised as text, with a replacement character for what is not UTF-8.
    #[serde(serialize_with = "as_text")]
    pub content: Bytes,
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

fn as_text<S: Serializer>(content: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(content))
}

/// One request with everything that is kept of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestStory {
    /// The line.
    pub request: RequestRow,
    /// Sampling parameters, a JSON object as text.
    pub parameters: String,
    /// The request as the client sent it; `None` if it was empty.
    pub request_body: Option<BodyRow>,
    /// The answer as the client received it; `None` if it was empty.
    pub response_body: Option<BodyRow>,
    /// Each upstream call, in order of start.
    pub attempts: Vec<AttemptRow>,
    /// What the rooms decided on its way: room and JSON value.
    pub notes: BTreeMap<String, serde_json::Value>,
}

/// What the guard decided on one request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NotedRow {
    /// The request.
    pub id: RequestId,
    /// When it began, in microseconds since the Unix epoch.
    pub started_at_us: i64,
    /// Its task.
    pub task: String,
    /// The note.
    pub note: serde_json::Value,
}

/// One page of what the guard decided, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NotedPage {
    /// The lines.
    pub rows: Vec<NotedRow>,
    /// The cursor of the next, older page. `None`: this was the last.
    pub next: Option<RequestId>,
}

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestPage {
    /// The lines.
    pub requests: Vec<RequestRow>,
    /// The cursor of the next, older page: pass it as `before`. `None`: this was the last.
    pub next: Option<RequestId>,
}

/// What happened in one span of time, from rollups; percentiles are within 1 % of the truth.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Aggregate {
    /// Requests that began in the span.
    pub requests: u64,
    /// Of those, how many failed or were rejected. Refusals, cut answers and clients that left are counted apart.
    pub errors: u64,
    /// Of those, how many got an answer that was cut at its limit of tokens.
    pub truncated: u64,
    /// Of those, how many the model refused.
    pub refused: u64,
    /// Of those, how many clients gave up.
    pub cancelled: u64,
    /// Tokens of each kind, where they were reported.
    pub tokens: TokenSums,
    /// Cost of the requests whose cost is known.
    pub cost_known: Usd,
    /// Requests whose cost is not known.
    pub cost_unknown_requests: u64,
    /// Time to the last byte.
    pub latency: Percentiles,
    /// Time to the first token.
    pub first_token: Percentiles,
}

/// One task in a span of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskRow {
    /// Its name.
    pub task: String,
    /// Its figures.
    pub aggregate: Aggregate,
}

/// Sums of tokens; `input` includes both cache kinds, `output` includes reasoning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TokenSums {
    /// Of prompts.
    pub input: u64,
    /// Of those, read from a provider's cache.
    pub cache_read: u64,
    /// Of those, written to a provider's cache.
    pub cache_write: u64,
    /// Produced.
    pub output: u64,
    /// Of those, reasoning.
    pub reasoning: u64,
}

/// Three quantiles in microseconds; `None` where nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50_us: Option<u64>,
    /// 95 %.
    pub p95_us: Option<u64>,
    /// 99 %.
    pub p99_us: Option<u64>,
}

/// Requests over time, by model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// Start of the first point, rounded down to a whole step.
    pub from_us: i64,
    /// Length of one step: 60 s, or a multiple of a minute, an hour or a day.
    pub step_us: i64,
    /// Number of points that each series spans; points without requests are left out of it.
    pub steps: u32,
    /// All models together.
    pub total: Aggregate,
    /// All models together, over time.
    pub points: Vec<Point>,
    /// One series a model, most requests first.
    pub models: Vec<ModelSeries>,
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    /// The model, as the last attempt asked for it.
    Model(String),
    /// An answer that was kept was given again.
    Cache,
    /// The request failed before it reached a provider.
    Nobody,
}

/// One model over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelSeries {
    /// Who answered.
    pub server: Server,
    /// The whole range.
    pub total: Aggregate,
    /// Each step with at least one request, in order.
    pub points: Vec<Point>,
}

/// One step of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Start of the step.
    pub at_us: i64,
    /// What happened in it.
    pub aggregate: Aggregate,
}

/// Which names there are to filter by, most requests first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facets {
    /// Models.
    pub models: Vec<Facet>,
    /// Tasks.
    pub tasks: Vec<Facet>,
    /// Providers.
    pub providers: Vec<Facet>,
    /// Outcomes.
    pub outcomes: Vec<Facet>,
    /// Outward codes.
    pub codes: Vec<Facet>,
}

/// One name and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facet {
    /// The name.
    pub name: String,
    /// Requests that bear it.
    pub requests: u64,
}

/// What became of the records offered since this process opened the store.
///
/// Exact: `accepted = written + failed + queued`, and `dropped + failed` are lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RecorderStats {
    /// Taken into the queue.
    pub accepted: u64,
    /// Committed to the database.
    pub written: u64,
    /// Refused because the queue was full or closed.
    pub dropped: u64,
    /// Taken, but the database would not have them.
    pub failed: u64,
    /// Taken and not yet settled.
    pub queued: u64,
    /// How many may wait.
    pub queue_records: u64,
    /// What processes before this one had accepted and lost when they were killed.
    pub lost_by_kill: u64,
    /// Why the last batch failed, in the database's words; `None` once a batch has been written again.
    pub last_error: Option<String>,
}

/// One process that wrote to this store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Its random id, in hexadecimal.
    pub id: String,
    /// When it opened the store.
    pub started_at_us: i64,
    /// When it closed it, or was found dead; `None` while it runs.
    pub ended_at_us: Option<i64>,
    /// Taken into the queue.
    pub accepted: u64,
    /// Committed.
    pub written: u64,
    /// Refused because the queue was full.
    pub dropped: u64,
    /// Taken, but the database would not have them.
    pub failed: u64,
    /// Taken and lost when the process was killed.
    pub lost_by_kill: u64,
}

/// What the store takes on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskStats {
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// Bytes of the files (SQLite: database and log; PostgreSQL: tables and indexes).
    pub bytes_on_disk: u64,
    /// Of those, bytes that hold something; the rest is free for reuse.
    pub bytes_used: u64,
    /// When the oldest kept request began.
    pub oldest_request_at_us: Option<i64>,
    /// When the newest kept request began.
    pub newest_request_at_us: Option<i64>,
}
