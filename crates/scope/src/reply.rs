//! What comes back for each tool call of a turn: always one reply, in request order, failures as data.

use steersman_core::{Part, ToolResult};

use crate::budget::OverBudget;
use crate::failure::Cause;
use crate::key::{EffectKey, Slot};

/// Why a call was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No tool has this name.
    #[error("there is no tool `{0}`")]
    NoTool(String),
    /// The arguments cannot be read.
    #[error("{0}")]
    Arguments(String),
    /// The policy or a person said no.
    #[error("not allowed: {0}")]
    Denied(String),
    /// Another call was already sent from this place of the plan.
    #[error("another call was already sent from this step")]
    SlotTaken,
    /// The same read was made too often in this run.
    #[error("this very call was made {0} times in this run; its answer will not change")]
    Repeated(usize),
    /// The last turns repeat each other.
    #[error("the last turns repeat the same {period} turns; do something else or answer")]
    Loop {
        /// How many turns repeat.
        period: usize,
    },
    /// A budget has too little left.
    #[error("{0}")]
    OverBudget(OverBudget),
    /// The ledger cannot be written, so nothing with an effect is sent.
    #[error("effects cannot be recorded now: {0}")]
    LedgerDown(String),
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It was made and this is its output.
    Done,
    /// It was made before a restart or by an earlier request; this is the stored output and nothing was sent.
    Replayed,
    /// The same call was already made at that place of this run; this is its output and nothing was sent.
    Duplicate {
        /// Where the first one stands.
        of: Slot,
    },
    /// The tool said no, or could not be reached. It did not act.
    Failed,
    /// A read took too long.
    TimedOut,
    /// It was cancelled before it was sent, or it is a read.
    Cancelled(Cause),
    /// It may or may not have happened. It is not sent again until somebody resolves it.
    Unknown,
    /// It waits for a person's word.
    Waiting,
    /// It was not made.
    Refused(Refusal),
}

impl Status {
    /// Its word on records and in events.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Replayed => "replayed",
            Self::Duplicate { .. } => "duplicate",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled(_) => "cancelled",
            Self::Unknown => "unknown",
            Self::Waiting => "waiting",
            Self::Refused(_) => "refused",
        }
    }
}

/// The reply to one tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolReply {
    /// The model's id of the call.
    pub call_id: String,
    /// The tool's name, as the model wrote it.
    pub tool: String,
    /// How it ended.
    pub status: Status,
    /// The output, or what went wrong, for the model to read.
    pub text: String,
    /// Its entry in the ledger, if it has one.
    pub effect: Option<EffectKey>,
    /// How often something was sent to the tool for it now.
    pub sends: u32,
}

impl ToolReply {
    /// The reply as a message part for the model.
    #[must_use]
    pub fn to_result(&self) -> ToolResult {
        let is_error = !matches!(self.status, Status::Done | Status::Replayed | Status::Duplicate { .. });
        let text = match &self.status {
            Status::Duplicate { of } => format!("(already done at {of}, not repeated)\n{}", self.text),
            Status::Unknown => format!("outcome unknown, it may have happened; do not repeat it. {}", self.text),
            Status::Waiting => "waits for a person's approval; it has not been done".to_owned(),
            _ => self.text.clone(),
        };
        ToolResult { call_id: self.call_id.clone(), parts: vec![Part::Text(text)], is_error }
    }
}
