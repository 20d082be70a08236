//! A router: fitted scores and a ladder of ever thriftier policies over one list of arms.
//!
//! The ladder is what an objective climbs. Its foot is "everything to the reference"; each rung is the best policy at
//! one price of quality, dearer rungs first. Which rung may be used is not decided here but by a bound on its regret.
//!
//! What never happens here: a promise. Quality estimates order the choices; they guarantee nothing.

use serde::{Deserialize, Serialize};
use steersman_core::Usd;

use crate::agreement::Seen;
use crate::cascade::{Cascade, Recorded, Rung, Step};
use crate::chain::best_chain;
use crate::dense::{Design, Linear};
use crate::features::Features;
use crate::prehoc::{Grades, Prehoc, probability};
use crate::traffic::Traffic;

/// What a router looks at before it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// One decision from the prompt, one call.
    PromptOnly,
    /// Decide again after each answer.
    Cascade,
}

/// What a ladder saves as it climbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Economise {
    /// Dollars: of two equally doubtful requests, the one whose reference call is dearer goes to the candidate.
    #[default]
    Dollars,
    /// Calls to the reference, whatever each costs (rate limits; the measure of the routing literature).
    Calls,
}

/// Choices about a fit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FitPlan {
    /// What to look at; `None` picks whichever is worth more on the training rows.
    pub method: Option<Method>,
    /// What to save.
    pub economise: Economise,
    /// The floor that it is fitted for, as a share of the reference's quality; `None`: 0.97.
    pub floor: Option<f64>,
}

/// Fitted scores and the ladder. Serialised as part of a [`crate::RouterFile`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Router {
    /// Arms in order of calling; the reference stands last.
    pub arms: Vec<String>,
    /// What it looks at.
    pub method: Method,
    /// Mean cost of a reference call where it was fitted; the unit of all costs below.
    pub reference_cost: Option<Usd>,
    prehoc: Prehoc,
    /// Calibrated chance of being right, before any call.
    chances: Vec<Linear>,
    /// Mean cost of a call in units of the mean reference cost. (A cost predicted from the prompt was tried: it orders
    /// calls no better, and it lets a long prompt buy the cheap arm.)
    expenses: Vec<f64>,
    cascade: Cascade,
    /// Thriftier with each step. The foot (all to the reference) is no member.
    ladder: Vec<Rung>,
}

/// Why a router could not be fitted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FitError {
    /// The recording has no such arm.
    #[error("the recording has no arm `{0}`")]
    UnknownArm(String),
    /// The measure cannot be measured by itself.
    #[error("`{0}` is the reference and a candidate at once")]
    ReferenceAsCandidate(String),
    /// No candidate was named.
    #[error("no candidate beside the reference `{0}`")]
    NoCandidate(String),
    /// A candidate was named again.
    #[error("`{0}` is named as a candidate twice")]
    Twice(String),
    /// Nothing shows that a candidate is cheaper.
    #[error("no cost is known of any call of {0}: a price is missing")]
    Unpriced(String),
    /// Too few rows on which all arms were graded.
    #[error("{found} rows of split `train` have grades for all arms; at least {needed} are needed")]
    TooFewRows {
        /// Rows found.
        found: usize,
        /// Rows needed.
        needed: usize,
    },
}

/// A router with the rows it was fitted on.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The router.
    pub router: Router,
    /// Its training rows, scored by models that did not see them.
    pub training: Vec<Recorded>,
}

/// Fewer rows than this fit noise.
const FEWEST_ROWS: usize = 100;

/// Rungs of a ladder: steps of about 1 % of spend, so that the last one that passes is near the best.
const RUNGS: usize = 100;

/// Costs are predicted up to this many times the mean reference call; dearer ones are taken as this dear.
const DEAREST: f64 = 4.0;

/// The floor of a fit that names none.
const USUAL_FLOOR: f64 = 0.97;

/// Cross-fitting folds for scores that later stages learn from.
const FOLDS: usize = 4;

