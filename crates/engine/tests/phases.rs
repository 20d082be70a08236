//! Two phases: reason freely, then extract. Both calls are recorded and priced, and the client sees the second alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod house;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use house::{House, content};
use serde_json::{Value, json};
use steersman_engine::{FormSettings, Phases, ReplyBody, TaskForm};
use steersman_structured::{ANTHROPIC, AS_SENT, RuleTable, Rules, Subset};
use steersman_wire::{Dialect, anthropic, openai_chat};

const THOUGHT: &str = "Three and four make seven. The order is A-12.";
const ANSWER: &str = r#"{"number": "A-12", "total": 7}"#;

fn schema() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["number", "total"],
        "properties": {"number": {"type": "string"}, "total": {"type": "number"}}})
}

fn house(dialect: &'static dyn Dialect, subset: &'static Subset, extract_with: Option<&str>) -> House {
    let rules: RuleTable = serde_json::from_str(r#"{"id": {"check": "mentioned(it)", "each": "/number"}}"#).unwrap();
    let phases = Some(Phases { extract_with: extract_with.map(str::to_owned) });
    let form = TaskForm { phases, rules: Arc::new(Rules::new(rules).unwrap()), ..TaskForm::default() };
    House::new(dialect, subset, FormSettings { tasks: BTreeMap::from([("sort".to_owned(), form)]) })
}

#[tokio::test(start_paused = true)]
async fn the_model_reasons_without_the_form_and_extracts_with_it() {
    let house = house(&openai_chat::OpenAiChat, &AS_SENT, None);
    let reply = house.ask("order A-12: 3 and 4", &schema(), &[THOUGHT, ANSWER]).await;
    assert_eq!((reply.status, content(reply)), (200, ANSWER.to_owned()));
    let sent = house.sent();
    let [first, second] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(first.get("response_format").is_none() && first["messages"][1]["role"] == "user", "{first}");
    assert_eq!(second["response_format"]["json_schema"]["schema"], schema());
    let turns: Vec<_> = second["messages"].as_array().unwrap().iter().map(|turn| turn["role"].clone()).collect();
    assert_eq!(
        (turns, &second["messages"][1]["content"]),
        (vec![json!("user"), json!("assistant"), json!("user")], &json!(THOUGHT))
    );
    let record = house.record();
    let attempts: Vec<_> = record.attempts.iter().map(|attempt| attempt.reason).collect();
    assert_eq!(attempts, ["reason", "extract"]);
    assert_eq!(record.cost.map(|cost| cost.to_string()), Some("$0.00024".to_owned()), "both calls are paid for");
    let kept = |body: &Option<bytes::Bytes>| String::from_utf8(body.clone().unwrap().to_vec()).unwrap();
    assert!(kept(&record.attempts[0].response_body).contains(THOUGHT));
    assert!(kept(&record.attempts[1].request_body).contains(THOUGHT), "each call is on the record as it was sent");
}

#[tokio::test(start_paused = true)]
async fn a_cheaper_model_extracts_and_the_tasks_own_stands_behind_it() {
    let house = house(&openai_chat::OpenAiChat, &AS_SENT, Some("cheap"));
    house.says.version.lock().unwrap().clear();
    let reply = house.ask("order A-12: 3 and 4", &schema(), &[THOUGHT, ANSWER]).await;
    assert_eq!(content(reply), ANSWER);
    let models: Vec<_> = house.sent().iter().map(|sent| sent["model"].clone()).collect();
    assert_eq!(models, ["m", "cheap"]);
    let cost = house.record().cost.map(|cost| cost.to_string());
    assert_eq!(cost, Some("$0.000132".to_owned()), "120 and 12 millionths");

    let reply = house.ask("order A-12: 3 and 4", &schema(), &[THOUGHT, "no", "no", ANSWER]).await;
    assert_eq!(content(reply), ANSWER);
    let reasons: Vec<_> = house.record().attempts.iter().map(|a| (a.requested_model.to_string(), a.reason)).collect();
    let expected = [("m", "reason"), ("cheap", "extract"), ("cheap", "reask"), ("m", "escalation")];
    assert_eq!(reasons, expected.map(|(model, reason)| (model.to_owned(), reason)));
}

#[tokio::test(start_paused = true)]
async fn a_streamed_answer_is_extracted_too_in_every_dialect() {
    for (dialect, subset) in
        [(&openai_chat::OpenAiChat as &dyn Dialect, &AS_SENT), (&anthropic::AnthropicMessages, &ANTHROPIC)]
    {
        let house = house(dialect, subset, None);
        let format = json!({"type": "json_schema", "json_schema": {"name": "t", "schema": schema()}});
        let messages = json!([{"role": "user", "content": "order A-12: 3 and 4"}]);
        let body = json!({"model": "task/sort", "messages": messages, "response_format": format, "stream": true});
        let reply = house.send(body, &[THOUGHT, ANSWER], &|_| {}).await;
        let ReplyBody::Stream(stream) = reply.body else { panic!("{}", reply.status) };
        let bytes: Vec<u8> = stream.map(|piece| piece.to_vec()).concat().await;
        let text = String::from_utf8(bytes).unwrap();
        let chunks = text.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
        let said: String =
            chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect();
        assert_eq!(said, ANSWER);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_model_thought_is_no_source() {
    let house = house(&openai_chat::OpenAiChat, &AS_SENT, None);
    let invented = ANSWER.replace("A-12", "B-77");
    let thought = THOUGHT.replace("A-12", "B-77");
    let reply = house.ask("order A-12: 3 and 4", &schema(), &[&thought, &invented, &invented]).await;
    assert_eq!(reply.status, 422, "the rule `mentioned` reads the question alone");
}

#[tokio::test(start_paused = true)]
async fn free_text_and_tools_have_one_phase() {
    let house = house(&openai_chat::OpenAiChat, &AS_SENT, None);
    let tool = json!({"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}});
    let messages = json!([{"role": "user", "content": "hello"}]);
    let body = json!({"model": "task/sort", "messages": messages, "tools": [tool]});
    house.send(body, &[ANSWER, ANSWER], &|_| {}).await;
    assert!(house.record().attempts.iter().all(|attempt| attempt.reason != "reason"));
    let body = json!({"model": "m", "messages": messages});
    house.send(body, &["hello"], &|_| {}).await;
    assert_eq!(house.sent().len(), 1);
}
