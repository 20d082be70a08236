//! Retention: the oldest go when the store is larger or older than it may be, in small steps between batches.
//!
//! Requests go in the order of their ids, which is the order of time; then the bodies that nobody refers to any more,
//! which their `until_ms` tells. SQLite's own pages say how full the store is. PostgreSQL cannot say what is free
//! inside its files, so there the sum of what was written for the requests still kept is held against the limit.

use std::time::{Duration, Instant};

use steersman_core::RequestId;

use crate::Retention;
use crate::driver::{DatabaseError, Driver, Step};
use crate::name::time_of;
use crate::schema::Dialect;
use crate::sqlite::FileLimits;
use crate::value::{Cell, Value};

/// Requests, or bodies, that one step deletes.
const STEP_ROWS: i64 = 256;
/// Minutes are kept for three days, hours for ninety, days for ten years: charts of a longer range are coarser anyway.
const ROLLUP_DAYS: [(i64, i64); 3] = [(60, 3), (3_600, 90), (86_400, 3_650)];
/// How often age is looked at; size is looked at after every batch.
const AGE_INTERVAL: Duration = Duration::from_secs(10);
/// On PostgreSQL: how often the sum is taken, and how much of the limit live rows may fill before a deletion and after
/// it. The rest is for space that waits for the server's vacuum.
const SUM_INTERVAL: Duration = Duration::from_secs(1);
const LIVE_SHARE_PER_CENT: u64 = 60;
const DRAINED_SHARE_PER_CENT: u64 = 57;

/// Keeps the store inside its limits.
pub(crate) struct Keeper {
    retention: Retention,
    dialect: Dialect,
    age_due: Instant,
    sum_due: Instant,
    draining: bool,
}

/// The request that goes first.
pub(crate) const OLDEST_SQL: &str = "SELECT id FROM requests ORDER BY id LIMIT 1";

impl Keeper {
    pub(crate) fn new(retention: Retention, dialect: Dialect) -> Self {
        let now = Instant::now();
        Self { retention, dialect, age_due: now, sum_due: now, draining: false }
    }

    /// Deletes what must go so that `incoming` more bytes have room. Each step is a transaction of its own.
    pub(crate) fn make_room(&mut self, driver: &mut dyn Driver, incoming: u64) -> Result<(), DatabaseError> {
        if self.retention.max_bytes.is_some() {
            while self.excess(driver, incoming)? > 0 {
                if !delete_oldest(driver)? {
                    break;
                }
            }
        }
        if Instant::now() >= self.age_due {
            self.age_due = Instant::now() + AGE_INTERVAL;
            self.delete_aged(driver)?;
        }
        driver.reclaim()
    }

    /// Bytes by which the store will be over its limit.
    fn excess(&mut self, driver: &mut dyn Driver, incoming: u64) -> Result<u64, DatabaseError> {
        let Some(max_bytes) = self.retention.max_bytes else { return Ok(0) };
        match self.dialect {
            Dialect::Sqlite => {
                let limit = FileLimits::of(max_bytes).database_bytes;
                // A thirty-second stays free for what one batch takes beyond its estimate.
                Ok((driver.size()?.used + incoming).saturating_sub(limit - limit / 32))
            }
            Dialect::Postgres => {
                if Instant::now() < self.sum_due {
                    return Ok(0);
                }
                let share = if self.draining { DRAINED_SHARE_PER_CENT } else { LIVE_SHARE_PER_CENT };
                let excess = (live_bytes(driver)? + incoming).saturating_sub(max_bytes / 100 * share);
                self.draining = excess > 0;
                if !self.draining {
                    self.sum_due = Instant::now() + SUM_INTERVAL;
                }
                Ok(excess)
            }
        }
    }

    fn delete_aged(&self, driver: &mut dyn Driver) -> Result<(), DatabaseError> {
        let now_s = crate::runs::now_us() / 1_000_000;
        if let Some(days) = self.retention.max_days {
            let before_s = u64::try_from(now_s - i64::from(days) * 86_400).unwrap_or(0);
            let bound = RequestId::from_parts(before_s * 1_000, [0; 10]);
            while oldest(driver)?.is_some_and(|oldest| oldest < bound) {
                delete_step(driver, Some(&bound))?;
            }
        }
        let rows: Vec<_> = ROLLUP_DAYS
            .map(|(tier_s, days)| vec![Value::Int(tier_s), Value::Int(now_s - days * 86_400)])
            .into_iter()
            .collect();
        driver.execute("DELETE FROM rollups WHERE tier_s = $1 AND start_s < $2", &rows)?;
        Ok(())
    }
}

fn oldest(driver: &mut dyn Driver) -> Result<Option<RequestId>, DatabaseError> {
    let rows = driver.query(OLDEST_SQL, &[])?;
    Ok(match rows.first().map(Vec::as_slice) {
        Some([Cell::Text(id)]) => RequestId::parse(id),
        _ => None,
    })
}

