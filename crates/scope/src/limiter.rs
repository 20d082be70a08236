//! The two-layer limiter: so many calls in flight, and so many requests and tokens in any window of time.
//!
//! The window is exact, not bucketed: each admission is remembered until it leaves the window, so no window of that
//! length holds more than the limit, wherever the provider's own windows begin. Waiters are served in order, so a large
//! request is not starved by small ones. After a 429 nobody is admitted until the provider's `Retry-After` has passed,
//! and then one by one: one call in flight, one more for each success up to half of what was allowed before, from there
//! one more for each full round (slow start and congestion avoidance: V. Jacobson, *Congestion Avoidance and Control*,
//! SIGCOMM 1988). Dropping a waiting future leaves the queue; nothing here spawns.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::sync::{Mutex, lock};

/// The limits of one provider, model or tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most calls in flight; at least 1 is used.
    pub in_flight: usize,
    /// The length of the window.
    pub window: Duration,
    /// The most requests in any window.
    pub requests: u64,
    /// The most tokens in any window. A single call that is larger is admitted alone.
    pub tokens: u64,
}

#[derive(Debug)]
struct Admitted {
    at: Instant,
    ticket: u64,
    tokens: u64,
}

#[derive(Debug)]
struct State {
    in_flight: usize,
    /// How many may be in flight now: between one and the limit, by what the provider bears.
    allowed: usize,
    /// Up to here `allowed` grows with every success, above it with every round of them.
    threshold: usize,
    /// Successes since `allowed` last changed.
    good: usize,
    paused_until: Option<Instant>,
    window: VecDeque<Admitted>,
    tokens: u64,
    next_ticket: u64,
}

/// What the head of the queue has to wait for.
enum Wait {
    Until(Instant),
    Release,
}

impl State {
    /// Admits a call of `tokens` now, or says what to wait for.
    fn admit(&mut self, limits: &Limits, now: Instant, tokens: u64) -> Result<u64, Wait> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(Wait::Until(until));
        }
        while let Some(oldest) = self.window.front().filter(|oldest| now.duration_since(oldest.at) >= limits.window) {
            self.tokens -= oldest.tokens;
            self.window.pop_front();
        }
        let requests = u64::try_from(self.window.len()).unwrap_or(u64::MAX);
        let crowded = requests >= limits.requests || self.tokens.saturating_add(tokens) > limits.tokens;
        if let Some(oldest) = self.window.front().filter(|_| crowded) {
            return Err(Wait::Until(oldest.at + limits.window));
        }
        if self.in_flight >= self.allowed {
            return Err(Wait::Release);
        }
        self.in_flight += 1;
        self.tokens += tokens;
        self.next_ticket += 1;
        self.window.push_back(Admitted { at: now, ticket: self.next_ticket, tokens });
        Ok(self.next_ticket)
    }

    /// Replaces the estimate of an admitted call by what it used, if it is still in the window.
    fn settle(&mut self, ticket: u64, tokens: u64) {
        let place = self.window.binary_search_by_key(&ticket, |admitted| admitted.ticket);
        if let Some(admitted) = place.ok().and_then(|place| self.window.get_mut(place)) {
            self.tokens = self.tokens - admitted.tokens + tokens;
            admitted.tokens = tokens;
        }
    }
}

#[derive(Debug)]
struct Inner {
    limits: Limits,
    /// Whoever holds it is the head of the queue; the lock is fair.
    turn: tokio::sync::Mutex<()>,
    changed: Notify,
    state: Mutex<State>,
}

/// A limiter that all scopes of a process share. Cheap to clone; clones are the same limiter.
#[derive(Debug, Clone)]
pub struct Limiter(Arc<Inner>);

impl Limiter {
    /// A limiter with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let allowed = limits.in_flight.max(1);
        let state = State {
            in_flight: 0,
            allowed,
            threshold: allowed,
            good: 0,
            paused_until: None,
            window: VecDeque::new(),
            tokens: 0,
            next_ticket: 0,
        };
        let limits = Limits { in_flight: allowed, requests: limits.requests.max(1), ..limits };
        Self(Arc::new(Inner {
            limits,
            turn: tokio::sync::Mutex::new(()),
            changed: Notify::new(),
            state: Mutex::new(state),
        }))
    }

    /// Waits for its turn, then for room in both layers. `tokens` is the estimate of what the call will use.
    pub async fn admit(&self, tokens: u64) -> Admission {
        let inner = &self.0;
        let _turn = inner.turn.lock().await;
        loop {
            // Asked for before the look, so that a change in between is not missed.
            let changed = inner.changed.notified();
            let wait = lock(&inner.state).admit(&inner.limits, Instant::now(), tokens);
            match wait {
                Ok(ticket) => return Admission { limiter: self.clone(), ticket },
                Err(Wait::Release) => changed.await,
                Err(Wait::Until(moment)) => tokio::select! {
                    () = sleep_until(moment) => {}
                    () = changed => {}
                },
            }
        }
    }

    /// A call went well: more may be in flight.
    pub(crate) fn went_well(&self) {
        let mut state = lock(&self.0.state);
        state.good += 1;
        if state.good >= state.allowed || state.allowed < state.threshold {
            state.good = 0;
            state.allowed = (state.allowed + 1).min(self.0.limits.in_flight);
        }
    }

    /// A call was refused for now: nobody is admitted for a while, and then one by one.
    pub(crate) fn push_back(&self, retry_after: Option<Duration>) {
        let (mut state, now) = (lock(&self.0.state), Instant::now());
        // One burst of refusals is one event: only the first of a pause counts.
        if state.paused_until.is_none_or(|paused| paused <= now) {
            state.threshold = (state.allowed / 2).max(1);
            state.allowed = 1;
            state.good = 0;
        }
        let until = now + retry_after.unwrap_or_default();
        state.paused_until = Some(state.paused_until.map_or(until, |paused| paused.max(until)));
    }

    /// Calls in flight now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        lock(&self.0.state).in_flight
    }
}

/// A call that was admitted. Dropping it ends the call as far as the first layer is concerned.
#[derive(Debug)]
#[must_use = "the call is in flight while this is held"]
pub struct Admission {
    limiter: Limiter,
    ticket: u64,
}

impl Admission {
    /// The call succeeded and used this many tokens in all.
    pub fn succeeded(self, tokens: u64) {
        lock(&self.limiter.0.state).settle(self.ticket, tokens);
        self.limiter.went_well();
    }

    /// The provider answered 429 or 503: everybody waits at least `retry_after`, then comes back one by one.
    pub fn throttled(self, retry_after: Option<Duration>) {
        lock(&self.limiter.0.state).settle(self.ticket, 0);
        self.limiter.push_back(retry_after);
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        lock(&self.limiter.0.state).in_flight -= 1;
        self.limiter.0.changed.notify_waiters();
        self.limiter.0.changed.notify_one();
    }
}
