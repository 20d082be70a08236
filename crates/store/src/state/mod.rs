//! Durable state: what must be on disk before anyone sees its id. Keys, approvals, effects, stored responses.
//!
//! One thread owns one connection. Whoever changes something hands it a piece of work; all pieces that wait share one
//! transaction, one that fails fails alone, and all hear of their result only after the commit. On SQLite the state
//! has a file of its own (`state.db`), synchronous in full, so that neither records nor retention stand in its way.
//!
//! A noun is one file here with its SQL and its operations, one file of DDL, and one line in `MIGRATIONS`. Each change
//! is one conditional statement (`UPDATE ... WHERE spent + held + $n <= cap`), never a read and then a write: several
//! gateways may share one PostgreSQL.
//!
//! Nobody waits without end for a database that does not answer: a question has its patience, and once the process ends
//! so has everything.
//!
//! What never happens here: a record of telemetry, a secret in the clear, an answer before its commit.

pub mod answers;
pub mod approvals;
pub mod budgets;
pub mod documents;
pub mod effects;
pub mod responses;
mod writer;

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::driver::{DatabaseError, Driver, Trouble};
use crate::schema::Migration;
use crate::sqlite::beside;
use crate::{Engine, StoreError};
use writer::{PATIENCE, Waiting};

/// The version n of the state's schema is the n-th of these, counted from 1.
pub(crate) const MIGRATIONS: &[Migration] = &[
    writer::MIGRATION,
    documents::MIGRATION,
    responses::MIGRATION,
    budgets::MIGRATION,
    effects::MIGRATION,
    answers::MIGRATION,
    effects::MIGRATION_2,
    documents::OWNERS,
];

/// How many pieces of work may wait; one more waits for a place.
const QUEUE: usize = 1_024;

/// A piece of work inside a transaction, and how its result goes back once the commit is known.
pub(crate) trait Work: Send {
    /// Does the work. An error undoes what it did and leaves the others alone.
    fn run(&mut self, driver: &mut dyn Driver) -> Result<(), DatabaseError>;
    /// Whether it changes anything: a commit of questions alone costs no sync.
    fn writes(&self) -> bool;
    /// Sends the result, or why there is none.
    fn settle(self: Box<Self>, committed: Result<(), DatabaseError>);
}

/// How long anything waits for the database once the process ends.
const CLOSING_PATIENCE: Duration = Duration::from_secs(3);

/// The state; cheap to clone.
#[derive(Clone)]
pub struct State {
    sender: mpsc::SyncSender<Waiting>,
    end: watch::Sender<End>,
}

/// How far the process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Far,
    Near,
    /// The database kept somebody waiting for too long at the end: nobody else waits for it.
    GivenUp,
}

/// Whether a piece of work changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Changes,
    Asks,
}

struct Piece<T, F> {
    doing: F,
    kind: Kind,
    result: Option<T>,
    answer: oneshot::Sender<Result<T, DatabaseError>>,
}

impl<T, F> Work for Piece<T, F>
where
    T: Send,
    F: FnMut(&mut dyn Driver) -> Result<T, DatabaseError> + Send,
{
    fn run(&mut self, driver: &mut dyn Driver) -> Result<(), DatabaseError> {
        self.result = Some((self.doing)(driver)?);
        Ok(())
    }

    fn writes(&self) -> bool {
        self.kind == Kind::Changes
    }

    fn settle(self: Box<Self>, committed: Result<(), DatabaseError>) {
        let Self { result, answer, .. } = *self;
        let lost = || DatabaseError::lasting("the work gave no result");
        // Whoever asked may have gone; what was committed stays committed.
        drop(answer.send(committed.and_then(|()| result.ok_or_else(lost))));
    }
}

