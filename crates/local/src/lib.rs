//! A local model behind the OpenAI chat API.
//!
//! A request is prepared (`prepare`: template, tools, constraint), waits for its turn (`slots`), is generated on one
//! thread of its own (`llama`, behind the cargo feature of that name), and is read back into events ([`AnswerReader`])
//! that `steersman-wire` writes. Everything but the generation itself is plain Rust and is tested without weights.
//!
//! What never happens here: a request that cannot be fulfilled is never answered as if it were.

mod answer;
mod calls;
mod facts;
mod http;
mod job;
#[cfg(feature = "llama")]
mod llama;
mod options;
mod prepare;
mod prompt;
mod sampler;
mod serve;
mod slots;
mod stop;
mod template;
mod tools;

pub use answer::AnswerReader;
pub use facts::ModelFacts;
pub use http::{Service, router};
pub use job::{Constraint, Job, JobError, Piece, Sampling, TokenLogprob, Unenforceable};
#[cfg(feature = "llama")]
pub use llama::{BenchReport, EngineOptions, LoadError, LoadedModel, bench};
pub use options::Options;
pub use prepare::{Prepared, Reading, Refusal, prepare};
pub use prompt::{Prompt, Segment};
pub use sampler::{Sampler, logprobs};
pub use serve::{Listen, ServeError, ending, serve};
pub use slots::{Full, Jobs, Slots, Ticket, slots};
pub use stop::{Passed, StopGate};
pub use template::{ChatTemplate, TemplateError, ToolStyle};
