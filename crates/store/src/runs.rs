//! Runs: each process that writes leaves a row that says what became of the records offered to it.
//!
//! The row is brought up to date in the transaction of each batch, so `written` is exactly what the database holds. A
//! process that was killed is settled by the next one: what its mark counted as accepted, less what was written and
//! what had failed, was lost. Exact, but for records being pushed at the very moment of the kill (one a thread at
//! most).

use std::time::{SystemTime, UNIX_EPOCH};

use crate::driver::{DatabaseError, Driver};
use crate::mark::Left;
use crate::rows::RecorderStats;
use crate::value::{Cell, Value};

/// This process's row.
pub(crate) struct Run {
    pub(crate) id: String,
    /// Batches committed; the database's own count decides whether a commit with a lost answer took place.
    batches: i64,
}

/// Now, in microseconds since the Unix epoch.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn name_of(run: u64) -> String {
    format!("{run:016x}")
}

impl Run {
    /// Adds this process's row.
    pub(crate) fn begin(driver: &mut dyn Driver, run: u64) -> Result<Self, DatabaseError> {
        let id = name_of(run);
        let sql = "INSERT INTO runs (id, started_at_us, batch, accepted, written, dropped, failed, lost_by_kill)
            VALUES ($1, $2, 0, 0, 0, 0, 0, 0)";
        driver.execute(sql, &[vec![Value::Text(&id), Value::Int(now_us())]])?;
        Ok(Self { id, batches: 0 })
    }

    /// Notes the counts as they will be when the open transaction commits `new` more records.
    pub(crate) fn note(&self, driver: &mut dyn Driver, stats: &RecorderStats, new: u64) -> Result<(), DatabaseError> {
        let sql = "UPDATE runs SET batch = $1, accepted = $2, written = $3, dropped = $4, failed = $5 WHERE id = $6";
        let row = vec![
            Value::Int(self.batches + 1),
            Value::count(stats.accepted),
            Value::count(stats.written + new),
            Value::count(stats.dropped),
            Value::count(stats.failed),
            Value::Text(&self.id),
        ];
        driver.execute(sql, &[row]).map(drop)
    }

    /// The batch was committed.
    pub(crate) fn committed(&mut self) {
        self.batches += 1;
    }

    /// Whether a commit whose answer was lost took place after all, and how many records are written by now.
    pub(crate) fn commit_took_place(&self, driver: &mut dyn Driver) -> Result<Option<u64>, DatabaseError> {
        let rows = driver.query("SELECT batch, written FROM runs WHERE id = $1", &[Value::Text(&self.id)])?;
        Ok(match rows.first().map(Vec::as_slice) {
            Some([Cell::Int(batch), Cell::Int(written)]) if *batch > self.batches => u64::try_from(*written).ok(),
            _ => None,
        })
    }

    /// Ends the row: nothing of this process is lost from here on.
    pub(crate) fn end(&self, driver: &mut dyn Driver, stats: &RecorderStats) -> Result<(), DatabaseError> {
        let sql = "UPDATE runs SET ended_at_us = $1, accepted = $2, dropped = $3, failed = $4 WHERE id = $5";
        let row = vec![
            Value::Int(now_us()),
            Value::count(stats.accepted),
            Value::count(stats.dropped),
            Value::count(stats.failed),
            Value::Text(&self.id),
        ];
        driver.execute(sql, &[row]).map(drop)
    }
}

/// Settles the run that a mark speaks of, if it never ended.
pub(crate) fn settle(driver: &mut dyn Driver, left: Left) -> Result<(), DatabaseError> {
    let id = name_of(left.run);
    let rows = driver.query("SELECT written FROM runs WHERE id = $1 AND ended_at_us IS NULL", &[Value::Text(&id)])?;
    let Some([Cell::Int(written)]) = rows.first().map(Vec::as_slice) else { return Ok(()) };
    let written = u64::try_from(*written).unwrap_or(0);
    let lost = left.accepted.saturating_sub(written).saturating_sub(left.failed);
    let sql = "UPDATE runs SET ended_at_us = $1, accepted = $2, dropped = $3, failed = $4, lost_by_kill = $5
        WHERE id = $6 AND ended_at_us IS NULL";
    let row = vec![
        Value::Int(now_us()),
        Value::count(left.accepted),
        Value::count(left.dropped),
        Value::count(left.failed),
        Value::count(lost),
        Value::Text(&id),
    ];
    driver.execute(sql, &[row]).map(drop)
}

/// Settles runs without a mark by what their last batch noted: a lower bound. Only where no other process may be
/// writing.
pub(crate) fn settle_abandoned(driver: &mut dyn Driver) -> Result<(), DatabaseError> {
    let sql = "UPDATE runs SET ended_at_us = $1, lost_by_kill = accepted - written - failed WHERE ended_at_us IS NULL";
    driver.execute(sql, &[vec![Value::Int(now_us())]]).map(drop)
}

/// A random id for a run, never 0.
pub(crate) fn new_id() -> u64 {
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("invariant: the operating system hands out random bytes");
    u64::from_le_bytes(random).max(1)
}
