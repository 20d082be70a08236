//! How each place that serves a model is doing: calls under way, latency, and a breaker that keeps traffic away from a
//! place that fails and lets it return step by step.
//!
//! A place is one model of one provider. Its breaker opens after several failures in a row, or when half of the last
//! twenty calls failed, or for as long as a provider's `retry-after` says. When its time is over one call may pass, and
//! each success doubles how many may be under way, until it is closed again. Nothing here waits or sends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steersman_core::{Code, ModelName, ProviderName};
use tokio::time::Instant;

use crate::catalog::Candidate;
use crate::latency::{Average, Recent};

/// When a breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// So many failures in a row open it. 0: it never opens.
    pub failures: u32,
    /// How long it stays open the first time; twice as long each further time in a row.
    pub open: Duration,
}

impl Default for BreakerSettings {
    /// Five failures, five seconds.
    fn default() -> Self {
        Self { failures: 5, open: Duration::from_secs(5) }
    }
}

/// Of the last so many calls, half must have failed for the breaker to open.
const WINDOW_CALLS: u32 = 20;
/// The open time doubles this often at most: from five seconds to eighty.
const MAX_DOUBLINGS: u32 = 4;
/// The longest that a provider's `retry-after` keeps a place closed.
const MAX_WISH: Duration = Duration::from_secs(300);
/// With so many calls allowed under way, a returning place is back.
const RETURNED: u32 = 32;
/// Places remembered. Clients choose the model in `provider/model`, so idle ones are forgotten beyond this.
const MAX_PLACES: usize = 4_096;

/// Every place that was called.
#[derive(Debug, Default)]
pub struct Places {
    settings: BreakerSettings,
    known: Mutex<HashMap<(ProviderName, ModelName), Arc<Place>>>,
}

impl Places {
    /// None yet.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, known: Mutex::default() }
    }

    /// The place that this candidate names.
    pub(crate) fn of(&self, candidate: &Candidate) -> Arc<Place> {
        let key = (candidate.provider.name.clone(), candidate.model.clone());
        let mut known = lock(&self.known);
        if known.len() >= MAX_PLACES && !known.contains_key(&key) {
            known.retain(|_, place| Arc::strong_count(place) > 1 || !lock(&place.state).is_plain());
            // A provider that is down leaves none plain, and names are free to invent: then what is known goes.
            if known.len() >= MAX_PLACES {
                known.retain(|_, place| Arc::strong_count(place) > 1);
            }
        }
        Arc::clone(known.entry(key).or_insert_with(|| Arc::new(Place::new(self.settings))))
    }

    /// What every place looks like now, by name.
    #[must_use]
    pub fn report(&self) -> Vec<PlaceReport> {
        let known: Vec<_> = lock(&self.known).iter().map(|(key, place)| (key.clone(), Arc::clone(place))).collect();
        let mut report: Vec<_> =
            known.into_iter().map(|((provider, model), place)| place.report(provider, model)).collect();
        report.sort_by(|a, b| (&a.provider, &a.model).cmp(&(&b.provider, &b.model)));
        report
    }
}

/// One place as a person sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PlaceReport {
    /// Whose.
    pub provider: ProviderName,
    /// Which model.
    pub model: ModelName,
    /// `closed`, `open` or `returning`.
    pub breaker: &'static str,
    /// Until calls may pass again, in milliseconds, while it is open.
    pub open_ms: Option<u64>,
    /// Calls under way.
    pub outstanding: u32,
    /// Of the last calls, how many failed.
    pub recent_failures: u32,
    /// And how many there were.
    pub recent_calls: u32,
    /// Moving average of the time until an answer was there, in milliseconds.
    pub latency_ms: Option<f64>,
}

/// Whether a call may go to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It may.
    Free,
    /// Not before this moment.
    Shut(Instant),
}

/// How a call ended, as far as its place is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
    Throttled(Option<Duration>),
    /// It says nothing of the place: the client left, or the request itself was at fault.
    Neutral,
}

