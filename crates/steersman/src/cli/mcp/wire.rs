//! The client's end of the proxy: JSON-RPC messages, one a line, on standard input and output.
//!
//! What never happens here: no meaning. A line that is no JSON is answered as the protocol says and otherwise ignored.

use std::io::{BufRead, Write};

use serde_json::{Value, json};
use tokio::sync::mpsc;

/// How many messages may wait.
const WAITING: usize = 64;

/// The client.
pub(super) struct Client {
    lines: mpsc::Receiver<String>,
    asked: u64,
}

impl Client {
    /// The process that started this one. A thread reads; it ends with standard input.
    pub(super) fn of_stdio() -> Self {
        let (sender, lines) = mpsc::channel(WAITING);
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines, asked: 0 }
    }

    /// The next message, or `None` when the client is gone. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            let line = self.lines.recv().await?;
            match serde_json::from_str::<Value>(&line) {
                Ok(message) if message.is_object() => return Some(message),
                _ if line.trim().is_empty() => {}
                _ => self.send(&json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32_700, "message": "no JSON-RPC message" } })),
            }
        }
    }

    /// Answers a request.
    pub(super) fn reply(&self, id: &Value, answer: Result<Value, (i64, String)>) {
        self.send(&match answer {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err((code, message)) => {
                json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
            }
        });
    }

    /// Asks the client's user. Gives the id that the answer will have.
    pub(super) fn elicit(&mut self, question: &str) -> String {
        self.asked += 1;
        let id = format!("steersman-{}", self.asked);
        let schema = json!({
            "type": "object", "required": ["approve"],
            "properties": { "approve": { "type": "boolean", "title": "Approve", "description": "Make exactly this call" } },
        });
        self.send(&json!({
            "jsonrpc": "2.0", "id": id, "method": "elicitation/create",
            "params": { "message": question, "requestedSchema": schema },
        }));
        id
    }

    /// Takes a question back.
    pub(super) fn withdraw(&self, question: &str) {
        self.send(&json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": question },
        }));
    }

    /// A client that reads no more is gone: the next read finds its input closed.
    fn send(&self, message: &Value) {
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{message}").and_then(|()| out.flush()).is_err() {
            tracing::debug!("the client has closed its input");
        }
    }
}

/// Whether the answer to a question is a plain yes. Whatever else it is, is a no.
pub(super) fn is_yes(answer: &Value) -> bool {
    let accepted = answer.pointer("/result/action").and_then(Value::as_str) == Some("accept");
    accepted && answer.pointer("/result/content/approve") == Some(&Value::Bool(true))
}