impl State {
    /// Opens the state of this engine alone, beside a gateway that may run, and brings its schema up to date.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub async fn open(engine: &Engine) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let opened = writer::start(engine.clone(), receiver)?;
        opened.await.map_err(|_| StoreError::Closed)??;
        Ok(Self { sender, end: watch::Sender::new(End::Far) })
    }

    /// From now on nothing waits longer than some seconds for a database that does not answer. For the end of the
    /// process; what is given up is as after a crash.
    pub fn end_is_near(&self) {
        self.end.send_if_modified(|end| std::mem::replace(end, (*end).max(End::Near)) == End::Far);
    }

    /// Runs `work` in a transaction and returns its result once that is durable. `doing` names it in an error. `work`
    /// runs again if the transaction that held it was rolled back and repeated; it takes effect once.
    pub(crate) async fn apply<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Driver) -> Result<T, DatabaseError> + Send + 'static,
    {
        self.hand_over(doing, Kind::Changes, work).await
    }

    /// Asks in a transaction, after every change that was handed over before. `work` must change nothing.
    pub(crate) async fn ask<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Driver) -> Result<T, DatabaseError> + Send + 'static,
    {
        self.hand_over(doing, Kind::Asks, work).await
    }

    /// Runs `work` some time, if there is a place for it, and tells nobody. For what makes others wait less, and
    /// nothing else.
    pub(crate) fn apply_later<F>(&self, work: F)
    where
        F: FnMut(&mut dyn Driver) -> Result<(), DatabaseError> + Send + 'static,
    {
        let (answer, _) = oneshot::channel();
        let work = Box::new(Piece { doing: work, kind: Kind::Changes, result: None, answer });
        drop(self.sender.try_send(Waiting { work, since: Instant::now() }));
    }

    async fn hand_over<T, F>(&self, doing: &'static str, kind: Kind, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Driver) -> Result<T, DatabaseError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work = Box::new(Piece { doing: work, kind, result: None, answer });
        let piece = Waiting { work, since: Instant::now() };
        let work = async {
            match self.sender.try_send(piece) {
                Ok(()) => {}
                Err(mpsc::TrySendError::Full(piece)) => {
                    let sender = self.sender.clone();
                    let sent = tokio::task::spawn_blocking(move || sender.send(piece)).await;
                    sent.map_err(|_| StoreError::Closed)?.map_err(|_| StoreError::Closed)?;
                }
                Err(mpsc::TrySendError::Disconnected(_)) => return Err(StoreError::Closed),
            }
            let result = answered.await.map_err(|_| StoreError::Closed)?;
            result.map_err(|source| StoreError::Database { doing, source })
        };
        tokio::select! {
            biased;
            result = work => result,
            () = self.patience_ends(kind) => {
                let message = "the database did not answer in time".to_owned();
                Err(StoreError::Database { doing, source: DatabaseError { trouble: Trouble::Passing, message } })
            }
        }
    }

    /// Returns when whoever waits for the database has waited long enough: for a question at some time, for a change,
    /// whose result somebody may build on, only once the process ends.
    async fn patience_ends(&self, kind: Kind) {
        let mut end = self.end.subscribe();
        let given_up = async {
            // The sender is `self`, so waiting cannot fail.
            drop(end.wait_for(|end| *end >= End::Near).await);
            tokio::select! {
                _ = end.wait_for(|end| *end == End::GivenUp) => {}
                () = tokio::time::sleep(CLOSING_PATIENCE) => { self.end.send_replace(End::GivenUp); }
            }
        };
        match kind {
            Kind::Changes => given_up.await,
            Kind::Asks => drop(tokio::time::timeout(PATIENCE, given_up).await),
        }
    }
}

/// Where SQLite keeps the state: beside the records.
pub(crate) fn state_path(records: &std::path::Path) -> PathBuf {
    records.file_name().map_or_else(|| beside(records, "-state"), |_| records.with_file_name("state.db"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Step;
    use crate::sqlite::SqliteWriter;
    use crate::value::{Cell, Value};

    const INSERT: &str = "INSERT INTO state_commits (writer, batch, at_ms) VALUES ($1, 0, 0)";

    #[tokio::test]
    async fn of_pieces_that_share_a_transaction_one_that_fails_fails_alone() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::Sqlite { path: folder.path().join("steersman.db") };
        let state = State::open(&engine).await.unwrap();
        let (release, held) = mpsc::channel::<()>();
        let holds = state.apply("hold the transaction open", move |driver| {
            // The second time that it runs, nobody holds it.
            assert!(held.recv().is_err(), "nothing is ever sent");
            driver.execute(INSERT, &[vec![Value::Text("first")]]).map(drop)
        });
        let write = |name: &'static str, sql: &'static str| {
            state.apply("write a row", move |driver| {
                driver.execute(INSERT, &[vec![Value::Text(name)]])?;
                driver.execute(sql, &[]).and_then(|_| driver.query(sql, &[])).map(drop)
            })
        };
        let (good, bad, late) =
            (write("good", "SELECT 1"), write("bad", "SELECT no_such_column"), write("late", "SELECT 1"));
        let all = async { tokio::join!(holds, good, bad, late, async { drop(release) }) };
        let (holds, good, bad, late, ()) = all.await;
        assert!(holds.is_ok() && good.is_ok() && late.is_ok(), "{holds:?} {good:?} {late:?}");
        let why = format!("{:?}", bad.unwrap_err());
        assert!(why.contains("no_such_column"), "{why}");
        let names = |driver: &mut dyn Driver| {
            driver.query("SELECT writer FROM state_commits WHERE batch = 0 ORDER BY writer", &[])
        };
        let row = |name: &str| vec![Cell::Text(name.to_owned())];
        assert_eq!(state.ask("read rows", names).await.unwrap(), [row("first"), row("good"), row("late")]);
    }

    #[tokio::test]
    async fn at_the_end_of_the_process_nobody_waits_for_a_locked_database_and_the_second_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::Sqlite { path: folder.path().join("steersman.db") };
        let state = State::open(&engine).await.unwrap();
        let mut other = SqliteWriter::open(&folder.path().join("state.db"), None).unwrap();
        other.transaction(Step::Begin).unwrap();
        let change = || {
            let change = |driver: &mut dyn Driver| driver.execute(INSERT, &[vec![Value::Text("late")]]).map(drop);
            state.apply("write a row", change)
        };
        let begun = Instant::now();
        let (waiting, ()) = tokio::join!(change(), async { state.end_is_near() });
        assert!(waiting.is_err() && begun.elapsed() < PATIENCE, "{:?} after {:?}", waiting, begun.elapsed());
        let later = Instant::now();
        assert!(change().await.is_err() && later.elapsed() < Duration::from_millis(200), "{:?}", later.elapsed());
    }
}
