//! The drift memory at rest: counters that survive a restart, and the aliases that were confirmed.
//!
//! An alias is a document of the durable state, changed only by who has seen it; evidence from requests, the command
//! line and the console add to the same one. It is in force once it was seen often enough, or a person said so, and for
//! so many days after the last time.
//!
//! What never happens here: a change on the path of a request. Requests leave evidence behind, and it is gathered
//! later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use steersman_engine::{AliasKey, Engine, Evidence};
use steersman_store::{State, StoreError};
use steersman_structured::Alias;

/// The kinds of documents.
const COUNTERS: &str = "drift";
const ALIASES: &str = "alias";
/// How often a change that lost a race is made again.
const RACES_MAX: usize = 8;
const DAY_US: i64 = 86_400_000_000;

/// When an alias is in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AliasSettings {
    /// The kill switch: none is.
    pub(crate) on: bool,
    /// Confirmed by so many answers.
    pub(crate) support: u64,
    /// Until so many days have passed without another.
    pub(crate) days: u64,
}

/// An alias as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredAlias {
    pub(crate) model: String,
    pub(crate) schema: String,
    #[serde(flatten)]
    pub(crate) alias: Alias,
    /// How many answers have confirmed it.
    pub(crate) support: u64,
    /// Who confirmed it, if a person did: `cli` or `console`.
    pub(crate) person: Option<String>,
    /// When it was last confirmed.
    pub(crate) confirmed_at_us: i64,
}

/// Why an alias could not be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AliasError {
    /// Somebody else changed it at the same time, again and again.
    #[error("the alias `{0}` is being changed by somebody else; try again")]
    Raced(String),
    /// There is none.
    #[error("there is no alias `{0}`; `steersman structure aliases` lists all")]
    Unknown(String),
    /// The state cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StoredAlias {
    /// Whether it takes part in reading answers.
    pub(crate) fn in_force(&self, settings: &AliasSettings, now_us: i64) -> bool {
        let limit = i64::try_from(settings.days).unwrap_or(i64::MAX).saturating_mul(DAY_US);
        let fresh = now_us.saturating_sub(self.confirmed_at_us) <= limit;
        settings.on && fresh && (self.person.is_some() || self.support >= settings.support)
    }
}

fn name(model: &str, schema: &str, alias: &Alias) -> String {
    format!("{model} {schema} {} {}", alias.pointer, alias.old)
}

/// Adds one confirmation: a person's, or an answer's. A name that stands for another member now begins anew.
pub(crate) async fn confirm(
    state: &State,
    seen: &Evidence,
    person: Option<&str>,
    now_us: i64,
) -> Result<StoredAlias, AliasError> {
    let name = name(&seen.model, &seen.schema, &seen.alias);
    for _ in 0..RACES_MAX {
        let stands = state.document(ALIASES, &name).await?;
        let known = stands.as_ref().and_then(|document| serde_json::from_str::<StoredAlias>(&document.content).ok());
        let mut alias = known.filter(|known| known.alias == seen.alias).unwrap_or_else(|| StoredAlias {
            model: seen.model.clone(),
            schema: seen.schema.clone(),
            alias: seen.alias.clone(),
            support: 0,
            person: None,
            confirmed_at_us: now_us,
        });
        alias.confirmed_at_us = now_us;
        match person {
            Some(person) => alias.person = Some(person.to_owned()),
            None => alias.support += 1,
        }
        let content = serde_json::to_string(&alias).unwrap_or_default();
        let version = stands.map(|document| document.version);
        if state.put_document(ALIASES, &name, version, &content, now_us).await?.is_some() {
            return Ok(alias);
        }
    }
    Err(AliasError::Raced(seen.alias.old.clone()))
}

/// Forgets an alias.
pub(crate) async fn forget(state: &State, seen: &Evidence) -> Result<(), AliasError> {
    let name = name(&seen.model, &seen.schema, &seen.alias);
    let Some(stands) = state.document(ALIASES, &name).await? else {
        return Err(AliasError::Unknown(seen.alias.old.clone()));
    };
    match state.delete_document(ALIASES, &name, stands.version).await? {
        true => Ok(()),
        false => Err(AliasError::Raced(seen.alias.old.clone())),
    }
}

/// All aliases, in force or not, in order of model, schema and place.
pub(crate) async fn aliases(state: &State) -> Result<Vec<StoredAlias>, StoreError> {
    let documents = state.documents(ALIASES).await?;
    Ok(documents.iter().filter_map(|document| serde_json::from_str(&document.content).ok()).collect())
}

/// What a running gateway keeps of an engine's memory.
#[derive(Default)]
pub(crate) struct DriftKeeper {
    versions: BTreeMap<String, u64>,
}

impl DriftKeeper {
    /// Gives an engine the counters that were kept.
    pub(crate) async fn open(state: &State, engine: &Engine) -> Result<Self, StoreError> {
        let mut keeper = Self::default();
        for document in state.documents(COUNTERS).await? {
            if let Err(error) = engine.restore_drift(&document.content) {
                tracing::warn!(name = document.name, %error, "counters of repairs cannot be read and begin anew");
            }
            keeper.versions.insert(document.name, document.version);
        }
        Ok(keeper)
    }

    /// Keeps what was counted since, gathers evidence, and puts the aliases that are in force now in force.
    pub(crate) async fn round(&mut self, state: &State, engine: &Engine, settings: &AliasSettings, now_us: i64) {
        if let Err(error) = self.keep(state, engine, settings, now_us).await {
            tracing::warn!(%error, "the memory of repairs is not kept; it goes on in this process");
        }
    }

