//! What the tool runtime costs, as JSON: a read call, durable intents, cancellation, recovery. Run it with `--release`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a measuring program")]

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use steersman_core::{BoxFuture, ContentHash, Contract, Effect, ToolCall};
use steersman_scope::{
    Budget, Caps, Child, DiskFiles, Dispatch, Journal, JournalOptions, Ledger, Means, NewEffect, Root, RunId, Runner,
    RunnerOptions, Scope, Slot, Start, Tool, ToolFault, piped,
};

struct Echo(Contract);

impl Tool for Echo {
    fn contract(&self) -> &Contract {
        &self.0
    }

    fn call(&self, _: Dispatch) -> BoxFuture<'_, Result<String, ToolFault>> {
        Box::pin(async { Ok(String::new()) })
    }
}

fn echo(name: &str, effect: Effect) -> Arc<Echo> {
    let mut contract = Contract::unknown(name);
    contract.effect = effect;
    Arc::new(Echo(contract))
}

/// `(p50, p99)` of these times, in microseconds.
fn quantiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |part: f64| times[(((times.len() - 1) as f64) * part) as usize].as_secs_f64() * 1e6;
    (at(0.5), at(0.99))
}

async fn open(folder: &std::path::Path) -> Arc<Journal> {
    let files = Arc::new(DiskFiles::open(folder).unwrap());
    Arc::new(Journal::open(files, JournalOptions::default()).await.unwrap())
}

/// Microseconds a read call, in turns of eight calls, everything included.
async fn reads(folder: &std::path::Path) -> f64 {
    let options = RunnerOptions { max_identical_reads: usize::MAX, ..RunnerOptions::default() };
    let runner = Runner::over(open(folder).await).tool(echo("read", Effect::Read), None).options(options).build();
    let root = Root::unlimited("bench");
    let turns = 2_000;
    let child = Child::<_, String>::new("turns", move |scope: Scope| async move {
        let run = runner.run(RunId::from("run"), ContentHash::of(b""));
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

fn new_effect(run: &RunId, index: u32) -> NewEffect {
    NewEffect {
        slot: Slot { run: run.clone(), path: "step".into(), index },
        tool: "pay".into(),
        arguments: format!("{{\"to\":\"somebody\",\"amount\":{index},\"note\":\"{}\"}}", "x".repeat(200)),
        effect: Effect::Irreversible,
        means: Means::Keyed,
        start: Start::Sending("policy".into()),
    }
}

/// Durable intents a second with 256 in flight.
async fn intents(folder: &std::path::Path, per_worker: u32) -> f64 {
    let (journal, run) = (open(folder).await, RunId::from("run"));
    journal.open_run(&run, ContentHash::of(b"")).await.unwrap();
    let root = Root::unlimited("bench");
    let start = Instant::now();
    let workers = (0..256u32).map(|worker| {
        let (journal, run) = (Arc::clone(&journal), run.clone());
        Child::<(), String>::new(worker.to_string(), move |_| async move {
            for i in 0..per_worker {
                journal.plan(new_effect(&run, worker * per_worker + i)).await.map_err(|error| error.to_string())?;
            }
            Ok(())
        })
    });
    root.scope("intents").all_or_nothing(workers).await.unwrap();
    let rate = f64::from(256 * per_worker) / start.elapsed().as_secs_f64();
    Arc::into_inner(journal).unwrap().close().await;
    rate
}

/// Append and sync of 400 bytes, the floor under every durable step.
fn syncs(folder: &std::path::Path) -> (f64, f64) {
    let mut file = std::fs::File::create(folder.join("sync")).unwrap();
    let one = |_| {
        let start = Instant::now();
        file.write_all(&[0; 400]).unwrap();
        file.sync_data().unwrap();
        start.elapsed()
    };
    quantiles((0..300).map(one).collect())
}

/// From the cancellation of a thousand calls to their join.
async fn cancellation() -> (f64, f64) {
    let root = Root::unlimited("bench");
    let mut times = Vec::new();
    for _ in 0..50 {
        let children = (0..1000).map(|i| Child::<(), String>::new(i.to_string(), |_| std::future::pending()));
        let settled = root.scope("calls").deadline(Duration::from_millis(30)).best_effort(children).await;
        times.push(settled.report().closing);
        settled.fold(|_, ()| (), |_| ()).unwrap();
    }
    quantiles(times)
}

/// From the cancellation of a process that ignores it to its join, beyond the grace period.
async fn hostile() -> (f64, f64) {
    let grace = Duration::from_millis(100);
    let root = Root::new("bench", &Budget::new("all", Caps::default()), grace);
    let mut times = Vec::new();
    for _ in 0..20 {
        let child = Child::<(), String>::new("hostile", |scope: Scope| async move {
            let _process = scope.process(piped("sh", &["-c", "trap '' TERM; while :; do :; done"])).unwrap();
            std::future::pending().await
        });
        let settled = root.scope("calls").deadline(Duration::from_millis(50)).best_effort([child]).await;
        times.push(settled.report().closing.saturating_sub(grace));
        settled.fold(|_, ()| (), |_| ()).unwrap();
    }
    quantiles(times)
}

/// Scopes that are opened with one call, cancelled and joined: how many a second, and what is left of them.
async fn churn(scopes: u32) -> (f64, usize) {
    let root = Root::unlimited("bench");
    let start = Instant::now();
    for i in 0..scopes {
        let child = Child::<(), String>::new("call", move |scope: Scope| async move {
            scope.cancel();
            std::future::pending().await
        });
        let name = if i.is_multiple_of(2) { "even" } else { "odd" };
        root.scope(name).best_effort([child]).await.fold(|_, ()| (), |_| ()).unwrap();
    }
    root.idle().await;
    let left = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    (f64::from(scopes) / start.elapsed().as_secs_f64(), left)
}

fn main() {
    let full = std::env::args().any(|argument| argument == "--full");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let figures = runtime.block_on(async {
        let read_us = reads(&at("reads")).await;
        let intents_per_s = intents(&at("intents"), if full { 391 } else { 100 }).await;
        let start = Instant::now();
        let open_effects = open(&at("intents")).await.open_effects().await.unwrap().len();
        let recovery_s = start.elapsed().as_secs_f64();
        let (scopes, (per_s, left)) =
            if full { (1_000_000, churn(1_000_000).await) } else { (50_000, churn(50_000).await) };
        json!({
            "read_call_us": read_us,
            "intents_per_s_at_256_in_flight": intents_per_s,
            "append_and_sync_400_bytes_us": { "p50": syncs(folder.path()).0, "p99": syncs(folder.path()).1 },
            "open_journal": { "open_effects": open_effects, "seconds": recovery_s },
            "cancel_1000_calls_to_joined_us": { "p50": cancellation().await.0, "p99": cancellation().await.1 },
            "hostile_process_beyond_grace_us": { "p50": hostile().await.0, "p99": hostile().await.1 },
            "cancelled_scopes": { "scopes": scopes, "per_s": per_s, "tasks_left": left },
        })
    });
    println!("{figures:#}");
}
