//! Amazon Bedrock: Claude through `InvokeModel`, and other models through Bedrock's OpenAI format.
//!
//! Calls are signed with the keys of an account (Signature Version 4), or carry a Bedrock API key. Sources:
//! docs.aws.amazon.com, Bedrock user guide, "Anthropic Claude Messages API", "Inference using the chat completions API"
//! and "API keys".

use steersman_wire::anthropic::AnthropicMessages;
use steersman_wire::hosted::{BEDROCK_ANTHROPIC, BEDROCK_OPENAI};

use crate::{Family, Vendor};

const ADDRESS: &str = "https://bedrock-runtime.{region}.amazonaws.com";
const KEY: Option<&str> = Some("AWS_BEARER_TOKEN_BEDROCK");

pub(super) static BEDROCK: Vendor = Vendor {
    dialect: &AnthropicMessages,
    hosted: Some(&BEDROCK_ANTHROPIC),
    subset: &steersman_structured::ANTHROPIC,
    family: Family::Bedrock,
    ..Vendor::openai_compatible("bedrock", ADDRESS, KEY)
};

pub(super) static BEDROCK_CHAT: Vendor =
    Vendor { hosted: Some(&BEDROCK_OPENAI), ..Vendor::openai_compatible("bedrock-openai", ADDRESS, KEY) };
