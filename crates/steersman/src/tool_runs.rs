//! Runs of tasks with tools, as documents of the state; and how long they are remembered.
//!
//! They take about so many bytes (`store.runs_mb`), and those of one key half of them: where there is no room, nothing
//! new begins. What has begun is kept to its end, whatever room there is.
//!
//! A run that is forgotten is one whose request would act anew, so only age decides it, and never while one of its
//! effects waits for a person or is of unknown outcome.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use steersman_core::BoxFuture;
use steersman_engine::{NoRoom, RunWrite, Runs, RunsDown};
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
const FULL_FOR: Duration = Duration::from_secs(30);

/// Runs in the state.
pub(crate) struct RunDocuments {
    store: Arc<Store>,
    most_bytes: u64,
    kept: Mutex<Kept>,
    counting: tokio::sync::Mutex<()>,
}

/// How many bytes are kept, by owner, as of the last count and with what this process has added since.
#[derive(Default)]
struct Kept {
    by_owner: BTreeMap<String, u64>,
    counted: Option<Instant>,
}

impl RunDocuments {
    pub(crate) fn new(store: Arc<Store>, most_bytes: u64) -> Self {
        Self { store, most_bytes, kept: Mutex::default(), counting: tokio::sync::Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why so many bytes more of this owner would not fit, and when it was counted.
    fn full(&self, owner: &str, bytes: u64) -> (Option<String>, Option<Instant>) {
        let kept = self.kept();
        let all = kept.by_owner.values().fold(bytes, |sum, bytes| sum.saturating_add(*bytes));
        let own = kept.by_owner.get(owner).copied().unwrap_or(0).saturating_add(bytes);
        let room = format!("`store.runs_mb` ({} MiB)", self.most_bytes >> 20);
        let wait = "what the last seven days left; allow more, or wait until some of it is older";
        let why = if all > self.most_bytes {
            Some(format!("{room} is full of {wait}"))
        } else if !owner.is_empty() && own > self.most_bytes / 2 {
            Some(format!("this key has its half of {room} full of {wait}"))
        } else {
            None
        };
        (why, kept.counted)
    }

    /// Counts anew. Who comes meanwhile goes by the last count, and waits only for the first.
    async fn count(&self, last: Option<Instant>) -> Result<(), RunsDown> {
        let _alone = match last {
            None => self.counting.lock().await,
            Some(_) => match self.counting.try_lock() {
                Ok(alone) => alone,
                Err(_) => return Ok(()),
            },
        };
        if self.kept().counted != last {
            return Ok(());
        }
        let by_owner = self.store.state().documents_bytes(RUNS).await.map_err(|error| RunsDown(error.to_string()))?;
        *self.kept() = Kept { by_owner, counted: Some(Instant::now()) };
        Ok(())
    }

    /// Notes that what stood with so many bytes stands with so many now.
    fn grew(&self, owner: &str, from: usize, to: usize) {
        let count = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        let mut kept = self.kept();
        let own = kept.by_owner.entry(owner.to_owned()).or_default();
        *own = own.saturating_add(count(to)).saturating_sub(count(from));
    }
}

impl Runs for RunDocuments {
    fn load<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Option<(u64, String)>, RunsDown>> {
        Box::pin(async move {
            let found = self.store.state().document(RUNS, run).await.map_err(|error| RunsDown(error.to_string()))?;
            Ok(found.map(|document| (document.version, document.content)))
        })
    }

    fn has_room<'a>(&'a self, owner: &'a str, bytes: usize) -> BoxFuture<'a, Result<(), NoRoom>> {
        Box::pin(async move {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            let (mut why, counted) = self.full(owner, bytes);
            let good_for = if why.is_none() { COUNTED_FOR } else { FULL_FOR };
            if counted.is_none_or(|counted| counted.elapsed() > good_for) {
                self.count(counted).await?;
                why = self.full(owner, bytes).0;
            }
            why.map_or(Ok(()), |why| Err(NoRoom::Full(why)))
        })
    }

    fn save<'a>(
        &'a self,
        owner: &'a str,
        run: &'a str,
        write: RunWrite,
        content: String,
    ) -> BoxFuture<'a, Result<Option<u64>, RunsDown>> {
        Box::pin(async move {
            let (state, seen) = (self.store.state(), write.seen());
            let saved = state.put_document_of(owner, RUNS, run, seen, &content, now_us()).await;
            let saved = saved.map_err(|error| RunsDown(error.to_string()))?;
            if saved.is_some() {
                let before = if let RunWrite::Over { bytes, .. } = write { bytes } else { 0 };
                self.grew(owner, before, content.len());
            }
            Ok(saved)
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
    async fn where_there_is_no_room_nothing_begins_and_one_key_has_half_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::new(Engine::Sqlite { path: folder.path().join("s.db") });
        let store = Arc::new(Store::open(config).await.unwrap());
        let text = |bytes: usize| "\u{e9}".repeat(bytes / 2);
        store.state().put_document(RUNS, "before", None, &text(60), now_us()).await.unwrap();
        store.state().put_document("other", "kind", None, &text(600), now_us()).await.unwrap();
        let counted = store.state().documents_bytes(RUNS).await.unwrap();
        assert_eq!(counted, [(String::new(), 60)].into(), "bytes, not characters");
        let runs = RunDocuments::new(Arc::clone(&store), 200);
        runs.has_room("ann", 100).await.unwrap();
        let half = runs.has_room("ann", 102).await.unwrap_err().to_string();
        assert!(half.contains("this key has its half of `store.runs_mb`"), "{half}");
        runs.has_room("", 140).await.unwrap();
        let full = runs.has_room("", 142).await.unwrap_err().to_string();
        assert!(full.contains("`store.runs_mb` (0 MiB) is full"), "{full}");
        // What grows is counted, and kept whatever room there is.
        assert_eq!(runs.save("ann", "grows", RunWrite::New, text(2)).await.unwrap(), Some(1));
        let over = RunWrite::Over { version: 1, bytes: 2 };
        assert_eq!(runs.save("ann", "grows", over, text(100)).await.unwrap(), Some(2));
        assert_eq!(runs.save("ann", "grows", over, text(180)).await.unwrap(), None, "what is not written takes none");
        assert!(runs.has_room("ann", 2).await.is_err(), "one key has had its half");
        runs.has_room("bob", 40).await.unwrap();
        assert!(runs.has_room("bob", 42).await.is_err(), "others share the rest");
        // Another process counts for itself, and knows whose it is.
        let other = RunDocuments::new(Arc::clone(&store), 200);
        assert!(other.has_room("ann", 2).await.is_err());
        other.has_room("bob", 40).await.unwrap();
        drop((runs, other));
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
                    assert!(begin.elapsed() < Duration::from_secs(60), "the run of day {day} was not forgotten");
                }
            }
            draining.cancel();
        };
        let a_day = Duration::from_millis(20);
        tokio::join!(forget_often(&store, &ledger, a_day, draining.clone()), days);
        store.close().await;
    }
}
