//! Rollups: what happened by minute, hour and day for each model, task, provider, outcome and code.
//!
//! The writer keeps the open rows in memory, adds each written record to its three tiers and writes the rows' new
//! state with the batch. Rows belong to one run, so no two processes write the same one; readers merge.
//!
//! What never happens here: an unknown cost adds nothing to the sum, it is counted as unknown; and the number of rows
//! does not follow what clients invent: past [`MAX_KEYS`] names in one span, further tasks and models share one row.

use std::collections::HashMap;

use steersman_core::{OutcomeKind, RequestRecord, Usage};

use crate::driver::{DatabaseError, Driver};
use crate::rows::{Aggregate, Percentiles, TokenSums};
use crate::sketch::Sketch;
use crate::value::{Cell, Fields, Value};
use crate::{StoreError, rows};

/// A minute, an hour, a day.
pub(crate) const TIERS_S: [i64; 3] = [60, 3_600, 86_400];
/// Rows that one span of one tier may have for each run.
const MAX_KEYS: usize = 256;
/// Open rows kept in memory; past it, all are forgotten and read back as needed.
const MAX_OPEN: usize = 4 * MAX_KEYS;
const OTHER: &str = "(other)";

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) tier_s: i64,
    pub(crate) start_s: i64,
    pub(crate) model: String,
    pub(crate) task: String,
    pub(crate) provider: String,
    pub(crate) outcome: &'static str,
    pub(crate) code: &'static str,
}

/// Sums and sketches of some requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rollup {
    pub(crate) requests: u64,
    tokens: [u64; 5],
    cost_nanos: i64,
    cost_unknown_requests: u64,
    stored_bytes: u64,
    latency: Sketch,
    first_token: Sketch,
}

/// The columns that [`Rollup::from_fields`] reads, in order.
pub(crate) const COLUMNS: &str = "requests, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, \
    reasoning_tokens, cost_nanos, cost_unknown_requests, stored_bytes, latency, first_token";

const LOAD: &str = "SELECT requests, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
        reasoning_tokens, cost_nanos, cost_unknown_requests, stored_bytes, latency, first_token
    FROM rollups WHERE tier_s = $1 AND start_s = $2 AND model = $3 AND task = $4 AND provider = $5
        AND outcome = $6 AND code = $7 AND run = $8";

const SAVE: &str = "INSERT INTO rollups (tier_s, start_s, model, task, provider, outcome, code, run, requests,
        input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nanos,
        cost_unknown_requests, stored_bytes, latency, first_token)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
    ON CONFLICT (tier_s, start_s, model, task, provider, outcome, code, run) DO UPDATE SET
        requests = excluded.requests, input_tokens = excluded.input_tokens,
        cache_read_tokens = excluded.cache_read_tokens, cache_write_tokens = excluded.cache_write_tokens,
        output_tokens = excluded.output_tokens, reasoning_tokens = excluded.reasoning_tokens,
        cost_nanos = excluded.cost_nanos, cost_unknown_requests = excluded.cost_unknown_requests,
        stored_bytes = excluded.stored_bytes, latency = excluded.latency, first_token = excluded.first_token";

const fn tokens_of(usage: &Usage) -> [Option<u64>; 5] {
    [usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens, usage.reasoning_tokens]
}

impl Rollup {
    /// Counts one request that took `stored_bytes` in the store.
    pub(crate) fn add(&mut self, record: &RequestRecord, stored_bytes: u64) {
        self.requests += 1;
        for (sum, tokens) in self.tokens.iter_mut().zip(tokens_of(&record.usage)) {
            *sum = sum.saturating_add(tokens.unwrap_or(0));
        }
        match record.cost {
            Some(cost) => self.cost_nanos = self.cost_nanos.saturating_add(cost.nanos()),
            None => self.cost_unknown_requests += 1,
        }
        self.stored_bytes += stored_bytes;
        self.latency.add(record.timing.total_us);
        if let Some(first_token) = record.timing.first_token_us {
            self.first_token.add(first_token);
        }
    }

