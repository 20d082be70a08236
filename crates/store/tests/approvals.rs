//! Approvals on both engines: bound to what was shown, used by one request, and never lost by a crash.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "statements held against both engines are plain functions"
)]

mod support;

use steersman_store::State;
use steersman_store::state::approvals::{Approval, Standing};
use support::{Place, on_both_engines};

on_both_engines! {
    a_grant_is_bound_to_the_call_that_was_shown_and_used_by_one_request,
    what_was_used_is_asked_anew_what_was_denied_is_not_and_both_are_forgotten,
}

fn asked(call: &str) -> Approval {
    Approval {
        key: format!("key {call}"),
        conversation: "talk".into(),
        task: "mail".into(),
        tool: "send".into(),
        arguments: format!("{{\"to\":\"{call}\"}}"),
        call: call.into(),
        why: "nobody asked for it".into(),
        standing: Standing::Waiting,
        asked_at_ms: 1_000,
        decided_by: None,
    }
}

async fn a_grant_is_bound_to_the_call_that_was_shown_and_used_by_one_request(place: Place) {
    let (store, other) = (place.open().await, State::open(&place.engine).await.unwrap());
    let state = store.state();
    state.ask_approvals(vec![asked("ann")]).await.unwrap();
    state.ask_approvals(vec![asked("ann")]).await.unwrap();
    assert_eq!(state.open_approvals().await.unwrap(), [asked("ann")]);
    let decide = async |call: &str, to| state.decide_approval("key ann", call, to, "bob", 1_001).await.unwrap();
    assert_eq!(decide("eve", Standing::Granted).await, None, "another call than the one that was shown");
    let take =
        async |request: &str| state.take_approvals(vec!["x".into(), "talk".into()], request, 1_002).await.unwrap();
    assert!(take("early").await.is_empty(), "nobody has decided");
    let granted = decide("ann", Standing::Granted).await.unwrap();
    assert_eq!((granted.standing, granted.decided_by.as_deref()), (Standing::Granted, Some("bob")));
    assert_eq!(state.approval("key ann").await.unwrap(), Some(granted));
    assert_eq!(state.approval("key eve").await.unwrap(), None);
    assert_eq!(decide("ann", Standing::Denied).await, None, "decided already");
    let racers = (0..16).map(|n| {
        let state = if n % 2 == 0 { state.clone() } else { other.clone() };
        tokio::spawn(async move { state.take_approvals(vec!["talk".into()], &format!("r{n}"), 1_003).await.unwrap() })
    });
    let mut winners = Vec::new();
    for (n, racer) in racers.collect::<Vec<_>>().into_iter().enumerate() {
        winners.extend((!racer.await.unwrap().is_empty()).then_some(n));
    }
    let [winner] = winners.as_slice() else { panic!("{winners:?}") };
    state.give_approval_back("key ann", "somebody else");
    assert!(take("late").await.is_empty());
    state.give_approval_back("key ann", &format!("r{winner}"));
    assert_eq!(take("again").await.len(), 1, "what was not used is given back");
}

async fn what_was_used_is_asked_anew_what_was_denied_is_not_and_both_are_forgotten(place: Place) {
    let store = place.open().await;
    let state = store.state();
    let ask = async |approval: Approval| state.ask_approvals(vec![approval]).await.unwrap();
    let decide = async |to| state.decide_approval("key ann", "ann", to, "bob", 1_001).await.unwrap();
    ask(asked("ann")).await;
    decide(Standing::Granted).await.unwrap();
    assert_eq!(state.take_approvals(vec!["talk".into()], "r", 1_002).await.unwrap().len(), 1);
    ask(asked("ann")).await;
    decide(Standing::Denied).await.unwrap();
    ask(asked("ann")).await;
    assert!(state.open_approvals().await.unwrap().is_empty());
    ask(Approval { asked_at_ms: 1_000 + 31 * 86_400_000, ..asked("old") }).await;
    ask(asked("ann")).await;
    let open: Vec<String> = state.open_approvals().await.unwrap().into_iter().map(|approval| approval.key).collect();
    assert_eq!(open, ["key ann", "key old"], "what was denied a month ago is forgotten, and asked anew");
}
