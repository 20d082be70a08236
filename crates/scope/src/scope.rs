//! Scopes: a tree of work in which nothing outlives the scope it was started in.
//!
//! A [`Root`] stands for the process; every [`Scope`] below it has a deadline, a budget, a grace period and an error
//! policy, and runs its children in a task of its own that nobody can drop ([`supervisor`](crate::supervisor)). The
//! future that a caller awaits only watches that task: dropping it cancels the scope, and the scope around it cannot
//! end before the cancelled one has. Nothing here is ever detached, and no error is ever dropped.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use steersman_core::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::budget::{Amount, Budget, Caps, Hold, OverBudget};
use crate::child::Child;
use crate::failure::{Cause, Failure, Failures, Fault};
use crate::gate::Gate;
use crate::policy::{BestEffort, Policy, Quorum};
use crate::supervisor::launch;
use crate::sync::{Mutex, lock};

/// How long cancelled work may take to end, where nobody chose: long enough to send a cancellation over a network.
const DEFAULT_GRACE: Duration = Duration::from_secs(2);

/// A clean-up that a scope owes.
pub(crate) struct Hook {
    pub(crate) name: String,
    pub(crate) run: BoxFuture<'static, ()>,
}

pub(crate) struct Node {
    path: Arc<str>,
    cancel: CancellationToken,
    /// Fires when the grace period is over: shields and child processes end at once.
    pub(crate) hard: CancellationToken,
    cause: Mutex<Option<Cause>>,
    deadline: Option<Instant>,
    grace: Duration,
    pub(crate) cleanup: Duration,
    pub(crate) budget: Budget,
    pub(crate) gate: Gate,
    hooks: Mutex<Vec<Hook>>,
}

/// A handle to a running scope, as its children see it. Cheap to clone.
#[derive(Clone)]
pub struct Scope {
    pub(crate) node: Arc<Node>,
    /// The scope's token, or that of one child of it.
    cancel: CancellationToken,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("path", &self.node.path).field("cancelled", &self.is_cancelled()).finish()
    }
}

impl Scope {
    /// The names from the root down, joined by `/`. The same work has the same path after a restart.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.node.path
    }

    /// Describes a scope inside this one.
    pub fn child(&self, name: &str) -> ScopeSpec {
        ScopeSpec {
            parent: self.clone(),
            name: name.to_owned(),
            deadline: self.node.deadline,
            grace: self.node.grace,
            cleanup: self.node.cleanup,
            caps: Caps::default(),
        }
    }

    /// Asks the whole scope to stop. Its children are given their grace.
    pub fn cancel(&self) {
        self.stop(Cause::Requested);
    }

    /// Resolves when this work should stop.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// Whether this work should stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// When the scope ends at the latest: the earliest deadline of it and all scopes around it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.node.deadline
    }

    /// How long cancelled work of this scope may take to end.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.node.grace
    }

    /// The scope's budget.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.node.budget
    }

    /// Reserves on the budgets of this scope and all around it.
    ///
    /// # Errors
    /// [`OverBudget`] if one of them has too little left; then nothing is reserved.
    pub fn reserve(&self, amount: Amount) -> Result<Hold, OverBudget> {
        self.node.budget.reserve(amount)
    }

    /// Registers a clean-up that runs when all work of the scope has ended, whatever ended it. All of a scope's
    /// clean-ups run together, each within the scope's clean-up time; a panic in one does not stop the others. Steps
    /// that need an order belong into one clean-up.
    pub fn on_close(&self, name: &str, cleanup: impl Future<Output = ()> + Send + 'static) {
        lock(&self.node.hooks).push(Hook { name: name.to_owned(), run: Box::pin(cleanup) });
    }

    /// Stops the one call that this handle was given to, and what is nested in it.
    pub(crate) fn stop_call(&self) {
        self.cancel.cancel();
    }

    /// Stops the scope; the first cause stays.
    pub(crate) fn stop(&self, cause: Cause) {
        lock(&self.node.cause).get_or_insert(cause);
        self.node.cancel.cancel();
    }

    pub(crate) fn cause(&self) -> Option<Cause> {
        lock(&self.node.cause).clone()
    }

    pub(crate) fn take_hooks(&self) -> Vec<Hook> {
        std::mem::take(&mut *lock(&self.node.hooks))
    }

    /// The handle of one child: its token can be cancelled without the scope's.
    pub(crate) fn for_call(&self) -> Self {
        Self { node: Arc::clone(&self.node), cancel: self.node.cancel.child_token() }
    }
}

/// A scope that is not running yet. The last step chooses the error policy and starts it.
#[derive(Debug)]
#[must_use = "a scope runs when its error policy is chosen"]
pub struct ScopeSpec {
    parent: Scope,
    name: String,
    deadline: Option<Instant>,
    grace: Duration,
    cleanup: Duration,
    caps: Caps,
}

impl ScopeSpec {
    /// Ends the scope at the latest after `limit`. A deadline around it holds all the same.
    pub fn deadline(mut self, limit: Duration) -> Self {
        let mine = Instant::now() + limit;
        self.deadline = Some(self.deadline.map_or(mine, |outer| outer.min(mine)));
        self
    }

