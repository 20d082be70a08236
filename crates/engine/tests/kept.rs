//! Answers that are kept, as other gateways on the same database learn of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod house;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use house::House;
use serde_json::json;
use steersman_core::{BoxFuture, ContentHash};
use steersman_engine::{AnswerBook, BookError, Cache, CacheSettings, FormSettings, KeptAnswer, Listed, Purge, Tally};
use steersman_wire::openai_chat;

/// What was written down, and whether the database is away at the next try.
#[derive(Default)]
struct Book {
    away: AtomicBool,
    answers: Mutex<Vec<KeptAnswer>>,
    misses: AtomicU64,
}

impl AnswerBook for Book {
    fn keep<'a>(
        &'a self,
        answers: &'a [Arc<KeptAnswer>],
        tallies: &'a [(String, Tally)],
    ) -> BoxFuture<'a, Result<(), BookError>> {
        Box::pin(async move {
            if self.away.swap(false, Ordering::SeqCst) {
                return Err(BookError("out of reach".to_owned()));
            }
            self.answers.lock().unwrap().extend(answers.iter().map(|answer| KeptAnswer::clone(answer)));
            self.misses.fetch_add(tallies.iter().map(|(_, tally)| tally.misses).sum(), Ordering::SeqCst);
            Ok(())
        })
    }

    fn recall<'a>(&'a self, _: &'a ContentHash) -> BoxFuture<'a, Result<Option<KeptAnswer>, BookError>> {
        Box::pin(async { Ok(None) })
    }

    fn since(&self, _: i64) -> BoxFuture<'_, Result<Vec<Listed>, BookError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn purges(&self) -> BoxFuture<'_, Result<Vec<Purge>, BookError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// A house with a cache over an empty book.
fn caching() -> (House, Arc<Book>, Arc<Cache>) {
    let mut house = House::new(&openai_chat::OpenAiChat, &steersman_structured::AS_SENT, FormSettings::default());
    let book = Arc::new(Book::default());
    let cache = Arc::new(Cache::new(Arc::clone(&book) as _));
    house.engine = house.engine.clone().with_cache(Arc::clone(&cache)).caching(CacheSettings::default());
    (house, book, cache)
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_while_the_database_was_away_is_counted_later() {
    let (house, book, cache) = caching();
    book.away.store(true, Ordering::SeqCst);
    let asks = |inbound: &mut steersman_engine::Inbound| inbound.cache = Some("on".to_owned());
    for (at_us, question) in [(1, "one"), (2, "two")] {
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": question }] });
        assert_eq!(house.send(body, &["an answer"], &asks).await.status, 200);
        assert_eq!(book.misses.load(Ordering::SeqCst), 0, "nothing was written yet");
        cache.flush(at_us).await;
    }
    assert_eq!(book.misses.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_when_it_is_there_and_not_when_it_was_asked_for() {
    let (house, book, cache) = caching();
    let slow = Duration::from_secs(60);
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hello" }] });
    let asked_long_ago = |inbound: &mut steersman_engine::Inbound| {
        inbound.cache = Some("on".to_owned());
        inbound.started = inbound.started.checked_sub(slow).unwrap();
    };
    let reply = house.send(body, &["hello yourself"], &asked_long_ago).await;
    assert_eq!(reply.status, 200);
    cache.flush(2_000_000).await;
    let kept = book.answers.lock().unwrap().clone();
    // Others look five seconds behind the newest that they know; this one was asked for at one second.
    assert!(kept.len() == 1 && kept[0].kept_at_us >= 61_000_000, "{kept:?}");
    // What is purged while an answer is under way was asked before, and is not given either.
    assert!(Purge { at_us: 30_000_000, ..Purge::default() }.covers(&kept[0]));
}
