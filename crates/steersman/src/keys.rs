//! Virtual keys at rest: made, changed and read by the command line, the admin address and the console alike.
//!
//! A key's secret is shown once, when it is made or rotated; what is kept is its BLAKE3 hash. Each change is a document
//! of the durable state that is replaced only by who has seen it, and a line of the audit log.

use steersman_core::ContentHash;
use steersman_engine::{KeyRing, KeyRules};
use steersman_store::{State, StoreError};

/// The kinds of documents.
const KEYS: &str = "key";
const AUDIT: &str = "audit";

/// What every secret of a virtual key begins with.
const PREFIX: &str = "sk-st-";

/// A key as it is kept.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct StoredKey {
    /// What it may do.
    #[serde(flatten)]
    pub(crate) rules: KeyRules,
    /// The BLAKE3 hash of its secret, in hex.
    hash: String,
    /// The last four characters of the secret, for a person to tell keys apart.
    pub(crate) ends: String,
    /// When it was made, in microseconds since the Unix epoch.
    pub(crate) created_at_us: i64,
    /// When it was revoked, if it was.
    pub(crate) revoked_at_us: Option<i64>,
}

impl StoredKey {
    /// Whether it was not revoked.
    pub(crate) const fn is_good(&self) -> bool {
        self.revoked_at_us.is_none()
    }
}

/// A line of the audit log.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct AuditLine {
    /// When, in microseconds since the Unix epoch.
    pub(crate) at_us: i64,
    /// By which way: `cli`, `admin`, `console`.
    pub(crate) by: String,
    /// What was done.
    pub(crate) what: String,
    /// To which key, or to what else.
    pub(crate) key: String,
}

/// Why a key could not be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// No such key.
    #[error("there is no key `{0}`; `steersman keys list` names all")]
    Unknown(String),
    /// A good key has this name already.
    #[error("a key `{0}` is good already; choose another name, or `steersman keys rotate {0}`")]
    Taken(String),
    /// Several good keys have this name.
    #[error("several keys are called `{name}`; name one by its id: {}", .ids.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// It was revoked, and stays so.
    #[error("the key `{0}` is revoked for good; make another with `steersman keys create`")]
    Revoked(String),
    /// Somebody else changed it at the same time.
    #[error("the key `{0}` was changed by somebody else just now; try again")]
    Raced(String),
    /// The state cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept is not a key.
    #[error("what is kept of the key `{0}` cannot be read")]
    Corrupt(String),
}

/// A key that was made, and its secret, which is not kept.
pub(crate) struct Made {
    /// The key.
    pub(crate) key: StoredKey,
    /// What the client sends.
    pub(crate) secret: String,
}

/// Makes a key. A name that a good key has is refused, so that a name says which one.
pub(crate) async fn create(state: &State, by: &str, mut rules: KeyRules, now_us: i64) -> Result<Made, KeyError> {
    if list(state).await?.iter().any(|key| key.is_good() && key.rules.name == rules.name) {
        return Err(KeyError::Taken(rules.name));
    }
    rules.id = format!("key_{}", random(8));
    let (secret, hash, ends) = new_secret();
    let key = StoredKey { rules, hash, ends, created_at_us: now_us, revoked_at_us: None };
    let id = key.rules.id.clone();
    write(state, &key, None, now_us).await?;
    log(state, by, "created", &id, now_us).await?;
    Ok(Made { key, secret })
}

/// Gives a key a new secret; the old one is good no more.
pub(crate) async fn rotate(state: &State, by: &str, name: &str, now_us: i64) -> Result<Made, KeyError> {
    let (mut key, version) = find(state, name).await?;
    if !key.is_good() {
        return Err(KeyError::Revoked(key.rules.id));
    }
    let (secret, hash, ends) = new_secret();
    (key.hash, key.ends) = (hash, ends);
    write(state, &key, Some(version), now_us).await?;
    log(state, by, "rotated", &key.rules.id, now_us).await?;
    Ok(Made { key, secret })
}

/// Revokes a key for good.
pub(crate) async fn revoke(state: &State, by: &str, name: &str, now_us: i64) -> Result<StoredKey, KeyError> {
    let (mut key, version) = find(state, name).await?;
    key.revoked_at_us.get_or_insert(now_us);
    write(state, &key, Some(version), now_us).await?;
    log(state, by, "revoked", &key.rules.id, now_us).await?;
    Ok(key)
}

/// Every key, revoked ones included, in order of id.
pub(crate) async fn list(state: &State) -> Result<Vec<StoredKey>, KeyError> {
    let documents = state.documents(KEYS).await?;
    documents.into_iter().map(|document| read(&document.name, &document.content)).collect()
}

