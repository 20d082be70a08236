//! One batch: records made ready for the database, and written in one transaction with their rollups.
//!
//! Preparing (redaction, names of bodies, compression) touches no database; writing may be tried again.

use std::time::Duration;

use steersman_core::{Note, RequestRecord, Timing, Usage};

use crate::bodies::{Bodies, NewBody, NewTexts};
use crate::calls::{self, CallNames};
use crate::driver::{DatabaseError, Driver};
use crate::name::Name;
use crate::packs::Pack;
use crate::reader::guarded::is_guarded;
use crate::redact::Redactor;
use crate::rollup::OpenRollups;
use crate::value::Value;

/// A batch is no older than this when its transaction begins.
pub(crate) const MAX_AGE: Duration = Duration::from_millis(50);
/// Records in one transaction.
pub(crate) const MAX_RECORDS: usize = 512;
/// Bytes that a request's row and its entries in indexes take, measured on SQLite at 400 thousand requests, rounded up.
const REQUEST_BYTES: u64 = 640;

/// The names of the texts of a request.
#[derive(Debug, Clone, Copy, Default)]
struct Names {
    request: Option<Name>,
    response: Option<Name>,
    notes: Option<Name>,
    calls: Option<Name>,
}

/// One record without its bodies.
struct Ready {
    record: RequestRecord,
    names: Names,
    /// Bytes in packs, before they were compressed.
    packed_bytes: u64,
    stored_bytes: u64,
    is_guarded: bool,
}

/// Records ready to be written.
#[derive(Default)]
pub(crate) struct Batch {
    ready: Vec<Ready>,
    new: NewTexts,
}

const INSERT_REQUEST: &str =
    "INSERT INTO requests (id, started_at_us, task, protocol, streamed, requested_model, model,
        provider, status, outcome, code, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
        reasoning_tokens, cost_nanos, connect_us, first_token_us, hold_us, total_us, attempts, fingerprint, parameters,
        request_body, response_body, notes, calls, guarded)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
        $24, $25, $26, $27, $28, $29)
    ON CONFLICT (id) DO NOTHING";

const INSERT_PACK: &str = "INSERT INTO packs (id, size, content) VALUES ($1, $2, $3)";

const INSERT_BODY: &str = "INSERT INTO bodies (hash, until_ms, size, content, parts) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (hash) DO UPDATE SET until_ms = excluded.until_ms WHERE excluded.until_ms > bodies.until_ms";

impl Batch {
    /// Redacts, names and, where its bodies are long, compresses one record, and adds it.
    pub(crate) fn push(&mut self, mut record: RequestRecord, redactor: &Redactor, bodies: &mut Bodies) {
        redact_texts(&mut record, redactor);
        let at_ms = i64::try_from(record.id.unix_millis()).unwrap_or(i64::MAX);
        let before = self.new.bodies.len();
        let is_guarded = is_guarded(&record.notes);
        let mut keep = |body: &[u8]| bodies.keep(redactor, body, at_ms, &mut self.new);
        let request = keep(&std::mem::take(&mut record.request_body));
        let response = keep(&std::mem::take(&mut record.response_body));
        let called = record.attempts.iter_mut().map(|attempt| CallNames {
            sent: attempt.request_body.take().and_then(|body| keep(&body)),
            heard: attempt.response_body.take().and_then(|body| keep(&body)),
        });
        let called: Vec<_> = called.collect();
        let notes = redactor.bytes(notes_text(&record.notes).as_bytes()).into_owned();
        let notes = bodies.keep_text(&notes, at_ms, &mut self.new);
        let calls = bodies.keep_text(&calls::text_of(&record.attempts, &called), at_ms, &mut self.new);
        let names = Names { request, response, notes, calls };
        let of_calls = called.iter().flat_map(|names| [names.sent, names.heard]);
        let packed = [request, response, notes, calls].into_iter().chain(of_calls).flatten();
        let packed_bytes = packed.filter_map(|name| name.place()).map(|(_, place)| place.len() as u64).sum();
        let new_bytes: usize = self.new.bodies.iter().skip(before).map(|body| body.content.len() + 96).sum();
        let stored_bytes = new_bytes as u64 + REQUEST_BYTES;
        self.ready.push(Ready { record, names, packed_bytes, stored_bytes, is_guarded });
    }

    /// Compresses what waits for it: the batch can be written then. What packs take is shared by those whose texts they
    /// hold.
    pub(crate) fn finish(&mut self, bodies: &mut Bodies) {
        bodies.close_pack(&mut self.new);
        let (of_all, packed) = self.new.packs.iter().fold((0_u64, 0_u64), |(of_all, packed), pack| {
            (of_all + pack.size, packed + pack.content.len() as u64 + 64)
        });
        for ready in &mut self.ready {
            ready.stored_bytes += ready.packed_bytes.saturating_mul(packed).div_ceil(of_all.max(1));
        }
    }

    /// How many records.
    pub(crate) fn len(&self) -> usize {
        self.ready.len()
    }

    /// How many bytes it will take, about.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.ready.iter().map(|ready| ready.stored_bytes).sum()
    }

    /// Its texts, which must be written first, and two halves of its records. For finding the one record that cannot be
    /// written.
    pub(crate) fn split(mut self) -> [Self; 3] {
        let second = self.ready.split_off(self.ready.len() / 2);
        let part = |ready| Self { ready, new: NewTexts::default() };
        [Self { ready: Vec::new(), new: self.new }, part(self.ready), part(second)]
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.new.is_empty()
    }

    /// Writes all inside an open transaction. Says how many records were new: one whose id is kept already is not
    /// written.
    pub(crate) fn write(&self, driver: &mut dyn Driver, rollups: &mut OpenRollups) -> Result<u64, DatabaseError> {
        let packs: Vec<_> = self.new.packs.iter().map(pack_values).collect();
        driver.execute(INSERT_PACK, &packs)?;
        // In one order everywhere, so that two gateways that write the same bodies never wait for each other in a
        // circle.
        let mut bodies: Vec<&NewBody> = self.new.bodies.iter().collect();
        bodies.sort_by_key(|body| body.hash);
        let bodies: Vec<_> = bodies.into_iter().map(body_values).collect();
        driver.execute(INSERT_BODY, &bodies)?;
        let requests: Vec<_> = self.ready.iter().map(request_values).collect();
        let inserted = driver.execute(INSERT_REQUEST, &requests)?;
        let new = || self.ready.iter().zip(&inserted).filter(|&(_, &changed)| changed > 0).map(|(ready, _)| ready);
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

fn pack_values(pack: &Pack) -> Vec<Value<'_>> {
    vec![Value::Blob(&pack.id), Value::count(pack.size), Value::Blob(&pack.content)]
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

fn name_values(names: &Names) -> [Value<'_>; 4] {
    [&names.request, &names.response, &names.notes, &names.calls]
        .map(|name| Value::blob_or_null(name.as_ref().map(Name::as_bytes)))
}

fn request_values(ready: &Ready) -> Vec<Value<'_>> {
    let record = &ready.record;
    let last = record.attempts.last();
    let mut row = Vec::with_capacity(29);
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
    row.extend(name_values(&ready.names));
    row.push(if ready.is_guarded { Value::Int(1) } else { Value::Null });
    row
}
