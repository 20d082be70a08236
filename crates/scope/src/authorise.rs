//! Who says whether a call may be made: the guard, or nobody. The runtime asks for a whole turn at once, and again just
//! before a send if anything was learnt in between.

use steersman_core::Contract;

use crate::key::Slot;

/// One call that a model proposes, ready to be judged.
#[derive(Debug, Clone)]
pub struct Proposed<'a> {
    /// Its place in the plan.
    pub slot: &'a Slot,
    /// What the operator says of the tool.
    pub contract: &'a Contract,
    /// The arguments in canonical form.
    pub arguments: &'a str,
}

/// The answer to one proposed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Make it.
    Allow,
    /// Ask a person first.
    Ask,
    /// Do not make it; why.
    Deny(String),
}

/// Judges calls. No I/O: a judgement is a look at what is known.
pub trait Authorise: Send + Sync {
    /// Judges one turn, one verdict for each call in order. Results of one call of a turn cannot have influenced
    /// another.
    fn judge(&self, turn: &[Proposed<'_>]) -> Vec<Verdict>;

    /// Counts up whenever what is known changes. A verdict of another revision is asked for again before a send.
    fn revision(&self) -> u64;
}

/// Allows everything: for tools that need no guard.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Authorise for AllowAll {
    fn judge(&self, turn: &[Proposed<'_>]) -> Vec<Verdict> {
        vec![Verdict::Allow; turn.len()]
    }

    fn revision(&self) -> u64 {
        0
    }
}
