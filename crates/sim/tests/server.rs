//! The simulator over a socket: what each part of a script does to a client, and what stands on the bill.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use steersman_core::{Event, FinishReason, Usage};
use steersman_sim::{Bill, Script, Sim};
use steersman_wire::sse::SseDecoder;
use steersman_wire::{Answer, Dialect, dialect};

async fn sim(script: &str) -> Sim {
    Sim::start(Script::from_toml(script).expect("a script")).await.expect("a port")
}

async fn connect(sim: &Sim) -> SendRequest<Full<Bytes>> {
    let stream = tokio::net::TcpStream::connect(sim.addr()).await.expect("a connection");
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    sender
}

fn post(path: &str, body: &Value) -> Request<Full<Bytes>> {
    let body = Full::new(Bytes::from(body.to_string()));
    Request::builder().method(Method::POST).uri(path).header("host", "sim").body(body).expect("a request")
}

async fn send(sim: &Sim, path: &str, body: &Value) -> Response<Incoming> {
    connect(sim).await.send_request(post(path, body)).await.expect("an answer")
}

async fn get(sim: &Sim, path: &str) -> Value {
    let request = Request::builder().uri(path).header("host", "sim").body(Full::default()).expect("a request");
    let answer = connect(sim).await.send_request(request).await.expect("an answer");
    serde_json::from_slice(&answer.into_body().collect().await.expect("a body").to_bytes()).expect("JSON")
}

fn question(text: &str) -> Value {
    json!({"model": "m-1", "max_tokens": 500, "messages": [{"role": "user", "content": text}]})
}

fn with(mut body: Value, members: Value) -> Value {
    let (Value::Object(body_members), Value::Object(more)) = (&mut body, members) else { return body };
    body_members.extend(more);
    body
}

/// The answer to a question, streamed or not, through the dialect's own reader.
async fn answer(sim: &Sim, name: &str, body: &Value) -> Answer {
    let dialect = dialect(name).expect("a dialect");
    let response = send(sim, &format!("{}{}", dialect.root(), dialect.call_path("sim", false)), body).await;
    assert_eq!(response.status(), 200);
    let streamed =
        response.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event"));
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    let events = if streamed { events(dialect, bytes) } else { dialect.decode_answer(&bytes).expect("an answer") };
    Answer::collect(&events)
}

fn events(dialect: &dyn Dialect, bytes: Bytes) -> Vec<Event> {
    let (mut frames, mut decoder) = (SseDecoder::new(1 << 20), dialect.answer_decoder());
    frames.push(bytes);
    let mut events = Vec::new();
    while let Some(frame) = frames.next_frame().expect("small frames") {
        if let Some(data) = frame.data() {
            events.extend(decoder.frame(frame.event(), data).expect("a frame of the dialect"));
        }
    }
    events
}

fn said(answer: &Answer) -> String {
    answer.choices.first().expect("one answer").text()
}

