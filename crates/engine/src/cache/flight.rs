//! One asks, the others that ask the same wait: who goes first, and what the rest hear of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use steersman_core::{ContentHash, FinishReason, OutcomeKind, RequestRecord};
use tokio::sync::watch;

use super::{Cache, KeptAnswer};

/// How a request under way ended, for those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Landing {
    InTheAir,
    /// Its answer is kept.
    Kept,
    /// It failed, or its answer is not one to keep: each of the others asks for itself.
    NotKept,
}

/// What somebody who asks the same hears.
pub(super) enum Joined {
    /// Nobody asks it: go first.
    First(Ticket),
    /// The answer is there now, or the first one's client left: look again.
    Again,
    /// Ask for yourself.
    Alone,
}

/// The place of whoever went first. Dropped without a word, it is free again.
pub(super) struct Ticket {
    key: ContentHash,
    flights: Flights,
    landing: watch::Sender<Landing>,
}

/// Requests under way whose answers will be kept.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<ContentHash, watch::Receiver<Landing>>>>);

impl Flights {
    /// Goes first, or waits for whoever did, no longer than `limit`.
    pub(super) async fn join(&self, key: ContentHash, limit: Duration) -> Joined {
        let known = {
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let known = flights.get(&key).cloned();
            if known.is_none() {
                let (sender, receiver) = watch::channel(Landing::InTheAir);
                flights.insert(key, receiver);
                return Joined::First(Ticket { key, flights: self.clone(), landing: sender });
            }
            known
        };
        let Some(mut landing) = known else { return Joined::Again };
        let landed = tokio::time::timeout(limit, landing.wait_for(|landing| *landing != Landing::InTheAir)).await;
        match landed {
            Ok(Ok(landing)) if *landing == Landing::NotKept => Joined::Alone,
            Ok(_) => Joined::Again,
            Err(_) => Joined::Alone,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// What a request owes to those that ask the same: its answer, if that is one to keep. It goes with the record.
pub(crate) struct Lease {
    cache: Arc<Cache>,
    key: ContentHash,
    good_until_us: i64,
    include_usage: bool,
    ticket: Option<Ticket>,
}

impl Lease {
    pub(super) const fn new(
        cache: Arc<Cache>,
        key: ContentHash,
        good_until_us: i64,
        include_usage: bool,
        ticket: Option<Ticket>,
    ) -> Self {
        Self { cache, key, good_until_us, include_usage, ticket }
    }

    /// Keeps the answer if it may be given again, and tells those that wait. `whole`: the record holds all of it.
    pub(crate) fn settle(self, record: &RequestRecord, whole: bool) {
        let landing = match record.outcome {
            OutcomeKind::Accepted if whole => self.kept(record).map_or(Landing::NotKept, |answer| {
                self.cache.keep(Arc::new(answer));
                Landing::Kept
            }),
            // The next in line takes its place.
            OutcomeKind::Cancelled => return,
            _ => Landing::NotKept,
        };
        if let Some(ticket) = self.ticket {
            ticket.landing.send_replace(landing);
        }
    }

    /// A tool call is not kept: whoever gets it carries it out.
    fn kept(&self, record: &RequestRecord) -> Option<KeptAnswer> {
        let last = record.attempts.iter().rev().find(|attempt| attempt.code.is_none())?;
        if record.status != 200 || last.finish_reason != Some(FinishReason::Stop) {
            return None;
        }
        Some(KeptAnswer {
            key: self.key,
            task: record.task.to_string(),
            dialect: record.protocol.to_owned(),
            streamed: record.streamed,
            include_usage: self.include_usage,
            model: format!("{}/{}", last.provider, last.requested_model),
            request: record.id.to_string(),
            asked_at_us: record.started_at_us,
            // Its end: by the beginning, a slow answer would stand behind what other gateways have looked at already.
            kept_at_us: record.started_at_us.saturating_add(i64::try_from(record.timing.total_us).unwrap_or(0)),
            good_until_us: self.good_until_us,
            usage: record.usage,
            cost: record.cost,
            body: record.response_body.clone(),
        })
    }
}
