//! Reading: typed questions, plain rows.
//!
//! Questions are written once and asked of either engine through one narrow door. SQLite answers on threads where
//! blocking is allowed, PostgreSQL on the caller's runtime; a handful of connections each.

pub(crate) mod guarded;
mod list;
mod series;
mod story;
mod tasks;
mod texts;

use steersman_core::RequestId;

use crate::postgres::{PostgresReaders, config_of, on_disk_sql};
use crate::retention::OLDEST_SQL;
use crate::rows::{DiskStats, Facets, NotedPage, Overview, RequestPage, RequestStory, RunRow, TaskRow};
use crate::schema::RECORDS;
use crate::sqlite::SqliteReaders;
use crate::value::{Cell, Fields};
use crate::{Engine, OverviewQuery, Page, RequestFilter, StoreError, TimeRange};

/// A handle that reads; cheap to clone. Any number of processes may read while one writes.
#[derive(Clone)]
pub struct Reader {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Sqlite(SqliteReaders),
    Postgres(PostgresReaders),
}

impl Reader {
    /// Opens an existing store to read it.
    ///
    /// # Errors
    /// There is no store, it cannot be reached, or its schema is newer or older than this version's.
    pub async fn open(engine: &Engine) -> Result<Self, StoreError> {
        let reader = Self::of(engine)?;
        if let (Source::Sqlite(readers), Engine::Sqlite { path }) = (&reader.source, engine)
            && !readers.exists()
        {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(StoreError::File { path: path.clone(), source });
        }
        let rows = reader.ask("read the schema's version", RECORDS.version_sql(), vec![]).await?;
        let (found, known) = (RECORDS.check(&rows)?, RECORDS.newest());
        if found < known {
            return Err(StoreError::OlderSchema { found, known });
        }
        Ok(reader)
    }

    /// A reader that connects when it is first asked.
    pub(crate) fn of(engine: &Engine) -> Result<Self, StoreError> {
        let source = match engine {
            Engine::Sqlite { path } => Source::Sqlite(SqliteReaders::new(path)),
            Engine::Postgres { url, .. } => Source::Postgres(PostgresReaders::new(config_of(url)?)),
        };
        Ok(Self { source })
    }

    async fn ask(&self, doing: &'static str, sql: String, values: Vec<Cell>) -> Result<Vec<Vec<Cell>>, StoreError> {
        let rows = match &self.source {
            Source::Sqlite(readers) => readers.query(sql, values).await,
            Source::Postgres(readers) => readers.query(&sql, &values).await,
        };
        rows.map_err(|source| StoreError::Database { doing, source })
    }

    /// One page of the requests that match, newest first.
    ///
    /// A page may be short, even empty, and yet have a `next`: one question looks at no more than 50,000 requests.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn requests(&self, filter: &RequestFilter, page: &Page) -> Result<RequestPage, StoreError> {
        list::page(self, filter, page).await
    }

    /// What the guard decided, newest first: at most `limit` requests with a call or a link that it judged, `before` a
    /// cursor.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn guarded(&self, before: Option<&RequestId>, limit: usize) -> Result<NotedPage, StoreError> {
        guarded::page(self, before, limit).await
    }

    /// One request whole; `None` if it is not kept (or not yet: the writer is up to 100 ms behind).
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn request(&self, id: &RequestId) -> Result<Option<RequestStory>, StoreError> {
        story::whole(self, id).await
    }

    /// Requests, errors, cost and latency over time by model, from rollups.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn overview(&self, query: &OverviewQuery) -> Result<Overview, StoreError> {
        series::overview(self, query).await
    }

    /// Every task since a moment, the busiest first, from rollups.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn tasks(&self, from_us: i64) -> Result<Vec<TaskRow>, StoreError> {
        tasks::tasks(self, from_us).await
    }

    /// The names to filter by, with counts, from rollups; the range is widened to whole steps of a rollup.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn facets(&self, range: TimeRange) -> Result<Facets, StoreError> {
        series::facets(self, range).await
    }

    /// The processes that wrote here, newest first, with what each of them lost.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let sql = "SELECT id, started_at_us, ended_at_us, accepted, written, dropped, failed, lost_by_kill FROM runs
            ORDER BY started_at_us DESC, id LIMIT $1";
        let rows = self.ask("list the runs", sql.to_owned(), vec![Cell::Int(i64::from(limit))]).await?;
        rows.into_iter().map(run_row).collect()
    }

    /// What all processes that were killed had accepted and lost.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn lost_by_kill(&self) -> Result<u64, StoreError> {
        let sql = "SELECT CAST(SUM(lost_by_kill) AS BIGINT) FROM runs";
        Ok(first_number(&self.ask("count what kills lost", sql.to_owned(), vec![]).await?))
    }

    /// What the store takes on disk.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn disk(&self) -> Result<DiskStats, StoreError> {
        let doing = "measure the store";
        let newest_sql = "SELECT id FROM requests ORDER BY id DESC LIMIT 1";
        let oldest = time_of(&self.ask(doing, OLDEST_SQL.to_owned(), vec![]).await?);
        let newest = time_of(&self.ask(doing, newest_sql.to_owned(), vec![]).await?);
        let (engine, bytes_on_disk, bytes_used) = match &self.source {
            Source::Sqlite(readers) => {
                let on_disk = readers.bytes_on_disk();
                let free = first_number(&self.ask(doing, "PRAGMA freelist_count".to_owned(), vec![]).await?);
                let page = first_number(&self.ask(doing, "PRAGMA page_size".to_owned(), vec![]).await?);
                ("sqlite", on_disk, on_disk.saturating_sub(free * page))
            }
            Source::Postgres(_) => {
                let on_disk = first_number(&self.ask(doing, on_disk_sql(), vec![]).await?);
                ("postgres", on_disk, on_disk)
            }
        };
        Ok(DiskStats { engine, bytes_on_disk, bytes_used, oldest_request_at_us: oldest, newest_request_at_us: newest })
    }
}

fn run_row(row: Vec<Cell>) -> Result<RunRow, StoreError> {
    let mut fields = Fields::new("run", row);
    Ok(RunRow {
        id: fields.text()?,
        started_at_us: fields.int()?,
        ended_at_us: fields.maybe_int()?,
        accepted: fields.number()?,
        written: fields.number()?,
        dropped: fields.number()?,
        failed: fields.number()?,
        lost_by_kill: fields.number()?,
    })
}

fn time_of(rows: &[Vec<Cell>]) -> Option<i64> {
    match rows.first()?.first()? {
        Cell::Text(id) => i64::try_from(RequestId::parse(id)?.unix_millis()).ok()?.checked_mul(1_000),
        _ => None,
    }
}

fn first_number(rows: &[Vec<Cell>]) -> u64 {
    match rows.first().and_then(|row| row.first()) {
        Some(Cell::Int(number)) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    }
}
