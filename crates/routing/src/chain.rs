//! Which candidates take part, and whether looking at answers pays: whatever keeps the floor for the least money.
//!
//! Chains are grown from every pair, since two arms that can be compared are worth what neither is alone.
//!
//! What never happens here: a chain that is chosen on rows other than those the router is fitted on.

use crate::cascade::Recorded;
use crate::router::{Method, Router};

/// A chain longer than this gains nothing on any recording seen, and its fit slows down with the square.
const LONGEST_CHAIN: usize = 5;
/// So many of the best chains of one length are tried with one arm more.
const GROWN: usize = 4;
/// Chains are compared on so many rows; more change no choice that matters.
const TRIAL_ROWS: usize = 1_500;
/// Prices of quality at which a chain is tried, from "nearly all of it" to "half will do": the last is where the
/// cheapest arm answers most requests of every recording seen.
const TRIAL_TRADEOFFS: [f64; 8] = [0.008, 0.02, 0.035, 0.055, 0.085, 0.13, 0.2, 0.32];
/// A longer chain must be cheaper by this share of the reference's cost, or it only fits noise.
const WORTH_AN_ARM: f64 = 0.004;

/// The method and the places in the arm list (the reference last) that keep `floor` of the reference's quality for the
/// least. Cost: some sixty small fits for eight candidates.
pub(crate) fn best_chain(records: &[Recorded], arms: usize, asked: Option<Method>, floor: f64) -> (Method, Vec<usize>) {
    let reference = arms - 1;
    let all: Vec<usize> = (0..arms).collect();
    let step = records.len().div_ceil(TRIAL_ROWS).max(1);
    let sample: Vec<Recorded> = records.iter().step_by(step).cloned().collect();
    let has_signal = sample.iter().any(|record| record.seen.iter().any(|s| s.answer.is_some() || s.valid.is_some()));
    if asked == Some(Method::PromptOnly) || asked.is_none() && !has_signal {
        return (Method::PromptOnly, all);
    }
    let price = |chain: &[usize]| price_of_floor(&sample, &with_reference(chain, reference), Method::Cascade, floor);
    let mut tried: Vec<(f64, Vec<usize>)> = (0..reference).map(|place| (price(&[place]), vec![place])).collect();
    let pairs = (0..reference).flat_map(|one| (one + 1..reference).map(move |other| vec![one, other]));
    let mut longest: Vec<(f64, Vec<usize>)> = pairs.map(|chain| (price(&chain), chain)).collect();
    while !longest.is_empty() {
        longest.sort_by(|a, b| a.0.total_cmp(&b.0));
        longest.truncate(GROWN);
        tried.extend(longest.iter().cloned());
        let grown = longest.iter().filter(|(_, chain)| chain.len() < LONGEST_CHAIN.min(reference));
        let mut longer: Vec<Vec<usize>> = grown.flat_map(|(_, chain)| one_more(chain, reference)).collect();
        longer.sort();
        longer.dedup();
        longest = longer.into_iter().map(|chain| (price(&chain), chain)).collect();
    }
    let handicapped = |(price, chain): &(f64, Vec<usize>)| price + WORTH_AN_ARM * chain.len() as f64;
    let best = tried.into_iter().min_by(|a, b| handicapped(a).total_cmp(&handicapped(b)));
    let Some((cost, chain)) = best else { return (Method::PromptOnly, all) };
    if asked.is_none() && price_of_floor(&sample, &all, Method::PromptOnly, floor) <= cost {
        return (Method::PromptOnly, all);
    }
    (Method::Cascade, with_reference(&chain, reference))
}

fn one_more(chain: &[usize], reference: usize) -> Vec<Vec<usize>> {
    let rest = (0..reference).filter(|place| !chain.contains(place));
    let longer = rest.map(|place| {
        let mut longer: Vec<usize> = chain.iter().copied().chain([place]).collect();
        longer.sort_unstable();
        longer
    });
    longer.collect()
}

fn with_reference(chain: &[usize], reference: usize) -> Vec<usize> {
    chain.iter().copied().chain([reference]).collect()
}

/// The cost, as a share of the reference's, at which these arms keep `floor` of its quality: interpolated between trial
/// prices, since a mixture of two rungs can be served. 1 if none of them does.
fn price_of_floor(records: &[Recorded], places: &[usize], method: Method, floor: f64) -> f64 {
    let records: Vec<Recorded> = records.iter().map(|record| record.with_arms(places)).collect();
    let trial = Router::on_trial(&records, places.len(), method);
    let last = places.len() - 1;
    let quality: f64 = records.iter().filter_map(|record| record.quality.get(last)).sum();
    let mut cheapest: f64 = 1.0;
    let mut above = (1.0, 1.0);
    for tradeoff in TRIAL_TRADEOFFS {
        let (kept, cost) = trial.at(&records, tradeoff);
        let point = (kept / quality.max(1e-9), cost / records.len().max(1) as f64);
        if point.0 >= floor {
            cheapest = cheapest.min(point.1);
        } else if above.0 > floor {
            let share = (above.0 - floor) / (above.0 - point.0);
            cheapest = cheapest.min(above.1 + share * (point.1 - above.1));
        }
        above = point;
    }
    cheapest
}

#[cfg(test)]
mod tests {
    use crate::router::{FitPlan, Method, Router};
    use crate::traffic::{Split, Traffic};

    #[test]
    fn a_high_floor_takes_cheap_arms_that_can_be_compared_before_the_reference() {
        let traffic = Traffic::parse(include_str!("../../../testdata/routing/gsm8k_cruxeval.sample.jsonl")).unwrap();
        let arm = |name: &str| traffic.arm(name).unwrap();
        let candidates = ["gemini-1.5-flash", "gpt-4o-mini-2024-07-18", "claude-3-5-sonnet-20241022"].map(arm);
        let reference = arm("o1-mini-2024-09-12");
        let all: Vec<usize> = candidates.iter().copied().chain([reference]).collect();
        let rows = traffic.graded_rows(Split::Train, &all);
        let fit = FitPlan { floor: Some(0.99), method: Some(Method::Cascade), ..FitPlan::default() };
        let router = Router::fit(&traffic, &candidates, reference, &rows, fit).unwrap().router;
        assert!(
            router.arms.len() >= 3 && router.arms.last().is_some_and(|last| last.starts_with("o1-mini")),
            "{:?}",
            router.arms
        );
    }
}
