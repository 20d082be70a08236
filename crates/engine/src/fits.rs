//! Hard filters before any score: can this model take the request at all?
//!
//! What is not said of a model is taken as no limit; a provider that refuses then is a failed attempt, which goes up.
//!
//! What never happens here: a tokeniser. A token is taken as three bytes, which errs towards "too long" in most scripts.

use steersman_core::{ChatRequest, Part};

/// What a model can take, as far as an operator says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Tokens of prompt and answer together.
    pub context_tokens: Option<u64>,
    /// Whether it reads images.
    pub images: Option<bool>,
    /// Whether it calls tools.
    pub tools: Option<bool>,
}

/// An answer whose length nobody names is taken as this long.
const USUAL_ANSWER_TOKENS: u64 = 1_024;
const BYTES_A_TOKEN: u64 = 3;

impl Limits {
    /// Why the request, of so many bytes, does not fit; `None` if it does.
    pub(crate) fn misfit(&self, request: &ChatRequest, bytes: usize) -> Option<String> {
        let mut parts = request.messages.iter().flat_map(|message| &message.parts);
        let has_image = parts.any(|part| matches!(part, Part::Image(_)));
        if self.images == Some(false) && has_image {
            return Some("reads no images".to_owned());
        }
        if self.tools == Some(false) && !request.tools.is_empty() {
            return Some("calls no tools".to_owned());
        }
        let limit = self.context_tokens?;
        // An inline image is many bytes and few tokens; where there is one, length decides nothing.
        let prompt = if has_image { 0 } else { bytes as u64 / BYTES_A_TOKEN };
        let needed = request.max_output_tokens.unwrap_or(USUAL_ANSWER_TOKENS).saturating_add(prompt);
        (needed > limit).then(|| format!("holds {limit} tokens, and this takes about {needed}"))
    }
}
