//! The score before any call: how likely each arm is to be right on this prompt.
//!
//! One linear model an arm over hashed features, averaged over three strengths of regularisation. Its targets are the
//! grades, drawn towards the mean of the prompt's *group* where recorded groups are known: so the models learn to
//! recognise a category from words, and serving needs no category label.
//!
//! What never happens here: a test row. Scores for rows that were fitted on come from models that did not see them.

use serde::{Deserialize, Serialize};

use crate::dense::{Design, Linear};
use crate::features::{BUCKETS, Features, SHAPES};
use crate::logistic::{DIMENSIONS, Logistic, PARTS, Sparse, Vectoriser, WORDS, sigmoid};
use crate::packed::PackedPrehoc;

/// (multiple of the base penalty, share of the group mean in the target): chosen on the calib split of MMLU traffic;
/// any one alone is within 0.01 APGR of the average.
const ENSEMBLE: [(f32, f32); 3] = [(0.5, 0.7), (1.0, 0.4), (2.0, 0.2)];

/// Base penalty = this / sqrt(rows): the same development data, checked on sets of 1,200 and 8,400 rows.
const PENALTY: f32 = 0.018;

/// A group mean counts this many grades of the overall mean (shrinkage of small groups).
const GROUP_PRIOR: f32 = 20.0;

const EPOCHS: usize = 10;

/// Fitted scores for a list of arms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "PackedPrehoc", try_from = "PackedPrehoc")]
pub struct Prehoc {
    pub(crate) arms: usize,
    /// For each dimension: its scale, then one weight an arm. One cache line serves all arms.
    pub(crate) table: Vec<f32>,
}

/// Grades of one arm on the rows that are fitted on; `NaN` where unknown.
pub type Grades = Vec<f32>;

impl Prehoc {
    /// Fits one model an arm. Cost: about 0.3 s for 10,000 prompts an arm.
    #[must_use]
    pub fn fit(prompts: &[&Features], groups: &[u32], grades: &[Grades], witnesses: &[Grades]) -> Self {
        let vectoriser = Vectoriser::fit(prompts.iter().copied());
        let rows: Vec<Sparse> = prompts
            .iter()
            .map(|prompt| {
                let mut row = Sparse::new();
                vectoriser.vector(prompt, &mut row);
                row
            })
            .collect();
        let width = grades.len() + 1;
        let mut table = vec![0.0; DIMENSIONS * width];
        for (cell, idf) in table.iter_mut().step_by(width).zip(vectoriser.scales()) {
            *cell = idf;
        }
        for (arm, grades) in grades.iter().enumerate() {
            let weights = fit_arm(&rows, groups, grades, witnesses);
            for (cell, weight) in table.iter_mut().skip(arm + 1).step_by(width).zip(weights) {
                *cell = weight;
            }
        }
        Self { arms: grades.len(), table }
    }

    /// Log-odds of being right for each arm, into `scores`. Some 100 table look-ups; no allocation.
    pub fn score(&self, prompt: &Features, scores: &mut Vec<f32>) {
        scores.clear();
        scores.resize(self.arms, 0.0);
        for (buckets, share) in [(&prompt.words, WORDS), (&prompt.parts, PARTS)] {
            let mut norm = 0.0_f32;
            for entry in buckets.iter().filter_map(|&bucket| self.entry(bucket as usize)) {
                norm += entry.first().map_or(0.0, |idf| idf * idf);
            }
            let scale = share / norm.sqrt().max(1e-6);
            for entry in buckets.iter().filter_map(|&bucket| self.entry(bucket as usize)) {
                let Some((idf, weights)) = entry.split_first() else { continue };
                for (score, weight) in scores.iter_mut().zip(weights) {
                    *score += idf * scale * weight;
                }
            }
        }
        let rest = prompt.shape.iter().map(|v| v * 0.5).chain(std::iter::once(1.0));
        for (value, dimension) in rest.zip(BUCKETS..) {
            let weights = self.entry(dimension).unwrap_or_default().iter().skip(1);
            scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += value * weight);
        }
    }

    /// Share of a prompt's words that no fitted prompt had (or only one), in `[0, 1]`.
    pub(crate) fn unfamiliar(&self, prompt: &Features) -> f64 {
        let unknown = |bucket: &&u32| {
            let entry = self.entry(**bucket as usize);
            entry.and_then(<[f32]>::first).is_none_or(|idf| *idf <= 0.0)
        };
        let unknown = prompt.words.iter().filter(unknown).count();
        unknown as f64 / prompt.words.len().max(1) as f64
    }

    fn entry(&self, dimension: usize) -> Option<&[f32]> {
        let width = self.arms + 1;
        self.table.get(dimension * width..(dimension + 1) * width)
    }

    /// Scores of rows by models that were fitted without them (`folds`-fold cross-fitting), row by row.
    #[must_use]
    pub fn cross_fitted(
        prompts: &[&Features],
        groups: &[u32],
        grades: &[Grades],
        witnesses: &[Grades],
        folds: usize,
    ) -> Vec<Vec<f32>> {
        let mut scores = vec![Vec::new(); prompts.len()];
        for fold in 0..folds {
            let kept = |row: &usize| row % folds != fold;
            let inside: Vec<usize> = (0..prompts.len()).filter(kept).collect();
            let take = |column: &[f32]| inside.iter().filter_map(|&row| column.get(row)).copied().collect::<Grades>();
            let fold_prompts: Vec<&Features> = inside.iter().filter_map(|&row| prompts.get(row)).copied().collect();
            let fold_groups: Vec<u32> = inside.iter().filter_map(|&row| groups.get(row)).copied().collect();
            let fold_grades: Vec<Grades> = grades.iter().map(|column| take(column)).collect();
            let fold_witnesses: Vec<Grades> = witnesses.iter().map(|column| take(column)).collect();
            let model = Self::fit(&fold_prompts, &fold_groups, &fold_grades, &fold_witnesses);
            for (row, (prompt, into)) in prompts.iter().zip(&mut scores).enumerate() {
                if !kept(&row) {
                    model.score(prompt, into);
                }
            }
        }
        scores
    }
}

