//! A full gateway over the real binary: one key that floods it does not starve another, a wait has an end, and the
//! pages say who waits.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::net::SocketAddr;

use serde_json::{Value, json};
use support::{Answer, House, begin, get, post_with, until};

/// What is asked to be held is answered once a second request arrives.
const HELD: &str = "[default]\nanswer = { text = \"hello\" }\n\
    [[rules]]\nwhen = { contains = \"hold\" }\nthen = { fault = { hold_until_request = 2 } }\n";
const HANGS: &str = "[default]\nfault = \"hang_before_headers\"\n";

fn body(content: &str) -> String {
    json!({ "model": "small", "messages": [{ "role": "user", "content": content }] }).to_string()
}

fn ask(address: SocketAddr, key: &str, content: &str) -> Answer {
    post_with(address, "/v1/chat/completions", key, body(content).as_bytes())
}

fn load(house: &House) -> Value {
    get(house.address, "/admin/load").json()
}

/// Whether so many requests of this key wait.
fn waits(house: &House, key: &str, count: u64) -> bool {
    let waiting = json!({ "key": key, "waiting": count });
    load(house)["waiting"].as_array().unwrap().contains(&waiting)
}

#[test]
fn a_key_that_floods_the_gateway_does_not_starve_another() {
    let house = House::start_with(HELD, "[server]\nmax_in_flight = 1\nmax_wait_ms = 60000\n");
    let keys = house.make_keys(["flood", "modest"]);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| ask(house.address, &keys[0], "hold"));
        until("one is under way", || house.bill().requests == 1);
        let flood: Vec<_> = (0..10).map(|_| scope.spawn(|| ask(house.address, &keys[0], "hello"))).collect();
        until("the flood waits", || waits(&house, "flood", 10));
        assert!(get(house.address, "/readyz").body.contains("1 requests under way, 10 waiting"));
        let modest: Vec<_> = (0..2).map(|_| scope.spawn(|| ask(house.address, &keys[1], "hello"))).collect();
        until("the other key waits", || waits(&house, "modest", 2));
        let provider = support::place(&json!(house.sim.as_ref().unwrap().base_url()));
        assert_eq!(ask(provider, "", "the second").status, 200);
        // One at a time, and the provider numbers its answers in the order in which they were asked for.
        let number = |answer: Answer| -> u64 {
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.json()["id"].as_str().unwrap().strip_prefix("sim-").unwrap().parse().unwrap()
        };
        let modest: Vec<u64> = modest.into_iter().map(|thread| number(thread.join().unwrap())).collect();
        assert!(modest.iter().all(|number| *number <= 5), "the other key's two went among the first four: {modest:?}");
        assert_eq!(number(held.join().unwrap()), 0);
        assert!(flood.into_iter().all(|thread| number(thread.join().unwrap()) <= 13), "all are served in the end");
    });
    let waited = house.log(13).into_iter().filter(|row| row["status"] == 200).count();
    assert_eq!(waited, 13);
    let report = load(&house);
    assert_eq!(
        (&report["in_flight"], &report["held_bytes"], &report["refused_full"]),
        (&json!(0), &json!(0), &json!(0))
    );
    let page = get(house.address, "/console/load").body;
    assert!(page.contains("Nobody") && page.contains("Waited and began"), "{page}");
}

#[test]
fn who_waits_too_long_is_refused_by_name_and_told_when_to_come_again() {
    let house = House::start_with(HANGS, "[server]\nmax_in_flight = 1\nmax_wait_ms = 200\n");
    let first = begin(house.address, "", &body("hello"));
    until("one is under way", || load(&house)["in_flight"] == 1);
    let late = ask(house.address, "", "hello");
    assert!(late.body.contains("no place within 200 ms"), "{}", late.body);
    assert_eq!(
        (late.status, late.header("retry-after"), &late.json()["error"]["code"]),
        (503, Some("1"), &json!("overloaded"))
    );
    assert_eq!(load(&house)["refused_late"], 1);
    drop(first);
}

#[test]
fn who_comes_while_as_many_wait_as_may_is_refused_at_once() {
    let house = House::start_with(HANGS, "[server]\nmax_in_flight = 1\nmax_waiting = 1\nmax_wait_ms = 600000\n");
    let first = begin(house.address, "", &body("hello"));
    until("one is under way", || load(&house)["in_flight"] == 1);
    let second = begin(house.address, "", &body("hello"));
    until("one waits", || !load(&house)["waiting"].as_array().unwrap().is_empty());
    let full = ask(house.address, "", "hello");
    assert!(full.status == 503 && full.body.contains("1 requests wait already"), "{}", full.body);
    assert_eq!(load(&house)["refused_full"], 1);
    drop((first, second));
}