/// One model of one provider.
#[derive(Debug)]
pub(crate) struct Place {
    settings: BreakerSettings,
    outstanding: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// One bit a call, the newest lowest; set if it failed.
    failed: u32,
    calls: u32,
    in_a_row: u32,
    breaker: Breaker,
    /// How often it opened since it was last closed.
    openings: u32,
    average: Average,
    whole: Recent,
    streamed: Recent,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Breaker {
    #[default]
    Closed,
    Open {
        until: Instant,
    },
    Returning {
        allowed: u32,
    },
}

impl Place {
    fn new(settings: BreakerSettings) -> Self {
        Self { settings, outstanding: AtomicU32::new(0), state: Mutex::default() }
    }

    /// Calls under way.
    pub(crate) fn outstanding(&self) -> u32 {
        self.outstanding.load(Ordering::Relaxed)
    }

    /// The moving average of the latency, if anything is known.
    pub(crate) fn latency(&self, now: Instant) -> Option<f64> {
        lock(&self.state).average.at(now)
    }

    /// The time within which this share of recent answers was there. `None` while too little is known.
    pub(crate) fn quantile(&self, share: f64, streamed: bool) -> Option<Duration> {
        let mut state = lock(&self.state);
        if streamed { state.streamed.quantile(share) } else { state.whole.quantile(share) }
    }

    /// Whether a call may go here now.
    pub(crate) fn access(&self, now: Instant) -> Access {
        let mut state = lock(&self.state);
        match state.breaker {
            Breaker::Closed => Access::Free,
            Breaker::Open { until } if until > now => Access::Shut(until),
            Breaker::Open { .. } => {
                state.breaker = Breaker::Returning { allowed: 1 };
                self.room(1, now)
            }
            Breaker::Returning { allowed } => self.room(allowed, now),
        }
    }

    fn room(&self, allowed: u32, now: Instant) -> Access {
        if self.outstanding() < allowed { Access::Free } else { Access::Shut(now) }
    }

    /// A call goes here.
    pub(crate) fn begin(self: Arc<Self>) -> Turn {
        self.outstanding.fetch_add(1, Ordering::Relaxed);
        Turn { place: self }
    }

    fn note(&self, verdict: Verdict, latency: Option<(Duration, bool)>, now: Instant) {
        let mut state = lock(&self.state);
        if let Some((took, streamed)) = latency {
            state.average.add(took, now);
            if streamed { state.streamed.add(took) } else { state.whole.add(took) }
        }
        match verdict {
            Verdict::Neutral => {}
            Verdict::Good => state.went_well(),
            Verdict::Bad => state.went_badly(self.settings, now),
            Verdict::Throttled(wish) => match wish {
                Some(wish) => state.breaker = Breaker::Open { until: now + wish.min(MAX_WISH) },
                None => state.went_badly(self.settings, now),
            },
        }
    }

    fn report(&self, provider: ProviderName, model: ModelName) -> PlaceReport {
        let now = Instant::now();
        let access = self.access(now);
        let state = lock(&self.state);
        let millis = |left: Duration| u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        PlaceReport {
            provider,
            model,
            breaker: match state.breaker {
                Breaker::Closed => "closed",
                Breaker::Open { .. } => "open",
                Breaker::Returning { .. } => "returning",
            },
            open_ms: match access {
                Access::Shut(until) if until > now => Some(millis(until - now)),
                _ => None,
            },
            outstanding: self.outstanding(),
            recent_failures: state.failed.count_ones(),
            recent_calls: state.calls,
            latency_ms: state.average.at(now).map(|seconds| seconds * 1e3),
        }
    }
}

impl State {
    fn is_plain(&self) -> bool {
        self.breaker == Breaker::Closed && self.in_a_row == 0
    }

    fn push(&mut self, failed: bool) {
        self.failed = ((self.failed << 1) | u32::from(failed)) & ((1 << WINDOW_CALLS) - 1);
        self.calls = (self.calls + 1).min(WINDOW_CALLS);
    }

    fn went_well(&mut self) {
        self.push(false);
        self.in_a_row = 0;
        if let Breaker::Returning { allowed } = self.breaker {
            self.breaker = if allowed >= RETURNED {
                (self.failed, self.calls, self.openings) = (0, 0, 0);
                Breaker::Closed
            } else {
                Breaker::Returning { allowed: allowed * 2 }
            };
        }
    }

