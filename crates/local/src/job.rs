//! What passes between the protocol and the inference thread.
//!
//! A [`Job`] is all text and numbers: a rendered prompt, how to sample, what the output must match. The answer comes
//! back as [`Piece`]s over a bounded channel that is large enough for the longest answer the job may give, so a slow
//! reader never holds the inference thread; dropping the receiver cancels the job between two tokens.

use serde_json::Value;
use steersman_core::{Code, FinishReason};
use tokio::sync::mpsc;

use crate::prompt::Prompt;

/// One generation, as the inference thread sees it.
#[derive(Debug)]
pub struct Job {
    /// The rendered conversation.
    pub prompt: Prompt,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// What the output must match, if anything.
    pub constraint: Option<Constraint>,
    /// How many answers, at least 1.
    pub choices: u32,
    /// The most tokens in each answer.
    pub max_tokens: u32,
    /// Texts that end an answer and are not part of it.
    pub stop: Vec<String>,
    /// How many alternatives to report beside each token's log probability; `None` reports neither.
    pub top_logprobs: Option<usize>,
    /// Where the pieces go.
    pub pieces: mpsc::Sender<Piece>,
}

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token.
    pub temperature: f32,
    /// The probability mass of the nucleus, in (0, 1].
    pub top_p: f32,
    /// Taken from a token's logit for each time that it was produced.
    pub frequency_penalty: f32,
    /// Taken from a token's logit once it was produced.
    pub presence_penalty: f32,
    /// Where the random sequence begins.
    pub seed: u64,
}

/// A JSON Schema that the output is forced to follow, token by token.
#[derive(Debug, Clone)]
pub struct Constraint {
    /// The schema.
    pub schema: Value,
    /// What to do about a keyword that cannot be enforced.
    pub unenforceable: Unenforceable,
    /// The request's field that the schema came from, for error messages.
    pub param: &'static str,
}

/// What to do about a schema keyword that decoding cannot enforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unenforceable {
    /// Refuse the request.
    Refuse,
    /// Decode within a superset of the schema, and say in the answer what was left out.
    Report,
}

/// A part of the answer to a [`Job`].
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// The job was taken up; the prompt is about to be read.
    Started {
        /// All tokens of the prompt.
        input_tokens: u64,
        /// Of those, already in the cache from the job before.
        cached_tokens: u64,
        /// What of the constraint is not enforced.
        unenforced: Vec<String>,
    },
    /// One token. Its text may be empty while a character or a stop text is incomplete.
    Token {
        /// Which answer.
        choice: u32,
        /// New text that is safe to show.
        text: String,
        /// The token's log probability, if asked for.
        logprob: Option<TokenLogprob>,
    },
    /// One answer is complete.
    Finished {
        /// Which answer.
        choice: u32,
        /// `Stop` or `Length`.
        reason: FinishReason,
        /// Tokens that were produced for it, the one that ended it included.
        tokens: u64,
    },
    /// All answers are complete.
    Done,
    /// The job ends here.
    Failed(JobError),
}

/// A token's log probability under the model, before temperature, penalties and constraint.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    /// The token's bytes.
    pub bytes: Vec<u8>,
    /// Its natural log probability.
    pub logprob: f32,
    /// The likeliest tokens with theirs, best first.
    pub top: Vec<(Vec<u8>, f32)>,
}

/// Why a job gave no answer, or only a part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The prompt leaves no room for an answer.
    #[error("the prompt has {tokens} tokens, which does not fit into this model's context of {context_tokens}")]
    PromptTooLong {
        /// The prompt's length.
        tokens: usize,
        /// The context window.
        context_tokens: u32,
    },
    /// The schema cannot be enforced.
    #[error("the schema cannot be enforced while decoding: {reason}")]
    Schema {
        /// The request's field that the schema came from.
        param: &'static str,
        /// What the compiler of the schema says.
        reason: String,
    },
    /// The constraint broke while the answer was written.
    #[error("constrained decoding broke off: {0}")]
    Constraint(String),
    /// llama.cpp refused to evaluate a batch.
    #[error("the model could not be evaluated: {0}")]
    Evaluate(String),
}

impl JobError {
    /// The row of the code table, and the request's field at fault.
    #[must_use]
    pub fn code(&self) -> (&'static Code, Option<&'static str>) {
        match self {
            Self::PromptTooLong { .. } => (Code::INVALID_REQUEST, Some("messages")),
            Self::Schema { param, .. } => (Code::UNSUPPORTED, Some(param)),
            Self::Constraint(_) | Self::Evaluate(_) => (Code::INTERNAL, None),
        }
    }
}
