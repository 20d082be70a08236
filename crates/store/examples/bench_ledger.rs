//! What the effect ledger costs on the state as the product keeps it, as JSON. Run it with `--release`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a measuring program")]

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use steersman_core::{BoxFuture, ContentHash, Contract, Effect, Secret, ToolCall};
use steersman_scope::{
    Change, Child, Dispatch, Ledger, Means, NewEffect, Plan, Root, RunId, Runner, RunnerOptions, Scope, Slot, Start,
    Tool, ToolFault, Witness,
};
use steersman_store::state::effects::{EffectLedger, LedgerOptions};
use steersman_store::{Engine, State};

/// Calls in flight at once.
const IN_FLIGHT: u32 = 256;
/// Effects of one run: half of the calls that a task may make where nothing is said.
const EFFECTS_A_RUN: u32 = 16;

struct Echo(Contract);

impl Tool for Echo {
    fn contract(&self) -> &Contract {
        &self.0
    }

    fn call(&self, _: Dispatch) -> BoxFuture<'_, Result<String, ToolFault>> {
        Box::pin(async { Ok(String::new()) })
    }
}

async fn ledger(engine: &Engine) -> Arc<EffectLedger> {
    let state = State::open(engine).await.unwrap();
    Arc::new(EffectLedger::open(&state, LedgerOptions::of("bench")).await.unwrap())
}

/// Microseconds a read call, in turns of eight calls, everything included.
async fn reads(engine: &Engine) -> f64 {
    let options = RunnerOptions { max_identical_reads: usize::MAX, ..RunnerOptions::default() };
    let contract = Contract { effect: Effect::Read, ..Contract::unknown("read") };
    let runner = Runner::over(ledger(engine).await).tool(Arc::new(Echo(contract)), None).options(options).build();
    let root = Root::unlimited("bench");
    let turns = 2_000;
    let child = Child::<_, String>::new("turns", move |scope: Scope| async move {
        let run = runner.run(RunId::from("reads"), ContentHash::of(b""));
        let start = Instant::now();
        for turn in 0..turns {
            let call = |c: u32| ToolCall {
                id: c.to_string(),
                name: "read".into(),
                arguments: format!("{{\"n\":{c},\"t\":{turn}}}"),
            };
            let calls: Vec<_> = (0..8).map(call).collect();
            assert_eq!(run.tool_calls(&scope, "step", &calls).await.replies.len(), 8);
        }
        Ok(start.elapsed())
    });
    root.scope("bench").run(child).await.unwrap().as_secs_f64() * 1e6 / f64::from(turns * 8)
}

fn new_effect(run: &str, index: u32) -> NewEffect {
    NewEffect {
        slot: Slot { run: run.into(), path: "step".into(), index },
        tool: "pay".into(),
        arguments: format!("{{\"to\":\"somebody\",\"amount\":{index},\"note\":\"{}\"}}", "x".repeat(200)),
        effect: Effect::Irreversible,
        means: Means::Keyed,
        start: Start::Sending("policy".into()),
    }
}

/// What each of the calls in flight does, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// A durable intent.
    Intent,
    /// A durable intent and a durable outcome.
    Whole,
}

/// What something cost that was done so often.
struct Cost {
    per_s: f64,
    processor_us: f64,
    bytes_written: f64,
}

impl Cost {
    fn as_json(&self, floor: Option<&Self>) -> Value {
        let mut figures =
            json!({ "per_s": self.per_s, "processor_us": self.processor_us, "bytes_written": self.bytes_written });
        if let Some(floor) = floor {
            figures["times_floor"] = json!({ "time": floor.per_s / self.per_s,
                "processor": self.processor_us / floor.processor_us, "bytes": self.bytes_written / floor.bytes_written });
        }
        figures
    }
}

/// Processor seconds of this process, and bytes that it sent to a disk.
fn used() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<f64> =
        stat.rsplit_once(") ").unwrap().1.split(' ').map(|field| field.parse().unwrap_or(0.0)).collect();
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).and_then(|n| n.parse().ok());
    // User and system time, in hundredths of a second on every Linux.
    ((fields[11] + fields[12]) / 100.0, written.unwrap_or(0.0))
}

struct Watch(Instant, (f64, f64));

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), used())
    }

    fn stop(&self, times: u32) -> Cost {
        let (seconds, now, times) = (self.0.elapsed().as_secs_f64(), used(), f64::from(times));
        Cost {
            per_s: times / seconds,
            processor_us: (now.0 - self.1.0) * 1e6 / times,
            bytes_written: (now.1 - self.1.1) / times,
        }
    }
}

