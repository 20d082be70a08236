//! How long an answer takes to begin.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chance::Chance;

/// A distribution of times until the first byte, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// Always the same.
    ConstantMs(f64),
    /// Evenly between two bounds.
    UniformMs([f64; 2]),
    /// Log-normal, as the tails of real services are: `median_ms` in the middle, `sigma` of the logarithm.
    Lognormal {
        /// Half of all answers begin sooner.
        median_ms: f64,
        /// Spread: at 0.5, one in a hundred takes more than 3.2 medians.
        sigma: f64,
    },
}

impl Latency {
    /// One draw. At most one hour.
    pub(crate) fn draw(self, chance: &mut Chance) -> Duration {
        let millis = match self {
            Self::ConstantMs(millis) => millis,
            Self::UniformMs([low, high]) => low + (high - low) * chance.unit(),
            Self::Lognormal { median_ms, sigma } => median_ms * (sigma * chance.normal()).exp(),
        };
        Duration::from_secs_f64(millis.clamp(0.0, 3_600_000.0) / 1000.0)
    }

    /// What is wrong with its numbers, if anything.
    pub(crate) fn problem(self) -> Option<&'static str> {
        let sound = |numbers: &[f64]| numbers.iter().all(|n| n.is_finite() && *n >= 0.0);
        match self {
            Self::ConstantMs(millis) if !sound(&[millis]) => Some("must not be negative"),
            Self::UniformMs([low, high]) if !sound(&[low, high]) || low > high => {
                Some("must be two numbers, the smaller first")
            }
            Self::Lognormal { median_ms, sigma } if !sound(&[median_ms, sigma]) => Some("must not be negative"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_median_and_the_spread_that_were_asked_for() {
        let latency = Latency::Lognormal { median_ms: 100.0, sigma: 0.5 };
        let mut draws: Vec<f64> =
            (0..4000).map(|i| latency.draw(&mut Chance::of(3, &[i])).as_secs_f64() * 1000.0).collect();
        draws.sort_by(f64::total_cmp);
        // Five standard errors of a quantile: density of the log at the median 0.798, at the 99th percentile 0.053.
        assert!((draws[2000] / 100.0).ln().abs() < 0.05, "{}", draws[2000]);
        assert!(((draws[3960] / 100.0).ln() - 2.326 * 0.5).abs() < 0.15, "{}", draws[3960]);
    }

    #[test]
    fn uniform_draws_stay_within_their_bounds() {
        let latency = Latency::UniformMs([10.0, 30.0]);
        let draws = (0..1000).map(|i| latency.draw(&mut Chance::of(3, &[i])).as_secs_f64() * 1000.0);
        let (low, high) = draws.fold((f64::MAX, f64::MIN), |(low, high), d| (low.min(d), high.max(d)));
        assert!((10.0..10.2).contains(&low) && (29.8..30.0).contains(&high));
    }
}
