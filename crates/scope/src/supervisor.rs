//! The task that owns a scope: it starts the children, watches policy, deadline and cancellation, and closes.
//!
//! Closing is one path for every way a scope can end: tell the children, give them the grace period, stop the rest
//! hard, join all, run the clean-ups within their own time, give the budget back. The task is never aborted and holds a
//! pass of the scope around it until it is done, so it cannot be orphaned even when nobody awaits it any more.

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::child::Child;
use crate::failure::{CallId, Cause, CleanupFault, CleanupFaultKind, Failure, Fault, Report, panic_text};
use crate::gate::Pass;
use crate::policy::{Ended, Policy, Tally};
use crate::scope::{Scope, ScopeSpec, explain};

/// Starts a scope and waits for its end. Dropping this future cancels the scope and leaves its end to its task.
pub(crate) async fn launch<T, E>(spec: ScopeSpec, children: Vec<Child<T, E>>, policy: Policy) -> Ended<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    let ids: Vec<CallId> = children.iter().map(|child| child.id().clone()).collect();
    let Some(pass) = spec.parent().node.gate.enter() else {
        return nothing(ids, &Cause::Ended);
    };
    let scope = spec.open();
    let task = tokio::spawn(Supervisor::new(scope.clone(), ids.clone(), policy).run(children, pass));
    let mut watch = Watch { scope, task };
    (&mut watch.task).await.unwrap_or_else(|_| nothing(ids, &Cause::Runtime))
}

/// The caller's view of the supervisor's task.
struct Watch<R> {
    scope: Scope,
    task: JoinHandle<R>,
}

impl<R> Drop for Watch<R> {
    fn drop(&mut self) {
        self.scope.stop(Cause::Dropped);
    }
}

/// A result for each child when none of them ran.
fn nothing<T, E>(ids: Vec<CallId>, cause: &Cause) -> Ended<T, E> {
    let failed = |(index, id)| Err(Failure { id, index, fault: Fault::Cancelled(cause.clone()) });
    let items = ids.into_iter().enumerate().map(failed).collect();
    Ended { items, report: Report { cause: Some(cause.clone()), ..Report::default() } }
}

/// Waits until then; for ever, if there is no such moment.
pub(crate) async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Why a scope whose token fired is cancelled: if nobody stopped it by name, its own time is up or that of a scope
/// around it.
fn why_cancelled(scope: &Scope) -> Cause {
    let late = scope.deadline().is_some_and(|deadline| deadline <= Instant::now());
    scope.cause().unwrap_or(if late { Cause::Deadline } else { Cause::Parent })
}

type Joined<T, E> = Result<(Id, Result<T, Fault<E>>), JoinError>;

struct Supervisor<T, E> {
    scope: Scope,
    started: Instant,
    policy: Policy,
    tally: Tally,
    ids: Vec<CallId>,
    index_of: HashMap<Id, usize>,
    ended: Vec<Option<Result<T, Fault<E>>>>,
    tasks: JoinSet<Result<T, Fault<E>>>,
}

impl<T: Send + 'static, E: Send + 'static> Supervisor<T, E> {
    fn new(scope: Scope, ids: Vec<CallId>, policy: Policy) -> Self {
        Self {
            scope,
            started: Instant::now(),
            policy,
            tally: Tally { running: ids.len(), ..Tally::default() },
            index_of: HashMap::with_capacity(ids.len()),
            ended: ids.iter().map(|_| None).collect(),
            ids,
            tasks: JoinSet::new(),
        }
    }

    async fn run(mut self, children: Vec<Child<T, E>>, pass: Pass) -> Ended<T, E> {
        for (index, child) in children.into_iter().enumerate() {
            let handle = self.tasks.spawn(child.run(self.scope.for_call()));
            self.index_of.insert(handle.id(), index);
        }
        if let Some(cause) = self.watch().await {
            self.scope.stop(cause);
        }
        let stopped = Instant::now();
        self.drain().await;
        let mut report = Report { cause: self.scope.cause(), ..Report::default() };
        report.cleanup = self.clean_up().await;
        report.revoked = self.scope.node.budget.close();
        report.closing = stopped.elapsed();
        let ended = self.end(report);
        drop(pass);
        ended
    }

