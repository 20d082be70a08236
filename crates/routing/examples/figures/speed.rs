//! How long one decision takes: from the prompt's text to a step, on every test prompt.

use std::hint::black_box;
use std::time::Instant;

use serde_json::{Value, json};
use steersman_routing::{Features, FitPlan, Method, Prepared, Split, Traffic};

use crate::Failure;

pub(crate) fn measure(traffic: &Traffic) -> Result<Value, Failure> {
    let candidate = ["mixtral-8x7b-instruct".to_owned()];
    let fit = FitPlan { method: Some(Method::PromptOnly), ..FitPlan::default() };
    let prepared = Prepared::new(traffic, "gpt-4-1106-preview", &candidate, fit)?;
    let router = &prepared.router;
    let texts = || traffic.splits.iter().zip(&traffic.texts).filter(|(split, _)| **split == Split::Test);
    let (mut prompt, mut scores, mut features) = (Features::default(), Vec::new(), Vec::new());
    let mut nanos = Vec::new();
    for round in 0..4 {
        for (_, text) in texts() {
            let start = Instant::now();
            prompt.read(black_box(text));
            router.score(&prompt, &mut scores);
            black_box(router.step(router.rungs() / 2, &scores, &[], &mut features));
            // The first round warms the caches and grows the buffers.
            if round > 0 {
                nanos.push(start.elapsed().as_nanos());
            }
        }
    }
    nanos.sort_unstable();
    let at = |share: f64| nanos.get((share * nanos.len() as f64) as usize).map(|&n| n as f64 / 1e3);
    Ok(json!({ "decisions": nanos.len(), "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999) }))
}
