//! One piece of work of a fan-out: its id, its own time-out, how it wants to be stopped, and the function that starts
//! it.
//!
//! A *plain* child is dropped at the `await` where cancellation finds it. A *graceful* one is only told, by
//! [`Scope::cancelled`](crate::Scope::cancelled), and has the scope's grace period to end by itself.

use std::future::Future;
use std::time::Duration;

use steersman_core::BoxFuture;
use tokio::time::Instant;

use crate::failure::{CallId, Cause, Fault};
use crate::scope::Scope;
use crate::supervisor::at;

/// How a child is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Drop,
    Tell,
}

type Start<T, E> = Box<dyn FnOnce(Scope) -> BoxFuture<'static, Result<T, E>> + Send>;

/// One piece of work.
pub struct Child<T, E> {
    id: CallId,
    timeout: Option<Duration>,
    stop: Stop,
    start: Start<T, E>,
}

impl<T, E> std::fmt::Debug for Child<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Child").field("id", &self.id).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl<T, E> Child<T, E> {
    /// Work that is dropped at its next `await` when it is cancelled. What must still happen then belongs into
    /// [`Scope::on_close`] or [`Scope::shield`].
    pub fn new<F, Fut>(id: impl Into<CallId>, start: F) -> Self
    where
        F: FnOnce(Scope) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        Self { id: id.into(), timeout: None, stop: Stop::Drop, start: Box::new(|scope| Box::pin(start(scope))) }
    }

    /// Work that watches [`Scope::cancelled`] and ends by itself. After the grace period it is stopped hard.
    pub fn graceful<F, Fut>(id: impl Into<CallId>, start: F) -> Self
    where
        F: FnOnce(Scope) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        Self { stop: Stop::Tell, ..Self::new(id, start) }
    }

    /// Sets a time-out of its own, counted from the start of the fan-out. The scope's deadline holds all the same.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> &CallId {
        &self.id
    }

    /// Runs to the end, to the time-out or to cancellation, whichever comes first; a result that is ready wins.
    pub(crate) async fn run(self, scope: Scope) -> Result<T, Fault<E>> {
        let Self { timeout, stop, start, .. } = self;
        // The true cause is the supervisor's to say; it replaces this one.
        let cancelled = || Fault::Cancelled(Cause::Requested);
        if scope.is_cancelled() {
            return Err(cancelled());
        }
        let mut body = start(scope.clone());
        let limit = at(timeout.map(|timeout| Instant::now() + timeout));
        let told = stop == Stop::Tell;
        tokio::select! {
            biased;
            ended = &mut body => return ended.map_err(Fault::Failed),
            () = scope.cancelled(), if !told => return Err(cancelled()),
            () = limit => scope.stop_call(),
        }
        // Past its time-out: nested scopes see the cancelled token; a graceful child may still end by itself.
        if told {
            tokio::select! {
                biased;
                ended = &mut body => {
                    if let Ok(value) = ended {
                        return Ok(value);
                    }
                }
                () = tokio::time::sleep(scope.grace()) => {}
            }
        }
        Err(Fault::TimedOut(timeout.unwrap_or_default()))
    }
}
