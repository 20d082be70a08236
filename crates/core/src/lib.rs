//! The words of the house.
//!
//! Every room speaks in the types of this crate: what a model said, what it cost, what came of it, what an
//! operator says of a tool, and which code the outside sees when something is refused.
//!
//! What never happens here: no I/O, no clock read behind a caller's back, no async runtime, no wire format.
//! A name that only one dialect uses (`prompt_tokens`) belongs to `steersman-wire`.

mod bank;
mod canonical;
mod code;
mod contract;
mod event;
mod ids;
mod message;
mod money;
mod nearest;
mod outcome;
mod percent;
mod pointer;
mod rates;
mod record;
mod secret;
mod stored;
mod upstream;
mod usage;

pub use bank::{Account, Bank, BankError};
pub use canonical::canonical_json;
pub use code::Code;
pub use contract::{Contract, Effect, Idempotency};
pub use event::{Event, FinishReason};
pub use ids::{ContentHash, ModelName, ProviderName, RequestId, TaskName};
pub use message::{
    ChatRequest, Image, Message, Part, Reasoning, ResponseFormat, Role, ToolCall, ToolChoice, ToolResult, ToolSpec,
};
pub use money::{Price, Usd, picos_to_usd};
pub use nearest::nearest;
pub use outcome::{Layer, Violation};
pub use percent::percent_encoded;
pub use pointer::{pointer_key, pointer_token};
pub use rates::{LongPrompt, RateCard, Rates};
pub use record::{AttemptRecord, Note, OutcomeKind, Recorder, RequestRecord, Timing};
pub use secret::Secret;
pub use stored::StoredResponse;
pub use upstream::{Asked, BoxFuture, ByteStream, Upstream, UpstreamAnswer, UpstreamCall, UpstreamError};
pub use usage::Usage;
