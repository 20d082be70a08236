//! What the guard decided, request by request, newest first.
//!
//! What never happens here: a look at a request of whose answer the guard had nothing to decide. Requests of which it
//! had are marked as they are written, and an index holds no others.

use steersman_core::{Note, RequestId};

use super::story::name;
use super::texts::Texts;
use super::{Reader, list};
use crate::StoreError;
use crate::name::Name;
use crate::rows::{NotedPage, NotedRow};
use crate::value::{Cell, Fields};

/// The room.
const GUARD: &str = "guard";

/// What its note says that is a decision.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Decided {
    calls: Vec<serde::de::IgnoredAny>,
    links: Vec<serde::de::IgnoredAny>,
}

/// Whether the guard decided anything, by the notes of a request.
pub(crate) fn is_guarded(notes: &[Note]) -> bool {
    let note = notes.iter().find(|note| note.room == GUARD);
    let decided: Option<Decided> = note.and_then(|note| serde_json::from_str(&note.content).ok());
    decided.is_some_and(|decided| !(decided.calls.is_empty() && decided.links.is_empty()))
}

/// A request that is marked.
struct Marked {
    id: RequestId,
    started_at_us: i64,
    task: String,
    notes: Option<Name>,
}

pub(super) async fn page(reader: &Reader, before: Option<&RequestId>, limit: usize) -> Result<NotedPage, StoreError> {
    let mut found = look(reader, before, limit + 1).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|marked| marked.id.clone());
    let texts = Texts::read(reader, found.iter().filter_map(|marked| marked.notes).collect()).await?;
    let rows = found.into_iter().filter_map(|Marked { id, started_at_us, task, notes }| {
        // Redaction may have made something else than JSON of a note; it stands on the request's own page.
        let mut notes: serde_json::Value = serde_json::from_slice(texts.get(&notes?)?).ok()?;
        let note = notes.get_mut(GUARD)?.take();
        Some(NotedRow { id, started_at_us, task, note })
    });
    Ok(NotedPage { rows: rows.collect(), next })
}

async fn look(reader: &Reader, before: Option<&RequestId>, limit: usize) -> Result<Vec<Marked>, StoreError> {
    let older = if before.is_some() { " AND id < $1" } else { "" };
    let sql = format!(
        "SELECT id, started_at_us, task, notes FROM requests WHERE guarded IS NOT NULL{older}
         ORDER BY id DESC LIMIT {limit}"
    );
    let values = before.map(|id| Cell::Text(id.to_string())).into_iter().collect();
    let read = |cells| {
        let mut fields = Fields::new("note", cells);
        let (id, started_at_us, task) = (list::id(&mut fields)?, fields.int()?, fields.text()?);
        Ok(Marked { id, started_at_us, task, notes: name(&mut fields)? })
    };
    reader.ask("list what the guard decided", sql, values).await?.into_iter().map(read).collect()
}
