//! The pipeline against scripted transcripts: what a provider sends, what the client receives, what the record says.
//!
//! The upstream here is the seam's other side: bytes at stated times, on a paused clock.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod house;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use house::Records;
use steersman_core::{
    BoxFuture, Code, OutcomeKind, Price, Rates, RequestId, RequestRecord, Upstream, UpstreamAnswer, UpstreamCall,
    UpstreamError, Usd,
};
use steersman_engine::{Backoff, Catalog, Engine, Inbound, Provider, Reply, ReplyBody, Settings};
use steersman_wire::{Dialect, anthropic, openai_chat};

/// One thing that the scripted provider does with its body.
#[derive(Clone)]
enum Act {
    Say(&'static str),
    Wait(u64),
    Break,
}

/// One answer of the scripted provider.
#[derive(Clone)]
enum Scripted {
    Answer { status: u16, retry_after_s: Option<u64>, acts: Vec<Act> },
    NoConnection,
}

fn ok(acts: &[Act]) -> Scripted {
    Scripted::Answer { status: 200, retry_after_s: None, acts: acts.to_vec() }
}

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Scripted>>,
    calls: Mutex<Vec<UpstreamCall>>,
}

impl Upstream for Script {
    fn call(&self, call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
        self.calls.lock().unwrap().push(call);
        let next = self.answers.lock().unwrap().pop_front().expect("the script has an answer for each call");
        Box::pin(async move {
            match next {
                Scripted::NoConnection => {
                    Err(UpstreamError::Connect { host: "provider.test".into(), cause: "refused".into() })
                }
                Scripted::Answer { status, retry_after_s, acts } => {
                    let body = futures_util::stream::iter(acts).filter_map(|act| async move {
                        match act {
                            Act::Say(text) => Some(Ok(Bytes::from_static(text.as_bytes()))),
                            Act::Break => Some(Err(UpstreamError::Broken("reset".into()))),
                            Act::Wait(ms) => {
                                tokio::time::sleep(Duration::from_millis(ms)).await;
                                None
                            }
                        }
                    });
                    let retry_after = retry_after_s.map(Duration::from_secs);
                    Ok(UpstreamAnswer { status, content_type: None, retry_after, body: Box::pin(body) })
                }
            }
        })
    }
}

const SETTINGS: Settings = Settings {
    first_token: Duration::from_secs(5),
    idle: Duration::from_secs(2),
    total: Duration::from_secs(60),
    attempts: 3,
    backoff: Backoff { base: Duration::from_millis(100), max: Duration::from_secs(4) },
};

struct House {
    engine: Engine,
    script: Arc<Script>,
    records: Arc<Records>,
}

impl House {
    fn new(dialect: &'static dyn Dialect, answers: Vec<Scripted>) -> Self {
        let script = Arc::new(Script { answers: Mutex::new(answers.into()), calls: Mutex::default() });
        let dollar = Price::from_usd_per_million(1.0).unwrap();
        let rates = Rates::flat(dollar, dollar);
        let provider = Provider {
            rates: [("m".to_owned(), rates)].into(),
            ..Provider::new("p", dialect, Arc::clone(&script) as _)
        };
        let mut catalog = Catalog::default();
        catalog.add_provider(provider, ["m".to_owned()]);
        let records = Arc::new(Records::default());
        Self { engine: Engine::new(catalog, SETTINGS, Arc::clone(&records) as _), script, records }
    }

    async fn ask(&self, body: &'static str) -> Reply {
        self.engine
            .serve(Inbound::new(
                RequestId::from_parts(1, [7; 10]),
                1_000_000,
                &openai_chat::OpenAiChat,
                Bytes::from_static(body.as_bytes()),
            ))
            .await
    }

    fn only_record(&self) -> RequestRecord {
        let records = self.records.0.lock().unwrap();
        assert_eq!(records.len(), 1, "each request is recorded exactly once");
        records[0].clone()
    }

    fn sent(&self, index: usize) -> String {
        String::from_utf8(self.script.calls.lock().unwrap()[index].body.to_vec()).unwrap()
    }
}

async fn text(reply: Reply) -> String {
    let bytes = match reply.body {
        ReplyBody::Whole(bytes) => bytes.to_vec(),
        ReplyBody::Stream(stream) => stream.collect::<Vec<_>>().await.concat(),
        ReplyBody::Raw(_) => panic!("a call that is passed through"),
    };
    String::from_utf8(bytes).unwrap()
}

