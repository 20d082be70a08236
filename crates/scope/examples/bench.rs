//! What scopes cost, as JSON: cancellation, hostile processes, budgets, a million scopes. Run it with `--release`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a measuring program")]

use std::time::{Duration, Instant};

use serde_json::json;
use steersman_scope::{Amount, Budget, Caps, Child, Kind, Root, Scope, piped};

/// `(p50, p99)` of these times, in microseconds.
fn quantiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |part: f64| times[(((times.len() - 1) as f64) * part) as usize].as_secs_f64() * 1e6;
    (at(0.5), at(0.99))
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

/// Scopes that are opened with a call that holds of the budget, cancelled and joined: how many a second, and what is
/// left of them. Every thousandth holds a child process and a socket as well.
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
    let figures = runtime.block_on(async {
        // Once before, so that what a process opens once and keeps (the signal pipe) is there.
        churn(1).await;
        let scopes = if full { 1_000_000 } else { 50_000 };
        let (cancelled, hostile) = (cancellation().await, hostile().await);
        json!({
            "cancel_1000_calls_to_joined_us": { "p50": cancelled.0, "p99": cancelled.1 },
            "hostile_process_beyond_grace_us": { "p50": hostile.0, "p99": hostile.1 },
            "budget": races(if full { 1_000 } else { 200 }).await,
            "cancelled_scopes": churn(scopes).await,
        })
    });
    println!("{figures:#}");
}
