//! The effect ledger in files: one append-only segment an epoch, one writer, one sync for all who wait.
//!
//! Opening takes the folder's lock (or, if its owner is silent for longer than its lease, replaces it), begins a new
//! epoch, and only then reads what the last one wrote. A damaged tail is cut off and said: from then on, runs that were
//! open are *suspect*, and what the valid prefix does not know of them counts as perhaps sent. No network and no SQL
//! here.

mod files;
mod format;
mod segments;
mod writer;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use steersman_core::{BoxFuture, ContentHash};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use files::{DiskFiles, Files};

use self::format::{Chain, decode};
use self::segments::{Lease, epoch_of, segment_name};
use self::writer::{Decided, Request, Stamp, Writer};
use crate::book::{Book, Entry};
use crate::clock::{Clock, SystemClock};
use crate::effect::{Change, EffectRecord};
use crate::failpoint::Probe;
use crate::key::{EffectKey, RunId};
use crate::ledger::{Ledger, LedgerError, NewEffect, Plan, RunOpened};

/// Requests that may wait for the writer before callers wait to ask.
const QUEUE: usize = 1024;

/// How to open a journal.
#[derive(Clone)]
pub struct JournalOptions {
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
    /// How long a silent owner keeps the journal.
    pub lease: Duration,
    /// Whether to replace an owner that holds the lock but is silent for longer than its lease.
    pub replace_silent_owner: bool,
    /// How large a segment grows before a new one begins.
    pub segment_bytes: u64,
    /// Whoever watches the fail points.
    pub probe: Option<Arc<dyn Probe>>,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            lease: Duration::from_secs(15),
            replace_silent_owner: false,
            segment_bytes: 64 << 20,
            probe: None,
        }
    }
}

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it and is alive.
    #[error("the journal belongs to another process")]
    Owned,
    /// The operating system refused.
    #[error("could not open the journal")]
    Io(#[from] io::Error),
    /// The journal could not be written.
    #[error(transparent)]
    Write(#[from] LedgerError),
}

/// What was found when a journal was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The new owner's epoch.
    pub epoch: u64,
    /// Bytes behind the valid prefix that could not be read; 0 after a clean crash.
    pub lost_bytes: usize,
    /// The last owner may still be alive.
    pub contested: bool,
}

/// An effect ledger in files.
pub struct Journal {
    requests: mpsc::Sender<Request>,
    writer: JoinHandle<()>,
    opened: Opened,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("opened", &self.opened).finish_non_exhaustive()
    }
}