/// The audit log, newest first.
pub(crate) async fn audit(state: &State) -> Result<Vec<AuditLine>, KeyError> {
    let documents = state.documents(AUDIT).await?;
    let line = |name: &str, content: &str| serde_json::from_str(content).map_err(|_| KeyError::Corrupt(name.into()));
    documents.iter().rev().map(|document| line(&document.name, &document.content)).collect()
}

/// The keys as the pipeline wants them.
pub(crate) async fn ring(state: &State) -> Result<KeyRing, KeyError> {
    let all = list(state).await?;
    let guarded = !all.is_empty();
    let good = all.into_iter().filter(StoredKey::is_good).map(|key| {
        let hash = hash_from_hex(&key.hash).ok_or_else(|| KeyError::Corrupt(key.rules.id.clone()))?;
        Ok((hash, key.rules))
    });
    Ok(KeyRing { good: good.collect::<Result<_, KeyError>>()?, guarded })
}

/// The key with this id, or the one good key with this name.
async fn find(state: &State, name: &str) -> Result<(StoredKey, u64), KeyError> {
    let mut named = Vec::new();
    for document in state.documents(KEYS).await? {
        let key = read(&document.name, &document.content)?;
        if key.rules.id == name {
            return Ok((key, document.version));
        }
        if key.is_good() && key.rules.name == name {
            named.push((key, document.version));
        }
    }
    if named.len() > 1 {
        let ids = named.into_iter().map(|(key, _)| key.rules.id).collect();
        return Err(KeyError::Ambiguous { name: name.to_owned(), ids });
    }
    named.pop().ok_or_else(|| KeyError::Unknown(name.to_owned()))
}

async fn write(state: &State, key: &StoredKey, seen: Option<u64>, now_us: i64) -> Result<(), KeyError> {
    let id = &key.rules.id;
    let content = serde_json::to_string(key).map_err(|_| KeyError::Corrupt(id.clone()))?;
    let written = state.put_document(KEYS, id, seen, &content, now_us).await?;
    written.map(drop).ok_or_else(|| KeyError::Raced(id.clone()))
}

/// Adds a line to the audit log.
pub(crate) async fn log(state: &State, by: &str, what: &str, key: &str, now_us: i64) -> Result<(), KeyError> {
    let line = AuditLine { at_us: now_us, by: by.to_owned(), what: what.to_owned(), key: key.to_owned() };
    let name = format!("{now_us:020}-{}", random(4));
    let content = serde_json::to_string(&line).map_err(|_| KeyError::Corrupt(key.to_owned()))?;
    state.put_document(AUDIT, &name, None, &content, now_us).await?;
    Ok(())
}

fn read(name: &str, content: &str) -> Result<StoredKey, KeyError> {
    serde_json::from_str(content).map_err(|_| KeyError::Corrupt(name.to_owned()))
}

/// A secret of 160 random bits, its hash and its last four characters.
fn new_secret() -> (String, String, String) {
    let body = random(20);
    let ends = body.chars().skip(body.len().saturating_sub(4)).collect();
    let secret = format!("{PREFIX}{body}");
    let hash = ContentHash::of(secret.as_bytes()).to_string();
    (secret, hash, ends)
}

fn random(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("invariant: the operating system hands out random bytes");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash_from_hex(hex: &str) -> Option<ContentHash> {
    blake3::Hash::from_hex(hex).ok().map(|hash| ContentHash::from_bytes(*hash.as_bytes()))
}

#[cfg(test)]
mod tests {
    use steersman_store::Engine;

    use super::*;

    #[tokio::test]
    async fn a_name_says_which_key_is_meant_or_nothing_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&Engine::Sqlite { path: folder.path().join("s.db") }).await.unwrap();
        let rules = || KeyRules { name: "web".to_owned(), ..KeyRules::default() };
        let first = create(&state, "cli", rules(), 1).await.unwrap().key;
        assert!(matches!(create(&state, "cli", rules(), 2).await, Err(KeyError::Taken(_))));
        // Two of a name, as two gateways at once can make them.
        let twin = StoredKey { rules: KeyRules { id: "key_twin".to_owned(), ..rules() }, ..first.clone() };
        write(&state, &twin, None, 3).await.unwrap();
        for changed in [rotate(&state, "cli", "web", 4).await.err(), revoke(&state, "cli", "web", 4).await.err()] {
            let said = changed.unwrap().to_string();
            assert!(said.contains("key_twin") && said.contains(&first.rules.id), "{said}");
        }
        revoke(&state, "cli", "key_twin", 5).await.unwrap();
        assert!(matches!(rotate(&state, "cli", "key_twin", 6).await, Err(KeyError::Revoked(_))));
        rotate(&state, "cli", "web", 7).await.unwrap();
        revoke(&state, "cli", "web", 8).await.unwrap();
        create(&state, "cli", rules(), 9).await.unwrap();
    }
}
