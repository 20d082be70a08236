//! How far up the ladder the evidence carries.
//!
//! Each graded request says, for every rung, how much better or worse than `floor x reference` that rung would have
//! done. The rungs are tested in their fixed order, from the foot, each at the full error level, until one fails
//! (fixed-sequence testing; Angelopoulos, Bates, Candes, Jordan and Lei, *Learn then test*, Annals of Applied
//! Statistics 2025, section 2.3): the chance that the rung so reached is below the floor is at most that level.
//!
//! A request is served not at the rung itself but at one drawn around it (a hash of the request decides, so the same
//! request always gets the same). That smooths the path: a lucky or unlucky handful of labels next to one threshold no
//! longer decides, and every decision has a known propensity.
//!
//! What never happens here: a rung that is used because it looked best.

use serde::{Deserialize, Serialize};
use steersman_lab::stats::{Atoms, MeanAbove, normal_quantile, skew_corrected_p_value};

use crate::cascade::Recorded;
use crate::labels::LabelPlan;
use crate::router::{Followed, Router};

/// How the mean regret is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Right when looked at once, with a number of labels fixed beforehand: a test corrected for skewness.
    FixedSample,
    /// Valid however often it is looked at: an e-process by betting.
    TimeUniform,
    /// The textbook normal bound: a baseline.
    Normal,
    /// No bound at all, the rung whose mean is on the floor: a baseline, and what calibrated thresholds usually mean.
    None,
}

/// What every rung would have done with each request: quality, cost and the share of calls to the reference, averaged
/// over the rungs a request may be drawn to. Rung-major; rung 0 is the reference alone.
#[derive(Debug, Clone)]
pub struct Climb {
    rows: usize,
    rungs: usize,
    quality: Vec<f32>,
    cost: Vec<f32>,
    escalated: Vec<f32>,
}

/// Whether requests are drawn to rungs around the chosen one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// As served.
    Dithered,
    /// Each rung as it is: for frontiers, and for the textbook baseline.
    Pure,
}

/// How the rungs are tested.
#[derive(Debug, Clone)]
pub struct FloorTest {
    /// Error level: 1 - confidence.
    pub alpha: f64,
    /// How the mean regret is bounded.
    pub bound: Bound,
    /// Over how many requests the mean must hold; `None`: over all traffic to come. A short horizon has luck of its
    /// own, which adds to the variance of the labels' mean. A designed sample has less variance than its requests, and
    /// what is judged by it has not.
    pub horizon: Option<usize>,
    /// What training rows suggest; used by [`Bound::TimeUniform`].
    pub hunches: Hunches,
}

/// A graded request and how much it counts: 1 for a plain sample, (mean propensity / propensity) for a designed one.
pub type Label = (usize, f64);

/// A request is drawn to a rung at most this share of the ladder away: chosen on the train split of MMLU traffic
/// among 0, 0.05, 0.1 and 0.15; wider costs the ends, narrower leaves the path rough.
const DITHER: f64 = 0.1;

/// The rungs (as lowest, highest) that requests are drawn to around `rung`, uniformly. The ends stay pure.
#[must_use]
pub fn drawn_between(rung: usize, rungs: usize) -> (usize, usize) {
    let half = ((rungs as f64 * DITHER) as usize).min(rung).min(rungs.saturating_sub(rung));
    (rung - half, rung + half)
}

impl Climb {
    /// Follows each record at each rung. Cost: records x rungs decisions of about a microsecond.
    #[must_use]
    pub fn new(router: &Router, records: &[Recorded]) -> Self {
        Self::with_path(router, records, Path::Dithered)
    }

    /// The same with the path given.
    #[must_use]
    pub fn with_path(router: &Router, records: &[Recorded], path: Path) -> Self {
        let (rows, rungs) = (records.len(), router.rungs());
        let mut features = Vec::new();
        let mut followed: Vec<Followed> = Vec::with_capacity(rows * (rungs + 1));
        for rung in 0..=rungs {
            followed.extend(records.iter().map(|record| router.follow(rung, record, &mut features)));
        }
        let column = |of: fn(&Followed) -> f64| smoothed(&followed, rows, rungs, path, of);
        Self {
            rows,
            rungs,
            quality: column(|f| f.quality),
            cost: column(|f| f.cost),
            escalated: column(|f| f64::from(u8::from(f.escalated))),
        }
    }

    /// How many requests.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The thriftiest rung.
    #[must_use]
    pub fn rungs(&self) -> usize {
        self.rungs
    }

    /// Quality of one request at a rung.
    #[must_use]
    pub fn quality(&self, rung: usize, row: usize) -> f64 {
        cell(&self.quality, self.rows, rung, row)
    }

    /// Cost of one request at a rung, in units of the mean reference cost of the fit.
    #[must_use]
    pub fn cost(&self, rung: usize, row: usize) -> f64 {
        cell(&self.cost, self.rows, rung, row)
    }

    /// Chance that the reference is called for one request at a rung.
    #[must_use]
    pub fn escalated(&self, rung: usize, row: usize) -> f64 {
        cell(&self.escalated, self.rows, rung, row)
    }

