//! What is kept of one side effect, and the state machine that it may walk. Pure: no I/O, no clock.
//!
//! ```text
//! planned -> authorised -> intent -> dispatched -> committed
//!    |            |           |           |------> failed        (definite: it did not happen)
//!    |            |           +-----------+------> unknown -----> committed | failed   (reconciled: says by whom)
//!    +------------+-> void    (other arguments took the slot)  |
//!    +------------+-> failed  (denied)                         +-> intent   (resent, with evidence that this is safe)
//! ```
//!
//! An effect is sent only out of `intent`, and `intent` is durable before anything is sent. Each change names the
//! attempt that it was decided on, so each is one conditional statement: of two that race, one is refused.

use serde::{Deserialize, Serialize};
use steersman_core::{ContentHash, Contract, Effect, Idempotency};

use crate::key::{EffectKey, Slot};

/// What makes a second send safe, as far as the ledger has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// The sink acts once for each key.
    Keyed,
    /// The sink can be asked whether it acted.
    Lookup,
    /// Nothing does.
    Opaque,
}

impl Means {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Keyed, Self::Lookup, Self::Opaque];

    /// Its word in databases and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyed => "keyed",
            Self::Lookup => "lookup",
            Self::Opaque => "opaque",
        }
    }
}

impl From<&Contract> for Means {
    fn from(contract: &Contract) -> Self {
        match contract.idempotency {
            Idempotency::Keyed { .. } => Self::Keyed,
            Idempotency::Lookup { .. } => Self::Lookup,
            Idempotency::Opaque => Self::Opaque,
        }
    }
}

/// Where an effect stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for a person's word.
    Planned,
    /// May be sent.
    Authorised,
    /// May have been sent: written down before the first byte leaves.
    Intent,
    /// Was handed to the tool.
    Dispatched,
    /// Happened.
    Committed,
    /// Did not happen, and will not by this attempt.
    Failed,
    /// May or may not have happened.
    Unknown,
    /// Never sent; other arguments took its slot.
    Void,
}

impl State {
    /// All of them, in the order of an effect's life.
    pub const ALL: [Self; 8] = [
        Self::Planned,
        Self::Authorised,
        Self::Intent,
        Self::Dispatched,
        Self::Committed,
        Self::Failed,
        Self::Unknown,
        Self::Void,
    ];

    /// Its word in databases and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Authorised => "authorised",
            Self::Intent => "intent",
            Self::Dispatched => "dispatched",
            Self::Committed => "committed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Void => "void",
        }
    }
}

/// Who says that an unknown effect happened, or did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// The tool's own answer to the call.
    Answer,
    /// The tool's answer to a look-up.
    Lookup,
    /// A person, by name.
    Person(String),
}

/// Why sending an unknown effect again cannot double it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// It was not sent yet.
    FirstSend,
    /// The sink knows the key and acts once for it.
    Keyed,
    /// The sink was asked, after every earlier send must have ended, and did not act.
    Absent,
    /// A person takes the risk, by name.
    Person(String),
}

/// One step of an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It may be sent; by whose word.
    Authorise(String),
    /// It may not be sent; by whose word.
    Deny(String),
    /// It will be sent now.
    Intend(Evidence),
    /// It was handed to the tool.
    Dispatch,
    /// It happened; with the tool's output.
    Commit(String, Witness),
    /// It did not happen; why. Where an earlier send is in doubt, the tool's own "no" leaves it unknown.
    Fail(String, Witness),
    /// Its outcome was lost; how.
    Lose(String),
    /// Other arguments take its slot.
    Void,
}

impl Change {
    /// Whether the change must be on disk before anybody may act on it.
    #[must_use]
    pub const fn durable(&self) -> bool {
        !matches!(self, Self::Dispatch | Self::Void)
    }

    /// The states out of which the change may happen.
    #[must_use]
    pub fn from(&self) -> &'static [State] {
        match self {
            Self::Authorise(_) => &[State::Planned],
            Self::Deny(_) | Self::Void => &[State::Planned, State::Authorised],
            Self::Intend(Evidence::FirstSend) => &[State::Authorised],
            Self::Intend(_) => &[State::Unknown],
            Self::Dispatch => &[State::Intent],
            Self::Commit(..) | Self::Fail(..) => &[State::Intent, State::Dispatched, State::Unknown],
            Self::Lose(_) => &[State::Intent, State::Dispatched],
        }
    }
}

/// One effect, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectRecord {
    /// Its identity.
    pub key: EffectKey,
    /// What it shares with the same call elsewhere in the run.
    pub twin: EffectKey,
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
    /// Where it stands.
    pub state: State,
    /// How often it was intended to be sent: the version that a change must name.
    pub attempt: u32,
    /// Who intended it last: the epoch of the ledger's owner.
    pub epoch: u64,
    /// Its last owner may still be alive and send it late.
    pub contested: bool,
    /// An earlier send of it is not accounted for, so that a "no" to this one does not speak for that one.
    pub doubt: bool,
    /// What the tool gave, or why it failed, or how the outcome was lost.
    pub detail: String,
    /// By whose word it was authorised or denied.
    pub authorised_by: Option<String>,
    /// Who resolved it after it was unknown.
    pub reconciled_by: Option<Witness>,
    /// When it last changed, in milliseconds since the Unix epoch, by the owner's clock. For people only: no decision
    /// reads it.
    pub changed_at_ms: i64,
}

/// A change that the state machine does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("effect is `{state:?}` at attempt {attempt}; this change needs {needs:?} at attempt {expected}")]
pub struct IllegalChange {
    /// Where the effect stands.
    pub state: State,
    /// Its attempt.
    pub attempt: u32,
    /// The attempt that the change was decided on.
    pub expected: u32,
    /// Where it would have to stand.
    pub needs: &'static [State],
}

