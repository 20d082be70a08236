//! Structured concurrency for LLM pipelines: nothing outlives its scope, no effect happens twice.
//!
//! - [`Scope`]: a tree of work with deadline, budget, grace and an error policy that must be chosen.
//! - [`Limiter`], [`RetryBudget`], [`Backoff`]: the two-layer limiter and how to try again without a storm.
//!
//! What never happens here: no detached task, no unbounded wait on a clean-up, no dropped error.

mod authorise;
mod book;
mod budget;
mod canonical;
mod child;
mod claims;
mod clock;
mod dice;
mod effect;
mod failpoint;
mod failure;
mod gate;
mod journal;
mod key;
mod ledger;
mod limiter;
mod meter;
mod operator;
mod policy;
#[cfg(target_os = "linux")]
mod process;
mod repeats;
mod reply;
mod retry;
mod runner;
mod scope;
mod send;
mod shield;
mod supervisor;
mod sync;
mod tool;
mod writes;

pub use authorise::{AllowAll, Authorise, Proposed, Verdict};
pub use budget::{Amount, Budget, Caps, Hold, Kind, OverBudget};
pub use child::Child;
pub use clock::{Clock, SystemClock};
pub use dice::Dice;
pub use effect::{Change, EffectRecord, Evidence, IllegalChange, Means, State, Witness, arguments_hash};
pub use failpoint::{FAIL_POINTS, Probe};
pub use failure::{CallId, Cause, CleanupFault, CleanupFaultKind, Failure, Failures, Fault, Report};
pub use journal::{DiskFiles, Files, Journal, JournalOptions, OpenError, Opened};
pub use key::{EffectKey, RunId, Slot};
pub use ledger::{Decision, Ledger, LedgerError, NewEffect, Plan, RunOpened, Start, decide};
pub use limiter::{Admission, Limiter, Limits};
pub use operator::{OperatorError, Word};
pub use policy::{BestEffort, Quorum, Uncleaned};
#[cfg(target_os = "linux")]
pub use process::{Process, ProcessError, piped};
pub use reply::{Refusal, Status, ToolReply};
pub use retry::{Backoff, RetryBudget};
pub use runner::{AgentRun, OnCancel, RunError, Runner, RunnerBuilder, RunnerOptions, Turn};
pub use scope::{Root, Scope, ScopeSpec};
pub use shield::ShieldLost;
pub use tool::{Dispatch, Lookup, Tool, ToolFault};
