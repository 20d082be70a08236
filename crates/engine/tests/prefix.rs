//! Prompt caches of providers: what a conversation has in common with its last turn leaves byte for byte the same, in
//! every pair of dialects and when an answer is asked for again; and tokens read from or written to a cache have their
//! own price.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod house;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use house::Records;
use steersman_core::{
    BoxFuture, Price, Rates, RequestId, RequestRecord, Upstream, UpstreamAnswer, UpstreamCall, UpstreamError, Usd,
};
use steersman_engine::{Backoff, Catalog, Engine, Inbound, Provider, ReplyBody, Settings};
use steersman_wire::json::{RawObject, elements};
use steersman_wire::{Dialect, anthropic, gemini, openai_chat, openai_responses};

/// The dialects whose clients and providers speak here.
const SPOKEN: [&dyn Dialect; 4] =
    [&openai_chat::OpenAiChat, &openai_responses::OpenAiResponses, &anthropic::AnthropicMessages, &gemini::Gemini];

/// Answers in order, and what it was asked.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<String>>,
    calls: Mutex<Vec<Bytes>>,
}

impl Upstream for Script {
    fn call(&self, call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
        self.calls.lock().unwrap().push(call.body);
        let answer = self.answers.lock().unwrap().pop_front().expect("the script has an answer for each call");
        let body = futures_util::stream::iter([Ok(Bytes::from(answer))]);
        let answer = UpstreamAnswer { status: 200, content_type: None, retry_after: None, body: Box::pin(body) };
        Box::pin(async move { Ok(answer) })
    }
}

/// Sends bodies of one client to one provider; gives what the provider received, and the records.
async fn sent(
    client: &'static dyn Dialect,
    provider: &'static dyn Dialect,
    bodies: &[String],
    answers: &[&str],
) -> (Vec<Bytes>, Vec<RequestRecord>) {
    let script = Arc::new(Script::default());
    *script.answers.lock().unwrap() = answers.iter().map(|answer| (*answer).to_owned()).collect();
    let price = |usd| Price::from_usd_per_million(usd).unwrap();
    let rates =
        Rates { cache_read: Some(price(0.1)), cache_write: Some(price(1.25)), ..Rates::flat(price(1.0), price(2.0)) };
    let mut catalog = Catalog::default();
    catalog.add_provider(
        Provider { rates: [("m".to_owned(), rates)].into(), ..Provider::new("p", provider, Arc::clone(&script) as _) },
        ["m".to_owned()],
    );
    let second = Duration::from_secs(1);
    let backoff = Backoff { base: second, max: second };
    let settings = Settings { first_token: second, idle: second, total: second * 60, attempts: 3, backoff };
    let records = Arc::new(Records::default());
    let engine = Engine::new(catalog, settings, Arc::clone(&records) as _);
    for body in bodies {
        let inbound = Inbound::new(RequestId::from_parts(1, [7; 10]), 1_000_000, client, Bytes::from(body.clone()));
        let reply = engine.serve(inbound).await;
        let ReplyBody::Whole(said) = reply.body else { panic!("nothing is streamed here") };
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&said));
    }
    let calls = script.calls.lock().unwrap().clone();
    let records = records.0.lock().unwrap().clone();
    (calls, records)
}