/// The bill as soon as it says what is expected; fails after half a minute.
async fn until(sim: &Sim, holds: impl Fn(&Bill) -> bool) -> Bill {
    let settled = async {
        loop {
            let bill = sim.bill();
            if holds(&bill) {
                return bill;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), settled).await.expect("the bill says what is expected")
}

const BOTH: [&str; 2] = ["openai.chat", "anthropic.messages"];

#[tokio::test]
async fn both_dialects_say_the_same_streamed_and_whole_and_the_bill_agrees_with_the_usage() {
    let sim = sim("[default]\nanswer = { text = \"twelve chars\" }\nhidden_reasoning = 4.0\ncache_read = 0.5").await;
    let mut told = Usage {
        input_tokens: Some(0),
        cache_read_tokens: Some(0),
        output_tokens: Some(0),
        reasoning_tokens: Some(0),
        ..Usage::default()
    };
    for name in BOTH {
        for stream in [false, true] {
            let body = with(question("hi"), json!({"stream": stream}));
            let options =
                if name == "openai.chat" { json!({"stream_options": {"include_usage": true}}) } else { json!({}) };
            let answer = answer(&sim, name, &with(body, options)).await;
            assert_eq!((said(&answer).as_str(), answer.complete), ("twelve chars", true));
            assert_eq!(answer.choices[0].finish, Some(FinishReason::Stop));
            let usage = answer.usage.expect("usage");
            assert_eq!((usage.output_tokens, usage.reasoning_tokens), (Some(15), Some(12)), "{name} {stream}");
            let add = |a: &mut Option<u64>, b: Option<u64>| *a = Some(a.unwrap_or(0) + b.unwrap_or(0));
            add(&mut told.input_tokens, usage.input_tokens);
            add(&mut told.cache_read_tokens, usage.cache_read_tokens);
            add(&mut told.output_tokens, usage.output_tokens);
            add(&mut told.reasoning_tokens, usage.reasoning_tokens);
        }
    }
    let bill = until(&sim, |bill| bill.models.get("m-1").is_some_and(|account| account.answered == 4)).await;
    let account = &bill.models["m-1"];
    assert_eq!(Some(account.input_tokens), told.input_tokens);
    assert_eq!(Some(account.cache_read_tokens), told.cache_read_tokens);
    assert_eq!(Some(account.output_tokens), told.output_tokens);
    assert_eq!(Some(account.reasoning_tokens), told.reasoning_tokens);
    assert_eq!(get(&sim, "/sim/bill").await, serde_json::to_value(&bill).expect("JSON"));
    sim.shutdown().await;
}

#[tokio::test]
async fn errors_carry_their_status_their_type_and_when_to_come_back() {
    let sim = sim("[[rules]]\nwhen = { every = 2 }\nthen = { fault = { error = { status = 429, retry_after_s = 3 } } }\n[[rules]]\nwhen = { from = 1, before = 2 }\nthen = { fault = { error = { status = 529 } } }").await;
    let first = send(&sim, "/v1/chat/completions", &question("x")).await;
    assert_eq!((first.status().as_u16(), first.headers()["retry-after"].as_bytes()), (429, &b"3"[..]));
    let error: Value =
        serde_json::from_slice(&first.into_body().collect().await.expect("a body").to_bytes()).expect("JSON");
    assert_eq!(error["error"]["type"], "rate_limit_error");
    let second = send(&sim, "/v1/messages", &question("x")).await;
    assert_eq!((second.status().as_u16(), second.headers().contains_key("retry-after")), (529, false));
    let error: Value =
        serde_json::from_slice(&second.into_body().collect().await.expect("a body").to_bytes()).expect("JSON");
    assert_eq!(error["error"]["type"], "overloaded_error");
    let account = &sim.bill().models["m-1"];
    assert_eq!((account.errors[&429], account.errors[&529], account.output_tokens, account.input_tokens), (1, 1, 0, 0));
}

#[tokio::test]
async fn a_body_is_cut_at_exactly_the_byte_that_was_asked_for() {
    for stream in [false, true] {
        let sim =
            sim("[default]\nanswer = { text = \"a text of some length\" }\nfault = { cut_after_bytes = 301 }").await;
        let mut body =
            send(&sim, "/v1/chat/completions", &with(question("x"), json!({"stream": stream}))).await.into_body();
        let (mut received, mut broke) = (0, false);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => received += frame.into_data().expect("data").len(),
                Err(_) => broke = true,
            }
        }
        assert_eq!((received, broke), (301, true), "streamed: {stream}");
        let account = sim.bill().models["m-1"].clone();
        assert_eq!((account.cut, account.answered), (1, 0));
        assert!(account.output_tokens < 6);
    }
}

