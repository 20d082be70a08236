//! xAI. Source: docs.x.ai, chat completions.

use crate::Vendor;

pub(super) static XAI: Vendor = Vendor::openai_compatible("xai", "https://api.x.ai/v1", Some("XAI_API_KEY"));
