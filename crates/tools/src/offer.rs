//! One tool as it may be offered to a model: what the server lists, the operator's contract, the pin, and the way to
//! call it.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use steersman_core::{ContentHash, Contract, ToolSpec, canonical_json};
use steersman_scope::{Limiter, Tool};

use crate::lock::Lock;

/// Whether a tool may be offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its listing is the reviewed one.
    Pinned,
    /// Nobody has pinned it yet; it is offered under its contract, or as untrusted, irreversible and opaque.
    Unpinned,
    /// Its listing differs from the reviewed one: disabled until it is reviewed.
    Changed {
        /// The reviewed digest.
        was: String,
    },
    /// Another server has a tool of this name: disabled until one of them has a `prefix`.
    Taken {
        /// That server.
        by: String,
    },
}

impl Standing {
    /// Its word in tables.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Unpinned => "unpinned",
            Self::Changed { .. } => "changed",
            Self::Taken { .. } => "name taken",
        }
    }

    /// Whether a model may be offered it.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        matches!(self, Self::Pinned | Self::Unpinned)
    }
}

/// One tool.
#[derive(Clone)]
pub struct Offer {
    /// The server.
    pub server: String,
    /// The server's own name of it.
    pub remote: String,
    /// What a model sees.
    pub spec: ToolSpec,
    /// What the operator says of it, or the worst.
    pub contract: Contract,
    /// Whether the operator said anything.
    pub has_contract: bool,
    /// The digest of its listing.
    pub digest: String,
    /// Whether it may be offered.
    pub standing: Standing,
    /// How it is called.
    pub tool: Arc<dyn Tool>,
    /// What it shares with the other tools of its server.
    pub limiter: Option<Limiter>,
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer").field("name", &self.spec.name).field("standing", &self.standing).finish_non_exhaustive()
    }
}

/// The digest of a listing: everything that a model or a person reads of a tool, in canonical form.
#[must_use]
pub fn listing_digest(listed: &Value) -> String {
    let read = ["name", "title", "description", "inputSchema", "outputSchema"].map(|key| (key, listed.get(key)));
    let kept: serde_json::Map<String, Value> =
        read.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.clone()))).collect();
    ContentHash::of(canonical_json(&Value::Object(kept)).as_bytes()).to_string()
}

/// Where a tool stands against the lock.
pub(crate) fn standing(lock: &Lock, server: &str, remote: &str, digest: &str) -> Standing {
    match lock.digest(server, remote) {
        None => Standing::Unpinned,
        Some(pinned) if pinned == digest => Standing::Pinned,
        Some(pinned) => Standing::Changed { was: pinned.to_owned() },
    }
}

/// What a model sees of a tool.
pub(crate) fn spec(name: &str, description: Option<&str>, schema: &Value) -> ToolSpec {
    let schema = if schema.is_object() { schema.clone() } else { json!({ "type": "object" }) };
    let parameters = RawValue::from_string(schema.to_string()).ok();
    ToolSpec { name: name.to_owned(), description: description.map(str::to_owned), parameters, strict: None }
}

/// The operator's contract of this name, or the worst case.
pub(crate) fn contract(contracts: &[Contract], name: &str) -> (Contract, bool) {
    match contracts.iter().find(|contract| contract.name == name) {
        Some(contract) => (contract.clone(), true),
        None => (Contract::unknown(name), false),
    }
}
