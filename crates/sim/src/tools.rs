//! A simulated tool server (MCP over stdio) whose log is the truth: every effect is a synced line in a file.
//!
//! A shop with orders, payments and mail. Each effect class has its tool: `find_order` reads, `charge` acts once for
//! each key, `refund` can be looked up, `send_mail` is opaque. `read_inbox` gives what stands in the file LOG.inbox:
//! anybody's words. `slow` takes its time and stops when it is told to; `stubborn` reads nothing while it works.
//! `die_after` ends the process after the n-th effect, before it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Name, what it does, its arguments.
type Listed = (&'static str, &'static str, Arguments);
type Arguments = &'static [(&'static str, &'static str)];

/// The tools: name, what they do, their arguments (name and JSON type).
static TOOLS: &[Listed] = &[
    ("find_order", "Looks an order up by its number.", &[("order", "integer")]),
    ("read_inbox", "Reads the newest mail of a folder.", &[("folder", "string")]),
    ("charge", "Charges the customer of an order.", &[("order", "integer"), ("cents", "integer"), ("key", "string")]),
    ("refund", "Pays an order back.", &[("order", "integer"), ("cents", "integer")]),
    ("find_refund", "Whether a refund with this key was made.", &[("effect_key", "string")]),
    ("send_mail", "Sends a mail.", &[("to", "string"), ("text", "string")]),
    ("slow", "Takes so many milliseconds.", &[("ms", "integer")]),
    ("stubborn", "Takes so many milliseconds and hears nothing meanwhile.", &[("ms", "integer")]),
];

struct Shop {
    log: File,
    inbox: PathBuf,
    charged: BTreeSet<String>,
    refunded: BTreeSet<String>,
    cancelled: BTreeSet<String>,
    effects: u64,
    die_after: Option<u64>,
}

type Shared = Arc<(Mutex<Shop>, Condvar)>;

/// Serves standard input until it ends. What was done before (the lines of `log`) is remembered.
///
/// # Errors
/// The log cannot be used.
pub fn serve_tools(log: &Path, die_after: Option<u64>) -> io::Result<()> {
    let before = std::fs::read_to_string(log).unwrap_or_default();
    let lines = || before.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let keys = |tool: &str| lines().filter(|line| text(line, "tool") == tool).map(|line| text(&line, "key")).collect();
    let shop = Shop {
        log: OpenOptions::new().create(true).append(true).open(log)?,
        inbox: log.with_added_extension("inbox"),
        charged: keys("charge"),
        refunded: keys("refund"),
        cancelled: BTreeSet::new(),
        effects: 0,
        die_after,
    };
    let shared: Shared = Arc::new((Mutex::new(shop), Condvar::new()));
    let mut calls = Vec::new();
    for line in io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
        let id = message.get("id").cloned();
        match (text(&message, "method").as_str(), id) {
            ("notifications/cancelled", _) => {
                let request = message.pointer("/params/requestId").map(Value::to_string).unwrap_or_default();
                shared.0.lock().unwrap_or_else(PoisonError::into_inner).cancelled.insert(request);
                shared.1.notify_all();
            }
            ("tools/call", Some(id)) => {
                let params = message.get("params").cloned().unwrap_or_default();
                if text(&params, "name") == "stubborn" {
                    answer(&id, &call(&shared, &id, &params));
                } else {
                    let shared = Arc::clone(&shared);
                    calls.push(std::thread::spawn(move || answer(&id, &call(&shared, &id, &params))));
                }
            }
            ("initialize", Some(id)) => answer(
                &id,
                &json!({
                    "protocolVersion": "2025-06-18", "capabilities": { "tools": {} },
                    "serverInfo": { "name": "steersman-sim", "version": env!("CARGO_PKG_VERSION") },
                }),
            ),
            ("tools/list", Some(id)) => answer(&id, &json!({ "tools": listing() })),
            ("ping", Some(id)) => answer(&id, &json!({})),
            _ => {}
        }
    }
    calls.into_iter().for_each(|call| drop(call.join()));
    Ok(())
}

