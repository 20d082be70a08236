//! What shadow calls may cost in a day: held on an account of the durable state before they are made and settled after,
//! as admission does it for clients. All gateways on one state share the account, and a restart forgets nothing.
//!
//! What never happens here: a call whose price is unknown while a limit is set.

use std::collections::BTreeMap;

use steersman_core::{Account, Bank, BankError, Usage, Usd};
use steersman_engine::{Candidate, day_now};
use steersman_store::{State, StoreError};

use crate::shadow::Panel;

/// What the names of the accounts begin with.
const ACCOUNTS: &str = "shadow/";
/// What is held for an answer to a request that names no limit: few answers are longer.
const OUTPUT_TOKENS: u64 = 4_096;
/// What is held for each of a judge's two answers, which is one letter.
const VERDICT_TOKENS: u64 = 16;

/// What calls cost, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// The sum of what is known.
    pub(crate) known: Usd,
    /// How many calls were answered.
    pub(crate) calls: u64,
    /// Of those, how many have a cost that nobody knows.
    pub(crate) unknown: u64,
}

impl Spent {
    /// One more call.
    pub(crate) fn add(&mut self, cost: Option<Usd>) {
        self.add_all(Self { known: cost.unwrap_or_default(), calls: 1, unknown: u64::from(cost.is_none()) });
    }

    /// More calls.
    pub(crate) fn add_all(&mut self, other: Self) {
        self.known += other.known;
        self.calls += other.calls;
        self.unknown += other.unknown;
    }
}

/// What is held for the shadow calls of one request, and on which account; nothing where the task has no limit.
pub(crate) struct Held(Account, Usd);

/// Holds what the shadow calls of a request may cost. `None` if the day's limit leaves no room, or a price is unknown.
pub(crate) async fn hold(
    state: &State,
    task: &str,
    limit: Option<Usd>,
    most: Option<Usd>,
) -> Result<Option<Held>, BankError> {
    let (most, cap) = match limit {
        Some(cap) => (most.filter(|most| *most <= cap), cap),
        // What they cost is booked all the same.
        None => (Some(Usd::ZERO), Usd::from_nanos(i64::MAX)),
    };
    let Some(most) = most else { return Ok(None) };
    let account = Account { name: account(task).into(), period: day_now().into() };
    let taken = state.take(account.clone(), most, cap).await?;
    Ok(taken.then_some(Held(account, most)))
}

/// What all gateways on the state have booked today (UTC) for the shadow calls of each task.
pub(crate) async fn booked_today(state: &State) -> Result<BTreeMap<String, Usd>, StoreError> {
    let today = day_now();
    let of_today = state.budgets().await?.into_iter().filter(|row| row.period == today);
    let booked =
        of_today.filter_map(|row| Some((row.name.strip_prefix(ACCOUNTS)?.to_owned(), row.spent + row.overrun)));
    Ok(booked.collect())
}

fn account(task: &str) -> String {
    format!("{ACCOUNTS}{task}")
}

impl Held {
    /// Books what the calls did cost. An unknown cost counts as all that was held.
    pub(crate) async fn settle(self, state: &State, spent: Spent) -> Result<(), BankError> {
        let Self(account, most) = self;
        let cost = if spent.unknown > 0 { spent.known.max(most) } else { spent.known };
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
        let cheap = Spent { known: Usd::from_nanos(100_000_000), calls: 1, unknown: 0 };
        first.settle(&state, cheap).await.unwrap();
        let second = hold(&state, "triage", cap, most).await.unwrap().unwrap();
        second.settle(&state, Spent { unknown: 1, ..cheap }).await.unwrap();
        drop(state);
        let state = State::open(&engine).await.unwrap();
        assert!(hold(&state, "triage", cap, most).await.unwrap().is_none());
        assert!(hold(&state, "triage", cap, None).await.unwrap().is_none(), "a price that nobody knows");
        assert!(hold(&state, "triage", None, None).await.unwrap().is_some());
        let booked = state.budgets().await.unwrap();
        assert_eq!((booked[0].spent, booked[0].held), (Usd::from_nanos(700_000_000), Usd::ZERO));
    }

    #[tokio::test]
    async fn what_calls_without_a_limit_cost_is_booked_too() {
        let folder = tempfile::tempdir().unwrap();
        let engine = steersman_store::Engine::Sqlite { path: folder.path().join("steersman.db") };
        let state = State::open(&engine).await.unwrap();
        for _ in 0..3 {
            let held = hold(&state, "triage", None, None).await.unwrap().unwrap();
            let spent = Spent { known: Usd::from_nanos(5), calls: 2, unknown: 1 };
            held.settle(&state, spent).await.unwrap();
        }
        let booked = booked_today(&state).await.unwrap();
        assert_eq!(booked, BTreeMap::from([("triage".to_owned(), Usd::from_nanos(15))]));
    }
}
