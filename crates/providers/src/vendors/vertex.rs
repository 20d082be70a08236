//! Google Vertex AI through its OpenAI format: the address names project and place and ends with `/endpoints/openapi`, the
//! key is an access token. Source: cloud.google.com, Vertex AI, chat completions.

use crate::Vendor;

pub(super) static VERTEX: Vendor = Vendor::openai_compatible("vertex", "", None);