impl EffectRecord {
    /// The record after the change. `expected` is the attempt that the change was decided on.
    ///
    /// # Errors
    /// [`IllegalChange`] if the effect stands elsewhere by now.
    pub fn after(&self, expected: u32, change: Change, epoch: u64, now_ms: i64) -> Result<Self, IllegalChange> {
        let needs = change.from();
        if self.attempt != expected || !needs.contains(&self.state) {
            return Err(IllegalChange { state: self.state, attempt: self.attempt, expected, needs });
        }
        let mut next = Self { changed_at_ms: now_ms, ..self.clone() };
        let was_unknown = self.state == State::Unknown;
        match change {
            Change::Authorise(by) => (next.state, next.authorised_by) = (State::Authorised, Some(by)),
            Change::Deny(by) => {
                next.state = State::Failed;
                next.detail = format!("denied by {by}");
                next.authorised_by = Some(by);
            }
            Change::Intend(evidence) => {
                (next.state, next.attempt, next.epoch) = (State::Intent, self.attempt + 1, epoch);
                next.contested = false;
                next.doubt = matches!(evidence, Evidence::Keyed | Evidence::Person(_));
                if let Evidence::Person(name) = evidence {
                    next.authorised_by = Some(name);
                }
            }
            Change::Dispatch => next.state = State::Dispatched,
            Change::Commit(output, by) => {
                (next.state, next.detail) = (State::Committed, output);
                next.reconciled_by = was_unknown.then_some(by);
            }
            Change::Fail(why, Witness::Answer) if self.doubt => (next.state, next.detail) = (State::Unknown, why),
            Change::Fail(why, by) => {
                (next.state, next.detail) = (State::Failed, why);
                next.reconciled_by = was_unknown.then_some(by);
            }
            Change::Lose(how) => (next.state, next.detail) = (State::Unknown, how),
            Change::Void => next.state = State::Void,
        }
        Ok(next)
    }

    /// Whether it may still change.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !matches!(self.state, State::Committed | State::Failed | State::Void)
    }
}

/// The hash that an approval names: of the arguments in canonical form.
#[must_use]
pub fn arguments_hash(arguments: &str) -> ContentHash {
    ContentHash::of(arguments.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(state: State) -> EffectRecord {
        let slot = Slot { run: "run".into(), path: "step".into(), index: 0 };
        EffectRecord {
            key: EffectKey::of(&slot, "pay", "{}"),
            twin: EffectKey::twin(&slot.run, "pay", "{}"),
            slot,
            tool: "pay".into(),
            arguments: "{}".into(),
            effect: Effect::Irreversible,
            means: Means::Keyed,
            state,
            attempt: 0,
            epoch: 0,
            contested: false,
            doubt: false,
            detail: String::new(),
            authorised_by: None,
            reconciled_by: None,
            changed_at_ms: 0,
        }
    }

    fn any_change() -> impl Strategy<Value = Change> {
        let word = || "[a-z]{1,4}".prop_map(String::from);
        prop_oneof![
            word().prop_map(Change::Authorise),
            word().prop_map(Change::Deny),
            Just(Change::Intend(Evidence::FirstSend)),
            Just(Change::Intend(Evidence::Keyed)),
            Just(Change::Intend(Evidence::Absent)),
            Just(Change::Dispatch),
            word().prop_map(|word| Change::Commit(word, Witness::Answer)),
            word().prop_map(|word| Change::Fail(word, Witness::Answer)),
            word().prop_map(Change::Lose),
            Just(Change::Void),
        ]
    }

    proptest! {
        #[test]
        fn every_send_was_authorised_and_every_resend_came_out_of_unknown(changes in proptest::collection::vec(any_change(), 0..40)) {
            let mut now = record(State::Planned);
            for change in changes {
                let Ok(next) = now.after(now.attempt, change.clone(), 1, 1) else { continue };
                if next.state == State::Intent {
                    let evidence = Change::Intend(Evidence::FirstSend) == change;
                    prop_assert_eq!(now.state, if evidence { State::Authorised } else { State::Unknown });
                    prop_assert!(next.authorised_by.is_some());
                }
                prop_assert!(now.is_open(), "an effect that has ended does not change");
                prop_assert!(next.attempt >= now.attempt);
                now = next;
            }
        }

        #[test]
        fn of_two_who_decided_on_the_same_attempt_one_is_refused(first in any_change(), second in any_change(), state in 0..8usize) {
            use State::{Authorised, Committed, Dispatched, Failed, Intent, Planned, Unknown, Void};
            let start = record([Planned, Authorised, Intent, Dispatched, Committed, Failed, Unknown, Void][state]);
            let both_resend = matches!((&first, &second), (Change::Intend(_), Change::Intend(_)));
            if let Ok(after) = start.after(0, first, 1, 1) {
                let both = after.after(0, second, 2, 2).is_ok();
                prop_assert!(!(both && both_resend), "two processes both intend to send");
            }
        }
    }

    #[test]
    fn a_no_to_the_second_send_says_nothing_of_the_first() {
        let lost = record(State::Unknown);
        let again = lost.after(0, Change::Intend(Evidence::Keyed), 1, 1).unwrap();
        assert_eq!(again.after(1, Change::Fail("no".into(), Witness::Answer), 1, 1).unwrap().state, State::Unknown);
        let absent = lost.after(0, Change::Intend(Evidence::Absent), 1, 1).unwrap();
        assert_eq!(absent.after(1, Change::Fail("no".into(), Witness::Answer), 1, 1).unwrap().state, State::Failed);
    }
}
