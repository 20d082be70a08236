//! The question asked again: what is asked for, in which words and turns, what it is merged into, and what is never
//! taken for an answer.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod house;

use std::collections::BTreeMap;
use std::sync::Arc;

use house::{House, body, content};
use serde_json::{Value, json};
use steersman_core::{Code, OutcomeKind, ToolChoice};
use steersman_engine::{FormSettings, TaskForm};
use steersman_structured::{ANTHROPIC, AS_SENT, OPENAI, RuleTable, Rules, TOOL};
use steersman_wire::{Dialect, anthropic, gemini, openai_chat};

fn invoice() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["number", "total", "lines"], "properties": {
        "number": {"type": "string"},
        "total": {"type": "number"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    }, "$defs": {"line": {"type": "object", "additionalProperties": false, "required": ["amount"],
        "properties": {"amount": {"type": "number", "minimum": 0}, "note": {"type": "string"}}}}})
}

fn ruled(rules: &str) -> FormSettings {
    let rules = Rules::new(serde_json::from_str::<RuleTable>(rules).unwrap()).unwrap();
    let form = TaskForm { rules: Arc::new(rules), ..TaskForm::default() };
    FormSettings { tasks: BTreeMap::from([("sort".to_owned(), form)]) }
}

const WRONG: &str = r#"{"number": "A-12", "total": 7, "lines": [{"amount": 3}, {"amount": -4}]}"#;

