//! The store as the composition root sees it: open, record, flush, close.

use std::sync::Arc;

use steersman_core::{Recorder, RequestRecord};

use crate::mark::Mark;
use crate::queue::Queue;
use crate::rows::RecorderStats;
use crate::sqlite::beside;
use crate::{Engine, Reader, Retention, State, StoreConfig, StoreError, writer};

/// An open store: the recorder and a reader. Cheap to clone.
///
/// When the last clone goes without [`Store::close`], the writer still writes what waits and ends by itself, but nobody
/// waits for it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    reader: Reader,
    state: State,
    lost_by_kill: u64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Store {
    /// Opens the store, brings its schema up to date, settles the losses of killed processes and starts the writer.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn open(mut config: StoreConfig) -> Result<Self, StoreError> {
        config.retention.max_bytes = config.retention.max_bytes.map(|bytes| bytes.max(Retention::MIN_BYTES));
        let mark = open_mark(&config.engine)?;
        let reader = Reader::of(&config.engine)?;
        let engine = config.engine.clone();
        let (queue, receiver) = Queue::new(mark, config.queue_records, config.queue_bytes);
        let opened = writer::start(config, Arc::clone(&queue), receiver)?;
        // Two files, two threads: a new store waits for its disk once, not twice.
        let (opened, state) = tokio::join!(opened, State::open(&engine));
        opened.map_err(|_| StoreError::Closed)??;
        let state = state?;
        // Opening has settled what was killed before.
        let lost_by_kill = reader.lost_by_kill().await?;
        Ok(Self { inner: Arc::new(Inner { queue, reader, state, lost_by_kill }) })
    }

    /// The reader.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.inner.reader
    }

    /// What is durable before anyone sees it.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.inner.state
    }

    /// What became of the records so far. Costs a few atomic loads.
    #[must_use]
    pub fn stats(&self) -> RecorderStats {
        RecorderStats { lost_by_kill: self.inner.lost_by_kill, ..self.inner.queue.stats() }
    }

    /// Waits until every record accepted before this call is written, or counted as failed.
    ///
    /// # Errors
    /// [`StoreError::Closed`] if the writer ended first.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.inner.queue.flushed().await.then_some(()).ok_or(StoreError::Closed)
    }

    /// Takes no more records, writes what waits, ends the writer and says what became of all.
    ///
    /// Takes as long as the database does; with one that is locked or out of reach at most some seconds a batch.
    pub async fn close(&self) -> RecorderStats {
        self.inner.queue.close();
        self.inner.queue.ended().await;
        self.stats()
    }
}

impl Recorder for Store {
    fn record(&self, record: RequestRecord) {
        self.inner.queue.record(record);
    }
}

fn open_mark(engine: &Engine) -> Result<Mark, StoreError> {
    let path = match engine {
        Engine::Sqlite { path } => Some(beside(path, "-mark")),
        Engine::Postgres { mark, .. } => mark.clone(),
    };
    let Some(path) = path else { return Ok(Mark::in_memory()) };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::File { path: folder.to_owned(), source })?;
    }
    Mark::open(&path)
}
