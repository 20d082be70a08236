//! Many items in one question: those that a model dropped are asked for once more, and none is made up.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod house;

use std::collections::BTreeMap;

use house::{House, body, content};
use serde_json::{Value, json};
use steersman_engine::{BulkSettings, FormSettings, TaskForm};
use steersman_structured::AS_SENT;
use steersman_wire::openai_chat;

fn house() -> House {
    let bulk = BulkSettings { items: "/labels".to_owned(), id: "id".to_owned() };
    let form = TaskForm { bulk: Some(bulk), ..TaskForm::default() };
    let forms = FormSettings { tasks: BTreeMap::from([("sort".to_owned(), form)]) };
    House::new(&openai_chat::OpenAiChat, &AS_SENT, forms)
}

fn labels() -> Value {
    let item = json!({"type": "object", "required": ["id", "label"], "properties": {"id": {"type": "string"}, "label": {"type": "string"}}});
    json!({"type": "object", "required": ["labels"], "properties": {"labels": {"type": "array", "items": item}}})
}

fn question() -> String {
    let items: Vec<Value> = (0..500).map(|n| json!({"id": format!("t{n}"), "text": "a ticket"})).collect();
    format!("Label every ticket:\n{}", json!(items))
}

fn answer(ids: impl Iterator<Item = u32>) -> String {
    let items: Vec<Value> = ids.map(|n| json!({"id": format!("t{n}"), "label": format!("l{n}")})).collect();
    json!({ "labels": items }).to_string()
}

#[tokio::test(start_paused = true)]
async fn items_that_were_dropped_are_asked_for_once_more_and_merged_in_order() {
    let house = house();
    let first = answer((0..500).filter(|n| n % 40 != 7).chain([3, 4]).chain([777]));
    let second = answer((0..500).filter(|n| n % 40 == 7).rev());
    let reply = house.ask(&question(), &labels(), &[&first, &second]).await;
    assert_eq!(reply.status, 200);
    let value: Value = serde_json::from_str(&content(reply)).unwrap();
    assert_eq!(value, serde_json::from_str::<Value>(&answer(0..500)).unwrap());
    let sent = house.sent();
    let again = sent[1]["messages"][2]["content"].as_str().unwrap();
    assert!(again.contains("`t7`, `t47`") && !again.contains("t8`"), "{again}");
    let items = house.note()["items"].clone();
    assert_eq!((items[0]["missing"].as_array().unwrap().len(), &items[0]["duplicates"]), (13, &json!(["t3", "t4"])));
    assert_eq!((&items[0]["unknown"], items[1]["asked"].clone(), sent.len()), (&json!(["t777"]), json!(500), 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_still_missing_is_a_rejection_with_the_rest_beside_it() {
    let house = house();
    let (first, second) = (answer(0..498), answer(498..499));
    let reply = house.ask(&question(), &labels(), &[&first, &second]).await;
    assert_eq!(reply.status, 422);
    let error = body(reply)["error"]["steersman"].clone();
    assert_eq!(error["violations"][0]["rule"], "missing_item");
    assert!(error["violations"][0]["message"].as_str().unwrap().contains("t499") && error["violations"][1].is_null());
    let best: Value = serde_json::from_str(error["best_attempt"].as_str().unwrap()).unwrap();
    assert_eq!(best["labels"].as_array().unwrap().len(), 499);
    let missing: Vec<_> =
        house.note()["items"].as_array().unwrap().iter().map(|answer| answer["missing"].clone()).collect();
    assert_eq!(missing, [json!(["t498", "t499"]), json!(["t499"])], "the record tells of both answers");
}