    fn went_badly(&mut self, settings: BreakerSettings, now: Instant) {
        self.push(true);
        self.in_a_row += 1;
        let half = self.calls == WINDOW_CALLS && self.failed.count_ones() * 2 >= WINDOW_CALLS;
        let opens = match self.breaker {
            Breaker::Closed => self.in_a_row >= settings.failures || half,
            Breaker::Returning { .. } => true,
            Breaker::Open { .. } => false,
        };
        if opens && settings.failures > 0 {
            let time = settings.open.saturating_mul(1 << self.openings.min(MAX_DOUBLINGS));
            self.openings += 1;
            self.breaker = Breaker::Open { until: now + time };
        }
    }
}

/// A call under way. Dropped, it is over and says nothing of its place.
#[derive(Debug)]
pub(crate) struct Turn {
    place: Arc<Place>,
}

impl Turn {
    /// The call ended with this code, and an answer was there after `latency`.
    pub(crate) fn end(self, code: Option<&Code>, wish: Option<Duration>, latency: Option<(Duration, bool)>) {
        let verdict = match code.map(|code| code.name) {
            None | Some("output_rejected" | "output_truncated") => Verdict::Good,
            Some("rate_limited") => Verdict::Throttled(wish),
            Some(
                "upstream_error"
                | "upstream_overloaded"
                | "upstream_unreachable"
                | "upstream_timeout"
                | "upstream_cut"
                | "upstream_malformed"
                | "upstream_auth",
            ) => Verdict::Bad,
            Some(_) => Verdict::Neutral,
        };
        self.place.note(verdict, latency.filter(|_| code.is_none()), Instant::now());
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.place.outstanding.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Arc<Place> {
        Arc::new(Place::new(BreakerSettings::default()))
    }

    fn call(place: &Arc<Place>, code: Option<&'static Code>) {
        Arc::clone(place).begin().end(code, None, None);
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_open_the_breaker_and_it_opens_longer_each_time() {
        let place = place();
        for opened_s in [5, 10, 20, 40, 80, 80] {
            let now = Instant::now();
            while place.access(now) == Access::Free {
                call(&place, Some(Code::UPSTREAM_ERROR));
            }
            assert_eq!(place.access(now), Access::Shut(now + Duration::from_secs(opened_s)));
            tokio::time::advance(Duration::from_secs(opened_s)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn traffic_returns_one_by_one_and_then_twice_as_much_with_each_success() {
        let place = place();
        (0..5).for_each(|_| call(&place, Some(Code::UPSTREAM_TIMEOUT)));
        tokio::time::advance(Duration::from_secs(5)).await;
        for allowed in [1, 2, 4, 8] {
            let turns: Vec<_> = std::iter::from_fn(|| {
                (place.access(Instant::now()) == Access::Free).then(|| Arc::clone(&place).begin())
            })
            .take(100)
            .collect();
            assert_eq!(turns.len(), allowed);
            drop(turns);
            call(&place, None);
        }
        (0..2).for_each(|_| call(&place, None));
        assert_eq!(place.report("p".into(), "m".into()).breaker, "closed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_asks_for_time_gets_it_at_once_and_a_bad_request_is_no_failure_of_it() {
        let place = place();
        (0..50).for_each(|_| call(&place, Some(Code::UPSTREAM_REFUSED)));
        assert_eq!(place.access(Instant::now()), Access::Free);
        let wish = Some(Duration::from_secs(7));
        Arc::clone(&place).begin().end(Some(Code::RATE_LIMITED), wish, None);
        assert_eq!(place.access(Instant::now()), Access::Shut(Instant::now() + Duration::from_secs(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_the_last_twenty_open_it_and_three_in_ten_do_not() {
        let mixed = place();
        (0..200).for_each(|i| call(&mixed, (i % 10 < 3).then_some(Code::UPSTREAM_ERROR)));
        assert_eq!(mixed.access(Instant::now()), Access::Free);
        let half = place();
        (0..20).for_each(|i| call(&half, (i % 2 == 0).then_some(Code::UPSTREAM_ERROR)));
        // The last one went well, so the next failure is what opens it.
        call(&half, Some(Code::UPSTREAM_ERROR));
        assert!(matches!(half.access(Instant::now()), Access::Shut(_)));
    }
}
