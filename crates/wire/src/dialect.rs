//! The dialects, as one slice: whoever adds one adds a module and a line here.

use std::borrow::Cow;
use std::fmt::Debug;

use serde_json::value::RawValue;
use steersman_core::{ChatRequest, Event, Role};

use crate::address::{Address, Named};
use crate::answer::{Answer, AnswerDecoder, AnswerEncoder, AnswerOptions};
use crate::error::{DecodeError, EncodeError, Encoded, ErrorBody};
use crate::facts::FactsReader;
use crate::form::Form;
use crate::head::RequestHead;
use crate::{anthropic, gemini, openai_chat, openai_responses};

/// The methods of a dialect that its module has as functions of the same names.
macro_rules! functions_of_the_module {
    () => {
        fn name(&self) -> &'static str {
            NAME
        }

        fn request_head<'a>(&self, body: &'a [u8]) -> Result<crate::RequestHead<'a>, crate::DecodeError> {
            request_head(body)
        }

        fn decode_request(&self, body: &[u8]) -> Result<steersman_core::ChatRequest, crate::DecodeError> {
            decode_request(body)
        }

        fn encode_request(&self, request: &steersman_core::ChatRequest) -> Result<crate::Encoded, crate::EncodeError> {
            encode_request(request)
        }

        fn decode_answer(&self, body: &[u8]) -> Result<Vec<steersman_core::Event>, crate::DecodeError> {
            decode_answer(body)
        }

        fn decode_error(&self, body: &[u8]) -> Option<crate::ErrorBody> {
            decode_error(body)
        }

        fn encode_error(&self, error: &crate::ErrorBody) -> Vec<u8> {
            encode_error(error)
        }
    };
}
pub(crate) use functions_of_the_module;

/// One wire format, both directions.
pub trait Dialect: Debug + Send + Sync {
    /// Its name: `openai.chat`.
    fn name(&self) -> &'static str;

    /// The path of its version, which ends a provider's base address and begins our own paths: `/v1`.
    fn root(&self) -> &'static str {
        "/v1"
    }

    /// Another version's path that clients use.
    fn other_root(&self) -> Option<&'static str> {
        None
    }

    /// Where its calls go, below the version.
    fn address(&self) -> Address;

    /// The path of a call below a provider's base address: `/chat/completions`.
    fn call_path(&self, model: &str, stream: bool) -> Cow<'static, str> {
        self.address().path(model, stream)
    }

    /// What a path and query of ours say of a call; `None` where the body says it, and for a path that is not its own.
    fn named(&self, path_and_query: &str) -> Option<Named> {
        match self.address() {
            Address::Fixed(_) => None,
            Address::ByModel(form) => {
                let mut roots = [Some(self.root()), self.other_root()].into_iter().flatten();
                roots.find_map(|root| form.read(path_and_query.strip_prefix(root)?))
            }
        }
    }

    /// The member of a request that holds the conversation, a list.
    fn conversation(&self) -> &'static str {
        "messages"
    }

    /// One turn of a conversation as an element of that list: JSON text. Anyone but the assistant speaks as the user.
    fn turn(&self, role: Role, text: &str) -> String {
        let role = if role == Role::Assistant { "assistant" } else { "user" };
        serde_json::json!({ "role": role, "content": text }).to_string()
    }

    /// Headers of a client that go on to a provider of the same dialect, lower case. Keys and cookies are not among
    /// them.
    fn request_headers(&self) -> &'static [&'static str];

    /// Reads the head of a request that stays in its dialect.
    ///
    /// # Errors
    /// [`DecodeError`], with the member at fault.
    fn request_head<'a>(&self, body: &'a [u8]) -> Result<RequestHead<'a>, DecodeError>;

    /// The form that the answer is asked for in, told by [`RequestHead::response_format`]; `None` for free text.
    fn form<'a>(&self, format: &'a RawValue) -> Option<Form<'a>> {
        Form::of(format)
    }

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
pub static DIALECTS: &[&dyn Dialect] =
    &[&openai_chat::OpenAiChat, &openai_responses::OpenAiResponses, &anthropic::AnthropicMessages, &gemini::Gemini];

/// The dialect with this name.
#[must_use]
pub fn dialect(name: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|dialect| dialect.name() == name)
}

/// The dialect that is served at this path, query included or not. Where a dialect has a version of its own, all below
/// is its.
#[must_use]
pub fn dialect_at(path_and_query: &str) -> Option<&'static dyn Dialect> {
    let path = path_and_query.split('?').next().unwrap_or_default();
    DIALECTS.iter().copied().find(|dialect| {
        let below = |root: Option<&str>| path.strip_prefix(root?);
        match dialect.address() {
            Address::Fixed(own) => below(Some(dialect.root())) == Some(own),
            Address::ByModel(form) => {
                below(Some(dialect.root())).is_some_and(|rest| rest.starts_with('/'))
                    || below(dialect.other_root()).is_some_and(|rest| form.fits(rest))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_header_that_belongs_to_a_key_goes_on_with_another() {
        let keys = ["authorization", "cookie", "x-api-key", "x-goog-api-key"];
        let bound = [&keys[..], &["openai-organization", "openai-project", "x-goog-user-project"]].concat();
        for dialect in DIALECTS {
            assert!(dialect.request_headers().iter().all(|name| !bound.contains(name)), "{dialect:?}");
        }
    }

    #[test]
    fn all_below_a_version_of_its_own_is_a_dialects() {
        let name = |path| dialect_at(path).map(Dialect::name);
        for path in ["/v1beta/files", "/v1beta/models/m:countTokens?alt=json", "/v1/models/m:generateContent"] {
            assert_eq!(name(path), Some(gemini::NAME), "{path}");
        }
        assert_eq!((name("/v1/files"), name("/v1/models/m"), name("/v1betas/x")), (None, None, None));
    }
}
