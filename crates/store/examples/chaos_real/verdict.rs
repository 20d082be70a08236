//! What one world came to: the truth in the sink's log against what the agent was told.

use std::collections::BTreeMap;

use super::cell::Verdict;

/// What the agent was told in the end: for each intent, the status of its call.
pub type Told = Vec<(String, String)>;

/// Holds what was told against what was done. `calls` replies are due; `exactly_once` where the sink's class promises
/// it.
pub fn judge(told: &Told, truth: &str, calls: usize, exactly_once: bool) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.expect(told.len() == calls, "the last worker comes to its end, with a reply for each call");
    let mut acted: BTreeMap<&str, u64> = BTreeMap::new();
    truth.lines().for_each(|intent| *acted.entry(intent).or_default() += 1);
    verdict.duplicates = acted.values().map(|times| times - 1).sum();
    // What happened and nobody was told of is lost as well.
    let untold = acted.keys().filter(|intent| !told.iter().any(|(known, _)| known == *intent));
    verdict.silent_losses = u64::try_from(untold.count()).unwrap();
    for (intent, status) in told {
        let times = acted.get(intent.as_str()).copied().unwrap_or(0);
        let (done, unknown) = (matches!(status.as_str(), "Done" | "Replayed"), status == "Unknown");
        verdict.unknown += u64::from(unknown);
        if (done && times == 0) || (!done && !unknown && times > 0) {
            verdict.silent_losses += 1;
            verdict.broken.push(format!("`{intent}` acted {times} times, told {status}"));
        }
        verdict.expect(!exactly_once || (done && times == 1), "a keyed or look-up effect happens exactly once");
    }
    verdict
}