impl Router {
    /// Fits scores, picks the arms worth asking, compares the methods, and builds the ladder.
    ///
    /// `candidates` and `reference` are arm indices of `traffic`; `rows` must be graded for all of them. Cost: about a
    /// second for 10,000 rows and an arm.
    ///
    /// # Errors
    /// [`FitError`] for an empty list of candidates or too few rows.
    pub fn fit(
        traffic: &Traffic,
        candidates: &[usize],
        reference: usize,
        rows: &[usize],
        plan: FitPlan,
    ) -> Result<Fitted, FitError> {
        let name = |arm: usize| traffic.arm_names.get(arm).cloned().unwrap_or_default();
        if candidates.is_empty() {
            return Err(FitError::NoCandidate(name(reference)));
        }
        if candidates.contains(&reference) {
            return Err(FitError::ReferenceAsCandidate(name(reference)));
        }
        if let Some(arm) = candidates
            .iter()
            .enumerate()
            .find_map(|(at, arm)| candidates.iter().take(at).any(|before| before == arm).then_some(*arm))
        {
            return Err(FitError::Twice(name(arm)));
        }
        if rows.len() < FEWEST_ROWS {
            return Err(FitError::TooFewRows { found: rows.len(), needed: FEWEST_ROWS });
        }
        let arms = arms_by_cost(traffic, &priced(traffic, candidates, reference, rows)?, reference, rows);
        let prompts = read_prompts(traffic, rows);
        let scores = cross_fitted_scores(traffic, &arms, rows, &prompts, plan.economise);
        let unit = usual_cost(traffic, reference, rows);
        let records = records(traffic, &arms, rows, scores, unit);
        let (method, kept) = best_chain(&records, arms.len(), plan.method, plan.floor.unwrap_or(USUAL_FLOOR));
        let arms: Vec<usize> = kept.iter().filter_map(|&place| arms.get(place)).copied().collect();
        let records: Vec<Recorded> = records.iter().map(|record| record.with_arms(&kept)).collect();
        let mut router = Self {
            arms: arms.iter().map(|&arm| name(arm)).collect(),
            method,
            reference_cost: unit,
            prehoc: fit_prehoc(traffic, &arms, rows, &prompts, plan.economise),
            chances: chances(&records, arms.len()),
            expenses: expenses(&records, arms.len()),
            cascade: Cascade::fit(&records, arms.len() - 1),
            ladder: Vec::new(),
        };
        // Nothing can be saved on a reference that is free.
        router.ladder = if unit == Some(Usd::ZERO) { Vec::new() } else { router.build_ladder(&records) };
        Ok(Fitted { router, training: records })
    }

    /// How many rungs there are; rung 0 is "all to the reference", rung `rungs()` the thriftiest.
    #[must_use]
    pub fn rungs(&self) -> usize {
        self.ladder.len()
    }

    /// The price of quality at a rung; zero at the foot.
    #[must_use]
    pub fn tradeoff(&self, rung: usize) -> f64 {
        rung.checked_sub(1).and_then(|index| self.ladder.get(index)).map_or(0.0, |rung| rung.tradeoff)
    }

    /// The index of the reference among the arms.
    #[must_use]
    pub fn reference(&self) -> usize {
        self.arms.len().saturating_sub(1)
    }

    /// Whether a call of an arm costs more than one of the reference did where it was fitted.
    pub(crate) fn is_dearer(&self, arm: usize) -> bool {
        let of = |arm: usize| self.expenses.get(arm).copied().unwrap_or(1.0);
        of(arm) > of(self.reference())
    }

    /// Pre-hoc scores (log-odds of being right) of a prompt.
    pub fn score(&self, prompt: &Features, scores: &mut Vec<f32>) {
        self.prehoc.score(prompt, scores);
    }

    /// Share of a prompt's words that the router has never seen, in `[0, 1]`.
    #[must_use]
    pub fn unfamiliar(&self, prompt: &Features) -> f64 {
        self.prehoc.unfamiliar(prompt)
    }

    /// Calibrated chance that an arm is right, before any call.
    #[must_use]
    pub fn chance(&self, arm: usize, scores: &[f32], features: &mut Vec<f64>) -> f64 {
        prompt_features(scores, features);
        self.chances.get(arm).map_or(0.0, |model| model.probability(features))
    }

    /// What to do at a rung, given the answers of the arms called so far (in chain order for a cascade; for a
    /// prompt-only router any answer is final). Allocates nothing once `features` has grown.
    #[must_use]
    pub fn step(&self, rung: usize, scores: &[f32], seen: &[Seen], features: &mut Vec<f64>) -> Step {
        let Some(rung) = rung.checked_sub(1).and_then(|index| self.ladder.get(index)) else {
            return Step::Call(self.reference());
        };
        match self.method {
            Method::PromptOnly => Step::Call(self.best_arm(rung.tradeoff, scores, features)),
            Method::Cascade => {
                let worth = self.cascade.worth(rung, scores, seen, features);
                self.cascade.step(&worth, seen)
            }
        }
    }

