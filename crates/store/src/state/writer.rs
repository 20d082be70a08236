//! The state's one thread: gathers what waits, commits it together, and only then answers.
//!
//! A transaction that meets a lock or a lost connection is tried again, whole, for as long as a person would wait. Work
//! that arrives meanwhile joins it, and fails with it: it would wait for the same database. From then on each
//! transaction is tried once, until one succeeds. Pieces hardly ever fail by themselves, so they stand side by side
//! without savepoints, which cost two statements a piece; where one does fail, the transaction is made again with them,
//! and it fails alone.
//!
//! What never happens here: an answer before its commit.

use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

use super::{Migration, Work, state_path};
use crate::driver::{DatabaseError, Driver, Step, Trouble};
use crate::postgres::{PostgresWriter, config_of};
use crate::runs::new_id;
use crate::schema::{Dialect, STATE, migrate};
use crate::sqlite::SqliteWriter;
use crate::value::{Cell, Value};
use crate::{Engine, StoreError};

/// Pieces that share one transaction: more would only delay the first.
const MAX_TOGETHER: usize = 512;
/// How long a piece of work waits for a database that takes none.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

pub(super) const MIGRATION: Migration =
    Migration { both: include_str!("../../migrations/state_0001_commits.sql"), postgres: "" };

/// What became of each piece inside a transaction.
type Outcomes = Vec<Result<(), DatabaseError>>;

/// What stands between the pieces of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    Savepoints,
}

/// Pieces that share a transaction, and where more of them come from.
struct Group<'a> {
    pieces: Vec<Box<dyn Work>>,
    more: &'a Receiver<Waiting>,
    /// Since when its first piece waits.
    since: Instant,
}

impl Group<'_> {
    /// Takes in what came meanwhile.
    fn gather(&mut self) {
        while self.pieces.len() < MAX_TOGETHER
            && let Ok(next) = self.more.try_recv()
        {
            self.pieces.push(next.work);
        }
    }

    /// The n-th piece, with those that came meanwhile.
    fn piece(&mut self, n: usize) -> Option<&mut Box<dyn Work>> {
        self.gather();
        self.pieces.get_mut(n)
    }

    fn writes(&self) -> bool {
        self.pieces.iter().any(|work| work.writes())
    }
}

/// A piece of work in the queue.
pub(super) struct Waiting {
    pub(super) work: Box<dyn Work>,
    /// Since when it waits.
    pub(super) since: Instant,
}

/// The thread's state.
struct Writer {
    driver: Box<dyn Driver>,
    patience: Duration,
    /// The last group failed for want of a database: the next one is not tried again.
    down: bool,
    /// Random; names this process among those that share a database.
    id: String,
    /// Transactions committed so far.
    batch: u64,
}

/// Starts the thread; the answer comes when the state is open, or tells why it is not.
pub(super) fn start(
    engine: Engine,
    receiver: Receiver<Waiting>,
) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
    let (opened, answer) = oneshot::channel();
    let work = move || match open(&engine) {
        Ok(mut writer) => {
            if opened.send(Ok(())).is_ok() {
                writer.serve(&receiver);
            }
        }
        Err(error) => drop(opened.send(Err(error))),
    };
    let thread = thread::Builder::new().name("steersman-state".to_owned()).spawn(work);
    thread.map(|_| answer).map_err(|source| StoreError::File { path: "steersman-state".into(), source })
}

fn open(engine: &Engine) -> Result<Writer, StoreError> {
    let (mut driver, dialect): (Box<dyn Driver>, _) = match engine {
        Engine::Sqlite { path } => {
            let mut writer = SqliteWriter::open(&state_path(path), None)?;
            let durable = writer.script(DURABLE);
            durable.map_err(|source| StoreError::Database { doing: "make the state durable", source })?;
            (Box::new(writer), Dialect::Sqlite)
        }
        Engine::Postgres { url, .. } => (Box::new(PostgresWriter::open(config_of(url)?)?), Dialect::Postgres),
    };
    migrate(&mut *driver, dialect, &STATE)?;
    let old = vec![Value::Int(unix_millis() - MARK_DAYS * 86_400_000)];
    let forgotten = driver.execute("DELETE FROM state_commits WHERE at_ms < $1", &[old]);
    forgotten.map_err(|source| StoreError::Database { doing: "open the state", source })?;
    Ok(Writer { driver, patience: PATIENCE, down: false, id: format!("{:016x}", new_id()), batch: 0 })
}

impl Writer {
    /// Serves until the last handle is gone.
    fn serve(&mut self, receiver: &Receiver<Waiting>) {
        while let Ok(Waiting { work, since }) = receiver.recv() {
            let mut group = Group { pieces: vec![work], more: receiver, since };
            let committed = self.commit_patiently(&mut group);
            self.down = committed.as_ref().is_err_and(|error| error.trouble == Trouble::Passing);
            match committed {
                Ok(outcomes) => group.pieces.into_iter().zip(outcomes).for_each(|(work, outcome)| work.settle(outcome)),
                Err(error) => group.pieces.into_iter().for_each(|work| work.settle(Err(error.clone()))),
            }
        }
    }

