//! When canaries are replayed: a loop beside the server that looks once a second whether a turn is due.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use steersman_store::{State, now_us};
use steersman_structured::Difference;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::replay::{Replayed, replay};
use super::stored::{self, CanaryError, Found, StoredCanary};
use super::{CanarySettings, Input};
use crate::http::Surface;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);

/// The loop and what it needs.
pub(crate) struct Rounds {
    pub(crate) surface: Arc<Surface>,
    /// The settings in force.
    pub(crate) settings: watch::Receiver<CanarySettings>,
}

impl Rounds {
    /// Goes on until `stop`.
    pub(crate) async fn until(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let settings = self.settings.borrow().clone();
            for (task, inputs) in &settings.tasks {
                let turn = self.turn(&settings, task, inputs);
                let done = tokio::select! {
                    () = stop.cancelled() => return,
                    done = turn => done,
                };
                if let Err(error) = done {
                    tracing::warn!(%error, task, "the canaries are not replayed");
                }
            }
        }
    }

    async fn turn(&self, settings: &CanarySettings, task: &str, inputs: &[Input]) -> Result<(), CanaryError> {
        let (state, engine) = (self.surface.store.state(), self.surface.engine());
        let every_us = i64::try_from(settings.every.as_micros()).unwrap_or(i64::MAX);
        let served = engine.served_to(task);
        let Some(cause) = stored::begin(state, task, every_us, served.as_deref(), now_us()).await? else {
            return Ok(());
        };
        let mut versions = BTreeSet::new();
        for input in inputs {
            if stored::spend(state, 0, now_us()).await? >= settings.usd_per_day.nanos() {
                tracing::warn!(task, "what canaries may cost in a day is spent; the rest waits");
                break;
            }
            let Some(replayed) = replay(&engine, task, input, now_us()).await else { continue };
            stored::spend(state, replayed.nanos(), now_us()).await?;
            versions.insert(replayed.served.clone());
            let canary = keep(state, task, input, cause, &replayed).await?;
            let found = canary.last.map(|last| last.differences).unwrap_or_default();
            alarm(task, input, &found, &canary.served_confirmed, &replayed.served);
            replayed.record(&**engine.recorder(), task, &input.id, cause, &found);
        }
        stored::end(state, task, versions, now_us()).await
    }
}

/// Compares an answer with what is confirmed, and keeps what was found.
async fn keep(
    state: &State,
    task: &str,
    input: &Input,
    cause: &str,
    replayed: &Replayed,
) -> Result<StoredCanary, CanaryError> {
    let now = now_us();
    stored::change(state, task, &input.id, now, |canary| {
        let outline = replayed.outline.as_ref().ok();
        // The first answer that its schema accepts as it stands is what later ones are compared with.
        if canary.confirmed.is_none() && replayed.is_valid {
            canary.confirmed = outline.cloned();
        }
        let compared = canary.confirmed.as_ref().zip(outline);
        let differences = compared.map(|(known, now)| known.differences(now)).unwrap_or_default();
        if compared.is_some() && differences.is_empty() {
            canary.served_confirmed.insert(replayed.served.clone());
        }
        canary.last = Some(Found {
            at_us: now,
            cause: cause.to_owned(),
            request: replayed.request(),
            served: replayed.served.clone(),
            differences,
            failed: replayed.outline.as_ref().err().cloned(),
            outline: outline.cloned(),
        });
        true
    })
    .await
}

fn alarm(task: &str, input: &Input, found: &[Difference], before: &BTreeSet<String>, now: &str) {
    for Difference { pointer, rule, old, new } in found {
        tracing::warn!(
            task, input = %input.id, pointer, rule, old, new, ?before, now,
            "the answer to a canary is not as it was confirmed"
        );
    }
}
