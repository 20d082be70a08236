//! What a section of the demo works with: it asks, and gets back a row with what the gateway recorded.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Failure, house, http};

/// How long a record may take to be written: it is batched.
const RECORDED_WITHIN: Duration = Duration::from_secs(5);

/// A running gateway and the model to ask.
pub(super) struct Session {
    steersman: PathBuf,
    address: String,
    model: String,
    data: PathBuf,
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct Row {
    /// What was asked for.
    pub(super) what: String,
    /// What came.
    pub(super) answer: String,
    /// The model that the record names.
    pub(super) model: String,
    /// Tokens in and out, as recorded; none where unknown.
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    /// In nano-dollars, as recorded; none where unknown.
    pub(super) cost_nanos: Option<i64>,
    /// Until the first token, as this client saw it.
    pub(super) first_token: Duration,
    /// The request's id.
    pub(super) id: String,
}

impl Row {
    pub(super) fn json(&self) -> Value {
        json!({
            "what": self.what, "answer": self.answer, "model": self.model, "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens, "cost_usd_nanos": self.cost_nanos,
            "first_token_ms": self.first_token.as_secs_f64() * 1e3, "id": self.id,
        })
    }
}

impl Session {
    pub(super) fn new(steersman: PathBuf, address: String, model: String, data: PathBuf) -> Self {
        Self { steersman, address, model, data }
    }

    /// Host and port of the gateway.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Sends a chat request (the model is filled in) and gives the raw answer.
    pub(super) fn ask(&self, request: Value) -> Result<http::Answer, Failure> {
        self.ask_as(&self.model, request)
    }

    /// The data folder.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// The same under another name of the model, such as a task's.
    pub(super) fn ask_as(&self, model: &str, request: Value) -> Result<http::Answer, Failure> {
        self.ask_with("", model, request)
    }

    /// The same under an `Idempotency-Key`.
    pub(super) fn ask_under(&self, key: &str, model: &str, request: Value) -> Result<http::Answer, Failure> {
        self.ask_with(&format!("idempotency-key: {key}\r\n"), model, request)
    }

    /// A streamed request that shows its value while it grows.
    pub(super) fn ask_showing(&self, model: &str, request: Value) -> Result<http::Answer, Failure> {
        self.ask_with("x-steersman-events: previews\r\n", model, request)
    }

    fn ask_with(&self, headers: &str, model: &str, request: Value) -> Result<http::Answer, Failure> {
        let answer = self.post(headers, model, request)?;
        if answer.status == 200 {
            return Ok(answer);
        }
        Err(Failure::new(format!("HTTP {}: {}", answer.status, answer.body)))
    }

    /// The answer, also where it is a refusal.
    pub(super) fn ask_anyhow(&self, model: &str, request: Value) -> Result<http::Answer, Failure> {
        self.post("", model, request)
    }

    fn post(&self, headers: &str, model: &str, mut request: Value) -> Result<http::Answer, Failure> {
        if let Some(members) = request.as_object_mut() {
            members.insert("model".to_owned(), json!(model));
        }
        let first_token = |body: &str| {
            body.contains("\"arguments\":\"")
                || body.contains("\"preview\"")
                || body.split("\"content\":\"").skip(1).any(|rest| !rest.starts_with('"'))
        };
        http::post_with(&self.address, "/v1/chat/completions", headers, &request.to_string(), first_token)
    }

    /// Says what the right answer to a request was.
    pub(super) fn feedback(&self, id: &str, truth: &str) -> Result<(), Failure> {
        let said = json!({ "request_id": id, "truth": truth }).to_string();
        let answer = http::post(&self.address, "/v1/feedback", &said, |_| true)?;
        if answer.status == 202 {
            return Ok(());
        }
        Err(Failure::new(format!("HTTP {}: {}", answer.status, answer.body)))
    }

    /// The row of an answer: what the client saw beside what the gateway recorded.
    pub(super) fn row(&self, what: &str, text: String, answer: &http::Answer) -> Result<Row, Failure> {
        let id = answer.header("x-request-id").unwrap_or_default().to_owned();
        let record = self.record(&id)?;
        let number = |path: &str| record.pointer(path).and_then(Value::as_u64);
        Ok(Row {
            what: what.to_owned(),
            answer: text,
            model: answer.header("x-steersman-model").unwrap_or(&self.model).to_owned(),
            input_tokens: number("/request/usage/input_tokens"),
            output_tokens: number("/request/usage/output_tokens"),
            cost_nanos: record.pointer("/request/cost").and_then(Value::as_i64),
            first_token: answer.first,
            id,
        })
    }

    /// The record, once it is written.
    fn record(&self, id: &str) -> Result<Value, Failure> {
        let asked = Instant::now();
        loop {
            let mut explain = Command::new(&self.steersman);
            let said = house::output(explain.args(["explain", id, "--json", "--data"]).arg(&self.data));
            match said {
                Ok(json) => return Ok(serde_json::from_str(&json)?),
                Err(failure) if asked.elapsed() > RECORDED_WITHIN => return Err(failure),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// A member of an answer's JSON as text.
pub(super) fn text_at(body: &str, path: &str) -> Result<String, Failure> {
    let answer: Value = serde_json::from_str(body)?;
    let text = answer.pointer(path).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| Failure::new(format!("the answer has no `{path}`: {body}")))
}
