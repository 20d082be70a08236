//! Google Vertex AI: Gemini in its own format, Claude through `rawPredict`, and other models through the OpenAI format.
//!
//! Calls carry an access token: one that a service account fetches and renews, or one that the operator renews in a
//! file. Sources: docs.cloud.google.com, Vertex AI, "generateContent", "Use Claude models" and "Chat completions".

use steersman_wire::anthropic::AnthropicMessages;
use steersman_wire::gemini::Gemini;
use steersman_wire::hosted::{VERTEX_ANTHROPIC, VERTEX_GEMINI, VERTEX_OPENAI};

use crate::{Family, Vendor};

const ADDRESS: &str = "https://{region}-aiplatform.googleapis.com/v1/projects/{project}/locations/{region}";

pub(super) static VERTEX: Vendor =
    Vendor { dialect: &Gemini, hosted: Some(&VERTEX_GEMINI), ..Vendor::openai_compatible("vertex", ADDRESS, None) };

pub(super) static VERTEX_CLAUDE: Vendor = Vendor {
    dialect: &AnthropicMessages,
    hosted: Some(&VERTEX_ANTHROPIC),
    subset: &steersman_structured::ANTHROPIC,
    family: Family::Claude,
    ..Vendor::openai_compatible("vertex-anthropic", ADDRESS, None)
};

pub(super) static VERTEX_CHAT: Vendor =
    Vendor { hosted: Some(&VERTEX_OPENAI), ..Vendor::openai_compatible("vertex-openai", ADDRESS, None) };
