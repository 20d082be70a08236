//! A payment whose answer is lost, made by an agent that is started again: it happens once, and both lives say what is
//! known.
//!
//! ```sh
//! cargo run -p steersman-tools --example pay_once
//! ```
#![allow(clippy::unwrap_used, missing_docs, reason = "an example")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use steersman_core::{ContentHash, Contract, Idempotency, ToolCall};
use steersman_scope::{Child, Ledger, Root, RunId, Runner, Scope, ToolFault, ToolReply};
use steersman_store::state::effects::{EffectLedger, LedgerOptions};
use steersman_store::{Engine, State};
use steersman_tools::Function;

/// The bank's own count of payments: the truth.
static PAID: AtomicU32 = AtomicU32::new(0);

/// A bank that takes no keys. It pays, and then the line breaks.
async fn pay(_: Value) -> Result<String, ToolFault> {
    PAID.fetch_add(1, Ordering::SeqCst);
    Err(ToolFault::Lost("the connection was reset".to_owned()))
}

/// One life of the agent: its model wants to pay.
async fn live(state: &State) -> ToolReply {
    // The same name in each life: what the last one left open is this one's to resolve.
    let ledger = Arc::new(EffectLedger::open(state, LedgerOptions::of("example")).await.unwrap());
    let contract = Contract { idempotency: Idempotency::Opaque, ..Contract::unknown("pay") };
    let runner = Runner::over(Arc::clone(&ledger) as Arc<dyn Ledger>);
    let runner = runner.tool(Arc::new(Function::new(contract, pay)), None).build();
    let root = Root::unlimited("example");
    let child = Child::<ToolReply, String>::graceful("agent", move |scope: Scope| async move {
        let run = runner.run(RunId::from("invoice 17"), ContentHash::of(b"pay invoice 17"));
        let call = ToolCall { id: "call_1".into(), name: "pay".into(), arguments: r#"{"usd": 20}"#.into() };
        Ok(run.tool_calls(&scope, "step 0", &[call]).await.replies.remove(0))
    });
    let reply = root.scope("run").run(child).await.unwrap();
    root.shutdown().await;
    reply
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&Engine::Sqlite { path: folder.path().join("steersman.db") }).await.unwrap();
    for life in ["first", "second"] {
        let reply = live(&state).await;
        println!("{life} life: {:?} after {} sends: {}", reply.status, reply.sends, reply.text);
    }
    println!("paid {} time", PAID.load(Ordering::SeqCst));
}
