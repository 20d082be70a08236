//! When to try again: full-jitter back-off that honours `Retry-After`, and a retry budget that keeps a bad minute from
//! becoming a storm.
//!
//! The back-off draws uniformly from zero to a doubling ceiling ("full jitter", M. Brooker, *Exponential Backoff and
//! Jitter*, AWS Architecture Blog 2015), so that clients which failed together do not come back together. The budget is
//! a token bucket that first attempts fill and retries empty (as in Finagle's `RetryBudget`): however long the outage,
//! retries stay a fixed share of the traffic. Nothing here sends or sleeps.

use std::time::Duration;

use tokio::time::Instant;

use crate::dice::Dice;
use crate::sync::{Mutex, lock};

/// How long to wait before each retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The ceiling of the first wait; it doubles with each retry.
    pub base: Duration,
    /// The ceiling never grows beyond this.
    pub cap: Duration,
}

impl Default for Backoff {
    /// 200 ms doubling to 20 s: the first retry is about as long as a slow network round trip, the last as a rate
    /// window's share.
    fn default() -> Self {
        Self { base: Duration::from_millis(200), cap: Duration::from_secs(20) }
    }
}

impl Backoff {
    /// The wait before retry number `retry` (from 0). Never earlier than `retry_after`, which is a floor under the
    /// jitter: all clients that were told the same moment still spread.
    #[must_use]
    pub fn wait(&self, retry: u32, retry_after: Option<Duration>, dice: &Dice) -> Duration {
        let ceiling = self.base.saturating_mul(1u32.checked_shl(retry.min(31)).unwrap_or(u32::MAX)).min(self.cap);
        let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
        retry_after.unwrap_or_default() + Duration::from_nanos(dice.below(nanos.saturating_add(1)))
    }
}

/// Thousandths of a retry: each first attempt earns some, each retry costs a thousand.
const RETRY: u64 = 1000;

/// The share of traffic that may be retries, shared by all who use it.
#[derive(Debug)]
pub struct RetryBudget {
    share: u64,
    reserve: u64,
    state: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    level: u64,
    filled_at: Option<Instant>,
}

/// How long it takes for the reserve to come back, so that a quiet process may retry at all.
const REFILL: Duration = Duration::from_secs(10);

impl RetryBudget {
    /// Lets `percent` of first attempts be retried, and `reserve` retries every ten seconds besides.
    #[must_use]
    pub fn new(percent: u64, reserve: u64) -> Self {
        let reserve = reserve * RETRY;
        Self { share: percent * 10, reserve, state: Mutex::new(Bucket { level: reserve, filled_at: None }) }
    }

    /// Notes a first attempt.
    pub fn earn(&self) {
        let mut bucket = lock(&self.state);
        // No saving up: a long calm must not pay for a storm.
        bucket.level = (bucket.level + self.share).min(self.reserve.max(RETRY) * 10);
    }

    /// Takes one retry if there is one.
    #[must_use]
    pub fn spend(&self) -> bool {
        let mut bucket = lock(&self.state);
        let now = Instant::now();
        let since = now.duration_since(*bucket.filled_at.get_or_insert(now));
        if since >= REFILL {
            bucket.level = bucket.level.max(self.reserve);
            bucket.filled_at = Some(now);
        }
        let paid = bucket.level.checked_sub(RETRY);
        bucket.level = paid.unwrap_or(bucket.level);
        paid.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_fill_the_whole_range_below_a_doubling_ceiling() {
        let (backoff, dice) = (Backoff::default(), Dice::seeded(1));
        for (retry, ceiling) in [(0, 200), (1, 400), (5, 6_400), (7, 20_000), (60, 20_000)] {
            let waits: Vec<_> = (0..2000).map(|_| backoff.wait(retry, None, &dice).as_millis()).collect();
            let (low, high) = (*waits.iter().min().unwrap(), *waits.iter().max().unwrap());
            let mean = waits.iter().sum::<u128>() / 2000;
            assert!(low <= ceiling / 100 && high <= ceiling && high >= ceiling * 99 / 100, "{low} {high}");
            assert!(mean.abs_diff(ceiling / 2) <= ceiling / 30, "mean {mean} of {ceiling}");
        }
    }

    #[test]
    fn a_retry_after_is_a_floor_and_still_spreads() {
        let (backoff, dice) = (Backoff::default(), Dice::seeded(2));
        let asked = Duration::from_secs(7);
        let mut waits: Vec<_> = (0..100).map(|_| backoff.wait(0, Some(asked), &dice)).collect();
        assert!(waits.iter().all(|wait| *wait >= asked));
        waits.sort();
        waits.dedup();
        assert!(waits.len() > 95);
    }

    #[tokio::test(start_paused = true)]
    async fn retries_stay_a_share_of_the_traffic_however_long_the_outage() {
        let budget = RetryBudget::new(10, 5);
        let mut retries = 0;
        for _ in 0..10_000 {
            budget.earn();
            retries += u32::from(budget.spend());
        }
        assert!((1000..=1006).contains(&retries), "{retries}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_process_may_still_retry_a_few_times() {
        let budget = RetryBudget::new(0, 3);
        let spent = |budget: &RetryBudget| (0..10).filter(|_| budget.spend()).count();
        assert_eq!(spent(&budget), 3);
        tokio::time::advance(REFILL).await;
        assert_eq!(spent(&budget), 3);
    }
}
