//! The real binary with a real model: needs the feature `llama`, and the weights' path in `STEERSMAN_TEST_GGUF`.
//!
//! `cargo test --release -p steersman-local --features llama --test with_weights` (docs/local-models.md says how to
//! build and to pull `smollm2-135m`, which this is written for). One server is started for all tests and they take
//! turns.

#![cfg(feature = "llama")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

mod client;

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::{chat, open, send};
use serde_json::{Value, json};
use steersman_models::{LocalProcess, LocalSpec};

static TURN: Mutex<()> = Mutex::new(());

/// A server of its own for one test, and the turn to use it: several at once would fight for the cores.
struct Server {
    process: LocalProcess,
    address: String,
    _turn: MutexGuard<'static, ()>,
}

fn weights() -> PathBuf {
    let path = std::env::var_os("STEERSMAN_TEST_GGUF").map(PathBuf::from);
    path.filter(|path| path.is_file()).expect("STEERSMAN_TEST_GGUF must name the weights of smollm2-135m")
}

fn server() -> Server {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut spec = LocalSpec::new(env!("CARGO_BIN_EXE_steersman-local"), weights(), "tiny");
    spec.context_tokens = Some(2048);
    spec.queue = Some(1);
    spec.threads = Some(1);
    let process = LocalProcess::spawn(spec, |line| eprintln!("child: {line}")).unwrap();
    let address = process.wait_ready(Duration::from_secs(60)).unwrap().address;
    Server { process, address, _turn: turn }
}

fn asking(text: &str, members: Value) -> Value {
    let system = "You are a helpful assistant.";
    let mut request = json!({
        "model": "tiny", "temperature": 0, "max_completion_tokens": 24,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": text}]
    });
    request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    request
}

fn said(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap()
}

const CAPITAL: &str = "What is the capital of France?";

#[test]
fn a_question_is_answered_and_its_stream_equals_the_whole() {
    let server = server();
    let whole = chat(&server.address, &asking(CAPITAL, json!({}))).json();
    assert_eq!(said(&whole), "The capital of France is Paris.");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    for sampling in
        [json!({}), json!({"temperature": 1.0, "seed": 3}), json!({"temperature": 1.2, "top_p": 0.9, "seed": 4})]
    {
        let whole = chat(&server.address, &asking("Tell me of a café.", sampling.clone())).json();
        let mut request = asking("Tell me of a café.", sampling);
        request["stream"] = json!(true);
        let reply = chat(&server.address, &request);
        assert!(reply.head.contains("text/event-stream"));
        let chunks = reply.chunks();
        let streamed: String =
            chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(streamed, said(&whole));
    }
}

#[test]
fn extraction_under_a_schema_is_valid_with_every_seed() {
    let server = server();
    let schema = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 40},
            "age": {"type": "integer", "minimum": 0, "maximum": 130},
            "role": {"enum": ["engineer", "nurse", "other"]},
            "languages": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 3}
        },
        "required": ["name", "age", "role", "languages"], "additionalProperties": false
    });
    let format = json!({"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": true}});
    for seed in 0..24 {
        let members =
            json!({"response_format": format, "temperature": 1.3, "seed": seed, "max_completion_tokens": 400});
        let answer =
            chat(&server.address, &asking("Anna Berg, 34, is a nurse. She speaks Norwegian and English.", members))
                .json();
        assert_eq!(answer["steersman"], json!({"constrained": true}));
        assert_eq!(answer["choices"][0]["finish_reason"], "stop", "{answer}");
        let person: Value = serde_json::from_str(said(&answer)).unwrap();
        let members: Vec<&String> = person.as_object().unwrap().keys().collect();
        assert_eq!(members, ["name", "age", "role", "languages"]);
        assert!(person["name"].as_str().unwrap().chars().count() <= 40);
        assert!((0..=130).contains(&person["age"].as_i64().unwrap()));
        assert!(["engineer", "nurse", "other"].contains(&person["role"].as_str().unwrap()));
        let languages = person["languages"].as_array().unwrap();
        assert!(languages.len() <= 3 && languages.iter().all(|one| one.as_str().unwrap().chars().count() <= 20));
    }
}

#[test]
fn any_json_object_is_one_and_what_cannot_be_enforced_is_refused_or_named() {
    let server = server();
    let object =
        json!({"response_format": {"type": "json_object"}, "max_completion_tokens": 400, "temperature": 1, "seed": 1});
    let answer = chat(&server.address, &asking("Describe Oslo as JSON.", object)).json();
    if answer["choices"][0]["finish_reason"] == "stop" {
        assert!(serde_json::from_str::<Value>(said(&answer)).unwrap().is_object());
    } else {
        assert!(said(&answer).starts_with('{'), "{answer}");
    }
    let format = |strict| {
        let schema = json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}, "uniqueItems": true, "maxItems": 2}}, "required": ["a"], "additionalProperties": false});
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": strict}}})
    };
    let refused = chat(&server.address, &asking("Two numbers.", format(true)));
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str().unwrap()), (400, "unsupported"));
    assert_eq!(refused.json()["error"]["param"], "response_format");
    let reported = chat(&server.address, &asking("Two numbers.", format(false))).json();
    assert!(reported["steersman"]["unenforced"][0].as_str().unwrap().contains("uniqueItems"), "{reported}");
}

