//! Answers that are given again to the same request, what tasks saved by them, and the bound on both.
//!
//! An answer is kept under the hash of its request until its time is over or newer ones take its bytes. Cost: one
//! durable commit for all that a gateway kept in half a second, one question for an answer that is not in memory.

use super::{Migration, State};
use crate::StoreError;
use crate::driver::{DatabaseError, Driver};
use crate::value::{Cell, Fields, Value};

pub(super) const MIGRATION: Migration =
    Migration { both: include_str!("../../migrations/state_0006_cache.sql"), postgres: "" };

/// The largest body that is read back.
const MAX_BODY_BYTES: usize = 8 << 20;
/// How many answers are looked at in one transaction when some are to be forgotten.
const FORGET_ROWS: usize = 4_096;
const FORGET_PAGE: &str =
    "SELECT key, about FROM state_answers WHERE key > $1 AND kept_at_us <= $2 ORDER BY key LIMIT 4096";
/// For how many days what tasks saved is known.
const TALLY_DAYS: usize = 400;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// The hash of its request, in hex.
    pub key: String,
    /// When it was kept, in microseconds since the Unix epoch.
    pub kept_at_us: i64,
    /// Until when it is good.
    pub good_until_us: i64,
    /// What is known of it, JSON.
    pub about: String,
    /// What the client received; compressed on disk.
    pub body: Vec<u8>,
}

/// What one task's answers did in one day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TallyRow {
    /// The day, `2026-11-27` (UTC).
    pub day: String,
    /// The task.
    pub task: String,
    /// Requests that got an answer that was kept.
    pub hits: u64,
    /// Requests that did not.
    pub misses: u64,
    /// What the hits would have cost, in nano-dollars.
    pub saved: i64,
    /// The tokens that they would have taken.
    pub saved_tokens: u64,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AnswersHeld {
    /// Answers.
    pub answers: u64,
    /// Their bytes, compressed.
    pub bytes: u64,
}

impl State {
    /// Keeps answers, adds to what tasks did, and deletes what is good no longer and the oldest beyond `max_bytes`.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn keep_answers(
        &self,
        answers: Vec<AnswerRow>,
        tallies: Vec<TallyRow>,
        max_bytes: u64,
        now_us: i64,
    ) -> Result<(), StoreError> {
        let packed = answers.iter().map(|row| zstd::bulk::compress(&row.body, 3)).collect::<Result<Vec<_>, _>>();
        let packed = packed.map_err(|source| StoreError::File { path: "zstd".into(), source })?;
        let work = move |driver: &mut dyn Driver| {
            keep(driver, &answers, &packed)?;
            tally(driver, &tallies)?;
            bound(driver, max_bytes, now_us)
        };
        self.apply("keep answers", work).await
    }

    /// The answer to the request with this hash; `None` if there is none.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn answer(&self, key: &str) -> Result<Option<AnswerRow>, StoreError> {
        let key = key.to_owned();
        let sql = "SELECT key, kept_at_us, good_until_us, about, body FROM state_answers WHERE key = $1";
        let rows = self.ask("read an answer", move |driver| driver.query(sql, &[Value::Text(&key)])).await?;
        rows.into_iter().next().map(answer).transpose()
    }

    /// Hash, time and end of what was kept since then and is still good, the newest first, at most a quarter million.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn answers_since(&self, since_us: i64, now_us: i64) -> Result<Vec<(String, i64, i64)>, StoreError> {
        let sql = "SELECT key, kept_at_us, good_until_us FROM state_answers
            WHERE kept_at_us >= $1 AND good_until_us > $2 ORDER BY kept_at_us DESC LIMIT 262144";
        let rows = self
            .ask("list answers", move |driver| driver.query(sql, &[Value::Int(since_us), Value::Int(now_us)]))
            .await?;
        let listed = |cells| {
            let mut fields = Fields::new("answer", cells);
            Ok((fields.text()?, fields.int()?, fields.int()?))
        };
        rows.into_iter().map(listed).collect()
    }

    /// Deletes the answers up to a moment of which `is_meant` says so by what is known of each; gives how many. Cost:
    /// one question and one durable commit a page, so that nothing else waits for all of them.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn forget_answers(&self, until_us: i64, is_meant: impl Fn(&str) -> bool) -> Result<u64, StoreError> {
        let (mut last, mut forgotten) = (String::new(), 0);
        loop {
            let after = last.clone();
            let page =
                move |driver: &mut dyn Driver| driver.query(FORGET_PAGE, &[Value::Text(&after), Value::Int(until_us)]);
            let mut meant = Vec::new();
            let rows = self.ask("list answers", page).await?;
            let is_last = rows.len() < FORGET_ROWS;
            for cells in rows {
                let mut fields = Fields::new("answer", cells);
                last = fields.text()?;
                if is_meant(&fields.text()?) {
                    meant.push(last.clone());
                }
            }
            if !meant.is_empty() {
                let sql = "DELETE FROM state_answers WHERE key = $1 AND kept_at_us <= $2";
                let work = move |driver: &mut dyn Driver| {
                    let rows: Vec<_> = meant.iter().map(|key| vec![Value::Text(key), Value::Int(until_us)]).collect();
                    driver.execute(sql, &rows)
                };
                forgotten += self.apply("forget answers", work).await?.iter().sum::<u64>();
            }
            if is_last {
                return Ok(forgotten);
            }
        }
    }

    /// What tasks saved from this day on, the newest day first, and how much is kept.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn answers_report(&self, since_day: &str) -> Result<(Vec<TallyRow>, AnswersHeld), StoreError> {
        let day = since_day.to_owned();
        let sql = "SELECT day, task, hits, misses, saved, saved_tokens FROM state_answer_tallies
            WHERE day >= $1 ORDER BY day DESC, task LIMIT 100000";
        let count = "SELECT COUNT(*), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM state_answers";
        let work =
            move |driver: &mut dyn Driver| Ok((driver.query(sql, &[Value::Text(&day)])?, driver.query(count, &[])?));
        let (rows, held) = self.ask("read what answers saved", work).await?;
        let held = held.into_iter().next().map(|cells| {
            let mut fields = Fields::new("answers", cells);
            Ok::<_, StoreError>(AnswersHeld { answers: fields.number()?, bytes: fields.number()? })
        });
        Ok((rows.into_iter().map(tally_row).collect::<Result<_, _>>()?, held.transpose()?.unwrap_or_default()))
    }
}

