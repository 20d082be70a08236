//! OpenAI, asked through its responses API alone: some models answer nowhere else. Also for other servers of that
//! format. It takes no key by itself, so that a key in the environment gives one provider and not two.
//!
//! Source: platform.openai.com, API reference, responses.

use steersman_wire::openai_responses::OpenAiResponses;

use crate::Vendor;

pub(super) static OPENAI_RESPONSES: Vendor = Vendor {
    dialect: &OpenAiResponses,
    subset: &steersman_structured::OPENAI,
    ..Vendor::openai_compatible("openai-responses", "https://api.openai.com/v1", None)
};
