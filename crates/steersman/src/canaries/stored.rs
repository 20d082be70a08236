//! Canaries at rest: what is confirmed of each, what was found last, and who may replay next. Several gateways on one
//! database share them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use steersman_store::{State, StoreError};
use steersman_structured::{Difference, Outline};

/// The kinds of documents.
const CANARIES: &str = "canary";
const TURNS: &str = "canary_turn";
const SPENT: &str = "canary_spent";
/// How often a change that lost a race is made again.
const RACES_MAX: usize = 8;
const DAY_US: i64 = 86_400_000_000;

/// One input and what is known of its answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredCanary {
    pub(crate) task: String,
    pub(crate) id: String,
    /// What answers are compared with; none until an answer was valid.
    pub(crate) confirmed: Option<Outline>,
    /// The versions of the model whose answers were as confirmed.
    pub(crate) served_confirmed: BTreeSet<String>,
    pub(crate) last: Option<Found>,
}

/// What one replay found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// When.
    pub(crate) at_us: i64,
    /// Why it was replayed: `schedule`, `model` or `asked`.
    pub(crate) cause: String,
    /// The request, for `steersman explain`.
    pub(crate) request: String,
    /// The version that answered.
    pub(crate) served: String,
    /// What differs from what is confirmed; empty: nothing.
    pub(crate) differences: Vec<Difference>,
    /// Why there was nothing to compare, if so.
    pub(crate) failed: Option<String>,
    pub(crate) outline: Option<Outline>,
}

impl StoredCanary {
    /// Whether a person should look at it.
    pub(crate) fn is_alarm(&self) -> bool {
        self.last.as_ref().is_some_and(|last| !last.differences.is_empty())
    }
}

/// Why a canary could not be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CanaryError {
    /// Somebody else changed it at the same time, again and again.
    #[error("the canary `{0}` is being changed by somebody else; try again")]
    Raced(String),
    /// There is none with an answer.
    #[error("there is no canary `{0}` with an answer; `steersman canaries` lists all")]
    Unknown(String),
    /// The state cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All canaries that were ever replayed, in order of task and id.
pub(crate) async fn canaries(state: &State) -> Result<Vec<StoredCanary>, StoreError> {
    let documents = state.documents(CANARIES).await?;
    Ok(documents.iter().filter_map(|document| serde_json::from_str(&document.content).ok()).collect())
}

/// Changes one; `change` says whether there is anything to write.
pub(super) async fn change(
    state: &State,
    task: &str,
    id: &str,
    now_us: i64,
    change: impl Fn(&mut StoredCanary) -> bool + Send,
) -> Result<StoredCanary, CanaryError> {
    let name = format!("{task}/{id}");
    for _ in 0..RACES_MAX {
        let stands = state.document(CANARIES, &name).await?;
        let known = stands.as_ref().and_then(|document| serde_json::from_str(&document.content).ok());
        let mut canary: StoredCanary = known.unwrap_or_default();
        (canary.task, canary.id) = (task.to_owned(), id.to_owned());
        if !change(&mut canary) {
            return Ok(canary);
        }
        let content = serde_json::to_string(&canary).unwrap_or_default();
        let version = stands.map(|document| document.version);
        if state.put_document(CANARIES, &name, version, &content, now_us).await?.is_some() {
            return Ok(canary);
        }
    }
    Err(CanaryError::Raced(name))
}

/// A person takes the last answer for right too.
pub(crate) async fn confirm(state: &State, task: &str, id: &str, now_us: i64) -> Result<StoredCanary, CanaryError> {
    let confirmed = change(state, task, id, now_us, |canary| {
        let Some(last) = &mut canary.last else { return false };
        let Some(outline) = &last.outline else { return false };
        match &mut canary.confirmed {
            Some(confirmed) => confirmed.confirm(outline),
            None => canary.confirmed = Some(outline.clone()),
        }
        canary.served_confirmed.insert(last.served.clone());
        last.differences.clear();
        true
    });
    let canary = confirmed.await?;
    match canary.last.as_ref().is_some_and(|last| last.outline.is_some()) {
        true => Ok(canary),
        false => Err(CanaryError::Unknown(format!("{task}/{id}"))),
    }
}

