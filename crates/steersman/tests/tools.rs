//! A task with tools over the real binary: the model's calls are run, once, whatever happens to the gateway.
//!
//! The tool server is a process of its own whose synced log is the truth.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use support::shop::{CALLS, Shop, hang_at};
use support::{Answer, get, post_with, read_until};

fn text(answer: &Answer) -> String {
    answer.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_models_calls_are_run_and_the_client_sees_one_answer() {
    let shop = Shop::start(CALLS, "[\"find_order\"]", "");
    let answer = shop.ask("", "where is my order?");
    assert_eq!((answer.status, text(&answer).as_str()), (200, "it is done"), "{}", answer.body);
    assert_eq!(answer.header("x-steersman-attempts"), Some("2"), "{}", answer.head);
    let row = &shop.house.log(1)[0];
    let bill = shop.house.bill();
    assert_eq!(
        bill.models["small"].input_tokens,
        row["usage"]["input_tokens"].as_u64().unwrap(),
        "both steps are paid for"
    );
    assert_eq!(answer.json()["usage"]["prompt_tokens"], row["usage"]["input_tokens"]);
    let id = answer.header("x-request-id").unwrap().to_owned();
    let story: Value = serde_json::from_str(&shop.house.run(&["explain", &id, "--json"])).unwrap();
    assert!(story.to_string().contains("find_order"), "the record says which tools were run: {story}");
}

#[test]
fn a_run_is_told_with_what_the_guard_said_of_every_step() {
    let shop = Shop::guarded(CALLS, "[\"find_order\"]", "", "mode = \"on\"");
    let answer = shop.ask("", "where is my order?");
    assert_eq!(text(&answer), "it is done", "{}", answer.body);
    shop.house.log(1);
    let told = shop.house.run(&["explain", answer.header("x-request-id").unwrap()]);
    assert!(told.contains("guard       allow: `find_order`"), "the last step, which calls nothing, hides none: {told}");
    assert!(told.contains("tools       step 1: `find_order` done"), "{told}");
}

#[test]
fn a_request_under_a_key_happens_once_however_often_it_is_sent() {
    let shop = Shop::start(CALLS, "[\"send_mail\"]", "");
    let first = shop.ask("k1", "write to Ada");
    let again = shop.ask("k1", "write to Ada");
    assert_eq!((first.status, again.status), (200, 200), "{}", first.body);
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("x-steersman-replayed"), Some("true"));
    assert_eq!(shop.truth("send_mail"), 1);
    assert_eq!(shop.ask("k1", "write to Eve").status, 409);
    assert_eq!(shop.ask("k2", "write to Ada").status, 200);
    assert_eq!(shop.truth("send_mail"), 2, "another key is another request");
}

#[test]
fn two_requests_of_one_key_at_once_are_one_run() {
    let shop = Shop::start(CALLS, "[\"send_mail\"]", "");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| shop.ask("k", "write to Ada"))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body), "{}", answers[0].body);
    assert_eq!(shop.truth("send_mail"), 1);
}

/// The tool server dies after it acted and before it answered; then the gateway is killed, and comes back.
#[test]
fn a_lost_answer_and_a_kill_leave_one_effect_and_say_what_is_not_known() {
    for (tool, known) in [("charge", true), ("refund", true), ("send_mail", false)] {
        let mut shop = Shop::start(CALLS, &format!("[\"{tool}\"]"), ", \"--die-after\", \"1\"");
        let first = shop.ask("k", "do it");
        assert_eq!(first.status, 200, "{tool}: {}", first.body);
        shop.kill_and_start_again();
        let again = shop.ask("k", "do it");
        assert_eq!(again.body, first.body, "{tool}");
        assert_eq!(shop.truth(tool), 1, "{tool} happened once");
        let open = shop.effects();
        assert_eq!(open.is_empty(), known, "{tool}: {open:?}");
        if !known {
            assert_eq!((&open[0]["state"], &open[0]["tool"]), (&json!("unknown"), &json!(tool)));
            let page = get(shop.house.address, "/console/effects").body;
            assert!(page.contains("send_mail") && page.contains("Send again"), "{page}");
            let key = open[0]["key"].as_str().unwrap();
            let order = json!({ "action": "happened", "arguments_hash": open[0]["arguments_hash"], "by": "ann" });
            let path = format!("/api/effects/{key}");
            let done = post_with(shop.house.address, &path, "", order.to_string().as_bytes());
            assert_eq!((done.status, &done.json()["state"]), (200, &json!("committed")), "{}", done.body);
            assert!(shop.effects().is_empty());
        }
    }
}

