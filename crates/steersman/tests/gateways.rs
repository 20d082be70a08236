//! Two gateways over one PostgreSQL: they share runs and effects, and one goes on where the other was killed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

#[path = "../../store/tests/support/postgres.rs"]
mod postgres;
mod support;

use std::net::SocketAddr;
use std::process::Child;

use serde_json::{Value, json};
use support::shop::{CALLS, Shop, hang_at};
use support::{Answer, get, post_with, read_until, spawn};

/// A second gateway with a data folder of its own.
struct Second {
    gateway: Child,
    address: SocketAddr,
    _data: tempfile::TempDir,
}

impl Second {
    fn beside(shop: &Shop) -> Self {
        let data = tempfile::tempdir().unwrap();
        let (gateway, address) = spawn(&shop.house.data.path().join("steersman.toml"), data.path());
        Self { gateway, address, _data: data }
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        drop(self.gateway.kill());
        drop(self.gateway.wait());
    }
}

fn ask(address: SocketAddr, key: &str, body: &Value) -> Answer {
    let headers = format!("idempotency-key: {key}\r\n");
    post_with(address, "/v1/chat/completions", &headers, body.to_string().as_bytes())
}

/// The words of a streamed answer.
fn words(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let chunks =
        answer.body.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    chunks.filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())).collect()
}

#[test]
fn what_one_gateway_began_and_was_killed_in_another_ends_and_nothing_happens_twice() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let secret = tempfile::tempdir().unwrap();
    let file = secret.path().join("database_url");
    std::fs::write(&file, runtime.block_on(postgres::new_database())).unwrap();
    let store = format!("[store]\ndatabase_url = \"file:{}\"\n", file.display());
    // The first run asks twice; the second hangs at its second question, the fourth in all.
    let script = format!("{CALLS}{}", hang_at(3));
    let mut shop = Shop::start_with(&script, &store, "[\"send_mail\"]", "", "mode = \"off\"");
    let second = Second::beside(&shop);

    // Both at once, under one key: one run, one answer.
    let body = |content: &str, stream: bool| json!({ "model": "task/shop", "stream": stream, "messages": [{ "role": "user", "content": content }] });
    let both = body("write to Ada", false);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let places = [shop.house.address, second.address, shop.house.address, second.address];
        let asked = places.map(|address| {
            let both = &both;
            scope.spawn(move || ask(address, "both", both))
        });
        asked.map(|asked| asked.join().unwrap()).into()
    });
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body), "{}", answers[0].body);
    assert_eq!(shop.truth("send_mail"), 1);
    assert_eq!(ask(second.address, "both", &body("write to Eve", false)).status, 409);

    // Killed after the effect, in the middle of the run.
    let body = body("write to Bob", true);
    let headers = "idempotency-key: k\r\nx-steersman-events: tools\r\n";
    let left = read_until(shop.house.address, headers, &body.to_string(), "\"status\":\"done\"");
    shop.wait_for_calls("small", 4);
    shop.house.gateway.kill().unwrap();
    shop.house.gateway.wait().unwrap();
    drop(left);
    let answer = ask(second.address, "k", &body);
    assert_eq!(words(&answer), "it is done", "the other one takes the run over when the lease is out: {}", answer.body);
    assert_eq!(shop.truth("send_mail"), 2, "the effect is not repeated");
    let open = get(second.address, "/api/effects").json();
    assert_eq!(open["effects"], json!([]), "and nothing of it is in doubt");
    shop.kill_and_start_again();
    for address in [shop.house.address, second.address] {
        assert_eq!(words(&ask(address, "k", &body)), "it is done", "the same answer, wherever it is asked for");
    }
    assert_eq!(shop.truth("send_mail"), 2);
}