    fn best_arm(&self, tradeoff: f64, scores: &[f32], features: &mut Vec<f64>) -> usize {
        prompt_features(scores, features);
        let models = self.chances.iter().zip(&self.expenses);
        let factor = expense_factor(scores, self.arms.len());
        let worth = models.map(|(chance, expense)| chance.probability(features) - tradeoff * expense * factor);
        // The last maximum: a tie goes up, to the reference.
        worth.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(self.reference(), |(arm, _)| arm)
    }

    /// Follows one recorded request at a rung.
    #[must_use]
    pub fn follow(&self, rung: usize, record: &Recorded, features: &mut Vec<f64>) -> Followed {
        let (mut called, mut cost) = (0, 0.0);
        loop {
            let seen = record.seen.get(..called).unwrap_or_default();
            let step = self.step(rung, &record.scores, seen, features);
            let paid = |arm: usize| record.cost.get(arm).copied().unwrap_or(0.0);
            let (arm, cost) = match step {
                Step::Accept(arm) => (arm, cost),
                Step::Call(arm) if arm == self.reference() || self.method == Method::PromptOnly => {
                    (arm, cost + paid(arm))
                }
                Step::Call(arm) => {
                    cost += paid(arm);
                    called += 1;
                    continue;
                }
            };
            let quality = record.quality.get(arm).copied().unwrap_or(0.0);
            return Followed { arm, quality, cost, escalated: arm == self.reference(), calls: called + 1 };
        }
    }

    /// Halves the widest gap in spend until the ladder is fine enough; rungs that cost more than the reference are
    /// above break-even and left out.
    fn build_ladder(&self, records: &[Recorded]) -> Vec<Rung> {
        let designs = if self.method == Method::Cascade { self.cascade.designs(records) } else { Vec::new() };
        let mut rungs: Vec<(f64, Rung)> = [1e-4, 30.0].map(|t| self.rung(records, &designs, t)).into();
        while rungs.len() < RUNGS {
            let gaps = rungs.windows(2).enumerate().filter_map(|(index, pair)| match pair {
                [(spend, rung), (next_spend, next)] if next.tradeoff / rung.tradeoff > 1.0005 => {
                    Some((index, (spend - next_spend).abs(), (rung.tradeoff * next.tradeoff).sqrt()))
                }
                _ => None,
            });
            let Some((index, gap, tradeoff)) = gaps.max_by(|a, b| a.1.total_cmp(&b.1)) else { break };
            if gap < 0.5 / RUNGS as f64 {
                break;
            }
            rungs.insert(index + 1, self.rung(records, &designs, tradeoff));
        }
        rungs.into_iter().filter(|(spend, _)| *spend < 1.0).map(|(_, rung)| rung).collect()
    }

    fn rung(&self, records: &[Recorded], designs: &[Design], tradeoff: f64) -> (f64, Rung) {
        let rung = match self.method {
            Method::PromptOnly => Rung { tradeoff, next: Vec::new() },
            Method::Cascade => self.cascade.rung(records, designs, tradeoff),
        };
        let alone = Self { ladder: vec![rung.clone()], prehoc: Prehoc::default(), ..self.clone_without_tables() };
        let mut features = Vec::new();
        let spent: f64 = records.iter().map(|record| alone.follow(1, record, &mut features).cost).sum();
        (spent / records.len().max(1) as f64, rung)
    }

    /// A router without scores of its own or a ladder, to try arms with.
    pub(crate) fn on_trial(records: &[Recorded], arms: usize, method: Method) -> Trial {
        let cascade = Cascade::fit(records, arms - 1);
        let designs = cascade.designs(records);
        let router = Self {
            arms: (0..arms).map(|arm| arm.to_string()).collect(),
            method,
            reference_cost: None,
            prehoc: Prehoc::default(),
            chances: chances(records, arms),
            expenses: expenses(records, arms),
            cascade,
            ladder: Vec::new(),
        };
        Trial { router, designs }
    }

    fn clone_without_tables(&self) -> Self {
        Self {
            arms: self.arms.clone(),
            method: self.method,
            reference_cost: self.reference_cost,
            prehoc: Prehoc::default(),
            chances: self.chances.clone(),
            expenses: self.expenses.clone(),
            cascade: self.cascade.clone(),
            ladder: Vec::new(),
        }
    }
}

/// A router that is only tried.
pub(crate) struct Trial {
    router: Router,
    designs: Vec<Design>,
}