    /// Adds all of another rollup.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        for (sum, tokens) in self.tokens.iter_mut().zip(other.tokens) {
            *sum = sum.saturating_add(tokens);
        }
        self.cost_nanos = self.cost_nanos.saturating_add(other.cost_nanos);
        self.cost_unknown_requests += other.cost_unknown_requests;
        self.stored_bytes += other.stored_bytes;
        self.latency.merge(&other.latency);
        self.first_token.merge(&other.first_token);
    }

    /// Reads the columns of [`COLUMNS`].
    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self, StoreError> {
        let requests = fields.number()?;
        let mut tokens = [0; 5];
        for sum in &mut tokens {
            *sum = fields.number()?;
        }
        Ok(Self {
            requests,
            tokens,
            cost_nanos: fields.int()?,
            cost_unknown_requests: fields.number()?,
            stored_bytes: fields.number()?,
            latency: Sketch::from_bytes(&fields.blob()?).ok_or_else(|| fields.corrupt())?,
            first_token: Sketch::from_bytes(&fields.blob()?).ok_or_else(|| fields.corrupt())?,
        })
    }
}

/// Rollups by outcome, as the overview shows them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    all: Rollup,
    errors: u64,
    truncated: u64,
    refused: u64,
    cancelled: u64,
}

impl Sum {
    /// Adds a row of requests that ended in this way, with this code. A cut answer that the client got has none.
    pub(crate) fn add(&mut self, outcome: OutcomeKind, code: &str, rollup: &Rollup) {
        self.all.merge(rollup);
        match outcome {
            OutcomeKind::Accepted | OutcomeKind::Guarded => {}
            OutcomeKind::Truncated if code.is_empty() => self.truncated += rollup.requests,
            OutcomeKind::Rejected | OutcomeKind::Truncated | OutcomeKind::Failed => self.errors += rollup.requests,
            OutcomeKind::Refused => self.refused += rollup.requests,
            OutcomeKind::Cancelled => self.cancelled += rollup.requests,
        }
    }

    /// The figures to show.
    pub(crate) fn aggregate(&self) -> Aggregate {
        let [input, cache_read, cache_write, output, reasoning] = self.all.tokens;
        Aggregate {
            requests: self.all.requests,
            errors: self.errors,
            truncated: self.truncated,
            refused: self.refused,
            cancelled: self.cancelled,
            tokens: TokenSums { input, cache_read, cache_write, output, reasoning },
            cost_known: steersman_core::Usd::from_nanos(self.all.cost_nanos),
            cost_unknown_requests: self.all.cost_unknown_requests,
            latency: percentiles(&self.all.latency),
            first_token: percentiles(&self.all.first_token),
        }
    }
}

fn percentiles(sketch: &Sketch) -> Percentiles {
    let [p50_us, p95_us, p99_us] = [0.50, 0.95, 0.99].map(|q| sketch.quantile(q));
    rows::Percentiles { p50_us, p95_us, p99_us }
}

#[derive(Default)]
struct Open {
    rollup: Rollup,
    /// Changed since the last save.
    touched: bool,
}

/// The open rows of one run.
pub(crate) struct OpenRollups {
    run: String,
    rows: HashMap<Key, Open>,
    /// Rows by tier and start, for the bound on names.
    keys: HashMap<(i64, i64), usize>,
    /// Changed since the last save, each once.
    touched: Vec<Key>,
    /// The keys of the last record, one a tier: the next one mostly has the same.
    recent: Option<[Key; TIERS_S.len()]>,
}

impl OpenRollups {
    /// No rows yet, for this run.
    pub(crate) fn new(run: &str) -> Self {
        Self { run: run.to_owned(), rows: HashMap::new(), keys: HashMap::new(), touched: Vec::new(), recent: None }
    }

    /// Forgets what memory holds: after a failed batch it is ahead of the database.
    pub(crate) fn forget(&mut self) {
        self.rows.clear();
        self.keys.clear();
        self.touched.clear();
        self.recent = None;
    }

    /// Counts a written record in its minute, hour and day.
    pub(crate) fn add(
        &mut self,
        driver: &mut dyn Driver,
        record: &RequestRecord,
        stored_bytes: u64,
    ) -> Result<(), DatabaseError> {
        let keys = match self.recent.take().filter(|[minute, ..]| minute.is_of(record)) {
            Some(keys) => keys,
            None => self.opened(driver, record)?,
        };
        for key in &keys {
            if let Some(open) = self.rows.get_mut(key) {
                open.rollup.add(record, stored_bytes);
                if !std::mem::replace(&mut open.touched, true) {
                    self.touched.push(key.clone());
                }
            }
        }
        self.recent = Some(keys);
        Ok(())
    }

