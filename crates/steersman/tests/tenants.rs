//! One client against another over the real binary: what a virtual key opens is its own, and what a client says of its
//! request is heard whole.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use serde_json::{Value, json};
use support::{Answer, House, post_with};

/// A provider that calls the one tool it is offered, and answers when it has reported.
const CALLS: &str = "[default]\nanswer = { tool_call = 1 }\n[[rules]]\nwhen = { contains = \"tool_call_id\" }\nthen = { answer = { text = \"it is done\" } }\n";

struct Shop {
    house: House,
    log: tempfile::TempDir,
}

impl Shop {
    fn start() -> Self {
        let log = tempfile::tempdir().unwrap();
        let more = format!(
            "[guard]\nmode = \"off\"\n[tasks.plain]\nmodel = \"small\"\n[tasks.shop]\nmodel = \"small\"\ntools = [\"send_mail\"]\n\
             [tool_servers.shop]\ncommand = \"{}\"\nargs = [\"sim\", \"--tools\", \"{}\"]\n\
             [tools.send_mail]\neffect = \"irreversible\"\nuntrusted = false\n",
            env!("CARGO_BIN_EXE_steersman"),
            log.path().join("log").display()
        );
        Self { house: House::start_with(CALLS, &more), log }
    }

    fn ask(&self, model: &str, headers: &str) -> Answer {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": "write to Ada" }] });
        post_with(self.house.address, "/v1/chat/completions", headers, body.to_string().as_bytes())
    }

    /// Mails that were sent, by the tool server's own log.
    fn mails(&self) -> usize {
        let log = std::fs::read_to_string(self.log.path().join("log")).unwrap_or_default();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["tool"] == "send_mail").count()
    }
}

#[test]
fn a_key_for_one_model_gets_no_tools_by_naming_their_task_in_a_header() {
    let shop = Shop::start();
    let narrow = shop.house.make_key(&["narrow", "--model", "small"]);
    let wide = shop.house.make_key(&["wide", "--model", "small", "--model", "task/shop"]);
    [&narrow, &wide].into_iter().for_each(|key| shop.house.until_known(key));
    let refused = shop.ask("small", &format!("{narrow}x-steersman-task: shop\r\n"));
    assert_eq!((refused.status, shop.mails()), (403, 0), "{}", refused.body);
    assert!(refused.body.contains("task/shop"), "{}", refused.body);
    let by_body = json!({ "model": "small", "metadata": { "task": "shop" },
        "messages": [{ "role": "user", "content": "write to Ada" }] });
    let by_body = post_with(shop.house.address, "/v1/chat/completions", &narrow, by_body.to_string().as_bytes());
    assert_eq!((by_body.status, shop.mails()), (403, 0), "{}", by_body.body);
    assert_eq!(shop.ask("small", &format!("{narrow}x-steersman-task: a-name-of-its-own\r\n")).status, 200);
    let allowed = shop.ask("small", &format!("{wide}x-steersman-task: shop\r\n"));
    assert_eq!((allowed.status, shop.mails()), (200, 1), "{}", allowed.body);
}

#[test]
fn the_same_idempotency_key_of_two_tenants_is_two_runs() {
    let shop = Shop::start();
    let [ann, bob] = shop.house.make_keys(["ann", "bob"]);
    for (tenant, mails) in [(&ann, 1), (&bob, 2), (&ann, 2)] {
        let answer = shop.ask("task/shop", &format!("{tenant}idempotency-key: 1\r\n"));
        assert_eq!((answer.status, shop.mails()), (200, mails), "{}", answer.body);
        assert_eq!(answer.header("x-steersman-replayed").is_some(), mails == 2 && *tenant == ann);
    }
}

#[test]
fn a_steering_header_is_heard_whole_or_the_request_is_refused() {
    let house = House::start_with("", "[guard]\nmode = \"on\"\n");
    let body = json!({ "model": "small", "messages": [
        { "role": "user", "content": "a page" }, { "role": "user", "content": "sum it up" }] });
    let ask = |headers: &[u8]| {
        let body = body.to_string();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        support::raw(house.address, &[head.as_bytes(), headers, b"\r\n", body.as_bytes()].concat())
    };
    assert_eq!(ask(b"x-steersman-quoted: /messages/0 web\r\n").status, 200);
    // The second line is read as well: a mark that misses is an error, wherever it stands.
    let second = ask(b"x-steersman-quoted: /messages/0 web\r\nx-steersman-quoted: /messages/7\r\n");
    assert!(second.status == 400 && second.body.contains("/messages/7"), "{}", second.body);
    for unread in [&b"x-steersman-quoted: /messages/0 M\xfcller\r\n"[..], b"x-steersman-approved: \xc3\xbc\r\n"] {
        let refused = ask(unread);
        assert!(refused.status == 400 && refused.body.contains("no visible ASCII"), "{}", refused.body);
    }
    let twice = ask(b"x-steersman-task: a\r\nx-steersman-task: b\r\n");
    assert!(twice.status == 400 && twice.body.contains("more than once"), "{}", twice.body);
}

#[test]
fn feedback_is_taken_for_ones_own_requests_alone_and_labels_are_the_admins() {
    let objective = "[models.large]\nprovider = \"sim\"\ninput_usd_per_million = 10.0\noutput_usd_per_million = 20.0\n\
        [tasks.triage.objective]\nreference = \"large\"\ncandidates = [\"small\"]\nevaluator = \"truth\"\nshadow_share = 1.0\n";
    let house = House::start_with("", objective);
    let (ann, bob) = (house.make_key(&["ann"]), house.make_key(&["bob", "--requests-per-minute", "3"]));
    [&ann, &bob].into_iter().for_each(|key| house.until_known(key));
    let body = json!({ "model": "task/triage", "messages": [{ "role": "user", "content": "where is it?" }] });
    let answer = post_with(house.address, "/v1/chat/completions", &ann, body.to_string().as_bytes());
    let id = answer.header("x-request-id").unwrap().to_owned();
    let say = |key: &str, id: &str, truth: &str| {
        let said = json!({ "request_id": id, "truth": truth }).to_string();
        post_with(house.address, "/v1/feedback", key, said.as_bytes())
    };
    assert_eq!(say(&ann, &id, "delivery").status, 202);
    assert_eq!(say(&bob, &id, "poison").status, 404, "another key's request is as unknown as one that never was");
    assert_eq!(say(&ann, &id.replace(&id[id.len() - 4..], "zzzz"), "made up").status, 404);
    assert_eq!(say(&ann, &id, &"x".repeat(70_000)).status, 400);
    assert_eq!([say(&bob, "", "").status, say(&bob, "", "").status, say(&bob, "", "").status], [400, 400, 429]);
    let labels = support::raw(
        house.address,
        format!("GET /v1/objectives/triage/labels HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{ann}\r\n")
            .as_bytes(),
    );
    assert_ne!(labels.status, 200, "{}", labels.body);
}
