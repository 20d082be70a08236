//! The real binary over a real socket, against the simulated provider: what a client sees, what the records say, what
//! happens to bad input, and how it ends.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Answer, House, SECRET, get, post, post_with, raw, read, read_until, spawn, until};

fn unix_millis() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()
}

fn hello(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "hello" }] })
}

#[test]
fn a_request_is_answered_recorded_priced_and_explained() {
    let house = House::start("");
    let answer = house.ask(&hello("small"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("x-steersman-model"), Some("sim/small"));
    let id = answer.header("x-request-id").unwrap().to_owned();
    let row = &house.log(1)[0];
    let (bill, usage) = (house.bill(), &row["usage"]);
    assert_eq!(usage["input_tokens"], json!(bill.models["small"].input_tokens), "our record is the provider's bill");
    assert_eq!(usage["output_tokens"], json!(bill.models["small"].output_tokens));
    let nanos = bill.models["small"].input_tokens * 1_000 + bill.models["small"].output_tokens * 2_000;
    assert_eq!(row["cost"], json!(nanos));
    let story = house.run(&["explain", &id]);
    assert!(story.contains("attempt 1") && story.contains("sim/small"), "{story}");
    let page = get(house.address, &format!("/console/requests/{id}"));
    assert!(page.status == 200 && page.body.contains("hello"), "{}", page.body);
    assert_eq!(get(house.address, "/console").status, 200);
    assert!(get(house.address, "/console/requests?model=small").body.contains(&id));
}

#[test]
fn what_was_thought_is_a_part_of_what_was_produced_and_shown_as_one() {
    let house = House::start("[default]\nanswer = { text = \"one two three four\" }\nhidden_reasoning = 3.0\n");
    house.ask(&hello("small"));
    let usage = &house.log(1)[0]["usage"];
    let (thought, all) = (usage["reasoning_tokens"].as_u64().unwrap(), usage["output_tokens"].as_u64().unwrap());
    assert_eq!(thought * 4, all * 3, "{usage}");
    assert!(get(house.address, "/console").body.contains("75.0 % reasoning"));
}

#[test]
fn a_model_without_a_price_has_an_unknown_cost() {
    let house = House::start("");
    assert_eq!(house.ask(&hello("large")).status, 200);
    assert_eq!(house.log(1)[0]["cost"], Value::Null);
}

#[test]
fn a_stream_ends_with_its_marker_and_shows_usage_only_when_asked() {
    let house = House::start("");
    let mut body = hello("small");
    body["stream"] = json!(true);
    let answer = house.ask(&body);
    assert!(answer.body.ends_with("data: [DONE]\n\n") && !answer.body.contains("prompt_tokens\":"), "{}", answer.body);
    body["stream_options"] = json!({ "include_usage": true });
    assert!(house.ask(&body).body.contains("prompt_tokens\":"));
    let rows = house.log(2);
    assert!(rows.iter().all(|row| row["usage"]["input_tokens"].is_u64()), "usage is known either way");
}

#[test]
fn the_first_token_of_a_stream_is_not_held_back() {
    let hangs = "[default]\nanswer = { text = \"one two three four\" }\nfault = { hang_after_tokens = 1 }";
    let house = House::start(hangs);
    let mut body = hello("small");
    body["stream"] = json!(true);
    read_until(house.address, "", &body.to_string(), "\"one");
}

#[test]
fn every_protocol_reaches_every_provider() {
    let house = House::start("[default]\nanswer = { text = \"well met\" }");
    let chat = |model| house.ask(&hello(model)).json()["choices"][0]["message"]["content"].clone();
    assert_eq!(chat("small"), "well met");
    assert_eq!(chat("opus"), "well met");
    let messages = |model: &str| {
        let body = json!({ "model": model, "max_tokens": 50, "messages": [{ "role": "user", "content": "hello" }] });
        post(house.address, "/v1/messages", body.to_string().as_bytes()).json()["content"][0]["text"].clone()
    };
    assert_eq!(messages("small"), "well met");
    assert_eq!(messages("opus"), "well met");
}

#[test]
fn failures_before_the_first_byte_are_hidden_and_the_bill_matches() {
    let house = House::start("[[rules]]\nwhen = { every = 3 }\nthen = { fault = { error = { status = 503 } } }\n");
    for _ in 0..30 {
        assert_eq!(house.ask(&hello("small")).status, 200);
    }
    let rows = house.log(30);
    let recorded: u64 = rows.iter().map(|row| row["usage"]["output_tokens"].as_u64().unwrap()).sum();
    let attempts: u64 = rows.iter().map(|row| row["attempts"].as_u64().unwrap()).sum();
    let bill = house.bill();
    assert_eq!(recorded, bill.models["small"].output_tokens);
    assert_eq!(attempts, bill.requests);
    assert!(attempts > 30, "the faults were there");
}

#[test]
fn a_broken_form_is_repaired_asked_again_or_refused_by_name() {
    let schema = json!({ "type": "object", "properties": { "category": { "type": "string", "enum": ["bug", "billing"] } },
        "required": ["category"], "additionalProperties": false });
    let mut body = hello("small");
    body["response_format"] = json!({ "type": "json_schema", "json_schema": { "name": "ticket", "schema": schema } });

    let house = House::start("[default]\nmalformed = \"fenced\"");
    let answer = house.ask(&body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.header("x-steersman-repairs").is_some());
    let content = answer.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let value: Value = serde_json::from_str(&content).unwrap();
    assert!(value["category"].is_string());

    let house = House::start("[default]\nmalformed = \"missing_field\"");
    let answer = house.ask(&body);
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (422, json!("output_rejected")));
    let row = &house.log(1)[0];
    assert_eq!((row["outcome"].clone(), row["attempts"].clone()), (json!("rejected"), json!(2)), "asked again once");
}