impl Journal {
    /// Takes a journal over and reads it: about 5 us an effect.
    ///
    /// # Errors
    /// [`OpenError`] if it has a living owner or the disk fails.
    pub async fn open(files: Arc<dyn Files>, options: JournalOptions) -> Result<Self, OpenError> {
        let locked = files.lock().await?;
        let replaceable = options.replace_silent_owner && silent(&*files, &*options.clock).await?;
        if !locked && !replaceable {
            return Err(OpenError::Owned);
        }
        let mut epochs: Vec<u64> = files.list().await?.iter().filter_map(|name| epoch_of(name)).collect();
        epochs.sort_unstable();
        let epoch = epochs.last().copied().unwrap_or(0) + 1;
        match files.create(&segment_name(epoch)).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(OpenError::Owned),
            other => other?,
        }
        // Only now: what the last owner intends after this, it finds out not to own.
        let (mut book, lost_bytes) = read(&*files, &epochs).await?;
        if lost_bytes > 0 {
            book.suspect_all();
        }
        if !locked {
            book.contest_all();
        }
        let opened = Opened { epoch, lost_bytes, contested: !locked };
        let JournalOptions { clock, lease, segment_bytes, probe, .. } = options;
        let chain = Chain::of_segment(epoch);
        let (size, broken) = (0, None);
        let mut writer = Writer { files, clock, probe, book, epoch, chain, lease, size, segment_bytes, broken };
        writer.snapshot().await?;
        for old in epochs {
            writer.files.remove(&segment_name(old)).await?;
        }
        let (requests, queue) = mpsc::channel(QUEUE);
        Ok(Self { requests, writer: tokio::spawn(writer.run(queue)), opened })
    }

    /// What was found when it was opened.
    #[must_use]
    pub const fn opened(&self) -> Opened {
        self.opened
    }

    /// Writes what is queued and waits for the writer to end.
    pub async fn close(mut self) {
        let (closed, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.requests, closed));
        // A panic of the writer has answered every caller with `Closed` already.
        drop((&mut self.writer).await);
    }

    fn ask<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&Book, Stamp) -> Result<(T, Vec<Entry>, bool), LedgerError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, LedgerError>> {
        let (answer, answered) = oneshot::channel();
        let request: Request = Box::new(move |book, stamp| {
            let (result, entries, durable) = match decide(book, stamp) {
                Ok((value, entries, durable)) => (Ok(value), entries, durable),
                Err(error) => (Err(error), Vec::new(), false),
            };
            // Nobody may be waiting any more; what was written stays written.
            let reply = move |outcome: Result<(), LedgerError>| drop(answer.send(outcome.and(result)));
            Decided { entries, durable, reply: Box::new(reply) }
        });
        Box::pin(async move {
            self.requests.send(request).await.map_err(|_| LedgerError::Closed)?;
            answered.await.map_err(|_| LedgerError::Closed)?
        })
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

/// Whether the owner's lease has run out.
async fn silent(files: &dyn Files, clock: &dyn Clock) -> io::Result<bool> {
    match files.read(Lease::FILE).await {
        Ok(bytes) => Ok(Lease::parse(&bytes).is_some_and(|lease| lease.until_ms < clock.unix_millis())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads the newest segment whose beginning is whole. Those after it were begun by owners that died before they
/// wrote anything of their own. Returns the book and how many bytes could not be read.
async fn read(files: &dyn Files, epochs: &[u64]) -> io::Result<(Book, usize)> {
    let mut lost_bytes = 0;
    for epoch in epochs.iter().rev() {
        let segment = decode(*epoch, &files.read(&segment_name(*epoch)).await?);
        lost_bytes += segment.lost_bytes;
        if segment.entries.contains(&Entry::SnapshotEnd) {
            let mut book = Book::default();
            segment.entries.into_iter().for_each(|entry| book.replay(entry));
            return Ok((book, lost_bytes));
        }
    }
    Ok((Book::default(), lost_bytes))
}

impl Ledger for Journal {
    fn open_run<'a>(&'a self, run: &'a RunId, request: ContentHash) -> BoxFuture<'a, Result<RunOpened, LedgerError>> {
        let run = run.clone();
        self.ask(move |book, _| {
            let (opened, entry) = book.open_run(&run, request);
            Ok((opened, entry.into_iter().collect(), true))
        })
    }

    fn close_run<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<(), LedgerError>> {
        let run = run.clone();
        self.ask(move |book, _| Ok(((), book.close_run(&run)?.into_iter().collect(), false)))
    }

    fn forget_run<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<(), LedgerError>> {
        let run = run.clone();
        self.ask(move |book, _| Ok(((), vec![book.forget_run(&run)?], false)))
    }

    fn plan(&self, new: NewEffect) -> BoxFuture<'_, Result<Plan, LedgerError>> {
        self.ask(move |book, stamp| {
            let (plan, entries) = book.plan(new, stamp.epoch, stamp.now_ms)?;
            Ok((plan, entries, true))
        })
    }

    fn advance(
        &self,
        key: EffectKey,
        attempt: u32,
        change: Change,
    ) -> BoxFuture<'_, Result<EffectRecord, LedgerError>> {
        self.ask(move |book, stamp| {
            let durable = change.durable();
            let next = book.advance(key, attempt, change, stamp.epoch, stamp.now_ms)?;
            Ok((next.clone(), vec![Entry::Effect(Box::new(next))], durable))
        })
    }

    fn dispatched(&self, key: EffectKey, attempt: u32) {
        let request: Request = Box::new(move |book, stamp| {
            let next = book.advance(key, attempt, Change::Dispatch, stamp.epoch, stamp.now_ms);
            let entries = next.map(|next| Entry::Effect(Box::new(next))).into_iter().collect();
            Decided { entries, durable: false, reply: Box::new(|_| ()) }
        });
        // A full queue means that the note would come too late to be of use.
        drop(self.requests.try_send(request));
    }

    fn grant_repeat(&self, twin: EffectKey) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.ask(move |book, _| Ok(((), vec![book.grant(twin)], true)))
    }

    fn effect(&self, key: EffectKey) -> BoxFuture<'_, Result<Option<EffectRecord>, LedgerError>> {
        self.ask(move |book, _| Ok((book.effect(key).cloned(), Vec::new(), false)))
    }

    fn open_effects(&self) -> BoxFuture<'_, Result<Vec<EffectRecord>, LedgerError>> {
        self.ask(move |book, _| Ok((book.open_effects(), Vec::new(), false)))
    }
}
