//! The writer: one thread that turns what waits in the queue into committed batches.
//!
//! A batch that meets a lock or a lost connection is tried again for a while, during which the queue takes what comes;
//! one that meets a full disk is given up and counted; one that holds something the database will not take is halved
//! until that one record is found. Between batches, retention makes room.
//!
//! What never happens here: a request waits for this thread.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use steersman_core::RequestRecord;
use tokio::sync::oneshot;

use crate::batch::{Batch, MAX_AGE, MAX_RECORDS};
use crate::bodies::Bodies;
use crate::driver::{DatabaseError, Driver, Step, Trouble};
use crate::mark::Mark;
use crate::postgres::{PostgresWriter, config_of};
use crate::queue::{BatchLimits, Intake, Queue, WriterAlive};
use crate::redact::Redactor;
use crate::retention::Keeper;
use crate::rollup::OpenRollups;
use crate::rows::RecorderStats;
use crate::runs::{self, Run};
use crate::schema::{Dialect, RECORDS, migrate};
use crate::slice::give_way_to_wakers;
use crate::sqlite::{FileLimits, SqliteWriter};
use crate::{Engine, StoreConfig, StoreError};

/// How long a batch is tried again before it is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long all batches together are, once the store closes.
const CLOSING_PATIENCE: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How long the writer sleeps without records before it looks after retention.
const IDLE: Duration = Duration::from_secs(10);

/// The writer's state.
struct Writer {
    driver: Box<dyn Driver>,
    queue: Arc<Queue>,
    redactor: Redactor,
    bodies: Bodies,
    rollups: OpenRollups,
    keeper: Keeper,
    run: Run,
    /// Set when the store closes: from then on nothing is tried again.
    give_up_at: Option<Instant>,
}

/// Starts the writer's thread; the answer comes when the store is open, or tells why it is not.
pub(crate) fn start(
    config: StoreConfig,
    queue: Arc<Queue>,
    receiver: Receiver<Box<RequestRecord>>,
) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
    let (opened, answer) = oneshot::channel();
    let work = move || {
        let _alive = WriterAlive(Arc::clone(&queue));
        give_way_to_wakers();
        match Writer::open(&config, Arc::clone(&queue)) {
            Ok(mut writer) => {
                let intake = Intake::new(queue, receiver);
                if opened.send(Ok(())).is_ok() {
                    writer.serve(intake, batch_limits(&config));
                }
                writer.end();
            }
            Err(error) => drop(opened.send(Err(error))),
        }
    };
    let thread = thread::Builder::new().name("steersman-store".to_owned()).spawn(work);
    thread.map(|_| answer).map_err(|source| StoreError::File { path: "steersman-store".into(), source })
}

/// A batch may take a sixteenth of the limit, at most 4 MiB of bodies.
fn batch_limits(config: &StoreConfig) -> BatchLimits {
    let bytes = config.retention.max_bytes.map_or(usize::MAX, |max| usize::try_from(max / 16).unwrap_or(usize::MAX));
    BatchLimits { age: MAX_AGE, records: MAX_RECORDS, bytes: bytes.min(4 * 1024 * 1024) }
}

impl Writer {
    fn open(config: &StoreConfig, queue: Arc<Queue>) -> Result<Self, StoreError> {
        let doing = |source| StoreError::Database { doing: "begin to record", source };
        let limits = config.retention.max_bytes.map(FileLimits::of);
        let (mut driver, dialect): (Box<dyn Driver>, _) = match &config.engine {
            Engine::Sqlite { path } => (Box::new(SqliteWriter::open(path, limits)?), Dialect::Sqlite),
            Engine::Postgres { url, .. } => (Box::new(PostgresWriter::open(config_of(url)?)?), Dialect::Postgres),
        };
        migrate(&mut *driver, dialect, &RECORDS)?;
        let run = begin_run(&mut *driver, queue.mark(), dialect).map_err(doing)?;
        let bodies = Bodies::new(config.retention.max_bytes)
            .map_err(|source| StoreError::File { path: "zstd".into(), source })?;
        Ok(Self {
            driver,
            queue,
            redactor: Redactor::new(&config.secrets),
            bodies,
            rollups: OpenRollups::new(&run.id),
            keeper: Keeper::new(config.retention, dialect),
            run,
            give_up_at: None,
        })
    }

