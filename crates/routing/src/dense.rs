//! Small dense regressions: a dozen features, thousands of rows, solved exactly.
//!
//! What never happens here: no step size, no epochs, no randomness.

use serde::{Deserialize, Serialize};

/// A linear function of a dozen features, possibly behind a logistic link.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Linear {
    weights: Vec<f64>,
}

impl Linear {
    /// w x.
    pub(crate) fn value(&self, features: &[f64]) -> f64 {
        self.weights.iter().zip(features).map(|(w, x)| w * x).sum()
    }

    /// 1 / (1 + exp(-w x)).
    pub(crate) fn probability(&self, features: &[f64]) -> f64 {
        1.0 / (1.0 + (-self.value(features)).exp())
    }

    /// Ridge regression by the normal equations; the first feature is the constant and goes unpenalised.
    pub(crate) fn ridge(rows: &Design, targets: &[f64], penalty: f64) -> Self {
        let weights = vec![1.0; targets.len()];
        Self { weights: rows.weighted_solution(&weights, targets, penalty) }
    }

    /// Logistic regression for targets in `[0, 1]` with a ridge penalty, by Newton's method
    /// (iteratively reweighted least squares; McCullagh and Nelder, *Generalized Linear Models*, 1989, section 2.5).
    pub(crate) fn logistic(rows: &Design, targets: &[f64], penalty: f64) -> Self {
        let mut model = Self { weights: vec![0.0; rows.width] };
        let (mut weights, mut working) = (vec![0.0; targets.len()], vec![0.0; targets.len()]);
        for _ in 0..12 {
            for (((row, target), weight), response) in rows.iter().zip(targets).zip(&mut weights).zip(&mut working) {
                let margin = model.value(row).clamp(-12.0, 12.0);
                let p = 1.0 / (1.0 + (-margin).exp());
                *weight = (p * (1.0 - p)).max(1e-5);
                *response = margin + (target - p) / *weight;
            }
            let next = rows.weighted_solution(&weights, &working, penalty);
            let moved = next.iter().zip(&model.weights).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            model.weights = next;
            if moved < 1e-6 {
                break;
            }
        }
        model
    }
}

/// Rows of equal width, one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Design {
    width: usize,
    cells: Vec<f64>,
}

impl Design {
    /// Adds a row; the first one sets the width.
    pub(crate) fn push(&mut self, row: &[f64]) {
        if self.cells.is_empty() {
            self.width = row.len();
        }
        debug_assert_eq!(row.len(), self.width);
        self.cells.extend_from_slice(row);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.cells.chunks_exact(self.width.max(1))
    }

    #[expect(clippy::indexing_slicing, reason = "hot kernel; all indices are below the width")]
    fn weighted_solution(&self, weights: &[f64], targets: &[f64], penalty: f64) -> Vec<f64> {
        let n = self.width;
        let (mut gram, mut moment) = (vec![0.0; n * n], vec![0.0; n]);
        for ((row, &weight), &target) in self.iter().zip(weights).zip(targets) {
            for i in 0..n {
                let scaled = weight * row[i];
                if scaled != 0.0 {
                    moment[i] += scaled * target;
                    for j in 0..=i {
                        gram[i * n + j] += scaled * row[j];
                    }
                }
            }
        }
        for i in 0..n {
            gram[i * n + i] += if i == 0 { 1e-9 } else { penalty };
        }
        solve_cholesky(&mut gram, &mut moment, n);
        moment
    }
}

/// Solves G x = b in place for a symmetric positive definite G given by its lower triangle.
#[expect(clippy::indexing_slicing, reason = "hot kernel; all indices are below n * n")]
fn solve_cholesky(gram: &mut [f64], b: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| gram[i * n + k] * gram[j * n + k]).sum();
            let rest = gram[i * n + j] - dot;
            gram[i * n + j] = if i == j { rest.max(1e-12).sqrt() } else { rest / gram[j * n + j] };
        }
    }
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| gram[i * n + k] * b[k]).sum();
        b[i] = (b[i] - dot) / gram[i * n + i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| gram[k * n + i] * b[k]).sum();
        b[i] = (b[i] - dot) / gram[i * n + i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steersman_lab::stats::Rng;

    fn design(rng: &mut Rng, rows: usize) -> Design {
        let mut design = Design::default();
        (0..rows).for_each(|_| design.push(&[1.0, rng.normal(), rng.normal()]));
        design
    }

    #[test]
    fn known_coefficients_are_found_again() {
        let mut rng = Rng::seeded(41);
        let rows = design(&mut rng, 4_000);
        let truth = Linear { weights: vec![0.5, -1.0, 2.0] };
        let straight: Vec<f64> = rows.iter().map(|row| truth.value(row)).collect();
        let tossed: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(rng.chance(truth.probability(row))))).collect();
        for (fitted, within) in
            [(Linear::ridge(&rows, &straight, 1e-6), 1e-6), (Linear::logistic(&rows, &tossed, 1e-3), 0.2)]
        {
            let off = fitted.weights.iter().zip(&truth.weights).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < within, "{fitted:?}");
        }
    }

    #[test]
    fn a_separable_set_does_not_run_away() {
        let mut rows = Design::default();
        (0..10).for_each(|i| rows.push(&[1.0, f64::from(i) - 4.5]));
        let targets: Vec<f64> = (0..10).map(|i| f64::from(u8::from(i > 4))).collect();
        let fitted = Linear::logistic(&rows, &targets, 1.0);
        assert!(fitted.probability(&[1.0, 4.5]) > 0.9 && fitted.value(&[1.0, 4.5]).is_finite());
    }
}
