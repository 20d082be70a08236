//! PostgreSQL: one writing session, a few that read, for any number of gateways.
//!
//! The writer's session lives in a runtime of its own on the writer's thread, so that compressing and redacting never
//! take time from the runtime that serves requests. Rows of one statement are pipelined: one round trip a statement,
//! not one a row. A session that broke is opened anew by the next batch.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::future::try_join_all;
use rustls::{ClientConfig, RootCertStore};
use steersman_core::Secret;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::StoreError;
use crate::driver::{DatabaseError, Driver, Size, Step, Trouble};
use crate::value::{Cell, Value};

/// Longer than the server's own limit, so that only a dead network reaches it.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// For a page that somebody waits for.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Set in each session: no statement and no lock holds the writer for longer.
const SESSION: &str = "SET statement_timeout = '15s'; SET lock_timeout = '5s'; SET client_min_messages = 'warning'";
/// Readers at a time.
const READERS: usize = 4;
/// Our tables, for their size and their care.
const TABLES: &str = "'requests', 'attempts', 'bodies', 'packs', 'rollups', 'runs'";

/// A session and the task that moves its bytes.
struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
    mover: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.mover.abort();
    }
}

impl Session {
    async fn connect(config: &Config) -> Result<Self, DatabaseError> {
        let connecting = config.connect(tls_for(config)?);
        let (client, connection) =
            within(CONNECT_TIMEOUT, async { connecting.await.map_err(|e| trouble_of(&e)) }).await?;
        let mover = tokio::spawn(async move {
            // The client reports the same error to whoever waits for an answer.
            drop(connection.await);
        });
        let session = Self { client, statements: HashMap::new(), mover };
        session.client.batch_execute(SESSION).await.map_err(|e| trouble_of(&e))?;
        Ok(session)
    }

    async fn statement(&mut self, sql: &str) -> Result<Statement, DatabaseError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await.map_err(|e| trouble_of(&e))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    async fn execute(&mut self, sql: &str, rows: &[Vec<Value<'_>>]) -> Result<Vec<u64>, DatabaseError> {
        let statement = self.statement(sql).await?;
        let client = &self.client;
        let sent = rows.iter().map(|row| client.execute_raw(&statement, row.iter()));
        try_join_all(sent).await.map_err(|e| trouble_of(&e))
    }

    async fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        let statement = self.statement(sql).await?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let rows = self.client.query(&statement, &values).await.map_err(|e| trouble_of(&e))?;
        Ok(rows.iter().map(cells_of).collect())
    }
}

/// Certificates are checked against the system's store; `SSL_CERT_FILE` names another. Read only where TLS may be used.
fn tls_for(config: &Config) -> Result<MakeRustlsConnect, DatabaseError> {
    let mut roots = RootCertStore::empty();
    if config.get_ssl_mode() != SslMode::Disable {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| DatabaseError { trouble: Trouble::Lasting, message: error.to_string() })?;
    Ok(MakeRustlsConnect::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(silent(limit)))
}

fn silent(limit: Duration) -> DatabaseError {
    let message = format!("the server did not answer within {} s", limit.as_secs());
    DatabaseError { trouble: Trouble::Passing, message }
}

fn lost() -> DatabaseError {
    DatabaseError { trouble: Trouble::Passing, message: "the connection was lost inside a transaction".to_owned() }
}

/// Reads a connection string.
pub(crate) fn config_of(url: &Secret) -> Result<Config, StoreError> {
    let wrong = |_| StoreError::Database {
        doing: "read `database_url`",
        // The parser's own words may repeat a part of it.
        source: DatabaseError::lasting("it is no address such as `postgres://user:password@host:5432/database`"),
    };
    url.expose().parse().map_err(wrong)
}

