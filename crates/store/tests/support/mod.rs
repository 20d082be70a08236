//! What the tests of this crate share: records to write, places to write them to, a PostgreSQL of their own.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "test code outside a test function; each test file uses a part of it"
)]

mod postgres;

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use steersman_core::{
    AttemptRecord, Code, ContentHash, FinishReason, OutcomeKind, RequestId, RequestRecord, Secret, Timing, Usage, Usd,
};
use steersman_store::{Engine, Store, StoreConfig};
use tempfile::TempDir;

/// Yesterday, 00:00 UTC, in milliseconds: a fixed day would one day be older than what is kept.
pub(crate) fn day_ms() -> u64 {
    const DAY: u64 = 86_400_000;
    static YESTERDAY: OnceLock<u64> = OnceLock::new();
    *YESTERDAY.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        (u64::try_from(now).unwrap() / DAY - 1) * DAY
    })
}

/// A place for one store, empty and its own.
pub(crate) struct Place {
    pub(crate) engine: Engine,
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { engine: Engine::Sqlite { path: folder.path().join("steersman.db") }, folder }
    }

    /// A new database on a server.
    pub(crate) async fn postgres() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = Secret::new(&postgres::new_database().await);
        Self { engine: Engine::Postgres { url, mark: Some(folder.path().join("mark")) }, folder }
    }

    pub(crate) fn config(&self) -> StoreConfig {
        StoreConfig::new(self.engine.clone())
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(self.config()).await.unwrap()
    }

    /// Runs statements on the state, which may not be there yet, in SQLite's words.
    pub(crate) async fn state_script(&self, sql: &str) {
        match &self.engine {
            Engine::Sqlite { path } => {
                rusqlite::Connection::open(path.with_file_name("state.db")).unwrap().execute_batch(sql).unwrap();
            }
            Engine::Postgres { url, .. } => {
                let (client, connection) = tokio_postgres::connect(url.expose(), tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                let sql = sql.replace(" BLOB", " BYTEA").replace(" WITHOUT ROWID", "");
                client.batch_execute(&sql).await.unwrap();
            }
        }
    }

    /// Runs SQL behind the store's back and gives the first column of the first row.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        match &self.engine {
            Engine::Sqlite { path } => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Engine::Postgres { url, .. } => {
                let (client, connection) = tokio_postgres::connect(url.expose(), tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.query_one(sql, &[]).await.unwrap().get(0)
            }
        }
    }
}

/// An id of the n-th millisecond of the day.
pub(crate) fn id(n: u64) -> RequestId {
    RequestId::from_parts(
        day_ms() + n,
        n.to_le_bytes().into_iter().chain([0; 2]).collect::<Vec<_>>().try_into().unwrap(),
    )
}

/// A plain accepted request of the n-th millisecond of the day, with one attempt.
pub(crate) fn record(n: u64) -> RequestRecord {
    let usage = Usage { input_tokens: Some(100), output_tokens: Some(10), ..Usage::default() };
    let timing = Timing { connect_us: Some(5), first_token_us: Some(1_000), hold_us: 0, total_us: 20_000 };
    RequestRecord {
        id: id(n),
        started_at_us: i64::try_from((day_ms() + n) * 1_000).unwrap(),
        task: "triage".into(),
        protocol: "openai.chat",
        streamed: false,
        requested_model: "fast".into(),
        status: 200,
        outcome: OutcomeKind::Accepted,
        code: None,
        usage,
        cost: Some(Usd::from_nanos(1_500)),
        timing,
        fingerprint: ContentHash::of(b"system"),
        parameters: r#"{"temperature":0.5}"#.to_owned(),
        request_body: Bytes::from(format!(r#"{{"messages":[{{"content":"question {n}"}}]}}"#)),
        response_body: Bytes::from_static(br#"{"choices":[]}"#),
        attempts: vec![attempt("openai", "gpt-4o-mini")],
        notes: Vec::new(),
    }
}

/// A plain attempt that succeeded.
pub(crate) fn attempt(provider: &str, model: &str) -> AttemptRecord {
    AttemptRecord {
        started_us: 10,
        provider: provider.into(),
        requested_model: model.into(),
        served_model: Some(format!("{model}-2026-01-01").into()),
        response_id: Some("chatcmpl-1".to_owned()),
        status: Some(200),
        code: None,
        finish_reason: Some(FinishReason::Stop),
        usage: Usage { input_tokens: Some(100), output_tokens: Some(10), ..Usage::default() },
        cost: Some(Usd::from_nanos(1_500)),
        timing: Timing { connect_us: Some(5), first_token_us: Some(900), hold_us: 0, total_us: 19_000 },
        reason: "first",
        request_body: None,
        response_body: None,
    }
}

/// A request that failed upstream.
pub(crate) fn failed(n: u64) -> RequestRecord {
    let mut record = record(n);
    record.outcome = OutcomeKind::Failed;
    record.code = Some(Code::UPSTREAM_ERROR);
    record.status = 502;
    record.cost = None;
    record
}

/// Holds each statement against an empty SQLite and an empty PostgreSQL.
macro_rules! on_both_engines {
    ($($name:ident,)*) => {
        mod on_sqlite {
            $(#[tokio::test] async fn $name() { super::$name(super::Place::sqlite()).await; })*
        }
        mod on_postgres {
            $(#[tokio::test] async fn $name() { super::$name(super::Place::postgres().await).await; })*
        }
    };
}
pub(crate) use on_both_engines;
