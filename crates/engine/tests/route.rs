//! Step 4 against scripted models: which one is asked, what it takes to be asked, and what always goes up.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

#[path = "route/filters.rs"]
mod filters;
mod house;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use house::Records;
use steersman_core::{
    BoxFuture, Price, RateCard, Rates, RequestId, RequestRecord, Upstream, UpstreamAnswer, UpstreamCall, UpstreamError,
    Usage, Usd,
};
use steersman_engine::{
    Backoff, Board, Catalog, Effort, Engine, Inbound, Limits, Provider, Reply, ReplyBody, RouteTask, Routes, Settings,
    Thought,
};
use steersman_routing::{
    Answered, FitPlan, Labelled, Method, Objective, ObjectivePlan, Phase, Policy, Router, Split, Traffic,
};
use steersman_wire::{Dialect, openai_chat};

/// A model that always says the same.
struct Says(&'static str);

impl Upstream for Says {
    fn call(&self, call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
        if call.stream {
            return Box::pin(async move { Ok(streamed(self.0)) });
        }
        let message = serde_json::json!({
            "id": "a", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": self.0 } }],
            "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 },
        });
        let body = futures_util::stream::iter([Ok(Bytes::from(message.to_string()))]);
        Box::pin(async move {
            Ok(UpstreamAnswer { status: 200, content_type: None, retry_after: None, body: Box::pin(body) })
        })
    }
}

/// A text in two pieces, with room for more until the reader has had enough of it.
fn streamed(text: &str) -> UpstreamAnswer {
    let chunk = |delta: serde_json::Value, finish: Option<&str>| {
        let choice = serde_json::json!({ "index": 0, "delta": delta, "finish_reason": finish });
        let chunk = serde_json::json!({ "id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] });
        Ok(Bytes::from(format!("data: {chunk}\n\n")))
    };
    let first = chunk(serde_json::json!({ "role": "assistant", "content": text }), None);
    let last = [chunk(serde_json::json!({}), Some("stop")), Ok(Bytes::from_static(b"data: [DONE]\n\n"))];
    // What reads the first piece alone sees that it came before the answer's end.
    let body = futures_util::stream::iter([first]).chain(futures_util::stream::iter(last));
    UpstreamAnswer { status: 200, content_type: None, retry_after: None, body: Box::pin(body) }
}

const SETTINGS: Settings = Settings {
    first_token: Duration::from_secs(5),
    idle: Duration::from_secs(2),
    total: Duration::from_secs(60),
    attempts: 3,
    backoff: Backoff { base: Duration::from_millis(1), max: Duration::from_millis(2) },
};

fn catalog(small: &'static str, big: &'static str) -> Catalog {
    priced_catalog(small, big, &RateCard::default())
}

fn provider(name: &str, rates: &RateCard, upstream: Arc<dyn Upstream>) -> Provider {
    Provider { rates: rates.clone(), ..Provider::new(name, &openai_chat::OpenAiChat, upstream) }
}

/// The same, with what the models cost.
fn priced_catalog(small: &'static str, big: &'static str, rates: &RateCard) -> Catalog {
    let mut catalog = Catalog::default();
    for (name, says) in [("small", small), ("big", big)] {
        catalog.add_provider(provider(name, rates, Arc::new(Says(says))), [name.to_owned()]);
    }
    catalog
}

fn inbound(number: u8, body: &serde_json::Value) -> Inbound {
    let id = RequestId::from_parts(1, [number; 10]);
    Inbound::new(id, 1_000_000, &openai_chat::OpenAiChat, Bytes::from(body.to_string()))
}

async fn ask(engine: &Engine, number: u8, body: serde_json::Value) -> Reply {
    engine.serve(inbound(number, &body)).await
}

fn header<'r>(reply: &'r Reply, name: &str) -> &'r str {
    reply.headers.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

const WORDS: [&str; 8] = ["where", "is", "my", "parcel", "refund", "late", "order", "please"];

fn question(number: usize) -> String {
    (0..6).map(|place| WORDS[(number * 7 + place * place + number / 3) % WORDS.len()]).collect::<Vec<_>>().join(" ")
}

/// An objective after so many requests on which both models were right.
fn objective(labels: usize) -> Objective {
    let plan = ObjectivePlan {
        reference: "big".to_owned(),
        candidates: vec!["small".to_owned()],
        floor: 0.9,
        confidence: 0.95,
    };
    let mut objective = Objective::new(plan, None);
    for number in 0..labels {
        let arm = |nanos| Answered {
            quality: Some(1.0),
            cost: Some(Usd::from_nanos(nanos)),
            answer: Some(7),
            valid: Some(true),
            latency_ms: Some(100.0),
            reasoning_tokens: None,
            likelihood: None,
            judged: None,
        };
        let arms = vec![("small".to_owned(), arm(10)), ("big".to_owned(), arm(1_000))];
        objective.label(&Labelled { text: question(number), arms });
    }
    objective
}

/// A gateway whose task `t` has this objective.
fn house(labels: usize, small: &'static str, deadline: Option<Duration>) -> (Engine, Arc<Records>) {
    house_with(labels, small, deadline, Vec::new())
}

/// The same, with what its models can take.
fn house_with(
    labels: usize,
    small: &'static str,
    deadline: Option<Duration>,
    limits: Vec<Limits>,
) -> (Engine, Arc<Records>) {
    let (engine, records, _) = house_of(labels, catalog(small, "from the big one"), deadline, limits);
    (engine, records)
}

/// A gateway with these models, and the board that its task reads.
fn house_of(
    labels: usize,
    catalog: Catalog,
    deadline: Option<Duration>,
    limits: Vec<Limits>,
) -> (Engine, Arc<Records>, Arc<Board>) {
    let board = Arc::new(Board::default());
    board.post(objective(labels).policy());
    let posted = Arc::clone(&board);
    let arms = ["small", "big"].map(|name| (name.to_owned(), catalog.candidate(name).ok().unwrap())).into();
    let task = RouteTask { board, arms, answer: None, deadline, likelihood: false, limits };
    let mut catalog = catalog;
    catalog.add_task("t", vec!["big".to_owned()]);
    let records = Arc::new(Records::default());
    let engine = Engine::new(catalog, SETTINGS, Arc::clone(&records) as _);
    (engine.with_routes(Routes::new([("t".to_owned(), task)].into())), records, posted)
}

#[tokio::test]
async fn a_session_stays_with_the_reference_unless_the_saving_beats_its_prompt_cache() {
    let said = |role: &str, text: String| serde_json::json!({ "role": role, "content": text });
    let long = format!("{} {}", question(1), "word ".repeat(1_500));
    let opening = serde_json::json!({ "model": "task/t", "messages": [said("user", long.clone())] });
    let next = serde_json::json!({ "model": "task/t", "messages": [
        said("user", long), said("assistant", "yes".to_owned()), said("user", question(2)),
    ] });
    let request = openai_chat::OpenAiChat.decode_request(opening.to_string().as_bytes()).unwrap();
    // The reference reads a cached token for a tenth; the small model costs a fifth of it, or a twentieth. A prompt of
    // a few hundred tokens is in no cache.
    for (small, tokens, stays) in [(2, 1_500, true), (2, 500, false), (0, 1_500, false)] {
        let price = |millions: u64| Price::from_picos(millions * 1_000_000 + 500_000);
        let rates = |input, cache_read| Rates { cache_read, ..Rates::flat(input, input) };
        let rates =
            [("small".to_owned(), rates(price(small), None)), ("big".to_owned(), rates(price(10), Some(price(1))))];
        let catalog = priced_catalog("from the small one", "from the big one", &rates.into());
        let (engine, records, board) = house_of(600, catalog, None, Vec::new());
        let usage = Usage { input_tokens: Some(tokens), output_tokens: Some(2), ..Usage::default() };
        board.answered_by_reference(&request.messages, usage, opening.to_string().len());
        let mut reasons = String::new();
        for number in 0..10 {
            reasons.push_str(header(&ask(&engine, number, next.clone()).await, "x-steersman-route"));
        }
        assert_eq!(reasons.contains("the session stays"), stays, "{reasons}");
        let records = records.0.lock().unwrap();
        let left = records.iter().filter(|record| record.attempts[0].provider.as_str() == "small").count();
        assert_eq!(left == 0, stays, "{left} of 10 left at {small}");
    }
}

#[tokio::test]
async fn what_a_candidate_cannot_take_goes_up_and_the_reason_names_it() {
    let mut asked = routed(&question(1));
    asked["messages"][0]["content"] = serde_json::json!([
        { "type": "text", "text": question(1) },
        { "type": "image_url", "image_url": { "url": "https://example.com/a.png" } },
    ]);
    let with_tools = serde_json::json!({
        "model": "task/t", "messages": [{ "role": "user", "content": question(1) }],
        "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }],
    });
    let long = routed(&format!("{} {}", question(1), "word ".repeat(2_000)));
    let cases = [
        (asked, "`small` reads no images"),
        (with_tools, "`small` calls no tools"),
        (long, "`small` holds 2000 tokens"),
    ];
    for (body, reason) in cases {
        let limits = Limits { context_tokens: Some(2_000), images: Some(false), tools: Some(false) };
        let (engine, _) = house_with(600, "from the small one", None, vec![limits]);
        let reply = ask(&engine, 1, body).await;
        assert_eq!(header(&reply, "x-steersman-model"), "big/big");
        assert!(header(&reply, "x-steersman-route").contains(reason), "{:?}", reply.headers);
    }
}

fn routed(text: &str) -> serde_json::Value {
    serde_json::json!({ "model": "task/t", "messages": [{ "role": "user", "content": text }] })
}

#[tokio::test]
async fn everything_goes_to_the_reference_until_the_floor_is_proved() {
    for labels in [0, 60, 130] {
        let (engine, _) = house(labels, "from the small one", None);
        let reply = ask(&engine, 1, routed(&question(3))).await;
        assert_eq!(header(&reply, "x-steersman-model"), "big/big", "after {labels} labels");
    }
}

#[tokio::test]
async fn a_proved_floor_sends_requests_down_and_the_record_says_why() {
    assert_eq!(objective(600).policy().phase, Phase::Armed);
    let (engine, records) = house(600, "from the small one", None);
    for number in 0..20 {
        let reply = ask(&engine, number, routed(&question(usize::from(number)))).await;
        assert!(header(&reply, "x-steersman-route").starts_with("armed; rung "), "{:?}", reply.headers);
    }
    let records = records.0.lock().unwrap();
    let small = records.iter().filter(|record| record.attempts[0].provider.as_str() == "small").count();
    assert!(small >= 15, "{small} of 20");
    let note = records.iter().flat_map(|record| &record.notes).find(|note| note.room == "route").unwrap();
    for member in ["propensity", "policy", "rung", "reason", "chance_of_being_right", "steps", "signals", "served"] {
        assert!(note.content.contains(member), "{}", note.content);
    }
}

#[tokio::test]
async fn an_empty_answer_of_a_candidate_goes_up_before_anything_is_released() {
    let (engine, records) = house(600, "", None);
    for number in 0..20 {
        let reply = ask(&engine, number, routed(&question(usize::from(number)))).await;
        assert_eq!((reply.status, header(&reply, "x-steersman-model")), (200, "big/big"));
        let ReplyBody::Whole(body) = reply.body else { panic!("not streamed") };
        assert!(String::from_utf8_lossy(&body).contains("from the big one"));
    }
    let records = records.0.lock().unwrap();
    let escalated: Vec<_> = records.iter().filter(|record| record.attempts.len() == 2).collect();
    assert!(escalated.len() >= 15, "{} of 20 asked the small model first", escalated.len());
    // The label of such a request is made from what is on its record: no arm is asked twice.
    for record in escalated {
        assert!(record.attempts[0].response_body.as_ref().is_some_and(|body| body.starts_with(b"{")));
        let note = record.notes.iter().find(|note| note.room == "route").unwrap();
        let note: serde_json::Value = serde_json::from_str(&note.content).unwrap();
        assert_eq!(note["served"]["asked"], serde_json::json!(["small", "big"]), "{note}");
        assert!(note["served"]["propensity"].as_f64().is_some_and(|chance| chance > 0.0), "{note}");
    }
}

#[tokio::test]
async fn a_deadline_and_a_model_that_the_client_names_keep_a_request_up() {
    let (engine, _) = house(600, "from the small one", Some(Duration::from_millis(50)));
    let reply = ask(&engine, 1, routed(&question(1))).await;
    assert_eq!(header(&reply, "x-steersman-model"), "big/big");
    assert!(header(&reply, "x-steersman-route").contains("deadline"));
    let mut pinned = routed(&question(1));
    pinned["model"] = "big".into();
    let (engine, _) = house(600, "from the small one", None);
    let reply = ask(&engine, 1, pinned).await;
    assert_eq!((header(&reply, "x-steersman-model"), header(&reply, "x-steersman-route")), ("big/big", ""));
}

/// A model that keeps what it was asked, and thinks until its limit.
#[derive(Default)]
struct Thinks(Mutex<Vec<Bytes>>);

impl Upstream for Thinks {
    fn call(&self, call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
        self.0.lock().unwrap().push(call.body);
        let usage = "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":50,\"total_tokens\":51,\"completion_tokens_details\":{\"reasoning_tokens\":50}}";
        let text = if call.stream {
            format!(
                "data: {{\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"\"}},\"finish_reason\":null}}]}}\n\n\
                 data: {{\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"length\"}}],{usage}}}\n\ndata: [DONE]\n\n"
            )
        } else {
            format!(
                "{{\"id\":\"a\",\"object\":\"chat.completion\",\"choices\":[{{\"index\":0,\"finish_reason\":\"length\",\"message\":{{\"role\":\"assistant\",\"content\":\"\"}}}}],{usage}}}"
            )
        };
        let body = futures_util::stream::iter([Ok(Bytes::from(text))]);
        Box::pin(async move {
            Ok(UpstreamAnswer { status: 200, content_type: None, retry_after: None, body: Box::pin(body) })
        })
    }
}

#[tokio::test]
async fn an_effort_goes_into_the_request_and_thinking_that_leaves_no_answer_is_an_error() {
    let model = Arc::new(Thinks::default());
    let mut catalog = Catalog::default();
    let provider = provider("p", &RateCard::default(), Arc::clone(&model) as _);
    catalog.add_provider(provider, ["o".to_owned()]);
    catalog.add_model("o-high", "p", "o");
    let thought = Thought { effort: Some(Effort::Level("high".into())), max_output_tokens: Some(50) };
    assert!(catalog.set_thought("o-high", thought) && !catalog.set_thought("nobody", Thought::default()));
    let records = Arc::new(Records::default());
    let engine = Engine::new(catalog, SETTINGS, Arc::clone(&records) as _);
    let body = |stream: bool| serde_json::json!({ "model": "o-high", "stream": stream, "max_completion_tokens": 9_000, "messages": [{ "role": "user", "content": "why?" }] });
    let whole = ask(&engine, 1, body(false)).await;
    assert_eq!((whole.status, header(&whole, "x-steersman-code")), (422, "output_starved"));
    let sent: serde_json::Value = serde_json::from_slice(&model.0.lock().unwrap()[0]).unwrap();
    assert_eq!((&sent["model"], &sent["reasoning_effort"]), (&"o".into(), &"high".into()));
    assert_eq!(sent["max_completion_tokens"], 50);
    let ReplyBody::Stream(frames) = ask(&engine, 2, body(true)).await.body else { panic!("streamed") };
    let said: Vec<Bytes> = frames.collect().await;
    assert!(String::from_utf8_lossy(&said.concat()).contains("output_starved"));
    let records = records.0.lock().unwrap();
    assert!(records.iter().all(|record| record.usage.reasoning_tokens.is_some_and(|tokens| tokens >= 50)));
    assert!(records.iter().all(|record| record.code.is_some_and(|code| code.name == "output_starved")));
}

/// The loop from a failed validation to the next model, and what is left when it is cut.
#[tokio::test]
async fn an_answer_that_breaks_its_form_escalates_and_without_the_loop_it_is_refused() {
    let body = || {
        serde_json::json!({
            "model": "task/t", "messages": [{ "role": "user", "content": "which category?" }],
            "response_format": { "type": "json_schema", "json_schema": { "name": "c", "schema": {
                "type": "object", "required": ["category"], "properties": { "category": { "enum": ["a", "b"] } },
            } } },
        })
    };
    let engine = || {
        let mut catalog = catalog("no idea", "{\"category\":\"a\"}");
        catalog.add_task("t", vec!["small".to_owned(), "big".to_owned()]);
        Engine::new(catalog, SETTINGS, Arc::new(Records::default()))
    };
    let reply = ask(&engine(), 1, body()).await;
    assert_eq!((reply.status, header(&reply, "x-steersman-model")), (200, "big/big"));
    let cut = ask(&engine().without_escalation(), 1, body()).await;
    assert_eq!((cut.status, header(&cut, "x-steersman-code")), (422, "output_rejected"));
}

/// A model that tells the likelihood of its answer, if it is asked to and able to.
struct Tells {
    asked: Mutex<Vec<Bytes>>,
    able: bool,
}

impl Upstream for Tells {
    fn call(&self, call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
        let asks = String::from_utf8_lossy(&call.body).contains("\"logprobs\":true") && self.able;
        self.asked.lock().unwrap().push(call.body);
        let tokens = serde_json::json!({ "content": [{ "token": "small", "logprob": -0.125, "top_logprobs": [] }] });
        let message = serde_json::json!({
            "id": "a", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop", "logprobs": if asks { tokens } else { serde_json::Value::Null },
                "message": { "role": "assistant", "content": "from the small one" } }],
            "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 },
        });
        let body = futures_util::stream::iter([Ok(Bytes::from(message.to_string()))]);
        Box::pin(async move {
            Ok(UpstreamAnswer { status: 200, content_type: None, retry_after: None, body: Box::pin(body) })
        })
    }
}

