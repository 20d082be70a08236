//! Requests and tokens in the last minute, exact: whoever is over hears when the oldest leaves the window.

use std::collections::VecDeque;
use std::time::Duration;

use steersman_core::Code;
use tokio::time::Instant;

use crate::refusal::Refusal;

const WINDOW: Duration = Duration::from_secs(60);

/// The last minute of one key. Costs 24 bytes a request of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    recent: VecDeque<(Instant, u64, u64)>,
    tokens: u64,
    next: u64,
}

/// A limit that is reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full {
    what: &'static str,
    limit: u64,
    wait: Duration,
}

impl Pace {
    /// Lets one more in, or says which limit is reached. Gives a ticket to settle it with.
    pub(crate) fn enter(&mut self, requests: Option<u64>, tokens: Option<u64>, estimate: u64) -> Result<u64, Full> {
        let now = self.room(requests, tokens, estimate)?;
        self.next += 1;
        self.tokens += estimate;
        self.recent.push_back((now, estimate, self.next));
        Ok(self.next)
    }

    /// Whether one more may enter now; gives the moment. Nothing is counted.
    pub(crate) fn room(&mut self, requests: Option<u64>, tokens: Option<u64>, estimate: u64) -> Result<Instant, Full> {
        let now = Instant::now();
        while let Some((at, used, _)) = self.recent.front().copied().filter(|(at, ..)| now - *at >= WINDOW) {
            debug_assert!(at <= now);
            self.tokens -= used;
            self.recent.pop_front();
        }
        if let Some(limit) = requests.filter(|limit| self.recent.len() as u64 >= *limit) {
            return Err(Full { what: "requests", limit, wait: self.until_fewer(1, now, |_| 1) });
        }
        if let Some(limit) = tokens.filter(|limit| self.tokens > 0 && self.tokens + estimate > *limit) {
            let excess = self.tokens + estimate - limit;
            return Err(Full { what: "tokens", limit, wait: self.until_fewer(excess, now, |used| used) });
        }
        Ok(now)
    }

    /// Replaces an estimate by what was used.
    pub(crate) fn settle(&mut self, ticket: u64, tokens: u64) {
        let place = self.recent.binary_search_by_key(&ticket, |(_, _, known)| *known);
        if let Some((_, used, _)) = place.ok().and_then(|place| self.recent.get_mut(place)) {
            self.tokens = self.tokens - *used + tokens;
            *used = tokens;
        }
    }

    fn until_fewer(&self, wanted: u64, now: Instant, weight: impl Fn(u64) -> u64) -> Duration {
        let mut gone = 0;
        for (at, used, _) in &self.recent {
            gone += weight(*used);
            if gone >= wanted {
                return (*at + WINDOW).saturating_duration_since(now);
            }
        }
        WINDOW
    }
}

impl Full {
    /// As the client hears it.
    pub(crate) fn refusal(&self, key: &str) -> Refusal {
        let seconds = self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0);
        let message =
            format!("the key `{key}` may use {} {} a minute; there is room in {seconds} s", self.limit, self.what);
        let mut refusal = Refusal::new(Code::KEY_LIMIT, message);
        refusal.retry_after_s = Some(seconds.max(1));
        refusal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_minute_holds_more_and_the_wait_is_exact() {
        let mut pace = Pace::default();
        assert!(pace.enter(Some(2), None, 1).is_ok());
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(pace.enter(Some(2), None, 1).is_ok());
        let full = pace.enter(Some(2), None, 1).unwrap_err();
        assert_eq!((full.what, full.wait), ("requests", Duration::from_secs(40)));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert!(pace.enter(Some(2), None, 1).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_count_as_estimated_until_they_are_known() {
        let mut pace = Pace::default();
        let first = pace.enter(None, Some(100), 80).unwrap();
        assert_eq!(pace.enter(None, Some(100), 30).unwrap_err().what, "tokens");
        pace.settle(first, 10);
        assert!(pace.enter(None, Some(100), 30).is_ok());
    }
}