fn keep(driver: &mut dyn Driver, answers: &[AnswerRow], packed: &[Vec<u8>]) -> Result<(), DatabaseError> {
    let sql = "INSERT INTO state_answers (key, kept_at_us, good_until_us, bytes, about, body)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (key) DO UPDATE SET kept_at_us = excluded.kept_at_us, good_until_us = excluded.good_until_us,
             bytes = excluded.bytes, about = excluded.about, body = excluded.body";
    let rows: Vec<_> = answers.iter().zip(packed).map(|(answer, body)| answer.values(body)).collect();
    if rows.is_empty() { Ok(()) } else { driver.execute(sql, &rows).map(drop) }
}

fn tally(driver: &mut dyn Driver, tallies: &[TallyRow]) -> Result<(), DatabaseError> {
    let sql = "INSERT INTO state_answer_tallies (day, task, hits, misses, saved, saved_tokens)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (day, task) DO UPDATE SET hits = state_answer_tallies.hits + excluded.hits,
             misses = state_answer_tallies.misses + excluded.misses, saved = state_answer_tallies.saved + excluded.saved,
             saved_tokens = state_answer_tallies.saved_tokens + excluded.saved_tokens";
    let rows: Vec<_> = tallies.iter().map(TallyRow::values).collect();
    if rows.is_empty() { Ok(()) } else { driver.execute(sql, &rows).map(drop) }
}

impl AnswerRow {
    fn values<'a>(&'a self, packed: &'a [u8]) -> Vec<Value<'a>> {
        let bytes = packed.len() + self.about.len() + self.key.len();
        vec![
            Value::Text(&self.key),
            Value::Int(self.kept_at_us),
            Value::Int(self.good_until_us),
            Value::count(bytes as u64),
            Value::Text(&self.about),
            Value::Blob(packed),
        ]
    }
}

impl TallyRow {
    fn values(&self) -> Vec<Value<'_>> {
        vec![
            Value::Text(&self.day),
            Value::Text(&self.task),
            Value::count(self.hits),
            Value::count(self.misses),
            Value::Int(self.saved),
            Value::count(self.saved_tokens),
        ]
    }
}

/// Deletes what is good no longer, the oldest beyond the bound, and days that nobody looks at any more.
fn bound(driver: &mut dyn Driver, max_bytes: u64, now_us: i64) -> Result<(), DatabaseError> {
    let old = "DELETE FROM state_answers WHERE good_until_us <= $1";
    driver.execute(old, &[vec![Value::Int(now_us)]])?;
    let beyond = "DELETE FROM state_answers WHERE key IN (SELECT key FROM
            (SELECT key, CAST(SUM(bytes) OVER (ORDER BY kept_at_us DESC, key) AS BIGINT) AS running FROM state_answers) AS newest
         WHERE running > $1)";
    driver.execute(beyond, &[vec![Value::count(max_bytes)]])?;
    let days = "DELETE FROM state_answer_tallies WHERE day NOT IN
         (SELECT day FROM (SELECT DISTINCT day FROM state_answer_tallies ORDER BY day DESC LIMIT $1) AS newest)";
    driver.execute(days, &[vec![Value::count(TALLY_DAYS as u64)]]).map(drop)
}

fn answer(cells: Vec<Cell>) -> Result<AnswerRow, StoreError> {
    let mut fields = Fields::new("answer", cells);
    let (key, kept_at_us, good_until_us, about) = (fields.text()?, fields.int()?, fields.int()?, fields.text()?);
    let packed = fields.maybe_blob()?.unwrap_or_default();
    let body = zstd::bulk::decompress(&packed, MAX_BODY_BYTES).map_err(|_| fields.corrupt())?;
    Ok(AnswerRow { key, kept_at_us, good_until_us, about, body })
}

fn tally_row(cells: Vec<Cell>) -> Result<TallyRow, StoreError> {
    let mut fields = Fields::new("tally", cells);
    Ok(TallyRow {
        day: fields.text()?,
        task: fields.text()?,
        hits: fields.number()?,
        misses: fields.number()?,
        saved: fields.int()?,
        saved_tokens: fields.number()?,
    })
}