/// Killed while the run is under way: the same request goes on where it ended.
#[test]
fn a_killed_run_goes_on_where_it_ended() {
    let mut shop = Shop::start(&format!("{CALLS}{}", hang_at(1)), "[\"send_mail\"]", "");
    let body = json!({ "model": "task/shop", "messages": [{ "role": "user", "content": "write to Ada" }] }).to_string();
    let mut stream = TcpStream::connect(shop.house.address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nidempotency-key: k\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    shop.wait_for_calls("small", 2);
    shop.kill_and_start_again();
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest));
    let answer = shop.ask("k", "write to Ada");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(shop.truth("send_mail"), 1, "the effect of the first life is not repeated");
}

/// The client leaves while a tool works: the server is told to stop, and does.
#[test]
fn a_client_that_leaves_stops_the_tools_own_work() {
    let shop = Shop::start(CALLS, "[\"slow\"]", "");
    let body =
        json!({ "model": "task/shop", "messages": [{ "role": "user", "content": "take your time" }] }).to_string();
    let mut stream = TcpStream::connect(shop.house.address).unwrap();
    let length = body.len();
    write!(stream, "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
    shop.wait_for("started", 1);
    drop(stream);
    shop.wait_for("cancelled", 1);
    assert_eq!(shop.house.log(1)[0]["outcome"], "cancelled");
}

/// A call waits for a person through a crash; it is sent once, with what was shown, and by nobody else's form.
#[test]
fn an_approval_survives_a_crash_and_sends_once() {
    let mut shop = Shop::guarded(CALLS, "[\"send_mail\"]", "", "always_ask = [\"send_mail\"]");
    let mail = json!({ "role": "user", "content": "a mail that somebody sent" });
    let order = json!({ "role": "user", "content": "answer it" });
    let body = json!({ "model": "task/shop", "messages": [mail, order] });
    let answer = shop.ask_with("x-steersman-quoted: /messages/0\r\n", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(shop.truth("send_mail"), 0, "nothing is sent before a person has said so");
    shop.kill_and_start_again();
    let waiting = shop.effects();
    assert_eq!((waiting.len(), &waiting[0]["state"]), (1, &json!("planned")), "{waiting:?}");
    let key = waiting[0]["key"].as_str().unwrap();
    let hash = waiting[0]["arguments_hash"].as_str().unwrap();
    let forged = format!("/console/effects/{key}?action=approve&hash={hash}&token=guess");
    assert_eq!(post_with(shop.house.address, &forged, "", b"").status, 403);
    let other = json!({ "action": "approve", "arguments_hash": "0".repeat(64), "by": "eve" }).to_string();
    assert_eq!(post_with(shop.house.address, &format!("/api/effects/{key}"), "", other.as_bytes()).status, 400);
    assert_eq!(shop.truth("send_mail"), 0);
    let url = format!("http://{}", shop.house.address);
    let approve = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_steersman"));
        command.args(["approvals", "approve", &key[..10], "--by", "ann", "--url", &url]).output().unwrap()
    };
    let approved = approve();
    assert!(approved.status.success(), "{}", String::from_utf8_lossy(&approved.stderr));
    assert!(!approve().status.success(), "what was sent does not wait any more");
    assert_eq!((shop.truth("send_mail"), shop.effects().len()), (1, 0));
}

/// A tool that is not as it was reviewed is not offered.
#[test]
fn a_tool_that_changed_after_its_review_is_not_run() {
    let shop = Shop::start(CALLS, "[\"find_order\"]", "");
    let config = shop.house.data.path().join("steersman.toml");
    let tools = |what: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_steersman"));
        let out = command.arg("tools").args(what).arg("--config").arg(&config).env("SIM_KEY", "k").output().unwrap();
        (out.status.success(), String::from_utf8(out.stdout).unwrap())
    };
    assert!(tools(&["pin"]).0);
    let lock = shop.house.data.path().join("steersman.tools.lock");
    let pinned = std::fs::read_to_string(&lock).unwrap();
    let listed = |name: &str| tools(&["list"]).1.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(listed("find_order").contains("pinned"));
    let digest = pinned.lines().find(|line| line.starts_with("find_order")).unwrap().split('"').nth(1).unwrap();
    std::fs::write(&lock, pinned.replace(digest, &"0".repeat(64))).unwrap();
    assert!(listed("find_order").contains("changed"));
    let mut shop = shop;
    shop.kill_and_start_again();
    let answer = shop.ask("", "where is my order?");
    shop.house.log(1);
    let story = shop.house.run(&["explain", answer.header("x-request-id").unwrap(), "--json"]);
    assert!(!story.contains("\"status\":\"done\""), "a changed tool was run: {story}");
}

