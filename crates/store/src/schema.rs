//! The schema and its versions. Migrations run when the store is opened, in one transaction each.
//!
//! They are written in SQLite's words; PostgreSQL gets the same text with its own name for bytes. A published migration
//! is never edited: a change is a new one.

use crate::StoreError;
use crate::driver::{DatabaseError, Driver, Step};
use crate::value::{Cell, Value};

/// Which words the DDL is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// One step of the schema.
struct Migration {
    /// For both engines, in SQLite's words.
    both: &'static str,
    /// What only PostgreSQL needs, after it.
    postgres: &'static str,
}

/// Version n is the n-th of these, counted from 1.
const MIGRATIONS: &[Migration] = &[Migration {
    both: include_str!("../migrations/0001_records.sql"),
    postgres: include_str!("../migrations/0001_postgres.sql"),
}];

/// The newest version that this build knows.
#[expect(clippy::cast_possible_wrap, reason = "there are few migrations")]
pub(crate) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// Brings the schema up to date.
pub(crate) fn migrate(driver: &mut dyn Driver, dialect: Dialect) -> Result<(), StoreError> {
    let doing = |source| StoreError::Database { doing: "migrate the schema", source };
    driver.transaction(Step::Begin).map_err(doing)?;
    let result = migrate_inside(driver, dialect);
    let end = if result.is_ok() { Step::Commit } else { Step::Rollback };
    driver.transaction(end).map_err(doing)?;
    result
}

fn migrate_inside(driver: &mut dyn Driver, dialect: Dialect) -> Result<(), StoreError> {
    let doing = |source| StoreError::Database { doing: "migrate the schema", source };
    if dialect == Dialect::Postgres {
        // Two gateways that start at once must not both migrate.
        driver.script("SELECT pg_advisory_xact_lock(7306938163427)").map_err(doing)?;
    }
    driver.script("CREATE TABLE IF NOT EXISTS steersman_schema (version BIGINT NOT NULL)").map_err(doing)?;
    let found = version(driver).map_err(doing)?;
    check_version(found)?;
    for (number, migration) in (1..).zip(MIGRATIONS) {
        if number > found {
            driver.script(&in_words_of(dialect, migration)).map_err(doing)?;
            driver.execute("DELETE FROM steersman_schema", &[vec![]]).map_err(doing)?;
            driver
                .execute("INSERT INTO steersman_schema (version) VALUES ($1)", &[vec![Value::Int(number)]])
                .map_err(doing)?;
        }
    }
    Ok(())
}

/// Refuses what a newer version wrote.
pub(crate) const fn check_version(found: i64) -> Result<(), StoreError> {
    if found > NEWEST { Err(StoreError::NewerSchema { found, known: NEWEST }) } else { Ok(()) }
}

/// The question that [`version_from`] answers.
pub(crate) const VERSION_SQL: &str = "SELECT version FROM steersman_schema";

fn version(driver: &mut dyn Driver) -> Result<i64, DatabaseError> {
    Ok(version_from(&driver.query(VERSION_SQL, &[])?))
}

/// The version among the rows; 0 for a new database.
pub(crate) fn version_from(rows: &[Vec<Cell>]) -> i64 {
    match rows.first().and_then(|row| row.first()) {
        Some(Cell::Int(version)) => *version,
        _ => 0,
    }
}

fn in_words_of(dialect: Dialect, migration: &Migration) -> String {
    match dialect {
        Dialect::Sqlite => migration.both.to_owned(),
        // Texts compare by bytes, as in SQLite: ids must sort by time in any locale.
        Dialect::Postgres => {
            let both = migration.both.replace(" BLOB", " BYTEA").replace(" WITHOUT ROWID", "");
            both.replace(" TEXT", " TEXT COLLATE \"C\"") + migration.postgres
        }
    }
}
