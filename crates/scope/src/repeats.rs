//! Seeing that an agent goes round in circles: the same read again and again, or the same few turns in a row. Pure.

use std::collections::BTreeMap;

use crate::key::EffectKey;

/// The longest cycle of turns that is looked for.
const LONGEST_PERIOD: usize = 4;
/// How often a cycle must have come round.
const ROUNDS: usize = 3;

/// What a run has called so far.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    reads: BTreeMap<EffectKey, usize>,
    turns: Vec<Vec<EffectKey>>,
}

impl Repeats {
    /// Notes one turn and returns the period if the run is in a loop with it.
    pub(crate) fn turn(&mut self, mut calls: Vec<EffectKey>) -> Option<usize> {
        calls.sort_unstable();
        self.turns.push(calls);
        (1..=LONGEST_PERIOD).find(|period| {
            let span = period * ROUNDS;
            let recent = self.turns.len().checked_sub(span).and_then(|from| self.turns.get(from..));
            recent.is_some_and(|recent| recent.iter().zip(recent.iter().skip(*period)).all(|(a, b)| a == b))
        })
    }

    /// Notes one read and returns how often it was made before.
    pub(crate) fn read(&mut self, call: EffectKey) -> usize {
        let times = self.reads.entry(call).or_default();
        *times += 1;
        *times - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(letters: &str) -> Vec<Option<usize>> {
        let mut repeats = Repeats::default();
        let key = |letter: char| EffectKey::twin(&"run".into(), &letter.to_string(), "{}");
        letters.chars().map(|letter| repeats.turn(vec![key(letter)])).collect()
    }

    #[test]
    fn three_rounds_of_the_same_turns_are_a_loop_and_less_is_not() {
        assert_eq!(turns("aaa"), [None, None, Some(1)]);
        assert_eq!(turns("xababab").last(), Some(&Some(2)));
        assert_eq!(turns("xababa").last(), Some(&None));
        assert_eq!(turns("abcdabcdabcd").last(), Some(&Some(4)));
        assert!(turns("abacabadabacaba").iter().all(Option::is_none));
    }
}
