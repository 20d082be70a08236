//! One request whole: its line, its attempts, its bodies unpacked.

use std::collections::BTreeMap;

use steersman_core::RequestId;

use super::texts::Texts;
use super::{Reader, list};
use crate::StoreError;
use crate::calls::Call;
use crate::name::Name;
use crate::rows::{AttemptRow, RequestStory};
use crate::value::{Cell, Fields};

/// The calls of requests that were written before they had a text for them.
const ATTEMPT_SQL: &str = "SELECT started_us, provider, requested_model, served_model, response_id, status, code,
        finish_reason, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nanos,
        connect_us, first_token_us, hold_us, total_us, reason, request_body, response_body
    FROM attempts WHERE request_id = $1 ORDER BY position";

/// Everything that is kept of one request.
pub(super) async fn whole(reader: &Reader, id: &RequestId) -> Result<Option<RequestStory>, StoreError> {
    let key = vec![Cell::Text(id.to_string())];
    let columns = list::COLUMNS;
    let sql =
        format!("SELECT {columns}, parameters, request_body, response_body, notes, calls FROM requests WHERE id = $1");
    let Some(cells) = reader.ask("read a request", sql, key.clone()).await?.into_iter().next() else { return Ok(None) };
    let mut fields = Fields::new("request", cells);
    let (request, parameters) = (list::row(&mut fields)?, fields.text()?);
    let names = [name(&mut fields)?, name(&mut fields)?, name(&mut fields)?, name(&mut fields)?];
    let texts = Texts::read(reader, names.iter().flatten().copied().collect()).await?;
    let [sent, heard, noted, called] = names;
    let attempts = match called {
        Some(called) => calls(reader, &texts, &called).await?,
        None if request.attempts > 0 => rows(reader, key).await?,
        None => Vec::new(),
    };
    let body = |name: Option<Name>| name.and_then(|name| texts.row(&name));
    let notes = noted.map_or_else(BTreeMap::new, |name| notes(&texts, &name));
    let (request_body, response_body) = (body(sent), body(heard));
    Ok(Some(RequestStory { request, parameters, request_body, response_body, attempts, notes }))
}

/// A name, as a column holds it.
pub(super) fn name(fields: &mut Fields) -> Result<Option<Name>, StoreError> {
    let Some(bytes) = fields.maybe_blob()? else { return Ok(None) };
    Name::read(&bytes).ok_or_else(|| fields.corrupt()).map(Some)
}

/// Notes whose text redaction has made something else than JSON are shown as text.
fn notes(texts: &Texts, name: &Name) -> BTreeMap<String, serde_json::Value> {
    let Some(kept) = texts.get(name) else { return BTreeMap::new() };
    let as_text = |_| BTreeMap::from([("text".to_owned(), String::from_utf8_lossy(kept).into())]);
    serde_json::from_slice(kept).unwrap_or_else(as_text)
}

async fn calls(reader: &Reader, texts: &Texts, name: &Name) -> Result<Vec<AttemptRow>, StoreError> {
    let Some(text) = texts.get(name) else { return Ok(Vec::new()) };
    let calls: Vec<Call<'_>> = serde_json::from_slice(text).map_err(|_| StoreError::Corrupt { what: "attempt" })?;
    let names = calls.iter().flat_map(Call::names).collect();
    let bodies = Texts::read(reader, names).await?;
    Ok(calls.into_iter().map(|call| call.row(|name| bodies.row(name))).collect())
}

async fn rows(reader: &Reader, key: Vec<Cell>) -> Result<Vec<AttemptRow>, StoreError> {
    let found = reader.ask("read a request", ATTEMPT_SQL.to_owned(), key).await?;
    let mut rows = Vec::with_capacity(found.len());
    for cells in found {
        rows.push(row(reader, cells).await?);
    }
    Ok(rows)
}

async fn row(reader: &Reader, cells: Vec<Cell>) -> Result<AttemptRow, StoreError> {
    let mut fields = Fields::new("attempt", cells);
    let mut row = AttemptRow {
        started_us: fields.number()?,
        provider: fields.text()?,
        requested_model: fields.text()?,
        served_model: fields.maybe_text()?,
        response_id: fields.maybe_text()?,
        status: fields.maybe_number()?,
        code: fields.maybe_text()?,
        finish_reason: fields.maybe_text()?,
        usage: list::usage(&mut fields)?,
        cost: fields.maybe_int()?.map(steersman_core::Usd::from_nanos),
        timing: list::timing(&mut fields)?,
        reason: fields.text()?,
        request_body: None,
        response_body: None,
    };
    let names = [name(&mut fields)?, name(&mut fields)?];
    let texts = Texts::read(reader, names.iter().flatten().copied().collect()).await?;
    [row.request_body, row.response_body] = names.map(|name| name.and_then(|name| texts.row(&name)));
    Ok(row)
}