#[allow(clippy::cast_precision_loss)]
fn fit_arm(rows: &[Sparse], groups: &[u32], grades: &[f32], witnesses: &[Grades]) -> Vec<f32> {
    let graded: Vec<usize> = grades.iter().enumerate().filter(|(_, g)| g.is_finite()).map(|(row, _)| row).collect();
    let inside: Vec<Sparse> = graded.iter().filter_map(|&row| rows.get(row)).cloned().collect();
    let known: Vec<f32> = graded.iter().filter_map(|&row| grades.get(row)).copied().collect();
    let taught = taught(&graded, &known, groups, witnesses);
    let penalty = PENALTY / (inside.len().max(1) as f32).sqrt();
    let mut sum = vec![0.0; DIMENSIONS];
    for (multiple, share) in ENSEMBLE {
        let targets: Vec<f32> = known.iter().zip(&taught).map(|(own, t)| (1.0 - share) * own + share * t).collect();
        let model = Logistic::fit(&inside, &targets, penalty * multiple, EPOCHS);
        for (total, weight) in sum.iter_mut().zip(&model.weights) {
            *total += weight / ENSEMBLE.len() as f32;
        }
    }
    sum
}

/// What grade to expect of each row from what is known beside its prompt: the grades of the other rows of its group,
/// and what arms that take no part got on it. (Privileged information as soft targets: Lopez-Paz, Bottou, Schoelkopf
/// and Vapnik, *Unifying distillation and privileged information*, ICLR 2016.)
fn taught(graded: &[usize], known: &[f32], groups: &[u32], witnesses: &[Grades]) -> Vec<f32> {
    let group = |row: usize| groups.get(row).copied().unwrap_or(0) as usize;
    let width = graded.iter().map(|&row| group(row) + 1).max().unwrap_or(0);
    let (mut sums, mut counts) = (vec![0.0_f32; width], vec![0.0_f32; width]);
    for (&row, grade) in graded.iter().zip(known) {
        if let (Some(sum), Some(count)) = (sums.get_mut(group(row)), counts.get_mut(group(row))) {
            *sum += grade;
            *count += 1.0;
        }
    }
    let overall = sums.iter().sum::<f32>() / counts.iter().sum::<f32>().max(1.0);
    let (mut design, mut features) = (Design::default(), Vec::new());
    for (&row, grade) in graded.iter().zip(known) {
        let sum = sums.get(group(row)).copied().unwrap_or(*grade);
        let count = counts.get(group(row)).copied().unwrap_or(1.0);
        let others = ((sum - grade + GROUP_PRIOR * overall) / (count - 1.0 + GROUP_PRIOR)).clamp(0.01, 0.99);
        features.clear();
        features.extend([1.0, f64::from((others / (1.0 - others)).ln())]);
        let right = witnesses.iter().map(|column| column.get(row).copied().unwrap_or(f32::NAN));
        features.extend(right.map(|grade| if grade.is_finite() { f64::from(grade) - 0.5 } else { 0.0 }));
        design.push(&features);
    }
    let targets: Vec<f64> = known.iter().map(|&grade| f64::from(grade)).collect();
    let teacher = Linear::logistic(&design, &targets, 1.0);
    design.iter().map(|features| teacher.probability(features) as f32).collect()
}

/// A log-odds score as a probability.
#[must_use]
pub fn probability(score: f32) -> f32 {
    sigmoid(score)
}

const _: () = assert!(DIMENSIONS == BUCKETS + SHAPES + 1);
