//! The names of runs, of places in a run and of effects: the same after a restart, and when the model plans again.
//!
//! What never happens here: a name that depends on when it was made, or on an id that a model chose.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A run of an agent: one client request with all its steps. The same after a restart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Arc<str>);

impl From<&str> for RunId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where in a run's plan a call stands. The same when the model is asked again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// The run.
    pub run: RunId,
    /// The scopes inside the run down to the step, by name.
    pub path: Arc<str>,
    /// The call's place in the step, from 0.
    pub index: u32,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}[{}]", self.run, self.path, self.index)
    }
}

/// The identity of an effect: BLAKE3 of run, path, slot, tool and canonical arguments. A sink that takes keys gets it
/// as text, 64 hexadecimal digits. The model's own call id is no part of it, since that changes when the model plans
/// again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EffectKey([u8; 32]);

impl EffectKey {
    /// The key of this call.
    #[must_use]
    pub fn of(slot: &Slot, tool: &str, arguments: &str) -> Self {
        let index = slot.index.to_le_bytes();
        hash(
            "steersman effect key 1",
            &[slot.run.0.as_bytes(), slot.path.as_bytes(), &index, tool.as_bytes(), arguments.as_bytes()],
        )
    }

    /// The key of the same call anywhere in the run: what makes two calls twins.
    #[must_use]
    pub fn twin(run: &RunId, tool: &str, arguments: &str) -> Self {
        hash("steersman effect twin 1", &[run.0.as_bytes(), tool.as_bytes(), arguments.as_bytes()])
    }

    /// Its bytes, as databases keep it.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for EffectKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Hashes parts with their lengths, so that no two lists of parts run together into the same bytes.
fn hash(context: &str, parts: &[&[u8]]) -> EffectKey {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(part);
    }
    EffectKey(hasher.finalize().into())
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<EffectKey> for String {
    fn from(key: EffectKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for EffectKey {
    type Error = blake3::HexError;
    fn try_from(hex: String) -> Result<Self, Self::Error> {
        blake3::Hash::from_hex(hex).map(|hash| Self(hash.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_apart_where_and_what_and_never_the_models_id() {
        let slot = |path: &str, index| Slot { run: "run".into(), path: path.into(), index };
        let keys = [
            EffectKey::of(&slot("a", 0), "pay", "{}"),
            EffectKey::of(&slot("a", 1), "pay", "{}"),
            EffectKey::of(&slot("b", 0), "pay", "{}"),
            EffectKey::of(&slot("a", 0), "pa", "y{}"),
            EffectKey::of(&slot("a", 0), "pay", "{\"a\":1}"),
        ];
        let different: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(different.len(), keys.len());
        insta::assert_snapshot!(keys[0], @"21fbd786df4b321637d86ea9bae5565d6967265fb8344afdc1744a0dfc002384");
    }
}
