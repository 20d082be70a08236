//! Shielded sections: work that goes on when its caller is cancelled, but never longer than its limit or the grace
//! period.
//!
//! It runs in a task of its own that holds a pass of the scope, so the scope waits for it. Use it for the few steps
//! that must not be torn: send and record, close and confirm. It never outlives the scope.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::failure::panic_text;
use crate::scope::Scope;
use crate::supervisor::at;

/// Why a shielded section has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShieldLost {
    /// Its limit passed; it was dropped.
    #[error("the shielded section was not done after {0:?}")]
    TimedOut(Duration),
    /// The scope's grace period was over; it was dropped.
    #[error("the shielded section was stopped at the end of the grace period")]
    Stopped,
    /// It panicked; holds the text.
    #[error("the shielded section panicked: {0}")]
    Panicked(String),
    /// The scope had already ended; it did not start.
    #[error("the scope had already ended")]
    Ended,
}

impl Scope {
    /// Runs `work` so that cancelling the caller does not cut it. It starts when this future is first polled, and goes
    /// on if the future is dropped: to its end, to `limit`, or to the end of the scope's grace period.
    ///
    /// # Errors
    /// [`ShieldLost`] says why there is no result; what the work did until then is done.
    pub async fn shield<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ShieldLost>
    where
        T: fmt::Debug + Send + 'static,
    {
        let Some(pass) = self.node.gate.enter() else {
            return Err(ShieldLost::Ended);
        };
        let over = Instant::now() + limit;
        let hard = self.node.hard.clone();
        let task = tokio::spawn(async move {
            let done = tokio::select! {
                biased;
                done = work => Ok(done),
                () = hard.cancelled() => Err(ShieldLost::Stopped),
                () = at(Some(over)) => Err(ShieldLost::TimedOut(limit)),
            };
            drop(pass);
            done
        });
        task.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(payload) => Err(ShieldLost::Panicked(panic_text(&*payload))),
            Err(_) => Err(ShieldLost::Stopped),
        })
    }
}
