//! vLLM, served by the operator. Source: docs.vllm.ai, OpenAI-compatible server.

use crate::Vendor;

pub(super) static VLLM: Vendor = Vendor {
    subset: &steersman_structured::GRAMMAR,
    ..Vendor::openai_compatible("vllm", "http://127.0.0.1:8000/v1", None)
};