    /// How much one request's quality at a rung exceeds `floor` x that of the reference; in `[-floor, 1]`.
    #[must_use]
    pub fn surplus(&self, rung: usize, row: usize, floor: f64) -> f64 {
        self.quality(rung, row) - floor * self.quality(0, row)
    }

    /// The highest rung such that it and all below it are shown to be above the floor, at error level `alpha`.
    /// 0 means "the reference alone". Cost: labels x rungs tried.
    #[must_use]
    pub fn highest_safe(&self, labels: &[Label], plan: &LabelPlan, floor: f64, test: &FloorTest) -> usize {
        let FloorTest { alpha, bound, horizon, hunches } = test;
        if *bound == Bound::None {
            let mean = |rung: &usize| labels.iter().map(|(row, w)| w * self.surplus(*rung, *row, floor)).sum::<f64>();
            return (1..=self.rungs).rev().find(|rung| mean(rung) >= 0.0).unwrap_or(0);
        }
        let mut atoms = Atoms::default();
        let passes = |rung: &usize| {
            atoms.clear();
            let counts = horizon.map_or(1.0, |m| self.share_of_luck(labels, *rung, floor, m));
            labels.iter().for_each(|(row, weight)| atoms.add(weight * self.surplus(*rung, *row, floor), counts));
            let z = atoms.mean() / (atoms.variance() / atoms.count()).sqrt().max(1e-12);
            match bound {
                Bound::Normal | Bound::None => z >= normal_quantile(1.0 - alpha),
                Bound::FixedSample => {
                    z >= 0.0 && { skew_corrected_p_value(&atoms, 0.0, -floor * plan.heaviest(*rung)) <= *alpha }
                }
                Bound::TimeUniform => {
                    let mut gambler = hunches.gambler(*rung, -floor * plan.heaviest(*rung));
                    z >= 0.0
                        && labels.iter().any(|(row, weight)| {
                            gambler.push(weight * self.surplus(*rung, *row, floor));
                            gambler.evidence() * counts >= -alpha.ln()
                        })
                }
            }
        };
        (1..=self.rungs).take_while(passes_in_order(passes)).last().unwrap_or(0)
    }

    /// How much a label counts where the mean over only `horizon` requests is asked about: the variance of the labels'
    /// mean as a share of that of its difference from theirs. A designed sample has less variance than so many
    /// requests.
    fn share_of_luck(&self, labels: &[Label], rung: usize, floor: f64, horizon: usize) -> f64 {
        let (mut sum, mut of_labels, mut of_requests) = (0.0, 0.0, 0.0);
        for (row, weight) in labels {
            let surplus = self.surplus(rung, *row, floor);
            sum += weight * surplus;
            of_labels += (weight * surplus).powi(2);
            of_requests += weight * surplus.powi(2);
        }
        let count = labels.len() as f64;
        let square = sum * sum / count.max(1.0);
        let (of_labels, of_requests) = ((of_labels - square).max(0.0), (of_requests - square).max(0.0));
        let of_horizon = of_requests * count / horizon.max(1) as f64;
        if of_labels + of_horizon > 0.0 { of_labels / (of_labels + of_horizon) } else { 1.0 }
    }
}

/// `take_while` wants a shared reference; the test reuses its buffer.
fn passes_in_order(mut test: impl FnMut(&usize) -> bool) -> impl FnMut(&usize) -> bool {
    move |rung| test(rung)
}

fn cell(column: &[f32], rows: usize, rung: usize, row: usize) -> f64 {
    column.get(rung * rows + row).map_or(0.0, |&value| f64::from(value))
}

fn smoothed(followed: &[Followed], rows: usize, rungs: usize, path: Path, of: fn(&Followed) -> f64) -> Vec<f32> {
    let mut sums = vec![0.0; rows * (rungs + 2)];
    for (index, one) in followed.iter().enumerate() {
        let below = sums.get(index).copied().unwrap_or(0.0);
        if let Some(next) = sums.get_mut(index + rows) {
            *next = below + of(one);
        }
    }
    let mut column = Vec::with_capacity(followed.len());
    for rung in 0..=rungs {
        let (lowest, highest) = match path {
            Path::Dithered => drawn_between(rung, rungs),
            Path::Pure => (rung, rung),
        };
        let count = (highest - lowest + 1) as f64;
        let (above, below) = (sums.iter().skip((highest + 1) * rows), sums.iter().skip(lowest * rows));
        column.extend(above.zip(below).take(rows).map(|(above, below)| ((above - below) / count) as f32));
    }
    column
}

/// What the training rows suggest about the labels to come: how boldly to bet at each rung, and how high it is worth
/// looking. A wrong hunch costs labels; no guarantee rests on it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hunches {
    /// For each rung, the growth-optimal bet on the training rows, as a share of the largest safe one.
    bets: Vec<f64>,
    /// The highest rung whose training mean is on the floor.
    likely: usize,
}

/// Half of the stake goes on the hunch and its neighbours, half is spread as without one.
const AROUND_HUNCH: [(f64, f64); 3] = [(0.6, 1.0), (1.0, 2.0), (1.5, 1.0)];
const SPREAD: [(f64, f64); 4] = [(0.03, 0.5), (0.08, 0.5), (0.2, 0.5), (0.45, 0.5)];

