//! Each dialect of the LLM APIs, written once: requests, answers, stream events and errors, to the canonical form of
//! `steersman-core` and back.
//!
//! The HTTP surface, the providers and the simulator all speak through this crate. A request that stays in its dialect
//! does not pass through the canonical form: [`json`] indexes its bytes and splices the few members that change.
//! What one dialect says and another cannot express is a typed error or a named loss, never silence.
//!
//! What never happens here: no I/O, no clock, no runtime, no randomness.

pub mod eventstream;
pub mod hosted;
pub mod json;
pub mod sigv4;
pub mod sse;

mod address;
mod answer;
pub mod anthropic;
mod aside;
mod dialect;
mod effort;
mod error;
mod extra;
mod facts;
mod fields;
mod fingerprint;
mod foreign;
mod form;
pub mod gemini;
mod head;
mod likelihood;
mod openai;
pub mod openai_chat;
pub mod openai_responses;
mod question;
mod retry;
mod usual;
mod write;

pub use address::{Address, ByModel, Named};
pub use answer::{Answer, AnswerDecoder, AnswerEncoder, AnswerOptions, Choice, WHOLE_PART};
pub use dialect::{DIALECTS, Dialect, dialect, dialect_at};
pub use effort::Effort;
pub use error::{DecodeError, EncodeError, Encoded, ErrorBody, Loss};
pub use facts::{ErrorFacts, FactsReader, Finishes, FrameFacts};
pub use fingerprint::fingerprint;
pub use foreign::{Foreign, Unseen, foreign, unseen};
pub use form::{Form, SchemaForm};
pub use head::RequestHead;
pub use likelihood::{ask_likelihood, likelihood, without_likelihood};
pub use question::question;
pub use retry::retry_delay;
