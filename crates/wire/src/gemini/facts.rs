//! The facts of Gemini chunks and bodies: typed, borrowed, everything else skipped.

use serde::Deserialize;
use steersman_core::FinishReason;

use super::usage::WireUsage;
use super::{finish_reason, is_failure};
use crate::facts::{ErrorFacts, FactsReader, FrameFacts, Presence, Text, WireError};

/// Reads the facts of one Gemini answer. It remembers which candidates spoke, called and ended: the wire has no end
/// marker.
#[derive(Debug, Default)]
pub struct GeminiFacts {
    candidates: Vec<Seen>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    spoke: bool,
    called: bool,
    ended: bool,
}

impl FactsReader for GeminiFacts {
    fn frame<'a>(&mut self, data: &'a [u8]) -> Option<FrameFacts<'a>> {
        let chunk: Chunk<'a> = serde_json::from_slice(data).ok()?;
        let mut facts = FrameFacts { id: chunk.response_id.0, model: chunk.model_version.0, ..FrameFacts::default() };
        facts.usage = chunk.usage_metadata.map(WireUsage::canonical);
        facts.error = chunk.error.map(WireError::facts);
        for (position, candidate) in (0..).zip(chunk.candidates) {
            let index = candidate.index.unwrap_or(position);
            // A provider's index is data, not a size: beyond 128 candidates they share the last state.
            let slot = usize::try_from(index).unwrap_or(usize::MAX).min(127);
            if self.candidates.len() <= slot {
                self.candidates.resize(slot + 1, Seen::default());
            }
            let Some(seen) = self.candidates.get_mut(slot) else { continue };
            seen.spoke = true;
            for part in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
                seen.called |= part.function_call.0;
                facts.has_content |= part.says_something();
            }
            if let Some(word) = candidate.finish_reason.0 {
                seen.ended = true;
                if is_failure(&word) {
                    let message = candidate.finish_message.0.unwrap_or_else(|| word.clone());
                    facts.error = Some(ErrorFacts { kind: word, message });
                } else {
                    facts.finishes.push((index, finish_reason(&word, seen.called)));
                }
            }
        }
        let blocked = chunk.prompt_feedback.is_some_and(|feedback| feedback.block_reason.0.is_some());
        if blocked && self.candidates.is_empty() {
            self.candidates.push(Seen { spoke: true, called: false, ended: true });
            facts.finishes.push((0, FinishReason::ContentFilter));
        }
        let mut spoken = self.candidates.iter().filter(|seen| seen.spoke).peekable();
        facts.done = spoken.peek().is_some() && spoken.all(|seen| seen.ended);
        Some(facts)
    }

    fn body<'a>(&mut self, body: &'a [u8]) -> Option<FrameFacts<'a>> {
        self.frame(body)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow, default)]
    response_id: Text<'a>,
    #[serde(borrow, default)]
    model_version: Text<'a>,
    #[serde(borrow, default)]
    candidates: Vec<Candidate<'a>>,
    #[serde(borrow, default)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(default)]
    usage_metadata: Option<WireUsage>,
    #[serde(borrow, default)]
    error: Option<WireError<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    content: Option<Content>,
    #[serde(borrow, default)]
    finish_reason: Text<'a>,
    #[serde(borrow, default)]
    finish_message: Text<'a>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(default)]
    text: Presence,
    #[serde(default)]
    thought_signature: Presence,
    #[serde(default)]
    function_call: Presence,
    #[serde(default)]
    inline_data: Presence,
    #[serde(default)]
    executable_code: Presence,
    #[serde(default)]
    code_execution_result: Presence,
}

impl Part {
    const fn says_something(&self) -> bool {
        self.text.0
            || self.thought_signature.0
            || self.function_call.0
            || self.inline_data.0
            || self.executable_code.0
            || self.code_execution_result.0
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow, default)]
    block_reason: Text<'a>,
}
