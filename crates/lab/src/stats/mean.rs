//! One-sided bounds on a mean, for whoever looks once at a fixed number of outcomes.
//!
//! Gaffke's assumes no normality, equals Clopper-Pearson when outcomes are 0 or 1, and errs on the safe side; the
//! skew-corrected one takes that margin away where the sample shows its skewness. The others are here to be compared
//! with.
//!
//! What never happens here: peeking. A test that is asked again after each outcome belongs to `betting`.

use super::{normal_cdf, normal_quantile};

/// Distinct values with their counts: outcomes of 0/1 gradings repeat, and the tests below cost one term a value.
#[derive(Debug, Clone, Default)]
pub struct Atoms {
    cells: Vec<(f64, f64)>,
    count: f64,
    sum: f64,
    squares: f64,
}

/// Repeats are looked for among the first values only; later ones get a cell of their own.
const MERGED_CELLS: usize = 12;

impl Atoms {
    /// Adds `count` outcomes of this value.
    pub fn add(&mut self, value: f64, count: f64) {
        if count <= 0.0 {
            return;
        }
        self.count += count;
        self.sum += value * count;
        self.squares += value * value * count;
        #[expect(clippy::float_cmp, reason = "only identical values may share a cell")]
        match self.cells.iter_mut().take(MERGED_CELLS).find(|(known, _)| *known == value) {
            Some((_, held)) => *held += count,
            None => self.cells.push((value, count)),
        }
    }

    /// Forgets all outcomes and keeps the memory.
    pub fn clear(&mut self) {
        self.cells.clear();
        (self.count, self.sum, self.squares) = (0.0, 0.0, 0.0);
    }

    /// How many outcomes were added.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Their mean; 0 without outcomes.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count > 0.0 { self.sum / self.count } else { 0.0 }
    }

    /// Their sample variance (n - 1 in the denominator); 0 with fewer than two.
    #[must_use]
    pub fn variance(&self) -> f64 {
        if self.count < 2.0 {
            return 0.0;
        }
        ((self.squares - self.sum * self.sum / self.count) / (self.count - 1.0)).max(0.0)
    }

    fn shifted(&self, by: f64) -> impl Iterator<Item = (f64, f64)> + Clone + '_ {
        self.cells.iter().map(move |&(value, count)| (value - by, count))
    }
}

impl FromIterator<f64> for Atoms {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut atoms = Self::default();
        values.into_iter().for_each(|value| atoms.add(value, 1.0));
        atoms
    }
}

/// The p-value of "the mean is at most `null`" for independent outcomes none of which can lie below `lowest`.
///
/// Gaffke's test (*Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
/// variable*, Math. Methods of Statistics 2005; Learned-Miller and Thomas, arXiv:1905.06208): with weights
/// D ~ Dirichlet(1, ..., 1) over the outcomes and one more at `lowest`, P(sum of D x <= null). For 0/1 outcomes that
/// *is* Clopper and Pearson's exact test; that it holds for every bounded distribution is a conjecture for which no
/// counterexample is known, and the tests of this file search for one. The Dirichlet probability is computed by the
/// saddlepoint formula of Lugannani and Rice (1980), whose relative error here is below 1 %.
///
/// Values above one half are reported as 1. Cost: some ten passes over the distinct values.
#[must_use]
pub fn gaffke_p_value(outcomes: &Atoms, null: f64, lowest: f64) -> f64 {
    dirichlet_tail(outcomes, null, (lowest - null).min(0.0))
}

