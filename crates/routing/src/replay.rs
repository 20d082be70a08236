//! Replay of recorded traffic: what an objective would have saved, and whether its floor would have held.
//!
//! `train` fits the router, `calib` decides how far up its ladder the evidence carries, `test` gives the figures. Then
//! `calib` and `test` are pooled and split again many times, as a stream of which a part gets labels and all that comes
//! after is judged: the share of splits whose judged rows fall below the floor is the miss rate.
//!
//! What never happens here: a judged row that was fitted on or labelled, or a saving on a cost that is not known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use steersman_core::Usd;
use steersman_lab::stats::{Interval, Rng, bootstrap_ratio, clopper_pearson};

use crate::baselines::{Fixed, Outcome, Outcomes, fixed_policies, random_at_cost};
use crate::cascade::Recorded;
use crate::climb::{Bound, Climb, FloorTest, Hunches, Label};
use crate::labels::LabelPlan;
use crate::router::{
    Economise, FitError, FitPlan, Fitted, Method, Router, mean_cost, read_prompts, records, usual_cost,
};
use crate::traffic::{Split, Traffic};

/// What is to be replayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayPlan {
    /// The arm whose quality is the measure.
    pub reference: String,
    /// Arms that may stand in for it.
    pub candidates: Vec<String>,
    /// Quality floor as a share of the reference's.
    pub floor: f64,
    /// Confidence that the floor holds.
    pub confidence: f64,
    /// How many times calib and test are split again.
    pub splits: usize,
    /// Labels spent in each split; `None`: as many as calib has, at most 1,000.
    pub labels: Option<usize>,
    /// How the regret is bounded.
    pub bound: Bound,
    /// Seed of all resampling.
    pub seed: u64,
}

/// What a policy did, each figure with its 95 % interval. `None` where it cannot be known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Quality as a share of the reference's on the same rows.
    pub relative_quality: f64,
    /// Its interval.
    pub relative_quality_ci: [f64; 2],
    /// Cost as a share of all-reference; `None` if a price is unknown.
    pub relative_cost: Option<f64>,
    /// Its interval.
    pub relative_cost_ci: Option<[f64; 2]>,
    /// Share of requests on which the reference was called.
    pub escalated: f64,
    /// Its interval.
    pub escalated_ci: [f64; 2],
    /// Share of splits in which the judged rows fell below the floor; `None` without splits.
    pub miss_rate: Option<f64>,
    /// Its interval (Clopper-Pearson).
    pub miss_rate_ci: Option<[f64; 2]>,
}

/// Why a ladder has no rungs: nothing can be saved, whatever the labels say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NothingToSave {
    /// The reference costs nothing.
    FreeReference,
    /// No policy over the candidates costs less than the reference.
    DearCandidates,
}

/// The result of a replay.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replay {
    /// What was asked.
    pub plan: ReplayPlan,
    /// The arms in order of calling, the reference last.
    pub arms: Vec<String>,
    /// What the router looks at.
    pub method: Method,
    /// Rows in train, calib and test on which all arms were graded.
    pub rows: [usize; 3],
    /// The rung that the calib labels carry to, of how many. Rung 0 is the reference alone.
    pub rung: usize,
    /// The thriftiest rung.
    pub rungs: usize,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nothing_to_save: Option<NothingToSave>,
    /// Candidates that take no part, since no cost of theirs is known.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unpriced: Vec<String>,
    /// Labels spent in each split.
    pub labels_per_split: usize,
    /// Whether a saving is claimed: armed, every price known, and the whole interval of the cost below the reference's
    /// on calib rows and again on test rows.
    pub saving_claimed: bool,
    /// The objective's policy.
    pub policy: Figures,
    /// The same for policies that anybody could run.
    pub baselines: BTreeMap<String, Figures>,
}

