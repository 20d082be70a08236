//! Answers that are given again, over the real binary: what counts as the same request, who gets whose answer, what the
//! record and the pages say, and that of many who ask the same at once one asks the provider.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Answer, House, get, post_with, raw, spawn};

const TASK: &str = "[tasks.triage]\nmodel = \"small\"\ncache = true\n";

fn ask(house: &House, headers: &str, body: &str) -> Answer {
    post_with(house.address, "/v1/chat/completions", headers, body.as_bytes())
}

fn cached(answer: &Answer) -> Option<&str> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.header("x-steersman-cache")
}

const HELLO: &str = r#"{"model":"task/triage","messages":[{"role":"user","content":"hello"}]}"#;

#[test]
fn the_same_request_is_answered_again_without_a_call_and_the_saving_is_shown() {
    let mut house = House::start_with("", TASK);
    let first = ask(&house, "", HELLO);
    assert_eq!(cached(&first), Some("miss"));
    // White space, the order of members and the way of delivery are none of the question.
    let same = "{ \"messages\": [ {\"role\":\"user\",\"content\":\"hello\"} ], \"model\": \"task/triage\" }";
    let again = ask(&house, "", same);
    assert_eq!((cached(&again), &again.body), (Some("hit"), &first.body), "byte for byte");
    assert_eq!(again.header("x-steersman-model"), Some("sim/small"));
    assert_eq!(house.bill().requests, 1);
    let row = house.log(2).into_iter().find(|row| row["cost"] == 0).unwrap();
    let story = house.run(&["explain", row["id"].as_str().unwrap()]);
    assert!(story.contains("hit: the answer of req_") && story.contains("saved $0.0000"), "{story}");
    for other in [
        HELLO.replace("hello", "hello "),
        HELLO.replace("\"messages\"", "\"temperature\":0.5,\"messages\""),
        HELLO.replace("\"messages\"", "\"user\":\"u1\",\"messages\""),
    ] {
        assert_eq!(cached(&ask(&house, "", &other)), Some("miss"), "{other}");
    }
    assert_eq!(cached(&ask(&house, "x-steersman-structured: strict\r\n", HELLO)), Some("miss"));

    // On disk, counted by task, and good after a restart.
    let deadline = Instant::now() + Duration::from_secs(60);
    let page = loop {
        let page = get(house.address, "/console/cache").body;
        if page.contains("16.6 %") {
            break page;
        }
        assert!(Instant::now() < deadline, "one hit in six: {page}");
    };
    assert!(page.contains(">triage</span></td>") && page.contains("$0.0000"), "{page}");
    assert!(house.terminate().success());
    let (gateway, address) = spawn(&house.data.path().join("steersman.toml"), house.data.path());
    (house.gateway, house.address) = (gateway, address);
    let kept = ask(&house, "", HELLO);
    assert_eq!((cached(&kept), &kept.body), (Some("hit"), &first.body));
    let report = get(house.address, "/admin/cache").json();
    assert_eq!(report["answers"], 5, "{report}");

    // A change of what could change the answer makes everything new.
    let file = house.data.path().join("steersman.toml");
    let text = std::fs::read_to_string(&file).unwrap() + "[models.small2]\nprovider = \"sim\"\nupstream = \"small\"\n";
    std::fs::write(&file, text).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while cached(&ask(&house, "", HELLO)) == Some("hit") {
        assert!(Instant::now() < deadline, "the new configuration is not in force");
    }
}

