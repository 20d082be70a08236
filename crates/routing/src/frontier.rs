//! Cost against quality along a ladder, and the figures that the routing literature draws from it.
//!
//! What never happens here: a hull. Points are what single rungs did, not what a mixture of them might.

use serde::{Deserialize, Serialize};

use crate::climb::Climb;

/// One rung on given rows, relative to the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The rung; 0 is the reference alone.
    pub rung: usize,
    /// Quality as a share of the reference's.
    pub relative_quality: f64,
    /// Cost as a share of all-reference.
    pub relative_cost: f64,
    /// Share of requests on which the reference was called.
    pub escalated: f64,
}

/// All rungs on given rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frontier {
    /// From the reference alone to the thriftiest rung.
    pub points: Vec<Point>,
}

impl Frontier {
    /// Adds up the rungs over some rows (repeats count again, so a bootstrap can hand in what it drew).
    #[must_use]
    pub fn new(climb: &Climb, rows: &[usize]) -> Self {
        let total = |of: &dyn Fn(usize) -> f64| rows.iter().map(|&row| of(row)).sum::<f64>();
        let (quality, cost) = (total(&|row| climb.quality(0, row)), total(&|row| climb.cost(0, row)));
        let point = |rung| Point {
            rung,
            relative_quality: total(&|row| climb.quality(rung, row)) / quality,
            relative_cost: total(&|row| climb.cost(rung, row)) / cost,
            escalated: total(&|row| climb.escalated(rung, row)) / rows.len() as f64,
        };
        Self { points: (0..=climb.rungs()).map(point).collect() }
    }

    /// The cheapest point whose quality is at least this share of the reference's. The reference itself always is.
    #[must_use]
    pub fn cheapest_at(&self, relative_quality: f64) -> Option<Point> {
        let good = self.points.iter().filter(|point| point.relative_quality >= relative_quality - 1e-12);
        good.min_by(|a, b| a.relative_cost.total_cmp(&b.relative_cost)).copied()
    }

    /// Average performance gap recovered (Ong et al., *RouteLLM*, ICLR 2025, section 3.2): the area under (quality -
    /// cheap) / (reference - cheap) over the share of reference calls. 0.5 for a random router; above 1 is possible.
    #[must_use]
    pub fn apgr(&self) -> f64 {
        let cheap = self.points.last().map_or(0.0, |point| point.relative_quality);
        let recovered = |point: &Point| (point.relative_quality - cheap) / (1.0 - cheap);
        let slices = self.points.windows(2).map(|pair| match pair {
            [dear, thrifty] => (dear.escalated - thrifty.escalated) * (recovered(dear) + recovered(thrifty)) / 2.0,
            _ => 0.0,
        });
        slices.sum()
    }

    /// Call-performance threshold (the same section): the smallest share of reference calls that recovers this share of
    /// the gap.
    #[must_use]
    pub fn calls_to_recover(&self, share: f64) -> f64 {
        let cheap = self.points.last().map_or(0.0, |point| point.relative_quality);
        let enough = cheap + share * (1.0 - cheap);
        let good = self.points.iter().filter(|point| point.relative_quality >= enough);
        good.map(|point| point.escalated).fold(1.0, f64::min)
    }
}
