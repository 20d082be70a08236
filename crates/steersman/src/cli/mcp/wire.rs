//! The client's end of the proxy: JSON-RPC messages, one a line, on standard input and output.
//!
//! What never happens here: no meaning. A line that is no JSON is answered as the protocol says and otherwise ignored.

use std::collections::VecDeque;
use std::io::{BufRead, Write};

use serde_json::{Value, json};
use tokio::sync::mpsc;

/// How many messages may wait.
const WAITING: usize = 64;

/// The client.
pub(super) struct Client {
    lines: mpsc::Receiver<String>,
    /// Messages that came while an answer was waited for.
    early: VecDeque<Value>,
    asked: u64,
    /// Whether the client can ask its user a question.
    pub(super) elicits: bool,
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
        Self { lines, early: VecDeque::new(), asked: 0, elicits: false }
    }

    /// The next message, or `None` when the client is gone.
    pub(super) async fn next(&mut self) -> Option<Value> {
        if let Some(early) = self.early.pop_front() {
            return Some(early);
        }
        self.read().await
    }

    async fn read(&mut self) -> Option<Value> {
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

    /// Asks the client's user and waits for the word. Whatever is no plain yes is a no, and so is a client that leaves.
    pub(super) async fn elicit(&mut self, question: &str) -> bool {
        self.asked += 1;
        let id = json!(format!("steersman-{}", self.asked));
        let schema = json!({
            "type": "object", "required": ["approve"],
            "properties": { "approve": { "type": "boolean", "title": "Approve", "description": "Make exactly this call" } },
        });
        self.send(&json!({
            "jsonrpc": "2.0", "id": id, "method": "elicitation/create",
            "params": { "message": question, "requestedSchema": schema },
        }));
        while let Some(message) = self.read().await {
            if message.get("method").is_none() && message.get("id") == Some(&id) {
                let accepted = message.pointer("/result/action").and_then(Value::as_str) == Some("accept");
                return accepted && message.pointer("/result/content/approve") == Some(&Value::Bool(true));
            }
            self.early.push_back(message);
        }
        false
    }

    /// A client that reads no more is gone: the next read finds its input closed.
    fn send(&self, message: &Value) {
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{message}").and_then(|()| out.flush()).is_err() {
            tracing::debug!("the client has closed its input");
        }
    }
}
