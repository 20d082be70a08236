//! What another policy would be worth, from requests that the one in force has served: before anything is changed.
//!
//! Only the answer that was given has a grade. Each decision has a known propensity, so a request counts for the other
//! policy as much as that would have taken the same path: inverse propensity scoring (Horvitz and Thompson, *JASA* 47,
//! 1952). The doubly robust estimate (Dudik, Langford and Li, *Doubly robust policy evaluation and learning*, ICML
//! 2011, equation 1) adds what the router's own model expects and so has less noise; it is right as long as the
//! propensities are.
//!
//! What never happens here: a figure where the log says too little. Then the verdict is "not enough evidence".

use serde::{Deserialize, Serialize};
use steersman_lab::stats::normal_quantile;

use crate::agreement::Seen;
use crate::features::Features;
use crate::path::Taken;
use crate::router::{Method, Router};
use crate::traffic::Traffic;

/// Fewer graded decisions than this decide nothing.
const FEWEST: usize = 100;
/// Nor do decisions that count for fewer than this: the intervals below rest on the central limit.
const FEWEST_EFFECTIVE: f64 = 50.0;
/// The least share of the other policy's decisions that the log must hold, and how surely it may be shown to hold less
/// than all: the mean weight is noisy, so that only three standard errors and more say that something is missing.
const LEAST_COVERED: f64 = 0.8;
const SURELY: f64 = 0.998;

/// One served request, as the other policy sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weighed {
    /// How much more often the other policy takes the path that was taken.
    weight: f64,
    /// What the router's model expects of the path that was taken, and of the other policy.
    expected: [f64; 2],
    quality: f64,
    cost: Option<f64>,
}

/// A figure and its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Its interval, at the confidence that was asked for.
    pub ci: [f64; 2],
}

/// What the log says of the other policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing, and why.
    NotEnoughEvidence {
        /// What is missing.
        why: String,
    },
    /// Its answers are better.
    Better,
    /// Its answers are worse.
    Worse,
    /// Neither is shown.
    NoDifferenceShown,
}

/// Another policy, estimated from the log of the one in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OffPolicy {
    /// Graded decisions.
    pub requests: usize,
    /// For how many requests of its own those count (Kish): few, where it decides otherwise.
    pub effective: f64,
    /// Share of its decisions that the log holds: the mean weight, 1 where nothing is missing.
    pub covered: f64,
    /// Mean quality of the answers that were given.
    pub in_force: Estimate,
    /// Mean quality of the other policy's, by inverse propensity.
    pub ips: Estimate,
    /// The same, doubly robust.
    pub doubly_robust: Estimate,
    /// Doubly robust less in force, request by request.
    pub change: Estimate,
    /// Its cost as a share of what was paid; `None` where a price is unknown.
    pub cost_ratio: Option<Estimate>,
    /// What that amounts to.
    pub verdict: Verdict,
}

/// Estimates `router` at `rung` from the served requests of a recording. Rows without a grade of the answer that was
/// given, or without a propensity, are left out. Cost: about a rung's decision for each rung a request may be drawn to.
#[must_use]
pub fn off_policy(router: &Router, rung: usize, traffic: &Traffic, confidence: f64) -> OffPolicy {
    let rows: Vec<Weighed> = (0..traffic.len()).filter_map(|row| weigh(router, rung, traffic, row)).collect();
    estimate(&rows, confidence)
}