#[test]
fn a_client_says_what_it_wants_and_nonsense_is_refused_by_name() {
    let house = House::start_with("", TASK);
    let plain = HELLO.replace("task/triage", "small");
    assert_eq!(cached(&ask(&house, "", &plain)), None, "nobody asked for it");
    let on = "x-steersman-cache: on\r\n";
    assert_eq!((cached(&ask(&house, on, &plain)), cached(&ask(&house, on, &plain))), (Some("miss"), Some("hit")));
    assert_eq!(cached(&ask(&house, "x-steersman-cache: ttl=60\r\n", &plain)), Some("hit"));
    assert_eq!(cached(&ask(&house, "x-steersman-cache: refresh\r\n", &plain)), Some("miss"), "asked anew and kept");
    assert_eq!(cached(&ask(&house, "", HELLO)), Some("miss"));
    assert_eq!(cached(&ask(&house, "x-steersman-cache: off\r\n", HELLO)), None);
    let refused = ask(&house, "x-steersman-cache: forever\r\n", &plain);
    assert!(refused.status == 400 && refused.body.contains("`ttl=SECONDS`"), "{}", refused.body);
}

fn streamed(body: &str) -> String {
    body.replace("\"messages\"", "\"stream\":true,\"messages\"")
}

#[test]
fn a_kept_answer_is_streamed_or_whole_as_the_client_wants_it_in_every_dialect() {
    let house = House::start_with("[default]\nanswer = { text = \"well met by moonlight\" }", TASK);
    let chat = streamed(HELLO);
    let first = ask(&house, "", &chat);
    let again = ask(&house, "", &chat);
    assert_eq!((cached(&again), &again.body), (Some("hit"), &first.body), "the same frames");
    let with_usage = ask(
        &house,
        "",
        &chat.replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}"),
    );
    assert!(cached(&with_usage) == Some("hit") && with_usage.body.contains("prompt_tokens\":"), "{}", with_usage.body);
    let whole = ask(&house, "", HELLO);
    assert_eq!(
        (cached(&whole), &whole.json()["choices"][0]["message"]["content"]),
        (Some("hit"), &json!("well met by moonlight"))
    );
    assert_eq!(whole.json()["usage"]["completion_tokens"], json!(house.bill().models["small"].output_tokens));
    assert_eq!(house.bill().requests, 1);

    let on = "x-steersman-cache: on\r\n";
    let message = r#"{"model":"small","max_tokens":50,"messages":[{"role":"user","content":"hello"}]}"#;
    let messages = |body: &str| post_with(house.address, "/v1/messages", on, body.as_bytes());
    assert_eq!(cached(&messages(message)), Some("miss"));
    let stream = messages(&streamed(message));
    assert!(cached(&stream) == Some("hit") && stream.body.contains("event: message_stop"), "{}", stream.body);

    let response = r#"{"model":"small","input":"hello"}"#;
    let responses = |body: &str| post_with(house.address, "/v1/responses", on, body.as_bytes());
    let (one, two) = (responses(response), responses(response));
    assert_eq!((cached(&one), cached(&two)), (Some("miss"), Some("hit")));
    let (one, two) = (one.json(), two.json());
    assert_eq!(one["output"][0]["content"], two["output"][0]["content"]);
    assert_ne!(one["id"], two["id"], "each can be gone on from by an id of its own");
    let stored = get(house.address, &format!("/v1/responses/{}", two["id"].as_str().unwrap()));
    assert_eq!(stored.json(), two);
}

#[test]
fn what_is_no_whole_accepted_answer_is_not_given_again() {
    let house = House::start_with("[default]\ntruncate_after_tokens = 1\n", TASK);
    assert_eq!((cached(&ask(&house, "", HELLO)), cached(&ask(&house, "", HELLO))), (Some("miss"), Some("miss")));
    let objective = "[tasks.triage]\nmodel = \"small\"\ncache = true\n[tasks.triage.objective]\nreference = \"small\"\n\
        candidates = [\"large\"]\nevaluator = \"agreement\"\n";
    let house = House::start_with("", objective);
    assert_eq!(cached(&ask(&house, "", HELLO)), Some("bypass"));
}

