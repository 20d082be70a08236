//! What a request asks, as one text for all dialects, so that clients of two APIs that ask the same can be seen to.
//!
//! The text is the canonical form with all of its members as Rust prints them, so that no member can be forgotten. A
//! request that has anything beside that form has no such text: only its own dialect knows whether it matters.
//!
//! What never happens here: two requests that differ in more than spelling, blanks and delivery have one text.

use serde_json::value::RawValue;
use steersman_core::{ChatRequest, ResponseFormat};

use crate::extra::is_spelling;
use crate::json::without_blanks;
use crate::openai_responses;

/// What a request asks; how its answer is delivered (streamed, with usage, stored) does not count. `None` if it has
/// members that the canonical form does not model. Cost: one pass over the request.
#[must_use]
pub fn question(mut request: ChatRequest) -> Option<String> {
    let of_responses = request.dialect.take() == Some(openai_responses::NAME);
    let is_delivery = |name: &str| of_responses && name == "store";
    let extra = std::mem::take(&mut request.extra);
    if !extra.iter().all(|(name, _)| is_spelling(name) || is_delivery(name)) {
        return None;
    }
    (request.stream, request.include_usage) = (false, false);
    if let Some(ResponseFormat::JsonSchema { schema, .. }) = &mut request.response_format {
        compact(schema);
    }
    request.tools.iter_mut().filter_map(|tool| tool.parameters.as_mut()).for_each(compact);
    Some(format!("{request:?}"))
}

fn compact(json: &mut Box<RawValue>) {
    // Blanks between tokens mean nothing to JSON: what is left is valid, and if it were not, the text stays as it came.
    if let Ok(compacted) = RawValue::from_string(without_blanks(json.get())) {
        *json = compacted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect;

    fn asks(name: &str, body: &str) -> Option<String> {
        question(dialect(name).expect("a dialect").decode_request(body.as_bytes()).expect("a request"))
    }

    const CHAT: &str = r#"{"model":"m","max_tokens":50,"temperature":0.5,"messages":[{"role":"system","content":"be terse"},{"role":"user","content":"hello"}]}"#;

    #[test]
    fn four_apis_can_ask_the_same() {
        let asked = asks("openai.chat", CHAT).expect("plain");
        for (name, body) in [
            (
                "openai.chat",
                r#"{ "temperature":5e-1,"messages":[{"content":[{"type":"text","text":"be terse"}],"role":"developer"},{"role":"user","content":"hel\u006co"}],"model":"m","max_completion_tokens":50,"stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                "openai.responses",
                r#"{"model":"m","max_output_tokens":50,"temperature":0.5,"instructions":"be terse","input":"hello","store":false}"#,
            ),
            (
                "anthropic.messages",
                r#"{"model":"m","max_tokens":50,"temperature":0.5,"system":"be terse","messages":[{"role":"user","content":"hello"}]}"#,
            ),
            (
                "google.gemini",
                r#"{"model":"m","systemInstruction":{"parts":[{"text":"be terse"}]},"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":{"maxOutputTokens":50,"temperature":0.5}}"#,
            ),
        ] {
            assert_eq!(asks(name, body).as_ref(), Some(&asked), "{name}: {body}");
        }
    }

    #[test]
    fn whatever_could_change_an_answer_is_another_question_or_none_that_can_be_compared() {
        let asked = asks("openai.chat", CHAT);
        for (from, to) in [
            ("hello", "hello "),
            ("\"temperature\":0.5", "\"temperature\":0.25"),
            ("\"temperature\":0.5", "\"user\":\"u1\""),
            ("\"temperature\":0.5", "\"seed\":1"),
            ("\"role\":\"user\"", "\"role\":\"assistant\""),
            ("\"max_tokens\":50", "\"max_tokens\":51"),
        ] {
            assert_ne!(asks("openai.chat", &CHAT.replace(from, to)), asked, "{to}");
        }
        for own in ["\"logit_bias\":{\"7\":1}", "\"metadata\":{\"a\":\"b\"}", "\"verbosity\":\"low\"", "\"new\":1"] {
            assert_eq!(asks("openai.chat", &CHAT.replace("\"temperature\":0.5", own)), None, "{own}");
        }
    }

    #[test]
    fn a_schema_counts_but_for_its_blanks() {
        let with = |schema: &str| {
            CHAT.replace("\"temperature\":0.5", &format!("\"response_format\":{{\"type\":\"json_schema\",\"json_schema\":{{\"name\":\"t\",\"schema\":{schema}}}}}"))
        };
        let plain = asks("openai.chat", &with(r#"{"type":"object","title":"a b"}"#));
        assert_eq!(asks("openai.chat", &with("{ \"type\" : \"object\",\n\"title\":\"a b\" }")), plain);
        assert_ne!(asks("openai.chat", &with(r#"{"type":"object","title":"ab"}"#)), plain);
        assert_ne!(
            asks("openai.chat", &with(r#"{"title":"a b","type":"object"}"#)),
            plain,
            "a model reads it in its order"
        );
    }
}
