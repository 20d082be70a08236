//! Anthropic. Source: docs.anthropic.com, Messages API; the version header is required.

use steersman_wire::anthropic;

use crate::{Auth, Family, Vendor};

pub(super) static ANTHROPIC: Vendor = Vendor {
    name: "anthropic",
    dialect: &anthropic::AnthropicMessages,
    also: &[],
    hosted: None,
    subset: &steersman_structured::ANTHROPIC,
    base_url: "https://api.anthropic.com/v1",
    key_env: Some("ANTHROPIC_API_KEY"),
    auth: Auth::Header("x-api-key"),
    family: Family::Claude,
    headers: &[("anthropic-version", "2023-06-01")],
    max_completion_tokens: true,
    stream_usage: true,
};
