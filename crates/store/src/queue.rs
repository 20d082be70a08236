//! The way from a request to the writer: a bounded queue that never makes anyone wait, and counts what it refuses.
//!
//! The writer sleeps while it gathers a batch, so offering a record is one push and a few atomic additions; only the
//! first record after a pause wakes a thread.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use steersman_core::{Recorder, RequestRecord};
use tokio::sync::watch;

use crate::mark::Mark;
use crate::rows::RecorderStats;

/// What those who flush or close wait for.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Written and failed together.
    settled: u64,
    /// The writer is gone.
    ended: bool,
}

/// The requests' end of the queue, and the counts of both ends.
pub(crate) struct Queue {
    sender: SyncSender<Box<RequestRecord>>,
    capacity: usize,
    max_bytes: usize,
    /// Bytes that wait, and the records that hold them; not what is in the writer's hands.
    bytes: AtomicUsize,
    records: AtomicUsize,
    /// Requests that are inside [`Recorder::record`] at this moment.
    entering: AtomicUsize,
    closed: AtomicBool,
    /// Someone waits: write now.
    hurry: AtomicBool,
    /// The writer sleeps until a record comes.
    idle: AtomicBool,
    /// The database keeps the writer waiting: to let it go first would help nobody.
    stuck: AtomicBool,
    mark: Mark,
    written: AtomicU64,
    progress: watch::Sender<Progress>,
    last_error: Mutex<Option<String>>,
    writer: OnceLock<Thread>,
    /// The counts when the writer ended; from then on the mark may be another's.
    last_stats: OnceLock<RecorderStats>,
    /// Refused after closing.
    late: AtomicU64,
}

impl Queue {
    /// A queue and the writer's end of it.
    pub(crate) fn new(mark: Mark, capacity: usize, max_bytes: usize) -> (Arc<Self>, Receiver<Box<RequestRecord>>) {
        let (sender, receiver) = sync_channel(capacity.max(1));
        let queue = Self {
            sender,
            capacity,
            max_bytes,
            bytes: AtomicUsize::new(0),
            records: AtomicUsize::new(0),
            entering: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            hurry: AtomicBool::new(false),
            idle: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            mark,
            written: AtomicU64::new(0),
            progress: watch::Sender::new(Progress::default()),
            last_error: Mutex::new(None),
            writer: OnceLock::new(),
            last_stats: OnceLock::new(),
            late: AtomicU64::new(0),
        };
        (Arc::new(queue), receiver)
    }

    pub(crate) const fn mark(&self) -> &Mark {
        &self.mark
    }

    /// The counts so far.
    pub(crate) fn stats(&self) -> RecorderStats {
        let mut stats = self.last_stats.get().cloned().unwrap_or_else(|| self.current_stats());
        stats.dropped += self.late.load(Ordering::SeqCst);
        stats
    }

