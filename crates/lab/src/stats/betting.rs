//! Tests and intervals that hold at every moment, however often somebody looks.
//!
//! A gambler who bets against a hypothesis cannot multiply his stake by 1/alpha, at any time, with probability above
//! alpha if the hypothesis is true (Ville 1939). His wealth is therefore evidence that survives peeking
//! (Waudby-Smith and Ramdas, *Estimating means of bounded random variables by betting*, JRSS B 2024).
//!
//! What never happens here: a bet that looks at the outcome it is placed on, or one that can lose more than all.

use serde::{Deserialize, Serialize};

use super::Interval;

/// An e-process against "the mean is at most 0", for outcomes in `[lowest, ..]` with `lowest < 0`.
///
/// The stake is spread over fixed bets (a mixture, so no tuning is needed and the wealth depends on no order);
/// [`MeanAbove::evidence`] is the largest wealth so far, a valid verdict at any stopping time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeanAbove {
    bets: Vec<Bet>,
    best_log_wealth: f64,
    outcomes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Bet {
    size: f64,
    log_wealth: f64,
}

/// Bets as shares of the largest that cannot go broke: geometric, since the best one is unknown by scale.
/// Eight of them cost at most ln 8 against knowing the best, and usually under one.
const SPREAD: [f64; 8] = [0.015, 0.03, 0.06, 0.11, 0.19, 0.32, 0.5, 0.75];

impl MeanAbove {
    /// A gambler who knows only the smallest possible outcome.
    #[must_use]
    pub fn new(lowest: f64) -> Self {
        Self::with_bets(lowest, SPREAD.iter().map(|&share| (share, 1.0)))
    }

    /// A gambler with a hunch, as `(share of the largest safe bet, weight)`. A wrong hunch costs power, never validity,
    /// as long as it was formed without the outcomes that are pushed here.
    #[must_use]
    pub fn with_bets(lowest: f64, bets: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let largest = 1.0 / (-lowest).max(f64::MIN_POSITIVE);
        let bets: Vec<(f64, f64)> = bets.into_iter().filter(|(_, weight)| *weight > 0.0).collect();
        let total: f64 = bets.iter().map(|(_, weight)| weight).sum();
        let bets = bets
            .iter()
            .map(|(share, weight)| Bet { size: share.clamp(0.0, 0.99) * largest, log_wealth: (weight / total).ln() });
        Self { bets: bets.collect(), best_log_wealth: 0.0, outcomes: 0 }
    }

    /// Takes in one outcome.
    pub fn push(&mut self, outcome: f64) {
        self.outcomes += 1;
        for bet in &mut self.bets {
            bet.log_wealth += (bet.size * outcome).max(-0.999_999).ln_1p();
        }
        self.best_log_wealth = self.best_log_wealth.max(self.log_wealth());
    }

    /// ln of the wealth now.
    #[must_use]
    pub fn log_wealth(&self) -> f64 {
        let most = self.bets.iter().map(|bet| bet.log_wealth).fold(f64::NEG_INFINITY, f64::max);
        most + self.bets.iter().map(|bet| (bet.log_wealth - most).exp()).sum::<f64>().ln()
    }

    /// ln of the largest wealth so far; minus its value is ln of an any-time p-value.
    #[must_use]
    pub fn evidence(&self) -> f64 {
        self.best_log_wealth
    }

    /// Whether "the mean is at most 0" is refuted at level `alpha`, at whatever time this is asked.
    #[must_use]
    pub fn refutes(&self, alpha: f64) -> bool {
        self.best_log_wealth >= -alpha.ln()
    }

    /// How many outcomes were taken in.
    #[must_use]
    pub fn outcomes(&self) -> u64 {
        self.outcomes
    }
}

/// A confidence sequence for a mean of outcomes in `[0, 1]`: intervals that, all at once over time, contain the mean
/// with probability at least the confidence (the same paper, section 4: bets on a grid of candidate means).
#[derive(Debug, Clone)]
pub struct BettingSequence {
    above: Vec<MeanAbove>,
    below: Vec<MeanAbove>,
    alpha: f64,
}

const GRID: u32 = 200;

impl BettingSequence {
    /// An empty sequence at two-sided `confidence`. Resolution 1/200; each outcome costs 3,200 updates.
    #[must_use]
    pub fn new(confidence: f64) -> Self {
        let candidates = || (1..GRID).map(|step| f64::from(step) / f64::from(GRID));
        Self {
            above: candidates().map(|mean| MeanAbove::new(-mean)).collect(),
            below: candidates().map(|mean| MeanAbove::new(mean - 1.0)).collect(),
            alpha: 1.0 - confidence,
        }
    }

    /// Takes in one outcome in `[0, 1]`.
    pub fn push(&mut self, outcome: f64) {
        let candidates = (1..GRID).map(|step| f64::from(step) / f64::from(GRID));
        for ((above, below), mean) in self.above.iter_mut().zip(&mut self.below).zip(candidates) {
            above.push(outcome - mean);
            below.push(mean - outcome);
        }
    }

    /// The interval now: every candidate mean below `low` and above `high` is refuted.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn interval(&self) -> Interval {
        let low = self.above.iter().take_while(|test| test.refutes(self.alpha / 2.0)).count();
        let high = self.below.iter().rev().take_while(|test| test.refutes(self.alpha / 2.0)).count();
        Interval::new(low as f64 / f64::from(GRID), 1.0 - high as f64 / f64::from(GRID))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Rng;

    #[test]
    fn a_gambler_who_looks_after_every_outcome_is_wrong_at_most_alpha_of_the_time() {
        for (loss, lose, win) in [(-1.0, 0.5, 1.0), (-0.95, 0.05, 0.05), (-0.2, 0.8, 0.8)] {
            let mut rng = Rng::seeded(23);
            let wrong = (0..2_000).filter(|_| {
                let mut test = MeanAbove::new(loss);
                (0..500).for_each(|_| test.push(if rng.chance(lose) { loss } else { win }));
                test.refutes(0.05)
            });
            let share = wrong.count() as f64 / 2_000.0;
            assert!(share <= 0.05 + 0.01, "{share} at {loss}, {lose}, {win}");
        }
    }

    #[test]
    fn a_true_gain_is_found_soon() {
        let mut rng = Rng::seeded(5);
        let found = (0..300).filter(|_| {
            let mut test = MeanAbove::new(-0.95);
            (0..600).for_each(|_| test.push(if rng.chance(0.02) { -0.95 } else { 0.05 }));
            test.refutes(0.05)
        });
        assert!(found.count() >= 240, "a mean gain of 0.03 over 600 outcomes is found in at least 80 % of runs");
    }

    #[test]
    fn the_confidence_sequence_contains_the_mean_at_all_times() {
        let mut rng = Rng::seeded(29);
        let left = (0..200).filter(|_| {
            let mut sequence = BettingSequence::new(0.9);
            (0..200).any(|_| {
                sequence.push(if rng.chance(0.85) { 1.0 } else { 0.0 });
                !sequence.interval().contains(0.85)
            })
        });
        assert!(left.count() <= 26, "at most 10 % of runs plus two standard errors may ever leave");
    }

    #[test]
    fn the_confidence_sequence_narrows() {
        let mut sequence = BettingSequence::new(0.95);
        (0..1_000).for_each(|n| sequence.push(f64::from(u8::from(n % 10 != 0))));
        let interval = sequence.interval();
        assert!(interval.contains(0.9) && interval.high - interval.low < 0.08, "{interval:?}");
    }
}