/// A policy that looks at answers, proved on answers that told their likelihood.
fn cascade() -> Policy {
    fitted(Method::Cascade)
}

fn fitted(method: Method) -> Policy {
    let cell = |nanos| Answered {
        quality: Some(1.0),
        cost: Some(Usd::from_nanos(nanos)),
        answer: Some(7),
        valid: Some(true),
        likelihood: Some(-0.125),
        ..Answered::default()
    };
    let arms = vec![("small".to_owned(), cell(10)), ("big".to_owned(), cell(1_000))];
    let mut traffic = Traffic::default();
    (0..100).for_each(|number| traffic.push(&question(number), "", Split::Train, &arms));
    let rows: Vec<usize> = (0..100).collect();
    let fit = FitPlan { method: Some(method), floor: Some(0.9), ..FitPlan::default() };
    let router = Router::fit(&traffic, &[0], 1, &rows, fit).unwrap().router;
    let candidates = vec!["small".to_owned()];
    let plan = ObjectivePlan { reference: "big".to_owned(), candidates, floor: 0.9, confidence: 0.95 };
    let mut objective = Objective::new(plan, Some(router));
    (0..250).for_each(|number| objective.label(&Labelled { text: question(number), arms: arms.clone() }));
    objective.policy()
}

/// A cap of tokens is an effort like any other: an arm has it, a dialect without caps writes the nearest word, and a
/// client that wanted another effort is told.
#[tokio::test]
async fn a_cap_of_tokens_is_an_effort_and_what_became_of_it_is_said() {
    let model = Arc::new(Tells { asked: Mutex::default(), able: false });
    let mut catalog = Catalog::default();
    let provider = provider("p", &RateCard::default(), Arc::clone(&model) as _);
    catalog.add_provider(provider, ["o3".to_owned()]);
    catalog.add_model("o-capped", "p", "o3");
    let thought = Thought { effort: Some(Effort::Tokens(2_048)), max_output_tokens: None };
    assert!(catalog.set_thought("o-capped", thought));
    let engine = Engine::new(catalog, SETTINGS, Arc::new(Records::default()) as _);
    let ask_for = |number, members: serde_json::Value| {
        let mut body = serde_json::json!({ "model": "o-capped", "messages": [{ "role": "user", "content": "why?" }] });
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        ask(&engine, number, body)
    };
    let silent = ask_for(1, serde_json::json!({})).await;
    let said = header(&silent, "x-steersman-losses");
    assert!(said.contains("max_reasoning_tokens") && !said.contains("reasoning_effort"), "{said}");
    let other = ask_for(2, serde_json::json!({ "reasoning_effort": "high", "thinking_budget": 9 })).await;
    assert!(header(&other, "x-steersman-losses").contains("reasoning_effort"), "it is overruled");
    for sent in model.asked.lock().unwrap().iter() {
        let sent: serde_json::Value = serde_json::from_slice(sent).unwrap();
        assert_eq!((&sent["reasoning_effort"], sent.get("thinking_budget")), (&"low".into(), None), "{sent}");
    }
}