fn weigh(router: &Router, rung: usize, traffic: &Traffic, row: usize) -> Option<Weighed> {
    let served = traffic.served.get(row)?.as_ref().filter(|served| served.propensity > 0.0)?;
    let cell = |name: &String| traffic.arm(name).map(|arm| traffic.answered(arm, row)).unwrap_or_default();
    let quality = f64::from(cell(&served.answered).quality?);
    let paid = served.asked.iter().map(|name| cell(name).cost.map(|cost| cost.as_f64()));
    let cost = paid.sum::<Option<f64>>();
    if served.fixed {
        return Some(Weighed { weight: 1.0, expected: [quality; 2], quality, cost });
    }
    let mut prompt = Features::default();
    prompt.read(traffic.texts.get(row)?);
    let mut scores = Vec::new();
    router.score(&prompt, &mut scores);
    let place = |name: &String| router.arms.iter().position(|arm| arm == name);
    let step = |name: &String| Some((place(name)?, Seen::from(cell(name))));
    // A path over an arm that the other policy does not know is none of its own.
    let path = served.asked.iter().map(step).collect::<Option<Vec<_>>>().zip(place(&served.answered));
    let path = path.map(|(asked, answered)| Taken { asked, answered });
    let taken = path.as_ref().map_or(0.0, |path| router.propensity(rung, &scores, path));
    let first = path.as_ref().and_then(|path| path.asked.first()).map_or(router.reference(), |(arm, _)| *arm);
    let expected = expected(router, rung, &scores, first);
    Some(Weighed { weight: taken / served.propensity, expected, quality, cost })
}

/// What the model expects of the arm that was asked, and of the policy. Where answers are looked at, no model of the
/// prompt knows which will be accepted: the reference's chance stands for both and only takes noise away.
fn expected(router: &Router, rung: usize, scores: &[f32], asked: usize) -> [f64; 2] {
    let mut features = Vec::new();
    let mut chance = |arm: usize| router.chance(arm, scores, &mut features);
    if router.method == Method::Cascade {
        return [chance(router.reference()); 2];
    }
    let of_path = chance(asked);
    let of_policy = (0..router.arms.len()).map(|arm| {
        let path = Taken { asked: vec![(arm, Seen::default())], answered: arm };
        router.propensity(rung, scores, &path) * chance(arm)
    });
    [of_path, of_policy.sum()]
}

/// Adds up weighed requests.
pub(crate) fn estimate(rows: &[Weighed], confidence: f64) -> OffPolicy {
    let z = normal_quantile(0.5 + confidence / 2.0);
    let mean = |of: &dyn Fn(&Weighed) -> f64| mean_of(rows, z, of);
    let (sum, squares) = rows.iter().fold((0.0, 0.0), |(s, q), row| (s + row.weight, q + row.weight * row.weight));
    let doubly = |row: &Weighed| row.expected[1] + row.weight * (row.quality - row.expected[0]);
    let weights = mean_of(rows, normal_quantile(0.5 + SURELY / 2.0), &|row| row.weight);
    let mut estimated = OffPolicy {
        requests: rows.len(),
        effective: if squares > 0.0 { sum * sum / squares } else { 0.0 },
        covered: weights.value,
        in_force: mean(&|row| row.quality),
        ips: mean(&|row| row.weight * row.quality),
        doubly_robust: mean(&doubly),
        change: mean(&|row| doubly(row) - row.quality),
        cost_ratio: cost_ratio(rows, z),
        verdict: Verdict::NoDifferenceShown,
    };
    estimated.verdict = verdict(&estimated, weights);
    estimated
}

fn verdict(estimated: &OffPolicy, weights: Estimate) -> Verdict {
    let missing = |why: String| Verdict::NotEnoughEvidence { why };
    if estimated.requests < FEWEST {
        return missing(format!("{} graded decisions; at least {FEWEST} are needed", estimated.requests));
    }
    if estimated.effective < FEWEST_EFFECTIVE {
        let effective = estimated.effective;
        return missing(format!(
            "the policy in force decided otherwise so often that {} decisions count for {effective:.0}; at least {FEWEST_EFFECTIVE} are needed",
            estimated.requests
        ));
    }
    if weights.value < LEAST_COVERED || weights.ci[1] < 1.0 {
        let covered = weights.value * 100.0;
        return missing(format!("about {covered:.0} % of its decisions were ever taken by the policy in force"));
    }
    match estimated.change.ci {
        [low, _] if low > 0.0 => Verdict::Better,
        [_, high] if high < 0.0 => Verdict::Worse,
        _ => Verdict::NoDifferenceShown,
    }
}

