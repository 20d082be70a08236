//! Ollama on this machine. Source: docs.ollama.com, OpenAI compatibility: no key, `max_tokens` only.

use crate::Vendor;

pub(super) static OLLAMA: Vendor = Vendor {
    subset: &steersman_structured::GRAMMAR,
    max_completion_tokens: false,
    ..Vendor::openai_compatible("ollama", "http://127.0.0.1:11434/v1", None)
};
