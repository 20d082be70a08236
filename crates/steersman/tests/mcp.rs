//! `steersman mcp` as its client sees it: calls side by side, cancelled, and of unknown outcome.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A session over a shop whose log is the truth.
struct Session {
    process: Child,
    input: ChildStdin,
    answers: Receiver<Value>,
    folder: tempfile::TempDir,
}

impl Session {
    fn start(die: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (program, log) = (env!("CARGO_BIN_EXE_steersman"), folder.path().join("log"));
        let config = format!(
            "[tool_servers.shop]\ncommand = \"{program}\"\nargs = [\"sim\", \"--tools\", \"{}\"{die}]\n\
             [tools.slow]\neffect = \"read\"\n[tools.send_mail]\neffect = \"irreversible\"\n[guard]\nmode = \"off\"\n",
            log.display()
        );
        std::fs::write(folder.path().join("steersman.toml"), config).unwrap();
        let mut command = Command::new(program);
        command.args(["mcp", "--config", "steersman.toml", "--data", "data"]).current_dir(folder.path());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                drop(sender.send(serde_json::from_str(&line).unwrap()));
            }
        });
        Self { process, input, answers, folder }
    }

    fn send(&mut self, mut message: Value) {
        message["jsonrpc"] = json!("2.0");
        writeln!(self.input, "{message}").unwrap();
    }

    fn call(&mut self, id: u64, tool: &str, arguments: &Value) {
        self.send(json!({ "id": id, "method": "tools/call", "params": { "name": tool, "arguments": arguments } }));
    }

    fn next(&self) -> Value {
        self.answers.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    fn wait_for(&self, word: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default().contains(word) {
            assert!(Instant::now() < deadline, "`{word}` is not in the log after a minute");
            std::thread::yield_now();
        }
    }

    /// Its client leaves; it ends when what it has begun has ended.
    fn end(mut self) {
        drop(self.input);
        assert!(self.process.wait().unwrap().success());
        assert!(self.answers.recv().is_err(), "nothing is left to say");
    }
}

#[test]
fn a_slow_call_holds_nothing_up_and_ends_at_its_server_when_it_is_called_off() {
    let mut session = Session::start("");
    session.call(1, "slow", &json!({ "ms": 60_000 }));
    session.wait_for("started");
    session.send(json!({ "id": 2, "method": "ping" }));
    assert_eq!(session.next()["id"], 2);
    session.call(3, "send_mail", &json!({ "to": "ada", "text": "hi" }));
    assert_eq!(session.next()["id"], 3);
    session.send(json!({ "method": "notifications/cancelled", "params": { "requestId": 1 } }));
    session.wait_for("cancelled");
    session.end();
}

#[test]
fn a_call_whose_answer_is_lost_is_told_as_unknown() {
    let mut session = Session::start(", \"--die-after\", \"1\"");
    session.call(1, "send_mail", &json!({ "to": "ada", "text": "hi" }));
    let answer = session.next();
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("outcome unknown, it may have happened; do not repeat it"), "{answer}");
    assert_eq!(answer["result"]["isError"], true);
    session.end();
}

#[test]
fn the_hints_of_a_tool_are_its_contract() {
    let mut session = Session::start("");
    session.send(json!({ "id": 1, "method": "tools/list" }));
    let listed = session.next();
    let tools = listed["result"]["tools"].as_array().unwrap();
    let hints = |name: &str| tools.iter().find(|tool| tool["name"] == name).unwrap().get("annotations").cloned();
    assert_eq!(hints("slow"), Some(json!({ "readOnlyHint": true, "destructiveHint": false })));
    assert_eq!(hints("send_mail"), Some(json!({ "readOnlyHint": false, "destructiveHint": true })));
    assert_eq!(hints("charge"), None, "nobody has said anything of it");
    session.end();
}
