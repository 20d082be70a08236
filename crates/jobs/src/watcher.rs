//! Sees finished requests of tasks with an objective on their way to the store.
//!
//! What never happens here: a wait, or a record that is held back from the store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steersman_core::{Recorder, RequestRecord};
use tokio::sync::mpsc;

/// How many finished requests may wait to be looked at; more are left out and counted.
const QUEUE: usize = 1_024;

/// A recorder that hands every record on, and some of them to the objectives as well.
pub struct Watcher {
    inner: Arc<dyn Recorder>,
    tasks: BTreeSet<String>,
    finished: mpsc::Sender<Box<RequestRecord>>,
    left_out: AtomicU64,
}

impl Watcher {
    /// A watcher over these tasks, and where it puts what it has seen.
    #[must_use]
    pub fn new(inner: Arc<dyn Recorder>, tasks: BTreeSet<String>) -> (Self, mpsc::Receiver<Box<RequestRecord>>) {
        let (finished, receiver) = mpsc::channel(QUEUE);
        (Self { inner, tasks, finished, left_out: AtomicU64::new(0) }, receiver)
    }
}

impl Recorder for Watcher {
    fn record(&self, record: RequestRecord) {
        let watched = record.status == 200 && self.tasks.contains(record.task.as_str());
        if watched && self.finished.try_send(Box::new(record.clone())).is_err() {
            let left_out = self.left_out.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::warn!(left_out, "the objectives' queue is full; a finished request gives no label");
        }
        self.inner.record(record);
    }
}