/// The same test with its one invented outcome placed by the skewness of the sample in place of at `lowest`: right to
/// second order where Gaffke's is on the safe side of it.
///
/// Dirichlet weights over the sample alone reproduce the Edgeworth expansion of a studentised mean but for a shift by
/// m3 / (2 s^2 n) (Hall, *The Bootstrap and Edgeworth Expansion*, 1992, section 2.6; Rubin's Bayesian bootstrap, 1981),
/// so that is where the invented outcome goes. Of zeros and ones it makes Beta(k + 1/2, n - k + 1/2), halfway between
/// the two Clopper-Pearson limits. Few outcomes below `null` tell nothing of skewness: the moments count `lowest` as
/// one outcome more, and up to eight of them (by effective number) the test is Gaffke's own.
///
/// Not exact: two-valued outcomes, the worst case since nothing smooths their steps, are refuted in up to 0.056 of
/// samples at level 0.05 and 0.112 at 0.1 (computed in this file's tests). Cost as [`gaffke_p_value`].
#[must_use]
pub fn skew_corrected_p_value(outcomes: &Atoms, null: f64, lowest: f64) -> f64 {
    let worst = (lowest - null).min(0.0);
    let mean = outcomes.mean() - null;
    let (mut squares, mut cubes) = ((worst - mean).powi(2), (worst - mean).powi(3));
    let (mut short, mut short_squares) = (0.0, 0.0);
    for (value, count) in outcomes.shifted(null) {
        squares += count * (value - mean).powi(2);
        cubes += count * (value - mean).powi(3);
        short += count * value.min(0.0);
        short_squares += count * value.min(0.0).powi(2);
    }
    let telling = short * short / short_squares.max(f64::MIN_POSITIVE);
    let doubt = (TELLING / telling.max(f64::MIN_POSITIVE)).min(1.0);
    let by_skewness = mean + cubes / (2.0 * squares.max(f64::MIN_POSITIVE));
    dirichlet_tail(outcomes, null, doubt * worst + (1.0 - doubt) * by_skewness)
}

/// Outcomes below the null, by effective number, up to which skewness is not trusted, and beyond which doubt falls as
/// their inverse: the least of 2, 4, 8 and 16 with which no two-valued law is refuted more often than its level plus
/// the two standard errors of a thousand samples.
const TELLING: f64 = 8.0;

/// P(sum of D x <= null) for D ~ Dirichlet(1, ..., 1) over the outcomes and one more, given less `null`; 1 above one
/// half.
fn dirichlet_tail(outcomes: &Atoms, null: f64, invented: f64) -> f64 {
    let cells = || outcomes.shifted(null).chain(std::iter::once((invented, 1.0)));
    let lowest = cells().map(|(v, _)| v).fold(0.0, f64::min);
    if lowest == 0.0 {
        return 0.0;
    }
    if cells().map(|(v, n)| v * n).sum::<f64>() <= 0.0 {
        return 1.0;
    }
    let bet = growth_optimal_bet(cells, -1.0 / lowest);
    let (mut log_growth, mut curvature) = (0.0, 0.0);
    for (v, n) in cells() {
        let factor = 1.0 + bet * v;
        log_growth += n * factor.ln();
        curvature += n * (v / factor).powi(2);
    }
    let (w, u) = (-(2.0 * log_growth).max(0.0).sqrt(), -bet * curvature.sqrt());
    if w > -1e-4 {
        return 1.0;
    }
    let density = (-0.5 * w * w).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let p = normal_cdf(w) + density * (1.0 / w - 1.0 / u);
    if p > 0.5 { 1.0 } else { p.max(0.0) }
}

/// The bet that would have made most of these outcomes: the root of sum of n v / (1 + bet v), which falls from the
/// (positive) sum of outcomes to minus infinity at `limit`. Newton's steps, kept inside a shrinking bracket.
fn growth_optimal_bet<I: Iterator<Item = (f64, f64)>>(cells: impl Fn() -> I, limit: f64) -> f64 {
    let (mut low, mut high) = (0.0, limit);
    let mut bet = 0.0;
    for _ in 0..60 {
        let (mut slope, mut bend) = (0.0, 0.0);
        for (v, n) in cells() {
            let part = v / (1.0 + bet * v);
            slope += n * part;
            bend += n * part * part;
        }
        if slope > 0.0 {
            low = bet;
        } else {
            high = bet;
        }
        let newton = bet + slope / bend;
        let next = if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
        if (next - bet).abs() <= 1e-9 * limit {
            return next;
        }
        bet = next;
    }
    bet
}

/// The largest mean that [`gaffke_p_value`] refutes at level `alpha`: a lower bound at confidence `1 - alpha`, for
/// outcomes in `[lowest, highest]`. With no outcomes it is `lowest`.
#[must_use]
pub fn gaffke_lower_bound(outcomes: &Atoms, lowest: f64, highest: f64, alpha: f64) -> f64 {
    let (mut refuted, mut open) = (lowest, highest);
    for _ in 0..50 {
        let middle = f64::midpoint(refuted, open);
        if gaffke_p_value(outcomes, middle, lowest) <= alpha {
            refuted = middle;
        } else {
            open = middle;
        }
    }
    refuted
}