/// Hosts, ports and database of an address, without its user and its password.
pub(crate) fn place_of(config: &Config) -> String {
    let hosts = config.get_hosts().iter().enumerate().map(|(n, host)| {
        let host = match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        let ports = config.get_ports();
        format!("{host}:{}", ports.get(n).or(ports.first()).unwrap_or(&5432))
    });
    let hosts: Vec<_> = hosts.collect();
    format!("{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}

/// The writing session.
pub(crate) struct PostgresWriter {
    runtime: Runtime,
    config: Config,
    session: Option<Session>,
    /// Between BEGIN and its end: a lost session must not be replaced in the middle.
    in_transaction: bool,
}

impl PostgresWriter {
    /// Connects. To be called on the writer's own thread.
    pub(crate) fn open(config: Config) -> Result<Self, StoreError> {
        let no_runtime = |error: std::io::Error| StoreError::Database {
            doing: "start the writer's runtime",
            source: DatabaseError { trouble: Trouble::Lasting, message: error.to_string() },
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(no_runtime)?;
        let mut writer = Self { runtime, config, session: None, in_transaction: false };
        let doing = |source| StoreError::Database { doing: "connect to PostgreSQL", source };
        writer.with_session(async |_| Ok(())).map_err(doing)?;
        Ok(writer)
    }

    /// Runs work on the session, opened anew if it is gone. A session that fails in transport is dropped.
    fn with_session<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let Self { runtime, config, session, in_transaction } = self;
        let (open, result) = runtime.block_on(async {
            let mut open = match session.take() {
                Some(open) if !open.client.is_closed() => open,
                _ if *in_transaction => return Err(lost()),
                _ => Session::connect(config).await?,
            };
            let result = tokio::time::timeout(STEP_TIMEOUT, work(&mut open)).await;
            Ok((open, result))
        })?;
        // A session that did not answer in time is in an unknown state, and is dropped.
        let result = result.map_err(|_| silent(STEP_TIMEOUT))?;
        if !open.client.is_closed() {
            *session = Some(open);
        }
        result
    }
}

impl Driver for PostgresWriter {
    fn script(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.with_session(async |session| session.client.batch_execute(sql).await.map_err(|e| trouble_of(&e)))
    }

    fn transaction(&mut self, step: Step) -> Result<(), DatabaseError> {
        if step == Step::Rollback && (self.session.is_none() || !self.in_transaction) {
            // A session that is gone has rolled back by itself.
            self.in_transaction = false;
            return Ok(());
        }
        let sql = match step {
            Step::Begin => "BEGIN",
            Step::Commit => "COMMIT",
            Step::Rollback => "ROLLBACK",
        };
        let result = self.script(sql);
        self.in_transaction = match step {
            Step::Begin => result.is_ok(),
            Step::Commit => result.is_err(),
            Step::Rollback => false,
        };
        result
    }

    fn execute(&mut self, sql: &'static str, rows: &[Vec<Value<'_>>]) -> Result<Vec<u64>, DatabaseError> {
        self.with_session(async |session| session.execute(sql, rows).await)
    }

    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        self.with_session(async |session| session.query(sql, values).await)
    }

    fn size(&mut self) -> Result<Size, DatabaseError> {
        let rows = self.query(&on_disk_sql(), &[])?;
        let on_disk = match rows.first().and_then(|row| row.first()) {
            Some(Cell::Int(bytes)) => u64::try_from(*bytes).unwrap_or(0),
            _ => 0,
        };
        Ok(Size { on_disk, used: on_disk })
    }

    fn reclaim(&mut self) -> Result<(), DatabaseError> {
        // The server's own vacuum does it; the schema tells it to come often.
        Ok(())
    }
}

/// The question for the bytes of our tables, their indexes and what is stored beside them.
pub(crate) fn on_disk_sql() -> String {
    format!(
        "SELECT CAST(COALESCE(SUM(pg_total_relation_size(oid)), 0) AS BIGINT) FROM pg_class
         WHERE relkind = 'r' AND relname IN ({TABLES}) AND relnamespace = current_schema()::regnamespace"
    )
}

/// Sessions that read, opened as they are needed, on the runtime of whoever asks.
#[derive(Clone)]
pub(crate) struct PostgresReaders {
    config: Arc<Config>,
    idle: Arc<Mutex<Vec<Session>>>,
    permits: Arc<Semaphore>,
}

impl PostgresReaders {
    pub(crate) fn new(config: Config) -> Self {
        Self { config: Arc::new(config), idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Asks once. Waiting for a place and for a session is a part of the time it has.
    pub(crate) async fn query(&self, sql: &str, values: &[Cell]) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        within(READ_TIMEOUT, self.query_in_turn(sql, values)).await
    }

    async fn query_in_turn(&self, sql: &str, values: &[Cell]) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        let closed = |_| DatabaseError { trouble: Trouble::Lasting, message: "the store is closed".to_owned() };
        let _permit = self.permits.acquire().await.map_err(closed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut session = match idle {
            Some(open) if !open.client.is_closed() => open,
            _ => Session::connect(&self.config).await?,
        };
        let values: Vec<Value<'_>> = values.iter().map(Cell::as_value).collect();
        let rows = session.query(sql, &values).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        Ok(rows)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match *self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(ty, out),
            // The server takes any character but NUL; one such record must not fail its whole batch.
            Self::Text(text) if text.contains('\0') => text.replace('\0', "\u{fffd}").to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Blob(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}

fn cells_of(row: &Row) -> Vec<Cell> {
    (0..row.len()).map(|column| cell_of(row, column).unwrap_or(Cell::Null)).collect()
}

fn cell_of(row: &Row, column: usize) -> Option<Cell> {
    match *row.columns().get(column)?.type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(column).ok()?.map(Cell::Int),
        Type::TEXT => row.try_get::<_, Option<String>>(column).ok()?.map(Cell::Text),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(column).ok()?.map(Cell::Blob),
        _ => None,
    }
}

fn trouble_of(error: &tokio_postgres::Error) -> DatabaseError {
    let Some(refusal) = error.as_db_error() else {
        let mut message = error.to_string();
        if let Some(cause) = std::error::Error::source(error) {
            message = format!("{message}: {cause}");
        }
        return DatabaseError { trouble: Trouble::Passing, message };
    };
    let code = refusal.code();
    // Classes: 08 connection, 40 rolled back by concurrency, 55 not available, 57 operator or shutdown, 53 resources.
    let passing = ["08", "40", "55", "57", "53"].iter().any(|class| code.code().starts_with(class));
    let trouble = match code {
        _ if *code == SqlState::DISK_FULL => Trouble::Full,
        _ if passing => Trouble::Passing,
        _ => Trouble::Lasting,
    };
    DatabaseError { trouble, message: format!("{} ({})", refusal.message(), code.code()) }
}
