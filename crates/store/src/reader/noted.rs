//! What one room decided, request by request: the notes of a room, newest first.
//!
//! One question looks at no more than [`SCAN_ROWS`] requests that have notes, so that a room that seldom speaks does not
//! read the whole table.

use steersman_core::RequestId;

use super::{Reader, list};
use crate::StoreError;
use crate::bodies::unpack;
use crate::rows::{NotedPage, NotedRow};
use crate::value::{Cell, Fields};

/// How many requests with notes one question may look at; each costs one small body to unpack.
const SCAN_ROWS: usize = 1_000;

pub(super) async fn page(
    reader: &Reader,
    room: &str,
    before: Option<&RequestId>,
    limit: usize,
) -> Result<NotedPage, StoreError> {
    let mut conditions = list::Conditions::default();
    if let Some(before) = before {
        conditions.push("r.id <", Cell::Text(before.to_string()));
    }
    let older = conditions.take();
    let sql = format!(
        "SELECT r.id, r.started_at_us, r.task, b.size, b.content
         FROM requests AS r JOIN bodies AS b ON b.hash = r.notes{older} ORDER BY r.id DESC LIMIT {SCAN_ROWS}"
    );
    let found = reader.ask("list notes", sql, conditions.values).await?;
    let full = found.len() == SCAN_ROWS;
    let mut page = NotedPage::default();
    for cells in found {
        let mut fields = Fields::new("note", cells);
        let id = list::id(&mut fields)?;
        let (started_at_us, task) = (fields.int()?, fields.text()?);
        let size: usize = fields.number()?;
        let content = unpack(&fields.blob()?, size).ok_or_else(|| fields.corrupt())?;
        if page.rows.len() == limit {
            page.next = page.rows.last().map(|row: &NotedRow| row.id.clone());
            return Ok(page);
        }
        // Redaction may have made something else than JSON of a note; it stands on the request's own page.
        let notes: Option<serde_json::Value> = serde_json::from_slice(&content).ok();
        if let Some(note) = notes.and_then(|mut notes| notes.get_mut(room).map(serde_json::Value::take)) {
            page.rows.push(NotedRow { id: id.clone(), started_at_us, task, note });
        }
        page.next = full.then_some(id);
    }
    Ok(page)
}