/// Deletes a step of the oldest; when no request remains, the oldest rollups of minutes. `false`: nothing is left to
/// delete.
fn delete_oldest(driver: &mut dyn Driver) -> Result<bool, DatabaseError> {
    if delete_step(driver, None)? > 0 {
        return Ok(true);
    }
    let rows = driver.query("SELECT MIN(start_s) FROM rollups WHERE tier_s = 60", &[])?;
    let Some([Cell::Int(start_s)]) = rows.first().map(Vec::as_slice) else { return Ok(false) };
    let sql = "DELETE FROM rollups WHERE tier_s = 60 AND start_s = $1";
    Ok(driver.execute(sql, &[vec![Value::Int(*start_s)]])?.iter().sum::<u64>() > 0)
}

/// Deletes the oldest requests (all of them before `bound`) with their attempts, then packs and bodies that nobody
/// refers to. Says how many rows went.
fn delete_step(driver: &mut dyn Driver, bound: Option<&RequestId>) -> Result<u64, DatabaseError> {
    driver.transaction(Step::Begin)?;
    let result = delete_step_inside(driver, bound);
    driver.transaction(if result.is_ok() { Step::Commit } else { Step::Rollback })?;
    result
}

fn delete_step_inside(driver: &mut dyn Driver, bound: Option<&RequestId>) -> Result<u64, DatabaseError> {
    let sql = "SELECT MAX(id) FROM (SELECT id FROM requests ORDER BY id LIMIT $1) AS oldest";
    let last = match driver.query(sql, &[Value::Int(STEP_ROWS)])?.into_iter().flatten().next() {
        Some(Cell::Text(last)) => Some(last),
        _ => None,
    };
    let mut deleted = 0;
    if let Some(last) = last {
        // Up to and including the last of this step, or up to the bound.
        let end = format!("{last}~");
        let end = bound.map_or(end.as_str(), |bound| bound.as_str().min(end.as_str()));
        for sql in ["DELETE FROM attempts WHERE request_id < $1", "DELETE FROM requests WHERE id < $1"] {
            deleted += driver.execute(sql, &[vec![Value::Text(end)]])?.iter().sum::<u64>();
        }
    }
    Ok(deleted + delete_texts(driver)?)
}

fn delete_texts(driver: &mut dyn Driver) -> Result<u64, DatabaseError> {
    // With no request left, bodies that may still be asked for stay until their time is over.
    let now_ms = crate::runs::now_us() / 1_000;
    let kept_from_ms = oldest(driver)?.map_or(now_ms, |id| i64::try_from(id.unix_millis()).unwrap_or(now_ms));
    let packs = "DELETE FROM packs WHERE id IN (SELECT id FROM packs WHERE id < $1 ORDER BY id LIMIT $2)";
    let time = time_of(kept_from_ms);
    // A slow gateway has a pack for each request.
    let mut deleted: u64 = driver.execute(packs, &[vec![Value::Blob(&time), Value::Int(STEP_ROWS * 2)]])?.iter().sum();
    let bodies = "DELETE FROM bodies WHERE hash IN
        (SELECT hash FROM bodies WHERE until_ms < $1 ORDER BY until_ms LIMIT $2)";
    // Two bodies a request, as many again for those of failed attempts, and long ones in a dozen parts.
    let row = vec![Value::Int(kept_from_ms), Value::Int(STEP_ROWS * 16)];
    deleted += driver.execute(bodies, &[row])?.iter().sum::<u64>();
    Ok(deleted)
}

/// What was written for the requests still kept, from the rollups of the days since the oldest of them.
fn live_bytes(driver: &mut dyn Driver) -> Result<u64, DatabaseError> {
    let Some(oldest) = oldest(driver)? else { return Ok(0) };
    let from_s = i64::try_from(oldest.unix_millis() / 1_000).unwrap_or(i64::MAX);
    // Whole days after the first, whole hours of the first day, whole minutes of the first hour.
    let day = from_s - from_s.rem_euclid(86_400) + 86_400;
    let hour = from_s - from_s.rem_euclid(3_600) + 3_600;
    let minute = from_s - from_s.rem_euclid(60);
    let sql = "SELECT CAST(COALESCE(SUM(stored_bytes), 0) AS BIGINT) FROM rollups
        WHERE (tier_s = 86400 AND start_s >= $1) OR (tier_s = 3600 AND start_s >= $2 AND start_s < $1)
            OR (tier_s = 60 AND start_s >= $3 AND start_s < $2)";
    let rows = driver.query(sql, &[Value::Int(day), Value::Int(hour), Value::Int(minute)])?;
    Ok(match rows.first().map(Vec::as_slice) {
        Some([Cell::Int(bytes)]) => u64::try_from(*bytes).unwrap_or(0),
        _ => 0,
    })
}