#[test]
fn a_forced_call_always_has_arguments_of_its_schema() {
    let server = server();
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string", "maxLength": 30}, "unit": {"enum": ["C", "F"]}}, "required": ["city", "unit"], "additionalProperties": false});
    let tools = json!([
        {"type": "function", "function": {"name": "weather", "parameters": parameters}},
        {"type": "function", "function": {"name": "now"}}
    ]);
    for (seed, choice) in [
        (1, json!("required")),
        (2, json!("required")),
        (3, json!({"type": "function", "function": {"name": "weather"}})),
    ] {
        let members = json!({"tools": tools, "tool_choice": choice, "temperature": 1, "seed": seed, "max_completion_tokens": 200});
        let answer = chat(&server.address, &asking("How warm is it in Oslo?", members)).json();
        let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
        let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
        match call["name"].as_str().unwrap() {
            "weather" => {
                assert!(arguments["city"].is_string() && ["C", "F"].contains(&arguments["unit"].as_str().unwrap()))
            }
            other => assert_eq!((other, arguments), ("now", json!({}))),
        }
        assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    }
}

#[test]
fn a_stop_text_is_left_out_and_a_limit_is_a_limit() {
    let server = server();
    let answer = chat(&server.address, &asking(CAPITAL, json!({"stop": ["of Fr", "xyz"]}))).json();
    assert_eq!((said(&answer), &answer["choices"][0]["finish_reason"]), ("The capital ", &json!("stop")));
    let answer = chat(&server.address, &asking(CAPITAL, json!({"max_completion_tokens": 3}))).json();
    assert_eq!((said(&answer), &answer["choices"][0]["finish_reason"]), ("The capital of", &json!("length")));
    assert_eq!(answer["usage"]["completion_tokens"], 3);
}

#[test]
fn tokens_are_counted_as_the_tokenizer_counts_them() {
    use llama_cpp_2::llama_backend::LlamaBackend;
    use llama_cpp_2::model::{LlamaModel, params::LlamaModelParams};
    let server = server();
    let answer = chat(&server.address, &asking("Say: naïve café 😀 <|im_end|>", json!({"logprobs": true}))).json();
    let backend = LlamaBackend::init().unwrap();
    let model =
        LlamaModel::load_from_file(&backend, weights(), &LlamaModelParams::default().with_vocab_only(true)).unwrap();
    let count = |text: &str| model.vocab().tokenize(text.as_bytes(), false, true).len();
    // The mark inside the message is text: its first character stands apart from the rest.
    let before =
        count("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nSay: naïve café 😀 ");
    let literal = count("<") + count("|im_end|>");
    let prompt = before + literal + count("<|im_end|>\n<|im_start|>assistant\n");
    assert_eq!(answer["usage"]["prompt_tokens"], prompt);
    let told = answer["choices"][0]["logprobs"]["content"].as_array().unwrap().len();
    let ended = usize::from(answer["choices"][0]["finish_reason"] == "stop");
    assert_eq!(answer["usage"]["completion_tokens"], told + ended, "the token that ends the answer counts");
}

#[test]
fn what_was_read_before_is_not_read_again_and_changes_nothing() {
    let server = server();
    let long =
        "The ship left Bergen in May with forty sailors and a cargo of dried fish. ".repeat(12) + "What was the cargo?";
    let ask = || chat(&server.address, &asking(&long, json!({}))).json();
    let first = ask();
    let again = ask();
    assert_eq!(said(&again), said(&first));
    let (prompt, cached) = (&first["usage"]["prompt_tokens"], |answer: &Value| {
        answer["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap()
    });
    assert_eq!((cached(&first), cached(&again)), (0, prompt.as_u64().unwrap() - 1));
    // Another conversation in between leaves only the common beginning.
    chat(&server.address, &asking(CAPITAL, json!({})));
    let third = ask();
    assert_eq!(said(&third), said(&first));
    assert!((1..30).contains(&cached(&third)), "{}", third["usage"]);
}

#[test]
fn a_client_that_leaves_frees_the_model_and_the_queue_has_an_end() {
    let server = server();
    // No end of turn can come before 1,900 tokens: only digits fit.
    let schema = json!({"type": "string", "pattern": "^[0-9]{1900}$"});
    let endless = asking(
        "Digits.",
        json!({
            "stream": true, "max_completion_tokens": 1990,
            "response_format": {"type": "json_schema", "json_schema": {"name": "d", "schema": schema}}
        }),
    );
    let mut running = open(&server.address, "POST", "/v1/chat/completions", &endless.to_string());
    let mut some = [0_u8; 400];
    running.read_exact(&mut some).unwrap();
    let waiting = open(&server.address, "POST", "/v1/chat/completions", &endless.to_string());
    let refused = loop {
        let mut probe = open(&server.address, "POST", "/v1/chat/completions", &asking(CAPITAL, json!({})).to_string());
        probe.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut head = [0_u8; 300];
        if let Ok(read) = probe.read(&mut head) {
            break String::from_utf8_lossy(&head[..read]).into_owned();
        }
    };
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: "), "{refused}");
    drop((running, waiting));
    let answer = loop {
        let reply = chat(&server.address, &asking(CAPITAL, json!({})));
        if reply.status == 200 {
            break reply.json();
        }
    };
    assert_eq!(said(&answer), "The capital of France is Paris.");
}

#[test]
fn a_killed_server_comes_back_at_its_address_and_a_stopped_one_does_not() {
    let mut server = server();
    let pid = server.process.pid().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    while server.process.restarts() == 0 {
        std::thread::yield_now();
    }
    let back = server.process.wait_ready(Duration::from_secs(60)).unwrap();
    assert_eq!(back.address, server.address);
    assert_eq!(send(&server.address, "GET", "/healthz", "").status, 200);
    server.process.stop();
    assert!(std::net::TcpStream::connect(&server.address).is_err());
}
