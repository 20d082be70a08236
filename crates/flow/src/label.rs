//! The lattice of labels: integrity times readers, joined along data.
//!
//! A label says how far a value may be trusted and who may read it (Denning, "A lattice model of secure information
//! flow", 1976). Joining two labels keeps the lesser trust and the fewer readers, so a value is never better than the
//! worst of what it was made from. `Unknown` lies below `Untrusted`: nobody said anything about its source.
//!
//! What never happens here: no decision. Whether a label is good enough for a sink is asked in `decide`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Who vouches for an attested value. `Many` is the join of two different issuers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Issuer {
    /// The tool with this index in the toolbox.
    Tool(u32),
    /// More than one.
    Many,
}

/// How far a value may be trusted, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// The operator wrote it: system and developer messages, policy, contracts.
    Operator,
    /// The user wrote it.
    User,
    /// A platform vouches for the whole value.
    Attested(Issuer),
    /// Somebody else may have written it.
    Untrusted,
    /// Nobody said anything of its source.
    Unknown,
}

impl Integrity {
    /// Its word in policies and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::User => "user",
            Self::Attested(_) => "attested",
            Self::Untrusted => "untrusted",
            Self::Unknown => "unknown",
        }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Operator => 0,
            Self::User => 1,
            Self::Attested(Issuer::Tool(_)) => 2,
            Self::Attested(Issuer::Many) => 3,
            Self::Untrusted => 4,
            Self::Unknown => 5,
        }
    }

    /// The integrity of something made from both: the lesser. Commutative, associative, idempotent.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Attested(a), Self::Attested(b)) if a != b => Self::Attested(Issuer::Many),
            _ if self.rank() >= other.rank() => self,
            _ => other,
        }
    }

    /// Whether an attacker may have chosen the value.
    #[must_use]
    pub const fn is_tainted(self) -> bool {
        matches!(self, Self::Untrusted | Self::Unknown)
    }
}

/// Who may read a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readers {
    /// Everybody.
    #[default]
    Public,
    /// These principals and the user. The empty set is the user alone.
    Only(Arc<BTreeSet<String>>),
}

impl Readers {
    /// The user alone.
    #[must_use]
    pub(crate) fn user_alone() -> Self {
        Self::Only(Arc::default())
    }

    /// The readers of something made from both: those who may read each.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Public, readers) | (readers, Self::Public) => readers.clone(),
            (Self::Only(a), Self::Only(b)) => Self::Only(Arc::new(a.intersection(b).cloned().collect())),
        }
    }

    /// Whether `principal` may read the value.
    #[must_use]
    pub fn admits(&self, principal: &str) -> bool {
        match self {
            Self::Public => true,
            Self::Only(set) => set.contains(principal),
        }
    }
}

/// A label: integrity and readers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Label {
    /// How far the value may be trusted.
    pub integrity: Integrity,
    /// Who may read it.
    pub readers: Readers,
}

impl Label {
    /// The label of what the operator writes; the identity of [`Label::join`].
    #[must_use]
    pub const fn operator() -> Self {
        Self { integrity: Integrity::Operator, readers: Readers::Public }
    }

    /// A public value of this integrity.
    #[must_use]
    pub const fn public(integrity: Integrity) -> Self {
        Self { integrity, readers: Readers::Public }
    }

    /// The label of something made from both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self { integrity: self.integrity.join(other.integrity), readers: self.readers.join(&other.readers) }
    }

    /// Whether a value so labelled may flow to a place labelled `place`: joining changes nothing there.
    #[must_use]
    pub fn flows_to(&self, place: &Self) -> bool {
        &self.join(place) == place
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn integrity() -> impl Strategy<Value = Integrity> {
        prop_oneof![
            Just(Integrity::Operator),
            Just(Integrity::User),
            (0_u32..3).prop_map(|tool| Integrity::Attested(Issuer::Tool(tool))),
            Just(Integrity::Attested(Issuer::Many)),
            Just(Integrity::Untrusted),
            Just(Integrity::Unknown),
        ]
    }

    fn readers() -> impl Strategy<Value = Readers> {
        prop_oneof![
            Just(Readers::Public),
            proptest::collection::btree_set("[a-d]", 0..4).prop_map(|set| Readers::Only(Arc::new(set))),
        ]
    }

    fn label() -> impl Strategy<Value = Label> {
        (integrity(), readers()).prop_map(|(integrity, readers)| Label { integrity, readers })
    }

    proptest! {
        #[test]
        fn labels_form_a_join_semilattice(a in label(), b in label(), c in label()) {
            prop_assert_eq!(a.join(&b), b.join(&a));
            prop_assert_eq!(a.join(&b).join(&c), a.join(&b.join(&c)));
            prop_assert_eq!(&a.join(&a), &a);
            prop_assert_eq!(Label::operator().join(&a), a);
        }

        #[test]
        fn flow_is_a_partial_order_whose_least_upper_bound_is_the_join(a in label(), b in label(), c in label()) {
            prop_assert!(a.flows_to(&a));
            prop_assert!(a.flows_to(&a.join(&b)) && b.flows_to(&a.join(&b)));
            prop_assert!(!(a.flows_to(&b) && b.flows_to(&a)) || a == b);
            prop_assert!(!(a.flows_to(&b) && b.flows_to(&c)) || a.flows_to(&c));
            prop_assert!(!(a.flows_to(&c) && b.flows_to(&c)) || a.join(&b).flows_to(&c));
        }

        #[test]
        fn whatever_touches_tainted_data_is_tainted_and_no_join_adds_a_reader(a in label(), b in label()) {
            let both = a.join(&b);
            prop_assert!(!(a.integrity.is_tainted() || b.integrity.is_tainted()) || both.integrity.is_tainted());
            for reader in ["a", "b", "c", "d"] {
                prop_assert!(!both.readers.admits(reader) || (a.readers.admits(reader) && b.readers.admits(reader)));
            }
        }
    }
}
