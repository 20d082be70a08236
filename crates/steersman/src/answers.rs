//! The store's state as the engine's book of answers that are given again.

use std::sync::Arc;

use steersman_core::{BoxFuture, ContentHash};
use steersman_engine::{AnswerBook, BookError, Cache, KeptAnswer, Listed, Purge, Tally};
use steersman_store::state::answers::{AnswerRow, TallyRow};
use steersman_store::{State, Store, now_us};

use crate::config::Config;
use crate::purges;

/// Answers in the durable state, bounded.
struct Answers {
    state: State,
    /// The most bytes on disk.
    max_bytes: u64,
}

/// The answers as they were kept before.
pub(crate) async fn open(config: &Config, store: &Store) -> Arc<Cache> {
    let answers = Answers { state: store.state().clone(), max_bytes: config.answers.cache_bytes };
    let cache = Arc::new(Cache::new(Arc::new(answers)));
    cache.flush(now_us()).await;
    cache
}

impl AnswerBook for Answers {
    fn keep<'a>(
        &'a self,
        answers: &'a [Arc<KeptAnswer>],
        tallies: &'a [(String, Tally)],
    ) -> BoxFuture<'a, Result<(), BookError>> {
        Box::pin(async move {
            let row = |answer: &Arc<KeptAnswer>| {
                Ok::<_, serde_json::Error>(AnswerRow {
                    key: answer.key.to_string(),
                    kept_at_us: answer.kept_at_us,
                    good_until_us: answer.good_until_us,
                    about: serde_json::to_string(&**answer)?,
                    body: answer.body.to_vec(),
                })
            };
            let rows = answers.iter().map(row).collect::<Result<Vec<_>, _>>().map_err(|error| words(&error))?;
            let (now_us, day) = (now_us(), day(now_us()));
            let tally = |(task, tally): &(String, Tally)| TallyRow {
                day: day.clone(),
                task: task.clone(),
                hits: tally.hits,
                misses: tally.misses,
                saved: tally.saved.nanos(),
                saved_tokens: tally.saved_tokens,
            };
            let tallies = tallies.iter().map(tally).collect();
            self.state.keep_answers(rows, tallies, self.max_bytes, now_us).await.map_err(|error| words(&error))
        })
    }

    fn recall<'a>(&'a self, key: &'a ContentHash) -> BoxFuture<'a, Result<Option<KeptAnswer>, BookError>> {
        Box::pin(async move {
            let row = self.state.answer(&key.to_string()).await.map_err(|error| words(&error))?;
            let answer = |row: AnswerRow| {
                let about: KeptAnswer = serde_json::from_str(&row.about)?;
                Ok::<_, serde_json::Error>(KeptAnswer { key: *key, body: row.body.into(), ..about })
            };
            row.map(answer).transpose().map_err(|error| words(&error))
        })
    }

    fn since(&self, since_us: i64) -> BoxFuture<'_, Result<Vec<Listed>, BookError>> {
        Box::pin(async move {
            let rows = self.state.answers_since(since_us, now_us()).await.map_err(|error| words(&error))?;
            Ok(rows
                .into_iter()
                .filter_map(|(key, from, until)| Some((ContentHash::parse(&key)?, from, until)))
                .collect())
        })
    }

    fn purges(&self) -> BoxFuture<'_, Result<Vec<Purge>, BookError>> {
        Box::pin(async { purges::last(&self.state).await.map_err(|error| words(&error)) })
    }
}

/// The day of a moment, `2026-11-27` (UTC).
pub(crate) fn day(unix_us: i64) -> String {
    steersman_console::time(unix_us).get(..10).unwrap_or_default().to_owned()
}

fn words(error: &dyn std::fmt::Display) -> BookError {
    BookError(error.to_string())
}
