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
