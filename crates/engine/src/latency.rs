//! What is remembered of latencies: a moving average that rises at once and falls slowly, and quantiles of recent
//! calls.

use std::time::Duration;

use tokio::time::Instant;

/// How long the past weighs: after this time without news, a latency counts a third.
const MEMORY_S: f64 = 10.0;

/// A peak-sensitive moving average, as in Finagle's and Linkerd's balancers ("Peak EWMA"): a slow answer counts at
/// once, fast ones win trust back over seconds, and a place that is not asked is forgiven.
#[derive(Debug, Default)]
pub(crate) struct Average(Option<(f64, Instant)>);

impl Average {
    pub(crate) fn add(&mut self, took: Duration, now: Instant) {
        let seconds = took.as_secs_f64();
        let value = match self.0 {
            Some((known, at)) if seconds < known => {
                let weight = (-now.saturating_duration_since(at).as_secs_f64() / MEMORY_S).exp();
                known * weight + seconds * (1.0 - weight)
            }
            _ => seconds,
        };
        self.0 = Some((value, now));
    }

    /// The average in seconds at this moment.
    pub(crate) fn at(&self, now: Instant) -> Option<f64> {
        let (value, at) = self.0?;
        Some(value * (-now.saturating_duration_since(at).as_secs_f64() / MEMORY_S).exp())
    }
}

/// How many latencies are remembered, and how many are needed before a quantile is told.
const KEPT: usize = 256;
const NEEDED: usize = 32;
/// A quantile is worked out anew after so many more.
const STALE: usize = 16;

/// The latest latencies of one kind of call. Costs a sort of 256 numbers every sixteenth call.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    latest: Vec<u32>,
    next: usize,
    since: usize,
    known: Option<(f64, Duration)>,
}

impl Recent {
    pub(crate) fn add(&mut self, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        match self.latest.get_mut(self.next) {
            Some(oldest) => *oldest = micros,
            None => self.latest.push(micros),
        }
        self.next = (self.next + 1) % KEPT;
        self.since += 1;
    }

    /// The time within which `share` (0 to 1) of the remembered calls had their answer.
    pub(crate) fn quantile(&mut self, share: f64) -> Option<Duration> {
        if self.latest.len() < NEEDED {
            return None;
        }
        if let Some((known_share, known)) = self.known
            && self.since < STALE
            && known_share.to_bits() == share.to_bits()
        {
            return Some(known);
        }
        let mut sorted = self.latest.clone();
        sorted.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let rank = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len());
        let quantile = Duration::from_micros(u64::from(*sorted.get(rank - 1)?));
        (self.known, self.since) = (Some((share, quantile)), 0);
        Some(quantile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_told_once_enough_is_known_and_follows_what_is_new() {
        let mut recent = Recent::default();
        (1..NEEDED as u64).for_each(|ms| recent.add(Duration::from_millis(ms)));
        assert_eq!(recent.quantile(0.95), None);
        (0..KEPT as u64).for_each(|i| recent.add(Duration::from_millis(i % 100 + 1)));
        assert_eq!(recent.quantile(0.5).unwrap().as_millis(), 43);
        (0..KEPT).for_each(|_| recent.add(Duration::from_millis(7)));
        assert_eq!(recent.quantile(0.95).unwrap().as_millis(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_counts_at_once_and_is_forgiven_with_time() {
        let mut average = Average::default();
        average.add(Duration::from_millis(10), Instant::now());
        average.add(Duration::from_secs(1), Instant::now());
        assert!((average.at(Instant::now()).unwrap() - 1.0).abs() < 1e-9);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!((average.at(Instant::now()).unwrap() - 0.368).abs() < 1e-3);
    }
}