#[tokio::test]
async fn a_stream_that_its_client_leaves_is_charged_for_what_was_sent() {
    let sim = sim("[default]\nanswer = { text = \"0123456789abcdef\" }\nhidden_reasoning = 2.0\nfault = { hang_after_tokens = 3 }").await;
    let mut sender = connect(&sim).await;
    let answer = sender.send_request(post("/v1/chat/completions", &with(question("x"), json!({"stream": true})))).await;
    let mut body = answer.expect("an answer").into_body();
    let mut seen = String::new();
    while !seen.contains("89ab") {
        let data = body.frame().await.expect("more").expect("whole").into_data().expect("data");
        seen.push_str(&String::from_utf8_lossy(&data));
    }
    drop((body, sender));
    let bill = until(&sim, |bill| bill.models.get("m-1").is_some_and(|account| account.cancelled == 1)).await;
    assert_eq!(bill.cancelled[0].tokens_sent, 3);
    assert_eq!((bill.models["m-1"].output_tokens, bill.models["m-1"].reasoning_tokens), (3 + 8, 8));
}

#[tokio::test]
async fn a_request_that_is_never_answered_ends_when_its_client_leaves_and_costs_nothing() {
    let sim = sim("[default]\nfault = \"hang_before_headers\"").await;
    let mut sender = connect(&sim).await;
    let call = sender.send_request(post("/v1/messages", &question("x")));
    assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
    drop(sender);
    let bill = until(&sim, |bill| bill.models.get("m-1").is_some_and(|account| account.cancelled == 1)).await;
    assert_eq!((bill.models["m-1"].input_tokens, bill.models["m-1"].output_tokens), (0, 0));
}

#[tokio::test]
async fn truncation_says_length_and_a_budget_may_starve_an_answer() {
    let sim = sim("[default]\nanswer = { text = \"0123456789abcdef\" }\n[[rules]]\nwhen = { model = \"cut*\" }\nthen = { truncate_after_tokens = 2 }\n[[rules]]\nwhen = { model = \"thinker\" }\nthen = { hidden_reasoning = 10.0 }").await;
    for name in BOTH {
        let cut = answer(&sim, name, &with(question("x"), json!({"model": "cut-1"}))).await;
        assert_eq!((said(&cut).as_str(), cut.choices[0].finish), ("01234567", Some(FinishReason::Length)));
        let limited = answer(&sim, name, &with(question("x"), json!({"max_tokens": 3}))).await;
        assert_eq!((said(&limited).as_str(), limited.choices[0].finish), ("0123456789ab", Some(FinishReason::Length)));
        let starved = answer(&sim, name, &with(question("x"), json!({"model": "thinker", "max_tokens": 25}))).await;
        assert_eq!((said(&starved).as_str(), starved.choices[0].finish), ("", Some(FinishReason::Length)));
        assert_eq!(starved.usage.expect("usage").reasoning_tokens, Some(25));
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_words_of_each_dialect() {
    let sim = sim("[default]\nrefusal = \"I will not.\"").await;
    for name in BOTH {
        for stream in [false, true] {
            let refused = answer(&sim, name, &with(question("x"), json!({"stream": stream}))).await;
            assert_eq!(refused.choices[0].finish, Some(FinishReason::Refusal), "{name} {stream}");
        }
    }
}

#[tokio::test]
async fn thinking_is_shown_and_signed() {
    let sim = sim("[default]\nthinking = \"Let me see.\"\nanswer = { text = \"ok\" }").await;
    for name in BOTH {
        let thought = answer(&sim, name, &with(question("x"), json!({"stream": true}))).await;
        let steersman_core::Part::Reasoning(reasoning) = &thought.choices[0].parts[0] else { panic!("no thinking") };
        assert_eq!(reasoning.text, "Let me see.");
        assert!(reasoning.signature.as_ref().is_some_and(|signature| signature.starts_with("sim-")));
    }
}

#[tokio::test]
async fn json_follows_the_schema_and_the_wrong_answer_is_fluent_and_wrong() {
    let (right, wrong) = (sim("seed = 5").await, sim("seed = 5\n[default]\nanswer = \"wrong\"").await);
    let labels = json!(["bug", "billing", "praise"]);
    let schema = json!({"type": "object", "required": ["label", "n"], "properties": {
        "label": {"enum": labels}, "n": {"type": "integer", "minimum": 0, "maximum": 9}}});
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "t", "schema": schema}}});
    for i in 0..20 {
        let body = with(question(&format!("ticket {i}")), format.clone());
        let value = async |sim: &Sim| -> Value {
            serde_json::from_str(&said(&answer(sim, "openai.chat", &body).await)).expect("JSON")
        };
        let (first, again, other) = (value(&right).await, value(&right).await, value(&wrong).await);
        assert_eq!(first, again);
        assert_ne!(first["label"], other["label"]);
        assert_ne!(first["n"], other["n"]);
        assert!(labels.as_array().expect("a list").contains(&other["label"]));
    }
    let sentence = async |sim: &Sim| said(&answer(sim, "anthropic.messages", &question("why")).await);
    let (first, other) = (sentence(&right).await, sentence(&wrong).await);
    assert!(first.starts_with("The answer is ") && other.starts_with("The answer is "));
    assert_ne!(first, other);
}

