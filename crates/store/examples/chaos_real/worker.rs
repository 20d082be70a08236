//! A gateway that runs one agent: from its first step to its last, over the ledger that all gateways share. It may be
//! killed or stopped at a fail point.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};
use steersman_core::{BoxFuture, ContentHash, Contract, Idempotency, ToolCall};
use steersman_scope::{
    Child, Dispatch, Ledger, LedgerError, Lookup, Probe, Root, RunError, RunId, Runner, RunnerOptions, Scope, Tool,
    ToolFault,
};
use steersman_store::State;
use steersman_store::state::effects::{EffectLedger, LedgerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::base;
use super::sinkd::LATEST;
use super::verdict::Told;

/// Where a worker dies, and where it is stopped: `POINT:N`, the n-th time that it comes there.
pub const FAIL_POINT: &str = "CHAOS_FAIL_POINT";
pub const STOP_POINT: &str = "CHAOS_STOP_POINT";
/// How long a silent gateway keeps its run.
pub const LEASE: Duration = Duration::from_millis(600);
pub const STEPS: usize = 2;
pub const CALLS: usize = 2;
/// No answer of the sink is longer.
const ANSWER_BYTES: u64 = 4_096;

/// Sends this very process a signal when a place is reached for the n-th time.
struct SignalAt {
    point: String,
    left: AtomicU64,
    signal: Signal,
}

impl SignalAt {
    fn named(variable: &str, signal: Signal) -> Option<Arc<dyn Probe>> {
        let word = std::env::var(variable).ok()?;
        let (point, n) = word.split_once(':')?;
        Some(Arc::new(Self { point: point.to_owned(), left: AtomicU64::new(n.parse().ok()?), signal }))
    }
}

impl Probe for SignalAt {
    fn reached(&self, point: &'static str) -> BoxFuture<'_, ()> {
        if self.point == point && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            kill_process(getpid(), self.signal).unwrap();
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

/// Runs the agent as the gateway `owner` and prints what it was told.
pub fn work(owner: &str, class: &str, port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(async {
        let probe = SignalAt::named(FAIL_POINT, Signal::KILL).or(SignalAt::named(STOP_POINT, Signal::STOP));
        let state = State::open(&base::told()).await.unwrap();
        let options = LedgerOptions { lease: LEASE, probe: probe.clone(), ..LedgerOptions::of(owner) };
        let ledger = Arc::new(EffectLedger::open(&state, options).await.unwrap());
        let mut contract = Contract::unknown("act");
        contract.timeout_ms = Some(1_000);
        contract.idempotency = match class {
            "keyed" => Idempotency::Keyed { header: Some("idempotency-key".into()), argument: None },
            "lookup" => Idempotency::Lookup { tool: "find".into() },
            _ => Idempotency::Opaque,
        };
        let absence_after = LATEST * 2;
        let options = RunnerOptions { probe, absence_after, reconcile_tries: 6, ..RunnerOptions::default() };
        let runner = Runner::over(Arc::clone(&ledger) as Arc<dyn Ledger>);
        let runner = runner.tool(Arc::new(RealTool { contract, port }), None).options(options).build();
        let root = Root::unlimited("worker");
        let told = root.scope("run").run(agent(runner)).await.unwrap();
        root.shutdown().await;
        ledger.close().await.unwrap();
        told
    });
    println!("{}", serde_json::to_string(&told).unwrap());
}

fn agent(runner: Runner) -> Child<Told, String> {
    Child::graceful("agent", move |scope: Scope| async move {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let run = runner.run(RunId::from("run"), ContentHash::of(b"request"));
        while let Err(error) = run.attach().await {
            let RunError::Ledger(LedgerError::Elsewhere(_)) = error else { return Err(words(&error)) };
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        runner.recover(&scope).await.map_err(|error| words(&error))?;
        let mut told = Vec::new();
        for step in 0..STEPS {
            let intents: Vec<String> = (0..CALLS).map(|call| format!("intent {step}.{call}")).collect();
            let call = |intent: &String| ToolCall {
                id: "call".into(),
                name: "act".into(),
                arguments: json!({ "intent": intent }).to_string(),
            };
            let calls: Vec<_> = intents.iter().map(call).collect();
            let turn = run.tool_calls(&scope, &format!("step {step}"), &calls).await;
            told.extend(
                intents.into_iter().zip(turn.replies).map(|(intent, reply)| (intent, format!("{:?}", reply.status))),
            );
        }
        run.let_go();
        Ok(told)
    })
}
