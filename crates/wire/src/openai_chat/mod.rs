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
pub use encode::encode_request;
pub use error::{decode_error, encode_error};
pub use facts::ChatFacts;
pub use head::request_head;

use steersman_core::Reasoning;

use crate::address::Address;
use crate::answer::{Answer, AnswerDecoder, AnswerEncoder, AnswerOptions};
use crate::dialect::{Dialect, functions_of_the_module};
use crate::error::Encoded;
use crate::facts::FactsReader;
use crate::write::Object;

/// The dialect's name.
pub const NAME: &str = "openai.chat";

/// The member that holds a function's name, in tools and calls.
const NEST: &str = "function";

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
    functions_of_the_module!();

    fn address(&self) -> Address {
        Address::Fixed("/chat/completions")
    }

    fn request_headers(&self) -> &'static [&'static str] {
        // An organisation or a project belongs to a key, and the key is the gateway's.
        &["openai-beta", "x-client-request-id", "idempotency-key"]
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
}