#[tokio::test]
async fn tools_are_called_once_and_their_result_is_answered() {
    let sim = sim("[[rules]]\nwhen = { contains = \"both\" }\nthen = { answer = { tool_call = 2 } }").await;
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}});
    let tools = json!({"tools": [tool("weather"), tool("time")], "stream": true});
    let one = answer(&sim, "openai.chat", &with(question("now"), tools.clone())).await;
    assert_eq!((one.choices[0].parts.len(), one.choices[0].finish), (1, Some(FinishReason::ToolCalls)));
    let steersman_core::Part::ToolCall(call) = &one.choices[0].parts[0] else { panic!("no call") };
    let arguments: Value = serde_json::from_str(&call.arguments).expect("JSON");
    assert!(call.name == "weather" && arguments["city"].is_string());
    let both = answer(&sim, "openai.chat", &with(question("both"), tools.clone())).await;
    assert_eq!(both.choices[0].parts.len(), 2);
    let messages = json!({"messages": [{"role": "user", "content": "now"}, {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": call.id, "content": "sun"}]});
    let done = answer(&sim, "openai.chat", &with(with(question("now"), tools), messages)).await;
    assert_eq!(done.choices[0].finish, Some(FinishReason::Stop));
}

#[tokio::test]
async fn the_model_changes_behind_its_name_at_the_request_that_was_asked_for() {
    let sim = sim("models = [\"m-1\"]\n[default]\nanswer = \"echo\"\n[[rules]]\nwhen = { from = 2 }\nthen = { served_model = \"m-1-2026-09\", malformed = \"fenced\" }").await;
    let mut served = Vec::new();
    for _ in 0..3 {
        let answer = answer(&sim, "openai.chat", &question("echo this")).await;
        served.push((answer.model.clone(), said(&answer)));
    }
    let plain = || ("m-1".to_owned(), "echo this".to_owned());
    assert_eq!(served, [plain(), plain(), ("m-1-2026-09".to_owned(), "```json\necho this\n```".to_owned())]);
    assert_eq!(get(&sim, "/v1/models").await["data"][0]["id"], "m-1");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let run = async |seed: u64| {
        let sim = sim(&format!("seed = {seed}\n[[rules]]\nwhen = {{ probability = 0.3 }}\nthen = {{ fault = {{ error = {{ status = 500 }} }} }}")).await;
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(send(&sim, "/v1/chat/completions", &question("x")).await.status().as_u16());
        }
        statuses
    };
    let (one, again, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    let failed = one.iter().filter(|status| **status == 500).count();
    assert!((4..=20).contains(&failed), "{failed} of 40 at 0.3");
}

#[tokio::test]
async fn more_requests_at_once_than_allowed_are_refused() {
    let sim = sim("max_in_flight = 2\n[default]\nfault = \"hang_before_headers\"").await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut sender = connect(&sim).await;
        held.push(tokio::spawn(async move {
            sender.send_request(post("/v1/chat/completions", &question("x"))).await.is_ok()
        }));
    }
    until(&sim, |bill| bill.requests == 2).await;
    assert_eq!(send(&sim, "/v1/chat/completions", &question("x")).await.status().as_u16(), 429);
    assert_eq!(sim.bill().peak_in_flight, 3);
    sim.shutdown().await;
    for call in held {
        assert!(!call.await.expect("the task"), "a hung call ends with its connection");
    }
}

#[tokio::test]
async fn tokens_come_at_the_rate_that_was_asked_for() {
    let sim = sim("[default]\nanswer = { text = \"0123456789abcdef0123456789abcdef\" }\nlatency = { constant_ms = 20 }\ntokens_per_second = 200").await;
    for stream in [false, true] {
        let begun = tokio::time::Instant::now();
        let got = answer(&sim, "openai.chat", &with(question("x"), json!({"stream": stream}))).await;
        assert!(got.complete);
        // 20 ms and eight tokens of 5 ms; a busy machine may take longer, never less.
        assert!(begun.elapsed() >= Duration::from_millis(60), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn bad_requests_are_refused_as_a_provider_refuses_them() {
    let sim = sim("api_key = \"k\"").await;
    assert_eq!(send(&sim, "/v1/chat/completions", &question("x")).await.status().as_u16(), 401);
    let mut request = post("/v1/messages", &json!({"model": "m", "messages": []}));
    request.headers_mut().insert("x-api-key", "k".parse().expect("a header"));
    let answer = connect(&sim).await.send_request(request).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 400);
    let body: Value =
        serde_json::from_slice(&answer.into_body().collect().await.expect("a body").to_bytes()).expect("JSON");
    assert_eq!(body["error"]["message"], "`max_tokens` is required");
    assert_eq!(send(&sim, "/nowhere", &json!({})).await.status().as_u16(), 404);
}

#[test]
fn a_script_that_makes_no_sense_is_refused_with_the_key_at_fault() {
    let problem = |toml: &str| Script::from_toml(toml).expect_err("no script").to_string();
    assert_eq!(
        problem("[[rules]]\nwhen = { probability = 1.5 }"),
        "the script's `rules[0].when.probability` must be between 0 and 1"
    );
    assert_eq!(
        problem("[default]\nlatency = { uniform_ms = [5, 1] }"),
        "the script's `default.latency` must be two numbers, the smaller first"
    );
    assert_eq!(
        problem("[default]\nfault = { error = { status = 200 } }"),
        "the script's `default.fault.error.status` must be between 400 and 599"
    );
    assert!(problem("[default]\nanswr = \"echo\"").contains("unknown field `answr`"));
    let script = "seed = 1\n[default]\nanswer = \"json\"\n[[rules]]\nwhen = { from = 3 }\nthen = { malformed = \"prose\", fault = \"none\" }";
    let read = Script::from_toml(script).expect("a script");
    assert_eq!(Script::from_json(&serde_json::to_string(&read).expect("JSON")).expect("the same script"), read);
}

#[test]
fn the_script_of_the_documentation_is_one() {
    let chapter = include_str!("../../../docs/sim.md");
    let scripts: Vec<&str> = chapter.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!scripts.is_empty());
    for script in scripts {
        Script::from_toml(script).expect("a script");
    }
    let names = steersman_sim::Malformed::ALL.iter().map(|way| serde_json::to_value(way).expect("a name"));
    for name in names {
        let name = format!("`{}`", name.as_str().expect("a name"));
        assert!(chapter.contains(&name), "{name} is not in the chapter");
    }
}
