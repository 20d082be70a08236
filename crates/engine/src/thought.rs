//! How hard a model is to think, and how much it may write: a part of what an arm is.
//!
//! One model under two efforts is two models of the catalogue, with a quality, a cost and a time each. The scale is
//! that of the OpenAI API; each dialect writes it in its own words, records what it had to change, and refuses what it
//! cannot say.
//!
//! What never happens here: an effort that is dropped without a word.

use steersman_core::{ChatRequest, Part};
use steersman_wire::{Answer, Effort};

use crate::forced::Hearing;

/// Effort and output limit of a model of the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thought {
    /// The effort, as a word or as a cap of tokens; `None`: whatever the client asks for.
    pub effort: Option<Effort>,
    /// The most tokens to produce, thinking included; a client that asks for fewer gets fewer.
    pub max_output_tokens: Option<u64>,
}

impl Thought {
    /// Every word of the scale, from the least.
    pub const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh"];

    /// Whether a request must be written anew for it.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.effort.is_some() || self.max_output_tokens.is_some()
    }

    /// Puts it into a request; whether that overrules an effort that the client asked for.
    pub fn apply(&self, request: &mut ChatRequest) -> bool {
        let overrules = self.effort.as_ref().is_some_and(|effort| effort.apply(request));
        if let Some(most) = self.max_output_tokens {
            request.max_output_tokens = Some(request.max_output_tokens.map_or(most, |asked| asked.min(most)));
        }
        overrules
    }
}

/// Whether an answer that was cut at its limit says nothing at all.
pub(crate) fn is_starved(hearing: Hearing, body: &[u8]) -> bool {
    let Ok(events) = hearing.decode(body) else { return false };
    let says = |part: &Part| match part {
        Part::Text(text) | Part::Refusal(text) => !text.trim().is_empty(),
        Part::Reasoning(_) => false,
        _ => true,
    };
    !Answer::collect(&events).choices.iter().any(|choice| choice.parts.iter().any(says))
}
