//! The facts of Messages events and bodies: typed, borrowed, everything else skipped.

use serde::Deserialize;

use super::finish_reason;
use super::usage::WireUsage;
use crate::facts::{FactsReader, FrameFacts, Presence, Text, WireError};
use crate::usual::Usual;

/// Reads the facts of one Messages answer. It remembers the usage reported so far, since totals need all parts.
#[derive(Debug, Default)]
pub struct MessagesFacts {
    usage: WireUsage,
    /// A frame with nothing but text.
    usual: Usual,
}

impl FactsReader for MessagesFacts {
    fn frame<'a>(&mut self, data: &'a [u8]) -> Option<FrameFacts<'a>> {
        if self.usual.is_like(data) {
            return Some(FrameFacts { has_content: true, ..FrameFacts::default() });
        }
        let facts = self.body(data)?;
        if facts.is_of_content_alone() {
            self.usual.keep(data, &["text", "thinking", "partial_json"]);
        }
        Some(facts)
    }

    fn body<'a>(&mut self, data: &'a [u8]) -> Option<FrameFacts<'a>> {
        let said: Said<'a> = serde_json::from_slice(data).ok()?;
        let mut facts = FrameFacts { done: said.kind.0.as_deref() == Some("message_stop"), ..FrameFacts::default() };
        facts.has_content = said.content.0;
        facts.error = said.error.map(WireError::facts);
        let (mut id, mut model, mut stop, mut usage) = (said.id, said.model, said.stop_reason, said.usage);
        if let Some(message) = said.message {
            (id, model, usage) = (message.id, message.model, message.usage.or(usage));
        }
        if let Some(delta) = said.delta {
            facts.has_content |= delta.text.0 || delta.thinking.0 || delta.partial_json.0 || delta.signature.0;
            stop = delta.stop_reason;
        }
        if let Some(block) = said.content_block {
            // Text and thinking blocks open empty; all others say something by being there.
            let opens_empty = matches!(block.kind.0.as_deref(), Some("text" | "thinking"));
            facts.has_content |= !opens_empty || block.text.0 || block.thinking.0;
        }
        (facts.id, facts.model) = (id.0, model.0);
        if let Some(word) = stop.0 {
            facts.finishes.push((0, finish_reason(&word)));
        }
        if let Some(usage) = usage {
            self.usage.update(&usage);
            facts.usage = Some(self.usage.canonical());
        }
        Some(facts)
    }
}

/// An event, or a whole message: their members do not collide.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(default)]
    content: Presence,
    #[serde(borrow, default)]
    stop_reason: Text<'a>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    error: Option<WireError<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(default)]
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(default)]
    text: Presence,
    #[serde(default)]
    thinking: Presence,
    #[serde(default)]
    partial_json: Presence,
    #[serde(default)]
    signature: Presence,
    #[serde(borrow, default)]
    stop_reason: Text<'a>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    text: Presence,
    #[serde(default)]
    thinking: Presence,
}
