//! What one world came to: the truth in the sink's log against what the agent was told.

use std::collections::BTreeMap;

/// How one world ended.
#[derive(Debug, Default)]
pub struct Verdict {
    pub duplicates: u64,
    pub silent_losses: u64,
    pub unknown: u64,
    /// Broken promises in words; empty in a good world.
    pub broken: Vec<String>,
}

/// What the agent was told in the end: for each intent, the status of its call.
pub type Told = Vec<(String, String)>;

impl Verdict {
    fn expect(&mut self, holds: bool, promise: &str) {
        if !holds {
            self.broken.push(promise.to_owned());
        }
    }

    /// Holds what was told against what was done. `calls` replies are due; `exactly_once` where the sink's class promises it.
    pub fn of(told: &Told, truth: &str, calls: usize, exactly_once: bool) -> Self {
        let mut verdict = Self::default();
        verdict.expect(told.len() == calls, "the last worker comes to its end, with a reply for each call");
        let mut acted: BTreeMap<&str, u64> = BTreeMap::new();
        truth.lines().for_each(|intent| *acted.entry(intent).or_default() += 1);
        for (intent, status) in told {
            let times = acted.get(intent.as_str()).copied().unwrap_or(0);
            verdict.duplicates += times.saturating_sub(1);
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
}
