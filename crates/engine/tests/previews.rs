//! A held value that grows before its client's eyes: what is shown, when, and what may still happen afterwards.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod house;

use futures_util::StreamExt;
use house::{House, content};
use serde_json::{Value, json};
use steersman_core::{Code, OutcomeKind};
use steersman_engine::{FormSettings, Reply, ReplyBody};
use steersman_structured::AS_SENT;
use steersman_wire::openai_chat;

fn order() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["number", "lines"], "properties": {
        "number": {"type": "string"},
        "lines": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["amount"],
            "properties": {"amount": {"type": "number", "minimum": 0}}}},
    }})
}

const RIGHT: &str = r#"{"number": "A-12", "lines": [{"amount": 3}, {"amount": 4.5}]}"#;

/// What a client reads off a stream: previews closed up, the text of the answer, the error if one came.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    previews: Vec<Value>,
    text: String,
    error: Value,
}

async fn read(reply: Reply) -> Seen {
    let ReplyBody::Stream(mut stream) = reply.body else { panic!("it is whole") };
    let (mut bytes, mut seen, mut shown) = (Vec::new(), Seen::default(), String::new());
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece);
    }
    for data in String::from_utf8(bytes).unwrap().lines().filter_map(|line| line.strip_prefix("data: ")) {
        let Ok(chunk) = serde_json::from_str::<Value>(data) else { continue };
        if let Some(preview) = chunk["steersman"].get("preview") {
            shown.push_str(preview["text"].as_str().unwrap());
            let whole = format!("{shown}{}", preview["close"].as_str().unwrap());
            seen.previews.push(serde_json::from_str(&whole).unwrap());
        }
        seen.text.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
        seen.error = chunk.get("error").cloned().unwrap_or(seen.error);
    }
    seen
}

async fn ask(house: &House, texts: &[&str], previews: bool) -> Reply {
    let format = json!({"type": "json_schema", "json_schema": {"name": "t", "schema": order()}});
    let messages = json!([{"role": "user", "content": "order A-12: 3 and 4.5"}]);
    let body = json!({"model": "task/sort", "messages": messages, "response_format": format, "stream": true});
    house.send(body, texts, &|inbound| inbound.previews = previews).await
}

fn house() -> House {
    House::new(&openai_chat::OpenAiChat, &AS_SENT, FormSettings::default())
}

#[tokio::test(start_paused = true)]
async fn a_value_grows_beside_its_held_answer_which_stays_the_same() {
    let house = house();
    let seen = read(ask(&house, &[RIGHT], true).await).await;
    assert_eq!(seen.text, RIGHT);
    let expected = [
        json!({"number": "A-12"}),
        json!({"number": "A-12", "lines": [{"amount": 3}]}),
        json!({"number": "A-12", "lines": [{"amount": 3}, {"amount": 4.5}]}),
    ];
    let mut previews = seen.previews;
    previews.dedup();
    assert_eq!(previews, expected);
    assert_eq!((house.record().outcome, house.record().status), (OutcomeKind::Accepted, 200));
    let plain = read(ask(&house, &[RIGHT], false).await).await;
    assert_eq!((plain.previews, plain.text), (Vec::new(), RIGHT.to_owned()), "nobody sees what they did not ask for");
}

#[tokio::test(start_paused = true)]
async fn what_was_wrong_is_asked_for_again_and_what_was_shown_stays() {
    let house = house();
    let wrong = RIGHT.replace("4.5", "-4.5");
    let seen = read(ask(&house, &[&wrong, r#"{"lines.1.amount": 4.5}"#], true).await).await;
    assert_eq!(
        (seen.text.as_str(), seen.previews.last()),
        (RIGHT, Some(&json!({"number": "A-12", "lines": [{"amount": 3}]})))
    );
    let reasons: Vec<_> = house.record().attempts.iter().map(|attempt| attempt.reason).collect();
    assert_eq!(reasons, ["first", "reask"]);

    // The model writes the whole again, and another number: no client can take both for true.
    let other = RIGHT.replace("A-12", "B-77");
    let seen = read(ask(&house, &[&wrong, &other], true).await).await;
    let rule = &seen.error["steersman"]["violations"][0]["rule"];
    assert_eq!((seen.text.as_str(), &seen.error["code"], rule), ("", &json!("output_rejected"), &json!("shown")));
    assert_eq!(house.record().code, Some(Code::OUTPUT_REJECTED));
}

#[tokio::test(start_paused = true)]
async fn drift_is_repaired_as_ever_since_nothing_of_it_was_shown() {
    let house = house();
    let drifted = RIGHT.replace("\"lines\"", "\"Lines\"");
    let seen = read(ask(&house, &[&drifted], true).await).await;
    assert_eq!((seen.text.as_str(), seen.previews), (RIGHT, vec![json!({"number": "A-12"})]));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_before_anything_was_shown_is_an_error_as_without_previews() {
    let house = house();
    let reply = ask(&house, &["no", "no"], true).await;
    assert_eq!((reply.status, house.record().status), (422, 422));
    let fenced = format!("```json\n{RIGHT}\n```");
    let seen = read(ask(&house, &[&fenced], true).await).await;
    assert_eq!((seen.text.as_str(), seen.previews.len()), (RIGHT, 0));
}

/// Every place where an answer can be cut into two frames, and each byte in a frame of its own.
#[tokio::test(start_paused = true)]
async fn every_split_shows_the_same_values_and_none_is_taken_back() {
    let house = house();
    let answers =
        [RIGHT.to_owned(), RIGHT.replace("4.5", "45e-1"), RIGHT.replace("lines", "Lines"), format!("{RIGHT} ok")];
    for answer in &answers {
        for split in 0..=answer.len() {
            house.says.cut(split);
            let reply = ask(&house, &[answer], true).await;
            let seen = if reply.status == 200 { read(reply).await } else { Seen::default() };
            house.says.cut(usize::MAX);
            let plain = house.ask("order A-12: 3 and 4.5", &order(), &[answer]).await;
            let whole = content(plain);
            assert_eq!(seen.text, whole, "cut at {split}");
            let last: Value = serde_json::from_str(&whole).unwrap();
            for preview in &seen.previews {
                assert!(holds(preview, &last), "{preview} was shown of {last}");
            }
        }
    }
}

fn holds(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Array(p), Value::Array(w)) => p.len() <= w.len() && p.iter().zip(w).all(|(p, w)| holds(p, w)),
        (Value::Object(p), Value::Object(w)) => p.iter().all(|(k, v)| w.get(k).is_some_and(|x| holds(v, x))),
        _ => part == whole,
    }
}
