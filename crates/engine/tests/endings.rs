//! How an answer ends, whole or streamed, and what its client and its record are told when it does not end well.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod house;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use house::Records;
use serde_json::Value;
use steersman_core::{
    BoxFuture, Code, OutcomeKind, RequestId, RequestRecord, Upstream, UpstreamAnswer, UpstreamCall, UpstreamError,
};
use steersman_engine::{Backoff, Catalog, Engine, Inbound, Provider, Reply, ReplyBody, Settings};
use steersman_wire::{Dialect, anthropic, gemini, openai_chat, openai_responses};

/// Gives one answer of status 200 a call: its content type, and its body in pieces, a millisecond of the paused clock
/// apart.
#[derive(Default)]
struct Script(Mutex<VecDeque<(&'static str, Vec<String>)>>);

impl Upstream for Script {
    fn call(&self, _: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
        let (kind, pieces) = self.0.lock().unwrap().pop_front().expect("the script has an answer for each call");
        let body = futures_util::stream::iter(pieces).then(|piece| async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(Bytes::from(piece))
        });
        let content_type = Some(kind.to_owned());
        Box::pin(async { Ok(UpstreamAnswer { status: 200, content_type, retry_after: None, body: Box::pin(body) }) })
    }
}

struct House {
    engine: Engine,
    script: Arc<Script>,
    records: Arc<Records>,
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

impl House {
    fn new(provider: &'static dyn Dialect, answers: &[(&'static str, &[&str])]) -> Self {
        let owned = |pieces: &[&str]| pieces.iter().map(|piece| (*piece).to_owned()).collect();
        let answers = answers.iter().map(|(kind, pieces)| (*kind, owned(pieces))).collect();
        let (script, records) = (Arc::new(Script(Mutex::new(answers))), Arc::new(Records::default()));
        let mut catalog = Catalog::default();
        catalog.add_provider(Provider::new("p", provider, Arc::clone(&script) as _), ["m".to_owned()]);
        let second = Duration::from_secs(1);
        let backoff = Backoff { base: second, max: second };
        let settings = Settings { first_token: second, idle: second, total: second * 9, attempts: 3, backoff };
        Self { engine: Engine::new(catalog, settings, Arc::clone(&records) as _), script, records }
    }

    async fn ask(&self, client: &'static dyn Dialect, body: &str) -> Reply {
        let id = RequestId::from_parts(1, [7; 10]);
        self.engine.serve(Inbound::new(id, 1_000_000, client, Bytes::from(body.to_owned()))).await
    }

    async fn text(&self, client: &'static dyn Dialect, body: &str) -> (u16, String) {
        let reply = self.ask(client, body).await;
        let bytes = match reply.body {
            ReplyBody::Whole(bytes) => bytes.to_vec(),
            ReplyBody::Stream(stream) => stream.collect::<Vec<_>>().await.concat(),
            ReplyBody::Raw(_) => panic!("a call that is passed through"),
        };
        (reply.status, String::from_utf8(bytes).unwrap())
    }

    fn record(&self) -> RequestRecord {
        assert!(self.script.0.lock().unwrap().is_empty(), "each answer was asked for");
        self.records.0.lock().unwrap().last().unwrap().clone()
    }
}

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
const STREAM_CLAUDE: &str =
    r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
const STREAM_RESPONSE: &str = r#"{"model":"m","stream":true,"input":"hello"}"#;
const WHOLE: &str = r#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
const HELLO: &str =
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
const STOP: &str =
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// The data of the frames that carry an error.
fn errors(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let values = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    values.filter(|value| value.get("error").is_some_and(Value::is_object) || value["type"] == "error").collect()
}

#[tokio::test(start_paused = true)]
async fn an_error_in_a_body_of_status_200_is_a_failed_attempt_with_the_code_of_its_kind() {
    let busy = r#"{"error":{"message":"upstream busy","code":503}}"#;
    let house = House::new(&openai_chat::OpenAiChat, &[(JSON, &[busy]), (JSON, &[WHOLE])]);
    assert_eq!(house.text(&openai_chat::OpenAiChat, ASK).await, (200, WHOLE.to_owned()));
    let first = house.record().attempts[0].clone();
    assert_eq!((first.code, first.response_body.unwrap()), (Some(Code::UPSTREAM_ERROR), busy.into()));

    let wrong = r#"{"error":{"message":"no such thing","type":"invalid_request_error"}}"#;
    let house = House::new(&openai_chat::OpenAiChat, &[(JSON, &[wrong])]);
    assert_eq!(house.text(&openai_chat::OpenAiChat, ASK).await, (400, wrong.to_owned()), "it is not asked again");
    assert_eq!(house.record().code, Some(Code::UPSTREAM_REFUSED));

    let nothing = r#"{"id":"c","model":"m","choices":[]}"#;
    let house = House::new(&openai_chat::OpenAiChat, &[(JSON, &[nothing]), (JSON, &[WHOLE])]);
    assert_eq!(house.text(&openai_chat::OpenAiChat, ASK).await.1, WHOLE);

    let house = House::new(&openai_chat::OpenAiChat, &[(JSON, &[busy]), (EVENTS, &[HELLO, STOP, DONE])]);
    assert_eq!(house.text(&openai_chat::OpenAiChat, STREAM).await.1, [HELLO, STOP, DONE].concat());
    assert_eq!(house.record().attempts[0].code, Some(Code::UPSTREAM_ERROR));
}

