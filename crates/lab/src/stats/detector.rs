//! Change detectors with a stated mean time to a false alarm.
//!
//! What never happens here: a threshold over a window. Those cry wolf at a rate that nobody stated.

use serde::{Deserialize, Serialize};

/// The Shiryaev-Roberts e-detector (Shin, Ramdas and Rinaldo, *E-detectors*, New England J. Stat. Data Sci. 2024).
///
/// It is fed e-values: non-negative figures with mean at most 1, given the past, while nothing has changed. It sums the
/// wealth of gamblers who start at each moment; under no change, the mean time to the alarm is at least the one stated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShiryaevRoberts {
    sums: Vec<f64>,
    mean_time_to_false_alarm: f64,
    steps: u64,
    alarmed_at: Option<u64>,
}

impl ShiryaevRoberts {
    /// A detector over `strategies` parallel betting strategies of equal weight.
    #[must_use]
    pub fn new(strategies: usize, mean_time_to_false_alarm: f64) -> Self {
        Self { sums: vec![0.0; strategies.max(1)], mean_time_to_false_alarm, steps: 0, alarmed_at: None }
    }

    /// Takes in one moment's e-values, one for each strategy; says whether the alarm is on (it stays on).
    pub fn push(&mut self, e_values: impl IntoIterator<Item = f64>) -> bool {
        self.steps += 1;
        for (sum, e) in self.sums.iter_mut().zip(e_values) {
            *sum = ((*sum + 1.0) * e.max(0.0)).min(1e300);
        }
        if self.alarmed_at.is_none() && self.statistic() >= self.mean_time_to_false_alarm {
            self.alarmed_at = Some(self.steps);
        }
        self.alarmed_at.is_some()
    }

    /// The mean over strategies of the summed wealth; the alarm is where it reaches the stated mean time.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn statistic(&self) -> f64 {
        self.sums.iter().sum::<f64>() / self.sums.len() as f64
    }

    /// The step of the alarm, counted from 1.
    #[must_use]
    pub fn alarmed_at(&self) -> Option<u64> {
        self.alarmed_at
    }

    /// Starts again, as after an alarm was acted on.
    pub fn reset(&mut self) {
        self.sums.fill(0.0);
        (self.steps, self.alarmed_at) = (0, None);
    }
}

/// Any score of strangeness made into p-values that are independent and uniform as long as the stream is exchangeable
/// (conformal p-values; Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World*, 2022, section 2 and 8).
///
/// Scores in `[0, 1]` are kept as counts in bins, so memory is constant; ties are broken by the uniform the caller
/// hands in, which is what makes the p-values exact and not merely conservative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConformalStream {
    bins: Vec<u32>,
    seen: u32,
    late: [f64; CELLS],
}

/// More bins than this do not change the rank of a score by more than 0.4 %.
const BINS: usize = 256;

/// Exponents of the power bets eps p^(eps - 1) (the same book, section 8.1): 0.1 pays for violent shifts, 0.7 for faint
/// ones.
const POWERS: [f64; 4] = [0.1, 0.3, 0.5, 0.7];

/// Cells of the histogram of late p-values, what each holds beforehand, and how much of it is kept with each score: a
/// memory of about forty scores, by which a change that moves a quarter of them is worth betting on within as many.
const CELLS: usize = 12;
const PRIOR: f64 = 1.5;
const FORGET: f64 = 0.975;

impl Default for ConformalStream {
    fn default() -> Self {
        Self { bins: vec![0; BINS], seen: 0, late: [0.0; CELLS] }
    }
}

impl ConformalStream {
    /// How many strategies [`ConformalStream::push`] plays.
    pub const STRATEGIES: usize = POWERS.len();

    /// Takes in one score (clamped to `[0, 1]`; larger is stranger) and a uniform deviate; gives the p-value.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub fn p_value(&mut self, strangeness: f64, uniform: f64) -> f64 {
        let bin = ((strangeness.clamp(0.0, 1.0) * BINS as f64) as usize).min(BINS - 1);
        let stranger: u32 = self.bins.iter().skip(bin + 1).sum();
        let mut alike = 1;
        if let Some(count) = self.bins.get_mut(bin) {
            *count += 1;
            alike = *count;
        }
        self.seen += 1;
        (f64::from(stranger) + uniform * f64::from(alike)) / f64::from(self.seen)
    }

    /// Takes in one score and gives e-values against "nothing has changed", one for each strategy.
    pub fn push(&mut self, strangeness: f64, uniform: f64) -> [f64; POWERS.len()] {
        let p = self.p_value(strangeness, uniform).max(1e-6);
        POWERS.map(|power| power * p.powf(power - 1.0))
    }

    /// Takes in one score and gives one e-value: the density that the p-values of late have shown at this one. It needs
    /// no idea of how the stream will change (plug-in betting; Fedorova, Gammerman, Nouretdinov and Vovk, *Plug-in
    /// martingales for testing exchangeability on-line*, ICML 2012), and forgets, so that an old calm does not slow it
    /// down.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub fn bet(&mut self, score: f64, uniform: f64) -> f64 {
        let p = self.p_value(score, uniform);
        let cell = ((p * CELLS as f64) as usize).min(CELLS - 1);
        let total: f64 = self.late.iter().sum::<f64>() + PRIOR * CELLS as f64;
        let mut density = 1.0;
        for (place, weight) in self.late.iter_mut().enumerate() {
            if place == cell {
                density = (*weight + PRIOR) / total * CELLS as f64;
            }
            *weight = *weight * FORGET + f64::from(u8::from(place == cell));
        }
        density
    }

    /// How many scores were taken in.
    #[must_use]
    pub fn seen(&self) -> u32 {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Rng;

    fn alarm_time(steps: u64, seed: u64, mut score: impl FnMut(&mut Rng, u64) -> f64) -> Option<u64> {
        let mut rng = Rng::seeded(seed);
        let mut stream = ConformalStream::default();
        let mut detector = ShiryaevRoberts::new(ConformalStream::STRATEGIES, 10_000.0);
        (0..steps).find(|&step| {
            let strangeness = score(&mut rng, step);
            let uniform = rng.uniform();
            detector.push(stream.push(strangeness, uniform))
        })
    }

    #[test]
    fn the_mean_time_to_a_false_alarm_is_at_least_the_one_stated() {
        let early = (0..100).filter(|&seed| alarm_time(2_000, seed, |rng, _| rng.uniform()).is_some());
        let count = early.count();
        assert!(count <= 20 + 8, "{count} of 100 runs alarmed within a fifth of the stated mean time");
    }

    #[test]
    fn a_shift_of_one_standard_deviation_is_found_within_a_hundred_steps() {
        let mut delays: Vec<u64> = (0..50)
            .filter_map(|seed| {
                alarm_time(1_000, seed, |rng, step| 0.5 + 0.1 * rng.normal() + if step >= 500 { 0.1 } else { 0.0 })
            })
            .map(|at| at.saturating_sub(500))
            .collect();
        delays.sort_unstable();
        assert!(delays.len() >= 49 && delays[delays.len() / 2] <= 100, "{delays:?}");
    }

    #[test]
    fn an_alarm_stays_on_until_it_is_reset() {
        let mut detector = ShiryaevRoberts::new(1, 8.0);
        assert!([2.0, 2.0, 2.0].into_iter().any(|e| detector.push([e])));
        assert!(detector.push([0.0]));
        detector.reset();
        assert!(!detector.push([1.0]));
    }
}
