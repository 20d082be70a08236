//! A task with tools: the gateway makes the model's call itself, once, however often the client sends its request.
//!
//! The shop is a tool server in a process of its own; its synced log says how often it really charged.

use serde_json::{Value, json};

use super::session::{Row, Session};
use crate::Failure;

/// The task, its tool server and the contract of its tool. `STEERSMAN` stands for the binary, `SHOP_LOG` for the log.
pub(super) const CONFIG: &str = "
[tasks.billing]
model = \"MODEL\"
tools = [\"charge\"]
max_steps = 2
[tool_servers.shop]
command = \"STEERSMAN\"
args = [\"sim\", \"--tools\", \"SHOP_LOG\"]
[tools.charge]
effect = \"irreversible\"
untrusted = false
idempotency = \"argument:key\"
";

/// The name of the shop's log in the data folder.
pub(super) const LOG: &str = "shop.log";

pub(super) fn run(session: &Session) -> Result<Vec<Row>, Failure> {
    let request = json!({
        "messages": [{ "role": "user", "content": "Charge order 7 with 4200 cents." }],
        "tool_choice": { "type": "function", "function": { "name": "charge" } },
        "temperature": 0, "max_completion_tokens": 80,
    });
    let mut rows = Vec::new();
    for what in ["a charge, made for it", "the same, with its key"] {
        let answer = session.ask_under("order-7", "task/billing", request.clone())?;
        let again = answer.header("x-steersman-replayed").map_or("", |_| "stored answer; ");
        let shown = format!("{again}the shop has charged {} time(s)", charges(session)?);
        rows.push(session.row(what, shown, &answer)?);
    }
    Ok(rows)
}

/// How often the shop charged, by its own log.
fn charges(session: &Session) -> Result<usize, Failure> {
    let log = std::fs::read_to_string(session.data().join(LOG)).unwrap_or_default();
    let lines: Vec<Value> = log.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok(lines.iter().filter(|line| line.get("tool").and_then(Value::as_str) == Some("charge")).count())
}