#[test]
fn a_key_does_not_get_the_answers_of_another_unless_they_are_shared() {
    for (scope, second) in [("key", "miss"), ("shared", "hit")] {
        let house = House::start_with("", &format!("{TASK}[cache]\nscope = \"{scope}\"\n"));
        let made = house.make_keys(["a", "b"]);
        assert_eq!(cached(&ask(&house, &made[0], HELLO)), Some("miss"));
        assert_eq!(cached(&ask(&house, &made[0], HELLO)), Some("hit"));
        assert_eq!(cached(&ask(&house, &made[1], HELLO)), Some(second), "{scope}");
    }
}

#[test]
fn of_many_who_ask_the_same_at_once_one_asks_the_provider_also_when_the_first_leaves() {
    // Long enough for eight to ask; where they do not meet, the later ones are given the answer again.
    let slow = "[default]\nlatency = { constant_ms = 500 }\nanswer = { text = \"one two three four\" }\n\
        [[rules]]\nwhen = { from = 1, before = 2 }\nthen = { fault = { hang_after_tokens = 2 } }\n";
    let house = House::start_with(slow, TASK);
    let together = |house: &House, body: &str| -> Vec<Answer> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| ask(house, "", body))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    };
    let answers = together(&house, HELLO);
    assert_eq!(answers.iter().filter(|answer| cached(answer) == Some("miss")).count(), 1);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(house.bill().requests, 1);

    // The first leaves in the middle of its stream; those that waited are answered all the same, by one more call.
    let body = streamed(&HELLO.replace("hello", "again"));
    let mut first = TcpStream::connect(house.address).unwrap();
    let length = body.len();
    write!(first, "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while house.bill().requests < 2 {
        assert!(Instant::now() < deadline, "the first is not under way");
        std::thread::yield_now();
    }
    let answers = std::thread::scope(|scope| {
        let others = scope.spawn(|| together(&house, &body));
        drop(first);
        others.join().unwrap()
    });
    assert!(answers.iter().all(|answer| answer.body.ends_with("data: [DONE]\n\n")), "{}", answers[0].body);
    assert_eq!(house.bill().requests, 3, "one more call for all of them");
}

#[test]
fn when_the_first_fails_the_others_ask_for_themselves() {
    let house = House::start_with("[default]\nfault = { error = { status = 400 } }\n", TASK);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| ask(&house, "", HELLO).status)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses, [400; 4]);
    assert_eq!(ask(&house, "", HELLO).status, 400, "a failure is not kept");
}

