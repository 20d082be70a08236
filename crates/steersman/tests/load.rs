//! A full gateway over the real binary: one key that floods it does not starve another, a wait has an end, and the
//! pages say who waits.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Answer, House, get, post_with};

const ASK: &str = r#"{"model":"small","messages":[{"role":"user","content":"hello"}]}"#;
/// Answers take half a second.
const SLOW: &str = "[default]\ntokens_per_second = 18\nanswer = { text = \"one two three four five six seven eight\" }";

fn ask(house: &House, key: &str) -> Answer {
    post_with(house.address, "/v1/chat/completions", key, ASK.as_bytes())
}

fn load(house: &House) -> Value {
    get(house.address, "/admin/load").json()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_key_that_floods_the_gateway_does_not_starve_another() {
    let house = House::start_with(SLOW, "[server]\nmax_in_flight = 2\nmax_wait_ms = 30000\n");
    let keys = house.make_keys(["flood", "modest"]);
    std::thread::scope(|scope| {
        let flood: Vec<_> = (0..12).map(|_| scope.spawn(|| ask(&house, &keys[0]))).collect();
        until("the flood waits", || load(&house)["waiting"][0] == json!({ "key": "flood", "waiting": 10 }));
        assert!(get(house.address, "/readyz").body.contains("2 requests under way, 10 waiting"));
        let modest: Vec<_> = (0..2).map(|_| scope.spawn(|| ask(&house, &keys[1]))).collect();
        let modest: Vec<_> = modest.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(modest.iter().all(|answer| answer.status == 200));
        let left = load(&house)["waiting"][0]["waiting"].as_u64().unwrap_or(0);
        assert!(left >= 4, "the other key's two went among the flood's first: {left} of 10 still wait");
        assert!(flood.into_iter().all(|thread| thread.join().unwrap().status == 200), "all are served in the end");
    });
    let waited = house.log(14).into_iter().filter(|row| row["status"] == 200).count();
    assert_eq!(waited, 14);
    let report = load(&house);
    assert_eq!(
        (&report["in_flight"], &report["held_bytes"], &report["refused_full"]),
        (&json!(0), &json!(0), &json!(0))
    );
    let page = get(house.address, "/console/load").body;
    assert!(page.contains("Nobody") && page.contains("Waited and began"), "{page}");
}

#[test]
fn beyond_the_bounds_a_request_is_refused_by_name_and_told_when_to_come_again() {
    let more = "[server]\nmax_in_flight = 1\nmax_waiting = 1\nmax_wait_ms = 200\n";
    let house = House::start_with("[default]\ntokens_per_second = 4\nanswer = { text = \"one two three four\" }", more);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| ask(&house, ""));
        until("one is under way", || load(&house)["in_flight"] == 1);
        let late = ask(&house, "");
        assert!(late.body.contains("no place within 200 ms"), "{}", late.body);
        assert_eq!(
            (late.status, late.header("retry-after"), &late.json()["error"]["code"]),
            (503, Some("1"), &json!("overloaded"))
        );
        let waits = scope.spawn(|| ask(&house, ""));
        until("one waits", || !load(&house)["waiting"].as_array().unwrap().is_empty());
        let full = ask(&house, "");
        assert!(full.status == 503 && full.body.contains("1 requests wait already"), "{}", full.body);
        assert_eq!((first.join().unwrap().status, waits.join().unwrap().status), (200, 503));
    });
    let report = load(&house);
    assert_eq!((&report["refused_late"], &report["refused_full"]), (&json!(2), &json!(1)), "{report}");
}
