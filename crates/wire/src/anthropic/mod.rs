//! The Anthropic Messages dialect: `POST /v1/messages`.

mod answer_decode;
mod answer_encode;
mod decode;
mod encode;
mod error;
mod facts;
mod head;
mod think;
mod usage;

pub use answer_decode::{MessagesAnswerDecoder, decode_answer};
pub use answer_encode::{MessagesAnswerEncoder, encode_answer};
pub use decode::decode_request;
pub use encode::{DEFAULT_MAX_TOKENS, encode_request};
pub use error::{decode_error, encode_error};
pub use facts::MessagesFacts;
pub use head::request_head;

use serde_json::value::RawValue;
use steersman_core::{FinishReason, Reasoning};

use crate::address::Address;
use crate::answer::{Answer, AnswerDecoder, AnswerEncoder, AnswerOptions};
use crate::dialect::{Dialect, functions_of_the_module};
use crate::error::Encoded;
use crate::facts::FactsReader;
use crate::form::Form;
use crate::write::Object;

/// The dialect's name.
pub const NAME: &str = "anthropic.messages";

/// The canonical reason of a `stop_reason`.
fn finish_reason(word: &str) -> FinishReason {
    match word {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::Refusal,
        "pause_turn" => FinishReason::Pause,
        _ => FinishReason::Other,
    }
}

/// The members of a thinking block, redacted or not.
fn write_thinking(thought: &Reasoning, out: &mut Object<'_>) {
    match &thought.redacted {
        Some(data) => {
            out.string("type", "redacted_thinking");
            out.string("data", data);
        }
        None => {
            out.string("type", "thinking");
            out.string("thinking", &thought.text);
            out.string("signature", thought.signature.as_deref().unwrap_or_default());
        }
    }
}

/// The dialect, as an entry of [`crate::DIALECTS`].
#[derive(Debug)]
pub struct AnthropicMessages;

impl Dialect for AnthropicMessages {
    functions_of_the_module!();

    fn address(&self) -> Address {
        Address::Fixed("/messages")
    }

    fn request_headers(&self) -> &'static [&'static str] {
        &["anthropic-version", "anthropic-beta", "idempotency-key"]
    }

    fn form<'a>(&self, format: &'a RawValue) -> Option<Form<'a>> {
        Form::of(format).map(Form::strictly)
    }

    fn encode_answer(&self, answer: &Answer, _options: &AnswerOptions) -> Encoded {
        encode_answer(answer)
    }

    fn answer_decoder(&self) -> Box<dyn AnswerDecoder> {
        Box::new(MessagesAnswerDecoder::default())
    }

    fn answer_encoder(&self, _options: AnswerOptions) -> Box<dyn AnswerEncoder> {
        Box::new(MessagesAnswerEncoder::default())
    }

    fn facts_reader(&self) -> Box<dyn FactsReader> {
        Box::new(MessagesFacts::default())
    }
}
