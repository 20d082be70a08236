//! A second attempt before the first has failed: when it takes longer than such calls do, within a budget.
//!
//! The first answer that may be released wins; the other call is dropped, which cancels it at the provider, and stands
//! on the record as what it was. Both are recorded, one is settled as the answer. (J. Dean and L. A. Barroso, *The Tail
//! at Scale*, CACM 2013, "hedged requests".)

use std::pin::pin;
use std::time::Duration;

use steersman_core::Code;

use crate::attempt::AttemptFailure;
use crate::engine::Engine;
use crate::pipeline::Accepted;
use crate::plan::Plan;
use crate::prepare::{Prepared, Target};
use crate::recording::Recording;
use crate::reply::Inbound;

/// Who won, and why the other one failed, if it did before it was cancelled.
enum Won {
    First(Result<Accepted, AttemptFailure>, Option<&'static Code>),
    Second(Accepted, Option<&'static Code>),
}

impl Engine {
    /// One attempt, and a second beside it where that is worth it. The plan's target is the winner's afterwards.
    pub(crate) async fn attempt_or_hedge(
        &self,
        prepared: &Prepared,
        plan: &mut Plan<'_>,
        inbound: &Inbound,
        recording: &mut Recording,
    ) -> Result<Accepted, AttemptFailure> {
        match self.patience(prepared, &plan.target) {
            None => self.attempt(prepared, &plan.target, inbound, recording).await,
            // On the heap: two attempts would make every request's future as large.
            Some(patience) => Box::pin(self.hedged(patience, prepared, plan, inbound, recording)).await,
        }
    }

    async fn hedged(
        &self,
        patience: Duration,
        prepared: &Prepared,
        plan: &mut Plan<'_>,
        inbound: &Inbound,
        recording: &mut Recording,
    ) -> Result<Accepted, AttemptFailure> {
        let mut aside = recording.aside();
        let mut other = None;
        let won = {
            let mut first = pin!(self.attempt(prepared, &plan.target, inbound, recording));
            match tokio::time::timeout(patience, &mut first).await {
                Ok(done) => Won::First(done, None),
                Err(_) => match self.second_target(plan, inbound) {
                    None => Won::First(first.await, None),
                    Some(target) => {
                        aside.start_attempt(&target, "hedge");
                        let target = other.insert(target);
                        let second = pin!(self.attempt(prepared, target, inbound, &mut aside));
                        race(first, second).await
                    }
                },
            }
        };
        match won {
            Won::First(done, second) => {
                aside.end_attempt(Some(second.unwrap_or(Code::HEDGE_LOST)));
                done
            }
            Won::Second(accepted, first) => {
                recording.end_attempt(Some(first.unwrap_or(Code::HEDGE_LOST)));
                recording.adopt(aside);
                plan.target = other.expect("invariant: a second attempt has a target");
                Ok(accepted)
            }
        }
    }

    /// How long the first attempt is waited for alone; `None`: for ever.
    fn patience(&self, prepared: &Prepared, target: &Target) -> Option<Duration> {
        let hedge = self.bearing().settings.hedge?;
        target.place.as_ref()?.quantile(hedge.quantile, prepared.stream)
    }

    /// Where the second goes: another open place of the same model, else the same one. `None`: the budget is spent.
    fn second_target(&self, plan: &Plan<'_>, inbound: &Inbound) -> Option<Target> {
        if !self.bearing().hedges.spend() {
            return None;
        }
        plan.beside(inbound).ok()
    }
}

/// The first to be accepted wins. A failure waits for the other, and where both fail the first one's is told.
async fn race<A, B>(mut first: std::pin::Pin<&mut A>, mut second: std::pin::Pin<&mut B>) -> Won
where
    A: Future<Output = Result<Accepted, AttemptFailure>>,
    B: Future<Output = Result<Accepted, AttemptFailure>>,
{
    let why = |failure: &AttemptFailure| Some(failure.refusal.code);
    tokio::select! {
        biased;
        done = &mut first => match done {
            Ok(accepted) => Won::First(Ok(accepted), None),
            Err(failure) => match second.await {
                Ok(accepted) => Won::Second(accepted, why(&failure)),
                Err(other) => Won::First(Err(failure), why(&other)),
            },
        },
        done = &mut second => match done {
            Ok(accepted) => Won::Second(accepted, None),
            Err(other) => Won::First(first.await, why(&other)),
        },
    }
}
