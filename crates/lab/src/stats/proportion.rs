//! How often something happens: intervals for a share of successes.
//!
//! What never happens here: an interval outside `[0, 1]`, or a zero-width one for want of failures.

use super::{Interval, beta_quantile, normal_quantile};

/// Wilson's score interval for `hits` of `trials` at two-sided `confidence`
/// (Wilson, *Probable inference*, JASA 1927). Coverage is close to nominal on average, not exact.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn wilson(hits: u64, trials: u64, confidence: f64) -> Interval {
    if trials == 0 {
        return Interval::new(0.0, 1.0);
    }
    let (n, z) = (trials as f64, normal_quantile(0.5 + confidence / 2.0));
    let share = hits as f64 / n;
    let centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    Interval::new((centre - half).max(0.0), (centre + half).min(1.0))
}

/// The exact interval for `hits` of `trials` at two-sided `confidence` (Clopper and Pearson, Biometrika 1934).
/// Covers in at least that share of samples, whatever the truth.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn clopper_pearson(hits: u64, trials: u64, confidence: f64) -> Interval {
    let tail = (1.0 - confidence) / 2.0;
    let (k, n) = (hits as f64, trials as f64);
    let low = if hits == 0 { 0.0 } else { beta_quantile(tail, k, n - k + 1.0) };
    Interval::new(low, clopper_pearson_upper(hits, trials, 1.0 - tail))
}

/// The exact one-sided upper bound on a share at `confidence` (Clopper and Pearson 1934).
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn clopper_pearson_upper(hits: u64, trials: u64, confidence: f64) -> f64 {
    if hits >= trials {
        return 1.0;
    }
    beta_quantile(confidence, hits as f64 + 1.0, (trials - hits) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Rng;

    fn coverage(truth: f64, trials: u64, interval: impl Fn(u64) -> Interval) -> f64 {
        let mut rng = Rng::seeded(3);
        let covered = (0..4_000).filter(|_| {
            let hits = (0..trials).filter(|_| rng.chance(truth)).count() as u64;
            interval(hits).contains(truth)
        });
        covered.count() as f64 / 4_000.0
    }

    #[test]
    fn the_exact_interval_never_covers_less_than_it_says() {
        for (truth, trials) in [(0.01, 50), (0.05, 100), (0.3, 20), (0.5, 200), (0.97, 80)] {
            let covered = coverage(truth, trials, |hits| clopper_pearson(hits, trials, 0.95));
            assert!(covered >= 0.95 - 0.007, "{covered} at {truth} of {trials}");
        }
    }

    #[test]
    fn the_score_interval_covers_about_what_it_says() {
        for (truth, trials) in [(0.05, 100), (0.3, 50), (0.5, 200)] {
            let covered = coverage(truth, trials, |hits| wilson(hits, trials, 0.95));
            assert!((0.93..=0.98).contains(&covered), "{covered} at {truth} of {trials}");
        }
    }

    #[test]
    fn no_failures_in_three_hundred_leave_one_per_cent_open() {
        let bound = clopper_pearson_upper(0, 300, 0.95);
        assert!((bound - 0.00994).abs() < 1e-4, "{bound}");
    }
}
