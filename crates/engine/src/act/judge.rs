//! The guard's word on a turn, for the runner: each step is judged with the labels of the conversation it was made
//! from.

use std::sync::{Arc, Mutex, PoisonError};

use steersman_flow::{Decision, ProposedCall};
use steersman_scope::{Authorise, Proposed, Verdict};

use crate::guard::{GuardMode, Guarded};

/// The judge of one run. Without a guard every call is allowed: then the operator has decided so.
#[derive(Default)]
pub(super) struct Judge(Mutex<Option<Arc<Guarded>>>);

impl Judge {
    /// The conversation as it stands in this step.
    pub(super) fn heard(&self, guarded: Option<Arc<Guarded>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = guarded;
    }

    /// The conversation as it stood in the last step.
    pub(super) fn guarded(&self) -> Option<Arc<Guarded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Authorise for Judge {
    fn judge(&self, turn: &[Proposed<'_>]) -> Vec<Verdict> {
        let Some(guarded) = self.guarded().filter(|guarded| guarded.mode == GuardMode::On) else {
            return vec![Verdict::Allow; turn.len()];
        };
        // What stood behind handles is there already.
        let proposed = |call: &Proposed<'_>| {
            ProposedCall::written(&call.contract.name, call.arguments).in_slot(guarded.slot.clone())
        };
        let proposed: Vec<_> = turn.iter().map(proposed).collect();
        let verdict = |decision: Decision| match decision {
            Decision::Allow => Verdict::Allow,
            Decision::Ask(_) => Verdict::Ask,
            Decision::Deny(witness) => Verdict::Deny(witness.rule.to_string()),
        };
        guarded.guard.decide(&proposed).into_iter().map(verdict).collect()
    }

    /// Results of a batch are shown to the model only after the whole of it, so nothing is learnt while it runs.
    fn revision(&self) -> u64 {
        0
    }
}
