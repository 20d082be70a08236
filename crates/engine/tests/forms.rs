//! Forms on their way out and back: the level that a provider has for a schema, what is sent in its place, and the loop
//! from repairs to an alarm.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod house;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use house::Records;
use serde_json::{Value, json};
use steersman_core::{BoxFuture, RequestId, Upstream, UpstreamAnswer, UpstreamCall, UpstreamError};
use steersman_engine::{
    Backoff, Catalog, Engine, FormSettings, Inbound, Policy, Provider, Reply, ReplyBody, Settings, TaskForm,
};
use steersman_structured::{AS_SENT, JSON_MODE, OPENAI, Subset};
use steersman_wire::{Dialect, anthropic, gemini, openai_chat};

/// Answers every call with what it was last given, under the version it was last given.
#[derive(Default)]
struct Says {
    now: Mutex<(String, String)>,
    sent: Mutex<Vec<Value>>,
}

impl Upstream for Says {
    fn call(&self, call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
        self.sent.lock().unwrap().push(serde_json::from_slice(&call.body).unwrap());
        let (model, content) = self.now.lock().unwrap().clone();
        let choice = json!({"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"});
        let body = json!({"id": "c", "object": "chat.completion", "model": model, "choices": [choice]}).to_string();
        let body = futures_util::stream::iter([Ok(Bytes::from(body))]);
        Box::pin(async {
            Ok(UpstreamAnswer { status: 200, content_type: None, retry_after: None, body: Box::pin(body) })
        })
    }
}

struct House {
    engine: Engine,
    says: Arc<Says>,
    records: Arc<Records>,
}

impl House {
    fn new(subset: &'static Subset, tasks: &[(&str, Policy)]) -> Self {
        let (says, records) = (Arc::new(Says::default()), Arc::new(Records::default()));
        let provider = Provider { subset, ..Provider::new("p", &openai_chat::OpenAiChat, Arc::clone(&says) as _) };
        let mut catalog = Catalog::default();
        catalog.add_provider(provider, ["m".to_owned()]);
        catalog.add_task("sort", vec!["m".to_owned()]);
        let second = Duration::from_secs(1);
        let settings = Settings {
            first_token: second,
            idle: second,
            total: second * 9,
            attempts: 1,
            backoff: Backoff { base: second, max: second },
        };
        let form = |policy| TaskForm { policy: Some(policy), ..TaskForm::default() };
        let tasks = tasks.iter().map(|(name, policy)| ((*name).to_owned(), form(*policy))).collect();
        let engine = Engine::new(catalog, settings, Arc::clone(&records) as _).with_forms(FormSettings { tasks }, None);
        Self { engine, says, records }
    }

    async fn ask(&self, model: &str, strict: bool, served: &str, content: &str) -> (Reply, Value) {
        let schema = json!({"type": "object", "properties": {"category": {"type": "string", "minLength": 2},
            "note": {"type": "string"}}, "required": ["category"], "additionalProperties": false});
        let format = json!({"type": "json_schema", "json_schema": {"name": "t", "strict": strict, "schema": schema}});
        let body =
            json!({"model": model, "messages": [{"role": "user", "content": "sort"}], "response_format": format});
        self.send(&openai_chat::OpenAiChat, &body, served, content).await
    }

    async fn send(&self, client: &'static dyn Dialect, body: &Value, served: &str, content: &str) -> (Reply, Value) {
        *self.says.now.lock().unwrap() = (served.to_owned(), content.to_owned());
        let id = RequestId::from_parts(1, [7; 10]);
        let inbound = Inbound::new(id, 1_000_000, client, Bytes::from(body.to_string()));
        let reply = self.engine.serve(inbound).await;
        let notes = self.records.0.lock().unwrap().last().unwrap().notes.clone();
        let note = notes.iter().find(|note| note.room == "structured");
        let note = note.map_or(Value::Null, |note| serde_json::from_str(&note.content).unwrap());
        (reply, note)
    }

    fn sent(&self) -> Value {
        self.says.sent.lock().unwrap().last().unwrap().clone()
    }
}