/// Why a replay could not run.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The router could not be fitted.
    #[error("cannot fit a router")]
    Fit(#[from] FitError),
    /// A split has too few graded rows.
    #[error("split `{split}` has {found} rows on which all arms were graded; at least {needed} are needed")]
    TooFewRows {
        /// Which split.
        split: &'static str,
        /// Rows found.
        found: usize,
        /// Rows needed.
        needed: usize,
    },
    /// There is nothing to be relative to.
    #[error("the reference `{0}` has a quality of zero on split `{1}`; no other arm can be measured by it")]
    WorthlessReference(String, &'static str),
    /// Labels prove a floor.
    #[error("no labels are to be spent, and nothing else proves a floor")]
    NoLabels,
    /// The floor or the confidence is no share.
    #[error("`{name}` is {value}; it must lie between 0 and 1")]
    NoShare {
        /// `floor` or `confidence`.
        name: &'static str,
        /// What was given.
        value: f64,
    },
}

/// Fewer calib or test rows than this say nothing.
const FEWEST_JUDGED: usize = 50;
const RESAMPLES: usize = 1_000;
const MOST_LABELS: usize = 1_000;

/// A fitted router with the outcomes of all its rungs on calib and test rows; the part of a replay that is slow.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The router.
    pub router: Router,
    /// Its outcomes on the training rows, by scores that did not see them.
    pub training: Climb,
    /// Its outcomes on calib rows followed by test rows.
    pub pool: Climb,
    /// The same rung by rung, undithered: for frontiers and textbook baselines.
    pub pure: Climb,
    /// How many of the pool's rows are calib rows.
    pub calib: usize,
    records: Vec<Recorded>,
    prices_known: bool,
    unpriced: Vec<String>,
}

impl Prepared {
    /// Fits on `train` and follows calib and test rows through every rung.
    ///
    /// # Errors
    /// [`ReplayError`] for unknown arms or too few rows.
    pub fn new(traffic: &Traffic, reference: &str, candidates: &[String], plan: FitPlan) -> Result<Self, ReplayError> {
        let find = |name: &str| traffic.arm(name).ok_or_else(|| FitError::UnknownArm(name.to_owned()));
        let reference = find(reference)?;
        let candidates: Vec<usize> = candidates.iter().map(|name| find(name)).collect::<Result<_, _>>()?;
        let asked: Vec<usize> = candidates.iter().copied().chain([reference]).collect();
        let rows = |split| traffic.graded_rows(split, &asked);
        let (train, calib, test) = (rows(Split::Train), rows(Split::Calib), rows(Split::Test));
        for (split, found) in [("calib", calib.len()), ("test", test.len())] {
            if found < FEWEST_JUDGED {
                return Err(ReplayError::TooFewRows { split, found, needed: FEWEST_JUDGED });
            }
        }
        for (split, rows) in [("calib", &calib), ("test", &test)] {
            if rows.iter().all(|&row| traffic.answered(reference, row).quality == Some(0.0)) {
                return Err(ReplayError::WorthlessReference(
                    traffic.arm_names.get(reference).cloned().unwrap_or_default(),
                    split,
                ));
            }
        }
        let pool: Vec<usize> = calib.iter().chain(&test).copied().collect();
        let nominal = traffic.with_nominal_prices(&asked, reference);
        let (traffic, plan) = match &nominal {
            Some(nominal) => (nominal, FitPlan { economise: Economise::Calls, ..plan }),
            None => (traffic, plan),
        };
        let Fitted { router, training } = Router::fit(traffic, &candidates, reference, &train, plan)?;
        let records = score_records(&router, traffic, &pool, reference, &train);
        let mut used = router.arms.iter().filter_map(|name| traffic.arm(name));
        let prices_known = nominal.is_none() && used.all(|arm| mean_cost(traffic, arm, &pool).is_some());
        let no_price = candidates.iter().filter(|&&arm| usual_cost(traffic, arm, &train).is_none());
        let unpriced = no_price.filter_map(|&arm| traffic.arm_names.get(arm)).cloned().collect();
        Ok(Self {
            training: Climb::new(&router, &training),
            pool: Climb::new(&router, &records),
            pure: Climb::with_path(&router, &records, crate::climb::Path::Pure),
            calib: calib.len(),
            router,
            records,
            prices_known,
            unpriced,
        })
    }

    fn nothing_to_save(&self) -> Option<NothingToSave> {
        let is_free = self.router.reference_cost == Some(Usd::ZERO);
        let why = if is_free { NothingToSave::FreeReference } else { NothingToSave::DearCandidates };
        (self.router.rungs() == 0).then_some(why)
    }

    /// The pool's rows that belong to `test`.
    #[must_use]
    pub fn test_rows(&self) -> Vec<usize> {
        (self.calib..self.pool.rows()).collect()
    }
}

fn score_records(
    router: &Router,
    traffic: &Traffic,
    rows: &[usize],
    reference: usize,
    train: &[usize],
) -> Vec<Recorded> {
    let arms: Vec<usize> = router.arms.iter().filter_map(|name| traffic.arm(name)).collect();
    let score = |prompt| {
        let mut scores = Vec::new();
        router.score(prompt, &mut scores);
        scores
    };
    let scores = read_prompts(traffic, rows).iter().map(score).collect();
    records(traffic, &arms, rows, scores, usual_cost(traffic, reference, train))
}

