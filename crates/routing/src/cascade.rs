//! After each answer: accept it, ask the next arm, or go to the reference.
//!
//! The rule is cascade routing (Dekoninck, Baader and Vechev, *A unified approach to routing and cascading for LLMs*,
//! ICML 2025): take the continuation with the largest estimated quality - tradeoff x cost, given what is known by now.
//! Where they enumerate sets of models, the value of asking on is fitted backwards from recorded traffic (regression
//! for optimal stopping; Longstaff and Schwartz, *Valuing American options by simulation*, RFS 2001), so it already
//! knows that one may stop after the next answer.
//!
//! What never happens here: an arm's own confidence decides alone. It is one input of a model fitted against grades,
//! and where it says nothing about quality its weight falls to nothing.

use serde::{Deserialize, Serialize};

use crate::agreement::{Seen, backs, vote};
use crate::dense::{Design, Linear};
use crate::router::expense_factor;

/// What to do next with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Give the client the answer of this arm (an index into the router's arms).
    Accept(usize),
    /// Call this arm.
    Call(usize),
}

/// Estimates of what each step is worth, in units of quality.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// Estimated quality of the best answer so far; minus infinity before the first.
    pub stop: f64,
    /// Estimated quality of the reference less its price.
    pub reference: f64,
    /// Value of asking the next arm of the chain and deciding again; minus infinity at its end.
    pub next: f64,
}

/// Fitted estimators for a chain of arms, cheapest first, with the reference behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cascade {
    /// Vote weights of the chain's arms: log-odds of being right.
    weights: Vec<f64>,
    /// Quality of the best answer after k calls.
    stop: Vec<Linear>,
    /// Quality of the reference as seen after k calls.
    reference: Vec<Linear>,
}

/// Values of asking on, for one price of quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Quality that one mean reference call must be worth.
    pub tradeoff: f64,
    pub(crate) next: Vec<Linear>,
}

/// One recorded request, as the fit needs it: chain first, reference last.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Pre-hoc scores (log-odds), one an arm.
    pub scores: Vec<f32>,
    /// The answers, one an arm.
    pub seen: Vec<Seen>,
    /// Grades, one an arm.
    pub quality: Vec<f64>,
    /// Costs in units of the mean reference cost, one an arm.
    pub cost: Vec<f64>,
}

/// Ridge penalty in rows; a dozen features against hundreds of rows need little.
const PENALTY: f64 = 2.0;

impl Cascade {
    /// Fits the estimators. `chain` arms stand before the reference in each record. Cost: some 20 passes a stage.
    #[must_use]
    pub fn fit(records: &[Recorded], chain: usize) -> Self {
        let mut cascade = Self { weights: vote_weights(records, chain), stop: Vec::new(), reference: Vec::new() };
        let reference: Vec<f64> = records.iter().map(|r| at(&r.quality, chain)).collect();
        for called in 0..=chain {
            let design = cascade.design(records, called);
            let stops: Vec<f64> = records.iter().map(|r| cascade.quality_of_best(r, called)).collect();
            cascade.stop.push(Linear::logistic(&design, &stops, PENALTY));
            cascade.reference.push(Linear::logistic(&design, &reference, PENALTY));
        }
        cascade
    }

    /// Fits the value of asking on at one price of quality, from the end of the chain backwards.
    pub(crate) fn rung(&self, records: &[Recorded], designs: &[Design], tradeoff: f64) -> Rung {
        let chain = self.weights.len();
        let mut rung = Rung { tradeoff, next: vec![Linear::default(); chain] };
        let mut value: Vec<f64> = vec![f64::NEG_INFINITY; records.len()];
        for (called, design) in designs.iter().enumerate().take(chain + 1).rev() {
            if called < chain {
                let asked = |(value, record): (&f64, &Recorded)| value - tradeoff * at(&record.cost, called);
                value = value.iter().zip(records).map(asked).collect();
                if let Some(next) = rung.next.get_mut(called) {
                    *next = Linear::ridge(design, &value, PENALTY);
                }
            }
            for ((value, features), record) in value.iter_mut().zip(design.iter()).zip(records) {
                let worth = self.worth_of(&rung, called, features, self.price(&record.scores));
                if worth.stop >= worth.reference && worth.stop >= worth.next {
                    *value = self.quality_of_best(record, called);
                } else if worth.reference >= worth.next {
                    *value = at(&record.quality, chain) - tradeoff * at(&record.cost, chain);
                }
            }
        }
        rung
    }

