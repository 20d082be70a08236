//! What a person may do with an effect: approve or deny one that waits, resolve one whose outcome is unknown.
//!
//! The same claims hold as for the model's calls, so a person and a running turn never work on one effect together. A
//! person's word is written down with the name before anything is sent.

use std::sync::Arc;

use steersman_core::ContentHash;

use crate::effect::{Change, EffectRecord, Evidence, State, Witness};
use crate::key::EffectKey;
use crate::ledger::{Decision, LedgerError, decide};
use crate::meter::Meter;
use crate::runner::Runner;
use crate::scope::Scope;
use crate::tool::Dispatch;
use crate::writes::{Flight, Sending};

/// What a person says of an effect whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It happened.
    Happened,
    /// It did not happen.
    DidNot,
}

/// Why nothing was done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OperatorError {
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The tool is not there now, so nothing can be sent or asked.
    #[error("the tool `{0}` is not there now")]
    NoTool(String),
    /// A budget has too little left.
    #[error("{0}")]
    OverBudget(String),
}

impl Runner {
    /// All effects that may still change, by key.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn open_effects(&self) -> Result<Vec<EffectRecord>, LedgerError> {
        self.ledger().open_effects().await
    }

    /// One effect.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn effect(&self, key: EffectKey) -> Result<Option<EffectRecord>, LedgerError> {
        self.ledger().effect(key).await
    }

    /// Writes an approval or a denial down. It holds for exactly the arguments whose hash was shown; nothing is sent.
    ///
    /// # Errors
    /// As [`decide`] says.
    pub async fn decide(
        &self,
        key: EffectKey,
        shown: ContentHash,
        decision: Decision,
        by: &str,
    ) -> Result<EffectRecord, LedgerError> {
        decide(self.ledger(), key, shown, decision, by).await
    }

    /// Sends an approved effect, once, unless a turn already has.
    ///
    /// # Errors
    /// [`OperatorError`] if it is not approved, or cannot be sent now.
    pub async fn carry_out_approved(&self, scope: &Scope, key: EffectKey) -> Result<EffectRecord, OperatorError> {
        self.send_again(scope, key, &[State::Authorised], Evidence::FirstSend).await
    }

    /// Sends an effect of unknown outcome once more, on a person's risk.
    ///
    /// # Errors
    /// [`OperatorError`] if its outcome is not unknown, or it cannot be sent now.
    pub async fn resend(&self, scope: &Scope, key: EffectKey, by: &str) -> Result<EffectRecord, OperatorError> {
        self.send_again(scope, key, &[State::Unknown], Evidence::Person(by.to_owned())).await
    }

    /// Tries to find out what became of an effect, by its key or its look-up.
    ///
    /// # Errors
    /// What the ledger says; [`OperatorError::NoTool`].
    pub async fn look_into(&self, scope: &Scope, key: EffectKey) -> Result<EffectRecord, OperatorError> {
        let effect = self.ledger().effect(key).await?.ok_or(LedgerError::NoEffect(key))?;
        let entry = self.entry(&effect.tool).ok_or_else(|| OperatorError::NoTool(effect.tool.clone()))?;
        Ok(self.work_on(scope, Arc::clone(entry), key).await?.unwrap_or(effect))
    }

    /// Takes a person's word for what became of an effect.
    ///
    /// # Errors
    /// [`LedgerError::Moved`] if its outcome is known by now.
    pub async fn mark(&self, key: EffectKey, word: Word, by: &str) -> Result<EffectRecord, LedgerError> {
        let _claim = self.claims().take(key).await;
        let effect = self.ledger().effect(key).await?.ok_or(LedgerError::NoEffect(key))?;
        if effect.state != State::Unknown {
            return Err(LedgerError::Moved(Box::new(effect)));
        }
        let witness = Witness::Person(by.to_owned());
        let change = match word {
            Word::Happened => Change::Commit(format!("done, says {by}"), witness),
            Word::DidNot => Change::Fail(format!("not done, says {by}"), witness),
        };
        self.ledger().advance(key, effect.attempt, change).await
    }

    async fn send_again(
        &self,
        scope: &Scope,
        key: EffectKey,
        from: &[State],
        evidence: Evidence,
    ) -> Result<EffectRecord, OperatorError> {
        let _claim = self.claims().take(key).await;
        let effect = self.ledger().effect(key).await?.ok_or(LedgerError::NoEffect(key))?;
        if !from.contains(&effect.state) {
            return Err(LedgerError::Moved(Box::new(effect)).into());
        }
        let entry = self.entry(&effect.tool).ok_or_else(|| OperatorError::NoTool(effect.tool.clone()))?;
        let meter =
            Meter::reserve(scope, entry.tool.contract()).map_err(|over| OperatorError::OverBudget(over.to_string()))?;
        let arguments = serde_json::from_str(&effect.arguments).unwrap_or_default();
        let dispatch = Dispatch { key: Some(key), arguments, scope: scope.clone() };
        let flight = Flight::default();
        self.record_if_stopped_hard(scope, &flight);
        let intended = self.ledger().advance(key, effect.attempt, Change::Intend(evidence)).await?;
        let sending = Sending { scope, entry, dispatch, meter: &meter, flight: &flight };
        let worked = self.send(intended, &sending).await?;
        Ok(self.reconcile(worked, &sending).await?.effect)
    }
}