/// Replays an objective over a recording. Cost: dominated by the fit, about a second for 10,000 rows and an arm.
///
/// # Errors
/// [`ReplayError`] for shares out of range, unknown arms or too few rows.
pub fn replay(traffic: &Traffic, plan: &ReplayPlan) -> Result<Replay, ReplayError> {
    Ok(replay_fitted(traffic, plan)?.0)
}

/// The same, with the router that was fitted and its outcomes: what a router's file is made of.
///
/// # Errors
/// As for [`replay`].
pub fn replay_fitted(traffic: &Traffic, plan: &ReplayPlan) -> Result<(Replay, Prepared), ReplayError> {
    for (name, value) in [("floor", plan.floor), ("confidence", plan.confidence)] {
        if !(value > 0.0 && value < 1.0) {
            return Err(ReplayError::NoShare { name, value });
        }
    }
    if plan.labels == Some(0) {
        return Err(ReplayError::NoLabels);
    }
    let fit = FitPlan { floor: Some(plan.floor), ..FitPlan::default() };
    let cascade = Prepared::new(traffic, &plan.reference, &plan.candidates, fit)?;
    let prompt_only = match cascade.router.method {
        Method::PromptOnly => None,
        Method::Cascade => {
            let fit = FitPlan { method: Some(Method::PromptOnly), ..fit };
            Some(Prepared::new(traffic, &plan.reference, &plan.candidates, fit)?)
        }
    };
    let replay = replay_prepared(plan, &cascade, prompt_only.as_ref().unwrap_or(&cascade));
    Ok((replay, cascade))
}

/// One policy of the table: how it picks its outcomes from labels.
enum Contender<'a> {
    Ladder { climb: &'a Climb, test: FloorTest },
    Fixed(&'a Fixed),
    Random,
}

fn replay_prepared(plan: &ReplayPlan, main: &Prepared, prompt_only: &Prepared) -> Replay {
    let test = |of: &Prepared, bound| FloorTest {
        alpha: 1.0 - plan.confidence,
        bound,
        horizon: None,
        hunches: Hunches::new(&of.training, plan.floor),
    };
    let fixed = fixed_policies(&main.records, plan.floor, &main.router);
    let mut contenders: Vec<(&str, Contender)> = vec![
        ("policy", Contender::Ladder { climb: &main.pool, test: test(main, plan.bound) }),
        ("prompt_only", Contender::Ladder { climb: &prompt_only.pool, test: test(prompt_only, plan.bound) }),
        ("naive_threshold", Contender::Ladder { climb: &main.pure, test: test(main, Bound::None) }),
        ("random", Contender::Random),
    ];
    contenders.extend(fixed.iter().map(|(name, policy)| (*name, Contender::Fixed(policy))));
    let judged = Judged { plan, main, contenders: &contenders };
    let labels: Vec<Label> = (0..main.calib).map(|row| (row, 1.0)).collect();
    let uniform = LabelPlan::uniform(main.pool.rows());
    let (chosen, rungs) = judged.choose(&labels, &uniform, main.pool.rows() - main.calib);
    let per_split = plan.labels.unwrap_or(main.calib.min(MOST_LABELS));
    let misses = judged.misses(per_split);
    let test_rows = main.test_rows();
    let mut rng = Rng::seeded(plan.seed);
    let mut table: BTreeMap<String, Figures> = contenders
        .iter()
        .zip(&chosen)
        .enumerate()
        .map(|(place, ((name, _), outcomes))| {
            let missed = misses.as_ref().and_then(|counts| counts.get(place)).map(|&count| (count, plan.splits));
            ((*name).to_owned(), figures(outcomes, &test_rows, missed, main.prices_known, &mut rng))
        })
        .collect();
    let policy = table.remove("policy").unwrap_or_else(|| unreachable!("invariant: the policy is a contender"));
    let rung = rungs.first().copied().unwrap_or(0);
    let calib_rows: Vec<usize> = (0..main.calib).collect();
    let on_calib = chosen.first().map(|outcomes| figures(outcomes, &calib_rows, None, main.prices_known, &mut rng));
    // Of two equal arms whose prices scatter one is cheaper by luck: one replay in forty would say so of one split
    // alone.
    let shown = |of: &Figures| of.relative_cost_ci.is_some_and(|[_, high]| high < 1.0);
    let saving_claimed = rung > 0 && shown(&policy) && on_calib.as_ref().is_some_and(shown);
    Replay {
        plan: plan.clone(),
        arms: main.router.arms.clone(),
        method: main.router.method,
        rows: [main.training.rows(), main.calib, test_rows.len()],
        rung,
        rungs: main.pool.rungs(),
        nothing_to_save: main.nothing_to_save(),
        unpriced: main.unpriced.clone(),
        labels_per_split: per_split,
        saving_claimed,
        policy,
        baselines: table,
    }
}

struct Judged<'a> {
    plan: &'a ReplayPlan,
    main: &'a Prepared,
    contenders: &'a [(&'a str, Contender<'a>)],
}