    /// The keys of a record, whose rows are then in memory.
    fn opened(
        &mut self,
        driver: &mut dyn Driver,
        record: &RequestRecord,
    ) -> Result<[Key; TIERS_S.len()], DatabaseError> {
        let keys = TIERS_S.map(|tier_s| self.bounded(key_of(record, tier_s)));
        for key in &keys {
            if !self.rows.contains_key(key) {
                let loaded = self.load(driver, key)?;
                self.rows.insert(key.clone(), Open { rollup: loaded, touched: false });
                *self.keys.entry((key.tier_s, key.start_s)).or_default() += 1;
            }
        }
        Ok(keys)
    }

    /// Writes the rows that changed since the last save.
    pub(crate) fn save(&mut self, driver: &mut dyn Driver) -> Result<(), DatabaseError> {
        let sketches: Vec<[Vec<u8>; 2]> = self
            .touched
            .iter()
            .filter_map(|key| self.rows.get(key))
            .map(|open| [open.rollup.latency.to_bytes(), open.rollup.first_token.to_bytes()])
            .collect();
        let found = self.touched.iter().filter_map(|key| self.rows.get_key_value(key));
        let rows: Vec<Vec<Value<'_>>> = found
            .zip(&sketches)
            .map(|((key, Open { rollup, .. }), [latency, first_token])| {
                let mut row = key_values(key, &self.run);
                row.push(Value::count(rollup.requests));
                row.extend(rollup.tokens.map(Value::count));
                row.push(Value::Int(rollup.cost_nanos));
                row.push(Value::count(rollup.cost_unknown_requests));
                row.push(Value::count(rollup.stored_bytes));
                row.extend([Value::Blob(latency), Value::Blob(first_token)]);
                row
            })
            .collect();
        driver.execute(SAVE, &rows)?;
        drop(rows);
        for key in self.touched.drain(..) {
            if let Some(open) = self.rows.get_mut(&key) {
                open.touched = false;
            }
        }
        if self.rows.len() > MAX_OPEN {
            self.forget();
        }
        Ok(())
    }

    /// The key itself, or the common one where the span has too many names.
    fn bounded(&self, mut key: Key) -> Key {
        let full = self.keys.get(&(key.tier_s, key.start_s)).is_some_and(|&rows| rows >= MAX_KEYS);
        if full && !self.rows.contains_key(&key) {
            OTHER.clone_into(&mut key.task);
            OTHER.clone_into(&mut key.model);
        }
        key
    }

    fn load(&self, driver: &mut dyn Driver, key: &Key) -> Result<Rollup, DatabaseError> {
        let rows: Vec<Vec<Cell>> = driver.query(LOAD, &key_values(key, &self.run))?;
        let read = |row| Rollup::from_fields(&mut Fields::new("rollup", row)).ok();
        // A row that cannot be read is written anew: figures of one minute are not worth a writer that stands still.
        Ok(rows.into_iter().next().and_then(read).unwrap_or_default())
    }
}

fn key_values<'a>(key: &'a Key, run: &'a str) -> Vec<Value<'a>> {
    vec![
        Value::Int(key.tier_s),
        Value::Int(key.start_s),
        Value::Text(&key.model),
        Value::Text(&key.task),
        Value::Text(&key.provider),
        Value::Text(key.outcome),
        Value::Text(key.code),
        Value::Text(run),
    ]
}

/// The start of the span that a record falls into.
const fn start_of(record: &RequestRecord, tier_s: i64) -> i64 {
    let second = record.started_at_us.div_euclid(1_000_000);
    second - second.rem_euclid(tier_s)
}

/// Model, task, provider, outcome and code of a record, empty where there is none.
fn names_of(record: &RequestRecord) -> [&str; 5] {
    let last = record.attempts.last();
    [
        last.map_or("", |attempt| attempt.requested_model.as_str()),
        record.task.as_str(),
        last.map_or("", |attempt| attempt.provider.as_str()),
        record.outcome.as_str(),
        record.code.map_or("", |code| code.name),
    ]
}

fn key_of(record: &RequestRecord, tier_s: i64) -> Key {
    let [model, task, provider, ..] = names_of(record).map(str::to_owned);
    Key {
        tier_s,
        start_s: start_of(record, tier_s),
        model,
        task,
        provider,
        outcome: record.outcome.as_str(),
        code: record.code.map_or("", |code| code.name),
    }
}

impl Key {
    /// Whether it is what a record counts under.
    fn is_of(&self, record: &RequestRecord) -> bool {
        self.start_s == start_of(record, self.tier_s)
            && [&*self.model, &*self.task, &*self.provider, self.outcome, self.code] == names_of(record)
    }
}
