//! Cost and calls for a given quality, on rows that were not fitted on, with bootstrap intervals.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use steersman_lab::stats::{Rng, bootstrap_interval};
use steersman_routing::{Economise, FitPlan, Frontier, Method, Prepared, Split, Traffic};

use crate::Failure;

const RESAMPLES: usize = 500;

/// Average performance gap recovered, and calls for half and four fifths of the gap, without the subject's label.
pub(crate) fn apgr(traffic: &Traffic) -> Result<Value, Failure> {
    let fit = FitPlan { method: Some(Method::PromptOnly), economise: Economise::Calls, floor: None };
    let prepared = Prepared::new(traffic, "gpt-4-1106-preview", &["mixtral-8x7b-instruct".to_owned()], fit)?;
    let rows = prepared.test_rows();
    let frontier = Frontier::new(&prepared.pure, &rows);
    let interval = over_resamples(&prepared, &rows, &|frontier| frontier.apgr());
    Ok(json!({
        "recording": "routellm_mmlu", "apgr": frontier.apgr(), "apgr_ci": interval,
        "calls_for_half": frontier.calls_to_recover(0.5), "calls_for_four_fifths": frontier.calls_to_recover(0.8),
    }))
}

/// What 99 % of the dear model's quality costs when the choice is made from the prompt alone.
pub(crate) fn prompt_only(traffic: &Traffic) -> Result<Value, Failure> {
    let fit = FitPlan { method: Some(Method::PromptOnly), economise: Economise::Dollars, floor: Some(0.99) };
    let prepared = Prepared::new(traffic, "gemini-1.5-pro-002", &["gemini-1.5-flash-002".to_owned()], fit)?;
    let table = table_with_hindsight(traffic, "gemini-1.5-flash-002", "gemini-1.5-pro-002");
    let curve = learning_curve(traffic, "gemini-1.5-flash-002", "gemini-1.5-pro-002")?;
    Ok(json!({
        "recording": "mmlupro", "prompt_only": at_share(&prepared, 0.99), "train_table_with_hindsight": table,
        "train_learning_curve": curve,
    }))
}

const FOLDS: usize = 5;

/// What 99 % costs a router that was fitted on a part of the training rows and is judged on others of them, by the size
/// of the part: whether more recorded traffic would help. Test and calib rows are not looked at.
fn learning_curve(traffic: &Traffic, cheap: &str, dear: &str) -> Result<Value, Failure> {
    let of_train = |row: usize| traffic.splits.get(row) == Some(&Split::Train);
    let rows: Vec<usize> = (0..traffic.len()).filter(|&row| of_train(row)).collect();
    let fit = FitPlan { method: Some(Method::PromptOnly), economise: Economise::Dollars, floor: Some(0.99) };
    let mut curve = Vec::new();
    for eighths in [1, 2, 4, 8] {
        let mut costs = Vec::new();
        let mut fitted = 0;
        for fold in 0..FOLDS {
            let mut part = Traffic::default();
            for (place, &row) in rows.iter().enumerate() {
                // A tenth stands where a prepared replay wants calib rows; a frontier does not look at them.
                let split = match (place % FOLDS == fold, place / FOLDS % 10) {
                    (true, _) => Split::Test,
                    (false, 0) => Split::Calib,
                    (false, _) => Split::Train,
                };
                if split == Split::Train && place / (10 * FOLDS) % 8 >= eighths {
                    continue;
                }
                let arm = |name: &str| Some((name.to_owned(), traffic.answered(traffic.arm(name)?, row)));
                let arms: Vec<_> = [cheap, dear].into_iter().filter_map(arm).collect();
                part.push(traffic.texts.get(row).map_or("", String::as_str), "", split, &arms);
            }
            let prepared = Prepared::new(&part, dear, &[cheap.to_owned()], fit)?;
            let found = Frontier::new(&prepared.pure, &prepared.test_rows()).cheapest_at(0.99);
            costs.push(found.map_or(1.0, |point| point.relative_cost));
            fitted += prepared.training.rows();
        }
        let mean = costs.iter().sum::<f64>() / FOLDS as f64;
        curve.push(json!({ "fitted_on": fitted / FOLDS, "relative_cost_at_99": mean, "folds": costs }));
    }
    Ok(curve.into())
}

