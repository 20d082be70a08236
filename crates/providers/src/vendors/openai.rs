//! OpenAI. Source: platform.openai.com, API reference, chat completions.

use crate::Vendor;

pub(super) static OPENAI: Vendor =
    Vendor::openai_compatible("openai", "https://api.openai.com/v1", Some("OPENAI_API_KEY"));