fn listing() -> Vec<Value> {
    let tool = |(name, about, arguments): &Listed| {
        let properties: BTreeMap<_, _> = arguments.iter().map(|(name, kind)| (*name, property(name, kind))).collect();
        let required: Vec<_> = arguments.iter().map(|(name, _)| *name).collect();
        json!({ "name": name, "description": about,
            "inputSchema": { "type": "object", "properties": properties, "required": required } })
    };
    TOOLS.iter().map(tool).collect()
}

/// Times have bounds, so that a provider that makes arguments up makes some that can be interrupted.
fn property(name: &str, kind: &str) -> Value {
    if name == "ms" {
        return json!({ "type": kind, "minimum": 20_000, "maximum": 60_000 });
    }
    json!({ "type": kind })
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn answer(id: &Value, result: &Value) {
    let line = format!("{}\n", json!({ "jsonrpc": "2.0", "id": id, "result": result }));
    let mut out = io::stdout().lock();
    // Whoever asked may be gone; the truth is in the log.
    drop(out.write_all(line.as_bytes()).and_then(|()| out.flush()));
}

fn call(shared: &Shared, id: &Value, params: &Value) -> Value {
    let name = text(params, "name");
    let arguments = params.get("arguments").cloned().unwrap_or_default();
    let key = params.pointer("/_meta/steersman~1effect-key").and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |key: &str| arguments.get(key).and_then(Value::as_u64).unwrap_or(0);
    let said = match name.as_str() {
        "find_order" => {
            let order = number("order");
            json!({ "order": order, "customer": "ada@example.com", "cents": order * 10, "state": "delayed" })
                .to_string()
        }
        "read_inbox" => {
            let inbox = shared.0.lock().unwrap_or_else(PoisonError::into_inner).inbox.clone();
            std::fs::read_to_string(inbox).unwrap_or_default()
        }
        "charge" => effect(shared, "charge", &text(&arguments, "key"), &arguments),
        "refund" => effect(shared, "refund", &key, &arguments),
        "send_mail" => effect(shared, "send_mail", &key, &arguments),
        "find_refund" => {
            let shop = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
            json!({ "found": shop.refunded.contains(&text(&arguments, "effect_key")) }).to_string()
        }
        "slow" | "stubborn" => wait(shared, id, Duration::from_millis(number("ms"))),
        _ => return json!({ "content": [{ "type": "text", "text": "no such tool" }], "isError": true }),
    };
    json!({ "content": [{ "type": "text", "text": said }] })
}

/// Acts, durably, before anybody hears of it; a key that is known acts no second time.
fn effect(shared: &Shared, tool: &str, key: &str, arguments: &Value) -> String {
    let mut shop = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
    if tool == "charge" && shop.charged.contains(key) {
        return json!({ "done": tool, "again": true }).to_string();
    }
    let line = json!({ "tool": tool, "key": key, "arguments": arguments });
    let written = writeln!(shop.log, "{line}").and_then(|()| shop.log.sync_data());
    if let Err(error) = written {
        return format!("the log cannot be written: {error}");
    }
    match tool {
        "charge" => drop(shop.charged.insert(key.to_owned())),
        "refund" => drop(shop.refunded.insert(key.to_owned())),
        _ => {}
    }
    shop.effects += 1;
    if shop.die_after.is_some_and(|n| shop.effects >= n) {
        std::process::exit(1);
    }
    json!({ "done": tool }).to_string()
}

fn wait(shared: &Shared, id: &Value, limit: Duration) -> String {
    let (id, until) = (id.to_string(), Instant::now() + limit);
    let (lock, told) = &**shared;
    let mut shop = lock.lock().unwrap_or_else(PoisonError::into_inner);
    drop(writeln!(shop.log, "{}", json!({ "tool": "started", "request": id })));
    while !shop.cancelled.contains(&id) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return "done".to_owned();
        }
        shop = told.wait_timeout(shop, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    drop(writeln!(shop.log, "{}", json!({ "tool": "cancelled", "request": id })));
    "cancelled".to_owned()
}
