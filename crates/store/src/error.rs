//! What can go wrong with the store, for those who open and read it. Writers never see an error: they see counts.

use std::io;
use std::path::PathBuf;

use crate::driver::DatabaseError;

/// Why the store could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The schema was written by a newer Steersman.
    #[error(
        "the database has schema {found}, this version knows up to {known}; hint: use the newer steersman, or another database"
    )]
    NewerSchema {
        /// The version found.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The schema was written by an older Steersman, and nobody has brought it up to date yet.
    #[error(
        "the database has schema {found}, this version reads {known}; hint: start the gateway of this version once, it brings the database up to date"
    )]
    OlderSchema {
        /// The version found.
        found: i64,
        /// The version that is read.
        known: i64,
    },
    /// A second process wants to write to the same SQLite file, or shares a mark file.
    #[error("`{}` is in use by another process; hint: stop it, or give this one another path", .path.display())]
    InUse {
        /// The mark file that is locked.
        path: PathBuf,
    },
    /// A file or folder beside the database could not be used.
    #[error("cannot use `{}`", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database refused.
    #[error("cannot {doing}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// The database's own words.
        source: DatabaseError,
    },
    /// What was read is not what this version writes.
    #[error("the database holds a {what} that cannot be read")]
    Corrupt {
        /// What kind of thing.
        what: &'static str,
    },
    /// The store was closed, or its writer ended.
    #[error("the store is closed")]
    Closed,
}
