//! `OpenRouter`. Source: openrouter.ai/docs, API reference: `max_tokens` only.

use crate::Vendor;

pub(super) static OPENROUTER: Vendor = Vendor {
    max_completion_tokens: false,
    ..Vendor::openai_compatible("openrouter", "https://openrouter.ai/api/v1", Some("OPENROUTER_API_KEY"))
};
