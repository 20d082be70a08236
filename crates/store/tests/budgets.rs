//! Budgets on both engines: of many gateways that race for the last of a budget none passes the cap, whoever is killed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "statements held against both engines are plain functions"
)]

mod support;

use steersman_core::{Account, Bank, Usd};
use steersman_store::{State, Store};
use support::{Place, on_both_engines};

on_both_engines! {
    of_256_that_race_as_many_get_through_as_the_cap_allows,
    what_a_killed_gateway_held_counts_as_spent,
    racers_that_are_killed_in_the_middle_leave_the_account_inside_its_cap,
}

fn account() -> Account {
    Account { name: "key/k".into(), period: "2026-11-27".into() }
}

const fn nanos(nanos: i64) -> Usd {
    Usd::from_nanos(nanos)
}

async fn used(state: &State) -> (i64, i64) {
    let rows = state.budgets().await.unwrap();
    assert_eq!(rows.len(), 1);
    (rows[0].spent.nanos(), rows[0].held.nanos())
}

/// Two processes' worth of handles on one database.
async fn of_256_that_race_as_many_get_through_as_the_cap_allows(place: Place) {
    let (one, other) = (place.open().await, State::open(&place.engine).await.unwrap());
    let handles: [State; 2] = [Store::state(&one).clone(), other];
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..256_usize {
        let state = handles[racer % 2].clone();
        racers.spawn(async move {
            let got = state.take(account(), nanos(10), nanos(1_000)).await.unwrap();
            let (spent, held) = used(&state).await;
            assert!(spent + held <= 1_000, "{spent} + {held}");
            if got && racer % 3 == 0 {
                state.settle(account(), nanos(10), nanos(4), nanos(0)).await.unwrap();
            }
            got
        });
    }
    let through = racers.join_all().await.into_iter().filter(|got| *got).count();
    assert!(through >= 100, "{through} of at least 100");
    let (spent, held) = used(&handles[0]).await;
    assert!(spent + held <= 1_000);
}

async fn what_a_killed_gateway_held_counts_as_spent(place: Place) {
    let store = place.open().await;
    let killed = State::open(&place.engine).await.unwrap();
    assert!(killed.take(account(), nanos(600), nanos(1_000)).await.unwrap());
    drop(killed);
    let state = store.state();
    assert!(!state.take(account(), nanos(500), nanos(1_000)).await.unwrap());
    assert!(state.take(account(), nanos(400), nanos(1_000)).await.unwrap());
    assert_eq!(used(state).await, (0, 1_000));
}

/// Gateways that take, settle and die at any point of both: a racer's future is dropped wherever it happens to be.
async fn racers_that_are_killed_in_the_middle_leave_the_account_inside_its_cap(place: Place) {
    const CAP: i64 = 5_000;
    let (one, other) = (place.open().await, State::open(&place.engine).await.unwrap());
    let handles: [State; 2] = [Store::state(&one).clone(), other];
    let mut racers = tokio::task::JoinSet::new();
    let aborts: Vec<_> = (0..256_i64)
        .map(|racer| {
            let state = handles[usize::try_from(racer % 2).unwrap()].clone();
            racers.spawn(async move {
                for turn in 0..4 {
                    let amount = 1 + (racer * 7 + turn * 13) % 40;
                    if state.take(account(), nanos(amount), nanos(CAP)).await.unwrap() {
                        let cost = amount * (racer % 3) / 2;
                        state.settle(account(), nanos(amount), nanos(cost.min(amount)), nanos(0)).await.unwrap();
                    }
                    let (spent, held) = used(&state).await;
                    assert!(spent + held <= CAP && spent >= 0 && held >= 0, "{spent} + {held}");
                }
            })
        })
        .collect();
    for (number, abort) in aborts.iter().enumerate() {
        tokio::task::yield_now().await;
        if number % 3 == 0 {
            abort.abort();
        }
    }
    while let Some(ended) = racers.join_next().await {
        assert!(ended.is_ok() || ended.is_err_and(|error| error.is_cancelled()), "a racer saw the cap passed");
    }
    let (spent, held) = used(&handles[0]).await;
    assert!(spent > 0 && spent + held <= CAP, "{spent} + {held}");
}
