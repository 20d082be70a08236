//! What the store is told at the start: where to keep records, how much, and which texts must never be kept.
//!
//! Reading files and environment variables is the binary's work; nothing here looks at the world.

use std::path::PathBuf;

use steersman_core::Secret;

/// Where records are kept.
#[derive(Debug, Clone)]
pub enum Engine {
    /// One file on this machine, with its `-wal`, `-shm` and `-mark` beside it.
    Sqlite {
        /// The database file; its folder is made if missing.
        path: PathBuf,
    },
    /// A PostgreSQL server (13 or newer), shared by any number of gateways.
    Postgres {
        /// `postgres://user:password@host/database` or the `key=value` form; a secret, since it may hold a password.
        url: Secret,
        /// A small file on this machine that counts accepted records, so that the loss of a kill is known.
        /// `None`: losses of a kill are not counted. Two gateways must not share one.
        mark: Option<PathBuf>,
    },
}

impl Engine {
    /// Where it is, for messages: a file, or a server and a database without user and password.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite { path } => path.display().to_string(),
            Self::Postgres { url, .. } => crate::postgres::config_of(url).map_or_else(
                |_| "the address in `store.database_url`".to_owned(),
                |read| crate::postgres::place_of(&read),
            ),
        }
    }

    /// What of it must not be kept: the address of a server, and the password in it.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        let Self::Postgres { url, .. } = self else { return Vec::new() };
        let read = crate::postgres::config_of(url).ok();
        let password = read.and_then(|read| String::from_utf8(read.get_password()?.to_vec()).ok());
        std::iter::once(url.clone()).chain(password.as_deref().map(Secret::new)).collect()
    }
}

/// How much is kept. Enforced by the writer in small steps, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Bytes on disk, index and write-ahead log included. `None`: no limit. At least [`Retention::MIN_BYTES`].
    pub max_bytes: Option<u64>,
    /// Days since a request began. `None`: no limit.
    pub max_days: Option<u32>,
}

impl Retention {
    /// The least limit by bytes: below it the log of one batch would not fit.
    pub const MIN_BYTES: u64 = 16 * 1024 * 1024;
}

impl Default for Retention {
    /// 4 GiB and 30 days.
    fn default() -> Self {
        Self { max_bytes: Some(4 * 1024 * 1024 * 1024), max_days: Some(30) }
    }
}

/// All that [`crate::Store::open`] needs.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Where.
    pub engine: Engine,
    /// How much.
    pub retention: Retention,
    /// Texts that must not be kept: every key and password that the process knows. Shorter than eight bytes: ignored.
    pub secrets: Vec<Secret>,
    /// How many records may wait for the writer; more are dropped and counted.
    pub queue_records: usize,
    /// How many bytes may wait for the writer, bodies and all; more are dropped and counted.
    pub queue_bytes: usize,
}

impl StoreConfig {
    /// This engine with the default retention, queue (16,384 records, 48 MiB) and no secrets.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            retention: Retention::default(),
            secrets: Vec::new(),
            queue_records: 16_384,
            queue_bytes: 48 * 1024 * 1024,
        }
    }
}
