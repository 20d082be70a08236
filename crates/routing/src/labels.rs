//! Which requests are worth a label.
//!
//! A request that the reference answers at every rung in question tells almost nothing about their regret. So shadow
//! calls and graders go mostly to requests that a candidate would answer, with known propensities, and each label is
//! weighted by them: the estimate stays unbiased, the same number of labels decides more.
//!
//! What never happens here: a label whose propensity was not written down before it was drawn.

use steersman_lab::stats::Rng;

use crate::climb::{Climb, Hunches, Label};

/// Propensity to label a request that no rung in question would take from the reference. Not zero, or their share of
/// the surplus would be unknown; not much more, since its variance is small: chosen on MMLU's train split among
/// 0.05, 0.15 and 0.3.
const SELDOM: f64 = 0.15;

/// Propensities to label, request by request.
#[derive(Debug, Clone)]
pub struct LabelPlan {
    propensities: Vec<f64>,
    mean: f64,
    /// The rungs in question: at none of them does a seldom labelled request leave the reference.
    in_question: usize,
}

impl LabelPlan {
    /// Every request alike.
    #[must_use]
    pub fn uniform(rows: usize) -> Self {
        Self { propensities: vec![1.0; rows], mean: 1.0, in_question: usize::MAX }
    }

    /// Mostly requests that a candidate would answer at some rung up to the highest in question.
    #[must_use]
    pub fn designed(climb: &Climb, hunches: &Hunches) -> Self {
        let in_question = hunches.likely().min(climb.rungs());
        let matters = |row| (1..=in_question).rev().any(|rung| climb.escalated(rung, row) < 1.0);
        let propensities: Vec<f64> = (0..climb.rows()).map(|row| if matters(row) { 1.0 } else { SELDOM }).collect();
        let mean = propensities.iter().sum::<f64>() / propensities.len().max(1) as f64;
        Self { propensities, mean, in_question }
    }

    /// Walks a stream of requests and labels each with its propensity until there are `labels` of them or four fifths
    /// of the stream are gone; gives the labels and how many requests went by.
    #[must_use]
    pub fn draw(&self, stream: &[usize], labels: usize, rng: &mut Rng) -> (Vec<Label>, usize) {
        let mut drawn = Vec::with_capacity(labels);
        let end = stream.len() * 4 / 5;
        for (passed, &row) in stream.iter().enumerate().take(end) {
            if drawn.len() == labels {
                return (drawn, passed);
            }
            if rng.chance(self.propensity(row)) {
                drawn.push((row, self.weight(row)));
            }
        }
        (drawn, end)
    }

    /// The propensity to label a request.
    #[must_use]
    pub fn propensity(&self, row: usize) -> f64 {
        self.propensities.get(row).copied().unwrap_or(1.0)
    }

    /// What a label of this request counts for.
    #[must_use]
    pub fn weight(&self, row: usize) -> f64 {
        self.mean / self.propensity(row)
    }

    /// The most that a label can count for among requests which this rung takes from the reference: only those can
    /// fall short of the floor.
    #[must_use]
    pub fn heaviest(&self, rung: usize) -> f64 {
        if self.in_question == usize::MAX || rung <= self.in_question { self.mean } else { self.mean / SELDOM }
    }
}
