//! A task with tools: a gateway, and a tool server in a process of its own whose synced log is the truth.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code outside a test function")]

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Answer, House, begin, get, post_with, spawn};

/// The model's call of this number, counted from 0, is never answered: whoever is killed then is killed in its middle.
pub(crate) fn hang_at(call: u64) -> String {
    let next = call + 1;
    format!("[[rules]]\nwhen = {{ from = {call}, before = {next} }}\nthen = {{ fault = \"hang_before_headers\" }}\n")
}

/// A provider that calls the one tool it is offered, and answers when it has reported.
pub(crate) const CALLS: &str = "[default]\nanswer = { tool_call = 1 }\n[[rules]]\nwhen = { contains = \"tool_call_id\" }\nthen = { answer = { text = \"it is done\" } }\n";

fn config(log: &Path, tools: &str, die: &str, guard: &str) -> String {
    format!(
        "[guard]\n{guard}\n\
         [tasks.shop]\nmodel = \"small\"\ntools = {tools}\n\
         [tool_servers.shop]\ncommand = \"{}\"\nargs = [\"sim\", \"--tools\", \"{}\"{die}]\n\
         [tools.read_inbox]\neffect = \"read\"\n\
         [tools.find_order]\neffect = \"read\"\nuntrusted = false\n\
         [tools.slow]\neffect = \"read\"\nuntrusted = false\n\
         [tools.charge]\neffect = \"irreversible\"\nuntrusted = false\nidempotency = \"argument:key\"\n\
         [tools.refund]\neffect = \"irreversible\"\nuntrusted = false\nidempotency = \"lookup:find_refund\"\n\
         [tools.send_mail]\neffect = \"irreversible\"\nuntrusted = false\n",
        env!("CARGO_BIN_EXE_steersman"),
        log.display(),
    )
}

pub(crate) struct Shop {
    pub(crate) house: House,
    pub(crate) log: tempfile::TempDir,
}

impl Shop {
    pub(crate) fn start(script: &str, tools: &str, die: &str) -> Self {
        Self::guarded(script, tools, die, "mode = \"off\"")
    }

    pub(crate) fn guarded(script: &str, tools: &str, die: &str, guard: &str) -> Self {
        Self::start_with(script, "", tools, die, guard)
    }

    /// `more` stands before the rest of the configuration.
    pub(crate) fn start_with(script: &str, more: &str, tools: &str, die: &str, guard: &str) -> Self {
        let log = tempfile::tempdir().unwrap();
        let rest = config(&log.path().join("log"), tools, die, guard);
        let house = House::start_with(script, &format!("{more}{rest}"));
        Self { house, log }
    }

    /// With more in the contract of `read_inbox`, and the text of a mail as content.
    pub(crate) fn reading(script: &str, more: &str, tools: &str, guard: &str, reading: &str) -> Self {
        let log = tempfile::tempdir().unwrap();
        let rest = config(&log.path().join("log"), tools, "", guard);
        let inbox = "[tools.read_inbox]\neffect = \"read\"\n";
        let mail = "[tools.send_mail]\neffect = \"irreversible\"\n";
        let rest =
            rest.replace(inbox, &format!("{inbox}{reading}")).replace(mail, &format!("{mail}content = [\"text\"]\n"));
        let house = House::start_with(script, &format!("{more}{rest}"));
        Self { house, log }
    }

    /// What the newest mail says.
    pub(crate) fn mail(&self, text: &str) {
        std::fs::write(self.log.path().join("log.inbox"), text).unwrap();
    }

    pub(crate) fn ask(&self, key: &str, content: &str) -> Answer {
        let body = json!({ "model": "task/shop", "messages": [{ "role": "user", "content": content }] });
        let header = if key.is_empty() { String::new() } else { format!("idempotency-key: {key}\r\n") };
        self.ask_with(&header, &body)
    }

    pub(crate) fn ask_with(&self, headers: &str, body: &Value) -> Answer {
        post_with(self.house.address, "/v1/chat/completions", headers, body.to_string().as_bytes())
    }

    /// What the tool server did, by its own log.
    pub(crate) fn truth(&self, tool: &str) -> usize {
        let log = std::fs::read_to_string(self.log.path().join("log")).unwrap_or_default();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["tool"] == tool).count()
    }

    /// Waits until the log knows of so many.
    pub(crate) fn wait_for(&self, tool: &str, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.truth(tool) < count {
            assert!(Instant::now() < deadline, "`{tool}` happened {} times after a minute", self.truth(tool));
            std::thread::yield_now();
        }
    }

    /// Waits until so many requests have reached a model.
    pub(crate) fn wait_for_calls(&self, model: &str, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.house.bill().models.get(model).is_none_or(|bill| bill.requests < count) {
            assert!(Instant::now() < deadline, "`{model}` was not asked {count} times in a minute");
            std::thread::yield_now();
        }
    }

    /// Sends a request and leaves it open: whoever kills the gateway next meets it under way.
    pub(crate) fn begin(&self, headers: &str, body: &Value) -> std::net::TcpStream {
        begin(self.house.address, headers, &body.to_string())
    }

    pub(crate) fn effects(&self) -> Vec<Value> {
        get(self.house.address, "/api/effects").json()["effects"].as_array().unwrap().clone()
    }

    pub(crate) fn kill_and_start_again(&mut self) {
        self.house.gateway.kill().unwrap();
        self.house.gateway.wait().unwrap();
        let (gateway, address) = spawn(&self.house.data.path().join("steersman.toml"), self.house.data.path());
        (self.house.gateway, self.house.address) = (gateway, address);
    }
}
