//! The published corpus: the golden transcripts, each with what it means, in one file that any gateway can be run
//! against. `STEERSMAN_WRITE_CORPUS=1 cargo test -p steersman-wire --test corpus` writes it anew.

use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::Bytes;
use serde_json::{Value, json};
use steersman_core::{Event, Part};
use steersman_wire::sse::SseDecoder;
use steersman_wire::{Answer, Dialect, dialect};

fn events(dialect: &dyn Dialect, streamed: bool, bytes: &[u8]) -> Vec<Event> {
    if !streamed {
        return dialect.decode_answer(bytes).expect("an answer of the dialect");
    }
    let (mut frames, mut decoder) = (SseDecoder::new(1 << 20), dialect.answer_decoder());
    frames.push(Bytes::copy_from_slice(bytes));
    let mut events = Vec::new();
    while let Some(frame) = frames.next_frame().expect("small frames") {
        if let Some(data) = frame.data() {
            events.extend(decoder.frame(frame.event(), data).expect("a frame of the dialect"));
        }
    }
    events
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({ "text": text }),
        Part::Refusal(text) => json!({ "refusal": text }),
        Part::ToolCall(call) => {
            json!({ "tool_call": { "id": call.id, "name": call.name, "arguments": call.arguments } })
        }
        Part::Reasoning(thought) => {
            json!({ "thinking": { "text": thought.text, "signature": thought.signature, "redacted": thought.redacted } })
        }
        other => json!({ "other": format!("{other:?}") }),
    }
}

fn line(name: &str, dialect: &dyn Dialect, streamed: bool, bytes: &[u8]) -> Value {
    let answer = Answer::collect(&events(dialect, streamed, bytes));
    let choices = answer.choices.iter().map(
        |choice| json!({ "parts": choice.parts.iter().map(part).collect::<Vec<_>>(), "finish_reason": choice.finish }),
    );
    json!({
        "name": name, "dialect": dialect.name(), "streamed": streamed, "bytes": String::from_utf8_lossy(bytes),
        "meaning": {
            "id": answer.id, "model": answer.model, "choices": choices.collect::<Vec<_>>(), "usage": answer.usage,
            "error": answer.error, "complete": answer.complete,
        },
    })
}

#[test]
fn the_published_corpus_is_what_the_readers_say() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("tests/golden"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let mut corpus = String::new();
    for path in files {
        let (stem, kind) = (path.file_stem().expect("a name").to_string_lossy(), path.extension().unwrap_or_default());
        let streamed = kind == "sse";
        if !streamed && kind != "json" {
            continue;
        }
        let native = match stem.split_once('_') {
            Some(("openai", _)) => "openai.chat",
            Some(("responses", _)) => "openai.responses",
            Some(("gemini", _)) => "google.gemini",
            _ => "anthropic.messages",
        };
        let bytes = std::fs::read(&path).expect("a file");
        writeln!(corpus, "{}", line(&stem, dialect(native).expect("a dialect"), streamed, &bytes)).expect("memory");
    }
    let published = root.join("../../testdata/wire/corpus.jsonl");
    if std::env::var_os("STEERSMAN_WRITE_CORPUS").is_some() {
        std::fs::write(&published, &corpus).expect("the corpus is written");
    }
    let found = std::fs::read_to_string(published).expect("the corpus");
    assert!(found == corpus, "testdata/wire/corpus.jsonl has drifted; the head of this file says how it is written");
}
