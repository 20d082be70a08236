//! What can go wrong with one piece of work, always tied to its id, and what is said about the end of a scope.
//!
//! A failure is never a bare error: it carries the call's id and its place in the request, so that exactly the items
//! that failed can be answered for. Nothing here decides anything.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::budget::Amount;

/// The caller's name for one piece of work: a tool call's id, a document's path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(Arc<str>);

impl CallId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for CallId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for CallId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a scope stopped before all its work was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// Its deadline passed, or that of a scope around it.
    #[error("the deadline passed")]
    Deadline,
    /// A scope around it was cancelled.
    #[error("the scope around it was cancelled")]
    Parent,
    /// Somebody called [`Scope::cancel`](crate::Scope::cancel).
    #[error("it was cancelled on request")]
    Requested,
    /// The future that waited for it was dropped.
    #[error("nobody waits for it any more")]
    Dropped,
    /// A sibling failed and the policy wants all or nothing.
    #[error("`{0}` failed and the policy wants all or nothing")]
    Sibling(CallId),
    /// The policy has what it asked for.
    #[error("enough of its siblings succeeded")]
    Enough,
    /// Too many failed for the quorum to be reached.
    #[error("the quorum can no longer be reached")]
    OutOfReach,
    /// The scope had ended before this work was handed to it.
    #[error("the scope had already ended")]
    Ended,
    /// The async runtime is shutting down.
    #[error("the runtime is shutting down")]
    Runtime,
}

/// What went wrong with one piece of work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault<E> {
    /// It said so itself.
    #[error("{0}")]
    Failed(E),
    /// It panicked, or something that it owned panicked while being dropped. Holds the panic's text.
    #[error("panicked: {0}")]
    Panicked(String),
    /// Its own time-out or the scope's deadline passed.
    #[error("timed out after {0:?}")]
    TimedOut(Duration),
    /// It was cancelled and ended in time.
    #[error("cancelled: {0}")]
    Cancelled(Cause),
    /// It was cancelled, did not end within the grace period and was stopped hard.
    #[error("stopped hard after its grace period: {0}")]
    Aborted(Cause),
}

/// One failed piece of work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{id}`: {fault}")]
pub struct Failure<E> {
    /// Whose failure it is.
    pub id: CallId,
    /// Its place in the request, from 0.
    pub index: usize,
    /// What went wrong.
    pub fault: Fault<E>,
}

/// A clean-up that did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("clean-up `{name}` {kind}")]
pub struct CleanupFault {
    /// The name it was registered under.
    pub name: String,
    /// What happened to it.
    pub kind: CleanupFaultKind,
}

/// What happened to a clean-up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CleanupFaultKind {
    /// It panicked; holds the text.
    #[error("panicked: {0}")]
    Panicked(String),
    /// It did not end within the clean-up time and was dropped.
    #[error("was not done after {0:?}")]
    TimedOut(Duration),
}

/// How a scope ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Why it stopped early; `None` if all its work came to an end by itself.
    pub cause: Option<Cause>,
    /// Clean-ups that failed.
    pub cleanup: Vec<CleanupFault>,
    /// What was still held of its budget by values that left the scope; it was given back.
    pub revoked: Amount,
    /// From the moment the scope stopped until everything in it was gone.
    pub closing: Duration,
}

/// All that is known after a scope did not reach what its policy asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} of {} failed{}", self.failures.len(), self.failures.len() + self.completed.len(), first(&self.failures))]
pub struct Failures<T: fmt::Debug, E: fmt::Debug + fmt::Display> {
    /// Every failed item, in request order.
    pub failures: Vec<Failure<E>>,
    /// Every item that succeeded before or while the scope closed, in request order.
    pub completed: Vec<(CallId, T)>,
    /// How the scope ended. Clean-up faults alone also make a scope fail.
    pub report: Box<Report>,
}

fn first<E: fmt::Display>(failures: &[Failure<E>]) -> String {
    failures.first().map_or_else(String::new, |failure| format!(", first {failure}"))
}

/// The text of a panic, as far as it has one.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}
