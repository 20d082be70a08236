//! The dialects, as one slice: whoever adds one adds a module and a line here.

use std::fmt::Debug;

use steersman_core::{ChatRequest, Event};

use crate::answer::{Answer, AnswerDecoder, AnswerEncoder, AnswerOptions};
use crate::error::{DecodeError, EncodeError, Encoded, ErrorBody};
use crate::facts::FactsReader;
use crate::head::RequestHead;
use crate::{anthropic, openai_chat};

/// One wire format, both directions.
pub trait Dialect: Debug + Send + Sync {
    /// Its name: `openai.chat`.
    fn name(&self) -> &'static str;

    /// Its path below a provider's base address, and below ours: `/v1/chat/completions`.
    fn path(&self) -> &'static str;

    /// Headers of a client that go on to a provider of the same dialect, lower case. Keys and cookies are not among them.
    fn request_headers(&self) -> &'static [&'static str];

    /// Reads the head of a request that stays in its dialect.
    ///
    /// # Errors
    /// [`DecodeError`], with the member at fault.
    fn request_head<'a>(&self, body: &'a [u8]) -> Result<RequestHead<'a>, DecodeError>;

    /// Reads a whole request.
    ///
    /// # Errors
    /// [`DecodeError`], with the member at fault.
    fn decode_request(&self, body: &[u8]) -> Result<ChatRequest, DecodeError>;

    /// Writes a whole request.
    ///
    /// # Errors
    /// [`EncodeError`] for what the dialect cannot express and what may not be left out.
    fn encode_request(&self, request: &ChatRequest) -> Result<Encoded, EncodeError>;

    /// Reads an answer that was not streamed.
    ///
    /// # Errors
    /// [`DecodeError`], with the member at fault.
    fn decode_answer(&self, body: &[u8]) -> Result<Vec<Event>, DecodeError>;

    /// Writes an answer that is not streamed.
    fn encode_answer(&self, answer: &Answer, options: &AnswerOptions) -> Encoded;

    /// A reader for one streamed answer.
    fn answer_decoder(&self) -> Box<dyn AnswerDecoder>;

    /// A writer for one streamed answer.
    fn answer_encoder(&self, options: AnswerOptions) -> Box<dyn AnswerEncoder>;

    /// A reader of the facts of one answer that is passed on untouched.
    fn facts_reader(&self) -> Box<dyn FactsReader>;

    /// Reads an error body; `None` if it has no known shape.
    fn decode_error(&self, body: &[u8]) -> Option<ErrorBody>;

    /// Writes an error body.
    fn encode_error(&self, error: &ErrorBody) -> Vec<u8>;
}

/// Every dialect, in the order of the documentation.
pub static DIALECTS: &[&dyn Dialect] = &[&openai_chat::OpenAiChat, &anthropic::AnthropicMessages];

/// The dialect with this name.
#[must_use]
pub fn dialect(name: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|dialect| dialect.name() == name)
}
