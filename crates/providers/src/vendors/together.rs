//! Together. Source: docs.together.ai, OpenAI compatibility: `max_tokens` only.

use crate::Vendor;

pub(super) static TOGETHER: Vendor = Vendor {
    max_completion_tokens: false,
    ..Vendor::openai_compatible("together", "https://api.together.xyz/v1", Some("TOGETHER_API_KEY"))
};