/// Whose turn it is at a task's inputs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Turn {
    begun_at_us: i64,
    ended_at_us: i64,
    /// When a person asked for one.
    asked_at_us: i64,
    /// Versions that the inputs were replayed for.
    seen: BTreeSet<String>,
}

/// Asks for a replay of a task's inputs by a gateway that runs.
pub(crate) async fn ask(state: &State, task: &str, now_us: i64) -> Result<(), CanaryError> {
    take(state, task, now_us, |turn| {
        turn.asked_at_us = now_us;
        Some("asked")
    })
    .await
    .map(|_| ())
}

/// Whether the replay that was asked for at that time has ended.
pub(crate) async fn asked(state: &State, task: &str, asked_at_us: i64) -> Result<bool, StoreError> {
    let turn = state.document(TURNS, task).await?;
    let turn: Option<Turn> = turn.and_then(|document| serde_json::from_str(&document.content).ok());
    Ok(turn.is_some_and(|turn| turn.ended_at_us >= asked_at_us))
}

/// Takes the turn at a task if one is due, and says why. Of several gateways one gets it.
pub(super) async fn begin(
    state: &State,
    task: &str,
    every_us: i64,
    served: Option<&str>,
    now_us: i64,
) -> Result<Option<&'static str>, CanaryError> {
    take(state, task, now_us, |turn| {
        let news = served.filter(|served| !turn.seen.contains(*served));
        let cause = if turn.asked_at_us > turn.begun_at_us {
            "asked"
        } else if now_us.saturating_sub(turn.begun_at_us) >= every_us {
            "schedule"
        } else if news.is_some() {
            "model"
        } else {
            return None;
        };
        turn.begun_at_us = now_us;
        turn.seen.extend(served.map(str::to_owned));
        Some(cause)
    })
    .await
}

/// Ends a turn.
pub(super) async fn end(state: &State, task: &str, served: BTreeSet<String>, now_us: i64) -> Result<(), CanaryError> {
    let ended = take(state, task, now_us, |turn| {
        turn.ended_at_us = now_us;
        turn.seen.extend(served.iter().cloned());
        Some("ended")
    });
    ended.await.map(|_| ())
}

async fn take(
    state: &State,
    task: &str,
    now_us: i64,
    change: impl Fn(&mut Turn) -> Option<&'static str> + Send,
) -> Result<Option<&'static str>, CanaryError> {
    for _ in 0..RACES_MAX {
        let stands = state.document(TURNS, task).await?;
        let known = stands.as_ref().and_then(|document| serde_json::from_str(&document.content).ok());
        let mut turn: Turn = known.unwrap_or_default();
        let Some(cause) = change(&mut turn) else { return Ok(None) };
        let content = serde_json::to_string(&turn).unwrap_or_default();
        let version = stands.map(|document| document.version);
        if state.put_document(TURNS, task, version, &content, now_us).await?.is_some() {
            return Ok(Some(cause));
        }
    }
    Err(CanaryError::Raced(task.to_owned()))
}

/// What was spent on replays today, in nano-dollars, and `more` added to it.
pub(super) async fn spend(state: &State, more: i64, now_us: i64) -> Result<i64, CanaryError> {
    let day = now_us.div_euclid(DAY_US).to_string();
    for _ in 0..RACES_MAX {
        let stands = state.document(SPENT, &day).await?;
        let before: i64 = stands.as_ref().and_then(|document| document.content.parse().ok()).unwrap_or(0);
        if more == 0 {
            return Ok(before);
        }
        let spent = before.saturating_add(more);
        let version = stands.map(|document| document.version);
        if state.put_document(SPENT, &day, version, &spent.to_string(), now_us).await?.is_some() {
            return Ok(spent);
        }
    }
    Err(CanaryError::Raced(day))
}
