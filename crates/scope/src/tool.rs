//! A tool as the runtime sees it: a contract, a way to call it, and, where it has one, a way to ask whether it acted.

use std::time::Duration;

use serde_json::Value;
use steersman_core::{BoxFuture, Contract};

use crate::key::EffectKey;
use crate::scope::Scope;

/// One call, as a tool receives it.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// The effect's key, for a sink that takes one; `None` for reads.
    pub key: Option<EffectKey>,
    /// The arguments.
    pub arguments: Value,
    /// The scope that the call runs in: processes and clean-ups belong there.
    pub scope: Scope,
}

/// Why a call gave no output. What matters is whether the tool may have acted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolFault {
    /// The call never reached the tool. It did not act; trying again is safe.
    #[error("the call did not reach the tool: {0}")]
    NotSent(String),
    /// The tool is overloaded and did not act.
    #[error("the tool refused for now")]
    Throttled {
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The tool answered that it did not act, and why.
    #[error("{0}")]
    Failed(String),
    /// No answer came back in time. It may have acted, or may yet.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// No answer came back. It may have acted.
    #[error("the answer was lost: {0}")]
    Lost(String),
}

/// What a look-up found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It happened; with the output that the tool gave or would have given.
    Happened(String),
    /// It has not happened so far.
    Absent,
    /// The tool cannot be asked.
    Unsupported,
}

/// Something that a model may call.
///
/// Dropping the future of a call must cancel the work as far as the tool can: what needs more than a drop registers a
/// clean-up in the call's scope. Work that may block belongs into a child process.
pub trait Tool: Send + Sync {
    /// What the operator says of it.
    fn contract(&self) -> &Contract;

    /// Calls it once.
    fn call(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<String, ToolFault>>;

    /// Asks whether the effect with this key happened. Only tools whose contract names a look-up are asked.
    fn look_up(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<Lookup, ToolFault>> {
        drop(dispatch);
        Box::pin(async { Ok(Lookup::Unsupported) })
    }
}