fn content(reply: Reply) -> String {
    let ReplyBody::Whole(bytes) = reply.body else { panic!("it was not streamed") };
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_schema_is_lowered_into_its_providers_subset_and_the_answer_comes_back_in_the_clients() {
    let house = House::new(&OPENAI, &[]);
    let (reply, note) = house.ask("m", true, "m-1", r#"{"category":"bug","note":null}"#).await;
    assert_eq!(content(reply), r#"{"category":"bug"}"#, "null stands for absent in the lowered schema alone");
    let schema = &house.sent()["response_format"]["json_schema"]["schema"];
    assert_eq!(schema["required"], json!(["category", "note"]));
    assert!(schema["properties"]["category"].get("minLength").is_none(), "the provider would refuse it");
    assert_eq!((&note["form"]["asked"], &note["form"]["obtained"]), (&json!("strict"), &json!("strict")));
    assert_eq!(note["form"]["changes"][0]["keyword"], "minLength");

    let (reply, _) = house.ask("m", true, "m-1", r#"{"category":"b","note":null}"#).await;
    assert_eq!(reply.status, 422, "what was dropped is still checked");
}

#[tokio::test(start_paused = true)]
async fn a_schema_of_an_api_that_is_always_strict_is_written_in_the_providers_subset_and_its_answer_checked() {
    let schema = json!({"type": "object", "properties": {"category": {"type": "string"}, "note": {"type": "string"}},
        "required": ["category"]});
    let contents = json!([{"role": "user", "parts": [{"text": "sort"}]}]);
    let messages = json!([{"role": "user", "content": "sort"}]);
    let of_gemini = |name: &str| json!({"model": "m", "contents": contents, "generationConfig": {name: schema}});
    let of_claude = json!({"model": "m", "max_tokens": 9, "messages": messages,
        "output_config": {"format": {"type": "json_schema", "schema": schema}}});
    let requests: [(&'static dyn Dialect, Value); 4] = [
        (&gemini::Gemini, of_gemini("responseJsonSchema")),
        (&gemini::Gemini, of_gemini("response_json_schema")),
        (&gemini::Gemini, of_gemini("responseSchema")),
        (&anthropic::AnthropicMessages, of_claude),
    ];
    let house = House::new(&OPENAI, &[]);
    for (client, body) in requests {
        let (reply, note) =
            house.send(client, &body, "m-1", "```json\n{\"category\":\"bug\",\"note\":null}\n```").await;
        let ReplyBody::Whole(answer) = reply.body else { panic!("it was not streamed") };
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains(r#""{\"category\":\"bug\"}""#), "{answer}");
        let sent = &house.sent()["response_format"]["json_schema"];
        assert_eq!((&sent["strict"], &sent["schema"]["required"]), (&json!(true), &json!(["category", "note"])));
        assert_eq!(sent["schema"]["additionalProperties"], false);
        assert_eq!(note["form"]["asked"], "strict");
        assert_eq!(house.send(client, &body, "m-1", r#"{"note":"x"}"#).await.0.status, 422, "it has no reading");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_schemas_gets_its_json_mode_and_the_schema_in_the_prompt() {
    let house = House::new(&JSON_MODE, &[]);
    let (reply, note) = house.ask("m", false, "m-1", r#"{"category":"bug"}"#).await;
    assert!(reply.headers.contains(&("x-steersman-level", "json_mode".to_owned())));
    let sent = house.sent();
    assert_eq!(sent["response_format"], json!({"type": "json_object"}));
    assert!(sent["messages"][0]["content"].as_str().unwrap().contains("\"minLength\""));
    assert_eq!(sent["messages"][1]["content"], "sort");
    assert_eq!(note["form"]["obtained"], "json_mode");
}

#[tokio::test(start_paused = true)]
async fn a_task_may_allow_less_repair_than_the_house() {
    let house = House::new(&AS_SENT, &[("sort", Policy::Validate)]);
    let fenced = "```json\n{\"category\":\"bug\"}\n```";
    assert_eq!(house.ask("task/sort", false, "m-1", fenced).await.0.status, 422);
    assert_eq!(house.ask("m", false, "m-1", fenced).await.0.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_key_still_arrives_and_raises_an_alarm_with_both_versions() {
    let house = House::new(&AS_SENT, &[]);
    for _ in 0..110 {
        house.ask("m", false, "m-1", r#"{"category":"bug"}"#).await;
    }
    let mut alarms = Vec::new();
    for _ in 0..20 {
        let (reply, note) = house.ask("m", false, "m-2", r#"{"ticket_category":"bug"}"#).await;
        assert_eq!(content(reply), r#"{"category":"bug"}"#);
        alarms.extend(note["alarms"].as_array().cloned().unwrap_or_default());
    }
    let [alarm] = alarms.as_slice() else { panic!("{alarms:?}") };
    assert_eq!((&alarm["form"]["old"], &alarm["form"]["new"]), (&json!("ticket_category"), &json!("category")));
    assert_eq!((&alarm["served_before"], &alarm["served_now"]), (&json!(["m-1"]), &json!(["m-2"])));
    let (rows, remembered) = house.engine.remembered();
    assert_eq!((rows.len(), rows[0].repairs, rows[0].answers, remembered.len()), (1, 20, 130, 1));
}
