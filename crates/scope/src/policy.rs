//! When a fan-out has enough: the four error policies as one small pure decision, and the shapes of their results.
//!
//! There is no default policy, and no result from which a value can be taken while a failure beside it goes unseen.

use std::fmt;

use crate::failure::{CallId, Cause, CleanupFault, Failure, Failures, Report};

/// What a fan-out waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    AllOrNothing,
    BestEffort,
    Quorum(usize),
}

/// How many of a fan-out have ended, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) succeeded: usize,
    pub(crate) failed: usize,
    pub(crate) running: usize,
}

impl Policy {
    /// Whether the work that still runs should stop now that `last` ended.
    pub(crate) fn stop(self, tally: Tally, last: &CallId) -> Option<Cause> {
        match self {
            _ if tally.running == 0 => None,
            Self::AllOrNothing => (tally.failed > 0).then(|| Cause::Sibling(last.clone())),
            Self::BestEffort => None,
            Self::Quorum(k) if tally.succeeded >= k => Some(Cause::Enough),
            Self::Quorum(k) => (tally.succeeded + tally.running < k).then_some(Cause::OutOfReach),
        }
    }
}

/// Everything a scope knows when it has ended: one result for each child, in request order.
#[derive(Debug)]
pub(crate) struct Ended<T, E> {
    pub(crate) items: Vec<Result<(CallId, T), Failure<E>>>,
    pub(crate) report: Report,
}

impl<T: fmt::Debug, E: fmt::Debug + fmt::Display> Ended<T, E> {
    pub(crate) fn failures(self) -> Failures<T, E> {
        let (mut failures, mut completed) = (Vec::new(), Vec::new());
        for item in self.items {
            match item {
                Ok(value) => completed.push(value),
                Err(failure) => failures.push(failure),
            }
        }
        Failures { failures, completed, report: Box::new(self.report) }
    }

    pub(crate) fn all(self) -> Result<Vec<T>, Failures<T, E>> {
        if self.report.cleanup.is_empty() && self.items.iter().all(Result::is_ok) {
            return Ok(self.items.into_iter().flatten().map(|(_, value)| value).collect());
        }
        Err(self.failures())
    }

    pub(crate) fn quorum(self, k: usize) -> Result<Quorum<T, E>, Failures<T, E>> {
        let clean = self.report.cleanup.is_empty();
        let all = self.failures();
        if all.completed.len() < k || !clean {
            return Err(all);
        }
        Ok(Quorum { values: all.completed, others: all.failures, report: *all.report })
    }
}

/// Enough of the items succeeded.
#[derive(Debug)]
pub struct Quorum<T, E> {
    /// The items that succeeded, in request order: at least the `k` asked for, and those that ended with them.
    pub values: Vec<(CallId, T)>,
    /// The others: failed before, or cancelled since there was enough.
    pub others: Vec<Failure<E>>,
    /// How the scope ended.
    pub report: Report,
}

/// One result for each item, in request order. The values come out only together with the failures.
#[derive(Debug)]
#[must_use = "some items may have failed; `fold` takes the values out"]
pub struct BestEffort<T, E>(pub(crate) Ended<T, E>);

impl<T, E> BestEffort<T, E> {
    /// Turns every item into an `R`, in request order: `on_value` says how for those that succeeded, `on_failure` for
    /// the others.
    ///
    /// # Errors
    /// [`Uncleaned`] holds the same results if a clean-up of the scope failed.
    pub fn fold<R>(
        self,
        mut on_value: impl FnMut(CallId, T) -> R,
        mut on_failure: impl FnMut(Failure<E>) -> R,
    ) -> Result<Vec<R>, Uncleaned<R>> {
        let Ended { items, report } = self.0;
        let results = items
            .into_iter()
            .map(|item| match item {
                Ok((id, value)) => on_value(id, value),
                Err(failure) => on_failure(failure),
            })
            .collect();
        if report.cleanup.is_empty() { Ok(results) } else { Err(Uncleaned { results, faults: report.cleanup }) }
    }

    /// How the scope ended.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.0.report
    }
}

/// The items of a best effort whose scope could not be cleaned up in full.
#[derive(Debug, thiserror::Error)]
#[error("{} clean-ups failed", self.faults.len())]
pub struct Uncleaned<R> {
    /// The results, as asked for.
    pub results: Vec<R>,
    /// The clean-ups that failed, at least one.
    pub faults: Vec<CleanupFault>,
}
