//! Google Gemini through its OpenAI format. Source: ai.google.dev, OpenAI compatibility.

use crate::Vendor;

pub(super) static GEMINI: Vendor = Vendor::openai_compatible(
    "gemini",
    "https://generativelanguage.googleapis.com/v1beta/openai",
    Some("GEMINI_API_KEY"),
);
