//! SQLite: one file, one writing connection, a few that read.
//!
//! Write-ahead log, so that readers and the writer do not wait for each other; `synchronous = NORMAL`, so that a killed
//! process loses nothing committed and a power cut at worst the last moments, never the file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql};
use tokio::sync::Semaphore;

use crate::StoreError;
use crate::driver::{DatabaseError, Driver, Size, Step, Trouble};
use crate::value::{Cell, Value};

/// The page size of new files, SQLite's own default.
const PAGE_BYTES: u64 = 4096;
/// How long one statement waits for a lock; the writer's own patience comes on top.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);
/// Readers at a time: more only compete for the same file.
const READERS: usize = 4;

/// How a limit by bytes is split: what remains for the database once its log has its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileLimits {
    /// Of the database file.
    pub(crate) database_bytes: u64,
    /// Of the write-ahead log.
    pub(crate) log_bytes: u64,
}

impl FileLimits {
    /// A quarter of the limit, at most 32 MiB, is the log's.
    pub(crate) fn of(max_bytes: u64) -> Self {
        let log_bytes = (max_bytes / 4).min(32 * 1024 * 1024);
        Self { database_bytes: max_bytes - log_bytes, log_bytes }
    }
}

/// The writing connection.
pub(crate) struct SqliteWriter {
    connection: Connection,
    path: PathBuf,
    limits: Option<FileLimits>,
}

impl SqliteWriter {
    /// Opens or makes the file, readable by its owner only.
    pub(crate) fn open(path: &Path, limits: Option<FileLimits>) -> Result<Self, StoreError> {
        let doing = |error| StoreError::Database { doing: "open the database", source: trouble_of(&error) };
        let failed = |source| StoreError::File { path: path.to_owned(), source };
        make_private(path).map_err(failed)?;
        let is_new = file_bytes(path) == 0;
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(doing)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(doing)?;
        connection.set_prepared_statement_cache_capacity(64);
        if is_new {
            // A file that holds nothing can lose nothing: it is made durable once, below, and not after each step.
            connection.execute_batch("PRAGMA synchronous = OFF").map_err(doing)?;
        }
        let log_bytes = limits.map_or(32 * 1024 * 1024, |limits| limits.log_bytes);
        // The rarer, the more often has a page changed before it is copied, and the fewer syncs; at most 8 MiB.
        let checkpoint_pages = (log_bytes / 4 / PAGE_BYTES).clamp(100, 2048);
        connection
            .execute_batch(&format!(
                "PRAGMA page_size = {PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
                 PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;
                 PRAGMA wal_autocheckpoint = {checkpoint_pages}; PRAGMA journal_size_limit = {log_bytes};"
            ))
            .map_err(doing)?;
        if is_new {
            sync(path).map_err(failed)?;
        }
        connection.execute_batch("PRAGMA synchronous = NORMAL").map_err(doing)?;
        if let Some(limits) = limits {
            connection
                .execute_batch(&format!("PRAGMA max_page_count = {}", limits.database_bytes / PAGE_BYTES))
                .map_err(doing)?;
        }
        Ok(Self { connection, path: path.to_owned(), limits })
    }

    fn pragma(&self, name: &str) -> Result<u64, DatabaseError> {
        let mut statement = self.connection.prepare_cached(&format!("PRAGMA {name}")).map_err(|e| trouble_of(&e))?;
        let number: i64 = statement.query_row([], |row| row.get(0)).map_err(|e| trouble_of(&e))?;
        Ok(u64::try_from(number).unwrap_or(0))
    }

    fn log_bytes(&self) -> u64 {
        file_bytes(&beside(&self.path, "-wal"))
    }
}

impl Driver for SqliteWriter {
    fn script(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.connection.execute_batch(sql).map_err(|e| trouble_of(&e))
    }

    fn transaction(&mut self, step: Step) -> Result<(), DatabaseError> {
        let sql = match step {
            Step::Begin => "BEGIN IMMEDIATE",
            Step::Commit => "COMMIT",
            // A failed statement may have ended the transaction already.
            Step::Rollback if self.connection.is_autocommit() => return Ok(()),
            Step::Rollback => "ROLLBACK",
        };
        let mut statement = self.connection.prepare_cached(sql).map_err(|e| trouble_of(&e))?;
        statement.raw_execute().map(drop).map_err(|e| trouble_of(&e))
    }

