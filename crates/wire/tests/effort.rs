//! One scale of effort: every word has a place in every dialect, as itself, as another word that is recorded, or not at all.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use serde_json::{Value, json};
use steersman_wire::{Dialect, dialect, openai_chat};

const WORDS: [&str; 6] = ["none", "minimal", "low", "medium", "high", "xhigh"];

/// What a dialect writes for a word, for this model, and whether it says that it changed something.
fn written(name: &str, model: &str, word: &str, at: &str) -> (Value, bool) {
    let body = json!({ "model": model, "max_tokens": 9, "reasoning_effort": word, "messages": [{ "role": "user", "content": "x" }] });
    let request = openai_chat::OpenAiChat.decode_request(body.to_string().as_bytes()).unwrap();
    let encoded = dialect(name).unwrap().encode_request(&request).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let changed = encoded.losses.iter().any(|loss| loss.param == "reasoning_effort");
    (body.pointer(at).cloned().unwrap_or(Value::Null), changed)
}

#[test]
fn each_dialect_says_every_effort_in_its_own_words_and_tells_what_it_changed() {
    let kept = |words: [Value; 6]| words.map(|word| (word, false));
    let told = |words: [Value; 6], changed: &[usize]| {
        let mut place = 0..;
        words.map(|word| (word, place.next().is_some_and(|place| changed.contains(&place))))
    };
    let as_said = || WORDS.map(Value::from);
    let cases = [
        ("openai.chat", "o3-mini", "/reasoning_effort", kept(as_said())),
        ("openai.responses", "o3-mini", "/reasoning/effort", kept(as_said())),
        (
            "anthropic.messages",
            "claude",
            "/output_config/effort",
            told([Value::Null, "low".into(), "low".into(), "medium".into(), "high".into(), "xhigh".into()], &[1]),
        ),
        (
            "anthropic.messages",
            "claude",
            "/thinking/type",
            told(
                ["disabled"; 1]
                    .map(Value::from)
                    .into_iter()
                    .chain(["adaptive"; 5].map(Value::from))
                    .collect::<Vec<_>>()
                    .try_into()
                    .unwrap(),
                &[1],
            ),
        ),
        (
            "google.gemini",
            "gemini-2.5-flash",
            "/generationConfig/thinkingConfig/thinkingBudget",
            told([0.into(), 1_024.into(), 1_024.into(), 8_192.into(), 24_576.into(), 24_576.into()], &[5]),
        ),
        (
            "google.gemini",
            "gemini-3-pro",
            "/generationConfig/thinkingConfig/thinkingLevel",
            told(["minimal", "minimal", "low", "medium", "high", "high"].map(Value::from), &[0, 5]),
        ),
    ];
    for (name, model, at, expected) in cases {
        for (word, expected) in WORDS.into_iter().zip(expected) {
            assert_eq!(written(name, model, word, at), expected, "`{word}` in {name} at {at}");
        }
    }
}

#[test]
fn a_word_that_is_no_effort_is_refused_where_the_dialect_has_a_closed_list() {
    let body = json!({ "model": "claude", "max_tokens": 9, "reasoning_effort": "extreme", "messages": [{ "role": "user", "content": "x" }] });
    let request = openai_chat::OpenAiChat.decode_request(body.to_string().as_bytes()).unwrap();
    let refused = dialect("anthropic.messages").unwrap().encode_request(&request).unwrap_err();
    assert!(refused.to_string().contains("reasoning_effort"), "{refused}");
}
