//! The HTTP surface with a scripted model behind it: what clients see, whatever the model.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

mod client;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use client::{chat, open, send};
use serde_json::{Value, json};
use steersman_core::FinishReason;
use steersman_local::{ChatTemplate, Job, ModelFacts, Piece, Service, TokenLogprob, router, slots};

const TEMPLATE: &str =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n";

/// A server in front of a model that does what `script` says with each job.
fn serve(queue: usize, script: impl Fn(Job) + Send + 'static) -> String {
    let facts = ModelFacts {
        name: "tiny".to_owned(),
        context_tokens: 100,
        control_texts: vec!["<|im_start|>".to_owned(), "<|im_end|>".to_owned()],
        ..ModelFacts::default()
    };
    let template = ChatTemplate::new(Some(TEMPLATE), "", "").unwrap();
    let (slots, mut jobs) = slots(queue);
    thread::spawn(move || {
        while let Some(job) = jobs.next_wanted() {
            script(job);
            jobs.took(1500);
        }
    });
    let (told, address) = mpsc::channel::<SocketAddr>();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            told.send(listener.local_addr().unwrap()).unwrap();
            let service = Service { facts, template, slots, default_max_tokens: 16 };
            axum::serve(listener, router(service)).await.unwrap();
        });
    });
    address.recv().unwrap().to_string()
}

/// Answers each job with these texts, one a token.
fn saying(texts: &'static [&'static str]) -> impl Fn(Job) + Send + 'static {
    move |job| {
        tell(&job, Piece::Started { input_tokens: 11, cached_tokens: 4, unenforced: Vec::new() });
        for text in texts {
            let logprob = job.top_logprobs.map(|_| TokenLogprob {
                bytes: text.as_bytes().to_vec(),
                logprob: -0.5,
                top: Vec::new(),
            });
            tell(&job, Piece::Token { choice: 0, text: (*text).to_owned(), logprob });
        }
        let tokens = texts.len() as u64;
        tell(&job, Piece::Finished { choice: 0, reason: FinishReason::Stop, tokens });
        tell(&job, Piece::Done);
    }
}

fn tell(job: &Job, piece: Piece) {
    // A client that has gone is part of some tests.
    job.pieces.blocking_send(piece).unwrap_or_default();
}

fn hello() -> Value {
    json!({"model": "tiny", "messages": [{"role": "user", "content": "hi"}]})
}

fn with(mut request: Value, members: impl std::borrow::Borrow<Value>) -> Value {
    request.as_object_mut().unwrap().extend(members.borrow().as_object().unwrap().clone());
    request
}

#[test]
fn an_answer_has_the_shape_that_clients_of_the_api_expect() {
    let address = serve(1, saying(&["Hel", "lo"]));
    let mut answer = chat(&address, &hello()).json();
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-") && answer["created"].as_u64().unwrap() > 0);
    answer["id"] = Value::Null;
    answer["created"] = Value::Null;
    insta::assert_snapshot!(answer, @r#"{"id":null,"object":"chat.completion","created":null,"model":"tiny","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":2,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":4}}}"#);
}

#[test]
fn a_stream_says_the_same_and_ends_with_usage_if_asked() {
    let address = serve(1, saying(&["Hel", "lo"]));
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let reply = chat(&address, &with(hello(), options));
    assert!(reply.head.contains("content-type: text/event-stream"), "{}", reply.head);
    let chunks = reply.chunks();
    let said: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(said, "Hello");
    assert_eq!(chunks.last().unwrap()["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
    assert!(chunks.iter().any(|chunk| chunk["choices"][0]["finish_reason"] == "stop"));
}

#[test]
fn a_constrained_answer_is_labelled_whole_and_streamed() {
    let address = serve(1, |job| {
        let constraint = job.constraint.clone().unwrap();
        assert_eq!(constraint.schema, json!({"type": "object", "minProperties": 1}));
        let unenforced = vec!["minProperties".to_owned()];
        tell(&job, Piece::Started { input_tokens: 1, cached_tokens: 0, unenforced });
        tell(&job, Piece::Finished { choice: 0, reason: FinishReason::Stop, tokens: 0 });
        tell(&job, Piece::Done);
    });
    let schema = json!({"type": "object", "minProperties": 1});
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}});
    let label = json!({"constrained": true, "unenforced": ["minProperties"]});
    assert_eq!(chat(&address, &with(hello(), format.clone())).json()["steersman"], label);
    let streamed = chat(&address, &with(with(hello(), format), json!({"stream": true}))).chunks();
    assert_eq!(streamed[0]["steersman"], label);
}

