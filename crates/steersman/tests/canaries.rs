//! Canaries over the real binary: a renamed key is seen in the first replay after the model changed, named with both
//! versions, and confirmed by a person.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod support;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{House, SECRET, get, raw};

const SCRIPT: &str = r#"
[default]
served_model = "m-1"
answer = { text = '{"category":"bug"}' }
[[rules]]
when = { from = 2 }
then = { served_model = "m-2", answer = { text = '{"ticket_category":"bug"}' } }
"#;

fn ticket() -> Value {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["category"],
        "properties": {"category": {"enum": ["bug", "question"]}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "ticket", "schema": schema}});
    json!({"messages": [{"role": "user", "content": "It crashes."}], "response_format": format})
}

fn canaries(house: &House, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steersman"));
    command.arg("canaries").args(arguments).arg("--config").arg(house.data.path().join("steersman.toml"));
    command.arg("--data").arg(house.data.path()).env("SIM_KEY", SECRET).output().unwrap()
}

/// The one canary as it stands, once it is so.
fn once(house: &House, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let out = canaries(house, &["--json"]);
        let text = String::from_utf8(out.stdout).unwrap();
        if let Some(canary) = text.lines().next().map(|line| serde_json::from_str::<Value>(line).unwrap())
            && is_so(&canary)
        {
            return canary;
        }
        assert!(Instant::now() < deadline, "{text}");
    }
}

#[test]
fn a_renamed_key_is_seen_in_the_first_replay_after_the_model_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("canaries.jsonl");
    let mut input = ticket();
    input["id"] = json!("crash");
    std::fs::write(&file, format!("{input}\n")).unwrap();
    let more = format!(
        "[tasks.triage]\nmodel = \"small\"\ncanaries = \"{}\"\n[canaries]\nevery_hours = 24\nusd_per_day = 1.0\n",
        file.display()
    );
    let house = House::start_with(SCRIPT, &more);
    let first = once(&house, |canary| canary["last"]["cause"] == "schedule");
    assert_eq!((&first["last"]["differences"], &first["served_confirmed"]), (&json!([]), &json!(["m-1"])));

    let mut body = ticket();
    body["model"] = json!("task/triage");
    for _ in 0..2 {
        let answer = house.ask(&body).json();
        assert_eq!(answer["choices"][0]["message"]["content"], r#"{"category":"bug"}"#, "repaired, as ever");
    }
    let found = once(&house, |canary| canary["last"]["cause"] == "model");
    let expected =
        json!([{"pointer": "/category", "rule": "renamed_key", "old": "category", "new": "ticket_category"}]);
    assert_eq!((&found["last"]["differences"], &found["last"]["served"]), (&expected, &json!("m-2")));
    assert_eq!(found["served_confirmed"], json!(["m-1"]));
    let told = canaries(&house, &[]);
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(text.contains("renamed key at /category") && text.contains("m-1") && text.contains("m-2"), "{text}");
    assert_eq!(told.status.code(), Some(1), "for whoever runs it in a pipeline");

    let request = found["last"]["request"].as_str().unwrap();
    let record = house.log(4).into_iter().find(|row| row["id"] == request).unwrap();
    assert_eq!(record["task"], "canary/triage");
    assert!(house.run(&["explain", request]).contains("ticket_category"));
    assert!(get(house.address, "/console/structured").body.contains("ticket_category"));

    let word = "task=triage&id=crash";
    let confirm = format!(
        "POST /console/structured/canaries HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{word}",
        word.len()
    );
    assert_eq!(raw(house.address, confirm.as_bytes()).status, 303);
    let again = canaries(&house, &["--run"]);
    assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stdout));
    assert!(String::from_utf8(again.stdout).unwrap().contains("as confirmed"));
}

#[test]
fn what_is_spent_for_the_day_ends_the_replays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("canaries.jsonl");
    let line = |id: &str| {
        let mut input = ticket();
        input["id"] = json!(id);
        format!("{input}\n")
    };
    std::fs::write(&file, [line("a"), line("b"), line("c")].concat()).unwrap();
    let more = format!(
        "[tasks.triage]\nmodel = \"small\"\ncanaries = \"{}\"\n[canaries]\nusd_per_day = 0.00000001\n",
        file.display()
    );
    let house = House::start_with("[default]\nanswer = { text = '{\"category\":\"bug\"}' }", &more);
    once(&house, |canary| canary["id"] == "a");
    assert!(canaries(&house, &["--run"]).status.success());
    assert_eq!(house.bill().requests, 1, "the first one spent it all");
}
