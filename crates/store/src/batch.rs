//! One batch: records made ready for the database, and written in one transaction with their rollups.
//!
//! Preparing (redaction, names of bodies, compression) touches no database; writing may be tried again.

use std::time::Duration;

use steersman_core::{AttemptRecord, ContentHash, FinishReason, Note, RequestRecord, Timing, Usage};

use crate::bodies::{Bodies, Form, NewBody};
use crate::driver::{DatabaseError, Driver};
use crate::redact::Redactor;
use crate::rollup::OpenRollups;
use crate::value::Value;

/// A batch is no older than this when its transaction begins.
pub(crate) const MAX_AGE: Duration = Duration::from_millis(50);
/// Records in one transaction.
pub(crate) const MAX_RECORDS: usize = 512;
/// Bytes that a request's row and its entries in indexes take, measured on SQLite at 400 thousand requests, rounded up.
const REQUEST_BYTES: u64 = 640;
/// The same of an attempt's row.
const ATTEMPT_BYTES: u64 = 256;

/// The names of the bodies of a request or an attempt; only a request has notes.
#[derive(Debug, Clone, Copy, Default)]
struct Names {
    request: Option<ContentHash>,
    response: Option<ContentHash>,
    notes: Option<ContentHash>,
}

/// One record without its bodies.
struct Ready {
    record: RequestRecord,
    bodies: Names,
    attempts: Vec<Names>,
    stored_bytes: u64,
}

/// Records ready to be written.
#[derive(Default)]
pub(crate) struct Batch {
    ready: Vec<Ready>,
    new_bodies: Vec<NewBody>,
}

const INSERT_REQUEST: &str =
    "INSERT INTO requests (id, started_at_us, task, protocol, streamed, requested_model, model,
        provider, status, outcome, code, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
        reasoning_tokens, cost_nanos, connect_us, first_token_us, hold_us, total_us, attempts, fingerprint, parameters,
        request_body, response_body, notes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
        $24, $25, $26, $27)
    ON CONFLICT (id) DO NOTHING";

const INSERT_ATTEMPT: &str = "INSERT INTO attempts (request_id, position, started_us, provider, requested_model,
        served_model, response_id, status, code, finish_reason, input_tokens, cache_read_tokens, cache_write_tokens,
        output_tokens, reasoning_tokens, cost_nanos, connect_us, first_token_us, hold_us, total_us, reason, request_body,
        response_body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
    ON CONFLICT (request_id, position) DO NOTHING";

const INSERT_BODY: &str = "INSERT INTO bodies (hash, until_ms, size, content, parts) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (hash) DO UPDATE SET until_ms = excluded.until_ms WHERE excluded.until_ms > bodies.until_ms";

impl Batch {
    /// Redacts, names and compresses one record, and adds it.
    pub(crate) fn push(&mut self, mut record: RequestRecord, redactor: &Redactor, bodies: &mut Bodies) {
        redact_texts(&mut record, redactor);
        let at_ms = i64::try_from(record.id.unix_millis()).unwrap_or(i64::MAX);
        let before = self.new_bodies.len();
        let mut keep_as = |form, body: &[u8]| bodies.keep(redactor, body, form, at_ms, &mut self.new_bodies);
        let notes = keep_as(Form::Whole, notes_text(&record.notes).as_bytes());
        let mut keep = |body: &[u8]| keep_as(Form::Parts, body);
        let names = Names {
            request: keep(&std::mem::take(&mut record.request_body)),
            response: keep(&std::mem::take(&mut record.response_body)),
            notes,
        };
        let mut attempts = Vec::with_capacity(record.attempts.len());
        for attempt in &mut record.attempts {
            attempts.push(Names {
                request: attempt.request_body.take().and_then(|body| keep(&body)),
                response: attempt.response_body.take().and_then(|body| keep(&body)),
                notes: None,
            });
        }
        let new_bytes: usize = self.new_bodies.iter().skip(before).map(|body| body.content.len() + 96).sum();
        let stored_bytes = new_bytes as u64 + REQUEST_BYTES + ATTEMPT_BYTES * record.attempts.len() as u64;
        self.ready.push(Ready { record, bodies: names, attempts, stored_bytes });
    }

    /// How many records.
    pub(crate) fn len(&self) -> usize {
        self.ready.len()
    }

    /// How many bytes it will take, about.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.ready.iter().map(|ready| ready.stored_bytes).sum()
    }

    /// Two halves; the first keeps the bodies, so it must be written first. For finding the one record that cannot be written.
    pub(crate) fn split(mut self) -> (Self, Self) {
        let second = self.ready.split_off(self.ready.len() / 2);
        (self, Self { ready: second, new_bodies: Vec::new() })
    }

    /// Writes all inside an open transaction. Says how many records were new: one whose id is kept already is not written.
    pub(crate) fn write(&self, driver: &mut dyn Driver, rollups: &mut OpenRollups) -> Result<u64, DatabaseError> {
        // In one order everywhere, so that two gateways that write the same bodies never wait for each other in a circle.
        let mut new_bodies: Vec<&NewBody> = self.new_bodies.iter().collect();
        new_bodies.sort_by_key(|body| body.hash);
        let bodies: Vec<_> = new_bodies.into_iter().map(body_values).collect();
        driver.execute(INSERT_BODY, &bodies)?;
        let requests: Vec<_> = self.ready.iter().map(request_values).collect();
        let inserted = driver.execute(INSERT_REQUEST, &requests)?;
        let new = || self.ready.iter().zip(&inserted).filter(|&(_, &changed)| changed > 0).map(|(ready, _)| ready);
        let attempts: Vec<_> = new().flat_map(attempt_rows).collect();
        driver.execute(INSERT_ATTEMPT, &attempts)?;
        for ready in new() {
            rollups.add(driver, &ready.record, ready.stored_bytes)?;
        }
        rollups.save(driver)?;
        Ok(new().count() as u64)
    }
}