#[tokio::test]
async fn likelihood_is_asked_for_weighed_and_kept_from_a_client_that_did_not_ask() {
    let policy = cascade();
    for able in [true, false] {
        let small = Arc::new(Tells { asked: Mutex::default(), able });
        let mut catalog = catalog("", "from the big one");
        let provider = provider("telling", &RateCard::default(), Arc::clone(&small) as _);
        catalog.add_provider(provider, ["told".to_owned()]);
        let board = Arc::new(Board::default());
        board.post(policy.clone());
        let arms = [("small", "told"), ("big", "big")];
        let arms = arms.map(|(name, model)| (name.to_owned(), catalog.candidate(model).ok().unwrap())).into();
        let task = RouteTask { board, arms, answer: None, deadline: None, likelihood: true, limits: Vec::new() };
        catalog.add_task("t", vec!["big".to_owned()]);
        let kept = Arc::new(Records::default());
        let engine = Engine::new(catalog, SETTINGS, Arc::clone(&kept) as _);
        let engine = engine.with_routes(Routes::new([("t".to_owned(), task)].into()));
        let mut said = String::new();
        for number in 0..10 {
            let ReplyBody::Whole(body) = ask(&engine, number, routed(&question(1))).await.body else { panic!("whole") };
            said.push_str(&String::from_utf8_lossy(&body));
        }
        let asked = std::mem::take(&mut *small.asked.lock().unwrap());
        assert!(!asked.is_empty() && asked.iter().all(|body| body.ends_with(b"\"logprobs\":true}")), "{asked:?}");
        assert!(!said.contains("-0.125"), "{said}");
        // What should tell and does not is not accepted.
        assert_eq!(said.contains("from the small one"), able, "{said}");
        let records = std::mem::take(&mut *kept.0.lock().unwrap());
        let notes = records.iter().flat_map(|record| &record.notes).filter(|note| note.room == "route");
        let told = notes.filter(|note| note.content.contains("token likelihood") && note.content.contains("-0.125"));
        assert_eq!(told.count() > 0, able);
        let mut streamed = routed(&question(1));
        streamed["stream"] = true.into();
        let ReplyBody::Stream(frames) = ask(&engine, 50, streamed).await.body else { panic!("streamed") };
        frames.collect::<Vec<_>>().await;
        let records = kept.0.lock().unwrap();
        let notes = &records.last().unwrap().notes;
        let note = notes.iter().find(|note| note.room == "route").unwrap();
        assert!(note.content.contains("tells no likelihood"), "{}", note.content);
    }
}

