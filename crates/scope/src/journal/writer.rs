//! The one task that writes a journal: it decides, appends, syncs once for all that waited, and only then answers.
//!
//! Decisions are made in the order in which they are written, so none is made on a state that is not in the file. After
//! a sync it looks whether a newer epoch has begun, before anybody may act on what was written. (A new owner first
//! begins its epoch and then reads, so of an old owner's intent and a new owner's reading at least one sees the other:
//! the argument of Dekker's mutual exclusion.) A failed write or sync ends the journal: what a disk that has failed
//! once says about later syncs means nothing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::files::Files;
use super::format::Chain;
use super::segments::{Lease, epoch_of, segment_name};
use crate::book::{Book, Entry};
use crate::clock::Clock;
use crate::failpoint::{Probe, reached};
use crate::ledger::LedgerError;

/// How many requests share a sync at most; far more than callers in flight are expected.
const BATCH: usize = 1024;

/// What a decision is made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) epoch: u64,
    pub(super) now_ms: i64,
}

/// What a request comes to.
pub(super) struct Decided {
    pub(super) entries: Vec<Entry>,
    pub(super) durable: bool,
    /// Called when the entries stand as firmly as they need to, or with the reason why they do not.
    pub(super) reply: Box<dyn FnOnce(Result<(), LedgerError>) + Send>,
}

pub(super) type Request = Box<dyn FnOnce(&Book, Stamp) -> Decided + Send>;

pub(super) struct Writer {
    pub(super) files: Arc<dyn Files>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) probe: Option<Arc<dyn Probe>>,
    pub(super) book: Book,
    pub(super) epoch: u64,
    pub(super) chain: Chain,
    pub(super) lease: Duration,
    /// Bytes in the current segment, and how many are enough to begin a new one.
    pub(super) size: u64,
    pub(super) segment_bytes: u64,
    pub(super) broken: Option<LedgerError>,
}

impl Writer {
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut heartbeat = interval(self.lease / 3);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                taken = requests.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    self.serve(batch.drain(..)).await;
                }
                _ = heartbeat.tick() => self.beat().await,
            }
        }
    }

    async fn serve(&mut self, batch: impl Iterator<Item = Request>) {
        let stamp = Stamp { epoch: self.epoch, now_ms: self.clock.unix_millis() };
        let (mut bytes, mut durable, mut replies) = (Vec::new(), false, Vec::new());
        for request in batch {
            let decided = request(&self.book, stamp);
            replies.push(decided.reply);
            if self.broken.is_some() {
                continue;
            }
            durable |= decided.durable && !decided.entries.is_empty();
            for entry in decided.entries {
                self.chain.encode(&mut bytes, &entry);
                self.book.replay(entry);
            }
        }
        if self.broken.is_none() && !bytes.is_empty() {
            self.broken = self.write(bytes, durable).await.err();
        }
        let outcome = self.broken.clone().map_or(Ok(()), Err);
        replies.into_iter().for_each(|reply| reply(outcome.clone()));
        if self.broken.is_none() && self.size > self.segment_bytes {
            self.broken = self.rotate().await.err();
        }
    }

    async fn write(&mut self, bytes: Vec<u8>, durable: bool) -> Result<(), LedgerError> {
        let (probe, name) = (self.probe.as_ref(), segment_name(self.epoch));
        reached(probe, "journal.before_append").await;
        self.size += u64::try_from(bytes.len()).unwrap_or(0);
        self.files.append(&name, bytes).await.map_err(failed)?;
        if durable {
            reached(probe, "journal.before_sync").await;
            self.files.sync(&name).await.map_err(failed)?;
            reached(probe, "journal.after_sync").await;
            self.still_owner().await?;
        }
        Ok(())
    }

    async fn still_owner(&self) -> Result<(), LedgerError> {
        let names = self.files.list().await.map_err(failed)?;
        match names.iter().filter_map(|name| epoch_of(name)).max() {
            Some(by) if by > self.epoch => Err(LedgerError::Fenced { by }),
            _ => Ok(()),
        }
    }

    /// Begins a new segment with what is still needed, and removes the old one when the new one stands.
    pub(super) async fn rotate(&mut self) -> Result<(), LedgerError> {
        let old = segment_name(self.epoch);
        self.epoch += 1;
        let name = segment_name(self.epoch);
        match self.files.create(&name).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(LedgerError::Fenced { by: self.epoch });
            }
            other => other.map_err(failed)?,
        }
        self.snapshot().await?;
        self.files.remove(&old).await.map_err(failed)
    }

    /// Writes everything that is needed into the current, still empty segment, durably.
    pub(super) async fn snapshot(&mut self) -> Result<(), LedgerError> {
        self.chain = Chain::of_segment(self.epoch);
        let mut bytes = Vec::new();
        let live = self.book.live();
        for entry in &live {
            self.chain.encode(&mut bytes, entry);
        }
        let mut book = Book::default();
        live.into_iter().for_each(|entry| book.replay(entry));
        self.book = book;
        self.size = u64::try_from(bytes.len()).unwrap_or(0);
        // What must be kept may be more than a segment should hold.
        self.segment_bytes = self.segment_bytes.max(self.size.saturating_mul(2));
        let name = segment_name(self.epoch);
        reached(self.probe.as_ref(), "open.before_snapshot").await;
        self.files.append(&name, bytes).await.map_err(failed)?;
        self.files.sync(&name).await.map_err(failed)
    }

    /// Says that the owner lives. A failure only makes a takeover possible earlier.
    async fn beat(&mut self) {
        if self.broken.is_some() {
            return;
        }
        let lease = Lease::new(self.epoch, self.clock.unix_millis(), self.lease);
        if self.files.replace(Lease::FILE, lease.to_bytes()).await.is_ok()
            && let Err(fenced) = self.still_owner().await
        {
            self.broken = Some(fenced);
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn failed(error: io::Error) -> LedgerError {
    LedgerError::Storage(error.kind())
}