/// What 99 % would cost a router that knows each request's true category, the mean gain of each category on the very
/// rows it is judged by, and what both calls will cost: more than any router sees, on `train` rows. A measure of what
/// is left.
fn table_with_hindsight(traffic: &Traffic, cheap: &str, dear: &str) -> Value {
    let (Some(cheap), Some(dear)) = (traffic.arm(cheap), traffic.arm(dear)) else { return Value::Null };
    let of = |arm: usize, row: usize| {
        let cell = traffic.answered(arm, row);
        Some((f64::from(cell.quality?), cell.cost?.as_f64()))
    };
    let both = |row: usize| Some((traffic.groups.get(row).copied()?, of(cheap, row)?, of(dear, row)?));
    let rows: Vec<_> = traffic.graded_rows(Split::Train, &[cheap, dear]).into_iter().filter_map(both).collect();
    let mut gains: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (group, low, high) in &rows {
        let entry = gains.entry(*group).or_default();
        *entry = (entry.0 + high.0 - low.0, entry.1 + 1.0);
    }
    let gain = |group: &u32| gains.get(group).map_or(0.0, |(sum, count)| sum / count);
    let (mut order, quality, cost): (Vec<_>, f64, f64) =
        rows.iter().fold((Vec::new(), 0.0, 0.0), |(mut order, quality, cost), (group, low, high)| {
            let price = (high.1 - low.1).max(1e-12);
            order.push((gain(group) / price, high.0 - low.0, high.1 - low.1));
            (order, quality + high.0, cost + high.1)
        });
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut at = rows.iter().fold((0.0, 0.0), |sum, (_, low, _)| (sum.0 + low.0, sum.1 + low.1));
    for (_, more_quality, more_cost) in order {
        if at.0 >= 0.99 * quality {
            break;
        }
        at = (at.0 + more_quality, at.1 + more_cost);
    }
    json!({ "rows": rows.len(), "relative_cost_at_99": at.1 / cost })
}

/// What 99 % of a reasoning model's accuracy costs, with every cheaper arm on offer and with the two cheapest that
/// agree.
pub(crate) fn reasoning(traffic: &Traffic) -> Result<Value, Failure> {
    const REFERENCE: &str = "o1-mini-2024-09-12";
    // Arms that were recorded on a part of the rows would take the other rows out of the comparison.
    let whole = |arm: &usize| (0..traffic.len()).all(|row| traffic.answered(*arm, row).quality.is_some());
    let everywhere = (0..traffic.arms.len()).filter(whole).filter_map(|arm| traffic.arm_names.get(arm));
    let others: Vec<String> = everywhere.filter(|name| *name != REFERENCE).cloned().collect();
    let pair = || vec!["gpt-4o-mini-2024-07-18".to_owned(), "gemini-1.5-flash".to_owned()];
    let measure = |candidates: Vec<String>, economise| -> Result<Value, Failure> {
        let fit = FitPlan { method: Some(Method::Cascade), economise, floor: Some(0.99) };
        let prepared = Prepared::new(traffic, REFERENCE, &candidates, fit)?;
        Ok(json!({ "arms": prepared.router.arms, "at": at_share(&prepared, 0.99) }))
    };
    Ok(json!({
        "recording": "gsm8k_cruxeval",
        "every_arm": measure(others.clone(), Economise::Dollars)?,
        "every_arm_by_calls": measure(others, Economise::Calls)?,
        "two_cheap_arms": measure(pair(), Economise::Dollars)?,
    }))
}

/// The cheapest rung at a share of the reference's quality: found on the test rows themselves (the frontier, as the
/// literature draws it), and found on calib rows and then judged on test rows.
fn at_share(prepared: &Prepared, share: f64) -> Value {
    let rows = prepared.test_rows();
    let calib: Vec<usize> = (0..prepared.calib).collect();
    let frontier = Frontier::new(&prepared.pure, &rows);
    let picked = Frontier::new(&prepared.pure, &calib).cheapest_at(share).map_or(0, |point| point.rung);
    json!({
        "share": share,
        "on_frontier": frontier.cheapest_at(share),
        "cost_ci": over_resamples(prepared, &rows, &|f| f.cheapest_at(share).map_or(1.0, |point| point.relative_cost)),
        "picked_on_calib": frontier.points.get(picked),
        "picked_quality_ci": over_resamples(prepared, &rows, &|f| f.points.get(picked).map_or(1.0, |p| p.relative_quality)),
        "picked_cost_ci": over_resamples(prepared, &rows, &|f| f.points.get(picked).map_or(1.0, |p| p.relative_cost)),
        "picked_escalated_ci": over_resamples(prepared, &rows, &|f| f.points.get(picked).map_or(1.0, |p| p.escalated)),
    })
}

fn over_resamples(prepared: &Prepared, rows: &[usize], of: &dyn Fn(&Frontier) -> f64) -> [f64; 2] {
    let mut rng = Rng::seeded(17);
    let interval = bootstrap_interval(rows.len(), RESAMPLES, 0.95, &mut rng, |drawn| {
        let drawn: Vec<usize> = drawn.iter().filter_map(|&place| rows.get(place)).copied().collect();
        of(&Frontier::new(&prepared.pure, &drawn))
    });
    [interval.low, interval.high]
}