fn note(record: &RequestRecord, room: &str) -> serde_json::Value {
    let note = record.notes.iter().find(|note| note.room == room).unwrap_or_else(|| panic!("no note of `{room}`"));
    serde_json::from_str(&note.content).unwrap()
}

#[tokio::test]
async fn a_stream_is_held_until_it_is_weighed_or_decided_from_the_prompt_alone_by_a_policy_of_its_own() {
    let mut body = routed(&question(1));
    body["stream"] = true.into();
    for (streams, pieces, said) in
        [(None, 1, "held back"), (Some(Arc::new(fitted(Method::PromptOnly))), 2, "first token")]
    {
        let (engine, records, board) = house_of(0, catalog("from the small one", "from the big one"), None, Vec::new());
        board.post(Policy { streams: streams.clone(), ..cascade() });
        let (mut small, mut flowed) = (0, 0);
        for number in 0..20 {
            let reply = ask(&engine, number, body.clone()).await;
            if header(&reply, "x-steersman-model") == "small/small" {
                small += 1;
                let ReplyBody::Stream(frames) = reply.body else { panic!("streamed") };
                let frames: Vec<Bytes> = frames.collect().await;
                // Held: all of it at once. Decided before: as it comes.
                let with_text =
                    frames.iter().position(|frame| String::from_utf8_lossy(frame).contains("from the small one"));
                let with_end = frames.iter().position(|frame| String::from_utf8_lossy(frame).contains("[DONE]"));
                flowed += usize::from(with_text < with_end);
            } else if let ReplyBody::Stream(frames) = reply.body {
                frames.collect::<Vec<_>>().await;
            }
        }
        assert!(small >= 10, "{small} of 20 went down");
        assert_eq!(flowed, if pieces == 2 { small } else { 0 });
        let records = std::mem::take(&mut *records.0.lock().unwrap());
        let noted = note(&records[0], "route");
        assert!(noted["stream"].as_str().is_some_and(|how| how.contains(said)), "{noted}");
        let version = streams.map_or_else(|| cascade().version, |policy| policy.version.clone());
        assert_eq!(noted["policy"], version.as_str());
    }
}
