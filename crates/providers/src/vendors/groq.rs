//! Groq. Source: console.groq.com, OpenAI compatibility.

use crate::Vendor;

pub(super) static GROQ: Vendor =
    Vendor::openai_compatible("groq", "https://api.groq.com/openai/v1", Some("GROQ_API_KEY"));