    fn commit_patiently(&mut self, group: &mut Group<'_>) -> Result<Outcomes, DatabaseError> {
        let (mut pause, mut between) = (FIRST_PAUSE, Between::Nothing);
        loop {
            let mut outcomes = Vec::with_capacity(group.pieces.len());
            let Err(error) = self.commit(group, between, &mut outcomes) else { return Ok(outcomes) };
            // A transaction that cannot be rolled back is gone with its connection.
            drop(self.driver.transaction(Step::Rollback));
            let done = outcomes.len() == group.pieces.len();
            if done && group.writes() && self.took_place() {
                self.batch += 1;
                return Ok(outcomes);
            }
            if !done && between == Between::Nothing && error.trouble != Trouble::Passing {
                between = Between::Savepoints;
                continue;
            }
            if error.trouble != Trouble::Passing {
                return Err(error);
            }
            group.gather();
            if self.down || group.since.elapsed() >= self.patience {
                return Err(error);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One try: one transaction. Whoever fails in it, with nothing in between, fails all.
    fn commit(
        &mut self,
        group: &mut Group<'_>,
        between: Between,
        outcomes: &mut Outcomes,
    ) -> Result<(), DatabaseError> {
        let driver = &mut *self.driver;
        driver.transaction(Step::Begin)?;
        while let Some(work) = group.piece(outcomes.len()) {
            if between == Between::Savepoints {
                driver.script("SAVEPOINT piece")?;
            }
            let outcome = work.run(driver);
            match (&outcome, between) {
                (Ok(()), Between::Nothing) => {}
                (Ok(()), Between::Savepoints) => driver.script("RELEASE SAVEPOINT piece")?,
                (Err(error), Between::Savepoints) if error.trouble != Trouble::Passing => {
                    driver.script("ROLLBACK TO SAVEPOINT piece; RELEASE SAVEPOINT piece")?;
                }
                (Err(error), _) => return Err(error.clone()),
            }
            outcomes.push(outcome);
        }
        if !group.writes() {
            return driver.transaction(Step::Commit);
        }
        let next = vec![Value::Text(&self.id), Value::count(self.batch + 1), Value::Int(unix_millis())];
        driver.execute(MARK_SQL, &[next])?;
        driver.transaction(Step::Commit)?;
        self.batch += 1;
        Ok(())
    }

    /// Whether a commit whose answer was lost took place all the same.
    fn took_place(&mut self) -> bool {
        let sql = "SELECT batch FROM state_commits WHERE writer = $1";
        let Ok(rows) = self.driver.query(sql, &[Value::Text(&self.id)]) else { return false };
        let wanted = i64::try_from(self.batch + 1).unwrap_or(i64::MAX);
        rows.first().and_then(|row| row.first()) == Some(&Cell::Int(wanted))
    }
}

/// Every commit is synced. The log is copied into the database every 16 MiB of it, so that a page that changes in each
/// of many commits is copied once, and it stays below the size at which it would be cut and grown again.
const DURABLE: &str = "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4096; PRAGMA cache_size = -16384";

const MARK_SQL: &str = "INSERT INTO state_commits (writer, batch, at_ms) VALUES ($1, $2, $3)
    ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch, at_ms = excluded.at_ms";

/// Marks of processes that have not written for so long are of no use to anyone.
const MARK_DAYS: i64 = 7;

fn unix_millis() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::state::{Kind, Piece};

    type Answer = oneshot::Receiver<Result<(), DatabaseError>>;

    fn piece() -> (Waiting, Answer) {
        let (answer, answered) = oneshot::channel();
        let doing = |driver: &mut dyn Driver| driver.query("SELECT 1", &[]).map(drop);
        let work = Box::new(Piece { doing, kind: Kind::Changes, result: None, answer });
        (Waiting { work, since: Instant::now() }, answered)
    }

    #[test]
    fn what_waits_for_a_locked_database_fails_together_and_what_comes_after_it_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("steersman.db");
        let engine = Engine::Sqlite { path: path.clone() };
        drop(open(&engine).unwrap());
        let mut other = SqliteWriter::open(&state_path(&path), None).unwrap();
        let (sender, receiver) = sync_channel(64);
        let (opened, is_open) = sync_channel(1);
        let thread = thread::spawn(move || {
            let mut writer = open(&engine).unwrap();
            writer.patience = Duration::from_millis(500);
            opened.send(()).unwrap();
            writer.serve(&receiver);
        });
        is_open.recv().unwrap();
        other.transaction(Step::Begin).unwrap();
        let put = || {
            let (waiting, answered) = piece();
            sender.send(waiting).unwrap();
            answered
        };
        let begun = Instant::now();
        let waiting: Vec<Answer> = (0..20).map(|_| put()).collect();
        assert!(waiting.into_iter().all(|one| one.blocking_recv().unwrap().is_err()));
        assert!(begun.elapsed() < Duration::from_secs(5), "one after another: {:?}", begun.elapsed());
        let later = Instant::now();
        assert!(put().blocking_recv().unwrap().is_err());
        assert!(later.elapsed() < Duration::from_millis(500), "it is known to be down: {:?}", later.elapsed());
        other.transaction(Step::Rollback).unwrap();
        assert!(put().blocking_recv().unwrap().is_ok(), "it is there again");
        drop(sender);
        thread.join().unwrap();
    }
}
