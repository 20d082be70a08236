//! The bounded way to the inference thread.
//!
//! At most one job runs and `queue` wait; whoever comes then is told to come back. A place is held by whoever reads the
//! answer and is free as soon as they stop, so clients that have gone do not keep others out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::job::{Job, Piece};
use crate::prepare::Prepared;

/// Jobs of clients that have gone may lie in the channel until the thread passes over them; more than this many times
/// the bound is refused all the same.
const SLACK: usize = 4;

/// The entrance.
#[derive(Debug, Clone)]
pub struct Slots {
    jobs: mpsc::Sender<Job>,
    places: Arc<Semaphore>,
    /// How long the last job took, in milliseconds: a guess at how long the next will.
    last_job_ms: Arc<AtomicU64>,
}

/// The way out for the inference thread.
#[derive(Debug)]
pub struct Jobs {
    jobs: mpsc::Receiver<Job>,
    last_job_ms: Arc<AtomicU64>,
}

/// A job that was taken in.
#[derive(Debug)]
pub struct Ticket {
    /// Its pieces. Dropping it cancels the job.
    pub pieces: mpsc::Receiver<Piece>,
    _place: OwnedSemaphorePermit,
}

/// Why a job was not taken in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// All places are taken.
    #[error("all places in the queue are taken")]
    Busy {
        /// When to come back, in seconds.
        retry_after_s: u64,
    },
    /// The inference thread has ended.
    #[error("the server is shutting down")]
    Closed,
}

/// An entrance for `queue` waiting jobs beside the one that runs.
#[must_use]
pub fn slots(queue: usize) -> (Slots, Jobs) {
    let places = queue.saturating_add(1);
    let (sender, receiver) = mpsc::channel(places.saturating_mul(SLACK));
    let last_job_ms = Arc::new(AtomicU64::new(0));
    let slots = Slots { jobs: sender, places: Arc::new(Semaphore::new(places)), last_job_ms: Arc::clone(&last_job_ms) };
    (slots, Jobs { jobs: receiver, last_job_ms })
}

impl Slots {
    /// Takes a job in.
    ///
    /// # Errors
    /// [`Full`].
    pub fn enter(&self, prepared: Prepared) -> Result<Ticket, Full> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| self.busy())?;
        let (pieces, receiver) = mpsc::channel(most_pieces(&prepared));
        let job = Job {
            prompt: prepared.prompt,
            sampling: prepared.sampling,
            constraint: prepared.constraint,
            choices: prepared.choices,
            max_tokens: prepared.max_tokens,
            stop: prepared.stop,
            top_logprobs: prepared.top_logprobs,
            pieces,
        };
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => self.busy(),
            mpsc::error::TrySendError::Closed(_) => Full::Closed,
        })?;
        Ok(Ticket { pieces: receiver, _place: place })
    }

    fn busy(&self) -> Full {
        Full::Busy { retry_after_s: self.last_job_ms.load(Ordering::Relaxed).div_ceil(1000).clamp(1, 60) }
    }
}

/// A piece for each token, one for text held back to the end and one for the end, for each answer; three around them.
fn most_pieces(prepared: &Prepared) -> usize {
    let tokens = usize::try_from(prepared.max_tokens).unwrap_or(usize::MAX / 64);
    let choices = usize::try_from(prepared.choices).unwrap_or(1);
    choices.saturating_mul(tokens + 2) + 3
}

impl Jobs {
    /// Waits for the next job that somebody still wants; `None` when there will be no more.
    pub fn next_wanted(&mut self) -> Option<Job> {
        loop {
            let job = self.jobs.blocking_recv()?;
            if !job.pieces.is_closed() {
                return Some(job);
            }
        }
    }

    /// Notes how long a job took.
    pub fn took(&self, milliseconds: u64) {
        self.last_job_ms.store(milliseconds, Ordering::Relaxed);
    }
}