#[tokio::test(start_paused = true)]
async fn only_what_was_wrong_is_asked_for_again_and_the_rest_is_kept() {
    let house = House::new(&openai_chat::OpenAiChat, &OPENAI, FormSettings::default());
    let reply = house.ask("order A-12: 3 and 4", &invoice(), &[WRONG, r#"{"lines.1.amount": 4}"#]).await;
    assert_eq!((reply.status, content(reply)), (200, WRONG.replace("-4", "4")));
    let sent = house.sent();
    let [_, again] = sent.as_slice() else { panic!("{sent:?}") };
    let turns: Vec<_> = again["messages"].as_array().unwrap().iter().map(|turn| turn["role"].clone()).collect();
    assert_eq!(turns, ["user", "assistant", "user"]);
    assert_eq!(again["messages"][1]["content"], WRONG);
    let complaint = again["messages"][2]["content"].as_str().unwrap();
    assert!(
        complaint.contains("at `/lines/1/amount` (minimum)") && complaint.contains("`lines.1.amount`"),
        "{complaint}"
    );
    let form = &again["response_format"]["json_schema"];
    assert_eq!((&form["strict"], &form["schema"]["required"]), (&json!(true), &json!(["lines.1.amount"])));
    let record = house.record();
    let reasons: Vec<_> = record.attempts.iter().map(|attempt| (attempt.reason, attempt.code)).collect();
    assert_eq!(reasons, [("first", Some(Code::OUTPUT_REJECTED)), ("reask", None)]);
    assert_eq!(record.cost.map(|cost| cost.to_string()), Some("$0.00024".to_owned()), "both calls are paid for");
}

#[tokio::test(start_paused = true)]
async fn turns_and_form_are_those_of_the_providers_dialect() {
    let house = House::new(&anthropic::AnthropicMessages, &ANTHROPIC, FormSettings::default());
    let reply = house.ask("order A-12: 3 and 4", &invoice(), &[WRONG, r#"{"lines.1.amount": 4}"#]).await;
    assert_eq!((reply.status, content(reply)), (200, WRONG.replace("-4", "4")));
    let sent = house.sent();
    let turns: Vec<_> = sent[1]["messages"].as_array().unwrap().iter().map(|turn| turn["role"].clone()).collect();
    assert_eq!(turns, ["user", "assistant", "user"]);
    assert!(sent[1].to_string().contains("lines.1.amount") && sent[1]["model"] == "m");
}

#[tokio::test(start_paused = true)]
async fn what_went_out_as_a_forced_tool_is_asked_for_again_by_one() {
    let dialects: [&'static dyn Dialect; 3] =
        [&openai_chat::OpenAiChat, &anthropic::AnthropicMessages, &gemini::Gemini];
    for dialect in dialects {
        let house = House::new(dialect, &TOOL, FormSettings::default());
        let reply = house.ask("order A-12: 3 and 4", &invoice(), &[WRONG, r#"{"lines.1.amount": 4}"#]).await;
        assert_eq!((reply.status, content(reply)), (200, WRONG.replace("-4", "4")), "{}", dialect.name());
        let sent = house.sent();
        let again = dialect.decode_request(sent[1].to_string().as_bytes()).unwrap();
        let [tool] = again.tools.as_slice() else { panic!("{}", sent[1]) };
        assert_eq!(again.tool_choice, Some(ToolChoice::Tool(tool.name.clone())), "{}", sent[1]);
        let schema: Value = serde_json::from_str(tool.parameters.as_ref().unwrap().get()).unwrap();
        assert_eq!(schema["required"], json!(["lines.1.amount"]), "{}", sent[1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_member_is_asked_for_and_a_whole_answer_is_taken_too() {
    let house = House::new(&openai_chat::OpenAiChat, &AS_SENT, FormSettings::default());
    let first = r#"{"number": "A-12", "lines": []}"#;
    let reply = house.ask("A-12, nothing", &invoice(), &[first, r#"{"total": 0}"#]).await;
    assert_eq!(content(reply), r#"{"number": "A-12", "lines": [], "total": 0}"#);
    let whole = r#"{"number": "A-12", "lines": [], "total": 0.0}"#;
    let reply = house.ask("A-12, nothing", &invoice(), &[first, whole]).await;
    assert_eq!(content(reply), whole);
}

#[tokio::test(start_paused = true)]
async fn a_broken_rule_is_asked_about_in_its_own_words() {
    let rules = r#"{"sum": {"check": "value.total == sum(value.lines.map(l, l.amount))", "at": "/total", "message": "the total is not the sum of the lines"},
        "id": {"check": "mentioned(it)", "each": "/number"}}"#;
    let house = House::new(&openai_chat::OpenAiChat, &AS_SENT, ruled(rules));
    let wrong = r#"{"number": "A-12", "total": 8, "lines": [{"amount": 3}, {"amount": 4}]}"#;
    let reply = house.ask("order A-12: 3 and 4", &invoice(), &[wrong, r#"{"total": 7}"#]).await;
    assert_eq!(content(reply), wrong.replace('8', "7"));
    assert!(house.sent()[1]["messages"][2]["content"].as_str().unwrap().contains("the total is not the sum"));

    let invented = r#"{"number": "B-77", "total": 7, "lines": [{"amount": 7}]}"#;
    let reply = house.ask("order A-12: 7", &invoice(), &[invented, r#"{"number": "B-78"}"#]).await;
    let (status, error) = (reply.status, body(reply)["error"]["steersman"].clone());
    assert_eq!((status, &error["layer"], &error["violations"][0]["rule"]), (422, &json!("rules"), &json!("id")));
    assert_eq!(error["violations"][0]["pointer"], "/number");
}

#[tokio::test(start_paused = true)]
async fn a_placeholder_given_under_pressure_is_a_violation_unless_the_source_says_it() {
    let house = House::new(&openai_chat::OpenAiChat, &AS_SENT, FormSettings::default());
    let first = r#"{"total": 0, "lines": []}"#;
    let reply = house.ask("no number here", &invoice(), &[first, r#"{"number": "N/A"}"#]).await;
    assert_eq!((reply.status, house.sent().len()), (422, 2), "there is no third question");
    let error = body(reply)["error"]["steersman"].clone();
    assert_eq!((&error["layer"], &error["violations"][0]["rule"]), (&json!("rules"), &json!("placeholder")));
    assert_eq!(error["best_attempt"], r#"{"total": 0, "lines": [], "number": "N/A"}"#);
    let record = house.record();
    assert_eq!((record.outcome, record.code), (OutcomeKind::Rejected, Some(Code::OUTPUT_REJECTED)));
    assert_eq!(house.note()["rejected"]["best_attempt"], error["best_attempt"]);

    let reply = house.ask("the number is N/A", &invoice(), &[first, r#"{"number": "N/A"}"#]).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_correction_that_breaks_something_else_ends_in_a_rejection_that_names_it() {
    let house = House::new(&openai_chat::OpenAiChat, &AS_SENT, FormSettings::default());
    let reply = house.ask("order A-12", &invoice(), &[WRONG, r#"{"lines.1.amount": "four"}"#, WRONG, WRONG]).await;
    assert_eq!((reply.status, house.sent().len()), (422, 2));
    let error = body(reply)["error"]["steersman"].clone();
    assert_eq!((&error["layer"], &error["violations"][0]["pointer"]), (&json!("schema"), &json!("/lines/1/amount")));
    assert_eq!(error["best_attempt"], WRONG.replace("-4", "\"four\""));
}

#[tokio::test(start_paused = true)]
async fn the_best_of_all_answers_stands_beside_the_rejection() {
    let house = House::new(&openai_chat::OpenAiChat, &AS_SENT, FormSettings::default());
    let reply = house.ask("order A-12", &invoice(), &[WRONG, "I would say four."]).await;
    let error = body(reply)["error"]["steersman"].clone();
    assert_eq!((&error["layer"], &error["best_attempt"]), (&json!("schema"), &json!(WRONG)));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_after_an_answer_does_not_lose_what_was_wrong_with_it() {
    let house = House::new(&openai_chat::OpenAiChat, &AS_SENT, FormSettings::default());
    house.says.hang_after(1);
    let reply = house.ask("order A-12", &invoice(), &[WRONG]).await;
    assert_eq!(reply.status, 422);
    let error = body(reply)["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("; then "), "{error}");
    assert_eq!((&error["code"], &error["steersman"]["best_attempt"]), (&json!("output_rejected"), &json!(WRONG)));
}
