//! The Gemini dialect: `POST /v1beta/models/NAME:generateContent`, and `:streamGenerateContent?alt=sse`; below `/v1`
//! too, where newer SDKs look for it.
//!
//! The path names the model and says whether the answer is streamed; [`crate::Address`] tells how that fits with
//! dialects whose body does. A stream has no end marker: it ends with the chunk in which every candidate has its
//! `finishReason`.
//!
//! Sources (ai.google.dev/gemini-api/docs unless said otherwise): requests, parts, usage and reasons to stop from
//! `/api/generate-content`; tools, `parametersJsonSchema` and ids from `function-calling`; signatures and the word that
//! stands for a missing one from `thought-signatures`; efforts and budgets from `thinking` and `openai`; schemas from
//! `structured-output`; images by address from `file-input-methods`.

mod answer_decode;
mod answer_encode;
mod decode;
mod encode;
mod error;
mod facts;
mod head;
mod parts;
mod schema;
mod seal;
mod think;
mod usage;

pub use answer_decode::{GeminiAnswerDecoder, decode_answer};
pub use answer_encode::{GeminiAnswerEncoder, encode_answer};
pub use decode::decode_request;
pub use encode::encode_request;
pub use error::{decode_error, encode_error};
pub use facts::GeminiFacts;
pub use head::request_head;
pub(crate) use seal::is_sealed_here;

use serde_json::value::RawValue;
use steersman_core::{FinishReason, Role};

use crate::address::{Address, ByModel};
use crate::answer::{Answer, AnswerDecoder, AnswerEncoder, AnswerOptions};
use crate::dialect::{Dialect, functions_of_the_module};
use crate::error::Encoded;
use crate::facts::FactsReader;
use crate::form::{Form, SchemaForm};
use crate::head::present;
use crate::json::RawObject;

/// The dialect's name.
pub const NAME: &str = "google.gemini";

/// The path of a call at home; clouds that host it put something before.
pub const PATH: ByModel =
    ByModel { before: "/models/", whole: ":generateContent", stream: ":streamGenerateContent?alt=sse" };

/// How ids of calls begin that the provider gave none; they do not go back to it.
const OWN_ID: &str = "call_gemini_";

/// The canonical reason of a `finishReason`. Calls end with `STOP`; what came before tells them apart.
fn finish_reason(word: &str, called: bool) -> FinishReason {
    match word {
        "STOP" if called => FinishReason::ToolCalls,
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_RECITATION"
        | "IMAGE_PROHIBITED_CONTENT"
        | "MODEL_ARMOR" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

/// Whether a `finishReason` says that the model's own words were of no use: there is no answer, and the same question
/// mostly has one.
fn is_failure(word: &str) -> bool {
    matches!(word, "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "MALFORMED_RESPONSE")
}

/// The word of a reason.
const fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::ToolCalls => "STOP",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ContentFilter | FinishReason::Refusal => "SAFETY",
        FinishReason::Pause | FinishReason::Other => "OTHER",
    }
}

/// The dialect, as an entry of [`crate::DIALECTS`].
#[derive(Debug)]
pub struct Gemini;

impl Dialect for Gemini {
    functions_of_the_module!();

    fn root(&self) -> &'static str {
        "/v1beta"
    }

    fn other_root(&self) -> Option<&'static str> {
        Some("/v1")
    }

    fn address(&self) -> Address {
        Address::ByModel(PATH)
    }

    fn conversation(&self) -> &'static str {
        "contents"
    }

    fn turn(&self, role: Role, text: &str) -> String {
        let role = if role == Role::Assistant { "model" } else { "user" };
        serde_json::json!({ "role": role, "parts": [{ "text": text }] }).to_string()
    }

    fn request_headers(&self) -> &'static [&'static str] {
        &["x-goog-api-client"]
    }

    fn form<'a>(&self, config: &'a RawValue) -> Option<Form<'a>> {
        let config = RawObject::of(config).ok()?.in_camel_case();
        let schema = schema::asked(|key| present(&config, key))?;
        Some(Form::Schema(SchemaForm { schema, strict: true, name: None, description: None }))
    }

    fn encode_answer(&self, answer: &Answer, _options: &AnswerOptions) -> Encoded {
        encode_answer(answer)
    }

    fn answer_decoder(&self) -> Box<dyn AnswerDecoder> {
        Box::new(GeminiAnswerDecoder::default())
    }

    fn answer_encoder(&self, _options: AnswerOptions) -> Box<dyn AnswerEncoder> {
        Box::new(GeminiAnswerEncoder::default())
    }

    fn facts_reader(&self) -> Box<dyn FactsReader> {
        Box::new(GeminiFacts::default())
    }
}
