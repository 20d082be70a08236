//! Previews of a held value, over a socket: they come before the answer, none is taken back wherever its bytes were
//! cut, and the answer is the one that an unstreamed request gets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};
use support::{House, post, post_with};

const PREVIEWS: &str = "x-steersman-events: previews\r\n";

/// What the model says: right, in another spelling of a key, with a number as text, with words behind it.
const ANSWERS: [&str; 4] = [
    r#"{"kind":"open","lines":[{"amount":3},{"amount":4.5,"tag":"caf\u00e9 \"x\""}],"note":null}"#,
    r#"{"kind":"open","Lines":[{"amount":12}]}"#,
    r#"{"kind":"open","lines":[{"amount":"12"},{"amount":7}]}"#,
    r#"{"kind":"open","lines":[]} That is all."#,
];

fn order(model: &str, stream: bool, text: &str) -> Value {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["kind", "lines"], "properties": {
        "kind": {"enum": ["open", "complete"]},
        "lines": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["amount"],
            "properties": {"amount": {"type": "number"}, "tag": {"type": "string"}}}},
        "note": {"type": ["string", "null"]},
    }});
    let format = json!({"type": "json_schema", "json_schema": {"name": "order", "schema": schema}});
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": text}], "response_format": format})
}

/// Previews closed up, and the text of the answer.
fn seen(body: &str) -> (Vec<Value>, String) {
    let (mut previews, mut text, mut shown) = (Vec::new(), String::new(), String::new());
    for data in body.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let Ok(chunk) = serde_json::from_str::<Value>(data) else { continue };
        if let Some(preview) = chunk["steersman"].get("preview") {
            shown.push_str(preview["text"].as_str().unwrap());
            previews.push(serde_json::from_str(&format!("{shown}{}", preview["close"].as_str().unwrap())).unwrap());
        }
        text.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
    }
    (previews, text)
}

fn holds(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Array(p), Value::Array(w)) => p.len() <= w.len() && p.iter().zip(w).all(|(p, w)| holds(p, w)),
        (Value::Object(p), Value::Object(w)) => p.iter().all(|(k, v)| w.get(k).is_some_and(|x| holds(v, x))),
        _ => part == whole,
    }
}

#[test]
fn the_value_is_seen_while_its_provider_still_hangs() {
    let script = format!("[default]\nanswer = {{ text = '''{}''' }}\nfault = {{ hang_after_tokens = 12 }}", ANSWERS[0]);
    let house = House::start(&script);
    let body = order("small", true, "an order").to_string();
    let mut stream = TcpStream::connect(house.address).unwrap();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{PREVIEWS}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut lines = BufReader::new(stream).lines();
    assert!(lines.next().unwrap().unwrap().contains("200"));
    let first = lines.map(Result::unwrap).find(|line| line.starts_with("data: ")).unwrap();
    let (previews, text) = seen(&first);
    assert_eq!((previews, text.as_str()), (vec![json!({"kind": "open"})], ""), "the answer itself is held");
}

/// A provider that says the answer of this number, cut in two behind that many bytes: of its text, and of its stream.
fn say(mut client: TcpStream) {
    let mut read = BufReader::new(client.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        read.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).unwrap();
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let said: Vec<usize> =
        asked["messages"][0]["content"].as_str().unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
    let (answer, cut) = (ANSWERS[said[0]], said[1]);
    let head = |kind: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        format!(
            "data: {}\n\n",
            json!({"id": "c", "object": "chat.completion.chunk", "model": "cut", "choices": [choice]})
        )
    };
    if asked["stream"] != true {
        let message = json!({"role": "assistant", "content": answer});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        let whole = json!({"id": "c", "object": "chat.completion", "model": "cut", "choices": [choice]});
        write!(client, "{}{whole}", head("application/json")).unwrap();
        return;
    }
    let (first, rest) = answer.split_at(cut);
    let stream: String = [
        chunk(json!({"role": "assistant", "content": first}), Value::Null),
        chunk(json!({"content": rest}), Value::Null),
        chunk(json!({}), json!("stop")),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    write!(client, "{}", head("text/event-stream")).unwrap();
    let at = cut * stream.len() / answer.len();
    for part in [&stream.as_bytes()[..at], &stream.as_bytes()[at..]] {
        client.write_all(part).unwrap();
        client.flush().unwrap();
    }
}

#[test]
fn no_preview_is_taken_back_wherever_the_answer_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|client| say(client.unwrap())));
    let more = format!(
        "[providers.cut]\nkind = \"openai-compatible\"\nbase_url = \"http://{address}/v1\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"cut\"]\n"
    );
    let house = House::start_with("", &more);
    let mut shown = [0; ANSWERS.len()];
    for (number, answer) in ANSWERS.iter().enumerate() {
        let whole = house.ask(&order("cut", false, &format!("{number} 0"))).json();
        let whole = whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
        let last: Value = serde_json::from_str(&whole).unwrap();
        for cut in (0..=answer.len()).filter(|cut| answer.is_char_boundary(*cut)) {
            let body = order("cut", true, &format!("{number} {cut}")).to_string();
            let streamed = post_with(house.address, "/v1/chat/completions", PREVIEWS, body.as_bytes());
            let (previews, text) = seen(&streamed.body);
            assert_eq!(text, whole, "answer {number} cut at {cut}");
            for preview in &previews {
                assert!(holds(preview, &last), "{preview} was shown of {last}");
            }
            shown[number] += previews.len();
            let plain = post(house.address, "/v1/chat/completions", body.as_bytes());
            assert_eq!(seen(&plain.body).0, Vec::<Value>::new(), "nobody asked");
        }
    }
    assert!(shown.iter().all(|count| *count > 0), "{shown:?}");
    let id = house.log(1)[0]["id"].as_str().unwrap().to_owned();
    assert!(!house.run(&["explain", &id]).is_empty());
}