#[test]
fn log_probabilities_come_with_each_token_or_all_at_once() {
    let address = serve(1, saying(&["a", "b"]));
    let whole = chat(&address, &with(hello(), json!({"logprobs": true}))).json();
    let tokens = whole["choices"][0]["logprobs"]["content"].as_array().unwrap().clone();
    assert_eq!(tokens.iter().map(|token| token["token"].as_str().unwrap()).collect::<String>(), "ab");
    assert_eq!(tokens[0], json!({"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}));
    let streamed = chat(&address, &with(hello(), json!({"logprobs": true, "stream": true}))).chunks();
    let told = streamed.iter().filter(|chunk| chunk["choices"][0]["logprobs"]["content"][0]["token"].is_string());
    assert_eq!(told.count(), 2);
}

#[test]
fn a_forced_tool_begins_its_call_in_the_prompt_and_streams_its_arguments() {
    let address = serve(1, |job| {
        assert!(job.prompt.text().ends_with("<tool_call>\n{\"name\": \"weather\", \"arguments\": "));
        saying(&["{\"city\"", ": \"Oslo\"}"])(job);
    });
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]);
    let choice = json!({"type": "function", "function": {"name": "weather"}});
    let answer = chat(&address, &with(hello(), json!({"tools": tools, "tool_choice": choice}))).json();
    let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(call, &json!({"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}));
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(answer["steersman"]["constrained"], true);
}

/// What a refused request is told: status, code, field.
fn refused(address: &str, body: &str) -> (u16, String, Value) {
    let reply = send(address, "POST", "/v1/chat/completions", body);
    let error = reply.json()["error"].clone();
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    (reply.status, error["code"].as_str().unwrap().to_owned(), error["param"].clone())
}

#[test]
fn what_cannot_be_done_is_refused_by_name_before_a_token_is_spent() {
    let address = serve(1, |_| panic!("no job should come"));
    let image = json!([{"type": "image_url", "image_url": {"url": "https://x.org/a.png"}}]);
    let schema = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}});
    let tool = json!([{"type": "function", "function": {"name": "a"}}]);
    for (members, status, code, param) in [
        (json!({"model": "other"}), 404, "model_not_found", "model"),
        (json!({"messages": [{"role": "user", "content": image}]}), 400, "unsupported", "messages[0].content"),
        (json!({"logit_bias": {"1": 2}}), 400, "unsupported", "logit_bias"),
        (json!({"n": 9}), 400, "invalid_request", "n"),
        (json!({"max_completion_tokens": 0}), 400, "invalid_request", "max_completion_tokens"),
        (json!({"top_logprobs": 2}), 400, "invalid_request", "top_logprobs"),
        (json!({"logprobs": true, "top_logprobs": 21}), 400, "invalid_request", "top_logprobs"),
        (json!({"frequency_penalty": 3}), 400, "invalid_request", "frequency_penalty"),
        (json!({"stop": [""]}), 400, "invalid_request", "stop"),
        (json!({"tool_choice": "required"}), 400, "invalid_request", "tools"),
        (
            json!({"tools": tool, "tool_choice": {"type": "function", "function": {"name": "b"}}}),
            400,
            "invalid_request",
            "tool_choice",
        ),
        (json!({"tools": tool, "response_format": schema}), 400, "unsupported", "response_format"),
    ] {
        let told = refused(&address, &with(hello(), members.clone()).to_string());
        assert_eq!(told, (status, code.to_owned(), json!(param)), "{members}");
    }
    assert_eq!(refused(&address, "{\"model\": ").1, "invalid_json");
    assert_eq!(send(&address, "GET", "/v1/nothing", "").status, 404);
    assert_eq!(send(&address, "GET", "/v1/chat/completions", "").status, 405);
}

#[test]
fn an_error_of_the_job_has_its_own_status_even_when_a_stream_was_asked_for() {
    let address = serve(1, |job| {
        tell(&job, Piece::Failed(steersman_local::JobError::PromptTooLong { tokens: 200, context_tokens: 100 }));
    });
    let told = refused(&address, &with(hello(), json!({"stream": true})).to_string());
    assert_eq!(told, (400, "invalid_request".to_owned(), json!("messages")));
}

#[test]
fn labels_and_advice_do_not_hinder_an_answer() {
    let address = serve(1, saying(&["ok"]));
    let labels = json!({"user": "u", "metadata": {"a": "b"}, "store": true, "service_tier": "auto", "max_tokens": 9, "logit_bias": null});
    assert_eq!(chat(&address, &with(hello(), labels)).status, 200);
}

#[test]
fn beyond_the_queue_clients_are_told_when_to_come_back_and_a_place_is_free_when_one_leaves() {
    let (taken_up, taken) = mpsc::channel();
    let (finish, may_finish) = mpsc::channel::<()>();
    let address = serve(1, move |job| {
        taken_up.send(()).unwrap();
        // A script that looks at its client between tokens, as the real one does.
        while !job.pieces.is_closed() && may_finish.try_recv().is_err() {
            thread::yield_now();
        }
        saying(&["ok"])(job);
    });
    let body = hello().to_string();
    let running = open(&address, "POST", "/v1/chat/completions", &body);
    taken.recv().unwrap();
    let waiting = open(&address, "POST", "/v1/chat/completions", &body);
    let refused = loop {
        // The waiting request may still be on its way in; until it is, this one would wait itself.
        let reply = probe(&address, &body);
        if let Some(reply) = reply {
            break reply;
        }
    };
    assert!(refused.contains(" 503 ") && refused.contains("retry-after: 1"), "{refused}");
    drop(running);
    taken.recv().unwrap();
    finish.send(()).unwrap();
    drop(waiting);
    let deadline = Instant::now() + Duration::from_secs(60);
    while chat_status(&address, &finish) != 200 {
        assert!(Instant::now() < deadline, "no place was free again within a minute");
        thread::yield_now();
    }
}

/// The head of the answer if it is a refusal; leaves otherwise.
fn probe(address: &str, body: &str) -> Option<String> {
    use std::io::Read;
    let mut stream = open(address, "POST", "/v1/chat/completions", body);
    stream.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
    let mut head = [0_u8; 512];
    let read = stream.read(&mut head).ok()?;
    Some(String::from_utf8_lossy(&head[..read]).into_owned())
}

fn chat_status(address: &str, finish: &mpsc::Sender<()>) -> u16 {
    finish.send(()).unwrap();
    chat(address, &hello()).status
}
