//! Mistral. Source: docs.mistral.ai, chat completion: `max_tokens` only, and usage comes with every stream unasked.

use crate::Vendor;

pub(super) static MISTRAL: Vendor = Vendor {
    max_completion_tokens: false,
    stream_usage: false,
    ..Vendor::openai_compatible("mistral", "https://api.mistral.ai/v1", Some("MISTRAL_API_KEY"))
};
