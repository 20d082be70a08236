//! The OpenAI responses dialect: `POST /v1/responses`.
//!
//! A conversation here is a list of items, not of messages: what the model thought, said and called stands side by
//! side. Neighbouring items of the model's side are one assistant message of the canonical form, so that parallel calls
//! stay together. Thinking travels sealed in `encrypted_content`; a seal of another provider is marked, so that it
//! finds its way back to whoever made it and is shown to nobody else.

mod answer_decode;
mod answer_encode;
mod decode;
mod encode;
mod error;
mod facts;
mod head;
mod item;
mod seal;
mod usage;

pub use answer_decode::{ResponsesAnswerDecoder, decode_answer};
pub use answer_encode::{ResponsesAnswerEncoder, encode_answer};
pub use decode::decode_request;
pub use encode::encode_request;
pub use facts::ResponsesFacts;
pub use head::request_head;
pub(crate) use seal::is_sealed_here;

use crate::address::Address;
use crate::answer::{Answer, AnswerDecoder, AnswerEncoder, AnswerOptions};
use crate::dialect::{Dialect, functions_of_the_module};
use crate::error::Encoded;
use crate::facts::FactsReader;
use crate::openai_chat::{self, decode_error, encode_error};

/// The dialect's name.
pub const NAME: &str = "openai.responses";

/// The dialect, as an entry of [`crate::DIALECTS`].
#[derive(Debug)]
pub struct OpenAiResponses;

impl Dialect for OpenAiResponses {
    functions_of_the_module!();

    fn address(&self) -> Address {
        Address::Fixed("/responses")
    }

    fn conversation(&self) -> &'static str {
        "input"
    }

    fn request_headers(&self) -> &'static [&'static str] {
        openai_chat::OpenAiChat.request_headers()
    }

    fn encode_answer(&self, answer: &Answer, options: &AnswerOptions) -> Encoded {
        encode_answer(answer, options)
    }

    fn answer_decoder(&self) -> Box<dyn AnswerDecoder> {
        Box::new(ResponsesAnswerDecoder::default())
    }

    fn answer_encoder(&self, options: AnswerOptions) -> Box<dyn AnswerEncoder> {
        Box::new(ResponsesAnswerEncoder::new(&options))
    }

    fn facts_reader(&self) -> Box<dyn FactsReader> {
        Box::new(ResponsesFacts::default())
    }
}