    async fn keep(
        &mut self,
        state: &State,
        engine: &Engine,
        settings: &AliasSettings,
        now_us: i64,
    ) -> Result<(), AliasError> {
        let mut evidence = engine.take_evidence().into_iter();
        while let Some(seen) = evidence.next() {
            if let Err(error) = confirm(state, &seen, None, now_us).await {
                engine.put_evidence_back(std::iter::once(seen).chain(evidence).collect());
                return Err(error);
            }
        }
        let mut in_force: BTreeMap<AliasKey, Vec<Alias>> = BTreeMap::new();
        for stored in aliases(state).await?.into_iter().filter(|alias| alias.in_force(settings, now_us)) {
            in_force.entry((stored.model, stored.schema)).or_default().push(stored.alias);
        }
        engine.replace_aliases(in_force);
        for (name, content) in engine.changed_drift() {
            // Of several gateways the one that writes last is remembered; each has seen a part of the traffic.
            let mut seen = self.versions.get(&name).copied();
            for _ in 0..RACES_MAX {
                if let Some(version) = state.put_document(COUNTERS, &name, seen, &content, now_us).await? {
                    self.versions.insert(name.clone(), version);
                    break;
                }
                seen = state.document(COUNTERS, &name).await?.map(|document| document.version);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence() -> Evidence {
        let alias = Alias { pointer: String::new(), old: "heat".into(), new: "severity".into() };
        Evidence { model: "p/m".into(), schema: "s".into(), alias }
    }

    #[tokio::test]
    async fn confirmations_add_up_in_the_state_and_a_person_may_forget_them() {
        let folder = std::env::temp_dir().join(format!("steersman-alias-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let engine = steersman_store::Engine::Sqlite { path: folder.join("steersman.db") };
        let seen = evidence();
        let state = State::open(&engine).await.unwrap();
        confirm(&state, &seen, None, 1).await.unwrap();
        confirm(&state, &seen, None, 2).await.unwrap();
        drop(state);
        let state = State::open(&engine).await.unwrap();
        confirm(&state, &seen, Some("cli"), 3).await.unwrap();
        let [stored] = <[StoredAlias; 1]>::try_from(aliases(&state).await.unwrap()).unwrap();
        assert_eq!((stored.support, stored.person.as_deref(), stored.confirmed_at_us), (2, Some("cli"), 3));
        forget(&state, &seen).await.unwrap();
        assert!(aliases(&state).await.unwrap().is_empty());
        assert!(matches!(forget(&state, &seen).await, Err(AliasError::Unknown(_))));
        drop(state);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn evidence_that_the_database_refused_is_kept_when_it_is_back() {
        use steersman_engine::{Backoff, Catalog, Settings};
        use steersman_store::{Engine as Place, Store, StoreConfig};

        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::new(Place::Sqlite { path: folder.path().join("steersman.db") });
        let store = std::sync::Arc::new(Store::open(config).await.unwrap());
        let second = std::time::Duration::from_secs(1);
        let backoff = Backoff { base: second, max: second };
        let settings = Settings { first_token: second, idle: second, total: second, attempts: 1, backoff };
        let engine = Engine::new(Catalog::default(), settings, std::sync::Arc::clone(&store) as _);
        let other = Evidence { model: "p/other".into(), ..evidence() };
        engine.put_evidence_back(vec![evidence(), other]);
        let rename = |from: &str, to: &str| {
            let script = "import sqlite3, sys\nsqlite3.connect(sys.argv[1]).execute(sys.argv[2])";
            let sql = format!("ALTER TABLE {from} RENAME TO {to}");
            let mut python = std::process::Command::new("python3");
            assert!(
                python.args(["-c", script]).arg(folder.path().join("state.db")).arg(sql).status().unwrap().success()
            );
        };
        let aliases_on = AliasSettings { on: true, support: 1, days: 30 };
        let mut keeper = DriftKeeper::default();
        rename("state_documents", "away");
        keeper.round(store.state(), &engine, &aliases_on, 1).await;
        rename("away", "state_documents");
        keeper.round(store.state(), &engine, &aliases_on, 2).await;
        let models: Vec<_> = aliases(store.state()).await.unwrap().into_iter().map(|alias| alias.model).collect();
        assert_eq!(models, ["p/m", "p/other"]);
        store.close().await;
    }

    #[test]
    fn an_alias_is_in_force_when_confirmed_often_enough_or_by_a_person_and_until_it_expires() {
        let settings = AliasSettings { on: true, support: 3, days: 30 };
        let alias = Alias { pointer: String::new(), old: "heat".into(), new: "severity".into() };
        let stored = |support, person: Option<&str>| StoredAlias {
            model: "p/m".into(),
            schema: "s".into(),
            alias: alias.clone(),
            support,
            person: person.map(str::to_owned),
            confirmed_at_us: 0,
        };
        let verdicts =
            [(2, None), (3, None), (0, Some("cli"))].map(|(n, who)| stored(n, who).in_force(&settings, DAY_US));
        assert_eq!(verdicts, [false, true, true]);
        assert!(!stored(9, Some("cli")).in_force(&settings, 31 * DAY_US), "it expires");
        assert!(!stored(9, Some("cli")).in_force(&AliasSettings { on: false, ..settings }, 0), "the kill switch");
    }
}