const WHOLE: &str = r#"{"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12},"new_field":1.0e0}"#;
const HELLO: &str =
    "data: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
const STOP: &str =
    "data: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":12}}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hello"}],"odd": 1.50}"#;
const ASK_SHORT: &str = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#;
const ASK_STREAMED: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;

#[tokio::test(start_paused = true)]
async fn an_answer_in_the_same_dialect_passes_untouched_and_is_priced() {
    let house = House::new(&openai_chat::OpenAiChat, vec![ok(&[Act::Say(WHOLE)])]);
    let reply = house.ask(ASK).await;
    assert_eq!(reply.status, 200);
    assert_eq!(text(reply).await, WHOLE);
    assert_eq!(house.sent(0), ASK, "the request is not rebuilt");
    let record = house.only_record();
    assert_eq!(record.outcome, OutcomeKind::Accepted);
    assert_eq!(record.cost, Some(Usd::from_nanos(12_000)));
    assert!(record.task.as_str().starts_with("auto/"));
    assert!(record.attempts[0].request_body.is_none(), "an unchanged body is kept once");
}

#[tokio::test(start_paused = true)]
async fn usage_is_asked_for_behind_the_clients_back_and_not_shown_to_it() {
    let house = House::new(
        &openai_chat::OpenAiChat,
        vec![ok(&[Act::Say(HELLO), Act::Say(STOP), Act::Say(USAGE), Act::Say(DONE)])],
    );
    let reply = house.ask(ASK_STREAMED).await;
    assert_eq!(text(reply).await, [HELLO, STOP, DONE].concat());
    assert!(house.sent(0).contains(r#""stream_options":{"include_usage":true}"#));
    let record = house.only_record();
    assert_eq!(record.usage.input_tokens, Some(10));
    assert_eq!(record.outcome, OutcomeKind::Accepted);
    assert_eq!(record.response_body, [HELLO, STOP, DONE].concat().as_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_first_byte_is_tried_again() {
    let busy = Scripted::Answer {
        status: 429,
        retry_after_s: Some(2),
        acts: vec![Act::Say(r#"{"error":{"message":"slow down"}}"#)],
    };
    let house = House::new(&openai_chat::OpenAiChat, vec![Scripted::NoConnection, busy, ok(&[Act::Say(WHOLE)])]);
    let before = tokio::time::Instant::now();
    assert_eq!(house.ask(ASK).await.status, 200);
    assert!(before.elapsed() >= Duration::from_secs(2), "the provider's wish is honoured");
    let codes: Vec<_> = house.only_record().attempts.iter().map(|attempt| attempt.code).collect();
    assert_eq!(codes, [Some(Code::UPSTREAM_UNREACHABLE), Some(Code::RATE_LIMITED), None]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_google_asks_for_in_the_body_is_honoured_in_every_dialect_it_serves() {
    let answers: [(&'static dyn Dialect, &str); 2] = [
        (&openai_chat::OpenAiChat, WHOLE),
        (
            &steersman_wire::gemini::Gemini,
            r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hello"}]},"finishReason":"STOP"}]}"#,
        ),
    ];
    let short = r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"2.5s"}]}}"#;
    let long = r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"600.2s"}]}}"#;
    let ask = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
    let busy = |body| Scripted::Answer { status: 429, retry_after_s: None, acts: vec![Act::Say(body)] };
    for (dialect, answer) in answers {
        let house = House::new(dialect, vec![busy(short), ok(&[Act::Say(answer)])]);
        let before = tokio::time::Instant::now();
        assert_eq!(house.ask(ask).await.status, 200, "{}", dialect.name());
        assert!(before.elapsed() >= Duration::from_millis(2_500), "{}: {:?}", dialect.name(), before.elapsed());
        let house = House::new(dialect, vec![busy(long)]);
        let reply = house.ask(ask).await;
        let told = reply.headers.iter().find(|(name, _)| *name == "retry-after").map(|(_, value)| value.as_str());
        assert_eq!((reply.status, told), (429, Some("601")), "longer than the gateway waits: the client hears of it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_asks_for_a_long_wait_is_not_waited_for() {
    let busy = Scripted::Answer {
        status: 429,
        retry_after_s: Some(600),
        acts: vec![Act::Say(r#"{"error":{"message":"slow down","type":"requests"}}"#)],
    };
    let house = House::new(&openai_chat::OpenAiChat, vec![busy]);
    let reply = house.ask(ASK).await;
    assert_eq!(reply.status, 429);
    assert!(reply.headers.contains(&("retry-after", "600".to_owned())));
    assert_eq!(
        text(reply).await,
        r#"{"error":{"message":"slow down","type":"requests"}}"#,
        "its own words are handed on"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cut_before_the_first_frame_is_tried_again_and_one_after_it_never() {
    let house = House::new(
        &openai_chat::OpenAiChat,
        vec![ok(&[Act::Say("data: {\"id\""), Act::Break]), ok(&[Act::Say(HELLO), Act::Break])],
    );
    let said = text(house.ask(ASK_STREAMED).await).await;
    assert!(said.starts_with(HELLO) && said.contains("upstream_cut") && !said.contains("[DONE]"), "{said}");
    let record = house.only_record();
    assert_eq!((record.attempts.len(), record.outcome), (2, OutcomeKind::Failed));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_without_its_end_marker_is_cut() {
    let house = House::new(&openai_chat::OpenAiChat, vec![ok(&[Act::Say(HELLO)])]);
    assert!(text(house.ask(ASK_STREAMED).await).await.contains("upstream_cut"));
    assert_eq!(house.only_record().code, Some(Code::UPSTREAM_CUT));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_begin_as_its_dialect_does_is_tried_again() {
    let garbage = ok(&[Act::Say("data: <html>busy</html>\n\n"), Act::Say(DONE)]);
    let house =
        House::new(&openai_chat::OpenAiChat, vec![garbage, ok(&[Act::Say(HELLO), Act::Say(STOP), Act::Say(DONE)])]);
    assert_eq!(text(house.ask(ASK_STREAMED).await).await, [HELLO, STOP, DONE].concat());
    assert_eq!(house.only_record().attempts[0].code, Some(Code::UPSTREAM_MALFORMED));
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_a_time_out_and_names_which() {
    let house = House::new(&openai_chat::OpenAiChat, vec![ok(&[Act::Say(HELLO), Act::Wait(60_000), Act::Say(DONE)])]);
    let began = tokio::time::Instant::now();
    let said = text(house.ask(ASK_STREAMED).await).await;
    assert!(said.contains("upstream_timeout") && said.contains("idle"), "{said}");
    assert_eq!(house.only_record().code, Some(Code::UPSTREAM_TIMEOUT));
    assert_eq!(began.elapsed(), SETTINGS.idle, "a provider that stalled is left, not waited for again");
}

#[tokio::test(start_paused = true)]
async fn comments_alone_are_no_first_token() {
    let drip = [Act::Say(": working\n\n"), Act::Wait(3_000)];
    let house = House::new(
        &openai_chat::OpenAiChat,
        vec![
            ok(&[&drip[..], &drip, &drip, &[Act::Say(HELLO)]].concat()),
            ok(&[Act::Say(HELLO), Act::Say(STOP), Act::Say(DONE)]),
        ],
    );
    assert!(text(house.ask(ASK_STREAMED).await).await.ends_with(DONE));
    let record = house.only_record();
    assert_eq!(record.attempts.len(), 2);
    assert_eq!(record.attempts[0].code, Some(Code::UPSTREAM_TIMEOUT));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_recorded_with_the_attempt_under_way() {
    let house = House::new(
        &openai_chat::OpenAiChat,
        vec![ok(&[Act::Say(HELLO), Act::Wait(1_000), Act::Say(STOP), Act::Say(DONE)])],
    );
    let ReplyBody::Stream(mut stream) = house.ask(ASK_STREAMED).await.body else { panic!("a stream was asked for") };
    assert_eq!(stream.next().await.unwrap(), HELLO);
    drop(stream);
    let record = house.only_record();
    assert_eq!((record.outcome, record.code), (OutcomeKind::Cancelled, Some(Code::CLIENT_GONE)));
    assert_eq!(record.attempts.len(), 1);
    assert_eq!(record.cost, None, "what was not reported is unknown, not free");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_after_the_end_marker_has_its_answer() {
    let house = House::new(
        &openai_chat::OpenAiChat,
        vec![ok(&[Act::Say(HELLO), Act::Say(STOP), Act::Say(USAGE), Act::Say(DONE), Act::Wait(9_000)])],
    );
    let ReplyBody::Stream(mut stream) = house.ask(ASK_STREAMED).await.body else { panic!("a stream was asked for") };
    assert_eq!(stream.next().await.unwrap(), HELLO);
    assert_eq!(stream.next().await.unwrap(), [STOP, DONE].concat());
    drop(stream);
    assert_eq!(house.only_record().outcome, OutcomeKind::Accepted);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_model_is_refused_with_the_nearest_name() {
    let house = House::new(&openai_chat::OpenAiChat, Vec::new());
    let reply = house.ask(r#"{"model":"n","messages":[]}"#).await;
    assert_eq!(reply.status, 404);
    let said = text(reply).await;
    assert!(said.contains("model_not_found") && said.contains("`m`"), "{said}");
    let record = house.only_record();
    assert_eq!((record.code, record.requested_model.as_str()), (Some(Code::MODEL_NOT_FOUND), "n"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_not_repeated_to_the_client() {
    let refused = Scripted::Answer {
        status: 401,
        retry_after_s: None,
        acts: vec![Act::Say(r#"{"error":{"message":"Incorrect API key provided: sk-planted***"}}"#)],
    };
    let house = House::new(&openai_chat::OpenAiChat, vec![refused]);
    let reply = house.ask(ASK).await;
    assert_eq!(reply.status, 502);
    assert!(
        reply.headers.contains(&("x-should-retry", "false".to_owned())),
        "its status alone asks for it: {:?}",
        reply.headers
    );
    let said = text(reply).await;
    assert!(said.contains("upstream_auth") && !said.contains("planted"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_says_of_length_and_of_room_has_one_code_in_all_dialects() {
    let says = |status, text| Scripted::Answer { status, retry_after_s: None, acts: vec![Act::Say(text)] };
    let long = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 201000 tokens > 200000 maximum"}}"#;
    let full = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let house = House::new(&anthropic::AnthropicMessages, vec![says(400, long)]);
    let reply = house.ask(ASK_SHORT).await;
    assert_eq!(reply.status, 400);
    let said = text(reply).await;
    assert!(said.contains(r#""code":"context_length_exceeded""#), "{said}");
    let house = House::new(&anthropic::AnthropicMessages, vec![says(529, full), says(529, full), says(529, full)]);
    let reply = house.ask(ASK_SHORT).await;
    assert_eq!((reply.status, house.only_record().code), (503, Some(Code::UPSTREAM_OVERLOADED)));
    let house = House::new(&anthropic::AnthropicMessages, vec![says(529, full), says(529, full), says(529, full)]);
    let id = RequestId::from_parts(1, [7; 10]);
    let own = Bytes::from_static(ASK_SHORT.as_bytes());
    let reply = house.engine.serve(Inbound::new(id, 1_000_000, &anthropic::AnthropicMessages, own)).await;
    assert_eq!((reply.status, text(reply).await.as_str()), (529, full), "in its own words");
}

#[tokio::test(start_paused = true)]
async fn another_dialect_is_translated_both_ways() {
    let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":2}}"#;
    let house = House::new(&anthropic::AnthropicMessages, vec![ok(&[Act::Say(answer)])]);
    let reply = house
        .ask(r#"{"model":"m","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello"}]}"#)
        .await;
    let said: serde_json::Value = serde_json::from_str(&text(reply).await).unwrap();
    assert_eq!(said["choices"][0]["message"]["content"], "hi");
    assert_eq!(said["choices"][0]["finish_reason"], "stop");
    assert_eq!(said["usage"]["prompt_tokens"], 10);
    assert!(house.sent(0).contains(r#""system""#) && house.sent(0).contains(r#""max_tokens""#), "{}", house.sent(0));
    let record = house.only_record();
    assert!(record.attempts[0].request_body.is_some() && record.attempts[0].response_body.is_some());
    assert_eq!(record.cost, Some(Usd::from_nanos(12_000)));
}

#[tokio::test(start_paused = true)]
async fn what_a_translation_loses_stands_in_a_header_and_on_the_record() {
    let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":2,"service_tier":"standard"}}"#;
    let house = House::new(&anthropic::AnthropicMessages, vec![ok(&[Act::Say(answer)])]);
    let reply =
        house.ask(r#"{"model":"m","max_tokens":9,"seed":7,"messages":[{"role":"user","content":"hello"}]}"#).await;
    let lost = reply.headers.iter().find(|(name, _)| *name == "x-steersman-losses").map(|(_, value)| value.clone());
    assert_eq!(lost.as_deref(), Some("seed, answer.usage.service_tier"));
    drop(text(reply).await);
    let note = house.only_record().notes.iter().find(|note| note.room == "losses").map(|note| note.content.clone());
    assert!(note.as_deref().is_some_and(|note| note.contains("seed") && note.contains("service_tier")), "{note:?}");

    let streamed = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"a\",\"model\":\"m\",\"usage\":{\"input_tokens\":1,\"service_tier\":\"standard\"}}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let house = House::new(&anthropic::AnthropicMessages, vec![ok(&[Act::Say(streamed)])]);
    let ask = r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    drop(text(house.ask(ask).await).await);
    let notes = house.only_record().notes;
    assert!(notes.iter().any(|note| note.room == "losses" && note.content.contains("service_tier")), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_and_a_cut_answer_are_outcomes_of_their_own() {
    let refusal = r#"{"id":"c1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"no"},"finish_reason":"stop"}]}"#;
    let house = House::new(&openai_chat::OpenAiChat, vec![ok(&[Act::Say(refusal)])]);
    assert_eq!(text(house.ask(ASK).await).await, refusal);
    assert_eq!(house.only_record().outcome, OutcomeKind::Refused);

    let cut = r#"{"id":"c1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"{\"a\":"},"finish_reason":"length"}]}"#;
    let house = House::new(&openai_chat::OpenAiChat, vec![ok(&[Act::Say(cut)])]);
    assert_eq!(text(house.ask(ASK).await).await, cut);
    assert_eq!(house.only_record().outcome, OutcomeKind::Truncated);
}

const FORM: &str = r#"{"model":"m","messages":[{"role":"user","content":"sort"}],"response_format":{"type":"json_schema","json_schema":{"name":"t","schema":{"type":"object","properties":{"category":{"type":"string","enum":["bug","billing"]}},"required":["category"],"additionalProperties":false}}}}"#;
const FORM_STREAMED: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"sort"}],"response_format":{"type":"json_schema","json_schema":{"name":"t","schema":{"type":"object","properties":{"category":{"type":"string","enum":["bug","billing"]}},"required":["category"],"additionalProperties":false}}}}"#;
const FENCED: &str = r#"{"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"```json\n{\"category\": \"bug\",}\n```"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}"#;
const WRONG: &str = r#"{"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"{\"category\": \"weather\"}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}"#;
const RIGHT: &str = r#"{"id":"c2","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"{\"category\":\"bug\"}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":30,"completion_tokens":2,"total_tokens":32}}"#;

fn content(reply: &str) -> String {
    let reply: serde_json::Value = serde_json::from_str(reply).unwrap();
    reply["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_repairable_answer_is_repaired_and_says_so() {
    let house = House::new(&openai_chat::OpenAiChat, vec![ok(&[Act::Say(FENCED)])]);
    let reply = house.ask(FORM).await;
    let repairs = reply.headers.iter().find(|(name, _)| *name == "x-steersman-repairs").map(|(_, value)| value.clone());
    assert!(repairs.is_some_and(|repairs| repairs.contains("pass")), "each change is told");
    let value: serde_json::Value = serde_json::from_str(&content(&text(reply).await)).unwrap();
    assert_eq!(value, serde_json::json!({ "category": "bug" }));
    assert!(house.only_record().attempts[0].response_body.is_some(), "the provider's own words are kept");
}

#[tokio::test(start_paused = true)]
async fn what_declines_in_place_of_a_value_reaches_the_client_as_a_refusal() {
    for words in ["I'm sorry, but I cannot help with that.", r#"{"error": "I cannot do that."}"#] {
        let said = RIGHT.replace(r#""{\"category\":\"bug\"}""#, &serde_json::json!(words).to_string());
        let said: &'static str = Box::leak(said.into_boxed_str());
        let house = House::new(&openai_chat::OpenAiChat, vec![ok(&[Act::Say(said)])]);
        let reply: serde_json::Value = serde_json::from_str(&text(house.ask(FORM).await).await).unwrap();
        let choice = &reply["choices"][0];
        assert_eq!(choice["message"]["refusal"], words, "{reply}");
        assert!(choice["message"]["content"].is_null() && choice["finish_reason"] == "stop", "{reply}");
        assert_eq!(house.only_record().outcome, OutcomeKind::Refused);
    }
}

#[tokio::test(start_paused = true)]
async fn a_valid_answer_passes_byte_for_byte() {
    let house = House::new(&openai_chat::OpenAiChat, vec![ok(&[Act::Say(RIGHT)])]);
    assert_eq!(text(house.ask(FORM).await).await, RIGHT);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_answer_is_asked_again_once_with_what_was_wrong() {
    let house = House::new(&openai_chat::OpenAiChat, vec![ok(&[Act::Say(WRONG)]), ok(&[Act::Say(RIGHT)])]);
    assert_eq!(text(house.ask(FORM).await).await, RIGHT);
    let again = house.sent(1);
    assert!(again.contains("weather") && again.contains("/category"), "{again}");
    let record = house.only_record();
    let reasons: Vec<_> = record.attempts.iter().map(|attempt| attempt.reason).collect();
    assert_eq!(reasons, ["first", "reask"]);
    assert_eq!(record.usage.input_tokens, Some(40), "both attempts are on the bill");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stays_wrong_is_a_named_refusal_and_never_a_value() {
    let house = House::new(&openai_chat::OpenAiChat, vec![ok(&[Act::Say(WRONG)]), ok(&[Act::Say(WRONG)])]);
    let reply = house.ask(FORM).await;
    assert_eq!(reply.status, 422);
    let said = text(reply).await;
    assert!(said.contains("output_rejected") && said.contains("schema"), "{said}");
    assert_eq!(house.only_record().outcome, OutcomeKind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_escalates_to_the_next_model_of_the_task() {
    let mut house = House::new(
        &openai_chat::OpenAiChat,
        vec![ok(&[Act::Say(WRONG)]), ok(&[Act::Say(WRONG)]), ok(&[Act::Say(RIGHT)])],
    );
    let mut catalog = Catalog::default();
    let provider = |name: &str| Provider::new(name, &openai_chat::OpenAiChat, Arc::clone(&house.script) as _);
    catalog.add_provider(provider("cheap"), ["small".to_owned()]);
    catalog.add_provider(provider("dear"), ["large".to_owned()]);
    catalog.add_task("triage", vec!["small".to_owned(), "large".to_owned()]);
    let settings = Settings { attempts: 3, ..SETTINGS };
    house.engine = Engine::new(catalog, settings, Arc::clone(&house.records) as _);
    let ask = Box::leak(FORM.replace(r#""model":"m""#, r#""model":"task/triage""#).into_boxed_str());
    assert_eq!(text(house.ask(ask).await).await, RIGHT);
    let record = house.only_record();
    let path: Vec<_> =
        record.attempts.iter().map(|attempt| (attempt.reason, attempt.requested_model.to_string())).collect();
    assert_eq!(path, [("first", "small".into()), ("reask", "small".into()), ("escalation", "large".into())]);
    assert_eq!(record.task.as_str(), "triage");
}

#[tokio::test(start_paused = true)]
async fn a_held_stream_releases_only_what_was_judged() {
    let fenced = "data: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"```json\\n{\\\"category\\\":\"}}]}\n\n";
    let rest = "data: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" \\\"bug\\\",}\\n```\"}}]}\n\n";
    let house = House::new(
        &openai_chat::OpenAiChat,
        vec![ok(&[Act::Say(fenced), Act::Wait(500), Act::Say(rest), Act::Say(STOP), Act::Say(USAGE), Act::Say(DONE)])],
    );
    let said = text(house.ask(FORM_STREAMED).await).await;
    let before_repairs = said.split("steersman").next().unwrap();
    assert!(!before_repairs.contains("```") && said.contains(r#"{\"category\": \"bug\"}"#), "{said}");
    assert!(said.contains(r#""steersman":{"repairs""#) && said.ends_with(DONE), "{said}");
    assert!(house.only_record().timing.hold_us >= 500_000, "the time that the gate held it is a figure of its own");
}
