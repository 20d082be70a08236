//! The tool contract: what an operator says of a tool, in one line. The tool runtime and the guard read the same one.
//!
//! A contract is the operator's word and never the server's: hints that a tool server gives about itself are not
//! read here. A tool without a contract is untrusted, irreversible and opaque ([`Contract::unknown`]).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a call does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing; may be repeated.
    Read,
    /// Changes something that can be changed back.
    Write,
    /// Cannot be taken back: money sent, mail sent, data deleted.
    Irreversible,
}

/// What makes a repeated call safe.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Idempotency {
    /// The tool takes a key, in this HTTP header or argument, and acts once for each key.
    Keyed {
        /// The HTTP header that carries the key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        header: Option<String>,
        /// The argument that carries the key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        argument: Option<String>,
    },
    /// Another tool answers whether the effect with a given key happened.
    Lookup {
        /// The name of that tool.
        tool: String,
    },
    /// Nothing is known; a lost answer leaves the effect `Unknown`.
    #[default]
    Opaque,
}

/// One tool's contract. In files, one table a tool; every field but `name` and `effect` has a safe default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// The tool's name as the model sees it.
    pub name: String,
    /// What a call does to the world.
    pub effect: Effect,
    /// What makes a repeated call safe.
    #[serde(default)]
    pub idempotency: Idempotency,
    /// Arguments that say who or what is touched: recipients, ids, paths, amounts, URLs.
    #[serde(default, alias = "sinks")]
    pub sink: Vec<String>,
    /// Free arguments: bodies, titles, notes.
    #[serde(default)]
    pub content: Vec<String>,
    /// Whether its output may carry text that an attacker wrote.
    #[serde(default = "yes")]
    pub untrusted: bool,
    /// Output fields whose *whole* value the platform itself guarantees, by field name; `[]` stands for the
    /// elements of a bare list, `*` for everything.
    #[serde(default)]
    pub attested: Vec<String>,
    /// Whether its output is private to the user (bars it from sinks that others read).
    #[serde(default)]
    pub private: bool,
    /// What one call costs, in nano-dollars, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<crate::Usd>,
    /// How long one call may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How often a call that is safe to repeat may be tried in all.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub attempts: u32,
}

impl Contract {
    /// The contract of a tool of which nobody said anything: untrusted, irreversible, opaque, all arguments sinks.
    #[must_use]
    pub fn unknown(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            effect: Effect::Irreversible,
            idempotency: Idempotency::Opaque,
            sink: Vec::new(),
            content: Vec::new(),
            untrusted: true,
            attested: Vec::new(),
            private: false,
            cost: None,
            timeout_ms: None,
            attempts: 1,
        }
    }

    /// Whether an argument is a sink. One that the contract does not name as content is: forgetting a line fails
    /// closed.
    #[must_use]
    pub fn is_sink(&self, argument: &str) -> bool {
        !self.content.iter().any(|name| name == argument)
    }

    /// The time one call may take, if the operator set one.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }
}

const fn yes() -> bool {
    true
}

const fn one() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_one(n: &u32) -> bool {
    *n == 1
}
