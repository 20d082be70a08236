//! A live objective over the real binary: labels from shadow calls, a proof, and cheaper answers from then on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use serde_json::{Value, json};
use support::{House, get, post, post_with};

const OBJECTIVE: &str = "[models.large]\nprovider = \"sim\"\ninput_usd_per_million = 10.0\noutput_usd_per_million = 20.0\n\
    [tasks.triage.objective]\nreference = \"large\"\ncandidates = [\"small\"]\nfloor = 0.8\nconfidence = 0.9\n\
    evaluator = \"EVALUATOR\"\nshadow_share = 1.0\nshadow_per_day = 100000\n";

fn house(evaluator: &str) -> House {
    House::start_with("", &OBJECTIVE.replace("EVALUATOR", evaluator))
}

fn ask(house: &House, number: usize) -> support::Answer {
    const WORDS: [&str; 8] = ["where", "is", "my", "parcel", "refund", "late", "order", "please"];
    let text: Vec<&str> = (0..6).map(|place| WORDS[(number * 7 + place * place + number / 3) % 8]).collect();
    house.ask(&json!({ "model": "task/triage", "messages": [{ "role": "user", "content": text.join(" ") }] }))
}

fn standing(house: &House) -> Value {
    get(house.address, "/v1/objectives").json()["data"]["triage"].clone()
}

#[test]
fn agreement_with_the_reference_proves_the_floor_and_then_the_small_model_answers() {
    let house = house("agreement");
    assert_eq!(standing(&house)["next_step"], "120 more labels until a router is fitted");
    let armed = (0..2_000).find(|&number| {
        let answer = ask(&house, number);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let now = standing(&house);
        assert!(now["phase"] == "armed" || answer.header("x-steersman-model") == Some("sim/large"), "{now}");
        now["phase"] == "armed"
    });
    let now = standing(&house);
    assert!(armed.is_some(), "{now}");
    assert!(now["relative_cost"].as_f64().is_some_and(|cost| cost < 1.0), "{now}");
    let armed = ask(&house, 7);
    let id = armed.header("x-request-id").unwrap();
    let thumb = json!({ "request_id": id, "thumb": "up" }).to_string();
    assert_eq!(post(house.address, "/v1/feedback", thumb.as_bytes()).status, 202);
    let decided = |id: &str| {
        let log = get(house.address, "/admin/objectives/triage/decisions").body;
        log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|line| line["id"] == id)
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while decided(id).is_none() {
        assert!(std::time::Instant::now() < deadline, "a graded decision is not in the log after ten seconds");
        std::thread::yield_now();
    }
    let decision = decided(id).unwrap();
    let answered = decision["served"]["answered"].as_str().unwrap();
    assert_eq!(decision["arms"][answered]["quality"], 1.0, "{decision}");
    assert!(decision["served"]["propensity"].as_f64().is_some_and(|chance| chance > 0.0), "{decision}");
    let page = get(house.address, "/console/objectives").body;
    assert!(page.contains("task/triage") && page.contains("saved"), "{page}");
    let lines = get(house.address, "/admin/objectives/triage/labels").body;
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert!(first["arms"]["large"]["quality"] == 1.0 && first["arms"]["small"]["cost_usd"].is_number(), "{first}");
}

#[test]
fn the_truth_that_a_client_sends_joins_the_request_and_makes_a_label() {
    let house = house("truth");
    let answer = ask(&house, 1);
    let id = answer.header("x-request-id").unwrap().to_owned();
    let said = json!({ "request_id": id, "truth": "whatever" }).to_string();
    let first = post(house.address, "/v1/feedback", said.as_bytes());
    assert_eq!(first.status, 202, "{}", first.body);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while standing(&house)["fitted_on"] != 1 {
        assert!(std::time::Instant::now() < deadline, "no label after ten seconds: {}", standing(&house));
        std::thread::yield_now();
    }
    let both = json!({ "request_id": id, "truth": "x", "score": 1 }).to_string();
    assert!(post(house.address, "/v1/feedback", both.as_bytes()).body.contains("one of `truth`"));
    let wrong = post(house.address, "/v1/feedback", b"{\"request_id\":\"x\",\"truth\":\"y\"}");
    assert!(wrong.status == 400 && wrong.body.contains("x-request-id"), "{}", wrong.body);
}

#[test]
fn a_key_that_demands_a_region_gets_nothing_of_a_provider_of_which_nobody_says_where_it_is() {
    let house = House::start("");
    let (free, bound) = (house.make_key(&["free"]), house.make_key(&["bound", "--region", "eu"]));
    house.until_known(&bound);
    let body = json!({ "model": "small", "messages": [{ "role": "user", "content": "hello" }] }).to_string();
    let ask = |key: &str| post_with(house.address, "/v1/chat/completions", key, body.as_bytes());
    assert_eq!(ask(&free).status, 200);
    let refused = ask(&bound);
    assert_eq!(
        (refused.status, refused.header("x-steersman-code")),
        (403, Some("region_not_served")),
        "{}",
        refused.body
    );
    assert!(refused.body.contains("process requests in eu"), "{}", refused.body);
    assert_eq!(house.bill().requests, 1, "the simulator heard of one of them");
    house.log(2);
    let told = house.run(&["explain", refused.header("x-request-id").unwrap()]);
    assert!(told.contains("must be processed in eu") && told.contains("not asked: sim/small"), "{told}");
}
