//! The list of requests: conditions that an index answers bound the rows, the others are tried on at most
//! [`SCAN_ROWS`] of them, so that no filter, however rare its match, reads the whole table.

use steersman_core::{OutcomeKind, RequestId, Timing, Usage, Usd};

use super::Reader;
use crate::rows::{RequestPage, RequestRow};
use crate::value::{Cell, Fields};
use crate::{Page, RequestFilter, StoreError};

/// How many rows one question may look at. Some 30 ms on SQLite when they are in memory.
const SCAN_ROWS: i64 = 50_000;

/// The columns that [`row`] reads, in order.
pub(super) const COLUMNS: &str = "id, started_at_us, task, protocol, streamed, requested_model, model, provider, status, \
    outcome, code, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nanos, \
    connect_us, first_token_us, hold_us, total_us, attempts, fingerprint";

/// Conditions of a question and their values, numbered as they come.
#[derive(Default)]
pub(super) struct Conditions {
    sql: String,
    pub(super) values: Vec<Cell>,
}

impl Conditions {
    /// Adds `condition $n`.
    pub(super) fn push(&mut self, condition: &str, value: Cell) {
        let place = self.bind(value);
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
        self.sql.push(' ');
        self.sql.push_str(&place);
    }

    /// Binds one more value; its place.
    pub(super) fn bind(&mut self, value: Cell) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn push_text(&mut self, condition: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.push(condition, Cell::Text(value.clone()));
        }
    }

    /// The clause for what was added since it was last taken.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.sql)
    }
}

/// One page of the list.
pub(super) async fn page(reader: &Reader, filter: &RequestFilter, page: &Page) -> Result<RequestPage, StoreError> {
    let limit = page.limit.clamp(1, Page::MAX_LIMIT);
    // Following a log, the page after the cursor is wanted, not the newest one.
    let order = if page.after.is_some() { "ASC" } else { "DESC" };
    let mut conditions = Conditions::default();
    push_indexed(&mut conditions, filter, page);
    let indexed = conditions.take();
    let bound_values = conditions.values.clone();
    push_others(&mut conditions, filter);
    let others = conditions.take();
    let place = conditions.bind(Cell::Int(i64::from(limit) + 1));
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT * FROM requests{indexed} ORDER BY id {order} LIMIT {SCAN_ROWS}) AS looked_at{others}
         ORDER BY id {order} LIMIT {place}"
    );
    let rows = reader.ask("list requests", sql, conditions.values).await?;
    let mut requests: Vec<RequestRow> =
        rows.into_iter().map(|cells| row(&mut list_fields(cells))).collect::<Result<_, _>>()?;
    let more = requests.len() > limit as usize;
    requests.truncate(limit as usize);
    let next = match requests.last() {
        _ if page.after.is_some() => None,
        Some(last) if more => Some(last.id.clone()),
        _ if others.is_empty() => None,
        _ => last_looked_at(reader, &indexed, bound_values).await?,
    };
    if page.after.is_some() {
        requests.reverse();
    }
    Ok(RequestPage { requests, next })
}

/// Where a question that found too little stopped looking; `None` if it saw all there is.
async fn last_looked_at(reader: &Reader, indexed: &str, values: Vec<Cell>) -> Result<Option<RequestId>, StoreError> {
    let sql = format!("SELECT id FROM requests{indexed} ORDER BY id DESC LIMIT 1 OFFSET {}", SCAN_ROWS - 1);
    let rows = reader.ask("list requests", sql, values).await?;
    rows.into_iter().next().map(|cells| id(&mut list_fields(cells))).transpose()
}

fn list_fields(cells: Vec<Cell>) -> Fields {
    Fields::new("request", cells)
}

fn push_indexed(conditions: &mut Conditions, filter: &RequestFilter, page: &Page) {
    let first_of = |us: i64| {
        let millis = u64::try_from(us.div_euclid(1_000)).unwrap_or(0);
        Cell::Text(RequestId::from_parts(millis, [0; 10]).to_string())
    };
    if let Some(from) = filter.range.from_us {
        conditions.push("id >=", first_of(from));
    }
    if let Some(until) = filter.range.until_us {
        conditions.push("id <", first_of(until));
    }
    if let Some(before) = &page.before {
        conditions.push("id <", Cell::Text(before.to_string()));
    }
    if let Some(after) = &page.after {
        conditions.push("id >", Cell::Text(after.to_string()));
    }
    conditions.push_text("task =", filter.task.as_ref());
    conditions.push_text("model =", filter.model.as_ref());
    conditions.push_text("code =", filter.code.as_ref());
}

fn push_others(conditions: &mut Conditions, filter: &RequestFilter) {
    conditions.push_text("provider =", filter.provider.as_ref());
    if let Some(outcome) = filter.outcome {
        conditions.push("outcome =", Cell::Text(outcome.as_str().to_owned()));
    }
    if let Some(class) = filter.status_class {
        conditions.push("status / 100 =", Cell::Int(i64::from(class)));
    }
    if let Some(part) = &filter.id_contains {
        conditions.push("id LIKE", Cell::Text(pattern_of(part)));
    }
    if let Some(ended) = filter.ended_from_us {
        conditions.push("started_at_us + total_us >=", Cell::Int(ended));
    }
    if let Some(latency) = filter.min_latency_us {
        conditions.push("total_us >=", Cell::Int(i64::try_from(latency).unwrap_or(i64::MAX)));
    }
}

/// A part of an id as a pattern; what no id contains matches nothing. `_` (any character) matches itself too.
fn pattern_of(part: &str) -> String {
    let part = part.trim().to_ascii_lowercase();
    let possible = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if possible { format!("%{part}%") } else { String::new() }
}

pub(super) fn id(fields: &mut Fields) -> Result<RequestId, StoreError> {
    RequestId::parse(&fields.text()?).ok_or_else(|| fields.corrupt())
}

/// Reads the columns of [`COLUMNS`].
pub(super) fn row(fields: &mut Fields) -> Result<RequestRow, StoreError> {
    Ok(RequestRow {
        id: id(fields)?,
        started_at_us: fields.int()?,
        task: fields.text()?,
        protocol: fields.text()?,
        streamed: fields.int()? != 0,
        requested_model: fields.text()?,
        model: fields.maybe_text()?,
        provider: fields.maybe_text()?,
        status: fields.number()?,
        outcome: OutcomeKind::named(&fields.text()?).ok_or_else(|| fields.corrupt())?,
        code: fields.maybe_text()?,
        usage: usage(fields)?,
        cost: fields.maybe_int()?.map(Usd::from_nanos),
        timing: timing(fields)?,
        attempts: fields.number()?,
        fingerprint: crate::rows::hex(&fields.blob()?),
    })
}

pub(super) fn usage(fields: &mut Fields) -> Result<Usage, StoreError> {
    Ok(Usage {
        input_tokens: fields.maybe_number()?,
        cache_read_tokens: fields.maybe_number()?,
        cache_write_tokens: fields.maybe_number()?,
        output_tokens: fields.maybe_number()?,
        reasoning_tokens: fields.maybe_number()?,
    })
}

pub(super) fn timing(fields: &mut Fields) -> Result<Timing, StoreError> {
    Ok(Timing {
        connect_us: fields.maybe_number()?,
        first_token_us: fields.maybe_number()?,
        hold_us: fields.number()?,
        total_us: fields.number()?,
    })
}
