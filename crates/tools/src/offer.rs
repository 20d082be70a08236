//! One tool as it may be offered to a model: what the server lists, the operator's contract, the pin, and the way to
//! call it.
//!
//! What never happens here: a contract that promises more than the tool can keep. A key that nothing carries, or a
//! look-up that nobody answers, makes no repetition safe; such a tool is opaque.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use steersman_core::{ContentHash, Contract, Idempotency, ToolSpec, canonical_json};
use steersman_scope::{Limiter, Tool};

use crate::lock::Lock;
use crate::schema::{unusable, without_argument};

/// The longest name that every provider takes.
const MAX_NAME_BYTES: usize = 64;

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
    /// No provider would take it: disabled.
    Unusable {
        /// What of it: a word for tables.
        what: &'static str,
        /// Why.
        why: String,
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
            Self::Unusable { what, .. } => what,
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
    /// What its server calls it before people.
    pub title: Option<String>,
    /// What a model sees.
    pub spec: ToolSpec,
    /// What the operator says of it, as far as the tool can keep it, or the worst.
    pub contract: Contract,
    /// Why what the contract says of repeated calls does not hold, so that the tool is opaque.
    pub unkept: Option<String>,
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

/// A tool's name as models see it: every provider takes letters, digits, `_` and `-`, and nothing else.
#[must_use]
pub fn shown_name(prefix: &str, remote: &str) -> String {
    let shown = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    format!("{prefix}{remote}").chars().map(shown).collect()
}

/// What is said of a tool: by its server, and by the operator.
pub(crate) struct Said {
    name: String,
    /// The server's own name of it.
    pub(crate) remote: String,
    pub(crate) contract: Contract,
    has_contract: bool,
    unkept: Option<String>,
}

impl Said {
    /// Reads a listing. `carries` says why a call cannot carry what its contract counts on. `None` for a listing
    /// without a name.
    pub(crate) fn of(
        prefix: &str,
        listed: &Value,
        contracts: &[Contract],
        carries: impl Fn(&Idempotency) -> Result<(), String>,
    ) -> Option<Self> {
        let remote = listed.get("name")?.as_str()?.to_owned();
        let name = shown_name(prefix, &remote);
        let known = contracts.iter().find(|contract| contract.name == name);
        let mut contract = known.cloned().unwrap_or_else(|| Contract::unknown(&name));
        let unkept = carries(&contract.idempotency).err();
        if unkept.is_some() {
            contract.idempotency = Idempotency::Opaque;
        }
        Some(Self { name, remote, contract, has_contract: known.is_some(), unkept })
    }

    /// The tool, as it may be offered.
    pub(crate) fn offer(
        self,
        server: &str,
        lock: &Lock,
        listed: &Value,
        tool: Arc<dyn Tool>,
        limiter: &Limiter,
    ) -> Offer {
        let Self { name, remote, contract, has_contract, unkept } = self;
        let digest = listing_digest(listed);
        let listed_schema = listed.get("inputSchema").filter(|schema| schema.is_object());
        let mut schema = listed_schema.cloned().unwrap_or_else(|| json!({}));
        if let Idempotency::Keyed { argument: Some(argument), .. } = &contract.idempotency {
            schema = without_argument(&schema, argument);
        }
        if let Some(members) = schema.as_object_mut() {
            members.entry("type").or_insert_with(|| json!("object"));
        }
        let standing = match (unusable(&schema), standing(lock, server, &remote, &digest)) {
            (_, standing) if !standing.is_usable() => standing,
            (Some(why), _) => Standing::Unusable { what: "schema unusable", why },
            (None, _) if name.is_empty() || name.len() > MAX_NAME_BYTES => {
                let why = format!("providers take names of 1 to {MAX_NAME_BYTES} characters");
                Standing::Unusable { what: "name unusable", why }
            }
            (None, standing) => standing,
        };
        let text = |key: &str| listed.get(key).and_then(Value::as_str).map(str::to_owned);
        let parameters = RawValue::from_string(schema.to_string()).ok();
        Offer {
            server: server.to_owned(),
            remote,
            title: text("title"),
            spec: ToolSpec { name, description: text("description"), parameters, strict: None },
            contract,
            unkept,
            has_contract,
            digest,
            standing,
            tool,
            limiter: Some(limiter.clone()),
        }
    }
}

/// Where a tool stands against the lock.
fn standing(lock: &Lock, server: &str, remote: &str, digest: &str) -> Standing {
    match lock.digest(server, remote) {
        None => Standing::Unpinned,
        Some(pinned) if pinned == digest => Standing::Pinned,
        Some(pinned) => Standing::Changed { was: pinned.to_owned() },
    }
}