    /// Sets how long cancelled work may take to end; never longer than the grace of the scope around it.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace.min(self.parent.node.grace);
        self
    }

    /// Sets how long the clean-ups together may take; never longer than those of the scope around it.
    pub fn cleanup(mut self, limit: Duration) -> Self {
        self.cleanup = limit.min(self.parent.node.cleanup);
        self
    }

    /// Caps what the scope may use, within what the scopes around it have left.
    pub fn budget(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// Runs one piece of work in a scope of its own.
    ///
    /// # Errors
    /// [`Failures`] with the one failure, or with the clean-ups that failed.
    pub async fn run<T, E>(self, child: Child<T, E>) -> Result<T, Failures<T, E>>
    where
        T: fmt::Debug + Send + 'static,
        E: fmt::Debug + fmt::Display + Send + 'static,
    {
        let ended = launch(self, vec![child], Policy::BestEffort).await;
        let mut failures = ended.failures();
        match failures.completed.pop() {
            Some((_, value)) if failures.report.cleanup.is_empty() => Ok(value),
            Some(kept) => {
                failures.completed.push(kept);
                Err(failures)
            }
            None => Err(failures),
        }
    }

    /// Runs all; the first failure cancels the rest.
    ///
    /// # Errors
    /// [`Failures`] with every failed item and every value that came about all the same.
    pub async fn all_or_nothing<T, E>(
        self,
        children: impl IntoIterator<Item = Child<T, E>>,
    ) -> Result<Vec<T>, Failures<T, E>>
    where
        T: fmt::Debug + Send + 'static,
        E: fmt::Debug + fmt::Display + Send + 'static,
    {
        launch(self, children.into_iter().collect(), Policy::AllOrNothing).await.all()
    }

    /// Runs all to the end, whatever becomes of the others.
    pub async fn best_effort<T, E>(self, children: impl IntoIterator<Item = Child<T, E>>) -> BestEffort<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        BestEffort(launch(self, children.into_iter().collect(), Policy::BestEffort).await)
    }

    /// Runs all until one succeeds, then cancels the rest.
    ///
    /// # Errors
    /// [`Failures`] if none succeeded.
    pub async fn first_success<T, E>(
        self,
        children: impl IntoIterator<Item = Child<T, E>>,
    ) -> Result<Quorum<T, E>, Failures<T, E>>
    where
        T: fmt::Debug + Send + 'static,
        E: fmt::Debug + fmt::Display + Send + 'static,
    {
        self.quorum(1, children).await
    }

    /// Runs all until `k` have succeeded, or can no longer, then cancels the rest.
    ///
    /// # Errors
    /// [`Failures`] if fewer than `k` succeeded.
    pub async fn quorum<T, E>(
        self,
        k: usize,
        children: impl IntoIterator<Item = Child<T, E>>,
    ) -> Result<Quorum<T, E>, Failures<T, E>>
    where
        T: fmt::Debug + Send + 'static,
        E: fmt::Debug + fmt::Display + Send + 'static,
    {
        launch(self, children.into_iter().collect(), Policy::Quorum(k)).await.quorum(k)
    }

    /// The scope around it.
    pub(crate) fn parent(&self) -> &Scope {
        &self.parent
    }

    /// The running scope.
    pub(crate) fn open(self) -> Scope {
        let Self { parent, name, deadline, grace, cleanup, caps } = self;
        let cancel = parent.cancel.child_token();
        let node = Node {
            path: format!("{}/{name}", parent.path()).into(),
            cancel: cancel.clone(),
            hard: CancellationToken::new(),
            cause: Mutex::default(),
            deadline,
            grace,
            cleanup,
            budget: parent.node.budget.child(&name, caps),
            gate: Gate::default(),
            hooks: Mutex::default(),
        };
        Scope { node: Arc::new(node), cancel }
    }
}

/// The top of a tree of scopes: a process, or a test. Dropping it cancels everything below.
#[derive(Debug)]
pub struct Root(Scope);

impl Root {
    /// A root with this budget. `grace` and `cleanup` bound those of every scope below.
    #[must_use]
    pub fn new(name: &str, budget: &Budget, grace: Duration) -> Self {
        let cancel = CancellationToken::new();
        let node = Node {
            path: name.into(),
            cancel: cancel.clone(),
            hard: CancellationToken::new(),
            cause: Mutex::default(),
            deadline: None,
            grace,
            cleanup: grace,
            budget: budget.child(name, Caps::default()),
            gate: Gate::default(),
            hooks: Mutex::default(),
        };
        Self(Scope { node: Arc::new(node), cancel })
    }

    /// A root without a cap, with two seconds of grace.
    #[must_use]
    pub fn unlimited(name: &str) -> Self {
        Self::new(name, &Budget::new(name, Caps::default()), DEFAULT_GRACE)
    }

    /// Describes a scope below.
    pub fn scope(&self, name: &str) -> ScopeSpec {
        self.0.child(name)
    }

    /// The budget of all scopes below together.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        self.0.budget()
    }

    /// Waits until nothing runs below, dropped scopes included.
    pub async fn idle(&self) {
        self.0.node.gate.idle().await;
    }

    /// Cancels everything below and waits until all of it is gone. New scopes are refused from then on.
    pub async fn shutdown(&self) {
        self.0.stop(Cause::Requested);
        self.0.node.gate.close().await;
        self.0.node.budget.close();
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        self.0.stop(Cause::Dropped);
    }
}

/// Says why a piece of work ended, now that the scope's own cause is known.
pub(crate) fn explain<E>(failure: Failure<E>, cause: &Cause, ran: Duration) -> Failure<E> {
    let fault = match failure.fault {
        Fault::Cancelled(_) if *cause == Cause::Deadline => Fault::TimedOut(ran),
        Fault::Cancelled(_) => Fault::Cancelled(cause.clone()),
        Fault::Aborted(_) => Fault::Aborted(cause.clone()),
        other => other,
    };
    Failure { fault, ..failure }
}
