//! What each signal is worth on a task: how often an answer was right where the signal spoke for it, and where against.
//!
//! A signal that says nothing has the same share of right answers on both sides. It is counted on the labels, by the
//! grade that the objective rests on, so that a judge, say, is measured before anybody believes it.
//!
//! What never happens here: a signal that makes a label.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::traffic::Answered;

/// Likelihood has no zero of its own: it speaks for the half of a task's answers that it ranks higher. So many of the
/// newest are ranked.
const RANKED: usize = 10_000;
const LIKELIHOOD: &str = "token likelihood, the higher half";

/// One signal on a task's labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// What spoke.
    pub name: String,
    /// Right answers among those it spoke for, and how many those were.
    pub spoke_for: [u64; 2],
    /// Right answers among those it spoke against, and how many those were.
    pub spoke_against: [u64; 2],
}

/// A name, and what the signal says of one candidate's answer beside those of the others.
type Reader = (&'static str, fn(&Answered, &[Answered]) -> Option<bool>);

/// Every signal that a label may hold, the cheapest first.
static SIGNALS: &[Reader] = &[
    ("the answer's form", |own, _| own.valid),
    ("agreement of candidates", |own, others| {
        let own = own.answer?;
        let others = others.iter().filter_map(|other| other.answer);
        others.map(|other| other == own).reduce(|one, other| one || other)
    }),
    ("the judge", |own, _| own.judged.filter(|verdict| (verdict - 0.5).abs() > 0.25).map(|verdict| verdict > 0.5)),
];

/// Counts of all signals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    counts: Vec<[[u64; 2]; 2]>,
    /// Likelihood of an answer, and whether it was right.
    ranked: VecDeque<(f32, bool)>,
}

impl Signals {
    /// Counts a label's candidates; answers without a grade count for nothing.
    pub(crate) fn push(&mut self, candidates: &[Answered]) {
        self.counts.resize(SIGNALS.len(), [[0; 2]; 2]);
        for (place, own) in candidates.iter().enumerate() {
            let Some(quality) = own.quality else { continue };
            if let Some(likelihood) = own.likelihood {
                self.ranked.push_back((likelihood, quality > 0.5));
                if self.ranked.len() > RANKED {
                    self.ranked.pop_front();
                }
            }
            let others: Vec<Answered> =
                candidates.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, cell)| *cell).collect();
            for ((_, reader), counts) in SIGNALS.iter().zip(&mut self.counts) {
                let side = reader(own, &others).map(usize::from);
                if let Some(count) = side.and_then(|side| counts.get_mut(side)) {
                    count[0] += u64::from(quality > 0.5);
                    count[1] += 1;
                }
            }
        }
    }

    /// Those that have said something.
    pub(crate) fn report(&self) -> Vec<Signal> {
        let named = SIGNALS.iter().zip(&self.counts);
        let spoken = named.filter(|(_, [against, by])| against[1] + by[1] > 0);
        let counted = spoken.map(|((name, _), [against, by])| Signal {
            name: (*name).to_owned(),
            spoke_for: *by,
            spoke_against: *against,
        });
        counted.chain(self.likelihood()).collect()
    }

    fn likelihood(&self) -> Option<Signal> {
        let mut ranked: Vec<(f32, bool)> = self.ranked.iter().copied().collect();
        ranked.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (lower, higher) = ranked.split_at_checked(ranked.len() / 2)?;
        let count = |half: &[(f32, bool)]| [half.iter().filter(|(_, right)| *right).count() as u64, half.len() as u64];
        let (spoke_for, spoke_against) = (count(higher), count(lower));
        (!ranked.is_empty()).then(|| Signal { name: LIKELIHOOD.to_owned(), spoke_for, spoke_against })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_is_counted_on_the_side_that_it_speaks_for_and_silence_is_no_vote() {
        let cell = |right: bool, answer: u32, likelihood: Option<f32>, judged: Option<f32>| Answered {
            quality: Some(f32::from(u8::from(right))),
            answer: Some(answer),
            valid: Some(true),
            likelihood,
            judged,
            ..Answered::default()
        };
        let mut signals = Signals::default();
        signals.push(&[cell(true, 1, Some(-0.1), Some(1.0)), cell(true, 1, None, Some(0.5))]);
        signals.push(&[cell(false, 2, Some(-3.0), Some(1.0)), cell(true, 1, None, None)]);
        signals.push(&[Answered::default()]);
        let told = |name: &str| {
            let found = signals.report().into_iter().find(|signal| signal.name == name).unwrap();
            (found.spoke_for, found.spoke_against)
        };
        assert_eq!(told("the answer's form"), ([3, 4], [0, 0]));
        assert_eq!(told("agreement of candidates"), ([2, 2], [1, 2]));
        assert_eq!(told(LIKELIHOOD), ([1, 1], [0, 1]));
        // A verdict that depends on the order is none.
        assert_eq!(told("the judge"), ([1, 2], [0, 0]));
    }
}
