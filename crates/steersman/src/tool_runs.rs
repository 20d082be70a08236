//! Runs of tasks with tools, as documents of the state; and how long they are remembered.
//!
//! A run that is forgotten is one whose request would act anew, so only age decides it, and never while one of its
//! effects waits for a person or is of unknown outcome.

use std::sync::Arc;
use std::time::Duration;

use steersman_core::BoxFuture;
use steersman_engine::{Runs, RunsDown};
use steersman_scope::{Ledger, LedgerError, RunId};
use steersman_store::{Store, StoreError, now_us};
use tokio_util::sync::CancellationToken;

/// The kind of the state's documents that hold runs.
const RUNS: &str = "tool_run";
/// How long a client may repeat a request under its `Idempotency-Key`.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);
/// How often it is looked what is older.
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// Runs in the state.
pub(crate) struct RunDocuments(pub(crate) Arc<Store>);

impl Runs for RunDocuments {
    fn load<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Option<(u64, String)>, RunsDown>> {
        Box::pin(async move {
            let found = self.0.state().document(RUNS, run).await.map_err(|error| RunsDown(error.to_string()))?;
            Ok(found.map(|document| (document.version, document.content)))
        })
    }

    fn save<'a>(
        &'a self,
        run: &'a str,
        seen: Option<u64>,
        content: String,
    ) -> BoxFuture<'a, Result<Option<u64>, RunsDown>> {
        Box::pin(async move {
            let saved = self.0.state().put_document(RUNS, run, seen, &content, now_us()).await;
            saved.map_err(|error| RunsDown(error.to_string()))
        })
    }
}

/// Forgets what is old, at the start and then once each `period`, until the gateway drains.
pub(crate) async fn forget_often(store: &Store, ledger: &dyn Ledger, period: Duration, draining: CancellationToken) {
    let mut periods = tokio::time::interval(period);
    loop {
        tokio::select! {
            () = draining.cancelled() => return,
            _ = periods.tick() => {}
        }
        match forget_old(store, ledger, now_us()).await {
            Ok(0) => {}
            Ok(runs) => tracing::info!(runs, "old runs are forgotten"),
            Err(error) => tracing::warn!(%error, "old runs could not be forgotten"),
        }
    }
}

/// Forgets runs that nobody may repeat any more, with their effects. Gives how many.
async fn forget_old(store: &Store, ledger: &dyn Ledger, now_us: i64) -> Result<usize, StoreError> {
    let oldest = now_us - i64::try_from(REMEMBERED.as_micros()).unwrap_or(i64::MAX);
    let mut forgotten = 0;
    for (name, version) in store.state().unchanged_since(RUNS, oldest).await? {
        match ledger.forget_run(&RunId::from(name.as_str())).await {
            Ok(()) | Err(LedgerError::NoRun(_)) => {
                forgotten += usize::from(store.state().delete_document(RUNS, &name, version).await?);
            }
            Err(_) => {}
        }
    }
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use steersman_core::{ContentHash, Effect};
    use steersman_scope::{Change, Means, NewEffect, Slot, Start, Witness};
    use steersman_store::state::effects::{EffectLedger, LedgerOptions};
    use steersman_store::{Engine, StoreConfig};

    use super::*;

    async fn effect(ledger: &EffectLedger, run: &str, start: Start) -> steersman_scope::EffectRecord {
        let run = RunId::from(run);
        ledger.open_run(&run, ContentHash::of(b"")).await.unwrap();
        let slot = Slot { run, path: "step 0".into(), index: 0 };
        let (tool, arguments) = ("mail".to_owned(), "{}".to_owned());
        let new = NewEffect { slot, tool, arguments, effect: Effect::Irreversible, means: Means::Opaque, start };
        match ledger.plan(new).await.unwrap() {
            steersman_scope::Plan::New(effect) => effect,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_old_run_is_forgotten_unless_one_of_its_effects_waits() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::new(Engine::Sqlite { path: folder.path().join("s.db") })).await.unwrap();
        let ledger = EffectLedger::open(store.state(), LedgerOptions::of("here")).await.unwrap();
        let done = effect(&ledger, "done", Start::Sending("policy".into())).await;
        ledger.advance(done.key, done.attempt, Change::Commit("sent".into(), Witness::Answer)).await.unwrap();
        effect(&ledger, "waits", Start::Waiting).await;
        let old = now_us() - 8 * 86_400_000_000;
        for (run, at) in [("done", old), ("waits", old), ("fresh", now_us())] {
            store.state().put_document(RUNS, run, None, "{}", at).await.unwrap();
        }
        assert_eq!(forget_old(&store, &ledger, now_us()).await.unwrap(), 1);
        let left: Vec<_> = store.state().documents(RUNS).await.unwrap().into_iter().map(|run| run.name).collect();
        assert_eq!(left, ["fresh", "waits"]);
        assert!(ledger.effect(done.key).await.unwrap().is_none());
        store.close().await;
    }

    #[tokio::test]
    async fn a_gateway_that_lives_for_months_forgets_every_day() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::new(Engine::Sqlite { path: folder.path().join("s.db") })).await.unwrap();
        let ledger = EffectLedger::open(store.state(), LedgerOptions::of("here")).await.unwrap();
        let draining = CancellationToken::new();
        let days = async {
            for day in 0..3 {
                let old = now_us() - 8 * 86_400_000_000;
                store.state().put_document(RUNS, &format!("run {day}"), None, "{}", old).await.unwrap();
                let begin = std::time::Instant::now();
                while !store.state().documents(RUNS).await.unwrap().is_empty() {
                    assert!(begin.elapsed() < Duration::from_secs(20), "the run of day {day} was not forgotten");
                }
            }
            draining.cancel();
        };
        let a_day = Duration::from_millis(20);
        tokio::join!(forget_often(&store, &ledger, a_day, draining.clone()), days);
        store.close().await;
    }
}
