//! Usage as the responses API reports it. Its totals are inclusive already, as the canonical ones are.

use serde::Deserialize;
use steersman_core::Usage;

use crate::write::Object;

/// The `usage` member of a response.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WireUsage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Default, Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl WireUsage {
    pub(crate) fn into_canonical(self) -> Usage {
        let input = self.input_tokens_details.unwrap_or_default();
        Usage {
            input_tokens: self.input_tokens,
            cache_read_tokens: input.cached_tokens,
            cache_write_tokens: input.cache_write_tokens,
            output_tokens: self.output_tokens,
            reasoning_tokens: self.output_tokens_details.unwrap_or_default().reasoning_tokens,
        }
    }
}

/// Writes the members of a `usage` object. The SDKs demand the three totals; a detail that is unknown is left out.
pub(super) fn write(usage: &Usage, out: &mut Object<'_>) {
    let (input, output) = (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
    out.value("input_tokens", input);
    out.object("input_tokens_details", |out| {
        out.optional("cached_tokens", usage.cache_read_tokens);
        out.optional("cache_write_tokens", usage.cache_write_tokens);
    });
    out.value("output_tokens", output);
    out.object("output_tokens_details", |out| out.optional("reasoning_tokens", usage.reasoning_tokens));
    out.value("total_tokens", input.saturating_add(output));
}
