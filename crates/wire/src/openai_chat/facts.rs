//! The facts of chat completion chunks and bodies: typed, borrowed, everything else skipped.

use serde::{Deserialize, Deserializer};
use steersman_core::FinishReason;

use super::usage::WireUsage;
use crate::facts::{FactsReader, FrameFacts, Presence, Text, WireError};
use crate::sse;
use crate::usual::Usual;

/// Reads the facts of one chat completion answer. It remembers in which choices a refusal was told (a stream's last
/// chunk says `stop` for it), which of them spoke and which have ended: some providers forget the end marker, and
/// others write it behind an answer that broke off.
#[derive(Debug, Default)]
pub struct ChatFacts {
    /// One bit a choice; those from the 128th on share the last.
    refused: u128,
    spoke: u128,
    ended: u128,
    /// A frame with nothing but text.
    usual: Usual,
}

impl FactsReader for ChatFacts {
    fn frame<'a>(&mut self, data: &'a [u8]) -> Option<FrameFacts<'a>> {
        if data.trim_ascii() == b"[DONE]" {
            return Some(FrameFacts { done: true, cut: self.ended == 0, ..FrameFacts::default() });
        }
        if self.usual.is_like(data) {
            return Some(FrameFacts { has_content: true, ..FrameFacts::default() });
        }
        let facts = self.body(data)?;
        if facts.is_of_content_alone() {
            self.usual.keep(data, &["content", "reasoning_content", "arguments"]);
        }
        Some(facts)
    }

    fn missing_end(&self) -> Option<&'static [u8]> {
        (self.spoke != 0 && self.spoke & !self.ended == 0).then_some(sse::DONE)
    }

    fn body<'a>(&mut self, body: &'a [u8]) -> Option<FrameFacts<'a>> {
        let answer: Answer<'a> = serde_json::from_slice(body).ok()?;
        let mut facts = FrameFacts { id: answer.id.0, model: answer.model.0, ..FrameFacts::default() };
        facts.usage = answer.usage.map(WireUsage::into_canonical);
        facts.usage_only = answer.choices.is_empty() && facts.usage.is_some();
        facts.error = answer.error.map(WireError::facts);
        for (position, choice) in (0..).zip(answer.choices) {
            let index = choice.index.unwrap_or(position);
            let bit = 1_u128 << index.min(127);
            self.spoke |= bit;
            for said in [choice.delta, choice.message].into_iter().flatten() {
                facts.has_content |= said.has_content();
                facts.has_refusal |= said.refusal.0;
                self.refused |= if said.refusal.0 { bit } else { 0 };
            }
            if let Some(word) = choice.finish_reason.0 {
                self.ended |= bit;
                facts.finishes.push((index, finish_reason(&word, self.refused & bit != 0)));
            }
        }
        Some(facts)
    }
}

/// The canonical reason of a `finish_reason`. A refusal ends with `stop`; the text that came before tells it apart.
pub(super) fn finish_reason(word: &str, refused: bool) -> FinishReason {
    match word {
        "stop" if refused => FinishReason::Refusal,
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    choices: smallvec::SmallVec<[Choice<'a>; 1]>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(borrow, default)]
    error: Option<WireError<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    delta: Option<Said>,
    #[serde(default)]
    message: Option<Said>,
    #[serde(borrow, default)]
    finish_reason: Text<'a>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    content: Presence,
    #[serde(default)]
    reasoning_content: Presence,
    #[serde(default)]
    reasoning: Presence,
    #[serde(default)]
    refusal: Presence,
    #[serde(default)]
    tool_calls: Presence,
    #[serde(default)]
    function_call: Presence,
    #[serde(default)]
    audio: Presence,
}

impl Said {
    const fn has_content(&self) -> bool {
        self.content.0
            || self.reasoning_content.0
            || self.reasoning.0
            || self.refusal.0
            || self.tool_calls.0
            || self.function_call.0
            || self.audio.0
    }
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_the_same_whatever_came_before_it_but_for_names_that_were_told() {
        let chunk = |delta: &str, end: &str| {
            format!(r#"{{"id":"c1","model":"m","choices":[{{"index":0,"delta":{{{delta}}},"finish_reason":{end}}}]}}"#)
        };
        let frames = [
            chunk(r#""role":"assistant","content":"""#, "null"),
            chunk(r#""content":"One""#, "null"),
            chunk(r#""content":" two""#, "null"),
            chunk(r#""content":"""#, "null"),
            chunk(r#""content":" \"three\"""#, "null"),
            chunk(r#""content":"x","refusal":"no""#, "null"),
            chunk(r#""content":"y","refusal":null"#, "null"),
            chunk(r#""tool_calls":[{"index":0,"function":{"arguments":"{}"}}]"#, "null"),
            chunk(r#""tool_calls":[{"index":0,"function":{"arguments":" "}}]"#, "null"),
            chunk(r#""content":"z""#, "\"length\""),
            r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#.to_owned(),
            "[DONE]".to_owned(),
        ];
        let (mut reader, mut like) = (ChatFacts::default(), 0);
        for frame in &frames {
            like += usize::from(reader.usual.is_like(frame.as_bytes()));
            let told = reader.frame(frame.as_bytes()).expect("facts");
            let alone = ChatFacts::default().frame(frame.as_bytes()).expect("facts");
            let (id, model) = (alone.id.clone(), alone.model.clone());
            let cut = told.cut;
            assert_eq!(FrameFacts { id, model, ..told }, FrameFacts { cut, ..alone }, "{frame}");
        }
        assert_eq!(like, 2, "the second text and the second piece of arguments");
    }
    #[test]
    fn an_answer_has_ended_once_each_of_its_choices_says_why() {
        let said = |index: u32, end: &str| {
            format!(r#"{{"choices":[{{"index":{index},"delta":{{}},"finish_reason":{end}}}]}}"#)
        };
        let mut reader = ChatFacts::default();
        for (frame, complete) in [
            (said(0, "null"), false),
            (said(1, "null"), false),
            (said(0, "\"stop\""), false),
            (said(1, "\"stop\""), true),
        ] {
            reader.frame(frame.as_bytes()).expect("facts");
            assert_eq!(reader.missing_end().is_some(), complete, "{frame}");
        }
        let end = reader.frame(b"[DONE]").expect("facts");
        assert_eq!((end.done, end.cut), (true, false));
        let mut broken = ChatFacts::default();
        broken.frame(said(0, "null").as_bytes()).expect("facts");
        assert!(broken.frame(b"[DONE]").expect("facts").cut, "a marker says nothing of why");
    }
}
