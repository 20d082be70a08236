//! The schema and its versions. Migrations run when the store is opened, in one transaction each.
//!
//! They are written in SQLite's words; PostgreSQL gets the same text with its own name for bytes. A published migration
//! is never edited: a change is a new one.

use crate::StoreError;
use crate::driver::{Driver, Step};
use crate::value::Cell;

/// Which words the DDL is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// One step of the schema.
pub(crate) struct Migration {
    /// For both engines, in SQLite's words.
    pub(crate) both: &'static str,
    /// What only PostgreSQL needs, after it.
    pub(crate) postgres: &'static str,
}

/// A set of tables that grow together, with a table for their version. Version n is the n-th step, counted from 1.
pub(crate) struct Schema {
    version_table: &'static str,
    steps: &'static [Migration],
}

/// Requests and what belongs to them.
pub(crate) static RECORDS: Schema = Schema {
    version_table: "steersman_schema",
    steps: &[
        Migration {
            both: include_str!("../migrations/0001_records.sql"),
            postgres: include_str!("../migrations/0001_postgres.sql"),
        },
        Migration { both: include_str!("../migrations/0002_notes.sql"), postgres: "" },
        Migration { both: include_str!("../migrations/0003_parts.sql"), postgres: "" },
        Migration {
            both: include_str!("../migrations/0004_packs.sql"),
            postgres: include_str!("../migrations/0004_postgres.sql"),
        },
        Migration { both: include_str!("../migrations/0005_guarded.sql"), postgres: "" },
    ],
};

/// Keys, approvals, effects: what must be durable before anyone sees it.
pub(crate) static STATE: Schema = Schema { version_table: "steersman_state_schema", steps: crate::state::MIGRATIONS };

impl Schema {
    /// The newest version that this build knows.
    pub(crate) fn newest(&self) -> i64 {
        i64::try_from(self.steps.len()).unwrap_or(i64::MAX)
    }

    /// The question that [`Schema::check`] judges the answer of.
    pub(crate) fn version_sql(&self) -> String {
        format!("SELECT version FROM {}", self.version_table)
    }

    /// The version among the rows, 0 for a new database; refuses what a newer build wrote.
    pub(crate) fn check(&self, rows: &[Vec<Cell>]) -> Result<i64, StoreError> {
        let found = match rows.first().and_then(|row| row.first()) {
            Some(Cell::Int(version)) => *version,
            _ => 0,
        };
        if found > self.newest() { Err(StoreError::NewerSchema { found, known: self.newest() }) } else { Ok(found) }
    }
}

/// Brings a schema up to date.
pub(crate) fn migrate(driver: &mut dyn Driver, dialect: Dialect, schema: &Schema) -> Result<(), StoreError> {
    let doing = |source| StoreError::Database { doing: "migrate the schema", source };
    driver.transaction(Step::Begin).map_err(doing)?;
    let result = migrate_inside(driver, dialect, schema);
    let end = if result.is_ok() { Step::Commit } else { Step::Rollback };
    driver.transaction(end).map_err(doing)?;
    result
}

fn migrate_inside(driver: &mut dyn Driver, dialect: Dialect, schema: &Schema) -> Result<(), StoreError> {
    let doing = |source| StoreError::Database { doing: "migrate the schema", source };
    let table = schema.version_table;
    if dialect == Dialect::Postgres {
        // Two gateways that start at once must not both migrate.
        driver.script("SELECT pg_advisory_xact_lock(7306938163427)").map_err(doing)?;
    }
    driver.script(&format!("CREATE TABLE IF NOT EXISTS {table} (version BIGINT NOT NULL)")).map_err(doing)?;
    let found = schema.check(&driver.query(&schema.version_sql(), &[]).map_err(doing)?)?;
    for (number, migration) in (1..).zip(schema.steps) {
        if number > found {
            driver.script(&in_words_of(dialect, migration)).map_err(doing)?;
            let noted = format!("DELETE FROM {table}; INSERT INTO {table} (version) VALUES ({number})");
            driver.script(&noted).map_err(doing)?;
        }
    }
    Ok(())
}

fn in_words_of(dialect: Dialect, migration: &Migration) -> String {
    match dialect {
        Dialect::Sqlite => migration.both.to_owned(),
        // Texts compare by bytes, as in SQLite: ids must sort by time in any locale.
        Dialect::Postgres => {
            let both = migration.both.replace(" BLOB", " BYTEA").replace(" WITHOUT ROWID", "");
            decode_hex(&both).replace(" TEXT", " TEXT COLLATE \"C\"") + migration.postgres
        }
    }
}

/// `unhex(NAME)` as PostgreSQL says it.
fn decode_hex(sql: &str) -> String {
    let mut parts = sql.split("unhex(");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |said, part| match part.split_once(')') {
        Some((name, rest)) => format!("{said}decode({name}, 'hex'){rest}"),
        None => said + part,
    })
}