/// What it costs with 256 in flight in as many runs, the opening of runs included.
async fn rate(engine: &Engine, work: Work, per_worker: u32) -> Cost {
    let ledger = ledger(engine).await;
    let root = Root::unlimited("bench");
    let watch = Watch::start();
    let workers = (0..IN_FLIGHT).map(|worker| {
        let ledger = Arc::clone(&ledger);
        Child::<(), String>::new(worker.to_string(), move |_| async move {
            let words = |error: &dyn std::fmt::Display| error.to_string();
            let mut run = String::new();
            for i in 0..per_worker {
                if i.is_multiple_of(EFFECTS_A_RUN) {
                    run = format!("{work:?} {worker} {i}");
                    ledger.open_run(&run.as_str().into(), ContentHash::of(b"")).await.map_err(|error| words(&error))?;
                }
                let planned = ledger.plan(new_effect(&run, i)).await.map_err(|error| words(&error))?;
                let Plan::New(effect) = planned else { return Err(format!("{planned:?}")) };
                if work == Work::Whole {
                    ledger.dispatched(effect.key, effect.attempt);
                    let done = Change::Commit("{\"ok\":true}".into(), Witness::Answer);
                    ledger.advance(effect.key, effect.attempt, done).await.map_err(|error| words(&error))?;
                }
            }
            Ok(())
        })
    });
    root.scope("rate").all_or_nothing(workers).await.unwrap();
    watch.stop(IN_FLIGHT * per_worker)
}

/// What nobody can beat on this disk with SQLite: rows of the same size under a random key, 256 a synced transaction.
fn floor(path: &Path, groups: u32) -> Cost {
    let connection = rusqlite::Connection::open(path).unwrap();
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4096;
        CREATE TABLE floor (key BLOB NOT NULL PRIMARY KEY, value BLOB NOT NULL)";
    connection.execute_batch(settings).unwrap();
    let row = [b'x'; 400];
    let watch = Watch::start();
    for group in 0..groups {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for n in 0..IN_FLIGHT {
            let key = ContentHash::of(&[group.to_le_bytes(), n.to_le_bytes()].concat()).to_string();
            let mut insert = connection.prepare_cached("INSERT INTO floor VALUES ($1, $2)").unwrap();
            insert.execute((&key.as_bytes()[..32], row.as_slice())).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
    }
    watch.stop(groups * IN_FLIGHT)
}

/// Append and sync of 400 bytes, the floor under every durable step: `(p50, p99)` in microseconds.
fn syncs(folder: &Path) -> (f64, f64) {
    let mut file = std::fs::File::create(folder.join("sync")).unwrap();
    let one = |_| {
        let start = Instant::now();
        file.write_all(&[0; 400]).unwrap();
        file.sync_data().unwrap();
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..300).map(one).collect();
    times.sort_unstable();
    let at = |place: usize| times[place].as_secs_f64() * 1e6;
    (at(150), at(296))
}

async fn figures(engine: &Engine, per_worker: u32, floor: Option<&Cost>) -> Value {
    let intents = rate(engine, Work::Intent, per_worker).await;
    let whole = rate(engine, Work::Whole, per_worker / 2).await;
    let watch = Watch::start();
    let open = ledger(engine).await.orphans().await.unwrap().len();
    let opened = watch.stop(1);
    json!({
        "intents_at_256_in_flight": intents.as_json(floor),
        "intents_with_outcomes_at_256_in_flight": whole.as_json(floor),
        "open_ledger": { "open_effects": open, "seconds": 1.0 / opened.per_s,
            "processor_seconds": opened.processor_us / 1e6 },
    })
}

fn main() {
    let full = std::env::args().any(|argument| argument == "--full");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| Engine::Sqlite { path: folder.path().join(name) };
    let printed = runtime.block_on(async {
        let read_us = reads(&at("reads.db")).await;
        let synced = syncs(folder.path());
        let per_worker = if full { 391 } else { 100 };
        let floor = floor(&folder.path().join("floor.db"), per_worker);
        let mut all = figures(&at("steersman.db"), per_worker, Some(&floor)).await;
        all["sqlite_floor"] = floor.as_json(None);
        all["read_call_us"] = json!(read_us);
        all["append_and_sync_400_bytes_us"] = json!({ "p50": synced.0, "p99": synced.1 });
        if let Ok(url) = std::env::var("STEERSMAN_TEST_POSTGRES") {
            all["postgres"] = figures(&Engine::Postgres { url: Secret::new(&url), mark: None }, 40, None).await;
        }
        all
    });
    println!("{printed:#}");
}
