//! Do the cheap answers agree? The best check that needs no label.
//!
//! What never happens here: nobody's own word for how sure he is. A vote weighs as much as its arm was right on
//! recorded traffic.

use serde::{Deserialize, Serialize};

use crate::traffic::Answered;

/// What is known of one answer before anyone grades it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// Stands for the normalised short answer: equal numbers are equal answers. `None`: there was none to compare.
    pub answer: Option<u32>,
    /// Whether validators (schema, rules, refusal, truncation, empty) accepted it.
    pub valid: Option<bool>,
    /// Mean log-probability of its tokens, where the provider tells.
    pub likelihood: Option<f32>,
    /// What the arm says of its own certainty. Recorded; alone it moves nothing (see [`crate::Cascade`]).
    pub self_confidence: Option<f32>,
}

impl From<Answered> for Seen {
    fn from(answered: Answered) -> Self {
        Self { answer: answered.answer, valid: answered.valid, likelihood: answered.likelihood, ..Self::default() }
    }
}

/// The outcome of a weighted vote among answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Vote {
    /// The arm that speaks for the winning answer: the heaviest of its supporters.
    pub(crate) speaker: usize,
    /// Share of all weight behind it.
    pub(crate) support: f64,
    /// How many different answers there are.
    pub(crate) distinct: usize,
}

/// Counts the votes of the arms called so far. An answer that validators refused, or none, supports only itself.
pub(crate) fn vote(seen: &[Seen], weights: &[f64]) -> Vote {
    let mut winner = Vote { speaker: 0, support: f64::NEG_INFINITY, distinct: 0 };
    let mut total = 0.0;
    for (arm, (mine, weight)) in seen.iter().zip(weights).enumerate() {
        let agrees = |other: &Seen| mine.answer.is_some() && mine.answer == other.answer;
        total += weight;
        winner.distinct += usize::from(!seen.iter().take(arm).any(agrees));
        let others =
            seen.iter().zip(weights).enumerate().filter(|(other, (theirs, _))| *other != arm && agrees(theirs));
        let refused = mine.valid == Some(false) || mine.answer.is_none() && mine.valid.is_none() && seen.len() > 1;
        let backing: f64 = weight + others.map(|(_, (_, w))| w).sum::<f64>();
        // A refused answer wins only if all are refused; among supporters of one answer the heaviest speaks.
        let support = if refused { backing * 1e-3 } else { backing } + 1e-6 * weight;
        if support > winner.support {
            (winner.speaker, winner.support) = (arm, support);
        }
    }
    winner.support /= total.max(f64::MIN_POSITIVE);
    winner
}

/// Whether the answer of `arm` is the winning one.
pub(crate) fn backs(seen: &[Seen], arm: usize, vote: &Vote) -> bool {
    let of = |index: usize| seen.get(index).and_then(|s| s.answer);
    arm == vote.speaker || of(arm).is_some() && of(arm) == of(vote.speaker)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(of: &[Option<u32>]) -> Vec<Seen> {
        of.iter().map(|&answer| Seen { answer, ..Seen::default() }).collect()
    }

    #[test]
    fn two_that_agree_outvote_one_that_is_a_little_heavier() {
        let won = vote(&answers(&[Some(1), Some(2), Some(1)]), &[1.0, 1.5, 1.2]);
        assert_eq!((won.speaker, won.distinct), (2, 2));
        assert!((won.support - 2.2 / 3.7).abs() < 1e-3);
    }

    #[test]
    fn missing_answers_do_not_agree_with_each_other() {
        let seen = answers(&[None, None, Some(7)]);
        let won = vote(&seen, &[1.0, 1.0, 0.5]);
        assert_eq!((won.speaker, won.distinct), (2, 3));
        assert!(!backs(&seen, 0, &won));
    }

    #[test]
    fn a_refused_answer_wins_only_among_the_refused() {
        let mut seen = answers(&[Some(1), Some(2)]);
        seen[0].valid = Some(false);
        assert_eq!(vote(&seen, &[5.0, 1.0]).speaker, 1);
        seen[1].valid = Some(false);
        assert_eq!(vote(&seen, &[5.0, 1.0]).speaker, 0);
    }
}