    fn serve(&mut self, mut intake: Intake, limits: BatchLimits) {
        loop {
            // Before the last look into the queue, not after: what is pushed in between is still found.
            let over = intake.is_over();
            let mut batch = Batch::default();
            let patience = if over { Duration::ZERO } else { IDLE };
            self.bodies.press(self.queue.is_pressed());
            let records =
                intake.gather(limits, patience, |record| batch.push(record, &self.redactor, &mut self.bodies));
            if records == 0 && over {
                return;
            }
            batch.finish(&mut self.bodies);
            self.make_room(batch.stored_bytes());
            if records > 0 {
                self.settle(batch);
            }
        }
    }

    /// Retention that fails is tried again after the next batch; meanwhile the database's own limit holds.
    fn make_room(&mut self, incoming: u64) {
        if let Err(error) = self.keeper.make_room(&mut *self.driver, incoming) {
            self.queue.note_error(&error.message);
        }
    }

    /// Writes a batch or counts it as failed; returns when each of its records is one or the other.
    fn settle(&mut self, batch: Batch) {
        let records = batch.len() as u64;
        match self.write_patiently(&batch) {
            Ok(new) => {
                self.queue.count_written(new);
                if new < records {
                    self.queue.count_failed(records - new, "a record with the same id is kept already");
                }
            }
            Err(error) => {
                // Memory is ahead of the database now.
                self.bodies.forget();
                self.rollups.forget();
                if error.trouble == Trouble::Lasting && records > 1 {
                    let [texts, first, second] = batch.split();
                    if !texts.is_empty()
                        && let Err(error) = self.write_patiently(&texts)
                    {
                        // Records whose texts are nowhere would count as written.
                        self.queue.count_failed(records, &error.message);
                        return;
                    }
                    self.settle(first);
                    self.settle(second);
                } else {
                    self.queue.count_failed(records, &error.message);
                }
            }
        }
    }

    fn write_patiently(&mut self, batch: &Batch) -> Result<u64, DatabaseError> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut made_room = false;
        loop {
            let before = self.queue.stats();
            let error = match self.write(batch, &before) {
                Ok(new) => return Ok(new),
                Err(error) => error,
            };
            // A commit whose answer was lost may have taken place all the same.
            if let Ok(Some(written)) = self.run.commit_took_place(&mut *self.driver) {
                self.run.committed();
                return Ok(written.saturating_sub(before.written));
            }
            match error.trouble {
                Trouble::Full if !made_room => {
                    // It may be the store's own limit that was met, and there is more to delete.
                    made_room = true;
                    self.make_room(2 * batch.stored_bytes() + 1024 * 1024);
                }
                Trouble::Passing if !self.patience_is_over(begun) => {
                    self.queue.note_error(&error.message);
                    self.queue.stuck(true);
                    thread::sleep(pause);
                    self.queue.stuck(false);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Trouble::Passing | Trouble::Full | Trouble::Lasting => return Err(error),
            }
        }
    }

    fn patience_is_over(&mut self, begun: Instant) -> bool {
        if self.queue.is_closed() {
            let give_up_at = *self.give_up_at.get_or_insert_with(|| Instant::now() + CLOSING_PATIENCE);
            return Instant::now() >= give_up_at;
        }
        begun.elapsed() >= PATIENCE
    }

    /// One try: one transaction.
    fn write(&mut self, batch: &Batch, before: &RecorderStats) -> Result<u64, DatabaseError> {
        let result = self.write_inside(batch, before);
        if result.is_ok() {
            self.run.committed();
        } else {
            self.rollups.forget();
            // A transaction that cannot be rolled back is gone with its connection.
            drop(self.driver.transaction(Step::Rollback));
        }
        result
    }

    fn write_inside(&mut self, batch: &Batch, before: &RecorderStats) -> Result<u64, DatabaseError> {
        let driver = &mut *self.driver;
        driver.transaction(Step::Begin)?;
        let new = batch.write(driver, &mut self.rollups)?;
        self.run.note(driver, before, new)?;
        driver.transaction(Step::Commit)?;
        Ok(new)
    }

    fn end(&mut self) {
        let stats = self.queue.stats();
        if let Err(error) = self.run.end(&mut *self.driver, &stats) {
            self.queue.note_error(&error.message);
        }
    }
}

fn begin_run(driver: &mut dyn Driver, mark: &Mark, dialect: Dialect) -> Result<Run, DatabaseError> {
    if let Some(left) = mark.left() {
        runs::settle(driver, left)?;
    }
    if dialect == Dialect::Sqlite {
        // The mark's lock says that no other process writes here.
        runs::settle_abandoned(driver)?;
    }
    let id = runs::new_id();
    let run = Run::begin(driver, id)?;
    mark.begin(id);
    Ok(run)
}
