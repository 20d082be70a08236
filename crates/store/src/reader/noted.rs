//! What one room decided, request by request: the notes of a room, newest first.
//!
//! One question looks at no more than [`SCAN_ROWS`] requests that have notes, so that a room that seldom speaks does
//! not read the whole table.

use steersman_core::RequestId;

use super::story::name;
use super::texts::Texts;
use super::{Reader, list};
use crate::StoreError;
use crate::name::Name;
use crate::rows::{NotedPage, NotedRow};
use crate::value::{Cell, Fields};

/// How many requests with notes one question may look at; each costs one small text to unpack.
const SCAN_ROWS: usize = 1_000;
/// How many of them are unpacked at a time: a page is mostly full before all are looked at.
const READ_ROWS: usize = 100;

/// A request with notes.
struct Noted {
    id: RequestId,
    started_at_us: i64,
    task: String,
    notes: Option<Name>,
}

pub(super) async fn page(
    reader: &Reader,
    room: &str,
    before: Option<&RequestId>,
    limit: usize,
) -> Result<NotedPage, StoreError> {
    let found = look(reader, before).await?;
    let full = found.len() == SCAN_ROWS;
    let mut page = NotedPage::default();
    for some in found.chunks(READ_ROWS) {
        let texts = Texts::read(reader, some.iter().filter_map(|noted| noted.notes).collect()).await?;
        for noted in some {
            if page.rows.len() == limit {
                page.next = page.rows.last().map(|row: &NotedRow| row.id.clone());
                return Ok(page);
            }
            let id = noted.id.clone();
            // Redaction may have made something else than JSON of a note; it stands on the request's own page.
            let text = noted.notes.as_ref().and_then(|name| texts.get(name));
            let notes: Option<serde_json::Value> = text.and_then(|text| serde_json::from_slice(text).ok());
            if let Some(note) = notes.and_then(|mut notes| notes.get_mut(room).map(serde_json::Value::take)) {
                let (started_at_us, task) = (noted.started_at_us, noted.task.clone());
                page.rows.push(NotedRow { id: id.clone(), started_at_us, task, note });
            }
            page.next = full.then_some(id);
        }
    }
    Ok(page)
}

async fn look(reader: &Reader, before: Option<&RequestId>) -> Result<Vec<Noted>, StoreError> {
    let mut conditions = list::Conditions::default();
    if let Some(before) = before {
        conditions.push("id <", Cell::Text(before.to_string()));
    }
    let older = conditions.take();
    let sql = format!(
        "SELECT id, started_at_us, task, notes FROM (SELECT * FROM requests{older}) AS older
         WHERE notes IS NOT NULL ORDER BY id DESC LIMIT {SCAN_ROWS}"
    );
    let read = |cells| {
        let mut fields = Fields::new("note", cells);
        let (id, started_at_us, task) = (list::id(&mut fields)?, fields.int()?, fields.text()?);
        Ok(Noted { id, started_at_us, task, notes: name(&mut fields)? })
    };
    reader.ask("list notes", sql, conditions.values).await?.into_iter().map(read).collect()
}
