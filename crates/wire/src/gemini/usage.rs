//! Usage as Gemini reports it: thoughts and what tools put into the prompt are counted apart from the rest.

use serde::Deserialize;
use steersman_core::Usage;

use crate::write::Object;

/// The counts of `usageMetadata` that the canonical form has.
pub(super) const COUNTS: &[&str] = &[
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "cachedContentTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "totalTokenCount",
];

/// The member `usageMetadata`.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireUsage {
    #[serde(default)]
    prompt_token_count: Option<u64>,
    #[serde(default)]
    tool_use_prompt_token_count: Option<u64>,
    #[serde(default)]
    cached_content_token_count: Option<u64>,
    #[serde(default)]
    candidates_token_count: Option<u64>,
    #[serde(default)]
    thoughts_token_count: Option<u64>,
}

impl WireUsage {
    /// The canonical counts: output includes thoughts. A count of zero is left out on this wire.
    pub(super) fn canonical(self) -> Usage {
        let tools = self.tool_use_prompt_token_count.unwrap_or(0);
        let output = match (self.candidates_token_count, self.thoughts_token_count) {
            (None, None) => None,
            (said, thought) => Some(said.unwrap_or(0).saturating_add(thought.unwrap_or(0))),
        };
        Usage {
            input_tokens: self.prompt_token_count.map(|prompt| prompt.saturating_add(tools)),
            cache_read_tokens: self.cached_content_token_count,
            cache_write_tokens: None,
            output_tokens: output,
            reasoning_tokens: self.thoughts_token_count,
        }
    }
}

/// Writes the members of `usageMetadata`.
pub(super) fn write(usage: &Usage, out: &mut Object<'_>) {
    out.optional("promptTokenCount", usage.input_tokens);
    out.optional("cachedContentTokenCount", usage.cache_read_tokens);
    let said = usage.output_tokens.map(|output| output.saturating_sub(usage.reasoning_tokens.unwrap_or(0)));
    out.optional("candidatesTokenCount", said);
    out.optional("thoughtsTokenCount", usage.reasoning_tokens);
    out.optional("totalTokenCount", usage.total_tokens());
}
