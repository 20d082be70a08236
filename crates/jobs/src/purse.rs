//! What shadow calls may cost in a day: held on an account of the durable state before they are made and settled after,
//! as admission does it for clients. All gateways on one state share the account, and a restart forgets nothing.
//!
//! What never happens here: a call whose price is unknown while a limit is set.

use steersman_core::{Account, Bank, BankError, Usage, Usd};
use steersman_engine::{Candidate, day_now};
use steersman_store::State;

use crate::shadow::Panel;

/// What is held for an answer to a request that names no limit: few answers are longer.
const OUTPUT_TOKENS: u64 = 4_096;
/// What is held for each of a judge's two answers, which is one letter.
const VERDICT_TOKENS: u64 = 16;

/// What calls cost, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// The sum of what is known.
    pub(crate) known: Usd,
    /// Whether some call's cost is not.
    pub(crate) partly: bool,
}

impl Spent {
    /// One more call.
    pub(crate) fn add(&mut self, cost: Option<Usd>) {
        self.known += cost.unwrap_or_default();
        self.partly |= cost.is_none();
    }

    /// More calls.
    pub(crate) fn add_all(&mut self, other: Self) {
        self.known += other.known;
        self.partly |= other.partly;
    }
}

/// What is held for the shadow calls of one request; nothing where the task has no limit.
pub(crate) struct Held(Option<(Account, Usd)>);

/// Holds what the shadow calls of a request may cost. `None` if the day's limit leaves no room, or a price is unknown.
pub(crate) async fn hold(
    state: &State,
    task: &str,
    limit: Option<Usd>,
    most: Option<Usd>,
) -> Result<Option<Held>, BankError> {
    let Some(cap) = limit else { return Ok(Some(Held(None))) };
    let Some(most) = most.filter(|most| *most <= cap) else { return Ok(None) };
    let account = Account { name: format!("shadow/{task}").into(), period: day_now().into() };
    let taken = state.take(account.clone(), most, cap).await?;
    Ok(taken.then_some(Held(Some((account, most)))))
}

impl Held {
    /// Books what the calls did cost. An unknown cost counts as all that was held.
    pub(crate) async fn settle(self, state: &State, spent: Spent) -> Result<(), BankError> {
        let Some((account, most)) = self.0 else { return Ok(()) };
        let cost = if spent.partly { spent.known.max(most) } else { spent.known };
        state.settle(account, most, cost.min(most), cost - cost.min(most)).await
    }
}

/// The most that the shadow calls of a request of so many bytes are likely to cost: every arm once, and the judge twice
/// on each candidate. `None` where a price is unknown.
pub(crate) fn estimate(panel: &Panel, request_bytes: usize) -> Option<Usd> {
    let (input, mut most) = (request_bytes as u64 / 4 + 1, Usd::ZERO);
    for (_, arm) in &panel.arms {
        most += cost(arm, input, OUTPUT_TOKENS)?;
    }
    if let Some((judge, _)) = &panel.judge {
        for _ in 1..panel.arms.len() {
            most += cost(judge, input + 2 * OUTPUT_TOKENS, VERDICT_TOKENS)?;
            most += cost(judge, input + 2 * OUTPUT_TOKENS, VERDICT_TOKENS)?;
        }
    }
    Some(most)
}

fn cost(candidate: &Candidate, input: u64, output: u64) -> Option<Usd> {
    let usage = Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() };
    candidate.cost(None, &usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_days_limit_holds_over_restarts_and_an_unknown_cost_counts_as_all_that_was_held() {
        let folder = tempfile::tempdir().unwrap();
        let engine = steersman_store::Engine::Sqlite { path: folder.path().join("steersman.db") };
        let state = State::open(&engine).await.unwrap();
        let (cap, most) = (Usd::from_decimal(1.0), Usd::from_decimal(0.6));
        let first = hold(&state, "triage", cap, most).await.unwrap().unwrap();
        assert!(hold(&state, "triage", cap, most).await.unwrap().is_none());
        let cheap = Spent { known: Usd::from_nanos(100_000_000), partly: false };
        first.settle(&state, cheap).await.unwrap();
        let second = hold(&state, "triage", cap, most).await.unwrap().unwrap();
        second.settle(&state, Spent { partly: true, ..cheap }).await.unwrap();
        drop(state);
        let state = State::open(&engine).await.unwrap();
        assert!(hold(&state, "triage", cap, most).await.unwrap().is_none());
        assert!(hold(&state, "triage", cap, None).await.unwrap().is_none(), "a price that nobody knows");
        assert!(hold(&state, "triage", None, None).await.unwrap().is_some());
        let booked = state.budgets().await.unwrap();
        assert_eq!((booked[0].spent, booked[0].held), (Usd::from_nanos(700_000_000), Usd::ZERO));
    }
}
