//! Durable state on both engines: committed before it is answered, and changed only by who has seen what stands.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "statements held against both engines are plain functions"
)]

mod support;

use std::collections::BTreeSet;

use steersman_store::{Engine, Store};
use support::{Place, on_both_engines};

on_both_engines! {
    a_document_is_changed_only_by_who_has_seen_it,
    a_response_is_kept_once_and_forgotten_when_it_is_old_or_unwanted,
    of_many_that_race_exactly_one_wins_each_version,
    state_survives_a_store_that_is_opened_again,
}

async fn a_document_is_changed_only_by_who_has_seen_it(place: Place) {
    let store = place.open().await;
    let state = store.state();
    assert_eq!(state.put_document("test", "a", None, "1", 10).await.unwrap(), Some(1));
    assert_eq!(state.put_document("test", "a", None, "again", 11).await.unwrap(), None, "it is there already");
    assert_eq!(state.put_document("test", "a", Some(7), "other", 12).await.unwrap(), None, "nobody has seen version 7");
    assert_eq!(state.put_document("test", "a", Some(1), "2", 13).await.unwrap(), Some(2));
    let found = state.document("test", "a").await.unwrap().unwrap();
    assert_eq!((found.version, found.updated_at_us, found.content.as_str()), (2, 13, "2"));
    assert_eq!(state.document("other", "a").await.unwrap(), None);
    assert!(!state.delete_document("test", "a", 1).await.unwrap());
    assert!(state.delete_document("test", "a", 2).await.unwrap());
    assert!(state.documents("test").await.unwrap().is_empty());
}

async fn a_response_is_kept_once_and_forgotten_when_it_is_old_or_unwanted(place: Place) {
    use steersman_store::state::responses::{KEPT_DAYS, StoredResponse};
    let store = place.open().await;
    let state = store.state();
    let day_us = 86_400_000_000;
    let kept = |id: &str, day: i64, response: &str| StoredResponse {
        id: id.to_owned(),
        provider: (day == 0).then(|| "openai".to_owned()),
        created_at_us: day * day_us,
        input: "[1]".to_owned(),
        conversation: "[1,2]".to_owned(),
        response: response.to_owned(),
    };
    state.keep_response(kept("a", 0, "{}")).await.unwrap();
    state.keep_response(kept("a", 0, "changed")).await.unwrap();
    assert_eq!(state.response("a").await.unwrap(), Some(kept("a", 0, "{}")), "what was told stays as it was told");
    state.keep_response(kept("b", KEPT_DAYS, "{}")).await.unwrap();
    assert!(state.response("a").await.unwrap().is_some());
    state.keep_response(kept("c", KEPT_DAYS + 1, "{}")).await.unwrap();
    assert!(state.response("a").await.unwrap().is_none(), "too old");
    assert!(state.forget_response("b").await.unwrap());
    assert!(!state.forget_response("b").await.unwrap());
    assert_eq!(state.response("b").await.unwrap(), None);
}

async fn of_many_that_race_exactly_one_wins_each_version(place: Place) {
    let store = place.open().await;
    store.state().put_document("test", "counter", None, "", 0).await.unwrap();
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..32 {
        let state = store.state().clone();
        racers
            .spawn(async move { state.put_document("test", "counter", Some(1), &racer.to_string(), 0).await.unwrap() });
    }
    let won = racers.join_all().await.into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(won, [2]);
}

async fn state_survives_a_store_that_is_opened_again(place: Place) {
    let names: BTreeSet<String> = (0..300).map(|n| format!("n{n:03}")).collect();
    let store = place.open().await;
    let mut writers = tokio::task::JoinSet::new();
    for name in names.clone() {
        let state = store.state().clone();
        writers.spawn(async move { state.put_document("test", &name, None, "{}", 0).await.unwrap() });
    }
    assert!(writers.join_all().await.into_iter().all(|version| version == Some(1)));
    store.close().await;
    drop(store);
    let again = place.open().await;
    let kept: BTreeSet<String> =
        again.state().documents("test").await.unwrap().into_iter().map(|document| document.name).collect();
    assert_eq!(kept, names);
}

#[tokio::test]
async fn two_gateways_on_one_postgres_see_one_state() {
    let place = Place::postgres().await;
    let first = place.open().await;
    let mut beside = place.config();
    if let Engine::Postgres { mark, .. } = &mut beside.engine {
        *mark = None;
    }
    let second = Store::open(beside).await.unwrap();
    first.state().put_document("test", "shared", None, "from the first", 0).await.unwrap();
    let seen = second.state().document("test", "shared").await.unwrap().unwrap();
    assert_eq!(seen.content, "from the first");
    assert_eq!(second.state().put_document("test", "shared", Some(1), "from the second", 0).await.unwrap(), Some(2));
    assert_eq!(first.state().put_document("test", "shared", Some(1), "too late", 0).await.unwrap(), None);
}