/// A reply that calls a tool of the gateway and one of the client: ours is run, the client sees its own alone, and when
/// it comes back the model has both results before it, once.
#[test]
fn a_turn_with_calls_of_both_sides_loses_nothing_when_the_client_comes_back() {
    let shop = Shop::start("[default]\nanswer = \"obey\"\n", "[\"send_mail\", \"find_order\"]", "");
    let theirs =
        json!([{ "type": "function", "function": { "name": "ring_bell", "parameters": { "type": "object" } } }]);
    let user = json!({ "role": "user", "content":
        "[[find_order {\"order\":7}]] [[ring_bell {\"times\":1}]] [[send_mail {\"to\":\"ada\",\"text\":\"hi\"}]]" });
    let body = json!({ "model": "task/shop", "tools": theirs, "messages": [user] });
    let first = shop.ask_with("", &body);
    assert_eq!(first.status, 200, "{}", first.body);
    let message = first.json()["choices"][0]["message"].clone();
    let calls = message["tool_calls"].as_array().unwrap().clone();
    assert_eq!(calls.len(), 1, "the client sees its own call alone: {message}");
    assert_eq!((&calls[0]["function"]["name"], shop.truth("send_mail")), (&json!("ring_bell"), 1));
    let rung = json!({ "role": "tool", "tool_call_id": calls[0]["id"], "content": "the bell has rung" });
    let back = |id: &Value, records: usize| {
        let mut message = message.clone();
        message["tool_calls"][0]["id"] = id.clone();
        let mut rung = rung.clone();
        rung["tool_call_id"] = id.clone();
        let body = json!({ "model": "task/shop", "tools": theirs, "messages": [user, message, rung] });
        let answer = shop.ask_with("", &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        shop.house.log(records);
        shop.house.run(&["explain", answer.header("x-request-id").unwrap(), "--json"])
    };
    let story = back(&calls[0]["id"], 2);
    assert!(story.contains("the bell has rung") && story.contains("ada@example.com"), "{story}");
    assert_eq!(shop.truth("send_mail"), 1, "nothing is done again");
    let forged = back(&json!("call_of_another"), 3);
    assert!(!forged.contains("ada@example.com"), "hidden steps are looked up, never told: {forged}");
}

/// What a run did cannot be taken back, so what is kept of it is kept: a refusal here would be repeated, and act twice.
#[test]
fn a_run_that_has_acted_is_kept_where_nothing_new_would_be() {
    let more = "[store]\nruns_mb = 1\n";
    let obey = "[default]\nanswer = \"obey\"\n";
    let shop = Shop::start_with(obey, more, "[\"send_mail\", \"read_inbox\"]", "", "mode = \"off\"");
    shop.mail(&"Dear customer, ".repeat(100_000));
    let theirs =
        json!([{ "type": "function", "function": { "name": "ring_bell", "parameters": { "type": "object" } } }]);
    let reads: String = (0..8).map(|n| format!("[[read_inbox {{\"folder\":\"{n}\"}}]] ")).collect();
    let acts = "[[ring_bell {\"times\":1}]] [[send_mail {\"to\":\"ada\",\"text\":\"hi\"}]]";
    let user = json!({ "role": "user", "content": format!("{reads}{acts}") });
    let answer = shop.ask_with("", &json!({ "model": "task/shop", "tools": theirs, "messages": [user] }));
    assert_eq!((answer.status, shop.truth("send_mail")), (200, 1), "{}", answer.body);
    let refused = shop.ask("new", "[[send_mail {\"to\":\"ada\",\"text\":\"hi\"}]]");
    assert!(refused.status == 503 && refused.body.contains("store.runs_mb"), "{}", refused.body);
    assert_eq!(refused.json()["error"]["code"], "runs_full");
    assert_eq!(shop.truth("send_mail"), 1, "what is new and does not fit does not act");
    assert_eq!(shop.house.bill().requests, 1, "nor does it ask a model");
}

/// An SDK repeats what failed on its own. Without a key that would be another run, which acts again.
#[test]
fn a_run_that_has_acted_and_failed_is_not_to_be_repeated_unless_it_has_a_key() {
    let fails = "[[rules]]\nwhen = { contains = \"tool_call_id\" }\nthen = { fault = { error = { status = 503 } } }\n";
    for (tool, key, told) in [("send_mail", "", Some("false")), ("send_mail", "k", None), ("find_order", "", None)] {
        let tools = format!("[\"{tool}\"]");
        let shop = Shop::start(&format!("{CALLS}{fails}"), &tools, "");
        let answer = shop.ask(key, "do it");
        assert!(answer.status >= 500, "{tool}: {}", answer.body);
        assert_eq!(answer.header("x-should-retry"), told, "{tool} {key}: {}", answer.head);
    }
}

/// The words of the last step reach the client while the model speaks; what is the gateway's alone does not.
#[test]
fn a_streamed_run_shows_the_answer_as_it_comes_and_not_the_calls() {
    ["mode = \"off\"", "mode = \"on\""].into_iter().for_each(streamed_under);
}

fn streamed_under(guard: &str) {
    let script = "[default]\nanswer = { tool_call = 1 }\n[[rules]]\nwhen = { contains = \"tool_call_id\" }\nthen = { answer = { text = \"one two three four five six seven eight nine ten eleven twelve\" } }\n";
    let shop = Shop::guarded(script, "[\"find_order\"]", "", guard);
    let body = json!({ "model": "task/shop", "stream": true, "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": "where is my order?" }] })
    .to_string();
    let mut stream = TcpStream::connect(shop.house.address).unwrap();
    let head = "x-steersman-events: tools\r\nconnection: close";
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let chunks: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: ").and_then(|json| serde_json::from_str(json).ok()))
        .collect();
    let of = |pointer: &str| chunks.iter().filter_map(|chunk| chunk.pointer(pointer)).collect::<Vec<_>>();
    let said: String = of("/choices/0/delta/content").into_iter().filter_map(Value::as_str).collect();
    assert_eq!(said, "one two three four five six seven eight nine ten eleven twelve");
    assert!(of("/choices/0/delta/tool_calls").is_empty(), "our calls stay inside: {text}");
    assert_eq!(
        of("/choices/0/finish_reason").into_iter().filter(|reason| reason.is_string()).collect::<Vec<_>>(),
        ["stop"]
    );
    assert_eq!(of("/steersman/tool_run/status"), ["started", "done"]);
    assert_eq!(of("/choices/0/delta/role").len(), 1, "one answer");
    let usage = of("/usage").into_iter().find(|usage| usage.is_object()).unwrap();
    let bill = shop.house.bill();
    assert_eq!(usage["prompt_tokens"], json!(bill.models["small"].input_tokens), "of both steps");
    assert!(text.trim_end().ends_with("[DONE]") || text.contains("[DONE]"), "{text}");
    assert_eq!(shop.house.log(1)[0]["outcome"], "accepted");
}