impl Trial {
    /// Quality and cost of all rows together at one price of quality.
    pub(crate) fn at(&self, records: &[Recorded], tradeoff: f64) -> (f64, f64) {
        let mut router = self.router.clone();
        router.ladder = vec![router.rung(records, &self.designs, tradeoff).1];
        let mut features = Vec::new();
        let followed = records.iter().map(|record| router.follow(1, record, &mut features));
        followed.fold((0.0, 0.0), |sum, one| (sum.0 + one.quality, sum.1 + one.cost))
    }
}

/// What became of one recorded request under a policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Followed {
    /// The arm whose answer the client got.
    pub arm: usize,
    /// Its grade.
    pub quality: f64,
    /// All that was paid, in units of the mean reference cost.
    pub cost: f64,
    /// Whether the reference was called.
    pub escalated: bool,
    /// How many calls were made.
    pub calls: usize,
}

impl Recorded {
    pub(crate) fn with_arms(&self, places: &[usize]) -> Self {
        fn take<T: Copy>(column: &[T], places: &[usize]) -> Vec<T> {
            places.iter().filter_map(|&place| column.get(place)).copied().collect()
        }
        let mut scores = take(&self.scores, places);
        scores.extend(self.scores.get(self.quality.len()..).unwrap_or_default());
        Self {
            scores,
            seen: take(&self.seen, places),
            quality: take(&self.quality, places),
            cost: take(&self.cost, places),
        }
    }
}

/// Reads the prompts of some rows.
#[must_use]
pub fn read_prompts(traffic: &Traffic, rows: &[usize]) -> Vec<Features> {
    let read = |&row: &usize| {
        let mut features = Features::default();
        features.read(traffic.texts.get(row).map_or("", String::as_str));
        features
    };
    rows.iter().map(read).collect()
}

/// Records of rows with given scores. An unknown cost counts as the reference's: it can claim no saving.
#[must_use]
pub fn records(
    traffic: &Traffic,
    arms: &[usize],
    rows: &[usize],
    scores: Vec<Vec<f32>>,
    unit: Option<Usd>,
) -> Vec<Recorded> {
    let unit = unit.map_or(1.0, |unit| unit.as_f64().max(1e-12));
    let record = |(&row, scores): (&usize, Vec<f32>)| {
        let cells: Vec<_> = arms.iter().map(|&arm| traffic.answered(arm, row)).collect();
        Recorded {
            scores,
            seen: cells.iter().map(|&cell| Seen::from(cell)).collect(),
            quality: cells.iter().map(|cell| f64::from(cell.quality.unwrap_or(0.0))).collect(),
            cost: cells.iter().map(|cell| cell.cost.map_or(1.0, |cost| cost.as_f64() / unit)).collect(),
        }
    };
    rows.iter().zip(scores).map(record).collect()
}

/// Mean cost of an arm over rows; `None` if any of them is unknown.
#[must_use]
pub fn mean_cost(traffic: &Traffic, arm: usize, rows: &[usize]) -> Option<Usd> {
    let total: Option<Usd> = rows.iter().map(|&row| traffic.answered(arm, row).cost).sum::<Option<Usd>>();
    let nanos = total?.nanos().checked_div(i64::try_from(rows.len()).ok()?)?;
    Some(Usd::from_nanos(nanos))
}

/// Mean cost of an arm over those rows where it is known: to plan by, never to claim a saving.
#[must_use]
pub(crate) fn usual_cost(traffic: &Traffic, arm: usize, rows: &[usize]) -> Option<Usd> {
    let known: Vec<usize> = rows.iter().copied().filter(|&row| traffic.answered(arm, row).cost.is_some()).collect();
    mean_cost(traffic, arm, &known)
}