impl Judged<'_> {
    /// What each contender does after seeing these labels, to be judged over `horizon` requests; the random mix is
    /// matched to the first one's cost.
    fn choose(&self, labels: &[Label], design: &LabelPlan, horizon: usize) -> (Vec<Outcomes<'_>>, Vec<usize>) {
        let mut rungs = Vec::new();
        let mut chosen: Vec<Outcomes> = Vec::new();
        for (_, contender) in self.contenders {
            let outcomes = match contender {
                Contender::Ladder { climb, test } => {
                    let test = FloorTest { horizon: Some(horizon), ..test.clone() };
                    let rung = climb.highest_safe(labels, design, self.plan.floor, &test);
                    rungs.push(rung);
                    Outcomes::Rung(climb, rung)
                }
                Contender::Fixed(policy) => Outcomes::Rows(policy.outcomes(labels)),
                Contender::Random => {
                    let rung = rungs.first().copied().unwrap_or(0);
                    Outcomes::Mixed(random_at_cost(&self.main.pool, &self.main.records, rung))
                }
            };
            chosen.push(outcomes);
        }
        (chosen, rungs)
    }

    /// In how many splits each contender fell below the floor.
    fn misses(&self, labels: usize) -> Option<Vec<usize>> {
        if self.plan.splits == 0 {
            return None;
        }
        let rows = self.main.pool.rows();
        let design = LabelPlan::designed(&self.main.pool, &Hunches::new(&self.main.training, self.plan.floor));
        let mut rng = Rng::seeded(self.plan.seed ^ 0x5317);
        let mut order: Vec<usize> = (0..rows).collect();
        let mut counts = vec![0; self.contenders.len()];
        for _ in 0..self.plan.splits {
            rng.shuffle(&mut order);
            let (drawn, seen) = design.draw(&order, labels, &mut rng);
            let after = order.get(seen..).unwrap_or_default();
            let (chosen, _) = self.choose(&drawn, &design, after.len());
            for (count, outcomes) in counts.iter_mut().zip(&chosen) {
                let surplus: f64 = after.iter().map(|&row| surplus(&outcomes.of(row), self.plan.floor)).sum();
                *count += usize::from(surplus < -1e-9);
            }
        }
        Some(counts)
    }
}

fn surplus(outcome: &Outcome, floor: f64) -> f64 {
    outcome.quality - floor * outcome.reference_quality
}

fn figures(
    outcomes: &Outcomes,
    rows: &[usize],
    missed: Option<(usize, usize)>,
    prices_known: bool,
    rng: &mut Rng,
) -> Figures {
    let of: Vec<Outcome> = rows.iter().map(|&row| outcomes.of(row)).collect();
    let mut ratio = |above: fn(&Outcome) -> f64, below: fn(&Outcome) -> f64| {
        let pairs: Vec<(f64, f64)> = of.iter().map(|o| (above(o), below(o))).collect();
        let total = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        (total.0 / total.1, ends(bootstrap_ratio(&pairs, RESAMPLES, 0.95, rng)))
    };
    let (relative_quality, relative_quality_ci) = ratio(|o| o.quality, |o| o.reference_quality);
    let (relative_cost, relative_cost_ci) = ratio(|o| o.cost, |o| o.reference_cost);
    // Nothing is a share of nothing.
    let known = prices_known && relative_cost.is_finite();
    let (escalated, escalated_ci) = ratio(|o| o.escalated, |_| 1.0);
    Figures {
        relative_quality,
        relative_quality_ci,
        relative_cost: known.then_some(relative_cost),
        relative_cost_ci: known.then_some(relative_cost_ci),
        escalated,
        escalated_ci,
        miss_rate: missed.map(|(count, splits)| count as f64 / splits as f64),
        miss_rate_ci: missed.map(|(count, splits)| ends(clopper_pearson(count as u64, splits as u64, 0.95))),
    }
}

