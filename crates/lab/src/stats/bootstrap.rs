//! Resampling: an interval for figures that have no formula.
//!
//! What never happens here: resampling of anything smaller than the unit that was drawn. Rows go in whole, so that
//! what two policies did on one row stays together.

use super::{Interval, Rng};

/// The percentile interval of a statistic of `rows` resampled rows, given to it as row numbers
/// (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, section 13.3).
///
/// Cost: `resamples` calls. `NaN` results are left out; with none left the interval is `NaN`.
pub fn bootstrap_interval(
    rows: usize,
    resamples: usize,
    confidence: f64,
    rng: &mut Rng,
    mut statistic: impl FnMut(&[usize]) -> f64,
) -> Interval {
    let mut drawn = vec![0; rows];
    let mut results = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        drawn.fill_with(|| rng.below(rows));
        results.push(statistic(&drawn));
    }
    percentile_interval(results, confidence)
}

/// The percentile interval of (sum of numerators) / (sum of denominators) over resampled `(numerator, denominator)`
/// rows: quality or cost relative to a reference that met the same rows.
#[must_use]
pub fn bootstrap_ratio(rows: &[(f64, f64)], resamples: usize, confidence: f64, rng: &mut Rng) -> Interval {
    let mut results = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        let (mut above, mut below) = (0.0, 0.0);
        for _ in 0..rows.len() {
            if let Some((numerator, denominator)) = rows.get(rng.below(rows.len())) {
                above += numerator;
                below += denominator;
            }
        }
        results.push(above / below);
    }
    percentile_interval(results, confidence)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn percentile_interval(mut results: Vec<f64>, confidence: f64) -> Interval {
    results.retain(|value| value.is_finite());
    results.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let position = (share * results.len().saturating_sub(1) as f64).round() as usize;
        results.get(position).copied().unwrap_or(f64::NAN)
    };
    Interval::new(at((1.0 - confidence) / 2.0), at(f64::midpoint(1.0, confidence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_ratio_covers_the_truth_about_as_often_as_it_says() {
        let mut rng = Rng::seeded(31);
        let covered = (0..400).filter(|_| {
            let rows: Vec<(f64, f64)> = (0..150)
                .map(|_| (f64::from(u8::from(rng.chance(0.7))), f64::from(u8::from(rng.chance(0.8)))))
                .collect();
            bootstrap_ratio(&rows, 300, 0.95, &mut rng).contains(0.875)
        });
        let share = covered.count() as f64 / 400.0;
        assert!((0.91..=0.98).contains(&share), "{share}");
    }

    #[test]
    fn the_interval_of_a_mean_matches_the_formula() {
        let mut rng = Rng::seeded(37);
        let rows: Vec<f64> = (0..400).map(|_| rng.normal()).collect();
        let mean = |drawn: &[usize]| drawn.iter().map(|&row| rows[row]).sum::<f64>() / 400.0;
        let interval = bootstrap_interval(400, 2_000, 0.95, &mut rng, mean);
        assert!(((interval.high - interval.low) - 2.0 * 1.96 / 20.0).abs() < 0.025, "{interval:?}");
    }
}
