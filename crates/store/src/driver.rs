//! What the writer needs of a database: statements, transactions, sizes. Two implementations: SQLite and PostgreSQL.
//!
//! Statements are written once, with `$1 ...` numbered in the order of their first appearance: both engines read that.

use crate::value::{Cell, Value};

/// Why a statement failed, sorted by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Locked, or not reachable: the same batch may succeed in a moment.
    Passing,
    /// No room, on the disk or inside the limit, or a disk that fails: trying the same again does not help.
    Full,
    /// Anything else: the data, the schema, a broken file.
    Lasting,
}

/// A database's refusal, in its own words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct DatabaseError {
    pub(crate) trouble: Trouble,
    pub(crate) message: String,
}

impl DatabaseError {
    /// One that trying again does not mend.
    pub(crate) fn lasting(message: impl Into<String>) -> Self {
        Self { trouble: Trouble::Lasting, message: message.into() }
    }
}

/// Bytes of the store's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// On disk.
    pub(crate) on_disk: u64,
    /// Of those, not free for reuse.
    pub(crate) used: u64,
}

/// How a statement ends a transaction's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Begin,
    Commit,
    Rollback,
}

/// One connection that writes.
pub(crate) trait Driver {
    /// Runs statements that take no values.
    fn script(&mut self, sql: &str) -> Result<(), DatabaseError>;

    /// Begins, commits or rolls back; rolling back where there is nothing to roll back is no error.
    fn transaction(&mut self, step: Step) -> Result<(), DatabaseError>;

    /// Runs one statement once for each row, in order; says how many table rows each changed.
    fn execute(&mut self, sql: &'static str, rows: &[Vec<Value<'_>>]) -> Result<Vec<u64>, DatabaseError>;

    /// Asks once.
    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Vec<Cell>>, DatabaseError>;

    /// The size of the files.
    fn size(&mut self) -> Result<Size, DatabaseError>;

    /// Gives some of the freed space back to the file system, or to reuse. A small step; called while idle and after
    /// deletions.
    fn reclaim(&mut self) -> Result<(), DatabaseError>;
}
