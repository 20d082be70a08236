//! The OpenAI chat completions dialect: `POST /v1/chat/completions`.
//!
//! Beyond OpenAI's own API it speaks two conventions that compatible vendors and clients share: `reasoning_content` for
//! visible thinking, and `thinking_blocks` for thinking that a provider signs and wants back.

mod answer_decode;
mod answer_encode;
mod decode;
mod encode;
mod error;
mod facts;
mod head;
mod usage;

pub use answer_decode::{ChatAnswerDecoder, decode_answer};
pub use answer_encode::{ChatAnswerEncoder, encode_answer};
pub use decode::decode_request;
pub(crate) use decode::image_of;
pub use encode::encode_request;
pub use error::{decode_error, encode_error};
pub use facts::ChatFacts;
pub use head::request_head;

use std::borrow::Cow;

use steersman_core::{ChatRequest, Event, Reasoning, Role};

use crate::answer::{Answer, AnswerDecoder, AnswerEncoder, AnswerOptions};
use crate::dialect::{Dialect, Served};
use crate::error::{DecodeError, EncodeError, Encoded, ErrorBody};
use crate::facts::FactsReader;
use crate::head::RequestHead;
use crate::write::Object;

/// The dialect's name.
pub const NAME: &str = "openai.chat";

/// The members of one thinking block, as the convention has it (the shape is Anthropic's).
fn write_thinking_block(out: &mut Object<'_>, thought: &Reasoning) {
    match &thought.redacted {
        Some(data) => {
            out.string("type", "redacted_thinking");
            out.string("data", data);
        }
        None => {
            out.string("type", "thinking");
            out.string("thinking", &thought.text);
            out.optional("signature", thought.signature.as_deref());
        }
    }
}

/// The dialect, as an entry of [`crate::DIALECTS`].
#[derive(Debug)]
pub struct OpenAiChat;

impl Dialect for OpenAiChat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn served(&self) -> Served {
        Served::At("/v1/chat/completions")
    }

    fn call_path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        Cow::Borrowed("/chat/completions")
    }

    fn conversation(&self) -> &'static str {
        "messages"
    }

    fn turn(&self, role: Role, text: &str) -> String {
        let role = if role == Role::Assistant { "assistant" } else { "user" };
        serde_json::json!({ "role": role, "content": text }).to_string()
    }

    fn request_headers(&self) -> &'static [&'static str] {
        &["openai-organization", "openai-project", "openai-beta", "x-client-request-id", "idempotency-key"]
    }

    fn request_head<'a>(&self, body: &'a [u8]) -> Result<RequestHead<'a>, DecodeError> {
        request_head(body)
    }

    fn decode_request(&self, body: &[u8]) -> Result<ChatRequest, DecodeError> {
        decode_request(body)
    }

    fn encode_request(&self, request: &ChatRequest) -> Result<Encoded, EncodeError> {
        encode_request(request)
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Vec<Event>, DecodeError> {
        decode_answer(body)
    }

    fn encode_answer(&self, answer: &Answer, options: &AnswerOptions) -> Encoded {
        encode_answer(answer, options)
    }

    fn answer_decoder(&self) -> Box<dyn AnswerDecoder> {
        Box::new(ChatAnswerDecoder::default())
    }

    fn answer_encoder(&self, options: AnswerOptions) -> Box<dyn AnswerEncoder> {
        Box::new(ChatAnswerEncoder::new(options))
    }

    fn facts_reader(&self) -> Box<dyn FactsReader> {
        Box::new(ChatFacts::default())
    }

    fn decode_error(&self, body: &[u8]) -> Option<ErrorBody> {
        decode_error(body)
    }

    fn encode_error(&self, error: &ErrorBody) -> Vec<u8> {
        encode_error(error)
    }
}