/// Names and parameters come from clients and providers, and may hold a key that was pasted in the wrong place.
fn redact_texts(record: &mut RequestRecord, redactor: &Redactor) {
    if let Some(clean) = redactor.text(&record.parameters) {
        record.parameters = clean;
    }
    if let Some(clean) = redactor.text(record.task.as_str()) {
        record.task = clean.into();
    }
    if let Some(clean) = redactor.text(record.requested_model.as_str()) {
        record.requested_model = clean.into();
    }
    for attempt in &mut record.attempts {
        if let Some(clean) = redactor.text(attempt.requested_model.as_str()) {
            attempt.requested_model = clean.into();
        }
        if let Some(clean) = attempt.served_model.as_ref().and_then(|model| redactor.text(model.as_str())) {
            attempt.served_model = Some(clean.into());
        }
        if let Some(clean) = attempt.response_id.as_ref().and_then(|id| redactor.text(id)) {
            attempt.response_id = Some(clean);
        }
    }
}

fn body_values(body: &NewBody) -> Vec<Value<'_>> {
    vec![
        Value::Blob(body.hash.as_bytes()),
        Value::Int(body.until_ms),
        Value::count(body.size),
        Value::Blob(&body.content),
        Value::count_or_null(body.parts),
    ]
}

fn usage_values(usage: &Usage) -> [Value<'static>; 5] {
    [usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens, usage.reasoning_tokens]
        .map(Value::count_or_null)
}

fn timing_values(timing: &Timing) -> [Value<'static>; 4] {
    [
        Value::count_or_null(timing.connect_us),
        Value::count_or_null(timing.first_token_us),
        Value::count(timing.hold_us),
        Value::count(timing.total_us),
    ]
}

/// All notes of a request as one JSON object by room; empty where there are none.
fn notes_text(notes: &[Note]) -> String {
    let members: Vec<String> = notes.iter().map(|note| format!("\"{}\":{}", note.room, note.content)).collect();
    if members.is_empty() { String::new() } else { format!("{{{}}}", members.join(",")) }
}

fn name_values(names: &Names) -> [Value<'_>; 2] {
    [&names.request, &names.response]
        .map(|name| Value::blob_or_null(name.as_ref().map(|hash| hash.as_bytes().as_slice())))
}

fn request_values(ready: &Ready) -> Vec<Value<'_>> {
    let record = &ready.record;
    let last = record.attempts.last();
    let mut row = Vec::with_capacity(27);
    row.extend([
        Value::Text(record.id.as_str()),
        Value::Int(record.started_at_us),
        Value::Text(record.task.as_str()),
        Value::Text(record.protocol),
        Value::Int(i64::from(record.streamed)),
        Value::Text(record.requested_model.as_str()),
        Value::text_or_null(last.map(|attempt| attempt.requested_model.as_str())),
        Value::text_or_null(last.map(|attempt| attempt.provider.as_str())),
        Value::Int(i64::from(record.status)),
        Value::Text(record.outcome.as_str()),
        Value::text_or_null(record.code.map(|code| code.name)),
    ]);
    row.extend(usage_values(&record.usage));
    row.push(record.cost.map_or(Value::Null, |cost| Value::Int(cost.nanos())));
    row.extend(timing_values(&record.timing));
    row.extend([
        Value::count(record.attempts.len() as u64),
        Value::Blob(record.fingerprint.as_bytes()),
        Value::Text(&record.parameters),
    ]);
    row.extend(name_values(&ready.bodies));
    row.push(Value::blob_or_null(ready.bodies.notes.as_ref().map(|hash| hash.as_bytes().as_slice())));
    row
}

fn attempt_rows(ready: &Ready) -> impl Iterator<Item = Vec<Value<'_>>> {
    let id = ready.record.id.as_str();
    (0..)
        .zip(ready.record.attempts.iter().zip(&ready.attempts))
        .map(move |(position, (attempt, names))| attempt_values(id, position, attempt, names))
}

fn attempt_values<'a>(id: &'a str, position: i64, attempt: &'a AttemptRecord, names: &'a Names) -> Vec<Value<'a>> {
    let mut row = Vec::with_capacity(23);
    row.extend([
        Value::Text(id),
        Value::Int(position),
        Value::count(attempt.started_us),
        Value::Text(attempt.provider.as_str()),
        Value::Text(attempt.requested_model.as_str()),
        Value::text_or_null(attempt.served_model.as_ref().map(|model| model.as_str())),
        Value::text_or_null(attempt.response_id.as_deref()),
        Value::count_or_null(attempt.status.map(u64::from)),
        Value::text_or_null(attempt.code.map(|code| code.name)),
        Value::text_or_null(attempt.finish_reason.map(finish_word)),
    ]);
    row.extend(usage_values(&attempt.usage));
    row.push(attempt.cost.map_or(Value::Null, |cost| Value::Int(cost.nanos())));
    row.extend(timing_values(&attempt.timing));
    row.push(Value::Text(attempt.reason));
    row.extend(name_values(names));
    row
}

const fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Refusal => "refusal",
        FinishReason::Pause => "pause",
        FinishReason::Other => "other",
    }
}
