//! What anybody could run without an objective: the policies a saving must beat.
//!
//! What never happens here: a baseline that is made weaker than it is. Those that need a choice get the same labels.

use crate::cascade::Recorded;
use crate::climb::{Climb, Label};
use crate::router::Router;

/// What became of one request under a policy, beside what the reference alone would have done.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Outcome {
    pub(crate) quality: f64,
    pub(crate) cost: f64,
    pub(crate) escalated: f64,
    pub(crate) reference_quality: f64,
    pub(crate) reference_cost: f64,
}

/// The outcomes of a policy on all rows of a pool.
pub(crate) enum Outcomes<'a> {
    Rung(&'a Climb, usize),
    Rows(&'a [Outcome]),
    Mixed(Vec<Outcome>),
}

impl Outcomes<'_> {
    pub(crate) fn of(&self, row: usize) -> Outcome {
        match self {
            Self::Rung(climb, rung) => Outcome {
                quality: climb.quality(*rung, row),
                cost: climb.cost(*rung, row),
                escalated: climb.escalated(*rung, row),
                reference_quality: climb.quality(0, row),
                reference_cost: climb.cost(0, row),
            },
            Self::Rows(rows) => rows.get(row).copied().unwrap_or_default(),
            Self::Mixed(rows) => rows.get(row).copied().unwrap_or_default(),
        }
    }
}

/// A policy whose only choice, if any, is one arm for everything.
pub(crate) struct Fixed {
    floor: Option<f64>,
    /// Outcomes for each choice; the last one is the reference.
    choices: Vec<Vec<Outcome>>,
}

impl Fixed {
    /// The first (cheapest) choice whose labelled quality is on the floor.
    pub(crate) fn outcomes(&self, labels: &[Label]) -> &[Outcome] {
        let Some(floor) = self.floor else { return self.choices.first().map_or(&[], Vec::as_slice) };
        let surplus = |choice: &Vec<Outcome>| {
            let of = |row: usize| choice.get(row).copied().unwrap_or_default();
            labels.iter().map(|&(row, weight)| weight * (of(row).quality - floor * of(row).reference_quality)).sum()
        };
        let good = |choice: &&Vec<Outcome>| -> bool {
            let sum: f64 = surplus(choice);
            sum >= 0.0
        };
        self.choices.iter().find(good).or(self.choices.last()).map_or(&[], Vec::as_slice)
    }
}

/// The baselines that look at no prompt. Arms stand cheapest first with the reference last.
pub(crate) fn fixed_policies(records: &[Recorded], floor: f64, router: &Router) -> Vec<(&'static str, Fixed)> {
    let reference = router.reference();
    let every = |pick: &dyn Fn(&Recorded) -> Outcome| records.iter().map(pick).collect::<Vec<_>>();
    let one_arm = |arm: usize| every(&|record| outcome(record, arm, reference, at(&record.cost, arm)));
    let validated = |record: &Recorded| {
        let first = record.seen.first().copied().unwrap_or_default();
        let answers_known = record.seen.iter().any(|seen| seen.answer.is_some());
        let refused = first.valid == Some(false) || first.valid.is_none() && answers_known && first.answer.is_none();
        let cheap = at(&record.cost, 0);
        if refused {
            outcome(record, reference, reference, cheap + at(&record.cost, reference))
        } else {
            outcome(record, 0, reference, cheap)
        }
    };
    let oracle = |record: &Recorded| {
        let best = record.quality.iter().copied().fold(0.0, f64::max);
        let arm = record.quality.iter().position(|quality| *quality >= best).unwrap_or(reference);
        outcome(record, arm, reference, at(&record.cost, arm))
    };
    // The reference is always on the floor: nobody takes an arm that costs more.
    let no_dearer = (0..=reference).filter(|&arm| !router.is_dearer(arm));
    let only = |choice| Fixed { floor: None, choices: vec![choice] };
    vec![
        ("all_cheap", only(one_arm(0))),
        ("validators_only", only(every(&validated))),
        ("best_fixed_arm", Fixed { floor: Some(floor), choices: no_dearer.map(one_arm).collect() }),
        ("oracle", only(every(&oracle))),
        ("all_reference", only(one_arm(reference))),
    ]
}

/// A coin between the cheapest arm and the reference, weighted so that it costs what the rung costs.
pub(crate) fn random_at_cost(climb: &Climb, records: &[Recorded], rung: usize) -> Vec<Outcome> {
    let total = |of: &dyn Fn(usize) -> f64| (0..climb.rows()).map(of).sum::<f64>();
    let (spent, dear) = (total(&|row| climb.cost(rung, row)), total(&|row| climb.cost(0, row)));
    let cheap: f64 = records.iter().map(|record| at(&record.cost, 0)).sum();
    let share = if dear > cheap { ((spent - cheap) / (dear - cheap)).clamp(0.0, 1.0) } else { 1.0 };
    let mix = |record: &Recorded| {
        let reference = record.quality.len().saturating_sub(1);
        let (up, down) = (
            outcome(record, reference, reference, at(&record.cost, reference)),
            outcome(record, 0, reference, at(&record.cost, 0)),
        );
        Outcome {
            quality: share * up.quality + (1.0 - share) * down.quality,
            cost: share * up.cost + (1.0 - share) * down.cost,
            escalated: share,
            ..up
        }
    };
    records.iter().map(mix).collect()
}

fn outcome(record: &Recorded, arm: usize, reference: usize, cost: f64) -> Outcome {
    Outcome {
        quality: at(&record.quality, arm),
        cost,
        escalated: f64::from(u8::from(arm == reference)),
        reference_quality: at(&record.quality, reference),
        reference_cost: at(&record.cost, reference),
    }
}

fn at(column: &[f64], index: usize) -> f64 {
    column.get(index).copied().unwrap_or(0.0)
}