    fn current_stats(&self) -> RecorderStats {
        let counters = self.mark.counters();
        // Settled before accepted: read the other way round, a record could be settled and not yet accepted.
        let written = self.written.load(Ordering::SeqCst);
        let failed = counters.failed.load(Ordering::SeqCst);
        let accepted = counters.accepted.load(Ordering::SeqCst);
        RecorderStats {
            accepted,
            written,
            dropped: counters.dropped.load(Ordering::SeqCst),
            failed,
            queued: accepted.saturating_sub(written + failed),
            queue_records: self.capacity as u64,
            lost_by_kill: 0,
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Returns once as many records are settled as were accepted before the call; `false` if the writer ended first.
    pub(crate) async fn flushed(&self) -> bool {
        let target = self.stats().accepted;
        let mut progress = self.progress.subscribe();
        self.wake();
        let done = progress.wait_for(|now| now.settled >= target || now.ended).await;
        done.is_ok_and(|now| now.settled >= target)
    }

    /// Returns once the writer is gone.
    pub(crate) async fn ended(&self) {
        // The sender is `self`, so waiting cannot fail.
        drop(self.progress.subscribe().wait_for(|now| now.ended).await);
    }

    /// Refuses further records and tells the writer to end.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Whether so much waits that the writer has to hurry.
    pub(crate) fn is_pressed(&self) -> bool {
        self.holds_more_than_one_in(6)
    }

    /// Whether it is the writer's turn: so much waits that without its getting more time records will be dropped.
    fn is_crowded(&self) -> bool {
        self.holds_more_than_one_in(2) && !self.stuck.load(Ordering::SeqCst)
    }

    /// Whether more than this part of its bytes or of its records is taken.
    fn holds_more_than_one_in(&self, part: usize) -> bool {
        let (bytes, records) = (self.bytes.load(Ordering::SeqCst), self.records.load(Ordering::SeqCst));
        bytes > self.max_bytes / part || records.saturating_mul(part) > self.capacity
    }

    /// Says whether the database keeps the writer waiting.
    pub(crate) fn stuck(&self, stuck: bool) {
        self.stuck.store(stuck, Ordering::SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn wake(&self) {
        self.hurry.store(true, Ordering::SeqCst);
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// Counts records that were committed.
    pub(crate) fn count_written(&self, records: u64) {
        self.written.fetch_add(records, Ordering::SeqCst);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.settle(records);
    }

    /// Counts records that were given up.
    pub(crate) fn count_failed(&self, records: u64, why: &str) {
        self.mark.counters().failed.fetch_add(records, Ordering::SeqCst);
        self.note_error(why);
        self.settle(records);
    }

    /// Keeps the database's words for whoever looks at the statistics.
    pub(crate) fn note_error(&self, why: &str) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    fn settle(&self, records: u64) {
        self.progress.send_modify(|now| now.settled += records);
    }
}

/// Says, when the writer's thread ends in whatever way, that nothing will be written any more.
pub(crate) struct WriterAlive(pub(crate) Arc<Queue>);

impl Drop for WriterAlive {
    fn drop(&mut self) {
        self.0.close();
        let left = self.0.stats().queued;
        if left > 0 {
            self.0.count_failed(left, "the writer ended");
        }
        self.0.last_stats.get_or_init(|| self.0.current_stats());
        self.0.mark.release();
        self.0.progress.send_modify(|now| now.ended = true);
    }
}

impl Recorder for Queue {
    fn record(&self, record: RequestRecord) {
        self.entering.fetch_add(1, Ordering::SeqCst);
        if self.is_closed() {
            self.late.fetch_add(1, Ordering::SeqCst);
        } else {
            self.push(record);
        }
        self.entering.fetch_sub(1, Ordering::SeqCst);
        if !self.is_closed() && self.is_crowded() {
            // This thread's turn goes to whoever waits for the processor. It waits for nothing: where nobody wants the
            // processor, it goes on at once.
            std::thread::yield_now();
        }
    }
}

impl Queue {
    fn push(&self, record: RequestRecord) {
        let size = bytes_of(&record);
        let waiting = self.bytes.fetch_add(size, Ordering::SeqCst);
        // One record larger than the whole limit is let in alone, else it could never be kept.
        let fits = waiting == 0 || waiting.saturating_add(size) <= self.max_bytes;
        self.records.fetch_add(1, Ordering::SeqCst);
        let counters = self.mark.counters();
        if fits && self.sender.try_send(Box::new(record)).is_ok() {
            counters.accepted.fetch_add(1, Ordering::SeqCst);
        } else {
            self.bytes.fetch_sub(size, Ordering::SeqCst);
            self.records.fetch_sub(1, Ordering::SeqCst);
            counters.dropped.fetch_add(1, Ordering::SeqCst);
        }
        if self.idle.swap(false, Ordering::SeqCst)
            && let Some(writer) = self.writer.get()
        {
            writer.unpark();
        }
    }
}

/// What a record takes beside its bodies, and each of its attempts: measured on small requests, rounded up.
const RECORD_BYTES: usize = 1_024;
const ATTEMPT_BYTES: usize = 512;

fn bytes_of(record: &RequestRecord) -> usize {
    let attempts = record.attempts.iter().flat_map(|attempt| [&attempt.request_body, &attempt.response_body]);
    let further: usize = attempts.flatten().map(bytes::Bytes::len).sum();
    let bodies = record.request_body.len() + record.response_body.len() + record.parameters.len() + further;
    bodies + RECORD_BYTES + ATTEMPT_BYTES * record.attempts.len()
}

/// How long records wait in the queue while a batch is open. At ten thousand a second some fifty gather meanwhile,
/// which is less than a core's own cache holds.
const STRIDE: Duration = Duration::from_millis(5);

/// How much one batch may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    pub(crate) age: Duration,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// The writer's end of the queue.
pub(crate) struct Intake {
    queue: Arc<Queue>,
    receiver: Receiver<Box<RequestRecord>>,
    /// The last batch was cut at its limit: more is waiting, so there is nothing to wait for.
    backlog: bool,
}

impl Intake {
    /// To be made on the writer's thread: it is the one that is woken.
    pub(crate) fn new(queue: Arc<Queue>, receiver: Receiver<Box<RequestRecord>>) -> Self {
        queue.writer.get_or_init(std::thread::current);
        Self { queue, receiver, backlog: false }
    }

    /// Hands on the records of the next batch, and says how many: waits for the first as long as `patience`, then takes
    /// what comes until the batch is old enough. 0 if none came, or the queue was closed and is empty.
    ///
    /// Records are taken every few milliseconds, not all at the end: their bodies are given back to the requests'
    /// threads while a cache still holds them, and no long piece of work meets a request on a processor that both
    /// share.
    pub(crate) fn gather(
        &mut self,
        limits: BatchLimits,
        patience: Duration,
        mut take: impl FnMut(RequestRecord),
    ) -> usize {
        let Some(first) = self.first(patience) else { return 0 };
        let age = if std::mem::take(&mut self.backlog) { Duration::ZERO } else { limits.age };
        let deadline = Instant::now() + age;
        let (mut records, mut bytes) = (0, 0);
        let mut next = Some(first);
        loop {
            // Before the last look into the queue, not after: what whoever hurries has pushed before is still found.
            let hurry = self.queue.hurry.swap(false, Ordering::SeqCst) || self.queue.is_closed();
            while let Some(record) = next.take().or_else(|| self.receiver.try_recv().ok()) {
                let size = bytes_of(&record);
                self.queue.bytes.fetch_sub(size, Ordering::SeqCst);
                self.queue.records.fetch_sub(1, Ordering::SeqCst);
                take(*record);
                records += 1;
                bytes += size;
                self.backlog = records >= limits.records || bytes >= limits.bytes;
                if self.backlog {
                    return records;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if hurry || left.is_zero() {
                return records;
            }
            std::thread::park_timeout(left.min(STRIDE));
        }
    }

    /// Whether the queue is closed and nothing can come any more.
    pub(crate) fn is_over(&self) -> bool {
        self.queue.is_closed() && self.queue.entering.load(Ordering::SeqCst) == 0
    }

    fn first(&self, patience: Duration) -> Option<Box<RequestRecord>> {
        let deadline = Instant::now() + patience;
        loop {
            self.queue.idle.store(true, Ordering::SeqCst);
            // After the flag: a record pushed before it is found here, one pushed after it wakes this thread.
            if let Ok(first) = self.receiver.try_recv() {
                self.queue.idle.store(false, Ordering::SeqCst);
                return Some(first);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.queue.is_closed() {
                self.queue.idle.store(false, Ordering::SeqCst);
                return self.receiver.try_recv().ok();
            }
            std::thread::park_timeout(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use steersman_core::{ContentHash, OutcomeKind, RequestId, Timing, Usage};

    use super::*;

    fn record(body_bytes: usize) -> RequestRecord {
        RequestRecord {
            id: RequestId::new(0),
            started_at_us: 0,
            task: "triage".into(),
            protocol: "openai.chat",
            streamed: false,
            requested_model: "fast".into(),
            status: 200,
            outcome: OutcomeKind::Accepted,
            code: None,
            usage: Usage::default(),
            cost: None,
            timing: Timing::default(),
            fingerprint: ContentHash::from_bytes([0; 32]),
            parameters: String::new(),
            request_body: Bytes::from(vec![b'x'; body_bytes]),
            response_body: Bytes::new(),
            attempts: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn the_writer_hurries_first_and_then_has_the_right_of_way_unless_its_database_keeps_it_waiting() {
        let limits = BatchLimits { age: Duration::ZERO, records: 100, bytes: usize::MAX };
        let (small, taken) = Queue::new(Mark::in_memory(), 12, 1 << 30);
        (0..7).for_each(|_| small.record(record(1)));
        assert!(small.is_pressed() && small.is_crowded(), "records are counted as well as bytes");
        assert_eq!(Intake::new(Arc::clone(&small), taken).gather(limits, Duration::ZERO, drop), 7);
        assert!(!small.is_pressed(), "what is in the writer's hands and not yet settled takes no place");
        let (queue, receiver) = Queue::new(Mark::in_memory(), 100, 12 * (RECORD_BYTES + 1_000));
        let offer = |records: u64| (0..records).for_each(|_| queue.record(record(1_000)));
        let now = || (queue.is_pressed(), queue.is_crowded());
        offer(2);
        assert_eq!(now(), (false, false));
        offer(1);
        assert_eq!(now(), (true, false));
        offer(4);
        assert_eq!(now(), (true, true));
        queue.stuck(true);
        assert_eq!(now(), (true, false));
        queue.stuck(false);
        offer(6);
        assert_eq!((queue.stats().accepted, queue.stats().dropped), (12, 1));
        let mut intake = Intake::new(Arc::clone(&queue), receiver);
        assert_eq!(intake.gather(limits, Duration::ZERO, drop), 12);
        assert_eq!(now(), (false, false));
    }
}
