//! Tokens of one call, by kind. A kind that the provider did not report is `None`, never zero.

use serde::{Deserialize, Serialize};

/// Token counts as billed. `input_tokens` includes both cache kinds; `output_tokens` includes reasoning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All tokens of the prompt, cached ones included.
    pub input_tokens: Option<u64>,
    /// Of those, read from the provider's prompt cache.
    pub cache_read_tokens: Option<u64>,
    /// Of those, written to the provider's prompt cache (priced apart by some vendors).
    pub cache_write_tokens: Option<u64>,
    /// All tokens produced, hidden reasoning included.
    pub output_tokens: Option<u64>,
    /// Of those, spent on reasoning, shown or hidden.
    pub reasoning_tokens: Option<u64>,
}

impl Usage {
    /// Keeps what is known and takes from `newer` whatever it reports: streams report usage in parts.
    pub fn update(&mut self, newer: &Self) {
        let fields = [
            (&mut self.input_tokens, newer.input_tokens),
            (&mut self.cache_read_tokens, newer.cache_read_tokens),
            (&mut self.cache_write_tokens, newer.cache_write_tokens),
            (&mut self.output_tokens, newer.output_tokens),
            (&mut self.reasoning_tokens, newer.reasoning_tokens),
        ];
        for (known, reported) in fields {
            *known = reported.or(*known);
        }
    }

    /// Input and output together, where both are known.
    #[must_use]
    pub fn total_tokens(&self) -> Option<u64> {
        Some(self.input_tokens?.saturating_add(self.output_tokens?))
    }
}