/// The textbook bound, mean - z s / sqrt(n): right only in the limit, and too high for the left-skewed outcomes of a
/// good cheap model. Kept as the baseline.
#[must_use]
pub fn normal_lower_bound(outcomes: &Atoms, alpha: f64) -> f64 {
    if outcomes.count() < 2.0 {
        return f64::NEG_INFINITY;
    }
    outcomes.mean() + normal_quantile(alpha) * (outcomes.variance() / outcomes.count()).sqrt()
}

/// The empirical Bernstein bound (Maurer and Pontil, COLT 2009, Theorem 4) for outcomes in a range of this width.
/// Proved for every bounded distribution, and far too wide below a thousand outcomes.
#[must_use]
pub fn empirical_bernstein_lower_bound(outcomes: &Atoms, width: f64, alpha: f64) -> f64 {
    if outcomes.count() < 2.0 {
        return f64::NEG_INFINITY;
    }
    let (n, log) = (outcomes.count(), (2.0 / alpha).ln());
    outcomes.mean() - (2.0 * outcomes.variance() * log / n).sqrt() - 7.0 * width * log / (3.0 * (n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Rng, beta_quantile, ln_gamma};

    fn zeros_and_ones(ones: f64, zeros: f64) -> Atoms {
        let mut atoms = Atoms::default();
        atoms.add(1.0, ones);
        atoms.add(0.0, zeros);
        atoms
    }

    #[test]
    fn for_zeros_and_ones_the_bound_is_clopper_and_pearsons() {
        for (ones, zeros, alpha) in [(18.0, 2.0, 0.05), (95.0, 5.0, 0.1), (280.0, 20.0, 0.05), (500.0, 500.0, 0.01)] {
            let exact = beta_quantile(alpha, ones, zeros + 1.0);
            let ours = gaffke_lower_bound(&zeros_and_ones(ones, zeros), 0.0, 1.0, alpha);
            assert!((ours - exact).abs() < 5e-4, "{ones}/{zeros}: {ours} against the exact {exact}");
        }
    }

    /// How often a bound on the mean of this distribution (values with probabilities) lies above the truth.
    fn miss_rate(law: &[(f64, f64)], n: usize, bound: impl Fn(&Atoms) -> f64) -> f64 {
        let truth: f64 = law.iter().map(|(v, p)| v * p).sum();
        let mut rng = Rng::seeded(17);
        let misses = (0..3_000).filter(|_| {
            let draw = |rng: &mut Rng| {
                let mut u = rng.uniform();
                law.iter()
                    .find(|(_, p)| {
                        u -= p;
                        u < 0.0
                    })
                    .map_or(law[0].0, |(v, _)| *v)
            };
            let sample: Atoms = (0..n).map(|_| draw(&mut rng)).collect();
            bound(&sample) > truth
        });
        misses.count() as f64 / 3_000.0
    }

    /// Regret against a reference as routing sees it, and shapes chosen to break a bound: rare disasters, rare wins.
    const LAWS: [&[(f64, f64)]; 6] = [
        &[(-0.95, 0.05), (0.05, 0.75), (0.0, 0.15), (1.0, 0.05)],
        &[(-0.97, 0.02), (0.03, 0.98)],
        &[(-1.0, 0.01), (0.0, 0.98), (1.0, 0.01)],
        &[(-1.0, 0.5), (1.0, 0.5)],
        &[(-1.0, 0.001), (0.1, 0.999)],
        &[(-1.0, 0.3), (-0.2, 0.3), (0.4, 0.2), (0.9, 0.2)],
    ];

    #[test]
    fn the_tight_bound_is_above_the_truth_no_more_often_than_alpha() {
        for law in LAWS {
            for (n, alpha) in [(20, 0.1), (100, 0.05), (300, 0.05)] {
                let missed = miss_rate(law, n, |sample| gaffke_lower_bound(sample, -1.0, 1.0, alpha));
                let allowed = alpha + 2.5 * (alpha * (1.0 - alpha) / 3_000.0).sqrt();
                assert!(missed <= allowed, "missed {missed} of alpha {alpha} at n {n} on {law:?}");
            }
        }
    }

    /// The chance that a mean of exactly zero is called positive: `1 - floor` with this probability, else `-floor`.
    fn level_for_two_values(floor: f64, n: u32, alpha: f64, p_value: impl Fn(&Atoms) -> f64) -> f64 {
        let (q, trials) = (1.0 - floor, f64::from(n));
        let refuted = (0..=n).take_while(|&short| {
            let mut sample = Atoms::default();
            sample.add(-floor, f64::from(short));
            sample.add(1.0 - floor, f64::from(n - short));
            p_value(&sample) <= alpha
        });
        let chance = |short: f64| {
            let ways = ln_gamma(trials + 1.0) - ln_gamma(short + 1.0) - ln_gamma(trials - short + 1.0);
            (ways + short * q.ln() + (trials - short) * floor.ln()).exp()
        };
        refuted.map(|short| chance(f64::from(short))).sum()
    }

    #[test]
    fn the_corrected_test_keeps_its_level_to_second_order_even_where_nothing_smooths_its_steps() {
        for alpha in [0.05, 0.1] {
            let allowed = alpha + 2.0 * (alpha * (1.0 - alpha) / 1_000.0_f64).sqrt();
            let (mut cautious, mut corrected, mut cells) = (0.0, 0.0, 0.0);
            for floor in [0.9, 0.95, 0.97, 0.99] {
                for n in [20, 50, 100, 200, 300, 500, 1_000, 2_000] {
                    let exact = level_for_two_values(floor, n, alpha, |s| gaffke_p_value(s, 0.0, -floor));
                    let level = level_for_two_values(floor, n, alpha, |s| skew_corrected_p_value(s, 0.0, -floor));
                    assert!(exact <= alpha * 1.01 && level <= allowed, "{exact}, {level} at {floor}, {n}, {alpha}");
                    (cautious, corrected, cells) = (cautious + exact, corrected + level, cells + 1.0);
                }
            }
            assert!(corrected > cautious && corrected / cells <= alpha, "{cautious} {corrected} of {cells} at {alpha}");
        }
    }

    #[test]
    fn the_corrected_test_refutes_what_is_true_no_more_often_than_its_level_on_any_shape() {
        for law in LAWS {
            let mean: f64 = law.iter().map(|(v, p)| v * p).sum();
            for (n, alpha) in [(20, 0.1), (100, 0.05), (300, 0.05)] {
                let lowest = |sample: &Atoms| skew_corrected_p_value(sample, mean, -1.0) <= alpha;
                let wrong = miss_rate(law, n, |sample| if lowest(sample) { f64::INFINITY } else { f64::NEG_INFINITY });
                let allowed = alpha + 2.5 * (alpha * (1.0 - alpha) / 1_000.0_f64).sqrt();
                assert!(wrong <= allowed, "{wrong} of alpha {alpha} at n {n} on {law:?}");
            }
        }
    }

    #[test]
    fn the_normal_bound_breaks_its_promise_on_rare_disasters_and_the_tight_one_does_not() {
        let law = LAWS[1];
        let normal = miss_rate(law, 100, |sample| normal_lower_bound(sample, 0.05));
        let tight = miss_rate(law, 100, |sample| gaffke_lower_bound(sample, -0.97, 1.0, 0.05));
        assert!(normal > 0.10 && tight <= 0.06, "normal {normal}, tight {tight}");
    }

    #[test]
    fn the_proved_bound_of_maurer_and_pontil_is_valid_and_wider() {
        let law = LAWS[0];
        let mut slack = 0.0;
        let missed = miss_rate(law, 300, |sample| empirical_bernstein_lower_bound(sample, 2.0, 0.05));
        let sample = zeros_and_ones(270.0, 30.0);
        slack += gaffke_lower_bound(&sample, 0.0, 1.0, 0.05) - empirical_bernstein_lower_bound(&sample, 1.0, 0.05);
        assert!(missed <= 0.05 && slack > 0.02, "missed {missed}, slack {slack}");
    }
}
