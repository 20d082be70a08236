//! Usage as the chat completions API reports it. Its totals are inclusive already, as the canonical ones are.

use serde::Deserialize;
use steersman_core::Usage;

use crate::write::Object;

/// The `usage` member. Vendors that cache without `prompt_tokens_details` use `prompt_cache_hit_tokens`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WireUsage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_cache_hit_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Default, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default, alias = "cache_creation_tokens")]
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl WireUsage {
    pub(crate) fn into_canonical(self) -> Usage {
        let prompt = self.prompt_tokens_details.unwrap_or_default();
        Usage {
            input_tokens: self.prompt_tokens,
            cache_read_tokens: prompt.cached_tokens.or(self.prompt_cache_hit_tokens),
            cache_write_tokens: prompt.cache_write_tokens,
            output_tokens: self.completion_tokens,
            reasoning_tokens: self.completion_tokens_details.unwrap_or_default().reasoning_tokens,
        }
    }
}

/// Writes the members of a `usage` object. A kind that is unknown is left out, but the three totals the SDKs demand
/// are always there.
pub(super) fn write(usage: &Usage, out: &mut Object<'_>) {
    let (input, output) = (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
    out.value("prompt_tokens", input);
    out.value("completion_tokens", output);
    out.value("total_tokens", input.saturating_add(output));
    if usage.cache_read_tokens.is_some() || usage.cache_write_tokens.is_some() {
        out.object("prompt_tokens_details", |out| {
            out.optional("cached_tokens", usage.cache_read_tokens);
            out.optional("cache_write_tokens", usage.cache_write_tokens);
        });
    }
    if usage.reasoning_tokens.is_some() {
        out.object("completion_tokens_details", |out| out.optional("reasoning_tokens", usage.reasoning_tokens));
    }
}
