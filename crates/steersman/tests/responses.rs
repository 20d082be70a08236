//! The responses API over the real binary: every provider, streamed and whole, and conversations that go on by an id.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use serde_json::{Value, json};
use support::{House, get, post, raw};

fn respond(house: &House, body: &Value) -> support::Answer {
    post(house.address, "/v1/responses", body.to_string().as_bytes())
}

fn said(response: &Value) -> String {
    let items = response["output"].as_array().unwrap();
    let message = items.iter().find(|item| item["type"] == "message").unwrap_or_else(|| panic!("{response}"));
    message["content"][0]["text"].as_str().unwrap().to_owned()
}

/// The data of the last event of a stream.
fn last_event(stream: &str) -> Value {
    let data = stream.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
    serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"))
}

#[test]
fn every_provider_answers_whole_and_streamed_in_the_same_words() {
    let house = House::start("[default]\nanswer = { text = \"well met\" }");
    for model in ["small", "opus", "native"] {
        let mut body = json!({ "model": model, "input": "hello", "max_output_tokens": 50 });
        let whole = respond(&house, &body).json();
        assert_eq!((said(&whole), &whole["status"]), ("well met".to_owned(), &json!("completed")), "{model}");
        body["stream"] = json!(true);
        let streamed = last_event(&respond(&house, &body).body);
        assert_eq!(streamed["type"], "response.completed", "{model}");
        assert_eq!(said(&streamed["response"]), "well met", "{model}");
        assert!(streamed["response"]["usage"]["input_tokens"].as_u64().unwrap() > 0, "{model}");
    }
    let row = &house.log(6)[0];
    assert_eq!(row["usage"]["input_tokens"], json!(house.bill().models["small"].input_tokens / 2));
}

#[test]
fn a_conversation_goes_on_by_its_id_at_every_provider_and_after_a_restart() {
    let mut house = House::start("[default]\nanswer = \"echo\"");
    let mut asked = 0;
    for streamed in [false, true] {
        let first = json!({ "model": "small", "input": "the word is heron", "stream": streamed });
        let answer = respond(&house, &first).body;
        let first =
            if streamed { last_event(&answer)["response"].clone() } else { serde_json::from_str(&answer).unwrap() };
        let id = first["id"].as_str().unwrap();
        asked += 1;
        for model in ["small", "opus", "native"] {
            let next = json!({ "model": model, "previous_response_id": id, "input": "go on", "max_output_tokens": 50 });
            let answer = respond(&house, &next);
            assert_eq!(said(&answer.json()), "go on", "{model}: {}", answer.body);
            // What speaks the format itself was asked with the items alone, and its answer leaves as it came.
            let said_before = json!((model != "native").then_some(id));
            assert_eq!(answer.json()["previous_response_id"], said_before, "{model}");
            asked += 1;
            house.log(asked);
            let body = house.run(&["explain", answer.header("x-request-id").unwrap(), "--json"]);
            assert!(body.contains("heron"), "{model} was told what came before: {body}");
        }
    }
    let first = respond(&house, &json!({ "model": "small", "input": "kept" })).json();
    assert!(house.terminate().success());
    let (gateway, address) = support::spawn(&house.data.path().join("steersman.toml"), house.data.path());
    (house.gateway, house.address) = (gateway, address);
    let path = format!("/v1/responses/{}", first["id"].as_str().unwrap());
    assert_eq!(get(house.address, &path).json(), first, "as its client saw it");
}

#[test]
fn a_stored_response_is_read_listed_and_deleted_and_one_that_is_not_to_be_stored_is_not() {
    let house = House::start("");
    let response = respond(&house, &json!({ "model": "opus", "input": "hello", "max_output_tokens": 50 })).json();
    let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
    let items = get(house.address, &format!("{path}/input_items")).json();
    assert_eq!(items["data"][0]["content"], "hello");
    let delete = |path: &str| {
        raw(house.address, format!("DELETE {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
    };
    assert_eq!(delete(&path).json()["deleted"], true);
    assert_eq!((get(house.address, &path).status, delete(&path).status), (404, 404));
    let next = json!({ "model": "small", "previous_response_id": response["id"], "input": "go on" });
    let refused = respond(&house, &next);
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (404, &json!("previous_response_id")));
    let private = respond(&house, &json!({ "model": "small", "input": "hello", "store": false })).json();
    assert_eq!(private["store"], false);
    assert_eq!(get(house.address, &format!("/v1/responses/{}", private["id"].as_str().unwrap())).status, 404);
}

#[test]
fn what_a_provider_cannot_do_is_an_error_that_names_it() {
    let house = House::start("");
    let search = json!({ "model": "opus", "input": "hello", "tools": [{ "type": "web_search" }] });
    let refused = respond(&house, &search);
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("tools[0]")), "{}", refused.body);
    let seeded = json!({ "model": "native", "messages": [{ "role": "user", "content": "hi" }], "stop": ["x"] });
    let refused = house.ask(&seeded);
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("stop")), "{}", refused.body);
}

