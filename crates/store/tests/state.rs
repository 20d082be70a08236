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
    documents_of_a_kind_are_weighed_in_bytes,
    answers_are_bounded_by_time_and_bytes_and_what_they_saved_adds_up,
    answers_that_are_meant_are_forgotten_page_by_page_and_newer_ones_stay,
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

async fn documents_of_a_kind_are_weighed_in_bytes(place: Place) {
    let store = place.open().await;
    assert!(store.state().documents_bytes("test").await.unwrap().is_empty());
    for (kind, name, text) in [("test", "a", "1"), ("test", "b", "\u{e9}\u{e9}"), ("other", "a", "more")] {
        store.state().put_document(kind, name, None, text, 10).await.unwrap();
    }
    let counted = store.state().documents_bytes("test").await.unwrap();
    assert_eq!(counted, [(String::new(), 5)].into());
}

async fn answers_that_are_meant_are_forgotten_page_by_page_and_newer_ones_stay(place: Place) {
    use steersman_store::state::answers::AnswerRow;
    let store = place.open().await;
    let state = store.state();
    let answer = |number: i64| AnswerRow {
        key: format!("{number:08}"),
        kept_at_us: number,
        good_until_us: i64::MAX,
        about: format!("{}", number % 2),
        body: b"{}".to_vec(),
    };
    // More than are looked at in one transaction.
    state.keep_answers((0..5_000).map(answer).collect(), Vec::new(), 1 << 30, 1).await.unwrap();
    assert_eq!(state.forget_answers(4_899, |about| about == "1").await.unwrap(), 2_450);
    assert_eq!(state.forget_answers(4_899, |about| about == "1").await.unwrap(), 0);
    assert_eq!(state.answers_report("").await.unwrap().1.answers, 2_550);
    assert!(state.answer("00004999").await.unwrap().is_some(), "it is newer");
}

async fn answers_are_bounded_by_time_and_bytes_and_what_they_saved_adds_up(place: Place) {
    use steersman_store::state::answers::{AnswerRow, TallyRow};
    let store = place.open().await;
    let state = store.state();
    let answer = |name: &str, kept_at_us: i64, good_until_us: i64| AnswerRow {
        key: name.repeat(64),
        kept_at_us,
        good_until_us,
        about: "{}".to_owned(),
        // Bytes that do not compress, so that the bound is met by a known number of them.
        body: (0..1_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).wrapping_add(n << 7).to_le_bytes()).collect(),
    };
    let tally = |hits: u64| TallyRow {
        day: "2026-11-27".to_owned(),
        task: "t".to_owned(),
        hits,
        misses: 1,
        saved: 5,
        saved_tokens: 7,
    };
    let first = vec![answer("a", 10, 1_000), answer("b", 20, 100)];
    state.keep_answers(first, vec![tally(2)], 1 << 20, 50).await.unwrap();
    assert_eq!(state.answer(&"a".repeat(64)).await.unwrap(), Some(answer("a", 10, 1_000)), "as it was");
    let listed = state.answers_since(15, 50).await.unwrap();
    assert_eq!(listed, [("b".repeat(64), 20, 100)]);
    // A new answer to the same request takes the place of the old one; what is good no longer goes.
    state.keep_answers(vec![answer("a", 30, 2_000)], vec![tally(3)], 1 << 20, 100).await.unwrap();
    assert_eq!(state.answer(&"b".repeat(64)).await.unwrap(), None);
    let (tallies, held) = state.answers_report("2026-11-01").await.unwrap();
    assert_eq!(tallies, [TallyRow { misses: 2, saved: 10, saved_tokens: 14, ..tally(5) }]);
    assert_eq!(held.answers, 1);
    let room = held.bytes * 2;
    let more = vec![answer("c", 40, 2_000), answer("d", 50, 2_000)];
    state.keep_answers(more, Vec::new(), room, 100).await.unwrap();
    assert!(state.answer(&"a".repeat(64)).await.unwrap().is_none(), "the oldest went for the newest");
    let (_, held) = state.answers_report("2026-11-28").await.unwrap();
    assert!(held.answers == 2 && held.bytes <= room, "{held:?}");
}

async fn a_response_is_kept_once_and_forgotten_when_it_is_old_or_unwanted(place: Place) {
    use steersman_core::StoredResponse;
    let store = place.open().await;
    let state = store.state();
    let day_us = 86_400_000_000;
    let kept = |id: &str, day: i64, response: &str| StoredResponse {
        id: id.to_owned(),
        owner: "key_1".to_owned(),
        provider: (day == 0).then(|| "openai".to_owned()),
        created_at_us: day * day_us,
        input: "[1]".to_owned(),
        conversation: "[1,2]".to_owned(),
        response: response.to_owned(),
    };
    let keep =
        async |id: &str, day: i64, response: &str| state.keep_response(kept(id, day, response), 30).await.unwrap();
    keep("a", 0, "{}").await;
    keep("a", 0, "changed").await;
    assert_eq!(state.response("a").await.unwrap(), Some(kept("a", 0, "{}")), "what was told stays as it was told");
    keep("b", 30, "{}").await;
    assert!(state.response("a").await.unwrap().is_some());
    keep("c", 31, "{}").await;
    assert!(state.response("a").await.unwrap().is_none(), "too old");
    assert!(!state.forget_response("b", "key_2").await.unwrap(), "another key's");
    assert!(state.forget_response("b", "key_1").await.unwrap());
    assert!(!state.forget_response("b", "key_1").await.unwrap());
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
