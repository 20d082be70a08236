//! What the tool runtime costs, as JSON: a read call, durable intents, cancellation, recovery. Run it with `--release`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a measuring program")]

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use steersman_core::{BoxFuture, ContentHash, Contract, Effect, ToolCall};
use steersman_scope::{
    Amount, Budget, Caps, Child, DiskFiles, Dispatch, Journal, JournalOptions, Kind, Ledger, Means, NewEffect, Root,
    RunId, Runner, RunnerOptions, Scope, Slot, Start, Tool, ToolFault, piped,
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

/// Many calls race for a budget that has room for half of them: how far it was ever overshot, at any moment.
async fn races(rounds: u32) -> serde_json::Value {
    let mut overshoot = 0;
    for _ in 0..rounds {
        let cap = 128;
        let budget = Budget::new("all", Caps { calls: Some(cap), ..Caps::default() });
        let root = Root::new("bench", &budget, Duration::from_millis(100));
        let racers = (0..256u32).map(|i| {
            let budget = budget.clone();
            Child::<u64, String>::new(i.to_string(), move |_| async move {
                let Ok(mut hold) = budget.reserve(Amount::calls(1)) else { return Ok(0) };
                tokio::task::yield_now().await;
                hold.charge(Amount::calls(1));
                Ok((budget.spent().of(Kind::Calls) + budget.held().of(Kind::Calls)).saturating_sub(cap))
            })
        });
        let seen = root.scope("racers").all_or_nothing(racers).await.unwrap();
        overshoot =
            seen.into_iter().chain([budget.spent().of(Kind::Calls).saturating_sub(cap), overshoot]).max().unwrap();
    }
    json!({ "overshoot": overshoot, "races": rounds, "racers": 256 })
}

fn descriptors() -> i64 {
    i64::try_from(std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)).unwrap()
}

/// Processes whose parent this is, the dead and unreaped among them.
fn children() -> i64 {
    let me = format!(" {} ", std::process::id());
    let stat = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
    let parent = |stat: &str| {
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.get(1..).is_some_and(|rest| rest.starts_with(&me)))
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    i64::try_from(
        processes
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(|c: char| c.is_ascii_digit()))
            .map(stat)
            .filter(|stat| parent(stat))
            .count(),
    )
    .unwrap()
}

/// Scopes that are opened with a call that holds of the budget, cancelled and joined: how many a second, and what is left
/// of them. Every thousandth holds a child process and a socket as well.
async fn churn(scopes: u32) -> serde_json::Value {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (budget, tasks_before) = (Budget::new("all", Caps::default()), tasks());
    let root = Root::new("bench", &budget, Duration::from_secs(1));
    let (descriptors_before, children_before) = (descriptors(), children());
    let start = Instant::now();
    for i in 0..scopes {
        let child = Child::<(), String>::new("call", move |scope: Scope| async move {
            let _held = scope.reserve(Amount::calls(1)).map_err(|error| error.to_string())?;
            let _heavy = (i % 1_000 == 0).then(|| {
                let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                (scope.process(piped("sleep", &["60"])).unwrap(), socket)
            });
            scope.cancel();
            std::future::pending().await
        });
        let name = if i.is_multiple_of(2) { "even" } else { "odd" };
        root.scope(name).best_effort([child]).await.fold(|_, ()| (), |_| ()).unwrap();
    }
    root.shutdown().await;
    let per_s = f64::from(scopes) / start.elapsed().as_secs_f64();
    json!({
        "scopes": scopes, "per_s": per_s,
        "tasks_left": tasks().saturating_sub(tasks_before),
        "descriptors_left": descriptors() - descriptors_before, "children_left": children() - children_before,
        "held_left": budget.held().of(Kind::Calls),
    })
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
        // Once before, so that what a process opens once and keeps (the signal pipe) is there.
        churn(1).await;
        let scopes = if full { 1_000_000 } else { 50_000 };
        json!({
            "read_call_us": read_us,
            "intents_per_s_at_256_in_flight": intents_per_s,
            "append_and_sync_400_bytes_us": { "p50": syncs(folder.path()).0, "p99": syncs(folder.path()).1 },
            "open_journal": { "open_effects": open_effects, "seconds": recovery_s },
            "cancel_1000_calls_to_joined_us": { "p50": cancellation().await.0, "p99": cancellation().await.1 },
            "hostile_process_beyond_grace_us": { "p50": hostile().await.0, "p99": hostile().await.1 },
            "budget": races(if full { 1_000 } else { 200 }).await,
            "cancelled_scopes": churn(scopes).await,
        })
    });
    println!("{figures:#}");
}
