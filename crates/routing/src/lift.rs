//! What a dearer arm (more effort, a larger model) adds on the same requests, group by group.
//!
//! What never happens here: a recommendation from an interval that reaches zero.

use serde::{Deserialize, Serialize};
use steersman_lab::stats::{Rng, bootstrap_interval};

use crate::traffic::Traffic;

/// The lift on one group of requests; the group `all` holds every one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lift {
    /// The group.
    pub group: String,
    /// Requests on which both arms were graded.
    pub requests: usize,
    /// Mean quality of the cheaper and of the dearer arm.
    pub quality: [f64; 2],
    /// How much the dearer one adds.
    pub delta: f64,
    /// Its 95 % interval over resampled requests.
    pub delta_ci: [f64; 2],
    /// Cost of the dearer arm over that of the cheaper one; `None` where a price is unknown.
    pub cost_multiple: Option<f64>,
    /// Mean time likewise.
    pub latency_multiple: Option<f64>,
    /// Dollars for one more right answer; `None` where that is unknown or nothing is added.
    pub usd_per_right_answer: Option<f64>,
    /// Whether quality certainly rises, at the price above.
    pub lifts: bool,
}

const RESAMPLES: usize = 1_000;
/// A group with fewer requests says nothing of its own.
const FEWEST: usize = 20;

/// Compares two arms on the requests that both answered. `None` if the recording lacks one of them.
#[must_use]
pub fn lift(traffic: &Traffic, from: &str, to: &str, seed: u64) -> Option<Vec<Lift>> {
    let (from, to) = (traffic.arm(from)?, traffic.arm(to)?);
    let both = |row: &usize| [from, to].iter().all(|&arm| traffic.answered(arm, *row).quality.is_some());
    let rows: Vec<usize> = (0..traffic.len()).filter(both).collect();
    let mut rng = Rng::seeded(seed);
    let mut lifts = vec![one(traffic, [from, to], "all", &rows, &mut rng)];
    for (group, name) in (0..).zip(&traffic.group_names) {
        let inside: Vec<usize> = rows.iter().copied().filter(|&row| traffic.groups.get(row) == Some(&group)).collect();
        if inside.len() >= FEWEST {
            lifts.push(one(traffic, [from, to], name, &inside, &mut rng));
        }
    }
    Some(lifts)
}

fn one(traffic: &Traffic, arms: [usize; 2], group: &str, rows: &[usize], rng: &mut Rng) -> Lift {
    let count = rows.len().max(1) as f64;
    let grade = |arm: usize, row: usize| traffic.answered(arm, row).quality.map_or(0.0, f64::from);
    let quality = arms.map(|arm| rows.iter().map(|&row| grade(arm, row)).sum::<f64>() / count);
    let [cheap, dear] = arms;
    let gains: Vec<f64> = rows.iter().map(|&row| grade(dear, row) - grade(cheap, row)).collect();
    let mean = |drawn: &[usize]| drawn.iter().filter_map(|&place| gains.get(place)).sum::<f64>() / count;
    let interval = bootstrap_interval(rows.len(), RESAMPLES, 0.95, rng, mean);
    let cost = arms
        .map(|arm| rows.iter().map(|&row| traffic.answered(arm, row).cost.map(|c| c.as_f64())).sum::<Option<f64>>());
    let time = arms
        .map(|arm| rows.iter().map(|&row| traffic.answered(arm, row).latency_ms.map(f64::from)).sum::<Option<f64>>());
    let multiple = |[cheap, dear]: [Option<f64>; 2]| Some(dear? / cheap.filter(|whole| *whole > 0.0)?);
    let delta = quality[1] - quality[0];
    let dearer = cost[1].zip(cost[0]).map(|(dear, cheap)| (dear - cheap) / count);
    Lift {
        group: group.to_owned(),
        requests: rows.len(),
        quality,
        delta,
        delta_ci: [interval.low, interval.high],
        cost_multiple: multiple(cost),
        latency_multiple: multiple(time),
        usd_per_right_answer: dearer.filter(|_| delta > 0.0).map(|dearer| dearer / delta),
        lifts: interval.low > 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lift_is_claimed_where_it_is_and_not_where_it_is_not() {
        let mut rng = Rng::seeded(7);
        let mut lines = String::new();
        for row in 0..800 {
            let hard = row % 2 == 0;
            let mut right = |chance: f64| u8::from(rng.chance(chance));
            let (small, big) = (right(if hard { 0.5 } else { 0.9 }), right(0.9));
            let group = if hard { "puzzles" } else { "summaries" };
            lines.push_str(&format!(
                "{{\"text\":\"x\",\"group\":\"{group}\",\"split\":\"test\",\"arms\":{{\"low\":{{\"quality\":{small},\"cost_usd\":0.001}},\"high\":{{\"quality\":{big},\"cost_usd\":0.01}}}}}}\n"
            ));
        }
        let lifts = lift(&Traffic::parse(&lines).unwrap(), "low", "high", 1).unwrap();
        let of = |name: &str| lifts.iter().find(|lift| lift.group == name).unwrap();
        assert!(of("puzzles").lifts && !of("summaries").lifts, "{lifts:?}");
        assert!(of("puzzles").delta_ci[0] < 0.4 && of("puzzles").delta_ci[1] > 0.4);
        assert!((of("all").cost_multiple.unwrap() - 10.0).abs() < 1e-6);
        assert_eq!(lift(&Traffic::parse(&lines).unwrap(), "low", "none", 1), None);
    }
}
