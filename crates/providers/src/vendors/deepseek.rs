//! DeepSeek. Source: api-docs.deepseek.com, create chat completion: `max_tokens` only.

use crate::Vendor;

pub(super) static DEEPSEEK: Vendor = Vendor {
    subset: &steersman_structured::DEEPSEEK,
    max_completion_tokens: false,
    ..Vendor::openai_compatible("deepseek", "https://api.deepseek.com/v1", Some("DEEPSEEK_API_KEY"))
};