#[test]
fn a_task_escalates_when_its_first_model_breaks_the_form() {
    let house = House::start_with(
        "[[rules]]\nwhen = { model = \"small\" }\nthen = { malformed = \"missing_field\" }",
        "[tasks.triage]\nmodel = \"small\"\nescalate_to = [\"large\"]\n",
    );
    let mut body = hello("task/triage");
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] });
    body["response_format"] = json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": schema } });
    let answer = house.ask(&body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("x-steersman-model"), Some("sim/large"));
    assert_eq!(house.log(1)[0]["task"], "triage");
}

#[test]
fn bad_input_gets_the_right_status_and_disturbs_nothing() {
    let house = House::start_with("", "[server]\nmax_body_bytes = 2000\nrequest_timeout_ms = 300\n");
    let at = |body: &[u8]| post(house.address, "/v1/chat/completions", body);
    let check = |answer: &Answer, status: u16, code: &str, hint: &str| {
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, error["code"].as_str()), (status, Some(code)), "{}", answer.body);
        assert!(error["message"].as_str().unwrap().contains(hint), "{error}");
    };
    check(&at(b"{\"model\": "), 400, "invalid_json", "byte");
    check(&at(b"[1]"), 400, "invalid_json", "object");
    check(&at(b"\xff\xfe{}"), 400, "invalid_json", "UTF-8");
    check(&at(br#"{"messages":[]}"#), 400, "invalid_request", "model");
    check(&at(br#"{"model":"small","messages":"hi"}"#), 400, "invalid_request", "messages");
    check(&at(br#"{"model":"smal","messages":[]}"#), 404, "model_not_found", "`small`");
    check(&at(&[b' '; 5000]), 413, "body_too_large", "2000");
    check(&get(house.address, "/v1/completions"), 404, "not_found", "/v1/completions");
    check(&get(house.address, "/v1/chat/completions"), 405, "method_not_allowed", "GET");
    let packed = post_with(house.address, "/v1/chat/completions", "content-encoding: gzip\r\n", b"\x1f\x8b");
    check(&packed, 400, "invalid_request", "gzip");

    let slow = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{";
    check(&raw(house.address, slow), 408, "request_timeout", "300ms");
    let bomb = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x-a: b\r\n".repeat(500));
    assert!(matches!(raw(house.address, bomb.as_bytes()).status, 0 | 431));
    let smuggled = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n";
    assert!(matches!(raw(house.address, smuggled).status, 0 | 400 | 404 | 408));
    assert_eq!(house.ask(&hello("small")).status, 200, "all others are served as before");
}

#[test]
fn a_client_that_leaves_cancels_the_upstream_call() {
    let house = House::start(
        "[default]\ntokens_per_second = 5\nanswer = { text = \"a long answer that takes its time to be said\" }",
    );
    let mut body = hello("small");
    body["stream"] = json!(true);
    let text = body.to_string();
    let mut stream = TcpStream::connect(house.address).unwrap();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    )
    .unwrap();
    let mut byte = [0; 64];
    assert!(stream.read(&mut byte).unwrap() > 0);
    drop(stream);
    assert_eq!(house.log(1)[0]["outcome"], "cancelled");
    let deadline = Instant::now() + Duration::from_secs(60);
    while house.bill().cancelled.is_empty() {
        assert!(Instant::now() < deadline, "the provider went on talking to nobody");
        std::thread::yield_now();
    }
}

#[test]
fn a_planted_secret_is_found_in_no_sink() {
    let house = House::start("");
    let mut body = hello("small");
    body["messages"][0]["content"] = json!(format!("my key is {SECRET} and Bearer {SECRET}"));
    let answer = house.ask(&body);
    let id = answer.header("x-request-id").unwrap().to_owned();
    house.log(1);
    let page = get(house.address, &format!("/console/requests/{id}")).body;
    let told = house.run(&["explain", &id, "--json"]);
    assert!(!page.contains(SECRET) && !told.contains(SECRET));
    for entry in std::fs::read_dir(house.data.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{}", path.display());
        }
    }
}

#[test]
fn sigterm_lets_a_stream_under_way_end_and_takes_nothing_new() {
    let mut house =
        House::start("[default]\ntokens_per_second = 20\nanswer = { text = \"a long answer that takes a while\" }");
    let mut body = hello("small");
    body["stream"] = json!(true);
    let text = body.to_string();
    let mut stream = TcpStream::connect(house.address).unwrap();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    )
    .unwrap();
    let mut first = [0; 16];
    stream.read_exact(&mut first).unwrap();
    assert!(house.terminate().success(), "a drained exit is a good one");
    let rest = read(&mut stream);
    assert!(rest.head.contains("[done]") || rest.body.contains("[DONE]"), "{}", rest.body);
    assert!(TcpStream::connect(house.address).is_err());
}

#[test]
fn what_the_gateway_cuts_at_the_end_of_its_grace_hears_so_and_is_recorded_as_that() {
    let script = "[default]\ntokens_per_second = 1\nanswer = { text = \"one two three four five six seven eight nine ten eleven twelve\" }";
    let mut house = House::start_with(script, "[server]\nshutdown_grace_ms = 300\n");
    let mut body = hello("small");
    let mut whole = support::begin(house.address, "connection: close\r\n", &body.to_string());
    body["stream"] = json!(true);
    let mut stream = support::begin(house.address, "connection: close\r\n", &body.to_string());
    stream.read_exact(&mut [0; 16]).unwrap();
    support::until("both are under way", || house.bill().requests == 2);
    assert!(!house.terminate().success(), "it was not drained");
    let rest = read(&mut stream).body;
    assert!(rest.contains("shutting_down") && !rest.contains("[DONE]"), "{rest}");
    let refused = read(&mut whole);
    assert!(refused.status == 503 && refused.body.contains("shutting_down"), "{} {}", refused.status, refused.body);
    let codes: Vec<_> = house.log(2).iter().map(|row| row["code"].clone()).collect();
    assert_eq!(codes, ["shutting_down", "shutting_down"]);
}

#[test]
fn a_model_that_is_named_twice_is_refused_on_every_path_before_a_key_is_judged_by_one_of_them() {
    let house = House::start("");
    let body =
        br#"{"model":"large","model":"small","input":"x","messages":[{"role":"user","content":"x"}],"max_tokens":5}"#;
    for path in ["chat/completions", "responses", "messages", "embeddings", "images/generations"] {
        let answer = post(house.address, &format!("/v1/{path}"), body);
        assert!(
            answer.status == 400 && answer.body.contains("`model` stands more than once"),
            "{path}: {}",
            answer.body
        );
    }
    assert_eq!(house.bill().requests, 0);
}

#[test]
fn records_survive_a_kill() {
    let mut house = House::start("");
    for _ in 0..5 {
        assert_eq!(house.ask(&hello("small")).status, 200);
    }
    house.log(5);
    house.gateway.kill().unwrap();
    house.gateway.wait().unwrap();
    let (gateway, address) = spawn(&house.data.path().join("steersman.toml"), house.data.path());
    (house.gateway, house.address) = (gateway, address);
    assert_eq!(house.ask(&hello("small")).status, 200);
    assert_eq!(house.log(6).len(), 6);
    let report = get(house.address, "/health").json();
    assert!(report["records"]["lost_by_kill"].is_u64(), "{report}");
}

#[test]
fn the_gateways_own_key_is_wanted_by_all_but_the_health_checks() {
    let house = House::start_with("", "[server]\napi_key = \"env:SIM_KEY\"\n");
    let answer = house.ask(&hello("small"));
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (401, json!("invalid_api_key")));
    assert_eq!(get(house.address, "/console").status, 401);
    assert_eq!(get(house.address, "/healthz").status, 200);
    let body = hello("small").to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {SECRET}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(raw(house.address, request.as_bytes()).status, 200);
}

#[test]
fn who_follows_the_log_sees_a_slow_request_that_began_before_others() {
    let script = "[[rules]]\nwhen = { contains = \"slowly\" }\nthen = { answer = { text = \"at last\" }, fault = { hold_until_request = 3 } }\n";
    let house = House::start(script);
    let mut follow = std::process::Command::new(env!("CARGO_BIN_EXE_steersman"))
        .args(["log", "--follow", "--json", "--config"])
        .arg(house.data.path().join("steersman.toml"))
        .arg("--data")
        .arg(house.data.path())
        .env("SIM_KEY", SECRET)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut slowly = hello("small");
    slowly["messages"][0]["content"] = json!("slowly");
    let (slow, quick) = std::thread::scope(|scope| {
        let slow = scope.spawn(|| house.ask(&slowly));
        until("the slow request is under way", || house.bill().requests == 1);
        // A name begins with the millisecond of its request: the quick one has to get a later one.
        let begun = unix_millis();
        while unix_millis() <= begun {
            std::thread::yield_now();
        }
        let quick = house.ask(&hello("small"));
        // The quick one is shown before the slow one ends.
        assert_eq!(house.log(1).len(), 1);
        let provider = support::place(&json!(house.sim.as_ref().unwrap().base_url()));
        assert_eq!(post(provider, "/v1/chat/completions", hello("small").to_string().as_bytes()).status, 200);
        (slow.join().unwrap(), quick)
    });
    let id = |answer: &Answer| answer.header("x-request-id").unwrap().to_owned();
    let wanted = [id(&quick), id(&slow)];
    assert!(wanted[1] < wanted[0], "the slow one has the older name");
    let shown: std::collections::BTreeSet<String> = lines
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()["id"].as_str().unwrap().to_owned())
        .take(2)
        .collect();
    assert_eq!(shown, wanted.into());
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn what_is_served_for_one_method_or_one_call_is_passed_on_for_any_other() {
    let house = House::start("");
    // The simulated provider knows none of these: that it is who says so shows that they reached it.
    let reached = |answer: &Answer| answer.header("x-steersman-code") == Some("upstream_refused");
    let model = br#"{"model":"small"}"#;
    for path in ["/v1/responses/input_tokens", "/v1/responses/compact", "/v1/models"] {
        let answer = post(house.address, path, model);
        assert!(reached(&answer), "{path}: {} {}", answer.status, answer.body);
    }
    let at_sim = "x-steersman-provider: sim\r\n";
    for path in ["/v1beta/models/x:countTokens", "/v1beta/files", "/v1beta/cachedContents", "/v1/models/x:embedContent"]
    {
        let answer = post_with(house.address, path, at_sim, b"{}");
        assert!(reached(&answer), "{path}: {} {}", answer.status, answer.body);
    }
    let delete = format!("DELETE /v1/models/x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{at_sim}\r\n");
    let answer = raw(house.address, delete.as_bytes());
    assert!(reached(&answer), "{} {}", answer.status, answer.body);
    assert_eq!(get(house.address, "/v1beta/files").status, 404, "nobody is named who could have it");
    let stream = post(house.address, "/v1beta/models/small:streamGenerateContent", b"{}");
    assert!(stream.status == 404 && stream.body.contains("alt=sse"), "{}", stream.body);
}

#[test]
fn an_answer_bears_its_id_under_the_name_of_every_sdk_and_a_scheme_is_read_in_any_case() {
    let house = House::start_with("", "[server]\napi_key = \"env:SIM_KEY\"\n");
    let body = hello("small").to_string();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let header = format!("authorization: {scheme} {SECRET}\r\n");
        let answer = post_with(house.address, "/v1/chat/completions", &header, body.as_bytes());
        assert_eq!(answer.status, 200, "{scheme}: {}", answer.body);
        assert!(answer.header("request-id").is_some_and(|id| answer.header("x-request-id") == Some(id)));
    }
    for path in ["/v1/responses/compact", "/v1beta/files", "/v1/models/x:countTokens"] {
        assert_eq!(post(house.address, path, b"{}").status, 401, "{path}: what is passed on wants the key as well");
    }
}
