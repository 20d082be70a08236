//! What a model's answer is made of, as it arrives. An answer that was not streamed is the same events at once.

use serde::{Deserialize, Serialize};

use crate::Usage;

/// Why an answer ended, in the words of the OpenAI API where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model was done, or a stop text came.
    Stop,
    /// The token limit cut the answer.
    Length,
    /// The model wants tools run.
    ToolCalls,
    /// A safety stop of the provider.
    ContentFilter,
    /// The model declined.
    Refusal,
    /// The provider paused a long turn; the client may continue it.
    Pause,
    /// A reason that this house does not know.
    Other,
}

/// One event of an answer. `choice` counts answers from 0 (`n > 1` gives several).
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The provider's id of the answer.
        id: String,
        /// The model that the provider says it served.
        model: String,
    },
    /// More text.
    Text {
        /// Which answer.
        choice: u32,
        /// The new text.
        text: String,
    },
    /// More of a trace of thought.
    Reasoning {
        /// Which answer.
        choice: u32,
        /// The new text.
        text: String,
    },
    /// The end of one thinking block: the provider's signature, or its redacted content.
    ReasoningSeal {
        /// Which answer.
        choice: u32,
        /// The signature over the block.
        signature: Option<String>,
        /// The redacted block, in the provider's encoding.
        redacted: Option<String>,
    },
    /// More of a refusal.
    Refusal {
        /// Which answer.
        choice: u32,
        /// The new text.
        text: String,
    },
    /// A tool call begins.
    ToolCall {
        /// Which answer.
        choice: u32,
        /// The call's position in the answer, from 0.
        index: u32,
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// More of a tool call's arguments.
    ToolArguments {
        /// Which answer.
        choice: u32,
        /// The call's position in the answer.
        index: u32,
        /// The new text.
        text: String,
    },
    /// One answer ends.
    Finish {
        /// Which answer.
        choice: u32,
        /// Why.
        reason: FinishReason,
    },
    /// Something this house does not model (log-probabilities, citations, which stop text came). Another dialect's
    /// encoder cannot express it and says so.
    Foreign {
        /// Which answer, or the stream as a whole.
        choice: Option<u32>,
        /// The dialect that wrote it.
        dialect: &'static str,
        /// What it is, in the words of that dialect.
        name: String,
        /// Its value, as JSON text.
        json: String,
    },
    /// Tokens so far; later reports refine earlier ones.
    Usage(Usage),
    /// The provider reports an error inside a stream.
    Error {
        /// The provider's error type or code.
        kind: String,
        /// The provider's message.
        message: String,
    },
    /// The stream is complete: its end marker was seen.
    Done,
}

impl Event {
    /// Which answer the event belongs to; `None` where it belongs to all.
    #[must_use]
    pub const fn choice(&self) -> Option<u32> {
        match self {
            Self::Text { choice, .. }
            | Self::Reasoning { choice, .. }
            | Self::ReasoningSeal { choice, .. }
            | Self::Refusal { choice, .. }
            | Self::ToolCall { choice, .. }
            | Self::ToolArguments { choice, .. }
            | Self::Finish { choice, .. } => Some(*choice),
            Self::Foreign { choice, .. } => *choice,
            Self::Start { .. } | Self::Usage(_) | Self::Error { .. } | Self::Done => None,
        }
    }
}