/// A conversation with tools, in the words of a dialect; `more` turns follow.
fn conversation(dialect: &'static dyn Dialect, more: usize) -> String {
    let turns = [
        "what is the weather in Oslo?",
        "cold",
        "and \u{e9}\u{1f40d} in \"Bergen\"?",
        "wet",
        "thanks",
        "you are welcome",
    ];
    let roles = [steersman_core::Role::User, steersman_core::Role::Assistant];
    let mut turns: Vec<_> = turns
        .iter()
        .zip(roles.iter().cycle())
        .take(3 + 2 * more)
        .map(|(text, role)| dialect.turn(*role, text))
        .collect();
    let schema = r#"{"type":"object","properties":{"zeta":{"type":"string"},"alpha":{"type":"number","minimum":1.50}},"required":["zeta"]}"#;
    let system = "You are terse. Never guess.";
    match dialect.name() {
        openai_chat::NAME => {
            turns.insert(0, format!(r#"{{"role":"system","content":"{system}"}}"#));
            format!(
                r#"{{"model":"m","messages":[{}],"tools":[{{"type":"function","function":{{"name":"weather","description":"tells","parameters":{schema}}}}}]}}"#,
                turns.join(",")
            )
        }
        anthropic::NAME => format!(
            r#"{{"model":"m","max_tokens":100,"system":"{system}","messages":[{}],"tools":[{{"name":"weather","description":"tells","input_schema":{schema}}}]}}"#,
            turns.join(",")
        ),
        gemini::NAME => format!(
            r#"{{"model":"m","systemInstruction":{{"parts":[{{"text":"{system}"}}]}},"contents":[{}],"tools":[{{"functionDeclarations":[{{"name":"weather","description":"tells","parametersJsonSchema":{schema}}}]}}]}}"#,
            turns.join(",")
        ),
        _ => format!(
            r#"{{"model":"m","store":false,"instructions":"{system}","input":[{}],"tools":[{{"type":"function","name":"weather","description":"tells","parameters":{schema}}}]}}"#,
            turns.join(",")
        ),
    }
}

/// An answer in the words of a dialect; of 100 tokens read, 40 came from the cache, and 10 were written to it where the
/// dialect tells that.
fn answer(dialect: &'static dyn Dialect, text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    match dialect.name() {
        openai_chat::NAME => format!(
            r#"{{"id":"c","object":"chat.completion","model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":{text}}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":100,"completion_tokens":5,"total_tokens":105,"prompt_tokens_details":{{"cached_tokens":40}}}}}}"#
        ),
        anthropic::NAME => format!(
            r#"{{"id":"m","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":{text}}}],"stop_reason":"end_turn","usage":{{"input_tokens":50,"cache_read_input_tokens":40,"cache_creation_input_tokens":10,"output_tokens":5}}}}"#
        ),
        gemini::NAME => format!(
            r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":{text}}}]}},"finishReason":"STOP","index":0}}],"usageMetadata":{{"promptTokenCount":100,"cachedContentTokenCount":40,"candidatesTokenCount":5,"totalTokenCount":105}},"modelVersion":"m","responseId":"g"}}"#
        ),
        _ => format!(
            r#"{{"id":"r","object":"response","created_at":1,"status":"completed","model":"m","output":[{{"type":"message","id":"m1","status":"completed","role":"assistant","content":[{{"type":"output_text","text":{text},"annotations":[]}}]}}],"usage":{{"input_tokens":100,"input_tokens_details":{{"cached_tokens":40}},"output_tokens":5,"output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":105}}}}"#
        ),
    }
}

/// The members of a body but for the conversation, and the conversation's elements, as they are spelt.
fn parts(dialect: &'static dyn Dialect, body: &[u8]) -> (Vec<(String, String)>, Vec<String>) {
    let object = RawObject::parse(body).unwrap();
    let is_conversation = |key: &str| key == dialect.conversation();
    let others = object.members().iter().filter(|member| !is_conversation(&member.key));
    let others = others.map(|member| (member.key.to_string(), member.value.get().to_owned())).collect();
    let turns = object.get(dialect.conversation()).unwrap();
    (others, elements(turns).map(|turn| turn.get().to_owned()).collect())
}

#[tokio::test(start_paused = true)]
async fn a_longer_conversation_begins_with_the_bytes_of_the_shorter_one_in_every_pair_of_dialects() {
    for client in SPOKEN {
        for provider in SPOKEN {
            let pair = format!("{} to {}", client.name(), provider.name());
            let bodies = [conversation(client, 0), conversation(client, 1)];
            let answer = answer(provider, "fine");
            let (calls, _) = sent(client, provider, &bodies, &[&answer, &answer]).await;
            let ((short_rest, short), (long_rest, long)) = (parts(provider, &calls[0]), parts(provider, &calls[1]));
            assert_eq!(short_rest, long_rest, "{pair}: tools and system text, in their order");
            assert!(long.len() > short.len() && long.starts_with(&short), "{pair}:\n{short:?}\n{long:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_again_begins_with_the_bytes_that_were_asked_before() {
    let form = r#"{"model":"m","messages":[{"role":"system","content":"be terse"},{"role":"user","content":"sort"}],"response_format":{"type":"json_schema","json_schema":{"name":"t","schema":{"type":"object","properties":{"category":{"type":"string","enum":["bug","billing"]}},"required":["category"],"additionalProperties":false}}}}"#;
    for provider in SPOKEN {
        let answers = [answer(provider, r#"{"category":"weather"}"#), answer(provider, r#"{"category":"bug"}"#)];
        let answers: Vec<_> = answers.iter().map(String::as_str).collect();
        let (calls, _) = sent(&openai_chat::OpenAiChat, provider, &[form.to_owned()], &answers).await;
        // The form that is asked for may shrink to what was wrong; the conversation before it is as it was.
        let ((_, first), (_, again)) = (parts(provider, &calls[0]), parts(provider, &calls[1]));
        assert!(again.len() > first.len() && again.starts_with(&first), "{}:\n{first:?}\n{again:?}", provider.name());
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_read_from_and_written_to_a_prompt_cache_have_their_own_price() {
    // Fresh at 1.00, read at 0.10, written at 1.25, out at 2.00 dollars a million.
    let cached = [
        (&openai_chat::OpenAiChat as &'static dyn Dialect, 60_000 + 4_000 + 10_000),
        (&openai_responses::OpenAiResponses, 60_000 + 4_000 + 10_000),
        (&gemini::Gemini, 60_000 + 4_000 + 10_000),
        (&anthropic::AnthropicMessages, 50_000 + 4_000 + 12_500 + 10_000),
    ];
    for (provider, nanos) in cached {
        let body = conversation(&openai_chat::OpenAiChat, 0);
        let (_, records) = sent(&openai_chat::OpenAiChat, provider, &[body], &[&answer(provider, "fine")]).await;
        let usage = records[0].usage;
        assert_eq!((usage.input_tokens, usage.cache_read_tokens), (Some(100), Some(40)), "{}", provider.name());
        assert_eq!(records[0].cost, Some(Usd::from_nanos(nanos)), "{}", provider.name());
    }
}
