//! Amazon Bedrock through its OpenAI format, with a Bedrock API key: `https://bedrock-mantle.REGION.api.aws/v1`, or
//! `https://bedrock-runtime.REGION.amazonaws.com/openai/v1`. Source: docs.aws.amazon.com, Bedrock, inference using the chat
//! completions API.

use crate::Vendor;

pub(super) static BEDROCK: Vendor = Vendor::openai_compatible("bedrock", "", Some("AWS_BEARER_TOKEN_BEDROCK"));