    /// Lets the children work until all have ended (`None`) or something stops the scope.
    async fn watch(&mut self) -> Option<Cause> {
        let scope = self.scope.clone();
        let deadline = at(scope.deadline());
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                joined = self.tasks.join_next_with_id() => {
                    let last = self.note(joined?)?;
                    if let Some(cause) = self.policy.stop(self.tally, &last) {
                        return Some(cause);
                    }
                }
                () = scope.cancelled() => return Some(why_cancelled(&scope)),
                () = &mut deadline => return Some(Cause::Deadline),
            }
        }
    }

    /// Waits for children, shields, processes and nested scopes: in peace if all ended by themselves, otherwise for
    /// the grace period, then hard.
    async fn drain(&mut self) {
        let scope = self.scope.clone();
        if !scope.is_cancelled() {
            // The children are done; what they left inside may still be stopped by deadline or cancellation.
            if let Some(cause) = self.linger().await {
                scope.stop(cause);
            }
        }
        if scope.is_cancelled() {
            let over = Instant::now() + scope.grace();
            if timeout_at(over, self.join_all()).await.is_err() {
                scope.node.hard.cancel();
                self.tasks.abort_all();
                self.join_all().await;
            }
        }
        // Whatever is left has its own bound: nested scopes theirs, the rest was stopped hard.
        scope.node.gate.idle().await;
    }

    async fn linger(&mut self) -> Option<Cause> {
        let scope = self.scope.clone();
        tokio::select! {
            biased;
            () = scope.node.gate.idle() => None,
            () = scope.cancelled() => Some(why_cancelled(&scope)),
            () = at(scope.deadline()) => Some(Cause::Deadline),
        }
    }

    async fn join_all(&mut self) {
        while let Some(joined) = self.tasks.join_next_with_id().await {
            self.note(joined);
        }
        self.scope.node.gate.idle().await;
    }

    /// Writes down how a child ended and returns its id.
    fn note(&mut self, joined: Joined<T, E>) -> Option<CallId> {
        let (task, result) = match joined {
            Ok((task, result)) => (task, result),
            Err(error) => (error.id(), Err(Self::fault_of(error))),
        };
        let index = *self.index_of.get(&task)?;
        self.tally.running = self.tally.running.saturating_sub(1);
        if result.is_ok() {
            self.tally.succeeded += 1;
        } else {
            self.tally.failed += 1;
        }
        *self.ended.get_mut(index)? = Some(result);
        self.ids.get(index).cloned()
    }

    fn fault_of(error: JoinError) -> Fault<E> {
        match error.try_into_panic() {
            Ok(payload) => Fault::Panicked(panic_text(&*payload)),
            Err(_) => Fault::Aborted(Cause::Requested),
        }
    }

    /// Runs the clean-ups together within one limit, so that a slow one cannot starve the others. They may register
    /// more.
    async fn clean_up(&mut self) -> Vec<CleanupFault> {
        let limit = self.scope.node.cleanup;
        let over = Instant::now() + limit;
        let mut faults = Vec::new();
        loop {
            // Tasks of their own, so that a panic stays in them even when it comes from dropping what a hook owns.
            let mut hooks: Vec<_> =
                self.scope.take_hooks().into_iter().map(|hook| (hook.name, tokio::spawn(hook.run))).collect();
            if hooks.is_empty() {
                break;
            }
            for (name, task) in &mut hooks {
                let ended = match timeout_at(over, &mut *task).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        task.abort();
                        task.await
                    }
                };
                let kind = match ended.map_err(JoinError::try_into_panic) {
                    Ok(()) => continue,
                    Err(Ok(payload)) => CleanupFaultKind::Panicked(panic_text(&*payload)),
                    Err(Err(_)) => CleanupFaultKind::TimedOut(limit),
                };
                faults.push(CleanupFault { name: std::mem::take(name), kind });
            }
        }
        self.scope.node.hard.cancel();
        self.scope.node.gate.close().await;
        faults
    }

    fn end(self, report: Report) -> Ended<T, E> {
        let ran: Duration = self.started.elapsed();
        let cause = report.cause.clone().unwrap_or(Cause::Runtime);
        let items = self.ended.into_iter().zip(self.ids).enumerate().map(|(index, (ended, id))| {
            match ended.unwrap_or(Err(Fault::Aborted(Cause::Runtime))) {
                Ok(value) => Ok((id, value)),
                Err(fault) => Err(explain(Failure { id, index, fault }, &cause, ran)),
            }
        });
        Ended { items: items.collect(), report }
    }
}