#[test]
fn embeddings_and_token_counts_are_passed_through_recorded_and_priced() {
    let house = House::start("");
    let ask = json!({ "model": "small", "input": ["a parcel", "a heron"], "unknown": 1.50 });
    let answer = post(house.address, "/v1/embeddings", ask.to_string().as_bytes());
    assert_eq!(answer.json()["data"].as_array().unwrap().len(), 2, "{}", answer.body);
    assert_eq!(answer.header("x-steersman-model"), Some("sim/small"));
    let row = &house.log(1)[0];
    let tokens = house.bill().models["small"].input_tokens;
    assert_eq!((&row["protocol"], &row["cost"]), (&json!("openai.embeddings"), &json!(tokens * 1_000)), "{row}");
    let ask = json!({ "model": "claude/opus", "messages": [{ "role": "user", "content": "hello" }] });
    let counted = post(house.address, "/v1/messages/count_tokens", ask.to_string().as_bytes());
    assert!(counted.json()["input_tokens"].as_u64().unwrap() > 0, "{}", counted.body);
    let ask = json!({ "model": "small", "messages": [] });
    let refused = post(house.address, "/v1/messages/count_tokens", ask.to_string().as_bytes());
    assert_eq!((refused.status, &refused.json()["type"]), (400, &json!("error")), "{}", refused.body);
}

#[test]
fn any_other_path_goes_to_the_provider_that_is_named_and_can_be_closed() {
    let named = |house: &House| {
        let head = "GET /v1/models/x?y=1 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-steersman-provider: sim\r\n\r\n";
        raw(house.address, head.replace("/v1/models/x?y=1", "/v1/fine_tuning/jobs?limit=1").as_bytes())
    };
    let house = House::start("");
    let answer = named(&house);
    // The simulator has no such path; its own words come back.
    assert!(answer.status == 404 && answer.body.contains("/v1/fine_tuning/jobs"), "{}", answer.body);
    assert_eq!(house.log(1)[0]["protocol"], "raw");
    assert!(get(house.address, "/v1/files").body.contains("x-steersman-provider"));
    let closed = House::start_with("", "[server]\npass_unknown_paths = false\n");
    assert!(named(&closed).body.contains("there is nothing at"));
}

#[test]
fn a_response_belongs_to_the_key_that_made_it() {
    let house = House::start("");
    let open = respond(&house, &json!({ "model": "small", "input": "before there were keys" })).json();
    let keys = house.make_keys(["a", "b"]);
    let send = |method: &str, path: &str, key: &str, body: &str| {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{key}content-length: {length}\r\n\r\n"
        );
        raw(house.address, (head + body).as_bytes())
    };
    // At a provider that keeps responses itself, too: its id must not lead around the gateway.
    for model in ["small", "native"] {
        let ask = |key: &str, previous: Option<&Value>| {
            let mut body = json!({ "model": model, "input": "my secret plan" });
            if let Some(id) = previous {
                body["previous_response_id"] = id.clone();
            }
            send("POST", "/v1/responses", key, &body.to_string())
        };
        let made = ask(&keys[0], None).json();
        let path = format!("/v1/responses/{}", made["id"].as_str().unwrap());
        assert_eq!(send("GET", &path, &keys[0], "").json(), made, "{model}");
        assert_eq!(ask(&keys[0], Some(&made["id"])).status, 200, "{model}");
        assert_eq!(send("GET", &path, &keys[1], "").status, 404, "{model}");
        assert_eq!(send("GET", &format!("{path}/input_items"), &keys[1], "").status, 404, "{model}");
        assert_eq!(send("DELETE", &path, &keys[1], "").status, 404, "{model}");
        let stolen = ask(&keys[1], Some(&made["id"]));
        assert!(stolen.status == 404 && !stolen.body.contains("secret"), "{model}: {}", stolen.body);
        assert_eq!(ask(&keys[1], Some(&json!("resp_of_the_provider"))).status, 404, "whose it is cannot be known");
        assert_eq!(send("DELETE", &path, &keys[0], "").json()["deleted"], true, "{model}");
    }
    let before = format!("/v1/responses/{}", open["id"].as_str().unwrap());
    assert_eq!(send("GET", &before, &keys[0], "").status, 404, "what was made without a key is no key's");
}

#[test]
fn whoever_is_over_a_limit_is_told_that_and_not_whether_a_response_is_there() {
    let house = House::start("[default]\nanswer = \"echo\"");
    let key = house.make_key(&["slow", "--requests-per-minute", "1"]);
    house.until_known(&key);
    let ask = |body: Value| {
        let body = body.to_string();
        let head = format!(
            "POST /v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{key}content-length: {}\r\n\r\n",
            body.len()
        );
        raw(house.address, (head + &body).as_bytes()).status
    };
    assert_eq!(ask(json!({ "model": "small", "input": "hello" })), 200);
    assert_eq!(ask(json!({ "model": "small", "input": "go on", "previous_response_id": "resp_of_nobody" })), 429);
}
