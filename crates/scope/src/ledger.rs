//! The ledger's face: what the tool runtime needs of whoever keeps effects, and nothing about how they are kept.
//!
//! Every method is one conditional statement, for a journal file, SQLite and Postgres alike. `Ok` from a change that
//! [must be durable](Change::durable) means: it is on disk, and this instance was the sole owner after it was.

use std::error::Error;
use std::io;
use std::sync::Arc;

use steersman_core::{BoxFuture, ContentHash, Effect};

use crate::effect::{Change, EffectRecord, Means, State};
use crate::key::{EffectKey, RunId, Slot};

/// An effect that is to be written down for the first time.
#[derive(Debug, Clone)]
pub struct NewEffect {
    /// Where it stands in the plan.
    pub slot: Slot,
    /// The tool.
    pub tool: String,
    /// The arguments in canonical form.
    pub arguments: String,
    /// What the call does to the world.
    pub effect: Effect,
    /// What makes a second send safe.
    pub means: Means,
    /// Where it starts.
    pub start: Start,
}

impl NewEffect {
    /// The effect as it is first written: waiting, or intended by the owner of this epoch.
    #[must_use]
    pub fn record(self, epoch: u64, now_ms: i64) -> EffectRecord {
        let key = EffectKey::of(&self.slot, &self.tool, &self.arguments);
        let twin = EffectKey::twin(&self.slot.run, &self.tool, &self.arguments);
        let (state, attempt, epoch, authorised_by) = match self.start {
            Start::Waiting => (State::Planned, 0, 0, None),
            Start::Sending(by) => (State::Intent, 1, epoch, Some(by)),
        };
        EffectRecord {
            key,
            twin,
            slot: self.slot,
            tool: self.tool,
            arguments: self.arguments,
            effect: self.effect,
            means: self.means,
            state,
            attempt,
            epoch,
            contested: false,
            doubt: false,
            detail: String::new(),
            authorised_by,
            reconciled_by: None,
            changed_at_ms: now_ms,
        }
    }
}

/// Where a new effect starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// `planned`: a person must decide.
    Waiting,
    /// `intent`, in one step with `authorised`: the policy (by this name) allows it and it is sent at once.
    Sending(String),
}

/// What came of planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// It was written down. It stands where it was asked to start, or at `unknown` if the journal lost records of this
    /// run.
    New(EffectRecord),
    /// This very effect is known already.
    Known(EffectRecord),
    /// The same call stands elsewhere in the run: not ended, or irreversible and done without a grant to repeat it.
    Twin(EffectRecord),
    /// Another call was already sent from this slot.
    Conflict(EffectRecord),
}

/// What came of opening a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOpened {
    /// It is new.
    New,
    /// It is known, with the same request: go on where it stands.
    Known,
    /// It is known with another request; nothing was changed.
    OtherRequest,
}

/// Why the ledger refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// The effect stands elsewhere than the change needs. Holds where.
    #[error("effect `{}` is `{:?}` by now", .0.key, .0.state)]
    Moved(Box<EffectRecord>),
    /// No effect has this key.
    #[error("no effect `{0}`")]
    NoEffect(EffectKey),
    /// The run was not opened, or is closed.
    #[error("no open run `{0}`")]
    NoRun(RunId),
    /// The approval names other arguments than the effect has.
    #[error("the arguments are not those that were shown for approval")]
    OtherArguments,
    /// Another instance took the ledger over.
    #[error("the ledger has a new owner, epoch {by}")]
    Fenced {
        /// The new owner's epoch.
        by: u64,
    },
    /// Another gateway that lives works on the run.
    #[error("another gateway works on the run `{0}`")]
    Elsewhere(RunId),
    /// The database refused; nothing was changed.
    #[error("the ledger's database refused: {0}")]
    Database(#[source] Arc<dyn Error + Send + Sync>),
    /// The disk failed; nothing is written any more until the ledger is opened anew.
    #[error("the ledger cannot be written: {0}")]
    Storage(io::ErrorKind),
    /// The ledger is closed.
    #[error("the ledger is closed")]
    Closed,
}

/// A keeper of effects.
pub trait Ledger: Send + Sync {
    /// Opens a run, or finds it. `request` is the hash of what the client asked for.
    fn open_run<'a>(&'a self, run: &'a RunId, request: ContentHash) -> BoxFuture<'a, Result<RunOpened, LedgerError>>;

    /// Closes a run: no new effects until it is opened again. What it did stays known.
    fn close_run<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// Lets go of a run without waiting, so that another instance may take it up. Nothing to do where there is but one.
    fn let_go(&self, _run: &RunId) {}

    /// Drops a closed run and its effects. The same request would act anew after this, so no clock decides it but
    /// whoever knows how long clients may repeat a request. [`LedgerError::Moved`] names an effect of it that is still
    /// open.
    fn forget_run<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// Writes a new effect down unless it, its twin or its slot stand in the way.
    fn plan(&self, new: NewEffect) -> BoxFuture<'_, Result<Plan, LedgerError>>;

    /// Changes an effect that stands at this attempt and in a state that the change allows.
    fn advance(&self, key: EffectKey, attempt: u32, change: Change)
    -> BoxFuture<'_, Result<EffectRecord, LedgerError>>;

    /// Notes that an intended effect was handed to its tool, without waiting. For people only: no decision reads it.
    fn dispatched(&self, key: EffectKey, attempt: u32);

    /// Allows the same irreversible call once more in its run, by a person's word.
    fn grant_repeat(&self, twin: EffectKey) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// One effect.
    fn effect(&self, key: EffectKey) -> BoxFuture<'_, Result<Option<EffectRecord>, LedgerError>>;

    /// All effects that may still change, by key.
    fn open_effects(&self) -> BoxFuture<'_, Result<Vec<EffectRecord>, LedgerError>>;

    /// Those of them that no living instance works on.
    fn orphans(&self) -> BoxFuture<'_, Result<Vec<EffectRecord>, LedgerError>> {
        self.open_effects()
    }
}

/// A person's decision on an effect that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may be sent.
    Approve,
    /// It may not.
    Deny,
}

/// Writes a person's decision down. It holds for exactly the arguments whose hash was shown.
///
/// # Errors
/// [`LedgerError::OtherArguments`] if the effect has other arguments, [`LedgerError::Moved`] if it does not wait any
/// more.
pub async fn decide(
    ledger: &dyn Ledger,
    key: EffectKey,
    shown: ContentHash,
    decision: Decision,
    by: &str,
) -> Result<EffectRecord, LedgerError> {
    let effect = ledger.effect(key).await?.ok_or(LedgerError::NoEffect(key))?;
    if crate::effect::arguments_hash(&effect.arguments) != shown {
        return Err(LedgerError::OtherArguments);
    }
    if effect.state != State::Planned {
        return Err(LedgerError::Moved(Box::new(effect)));
    }
    let change = match decision {
        Decision::Approve => Change::Authorise(by.to_owned()),
        Decision::Deny => Change::Deny(by.to_owned()),
    };
    ledger.advance(key, effect.attempt, change).await
}
