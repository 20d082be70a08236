//! Usage as the Messages API reports it, in parts and exclusive of caches, to the inclusive canonical form and back.

use serde::Deserialize;
use steersman_core::Usage;

use crate::write::Object;

/// The counts of one `usage` member, or of all seen so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct WireUsage {
    /// Tokens of the prompt that no cache had a part in.
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
struct OutputDetails {
    #[serde(default)]
    thinking_tokens: Option<u64>,
}

impl WireUsage {
    /// Takes over what a later report says. Streams report the prompt first and the output last; the sum needs both.
    pub(crate) fn update(&mut self, newer: &Self) {
        self.input_tokens = newer.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens = newer.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = newer.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.output_tokens = newer.output_tokens.or(self.output_tokens);
        self.output_tokens_details = newer.output_tokens_details.or(self.output_tokens_details);
    }

    /// The canonical counts: input includes both cache kinds.
    pub(crate) fn canonical(&self) -> Usage {
        let cached =
            self.cache_creation_input_tokens.unwrap_or(0).saturating_add(self.cache_read_input_tokens.unwrap_or(0));
        Usage {
            input_tokens: self.input_tokens.map(|fresh| fresh.saturating_add(cached)),
            cache_read_tokens: self.cache_read_input_tokens,
            cache_write_tokens: self.cache_creation_input_tokens,
            output_tokens: self.output_tokens,
            reasoning_tokens: self.output_tokens_details.and_then(|details| details.thinking_tokens),
        }
    }
}

/// Writes the members of a `usage` object. The two that the SDKs demand are always there.
pub(super) fn write(usage: &Usage, out: &mut Object<'_>) {
    let cached = usage.cache_read_tokens.unwrap_or(0).saturating_add(usage.cache_write_tokens.unwrap_or(0));
    out.value("input_tokens", usage.input_tokens.unwrap_or(0).saturating_sub(cached));
    out.optional("cache_creation_input_tokens", usage.cache_write_tokens);
    out.optional("cache_read_input_tokens", usage.cache_read_tokens);
    out.value("output_tokens", usage.output_tokens.unwrap_or(0));
    if usage.reasoning_tokens.is_some() {
        out.object("output_tokens_details", |out| out.optional("thinking_tokens", usage.reasoning_tokens));
    }
}