#[test]
fn the_first_words_of_a_run_are_there_while_its_provider_still_hangs() {
    let hangs = "[[rules]]\nwhen = { contains = \"tool_call_id\" }\nthen = { fault = { hang_after_tokens = 2 } }\n";
    let body = json!({ "model": "task/shop", "stream": true,
        "messages": [{ "role": "user", "content": "where is my order?" }] })
    .to_string();
    for guard in ["mode = \"off\"", "mode = \"on\""] {
        let shop = Shop::guarded(&format!("{CALLS}{hangs}"), "[\"find_order\"]", "", guard);
        read_until(shop.house.address, "", &body, "\"it ");
    }
}

/// An answer with a form says of it what every answer does, also where the gateway ran tools for it.
#[test]
fn a_form_that_a_run_keeps_is_on_its_record() {
    let shop = Shop::start("", "[\"find_order\"]", "");
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let format = json!({ "type": "json_schema", "json_schema": { "name": "place", "schema": schema } });
    let body = json!({ "model": "task/shop", "response_format": format,
        "messages": [{ "role": "user", "content": "where is it?" }] });
    let answer = shop.ask_with("", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    shop.house.log(1);
    let story = shop.house.run(&["explain", answer.header("x-request-id").unwrap(), "--json"]);
    let story: Value = serde_json::from_str(&story).unwrap();
    assert_eq!(story["notes"]["structured"]["form"]["asked"], "schema", "{}", story["notes"]);
}

/// A run without a key is kept from its first write on, with the steps that only read before it.
#[test]
fn a_run_that_read_before_it_wrote_is_kept_whole() {
    let script = "[default]\nanswer = { tool_call = 1 }\n\
        [[rules]]\nwhen = { contains = \"delayed\" }\nthen = { answer = { tool_call = 2 } }\n";
    let shop = Shop::start(script, "[\"find_order\", \"send_mail\"]", "");
    let answer = shop.ask("", "tell Ada where it is");
    assert_eq!((answer.status, shop.truth("send_mail")), (200, 1), "{}", answer.body);
    let read = "import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute(\"SELECT content FROM state_documents WHERE kind = 'tool_run' AND name = ?\", sys.argv[2:])
print(rows.fetchone()[0])";
    let mut python = std::process::Command::new("python3");
    python.args(["-c", read]).arg(shop.house.data.path().join("state.db")).arg(answer.header("x-request-id").unwrap());
    let out = python.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let run: Value = serde_json::from_slice(&out.stdout).unwrap();
    let tools: Vec<Vec<&str>> = ["find_order", "send_mail"]
        .map(|tool| {
            let steps = run["steps"].as_array().unwrap().iter().take(2);
            steps.filter(|step| step["answer"].as_str().unwrap().contains(tool)).map(|_| tool).collect()
        })
        .into();
    assert_eq!(tools, [vec!["find_order", "find_order"], vec!["send_mail"]], "{run}");
}

/// A model that is not told of a tool answers without it, and its answer would be kept. So it is not asked.
#[test]
fn a_run_whose_server_is_away_is_refused_before_a_model_is_asked_and_goes_on_under_its_key() {
    let away = "[tool_servers.crm]\nurl = \"http://127.0.0.1:1/mcp\"\n\
        [tasks.near]\nmodel = \"small\"\ntools = [\"shop/*\"]\n";
    let shop = Shop::start_with(CALLS, away, "[\"find_order\", \"crm/*\"]", "", "mode = \"off\"");
    let refused = shop.ask("k", "where is my order?");
    assert_eq!(refused.status, 503, "{}", refused.body);
    let error = &refused.json()["error"];
    assert_eq!(error["code"], "tools_unavailable");
    assert!(error["message"].as_str().unwrap().contains("`crm`"), "{error}");
    assert!(refused.header("retry-after").is_some(), "{}", refused.head);
    assert_eq!(shop.house.bill().requests, 0, "no model is asked");
    assert_eq!(shop.ask("k", "where is my order?").status, 503, "nothing is kept under the key");
    let body = json!({ "model": "task/near", "messages": [{ "role": "user", "content": "where is my order?" }] });
    assert_eq!(shop.ask_with("", &body).status, 200, "a task that names nothing of it is served");
}

#[test]
fn a_call_of_a_tool_that_nobody_has_is_answered_and_never_the_clients() {
    let shop = Shop::start("[default]\nanswer = \"obey\"\n", "[\"find_order\"]", "");
    let answer = shop.ask("", "[[no_such_tool {}]]");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.json()["choices"][0]["message"].get("tool_calls").is_none(), "{}", answer.body);
    shop.house.log(1);
    let story = shop.house.run(&["explain", answer.header("x-request-id").unwrap(), "--json"]);
    assert!(story.contains("there is no tool `no_such_tool`"), "{story}");
}