#[test]
fn clients_of_four_apis_that_ask_the_same_share_an_answer_each_in_its_own_form() {
    let house = House::start_with("[default]\nanswer = { text = \"well met by moonlight\" }", TASK);
    let on = "x-steersman-cache: on\r\nx-steersman-task: triage\r\n";
    let chat = r#"{"model":"small","max_tokens":50,"messages":[{"role":"system","content":"be terse"},{"role":"user","content":"hello"}]}"#;
    let asked = [
        ("/v1/chat/completions", "", chat),
        ("/v1/responses", "", r#"{"model":"small","max_output_tokens":50,"instructions":"be terse","input":"hello"}"#),
        (
            "/v1/messages",
            "anthropic-version: 2023-06-01\r\n",
            r#"{"model":"small","max_tokens":50,"system":"be terse","messages":[{"role":"user","content":"hello"}]}"#,
        ),
        (
            "/v1beta/models/small:generateContent",
            "x-goog-api-client: google-genai-sdk/3.6.1\r\n",
            r#"{"systemInstruction":{"parts":[{"text":"be terse"}]},"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":{"maxOutputTokens":50}}"#,
        ),
    ];
    for (number, (path, headers, body)) in asked.into_iter().enumerate() {
        let answer = post_with(house.address, path, &format!("{on}{headers}"), body.as_bytes());
        assert_eq!(cached(&answer), Some(if number == 0 { "miss" } else { "hit" }), "{path}");
        assert!(answer.body.contains("well met by moonlight"), "{path}: {}", answer.body);
    }
    let stream = post_with(house.address, "/v1/messages", on, streamed(asked[2].2).as_bytes());
    assert!(cached(&stream) == Some("hit") && stream.body.contains("event: message_stop"), "{}", stream.body);
    assert_eq!(house.bill().requests, 1);
    // A library that names each call anew asks the same all the same.
    for call in ["a", "b"] {
        let answer = ask(&house, &format!("{on}idempotency-key: {call}\r\n"), chat);
        assert_eq!(cached(&answer), Some("hit"), "{call}");
    }
    // What only one API can say is asked in that one alone.
    let own = chat.replace("\"max_tokens\"", "\"logit_bias\":{\"7\":1},\"max_tokens\"");
    assert_eq!((cached(&ask(&house, on, &own)), cached(&ask(&house, on, &own))), (Some("miss"), Some("hit")));
    let beta = format!("{on}anthropic-version: 2023-06-01\r\nanthropic-beta: new\r\n");
    assert_eq!(cached(&post_with(house.address, "/v1/messages", &beta, asked[2].2.as_bytes())), Some("miss"));
}

#[test]
fn what_an_operator_purges_is_asked_anew_at_once_and_the_rest_stays() {
    let house = House::start_with("", TASK);
    let on = "x-steersman-cache: on\r\nx-steersman-task: other\r\n";
    let other = HELLO.replace("task/triage", "small");
    let large = HELLO.replace("task/triage", "large");
    let state = |house: &House| {
        [("", HELLO), (on, other.as_str()), (on, large.as_str())].map(|(headers, body)| {
            let answer = ask(house, headers, body);
            cached(&answer).unwrap().to_owned()
        })
    };
    assert_eq!(state(&house), ["miss"; 3]);
    assert_eq!(state(&house), ["hit"; 3]);
    let purge = |body: &str| post_with(house.address, "/admin/cache/purge", "", body.as_bytes());
    assert_eq!(purge(r#"{"task":"triage"}"#).status, 200);
    assert_eq!(state(&house), ["miss", "hit", "hit"], "in this gateway before the purge is answered");
    assert_eq!(purge(r#"{"model":"sim/large"}"#).status, 200);
    assert_eq!(state(&house), ["hit", "hit", "miss"]);
    let refused = purge(r#"{"taks":"triage"}"#);
    assert!(refused.status == 400 && refused.body.contains("`task` and `model`"), "{}", refused.body);
    assert_eq!(state(&house), ["hit"; 3], "a slip forgets nothing");

    // The command line beside a gateway that runs.
    house.run(&["cache", "purge", "--task", "other", "--model", "small"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while state(&house) != ["hit", "miss", "hit"] {
        assert!(Instant::now() < deadline, "the purge is not heeded after a minute");
    }
    assert_eq!(state(&house), ["hit"; 3]);
    let form = "POST /console/cache/purge HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
        content-type: application/x-www-form-urlencoded\r\ncontent-length: 12\r\n\r\ntask=&model=";
    let done = raw(house.address, form.as_bytes());
    assert_eq!(done.status, 303, "{}", done.body);
    let page = get(house.address, done.header("location").unwrap()).body;
    assert!(page.contains("of task triage") && page.contains("Answers that were forgotten"), "{page}");
    assert!(!get(house.address, done.header("location").unwrap()).body.contains("Answers that were forgotten"));
    assert_eq!(state(&house), ["miss"; 3], "all of them");
    let log = get(house.address, "/admin/audit").json()["audit"].clone();
    let lines = log.as_array().unwrap().iter().filter(|line| line["what"] == "purged");
    let told: Vec<_> = lines.map(|line| (line["by"].as_str().unwrap(), line["key"].as_str().unwrap())).collect();
    let by: Vec<_> = told.iter().map(|(by, _)| *by).collect();
    assert_eq!(by, ["console", "cli", "admin", "admin"], "{told:?}");
    assert!(told[1].1.ends_with("of task other by small"), "{told:?}");
}