    fn execute(&mut self, sql: &'static str, rows: &[Vec<Value<'_>>]) -> Result<Vec<u64>, DatabaseError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|e| trouble_of(&e))?;
        rows.iter()
            .map(|row| {
                bind(&mut statement, row)?;
                statement.raw_execute().map(|changed| changed as u64).map_err(|e| trouble_of(&e))
            })
            .collect()
    }

    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        query(&self.connection, sql, values)
    }

    fn size(&mut self) -> Result<Size, DatabaseError> {
        let (pages, free) = (self.pragma("page_count")?, self.pragma("freelist_count")?);
        Ok(Size { on_disk: pages * PAGE_BYTES + self.log_bytes(), used: pages.saturating_sub(free) * PAGE_BYTES })
    }

    fn reclaim(&mut self) -> Result<(), DatabaseError> {
        let (pages, free) = (self.pragma("page_count")?, self.pragma("freelist_count")?);
        // A twentieth stays for reuse: giving back what the next batch takes again is work for nothing.
        if free > 256 && free > pages / 20 {
            self.script("PRAGMA incremental_vacuum(256)")?;
        }
        if self.limits.is_some_and(|limits| self.log_bytes() > limits.log_bytes / 2) {
            // Waits for readers at most as long as the busy time-out; the next call tries again.
            self.query("PRAGMA wal_checkpoint(TRUNCATE)", &[])?;
        }
        Ok(())
    }
}

/// Connections that read, opened as they are needed.
#[derive(Clone)]
pub(crate) struct SqliteReaders {
    path: Arc<Path>,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl SqliteReaders {
    /// Readers of this file; the first question opens it.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.into(), idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Asks once, on a thread where blocking is allowed.
    pub(crate) async fn query(&self, sql: String, values: Vec<Cell>) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        let closed = || DatabaseError { trouble: Trouble::Lasting, message: "the runtime is shutting down".to_owned() };
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let readers = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let rows = readers.query_blocking(&sql, &values);
            drop(permit);
            rows
        });
        task.await.map_err(|_| closed())?
    }

    fn query_blocking(&self, sql: &str, values: &[Cell]) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| self.connect(), Ok).map_err(|e| trouble_of(&e))?;
        let values: Vec<Value<'_>> = values.iter().map(Cell::as_value).collect();
        let rows = query(&connection, sql, &values);
        if rows.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        rows
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&*self.path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch("PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;")?;
        Ok(connection)
    }

    /// Bytes of the database and its log.
    pub(crate) fn bytes_on_disk(&self) -> u64 {
        file_bytes(&self.path) + file_bytes(&beside(&self.path, "-wal"))
    }

    /// Whether there is a file at all: opening to read must not make one.
    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }
}

/// The path of a file that belongs to this database.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn file_bytes(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// Prompts are private: the file is made for its owner alone, and SQLite gives its log the same rights.
fn make_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Makes a new file and its name durable.
fn sync(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(path)?.sync_all()?;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn query(connection: &Connection, sql: &str, values: &[Value<'_>]) -> Result<Vec<Vec<Cell>>, DatabaseError> {
    let mut statement = connection.prepare_cached(sql).map_err(|e| trouble_of(&e))?;
    bind(&mut statement, values)?;
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(|e| trouble_of(&e))? {
        let cells = (0..columns).map(|column| row.get_ref(column).map(cell_of));
        found.push(cells.collect::<rusqlite::Result<_>>().map_err(|e| trouble_of(&e))?);
    }
    Ok(found)
}

fn bind(statement: &mut CachedStatement<'_>, values: &[Value<'_>]) -> Result<(), DatabaseError> {
    (1..)
        .zip(values)
        .try_for_each(|(place, value)| statement.raw_bind_parameter(place, value))
        .map_err(|e| trouble_of(&e))
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn cell_of(value: ValueRef<'_>) -> Cell {
    match value {
        // No column of ours holds a float.
        ValueRef::Null | ValueRef::Real(_) => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Blob(bytes.to_vec()),
    }
}

fn trouble_of(error: &rusqlite::Error) -> DatabaseError {
    let trouble = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::CannotOpen) => Trouble::Passing,
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => Trouble::Full,
        _ => Trouble::Lasting,
    };
    DatabaseError { trouble, message: error.to_string() }
}
