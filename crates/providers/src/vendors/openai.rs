//! OpenAI. Source: platform.openai.com, API reference, chat completions and responses.

use steersman_wire::openai_responses::OpenAiResponses;

use crate::Vendor;

pub(super) static OPENAI: Vendor = Vendor {
    also: &[&OpenAiResponses],
    subset: &steersman_structured::OPENAI,
    ..Vendor::openai_compatible("openai", "https://api.openai.com/v1", Some("OPENAI_API_KEY"))
};
