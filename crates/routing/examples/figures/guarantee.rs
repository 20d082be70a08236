//! How often the floor is missed, what that costs over the best that could be known, and whether equals are told apart.

use serde_json::{Value, json};
use steersman_core::Usd;
use steersman_lab::stats::{Rng, clopper_pearson};
use steersman_routing::{
    Bound, Climb, Economise, FitPlan, FloorTest, Hunches, LabelPlan, Method, Prepared, ReplayPlan, Traffic, replay,
};

use crate::Failure;

const REFERENCE: &str = "gpt-4-1106-preview";
const CANDIDATE: &str = "mixtral-8x7b-instruct";

/// Re-splits of the rows that the router did not see: labels from the beginning of a shuffled stream, judged by the
/// rest.
pub(crate) fn measure(traffic: &Traffic, splits: usize) -> Result<Value, Failure> {
    let fit = FitPlan { method: Some(Method::PromptOnly), economise: Economise::Calls, floor: None };
    let prepared = Prepared::new(traffic, REFERENCE, &[CANDIDATE.to_owned()], fit)?;
    let mut rows = Vec::new();
    for floor in [0.95, 0.97] {
        let optimum = population_optimum(&prepared.pool, floor);
        for labels in [300, 1_000] {
            for delta in [0.05, 0.1] {
                eprintln!("guarantee: floor {floor}, {labels} labels, delta {delta}");
                let resplits = Resplits { prepared: &prepared, floor, labels, delta, splits };
                let bounds =
                    [("once", Bound::FixedSample), ("any_time", Bound::TimeUniform), ("normal", Bound::Normal)];
                let measured = bounds.map(|(name, bound)| (name.to_owned(), resplits.run(bound, optimum)));
                rows.push(json!({
                    "floor": floor, "labels": labels, "delta": delta, "optimum_reference_share": optimum,
                    "bounds": serde_json::Map::from_iter(measured),
                }));
            }
        }
    }
    Ok(json!({ "recording": "routellm_mmlu", "splits": splits, "cells": rows }))
}

/// The smallest share of reference calls whose quality over all rows is on the floor.
fn population_optimum(pool: &Climb, floor: f64) -> f64 {
    let mean = |rung: usize, of: &dyn Fn(usize, usize) -> f64| {
        (0..pool.rows()).map(|row| of(rung, row)).sum::<f64>() / pool.rows() as f64
    };
    let good = (0..=pool.rungs()).filter(|rung| mean(*rung, &|rung, row| pool.surplus(rung, row, floor)) >= 0.0);
    good.map(|rung| mean(rung, &|rung, row| pool.escalated(rung, row))).fold(1.0, f64::min)
}

struct Resplits<'a> {
    prepared: &'a Prepared,
    floor: f64,
    labels: usize,
    delta: f64,
    splits: usize,
}

impl Resplits<'_> {
    fn run(&self, bound: Bound, optimum: f64) -> Value {
        let Self { prepared, floor, labels, delta, splits } = *self;
        let pool = &prepared.pool;
        let hunches = Hunches::new(&prepared.training, floor);
        // The textbook bound gets the textbook sample.
        let design =
            if bound == Bound::Normal { LabelPlan::uniform(pool.rows()) } else { LabelPlan::designed(pool, &hunches) };
        let mut rng = Rng::seeded(4_711);
        let mut order: Vec<usize> = (0..pool.rows()).collect();
        let (mut missed, mut share) = (0_u64, 0.0);
        for _ in 0..splits {
            rng.shuffle(&mut order);
            let (drawn, seen) = design.draw(&order, labels, &mut rng);
            let after = order.get(seen..).unwrap_or_default();
            let test = FloorTest { alpha: delta, bound, horizon: Some(after.len()), hunches: hunches.clone() };
            let rung = pool.highest_safe(&drawn, &design, floor, &test);
            let surplus: f64 = after.iter().map(|&row| pool.surplus(rung, row, floor)).sum();
            missed += u64::from(surplus < -1e-9);
            share += after.iter().map(|&row| pool.escalated(rung, row)).sum::<f64>() / after.len() as f64;
        }
        let (rate, share) = (missed as f64 / splits as f64, share / splits as f64);
        let ends = clopper_pearson(missed, splits as u64, 0.95);
        let allowed = delta + 2.0 * (delta * (1.0 - delta) / splits as f64).sqrt();
        json!({
            "miss_rate": rate, "miss_rate_ci": [ends.low, ends.high], "allowed": allowed, "held": rate <= allowed,
            "reference_share": share, "overhead": share - optimum,
        })
    }
}

/// The same arm twice under two names: same cost request by request, quality drawn anew from requests of its group.
/// There is nothing to save, so every claim of a saving is false.
pub(crate) fn same_against_same(traffic: &Traffic) -> Result<Value, Failure> {
    const RUNS: u64 = 200;
    let mut claims = 0;
    for seed in 0..RUNS {
        let twins = with_twin(traffic, REFERENCE, seed);
        let plan = ReplayPlan {
            reference: REFERENCE.to_owned(),
            candidates: vec!["twin".to_owned()],
            floor: 0.95,
            confidence: 0.95,
            splits: 0,
            labels: None,
            bound: Bound::FixedSample,
            seed,
        };
        claims += u64::from(replay(&twins, &plan)?.saving_claimed);
    }
    Ok(json!({ "recording": "routellm_gsm8k", "runs": RUNS, "false_claims": claims }))
}

fn with_twin(traffic: &Traffic, reference: &str, seed: u64) -> Traffic {
    let mut twins = traffic.clone();
    let mut rng = Rng::seeded(seed);
    let column = traffic.arm(reference).and_then(|arm| traffic.arms.get(arm)).cloned().unwrap_or_default();
    let mut qualities: Vec<Option<f32>> = column.iter().map(|cell| cell.quality).collect();
    rng.shuffle(&mut qualities);
    let twin = column.iter().zip(qualities).map(|(cell, quality)| {
        let mut cell = *cell;
        cell.quality = quality;
        cell.cost = cell.cost.or(Some(Usd::from_nanos(1)));
        cell
    });
    twins.arms.push(twin.collect());
    twins.arm_names.push("twin".to_owned());
    twins
}
