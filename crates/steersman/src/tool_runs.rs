//! Runs of tasks with tools, as documents of the state; and how long they are remembered.
//!
//! They take about so many bytes (`store.runs_mb`): what is new and does not fit is not kept, and the request that
//! needs it is refused before it acts. A run that has begun is kept to its end, whatever room there is.
//!
//! A run that is forgotten is one whose request would act anew, so only age decides it, and never while one of its
//! effects waits for a person or is of unknown outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use steersman_core::BoxFuture;
use steersman_engine::{RunWrite, Runs, RunsDown};
use steersman_scope::{Ledger, LedgerError, RunId};
use steersman_store::{Store, StoreError, now_us};
use tokio_util::sync::CancellationToken;

/// The kind of the state's documents that hold runs.
const RUNS: &str = "tool_run";
/// How long a client may repeat a request under its `Idempotency-Key`.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);
/// How often it is looked what is older.
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// How long a count of bytes is good, in which other gateways on the same state may add to it.
const COUNTED_FOR: Duration = Duration::from_mins(10);
/// How long it is good once it says that nothing fits.
const FULL_FOR: Duration = Duration::from_secs(10);

/// Runs in the state.
pub(crate) struct RunDocuments {
    store: Arc<Store>,
    most_bytes: u64,
    kept: tokio::sync::Mutex<Kept>,
}

/// How many bytes are kept, as of the last count and with what this process has added since.
#[derive(Default, Clone, Copy)]
struct Kept {
    bytes: u64,
    counted: Option<Instant>,
}

impl RunDocuments {
    pub(crate) fn new(store: Arc<Store>, most_bytes: u64) -> Self {
        Self { store, most_bytes, kept: tokio::sync::Mutex::default() }
    }

    /// Takes room for a new document; where there is none, only if it has to be kept. Cost: none but every ten minutes,
    /// when all are counted, and who comes meanwhile waits for that.
    async fn take_room(&self, bytes: u64, must: bool) -> Result<(), RunsDown> {
        let mut kept = self.kept.lock().await;
        let fits = |kept: &Kept| kept.bytes.saturating_add(bytes) <= self.most_bytes;
        let good_for = if fits(&kept) || must { COUNTED_FOR } else { FULL_FOR };
        if kept.counted.is_none_or(|counted| counted.elapsed() > good_for) {
            let bytes = self.store.state().documents_bytes(RUNS).await.map_err(|error| RunsDown(error.to_string()))?;
            *kept = Kept { bytes, counted: Some(Instant::now()) };
        }
        if !fits(&kept) && !must {
            let message = format!(
                "`store.runs_mb` ({} MiB) is full of what the last seven days left; allow more, or wait until some of it is older",
                self.most_bytes >> 20
            );
            return Err(RunsDown(message));
        }
        kept.bytes = kept.bytes.saturating_add(bytes);
        Ok(())
    }

    /// Gives room back that nothing was written into.
    async fn give_back(&self, bytes: u64) {
        let mut kept = self.kept.lock().await;
        kept.bytes = kept.bytes.saturating_sub(bytes);
    }
}

impl Runs for RunDocuments {
    fn load<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Option<(u64, String)>, RunsDown>> {
        Box::pin(async move {
            let found = self.store.state().document(RUNS, run).await.map_err(|error| RunsDown(error.to_string()))?;
            Ok(found.map(|document| (document.version, document.content)))
        })
    }

    fn save<'a>(
        &'a self,
        run: &'a str,
        write: RunWrite,
        content: String,
    ) -> BoxFuture<'a, Result<Option<u64>, RunsDown>> {
        Box::pin(async move {
            let new = u64::try_from(content.len()).unwrap_or(u64::MAX);
            let new = if matches!(write, RunWrite::Over(_)) { 0 } else { new };
            if new > 0 {
                self.take_room(new, write == RunWrite::Begun).await?;
            }
            let saved = self.store.state().put_document(RUNS, run, write.seen(), &content, now_us()).await;
            if new > 0 && !matches!(saved, Ok(Some(_))) {
                self.give_back(new).await;
            }
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
    async fn what_does_not_fit_is_not_kept_and_a_run_that_has_begun_is_kept_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::new(Engine::Sqlite { path: folder.path().join("s.db") });
        let store = Arc::new(Store::open(config).await.unwrap());
        let text = |bytes: usize| "\u{e9}".repeat(bytes / 2);
        store.state().put_document(RUNS, "before", None, &text(60), now_us()).await.unwrap();
        store.state().put_document("other", "kind", None, &text(600), now_us()).await.unwrap();
        assert_eq!(store.state().documents_bytes(RUNS).await.unwrap(), 60, "bytes, not characters");
        let runs = RunDocuments::new(Arc::clone(&store), 100);
        assert_eq!(runs.save("fits", RunWrite::First, text(40)).await.unwrap(), Some(1));
        let full = runs.save("one more", RunWrite::First, text(2)).await.unwrap_err();
        assert!(full.to_string().contains("`store.runs_mb`"), "{full}");
        assert!(runs.load("one more").await.unwrap().is_none());
        assert_eq!(runs.save("fits", RunWrite::Over(1), text(80)).await.unwrap(), Some(2));
        assert_eq!(runs.save("its end", RunWrite::Begun, text(20)).await.unwrap(), Some(1), "it may have acted");
        // Another process counts for itself.
        let other = RunDocuments::new(Arc::clone(&store), 161);
        assert!(other.save("one more", RunWrite::First, text(2)).await.is_err());
        let roomy = RunDocuments::new(Arc::clone(&store), 170);
        for _ in 0..9 {
            assert_eq!(
                roomy.save("fits", RunWrite::First, text(10)).await.unwrap(),
                None,
                "what is not written takes none"
            );
        }
        assert_eq!(roomy.save("one more", RunWrite::First, text(10)).await.unwrap(), Some(1));
        drop((runs, other, roomy));
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
