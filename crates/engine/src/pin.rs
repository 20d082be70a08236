//! A session that the reference has begun: its prompt lies in the reference's cache, and leaving costs that.
//!
//! A cheaper model reads the whole conversation afresh. So a turn leaves the reference only if that is cheaper than the
//! reference reading the same from its cache, by what the last turn has shown of tokens and cached tokens and by the
//! prices of both. A pin only ever keeps a request up: the proof of a floor allows that and nothing else.
//!
//! What never happens here: a guess where a price is unknown (the session stays), or a text that is kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use steersman_core::{ContentHash, Message, Usage, Usd};

use crate::catalog::Candidate;
use crate::raised::Turn;

/// Providers keep a prompt for five to ten minutes after it was last read.
const KEPT: Duration = Duration::from_secs(300);
/// The shortest prompt that providers keep at all.
const LEAST_TOKENS: u64 = 1_024;
/// More sessions than this are forgotten all at once; the next turn of each is decided without a pin.
const MOST_SESSIONS: usize = 20_000;

/// Sessions of one task that the reference answered last.
#[derive(Debug, Default)]
pub(crate) struct Pins(Mutex<HashMap<ContentHash, Pin>>);

/// What the last turn of a session has shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pin {
    at: Instant,
    /// The request's length, by which the next one's tokens are reckoned.
    bytes: usize,
    usage: Usage,
    /// Whether it was the session's first: a prompt is read from the cache at the second turn at the earliest.
    first: bool,
}

/// A turn's cost with the reference and away from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Leaving {
    /// Tokens that the reference is taken to read from its cache.
    pub(crate) cached_tokens: u64,
    /// What the turn costs there; `None`: unknown.
    pub(crate) stay_usd: Option<f64>,
    /// What it costs with the model that the scores choose.
    pub(crate) leave_usd: Option<f64>,
}

impl Pins {
    /// Remembers that the reference answered this conversation, and what that took.
    pub(crate) fn answered(&self, messages: &[Message], usage: Usage, bytes: usize) {
        let turn = Turn::of(messages);
        let mut pins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pins.len() >= MOST_SESSIONS {
            pins.clear();
        }
        pins.insert(turn.now(), Pin { at: Instant::now(), bytes, usage, first: turn.past().is_empty() });
    }

    /// The pin of the conversation that this turn goes on with.
    pub(crate) fn of(&self, turn: &Turn) -> Option<Pin> {
        let pins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = turn.past().last().and_then(|key| pins.get(key)).copied();
        last.filter(|pin| pin.at.elapsed() < KEPT)
    }
}

impl Pin {
    /// What the next turn, of so many bytes, costs with the reference and with another model.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a reckoning"
    )]
    pub(crate) fn leaving(&self, reference: &Candidate, other: &Candidate, bytes: usize) -> Option<Leaving> {
        let before = self.usage.input_tokens?;
        let grown = bytes.max(self.bytes) as f64 / self.bytes.max(1) as f64;
        let next = (before as f64 * grown) as u64;
        let seen = self.usage.cache_read_tokens.unwrap_or(0) + self.usage.cache_write_tokens.unwrap_or(0);
        // A later turn that read nothing from a cache shows that there is none.
        let cached = if seen > 0 || self.first && before >= LEAST_TOKENS { before.min(next) } else { 0 };
        let turn = Usage { input_tokens: Some(next), output_tokens: self.usage.output_tokens, ..Usage::default() };
        let cost = |candidate: &Candidate, cached: u64| {
            let usage = Usage { cache_read_tokens: Some(cached), ..turn };
            candidate.cost(None, &usage).map(Usd::as_f64)
        };
        // A price for cached tokens that nobody has written down is no discount.
        let stay_usd = cost(reference, cached).or_else(|| cost(reference, 0));
        Some(Leaving { cached_tokens: cached, stay_usd, leave_usd: cost(other, 0) })
    }
}

impl Leaving {
    /// Whether the session stays with the reference.
    pub(crate) fn stays(&self) -> bool {
        let saving = self.stay_usd.zip(self.leave_usd).map(|(stay, leave)| stay - leave);
        self.cached_tokens > 0 && saving.is_none_or(|saving| saving <= 0.0)
    }
}