    /// What each step is worth now. `seen` holds the answers of the chain's first arms.
    #[must_use]
    pub fn worth(&self, rung: &Rung, scores: &[f32], seen: &[Seen], features: &mut Vec<f64>) -> Worth {
        self.features(scores, seen, features);
        self.worth_of(rung, seen.len(), features, self.price(scores))
    }

    /// The step with the largest worth; a tie goes to the one that spends less.
    #[must_use]
    pub fn step(&self, worth: &Worth, seen: &[Seen]) -> Step {
        if worth.stop >= worth.reference && worth.stop >= worth.next {
            Step::Accept(self.best(seen))
        } else if worth.reference >= worth.next {
            Step::Call(self.weights.len())
        } else {
            Step::Call(seen.len())
        }
    }

    /// The arm whose answer is best supported.
    #[must_use]
    pub fn best(&self, seen: &[Seen]) -> usize {
        vote(seen, &self.weights).speaker
    }

    /// The design matrices of all stages, computed once for all rungs.
    pub(crate) fn designs(&self, records: &[Recorded]) -> Vec<Design> {
        (0..=self.weights.len()).map(|called| self.design(records, called)).collect()
    }

    /// Expected cost of a reference call on this prompt, in mean ones.
    fn price(&self, scores: &[f32]) -> f64 {
        expense_factor(scores, self.weights.len() + 1)
    }

    fn worth_of(&self, rung: &Rung, called: usize, features: &[f64], price: f64) -> Worth {
        let value = |models: &[Linear], link: fn(&Linear, &[f64]) -> f64| {
            models.get(called).map_or(f64::NEG_INFINITY, |model| link(model, features))
        };
        Worth {
            stop: if called == 0 { f64::NEG_INFINITY } else { value(&self.stop, Linear::probability) },
            reference: value(&self.reference, Linear::probability) - rung.tradeoff * price,
            next: value(&rung.next, Linear::value),
        }
    }

    fn design(&self, records: &[Recorded], called: usize) -> Design {
        let mut features = Vec::new();
        let mut design = Design::default();
        for record in records {
            self.features(&record.scores, record.seen.get(..called).unwrap_or_default(), &mut features);
            design.push(&features);
        }
        design
    }

    fn quality_of_best(&self, record: &Recorded, called: usize) -> f64 {
        let seen = record.seen.get(..called).unwrap_or_default();
        if seen.is_empty() { 0.0 } else { at(&record.quality, self.best(seen)) }
    }

    fn features(&self, scores: &[f32], seen: &[Seen], into: &mut Vec<f64>) {
        into.clear();
        into.push(1.0);
        let score = |arm: usize| f64::from(scores.get(arm).copied().unwrap_or(0.0));
        if seen.is_empty() {
            into.extend(scores.iter().map(|&s| f64::from(s)));
            return;
        }
        let (called, reference) = (seen.len(), score(self.weights.len()));
        let won = vote(seen, &self.weights);
        let mean = (0..called).map(score).sum::<f64>() / called as f64;
        into.extend([score(won.speaker), reference, mean]);
        if called > 1 {
            let unanimous = f64::from(u8::from(won.distinct == 1));
            into.extend([won.support, unanimous, won.distinct as f64 / called as f64, unanimous * reference]);
            into.extend((0..called).map(|arm| f64::from(u8::from(backs(seen, arm, &won)))));
        }
        into.extend(seen.iter().map(|s| f64::from(u8::from(s.answer.is_none()))));
        into.extend(seen.iter().map(|s| s.valid.map_or(0.0, |valid| if valid { 0.5 } else { -1.0 })));
        let speaker = seen.get(won.speaker).copied().unwrap_or_default();
        into.push(speaker.likelihood.map_or(0.0, |l| f64::from(l.exp().clamp(0.0, 1.0)) - 0.5));
        into.push(speaker.self_confidence.map_or(0.0, |c| f64::from(c.clamp(0.0, 1.0)) - 0.5));
    }
}

fn at(column: &[f64], index: usize) -> f64 {
    column.get(index).copied().unwrap_or(0.0)
}

fn vote_weights(records: &[Recorded], chain: usize) -> Vec<f64> {
    let share = |arm: usize| {
        let right: f64 = records.iter().map(|r| at(&r.quality, arm)).sum();
        ((right + 1.0) / (records.len() as f64 + 2.0)).clamp(0.01, 0.99)
    };
    (0..chain).map(share).map(|p| (p / (1.0 - p)).ln().max(0.05)).collect()
}
