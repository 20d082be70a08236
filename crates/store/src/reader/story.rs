//! One request whole: its line, its attempts, its bodies unpacked.

use std::collections::BTreeMap;

use bytes::Bytes;
use steersman_core::RequestId;

use super::{Reader, list};
use crate::StoreError;
use crate::bodies::{self, unpack};
use crate::rows::{AttemptRow, BodyRow, RequestStory};
use crate::value::{Cell, Fields};

const ATTEMPT_SQL: &str = "SELECT started_us, provider, requested_model, served_model, response_id, status, code,
        finish_reason, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nanos,
        connect_us, first_token_us, hold_us, total_us, reason, request_body, response_body
    FROM attempts WHERE request_id = $1 ORDER BY position";

/// Bodies by the bytes of their names.
type Unpacked = BTreeMap<Vec<u8>, BodyRow>;

/// Everything that is kept of one request.
pub(super) async fn whole(reader: &Reader, id: &RequestId) -> Result<Option<RequestStory>, StoreError> {
    let doing = "read a request";
    let key = vec![Cell::Text(id.to_string())];
    let sql =
        format!("SELECT {}, parameters, request_body, response_body, notes FROM requests WHERE id = $1", list::COLUMNS);
    let Some(cells) = reader.ask(doing, sql, key.clone()).await?.into_iter().next() else { return Ok(None) };
    let attempts = reader.ask(doing, ATTEMPT_SQL.to_owned(), key).await?;
    let bodies = unpacked(reader, names_in(&cells, &attempts)).await?;
    let mut fields = Fields::new("request", cells);
    Ok(Some(RequestStory {
        request: list::row(&mut fields)?,
        parameters: fields.text()?,
        request_body: body(&mut fields, &bodies)?,
        response_body: body(&mut fields, &bodies)?,
        notes: notes(&mut fields, &bodies)?,
        attempts: attempts.into_iter().map(|cells| attempt(cells, &bodies)).collect::<Result<_, _>>()?,
    }))
}

/// The names of bodies stand in the last columns of every row: two, and with its notes three of a request's.
fn names_in(request: &[Cell], attempts: &[Vec<Cell>]) -> Vec<Vec<u8>> {
    let of_request = request.iter().rev().take(3);
    let cells = of_request.chain(attempts.iter().flat_map(|row| row.iter().rev().take(2)));
    let mut names: Vec<_> = cells
        .filter_map(|cell| match cell {
            Cell::Blob(name) => Some(name.clone()),
            Cell::Null | Cell::Int(_) | Cell::Text(_) => None,
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

async fn unpacked(reader: &Reader, names: Vec<Vec<u8>>) -> Result<Unpacked, StoreError> {
    let mut found = Unpacked::new();
    for name in names {
        if let Some(content) = content(reader, &name).await? {
            found.insert(name.clone(), BodyRow { hash: list::hex(&name), content: Bytes::from(content) });
        }
    }
    Ok(found)
}

/// A body whole, put together from its parts where it is kept in some.
async fn content(reader: &Reader, name: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let corrupt = || StoreError::Corrupt { what: "body" };
    let Some(body) = packed(reader, name).await? else { return Ok(None) };
    if !body.in_parts {
        return unpack(&body.content, body.size).ok_or_else(corrupt).map(Some);
    }
    let mut whole = Vec::with_capacity(body.size);
    for name in bodies::names(&body.content) {
        let part = packed(reader, name).await?.filter(|part| !part.in_parts).ok_or_else(corrupt)?;
        whole.extend(unpack(&part.content, part.size).ok_or_else(corrupt)?);
    }
    Ok(Some(whole))
}

/// A row of bodies.
struct Packed {
    size: usize,
    in_parts: bool,
    content: Vec<u8>,
}

async fn packed(reader: &Reader, name: &[u8]) -> Result<Option<Packed>, StoreError> {
    let sql = "SELECT size, parts, content FROM bodies WHERE hash = $1";
    let rows = reader.ask("read a body", sql.to_owned(), vec![Cell::Blob(name.to_vec())]).await?;
    let read = |cells| {
        let mut fields = Fields::new("body", cells);
        let (size, in_parts) = (fields.number()?, fields.maybe_int()?.is_some());
        Ok(Packed { size, in_parts, content: fields.blob()? })
    };
    rows.into_iter().next().map(read).transpose()
}

fn body(fields: &mut Fields, bodies: &Unpacked) -> Result<Option<BodyRow>, StoreError> {
    Ok(fields.maybe_blob()?.and_then(|name| bodies.get(&name).cloned()))
}

/// Notes whose text redaction has made something else than JSON are shown as text.
fn notes(fields: &mut Fields, bodies: &Unpacked) -> Result<BTreeMap<String, serde_json::Value>, StoreError> {
    let Some(kept) = body(fields, bodies)? else { return Ok(BTreeMap::new()) };
    let as_text = |_| BTreeMap::from([("text".to_owned(), String::from_utf8_lossy(&kept.content).into())]);
    Ok(serde_json::from_slice(&kept.content).unwrap_or_else(as_text))
}

fn attempt(cells: Vec<Cell>, bodies: &Unpacked) -> Result<AttemptRow, StoreError> {
    let mut fields = Fields::new("attempt", cells);
    Ok(AttemptRow {
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
        request_body: body(&mut fields, bodies)?,
        response_body: body(&mut fields, bodies)?,
    })
}