#[tokio::test(start_paused = true)]
async fn a_page_in_the_place_of_a_stream_is_named() {
    let page = ("text/html", &["<html>\n\n<p>sign in</p></html>"][..]);
    let house = House::new(&openai_chat::OpenAiChat, &[page, page, page]);
    let (status, said) = house.text(&openai_chat::OpenAiChat, STREAM).await;
    assert!(status == 502 && said.contains("the provider sent `text/html`, and no stream of events"), "{said}");
    assert!(house.record().attempts[0].response_body.is_some(), "the raw answer is on the record");
}

#[tokio::test(start_paused = true)]
async fn a_complete_stream_that_lacks_its_marker_or_its_last_line_end_is_complete() {
    let open = STOP.trim_end();
    for pieces in [&[HELLO, STOP][..], &[HELLO, STOP, "data: [DONE]"], &[HELLO, open], &[HELLO, STOP, "data: [DONE]\n"]]
    {
        let house = House::new(&openai_chat::OpenAiChat, &[(EVENTS, pieces)]);
        let said = house.text(&openai_chat::OpenAiChat, STREAM).await.1;
        assert_eq!(said.trim_end(), [HELLO, STOP, DONE].concat().trim_end(), "{pieces:?}");
        assert_eq!(house.record().outcome, OutcomeKind::Accepted);
        let house = House::new(&openai_chat::OpenAiChat, &[(EVENTS, pieces)]);
        let said = house.text(&anthropic::AnthropicMessages, STREAM_CLAUDE).await.1;
        assert!(said.ends_with("data: {\"type\":\"message_stop\"}\n\n"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_off_says_so_once_in_the_words_of_its_client() {
    let half = "data: {\"id\":\"c\",\"choi";
    for pieces in [&[HELLO][..], &[HELLO, half], &[HELLO, DONE], &[HELLO, "\n"]] {
        let house = House::new(&openai_chat::OpenAiChat, &[(EVENTS, pieces)]);
        let said = house.text(&openai_chat::OpenAiChat, STREAM).await.1;
        assert!(said.starts_with(HELLO) && !said.contains("[DONE]"), "{said}");
        let [error] = &errors(&said)[..] else { panic!("{said}") };
        assert_eq!(
            (&error["error"]["code"], &error["error"]["type"]),
            (&"upstream_cut".into(), &"upstream_error".into())
        );
        assert_eq!(house.record().code, Some(Code::UPSTREAM_CUT));

        let house = House::new(&openai_chat::OpenAiChat, &[(EVENTS, pieces)]);
        let said = house.text(&anthropic::AnthropicMessages, STREAM_CLAUDE).await.1;
        let [error] = &errors(&said)[..] else { panic!("{said}") };
        assert_eq!((&error["error"]["type"], said.contains("message_stop")), (&"api_error".into(), false));

        let house = House::new(&openai_chat::OpenAiChat, &[(EVENTS, pieces)]);
        let said = house.text(&openai_responses::OpenAiResponses, STREAM_RESPONSE).await.1;
        assert_eq!(said.matches("event: response.created").count(), 1, "{said}");
        let [error] = &errors(&said)[..] else { panic!("{said}") };
        let before = said.matches("\"sequence_number\"").count() - 1;
        assert_eq!((&error["code"], &error["sequence_number"]), (&"upstream_cut".into(), &before.into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_providers_own_error_in_a_stream_is_the_only_one() {
    let error = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n";
    for client in [&openai_chat::OpenAiChat as &'static dyn Dialect, &anthropic::AnthropicMessages] {
        let house = House::new(&openai_chat::OpenAiChat, &[(EVENTS, &[HELLO, error])]);
        let said = house.text(client, STREAM_CLAUDE).await.1;
        let [error] = &errors(&said)[..] else { panic!("{said}") };
        assert_eq!(error["error"]["message"], "overloaded");
        assert_eq!(house.record().code, Some(Code::UPSTREAM_ERROR));
    }
}

#[tokio::test(start_paused = true)]
async fn a_starved_response_is_created_before_it_fails() {
    let end = "data: {\"responseId\":\"r\",\"candidates\":[{\"index\":0,\"content\":{\"parts\":[]},\"finishReason\":\"MAX_TOKENS\"}]}\n\n";
    let house = House::new(&gemini::Gemini, &[(EVENTS, &[end])]);
    let said = house.text(&openai_responses::OpenAiResponses, STREAM_RESPONSE).await.1;
    assert!(said.starts_with("event: response.created") && said.contains("output_starved"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_gemini_could_not_read_itself_is_asked_for_again() {
    let broken = r#"{"responseId":"r","candidates":[{"index":0,"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"call: print("}]}"#;
    let right = r#"{"responseId":"r","candidates":[{"index":0,"content":{"parts":[{"text":"hi"}],"role":"model"},"finishReason":"STOP"}]}"#;
    let house = House::new(&gemini::Gemini, &[(JSON, &[broken]), (JSON, &[right])]);
    let (status, said) = house.text(&openai_chat::OpenAiChat, ASK).await;
    assert!(status == 200 && said.contains("\"hi\""), "{said}");
    assert_eq!(house.record().attempts[0].code, Some(Code::UPSTREAM_ERROR));
    let streamed = format!("data: {broken}\n\n");
    let house = House::new(&gemini::Gemini, &[(EVENTS, &[&streamed]), (EVENTS, &[&streamed]), (EVENTS, &[&streamed])]);
    let (status, said) = house.text(&openai_chat::OpenAiChat, STREAM).await;
    assert!(status == 502 && said.contains("call: print("), "{said}");
}

#[tokio::test(start_paused = true)]
async fn half_a_character_in_an_answer_costs_nobody_the_answer() {
    let half = WHOLE.replace("hi", r"hi \ud83d");
    let house = House::new(&openai_chat::OpenAiChat, &[(JSON, &[&half])]);
    assert_eq!(house.text(&openai_chat::OpenAiChat, ASK).await, (200, half.clone()), "as it came");
    let house = House::new(&openai_chat::OpenAiChat, &[(JSON, &[&half])]);
    let (_, said) = house.text(&anthropic::AnthropicMessages, &STREAM_CLAUDE.replace("true", "false")).await;
    assert!(said.contains("hi \u{fffd}"), "{said}");
    let (hello, stop) = (HELLO.replace("hi", r"hi \ud83d"), STOP);
    let house = House::new(&openai_chat::OpenAiChat, &[(EVENTS, &[&hello, stop, DONE])]);
    let said = house.text(&anthropic::AnthropicMessages, STREAM_CLAUDE).await.1;
    assert!(said.contains("hi \u{fffd}"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_that_cannot_be_read_is_kept_and_not_paid_for_again() {
    let strange = r#"{"id":"c","model":"m","choices":"none"}"#;
    let house = House::new(&openai_chat::OpenAiChat, &[(JSON, &[strange])]);
    assert_eq!(house.text(&openai_chat::OpenAiChat, ASK).await.0, 502);
    let record = house.record();
    assert_eq!((record.code, record.attempts.len()), (Some(Code::UPSTREAM_MALFORMED), 1));
    assert_eq!(record.attempts[0].response_body.as_deref(), Some(strange.as_bytes()));
}

#[tokio::test(start_paused = true)]
async fn a_call_without_arguments_has_none_where_none_are_wanted() {
    let ask = |schema: &str, stream: bool| {
        let tool = format!(r#"{{"type":"function","function":{{"name":"now","parameters":{schema}}}}}"#);
        let turn = r#"{"role":"user","content":"what time is it"}"#;
        format!(r#"{{"model":"m","stream":{stream},"messages":[{turn}],"tools":[{tool}]}}"#)
    };
    let call = r#"{"index":0,"id":"a","type":"function","function":{"name":"now","arguments":""}}"#;
    let said = |key: &str, end: &str| {
        format!(
            r#"{{"id":"c","model":"m","choices":[{{"index":0,"{key}":{{"tool_calls":[{call}]}},"finish_reason":"{end}"}}]}}"#
        )
    };
    let (free, bound) =
        (r#"{"type":"object","properties":{"zone":{"type":"string"}}}"#, r#"{"type":"object","required":["zone"]}"#);
    let (whole, streamed) = (said("message", "tool_calls"), format!("data: {}\n\n", said("delta", "tool_calls")));
    for (kind, pieces, stream) in [(JSON, &[whole.as_str()][..], false), (EVENTS, &[&streamed, DONE], true)] {
        let house = House::new(&openai_chat::OpenAiChat, &[(kind, pieces)]);
        let (status, said) = house.text(&openai_chat::OpenAiChat, &ask(free, stream)).await;
        assert!(status == 200 && said.contains(r#""arguments":"{}""#), "{said}");
        assert_eq!(house.record().attempts.len(), 1, "it was not asked again");
    }
    let house = House::new(&openai_chat::OpenAiChat, &[(JSON, &[&whole]), (JSON, &[&whole])]);
    assert_eq!(house.text(&openai_chat::OpenAiChat, &ask(bound, false)).await.0, 422, "something is missing");
}