impl Hunches {
    /// Reads them off the climb of the training rows.
    #[must_use]
    pub fn new(training: &Climb, floor: f64) -> Self {
        let bet = |rung: usize| {
            let surplus = || (0..training.rows()).map(move |row| training.surplus(rung, row, floor));
            growth_optimal(&surplus, 1.0 / floor.max(1e-9)) * floor
        };
        let rows: Vec<Label> = (0..training.rows()).map(|row| (row, 1.0)).collect();
        let none = FloorTest { alpha: 0.5, bound: Bound::None, horizon: None, hunches: Self::default() };
        let likely = training.highest_safe(&rows, &LabelPlan::uniform(rows.len()), floor, &none);
        Self { bets: (0..=training.rungs()).map(bet).collect(), likely }
    }

    /// The highest rung whose training mean is on the floor.
    #[must_use]
    pub fn likely(&self) -> usize {
        self.likely
    }

    /// A gambler for one rung.
    #[must_use]
    pub fn gambler(&self, rung: usize, lowest: f64) -> MeanAbove {
        match self.bets.get(rung).filter(|bet| **bet > 0.005) {
            Some(bet) => {
                let near = AROUND_HUNCH.iter().map(|(multiple, weight)| ((multiple * bet).min(0.9), *weight));
                MeanAbove::with_bets(lowest, near.chain(SPREAD))
            }
            None => MeanAbove::with_bets(lowest, SPREAD),
        }
    }
}

fn growth_optimal<I: Iterator<Item = f64>>(surplus: &impl Fn() -> I, limit: f64) -> f64 {
    let slope = |bet: f64| surplus().map(|v| v / (1.0 + bet * v)).sum::<f64>();
    let (mut low, mut high) = (0.0, 0.95 * limit);
    for _ in 0..12 {
        let middle = f64::midpoint(low, high);
        if slope(middle) > 0.0 { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use steersman_lab::stats::Rng;

    use super::*;

    const RUNGS: usize = 60;
    const ROWS: usize = 2_000;

    /// Requests from the easiest to the hardest: rung `r` sends the first `r / RUNGS` of the scale to a candidate that
    /// is right less often the further it goes.
    fn pool(rng: &mut Rng) -> Climb {
        let (mut quality, mut escalated) = (vec![0.0; ROWS * (RUNGS + 1)], vec![1.0; ROWS * (RUNGS + 1)]);
        for row in 0..ROWS {
            let hardness = rng.uniform();
            let candidate = f32::from(u8::from(rng.chance((0.85 - 1.1 * hardness).max(0.0))));
            let reference = f32::from(u8::from(rng.chance(0.85)));
            for rung in 0..=RUNGS {
                let down = hardness < rung as f64 / RUNGS as f64;
                quality[rung * ROWS + row] = if down { candidate } else { reference };
                escalated[rung * ROWS + row] = f32::from(u8::from(!down));
            }
        }
        Climb { rows: ROWS, rungs: RUNGS, quality, cost: escalated.clone(), escalated }
    }

    /// Labels from the larger part of a stream, judged by the little that is left: what is judged has luck of its own,
    /// as much of it as its own number of requests leaves, however few labels the other part needed.
    #[test]
    fn a_designed_sample_of_most_of_a_stream_misses_no_more_often_than_it_says() {
        const POOLS: usize = 60;
        const SPLITS: usize = 20;
        const FLOOR: f64 = 0.95;
        const ALPHA: f64 = 0.05;
        let mut rng = Rng::seeded(11);
        let hunches = Hunches::new(&pool(&mut rng), FLOOR);
        let test = |horizon| FloorTest { alpha: ALPHA, bound: Bound::FixedSample, horizon, hunches: hunches.clone() };
        let (mut missed, mut climbed) = (0, 0);
        for _ in 0..POOLS {
            let pool = pool(&mut rng);
            let design = LabelPlan::designed(&pool, &hunches);
            let mut order: Vec<usize> = (0..ROWS).collect();
            for _ in 0..SPLITS {
                rng.shuffle(&mut order);
                let (drawn, seen) = design.draw(&order, ROWS, &mut rng);
                let after = &order[seen..];
                let rung = pool.highest_safe(&drawn, &design, FLOOR, &test(Some(after.len())));
                climbed += usize::from(rung > 0);
                missed += usize::from(after.iter().map(|&row| pool.surplus(rung, row, FLOOR)).sum::<f64>() < -1e-9);
            }
        }
        let runs = POOLS * SPLITS;
        let allowed = runs as f64 * (ALPHA + 2.0 * (ALPHA * (1.0 - ALPHA) / runs as f64).sqrt());
        assert!((missed as f64) < allowed, "{missed} of {runs}, allowed {allowed:.0}");
        assert!(climbed > runs / 2, "a floor that is never reached proves nothing: {climbed} of {runs}");
        assert!(missed > runs / 100, "nor does a bound that never errs: {missed} of {runs}");
    }
}
