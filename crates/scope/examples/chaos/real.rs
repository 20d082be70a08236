//! Real processes and `kill -9`: `chaos real [--seeds N]`. A worker runs an agent over a journal on disk and a sink in
//! another process; it is killed at a fail point or at a random moment, and started again until it comes to its end.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child as Process, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use steersman_core::{BoxFuture, ContentHash, Contract, Idempotency};
use steersman_scope::{
    Child, Dice, DiskFiles, Dispatch, FAIL_POINTS, Journal, JournalOptions, Lookup, Probe, Root, RunId, Runner,
    RunnerOptions, Scope, Tool, ToolFault,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::sinkd::LATEST;
use super::world::{Verdict, say};

const FAIL_POINT: &str = "STEERSMAN_FAIL_POINT";
const STEPS: usize = 2;
const CALLS: usize = 2;
/// No answer of the sink is longer.
const ANSWER_BYTES: u64 = 4_096;

/// Kills this very process when a place is reached for the n-th time.
struct KillAt(String, AtomicU64);

impl Probe for KillAt {
    fn reached(&self, point: &'static str) -> BoxFuture<'_, ()> {
        if self.0 == point && self.1.fetch_sub(1, Ordering::SeqCst) == 1 {
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::KILL).unwrap();
        }
        Box::pin(async {})
    }
}

struct RealTool {
    contract: Contract,
    port: u16,
}

impl RealTool {
    async fn ask(&self, request: Value) -> Result<Value, ToolFault> {
        let lost = |error: std::io::Error| ToolFault::Lost(error.to_string());
        let connect = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await;
        let mut connection = connect.map_err(|error| ToolFault::NotSent(error.to_string()))?;
        connection.write_all(format!("{request}\n").as_bytes()).await.map_err(lost)?;
        let mut answer = String::new();
        connection.take(ANSWER_BYTES).read_to_string(&mut answer).await.map_err(lost)?;
        serde_json::from_str(&answer).map_err(|_| ToolFault::Lost("the connection was closed".to_owned()))
    }
}

fn request(op: &str, dispatch: &Dispatch) -> Value {
    let key = dispatch.key.map(|key| key.to_string());
    json!({ "op": op, "key": key, "intent": dispatch.arguments["intent"] })
}

impl Tool for RealTool {
    fn contract(&self) -> &Contract {
        &self.contract
    }

    fn call(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<String, ToolFault>> {
        Box::pin(async move { self.ask(request("act", &dispatch)).await.map(|answer| answer.to_string()) })
    }

    fn look_up(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<Lookup, ToolFault>> {
        Box::pin(async move {
            let answer = self.ask(request("find", &dispatch)).await?;
            let found = answer["found"].as_bool().unwrap_or(false);
            Ok(if found { Lookup::Happened(answer.to_string()) } else { Lookup::Absent })
        })
    }
}

/// The worker: one process of an agent, from its first step to its last. Prints what it was told.
pub fn work(folder: &Path, class: &str, port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(async {
        let probe = std::env::var(FAIL_POINT).ok().and_then(|word| {
            let (point, n) = word.split_once(':')?;
            Some(Arc::new(KillAt(point.to_owned(), AtomicU64::new(n.parse().ok()?))) as Arc<dyn Probe>)
        });
        let files = Arc::new(DiskFiles::open(&folder.join("journal")).unwrap());
        let options = JournalOptions { probe: probe.clone(), segment_bytes: 6_000, ..JournalOptions::default() };
        let journal = Arc::new(Journal::open(files, options).await.unwrap());
        let mut contract = Contract::unknown("act");
        contract.timeout_ms = Some(1_000);
        contract.idempotency = match class {
            "keyed" => Idempotency::Keyed { header: Some("idempotency-key".into()), argument: None },
            "lookup" => Idempotency::Lookup { tool: "find".into() },
            _ => Idempotency::Opaque,
        };
        let absence_after = LATEST * 2;
        let options = RunnerOptions { probe, absence_after, reconcile_tries: 6, ..RunnerOptions::default() };
        let runner = Runner::over(Arc::clone(&journal) as _).tool(Arc::new(RealTool { contract, port }), None);
        let runner = runner.options(options).build();
        let root = Root::unlimited("worker");
        let told = root.scope("run").run(agent(runner)).await.unwrap();
        root.shutdown().await;
        told
    });
    println!("{}", serde_json::to_string(&told).unwrap());
}

fn agent(runner: Runner) -> Child<Vec<(String, String)>, String> {
    Child::graceful("agent", move |scope: Scope| async move {
        runner.recover(&scope).await.map_err(|error| error.to_string())?;
        let run = runner.run(RunId::from("run"), ContentHash::of(b"request"));
        let mut told = Vec::new();
        for step in 0..STEPS {
            let says: Vec<_> = (0..CALLS).map(|c| say(&format!("intent {step}.{c}"), "call")).collect();
            let calls: Vec<_> = says.iter().map(super::world::Say::call).collect();
            let turn = run.tool_calls(&scope, &format!("step {step}"), &calls).await;
            told.extend(
                says.into_iter().zip(turn.replies).map(|(say, reply)| (say.intent, format!("{:?}", reply.status))),
            );
        }
        Ok(told)
    })
}

struct Sinkd(Process, u16);

impl Drop for Sinkd {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn me() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

/// One world of real processes. `point` is where the worker is killed; `None` is any moment.
pub fn live(class: &str, point: Option<&'static str>, seed: u64) -> Verdict {
    let (folder, dice) = (tempfile::tempdir().unwrap(), Dice::seeded(seed));
    let path = folder.path().to_str().unwrap();
    let mut sinkd = me().args(["sinkd", path, class, &seed.to_string()]).stdout(Stdio::piped()).spawn().unwrap();
    let mut port = String::new();
    BufReader::new(sinkd.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let sinkd = Sinkd(sinkd, port.trim().parse().unwrap());
    let port = sinkd.1.to_string();
    for _ in 0..2 {
        let mut worker = me();
        worker.args(["worker", path, class, &port]).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(point) = point {
            worker.env(FAIL_POINT, format!("{point}:{}", 1 + dice.below(4)));
        }
        let mut worker = worker.spawn().unwrap();
        if point.is_none() {
            std::thread::sleep(Duration::from_millis(dice.below(120)));
            worker.kill().unwrap();
        }
        worker.wait().unwrap();
    }
    writeln!(TcpStream::connect(("127.0.0.1", sinkd.1)).unwrap(), "{{\"op\": \"calm\"}}").unwrap();
    let mut last = me().args(["worker", path, class, &port]).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    last.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    last.wait().unwrap();
    // What was late has acted by now.
    std::thread::sleep(LATEST);
    judge(class, &told, &std::fs::read_to_string(folder.path().join("truth.log")).unwrap())
}

fn judge(class: &str, told: &str, truth: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let told: Vec<(String, String)> = serde_json::from_str(told).unwrap_or_default();
    verdict.expect(told.len() == STEPS * CALLS, "the last worker comes to its end, with a reply for each call");
    let mut acted: BTreeMap<&str, u64> = BTreeMap::new();
    truth.lines().for_each(|intent| *acted.entry(intent).or_default() += 1);
    for (intent, status) in &told {
        let times = acted.get(intent.as_str()).copied().unwrap_or(0);
        verdict.duplicates += times.saturating_sub(1);
        let (done, unknown) = (matches!(status.as_str(), "Done" | "Replayed"), status == "Unknown");
        verdict.unknown += u64::from(unknown);
        if (done && times == 0) || (!done && !unknown && times > 0) {
            verdict.silent_losses += 1;
            verdict.broken.push(format!("`{intent}` acted {times} times, told {status}"));
        }
        let resolvable = class != "opaque";
        verdict.expect(!resolvable || (done && times == 1), "a keyed or look-up effect happens exactly once");
    }
    verdict
}

/// Where workers are killed: every fail point, and any moment.
pub fn points() -> Vec<Option<&'static str>> {
    FAIL_POINTS.into_iter().map(Some).chain([None]).collect()
}