fn ends(interval: Interval) -> [f64; 2] {
    [interval.low, interval.high]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(traffic: &Traffic) -> Replay {
        let plan = ReplayPlan {
            reference: "o1-mini-2024-09-12".to_owned(),
            candidates: vec!["gpt-4o-mini-2024-07-18".to_owned(), "gemini-1.5-flash".to_owned()],
            floor: 0.85,
            confidence: 0.9,
            splits: 0,
            labels: None,
            bound: Bound::FixedSample,
            seed: 1,
        };
        replay(traffic, &plan).unwrap()
    }

    #[test]
    fn a_recording_that_lacks_prices_still_saves_calls_and_claims_no_dollars() {
        let whole = Traffic::parse(include_str!("../../../testdata/routing/gsm8k_cruxeval.sample.jsonl")).unwrap();
        let (mut one, mut none) = (whole.clone(), whole.clone());
        let reference = whole.arm("o1-mini-2024-09-12").unwrap();
        let test = whole.splits.iter().position(|split| *split == Split::Test).unwrap();
        let train = whole.splits.iter().position(|split| *split == Split::Train).unwrap();
        for row in [test, train] {
            one.arms[reference][row].cost = None;
        }
        none.arms.iter_mut().flatten().for_each(|cell| cell.cost = None);
        assert!(replayed(&whole).saving_claimed);
        for lacking in [one, none] {
            let replay = replayed(&lacking);
            assert_eq!((replay.policy.relative_cost, replay.saving_claimed), (None, false));
            assert!(replay.rung > 0 && replay.policy.escalated < 0.9, "{:?}", replay.policy);
        }
    }

    /// 600 requests on which `a` and `b` are nearly always right, at these costs.
    fn priced(cost_usd: impl Fn(usize) -> [Option<f64>; 3]) -> Traffic {
        let line = |n: usize| {
            let [a, b, big] = cost_usd(n);
            let arm = |right: bool, cost| serde_json::json!({ "quality": right, "cost_usd": cost });
            let arms = serde_json::json!({ "a": arm(!n.is_multiple_of(50), a), "b": arm(!n.is_multiple_of(40), b), "big": arm(!n.is_multiple_of(60), big) });
            let split = ["train", "calib", "test"][n % 3];
            serde_json::json!({ "text": format!("ask {n} {}", n % 7), "split": split, "arms": arms }).to_string()
        };
        Traffic::parse(&(0..600).map(line).collect::<Vec<_>>().join("\n")).unwrap()
    }

    fn of_two(traffic: &Traffic, labels: Option<usize>, candidates: [&str; 2]) -> Result<Replay, ReplayError> {
        let (reference, candidates) = ("big".to_owned(), candidates.map(str::to_owned).to_vec());
        let bound = Bound::FixedSample;
        let plan = ReplayPlan { reference, candidates, floor: 0.9, confidence: 0.9, splits: 0, labels, bound, seed: 1 };
        replay(traffic, &plan)
    }

    #[test]
    fn where_nothing_can_be_saved_the_reason_is_the_price_and_not_the_labels() {
        let told = |cost: [Option<f64>; 3]| of_two(&priced(|_| cost), None, ["a", "b"]).unwrap();
        let free = told([Some(0.0); 3]);
        assert_eq!((free.nothing_to_save, free.rung), (Some(NothingToSave::FreeReference), 0));
        assert_eq!((free.policy.relative_cost, free.policy.relative_cost_ci), (None, None), "no share of nothing");
        let inverted = told([Some(0.02), Some(0.03), Some(0.01)]);
        assert_eq!((inverted.nothing_to_save, inverted.rung), (Some(NothingToSave::DearCandidates), 0));
        let best = &inverted.baselines["best_fixed_arm"];
        assert_eq!((best.relative_cost, best.escalated), (Some(1.0), 1.0), "the reference costs less than `a`");
        let beside = told([None, Some(0.001), Some(0.01)]);
        assert_eq!((beside.arms, beside.unpriced), (vec!["b".to_owned(), "big".to_owned()], vec!["a".to_owned()]));
        assert!(beside.rung > 0 && beside.policy.relative_cost.is_some_and(|cost| cost < 1.0));
        let scattered = priced(|n| [None, None, Some(0.001 * (1 + n % 9) as f64)]);
        let alone = of_two(&scattered, None, ["a", "b"]).unwrap_err();
        assert!(matches!(alone, ReplayError::Fit(FitError::Unpriced(names)) if names == "`a`, `b`"));
    }

    #[test]
    fn no_labels_and_a_candidate_named_twice_are_refused() {
        let traffic = priced(|_| [Some(0.001), Some(0.002), Some(0.01)]);
        assert!(matches!(of_two(&traffic, Some(0), ["a", "b"]), Err(ReplayError::NoLabels)));
        assert!(
            matches!(of_two(&traffic, None, ["a", "a"]), Err(ReplayError::Fit(FitError::Twice(name))) if name == "a")
        );
    }
}
