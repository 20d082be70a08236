//! Answers that were kept, forgotten at an operator's word: by the command line, the admin address and the console
//! alike.
//!
//! The last purges stand in one document of the state, which every gateway reads twice a second; then the rows go. Each
//! purge is a line of the audit log.

use steersman_engine::{KeptAnswer, Purge};
use steersman_store::{State, StoreError};

use crate::keys::{self, KeyError};

/// The document.
const KIND: &str = "cache";
const NAME: &str = "purges";
/// How many stand in it: enough that whatever was under way during the oldest has ended.
const LAST: usize = 64;
/// How often a purge is written anew when others purge at the same time.
const TRIES: usize = 16;

/// What the audit log calls it.
pub(crate) const PURGED: &str = "purged";

/// Why nothing was forgotten.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PurgeError {
    /// Others purge at the same time, again and again.
    #[error("the cache is being purged by somebody else; try again")]
    Raced,
    /// What is kept of earlier purges cannot be read.
    #[error("the list of purges cannot be read")]
    Corrupt(#[from] serde_json::Error),
    /// The state cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit log cannot be written.
    #[error(transparent)]
    Audit(#[from] KeyError),
}

/// Forgets what a purge covers; gives how many answers were on disk.
pub(crate) async fn purge(state: &State, by: &str, purge: Purge) -> Result<u64, PurgeError> {
    announce(state, &purge).await?;
    let is_meant = |about: &str| serde_json::from_str::<KeptAnswer>(about).is_ok_and(|answer| purge.covers(&answer));
    let forgotten = state.forget_answers(purge.at_us, is_meant).await?;
    keys::log(state, by, PURGED, &words(&purge, forgotten), purge.at_us).await?;
    Ok(forgotten)
}

/// The last purges.
pub(crate) async fn last(state: &State) -> Result<Vec<Purge>, PurgeError> {
    let document = state.document(KIND, NAME).await?;
    Ok(document.map(|document| serde_json::from_str(&document.content)).transpose()?.unwrap_or_default())
}

/// Tells all gateways, before a row goes.
async fn announce(state: &State, purge: &Purge) -> Result<(), PurgeError> {
    for _ in 0..TRIES {
        let document = state.document(KIND, NAME).await?;
        let seen = document.as_ref().map(|document| document.version);
        let before = document.map(|document| serde_json::from_str(&document.content)).transpose()?;
        let mut purges: Vec<Purge> = before.unwrap_or_default();
        purges.push(purge.clone());
        let old = purges.len().saturating_sub(LAST);
        let content = serde_json::to_string(purges.get(old..).unwrap_or_default())?;
        if state.put_document(KIND, NAME, seen, &content, purge.at_us).await?.is_some() {
            return Ok(());
        }
    }
    Err(PurgeError::Raced)
}

/// What a line of the audit log says: `12 answers of task triage by sim/small`.
fn words(purge: &Purge, forgotten: u64) -> String {
    let task = purge.task.as_ref().map_or_else(|| " of all tasks".to_owned(), |task| format!(" of task {task}"));
    let model = purge.model.as_ref().map(|model| format!(" by {model}")).unwrap_or_default();
    let noun = if forgotten == 1 { "answer" } else { "answers" };
    format!("{forgotten} {noun}{task}{model}")
}