fn mean_of(rows: &[Weighed], z: f64, of: &dyn Fn(&Weighed) -> f64) -> Estimate {
    let count = rows.len().max(1) as f64;
    let value = rows.iter().map(of).sum::<f64>() / count;
    let spread = rows.iter().map(|row| (of(row) - value).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    let half = z * (spread / count).sqrt();
    Estimate { value, ci: [value - half, value + half] }
}

/// What a request of the other policy costs (weights normalised by their sum) over what one has cost, with the interval
/// of the linearised ratio.
fn cost_ratio(rows: &[Weighed], z: f64) -> Option<Estimate> {
    let costs: Vec<(f64, f64)> = rows.iter().map(|row| Some((row.weight, row.cost?))).collect::<Option<_>>()?;
    let count = costs.len() as f64;
    let weight = costs.iter().map(|(weight, _)| weight).sum::<f64>() / count;
    let paid = costs.iter().map(|(_, cost)| cost).sum::<f64>() / count;
    let other = costs.iter().map(|(weight, cost)| weight * cost).sum::<f64>() / count / weight;
    let value = other / paid;
    if !value.is_finite() {
        return None;
    }
    let influence = |(w, c): &(f64, f64)| w * (c - other) / weight / paid - value * (c - paid) / paid;
    let spread = costs.iter().map(|one| influence(one).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    let half = z * (spread / count).sqrt();
    Some(Estimate { value, ci: [(value - half).max(0.0), value + half] })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use steersman_core::Usd;
    use steersman_lab::stats::Rng;

    use super::*;
    use crate::router::FitPlan;
    use crate::traffic::{Answered, Served, Split};

    /// Prompts of two kinds: the small model gets the easy ones right and the hard ones wrong more often than not.
    fn prompt(rng: &mut Rng) -> (String, [f64; 2]) {
        const EASY: [&str; 6] = ["where", "parcel", "order", "late", "address", "today"];
        const HARD: [&str; 6] = ["prove", "integral", "lemma", "bound", "matrix", "norm"];
        let hard = rng.chance(0.5);
        let words = if hard { HARD } else { EASY };
        let text: Vec<&str> = (0..3).map(|_| words[rng.below(6)]).collect();
        (text.join(" "), if hard { [0.45, 0.9] } else { [0.9, 0.92] })
    }

    fn answered(right: bool, nanos: i64) -> Answered {
        let quality = Some(f32::from(u8::from(right)));
        Answered { quality, cost: Some(Usd::from_nanos(nanos)), valid: Some(true), ..Answered::default() }
    }

    fn arms(right: [bool; 2]) -> Vec<(String, Answered)> {
        vec![("small".to_owned(), answered(right[0], 100)), ("big".to_owned(), answered(right[1], 1_000))]
    }

    fn router() -> Router {
        let (mut traffic, mut rng) = (Traffic::default(), Rng::seeded(11));
        for _ in 0..600 {
            let (text, chance) = prompt(&mut rng);
            traffic.push(&text, "", Split::Train, &arms(chance.map(|p| rng.chance(p))));
        }
        let rows: Vec<usize> = (0..600).collect();
        let plan = FitPlan { method: Some(Method::PromptOnly), ..FitPlan::default() };
        Router::fit(&traffic, &[0], 1, &rows, plan).unwrap().router
    }

    /// A request served by a coin, and all that a log keeps of it.
    fn serve(traffic: &mut Traffic, text: &str, right: [bool; 2], chance_of_small: f64, small: bool) {
        let arm = usize::from(!small);
        let cells = arms(right);
        let (name, _) = &cells[arm];
        traffic.push(text, "", Split::Test, &cells[arm..=arm]);
        let propensity = if small { chance_of_small } else { 1.0 - chance_of_small };
        let served = Served { asked: vec![name.clone()], answered: name.clone(), propensity, fixed: false };
        *traffic.served.last_mut().unwrap() = Some(served);
    }

    /// (quality, cost in thousandths of a big call) of the policy on a prompt, averaged over its draw.
    fn worth(router: &Router, rung: usize, text: &str, chance: [f64; 2]) -> [f64; 2] {
        let (mut prompt, mut scores) = (Features::default(), Vec::new());
        prompt.read(text);
        router.score(&prompt, &mut scores);
        let path = Taken { asked: vec![(0, Seen::default())], answered: 0 };
        let small = router.propensity(rung, &scores, &path);
        [small * chance[0] + (1.0 - small) * chance[1], small * 100.0 + (1.0 - small) * 1_000.0]
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        let router = router();
        let rung = router.rungs() / 2;
        let mut rng = Rng::seeded(5);
        let truth: Vec<[f64; 3]> = (0..4_000)
            .map(|_| {
                let (text, chance) = prompt(&mut rng);
                let [quality, cost] = worth(&router, rung, &text, chance);
                // What is in force is right with this chance: a coin of 0.4 for the small model.
                [quality, cost, 0.4 * chance[0] + 0.6 * chance[1]]
            })
            .collect();
        let mean = |at: usize| truth.iter().map(|one| one[at]).sum::<f64>() / truth.len() as f64;
        let (quality, change, ratio) = (mean(0), mean(0) - mean(2), mean(1) / (0.4 * 100.0 + 0.6 * 1_000.0));
        let (mut held, mut narrower) = ([0; 4], 0);
        let runs = 400;
        // There are few prompts, so that each outcome of one is weighed once.
        let mut known: HashMap<(String, bool, bool, bool), Weighed> = HashMap::new();
        for _ in 0..runs {
            let mut log = Vec::new();
            for _ in 0..300 {
                let (text, chance) = prompt(&mut rng);
                let (right, small) = (chance.map(|p| rng.chance(p)), rng.chance(0.4));
                log.push(*known.entry((text.clone(), right[0], right[1], small)).or_insert_with(|| {
                    let mut one = Traffic::default();
                    serve(&mut one, &text, right, 0.4, small);
                    weigh(&router, rung, &one, 0).unwrap()
                }));
            }
            let told = estimate(&log, 0.95);
            assert!(!matches!(told.verdict, Verdict::NotEnoughEvidence { .. }), "{told:?}");
            let inside =
                |estimate: &Estimate, truth: f64| usize::from((estimate.ci[0]..=estimate.ci[1]).contains(&truth));
            let cost = told.cost_ratio.unwrap();
            let found = [(told.ips, quality), (told.doubly_robust, quality), (told.change, change), (cost, ratio)];
            held.iter_mut().zip(&found).for_each(|(held, (estimate, truth))| *held += inside(estimate, *truth));
            let width = |estimate: &Estimate| estimate.ci[1] - estimate.ci[0];
            narrower += usize::from(width(&told.doubly_robust) < width(&told.ips));
        }
        // 95 % of 400 is 380; three standard errors of that count are 13.
        assert!(held.iter().all(|&held| held >= 367), "{held:?} of {runs}");
        assert!(narrower > 390, "the model must take noise away: {narrower}");
    }

    #[test]
    fn a_policy_that_was_never_tried_is_not_judged() {
        let router = router();
        let (mut log, mut rng) = (Traffic::default(), Rng::seeded(7));
        for _ in 0..400 {
            let (text, chance) = prompt(&mut rng);
            let right = chance.map(|p| rng.chance(p));
            // Everything went to the big model: what the small one would have said, nobody knows.
            serve(&mut log, &text, right, 0.0, false);
        }
        let thrifty = off_policy(&router, router.rungs(), &log, 0.95);
        let Verdict::NotEnoughEvidence { why } = thrifty.verdict else { panic!("{thrifty:?}") };
        assert!(why.contains("of its decisions") || why.contains("count for"), "{why}");
        let same = off_policy(&router, 0, &log, 0.95);
        assert_eq!((same.verdict, same.covered, same.effective), (Verdict::NoDifferenceShown, 1.0, 400.0));
        let few = off_policy(&router, 0, &Traffic::default(), 0.95);
        assert!(matches!(few.verdict, Verdict::NotEnoughEvidence { .. }), "{few:?}");
    }
}
