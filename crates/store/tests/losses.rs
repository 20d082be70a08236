//! What cannot be written is counted as lost, exactly, whichever part of it the database refuses.

#![allow(clippy::unwrap_used, reason = "statements held against both engines are plain functions")]

mod support;

use steersman_core::Recorder;
use steersman_store::Engine;
use support::{Place, on_both_engines, record};

on_both_engines! {
    records_whose_texts_cannot_be_written_are_lost_and_not_kept_without_them,
}

/// Takes the tables of texts away, behind the store's back.
async fn refuse_texts(place: &Place) {
    let sql = "ALTER TABLE packs RENAME TO no_packs; ALTER TABLE bodies RENAME TO no_bodies";
    match &place.engine {
        Engine::Sqlite { path } => rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap(),
        Engine::Postgres { .. } => place.state_script(sql).await,
    }
}

async fn records_whose_texts_cannot_be_written_are_lost_and_not_kept_without_them(place: Place) {
    let store = place.open().await;
    store.record(record(0));
    store.flush().await.unwrap();
    refuse_texts(&place).await;
    (1..=40).for_each(|n| store.record(record(n)));
    store.flush().await.unwrap();
    let stats = store.stats();
    assert_eq!((stats.accepted, stats.written, stats.failed, stats.dropped, stats.queued), (41, 1, 40, 0, 0));
    assert!(stats.last_error.is_some_and(|error| error.contains("packs") || error.contains("bodies")));
    assert_eq!(place.number("SELECT COUNT(*) FROM requests").await, 1, "no row stands without its texts");
    store.close().await;
}
