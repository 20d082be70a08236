//! How long to wait before the next attempt.
//!
//! Full jitter: uniform between zero and an exponentially growing bound (M. Brooker, "Exponential Backoff and Jitter",
//! AWS Architecture Blog, 2015), so that clients that failed together do not come back together.

use std::time::Duration;

/// Bounds of the pauses between attempts.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The bound of the first pause.
    pub base: Duration,
    /// The largest bound.
    pub max: Duration,
}

impl Backoff {
    /// The pause after failed attempt number `attempt` (from 1), for a uniform `random` in `0..=u32::MAX`.
    ///
    /// A provider's wish (`retry-after`) is honoured exactly; `None` if it asks for longer than the largest bound: then
    /// the caller should hear of it rather than wait.
    #[must_use]
    pub fn pause(&self, attempt: u32, retry_after: Option<Duration>, random: u32) -> Option<Duration> {
        if let Some(wish) = retry_after {
            return (wish <= self.max).then_some(wish);
        }
        let bound = self.base.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(self.max);
        Some(bound.mul_f64(f64::from(random) / f64::from(u32::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_secs(2) };

    #[test]
    fn the_bound_doubles_and_is_capped() {
        let bounds: Vec<_> =
            (1..=7).map(|attempt| BACKOFF.pause(attempt, None, u32::MAX).unwrap().as_millis()).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(BACKOFF.pause(3, None, 0), Some(Duration::ZERO));
    }

    #[test]
    fn a_providers_wish_is_honoured_or_handed_on() {
        assert_eq!(BACKOFF.pause(1, Some(Duration::from_secs(1)), 7), Some(Duration::from_secs(1)));
        assert_eq!(BACKOFF.pause(1, Some(Duration::from_secs(60)), 7), None);
    }
}
