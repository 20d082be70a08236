//! Answers that are kept, as other gateways on the same database learn of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod house;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use house::House;
use serde_json::json;
use steersman_core::{BoxFuture, ContentHash};
use steersman_engine::{AnswerBook, BookError, Cache, CacheSettings, FormSettings, KeptAnswer, Listed, Purge, Tally};
use steersman_wire::openai_chat;

/// What was written down, and when it is said to have been kept.
#[derive(Default)]
struct Book(Mutex<Vec<KeptAnswer>>);

impl AnswerBook for Book {
    fn keep<'a>(
        &'a self,
        answers: &'a [Arc<KeptAnswer>],
        _: &'a [(String, Tally)],
    ) -> BoxFuture<'a, Result<(), BookError>> {
        self.0.lock().unwrap().extend(answers.iter().map(|answer| KeptAnswer::clone(answer)));
        Box::pin(async { Ok(()) })
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

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_when_it_is_there_and_not_when_it_was_asked_for() {
    let mut house = House::new(&openai_chat::OpenAiChat, &steersman_structured::AS_SENT, FormSettings::default());
    let (book, slow) = (Arc::new(Book::default()), Duration::from_secs(60));
    let cache = Arc::new(Cache::new(Arc::clone(&book) as _));
    house.engine = house.engine.clone().with_cache(Arc::clone(&cache)).caching(CacheSettings::default());
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hello" }] });
    let asked_long_ago = |inbound: &mut steersman_engine::Inbound| {
        inbound.cache = Some("on".to_owned());
        inbound.started = inbound.started.checked_sub(slow).unwrap();
    };
    let reply = house.send(body, &["hello yourself"], &asked_long_ago).await;
    assert_eq!(reply.status, 200);
    cache.flush(2_000_000).await;
    let kept = book.0.lock().unwrap().clone();
    // Others look five seconds behind the newest that they know; this one was asked for at one second.
    assert!(kept.len() == 1 && kept[0].kept_at_us >= 61_000_000, "{kept:?}");
    // What is purged while an answer is under way was asked before, and is not given either.
    assert!(Purge { at_us: 30_000_000, ..Purge::default() }.covers(&kept[0]));
}