/// The candidates whose cost is known: another would be charged as the reference, and so seem to save wherever that is
/// dear. All of them where no arm has any price; nothing is saved then.
fn priced(traffic: &Traffic, candidates: &[usize], reference: usize, rows: &[usize]) -> Result<Vec<usize>, FitError> {
    let has_price = |arm: usize| usual_cost(traffic, arm, rows).is_some();
    let priced: Vec<usize> = candidates.iter().copied().filter(|&arm| has_price(arm)).collect();
    match priced.is_empty() {
        false => Ok(priced),
        true if !has_price(reference) => Ok(candidates.to_vec()),
        true => {
            let named = candidates.iter().filter_map(|&arm| traffic.arm_names.get(arm));
            Err(FitError::Unpriced(named.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")))
        }
    }
}

fn arms_by_cost(traffic: &Traffic, candidates: &[usize], reference: usize, rows: &[usize]) -> Vec<usize> {
    let mut arms: Vec<(i64, usize)> =
        candidates.iter().map(|&arm| (usual_cost(traffic, arm, rows).map_or(i64::MAX, Usd::nanos), arm)).collect();
    arms.sort_unstable();
    arms.into_iter().map(|(_, arm)| arm).chain(std::iter::once(reference)).collect()
}

fn grades(traffic: &Traffic, arms: &[usize], rows: &[usize]) -> Vec<Grades> {
    let column =
        |&arm: &usize| rows.iter().map(|&row| traffic.answered(arm, row).quality.unwrap_or(f32::NAN)).collect();
    arms.iter().map(column).collect()
}

/// Grades of the arms and, if dollars are to be saved, what the reference cost as one more column to predict.
fn graded_columns(traffic: &Traffic, arms: &[usize], rows: &[usize], economise: Economise) -> Vec<Grades> {
    let mut columns = grades(traffic, arms, rows);
    let reference = arms.last().copied().unwrap_or(0);
    if let (Economise::Dollars, Some(mean)) = (economise, usual_cost(traffic, reference, rows)) {
        let dearest = mean.as_f64().max(1e-12) * DEAREST;
        let share = |row: &usize| traffic.answered(reference, *row).cost.map(|cost| cost.as_f64() / dearest);
        columns.push(rows.iter().map(|row| share(row).map_or(f32::NAN, |share| share.min(1.0) as f32)).collect());
    }
    columns
}

/// How dear a reference call will be, in units of the mean one; 1 if the router does not predict it.
pub(crate) fn expense_factor(scores: &[f32], arms: usize) -> f64 {
    scores.get(arms).map_or(1.0, |&score| DEAREST * f64::from(probability(score)))
}

fn groups(traffic: &Traffic, rows: &[usize]) -> Vec<u32> {
    rows.iter().map(|&row| traffic.groups.get(row).copied().unwrap_or(0)).collect()
}

fn cross_fitted_scores(
    traffic: &Traffic,
    arms: &[usize],
    rows: &[usize],
    prompts: &[Features],
    economise: Economise,
) -> Vec<Vec<f32>> {
    let prompts: Vec<&Features> = prompts.iter().collect();
    let witnesses = grades(traffic, &witnesses(traffic, arms), rows);
    Prehoc::cross_fitted(
        &prompts,
        &groups(traffic, rows),
        &graded_columns(traffic, arms, rows, economise),
        &witnesses,
        FOLDS,
    )
}

fn fit_prehoc(traffic: &Traffic, arms: &[usize], rows: &[usize], prompts: &[Features], economise: Economise) -> Prehoc {
    let prompts: Vec<&Features> = prompts.iter().collect();
    let witnesses = grades(traffic, &witnesses(traffic, arms), rows);
    Prehoc::fit(&prompts, &groups(traffic, rows), &graded_columns(traffic, arms, rows, economise), &witnesses)
}

/// Recorded arms that take no part: what they got right still tells how hard a prompt is.
fn witnesses(traffic: &Traffic, arms: &[usize]) -> Vec<usize> {
    (0..traffic.arms.len()).filter(|arm| !arms.contains(arm)).collect()
}

fn prompt_features(scores: &[f32], into: &mut Vec<f64>) {
    into.clear();
    into.push(1.0);
    into.extend(scores.iter().map(|&score| f64::from(score)));
}

fn prompt_design(records: &[Recorded]) -> Design {
    let (mut design, mut features) = (Design::default(), Vec::new());
    for record in records {
        prompt_features(&record.scores, &mut features);
        design.push(&features);
    }
    design
}

fn chances(records: &[Recorded], arms: usize) -> Vec<Linear> {
    let design = prompt_design(records);
    let right =
        |arm: usize| -> Vec<f64> { records.iter().map(|r| r.quality.get(arm).copied().unwrap_or(0.0)).collect() };
    (0..arms).map(|arm| Linear::logistic(&design, &right(arm), 2.0)).collect()
}

fn expenses(records: &[Recorded], arms: usize) -> Vec<f64> {
    let mean = |arm: usize| {
        let paid: f64 = records.iter().map(|r| r.cost.get(arm).copied().unwrap_or(1.0)).sum();
        paid / records.len().max(1) as f64
    };
    (0..arms).map(mean).collect()
}
