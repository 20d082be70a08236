//! Whose words a sentence repeats: the model's own, or what a customer, a label or an author says.
//!
//! What stands behind a verb of saying, or an `if`, is not the model's own, unless it is the model that says it
//! (`I wrote 90`); a `but` begins its own words again.
//!
//! What never happens here: no name is looked up. The verbs are listed, and the list is the documentation.

use super::words_from;

/// What makes the words behind it a question, or those of another.
const NOT_MINE: [&str; 32] = [
    "if", "whether", "unless", "wenn", "falls", "ob", "says", "said", "wrote", "writes", "states", "stated", "claims",
    "claimed", "admits", "admitted", "asks", "asked", "asking", "tells", "told", "warns", "warned", "wants", "wanted",
    "requests", "demands", "insists", "insisted", "reads", "what", "who",
];

/// Where in a sentence its voice changes.
pub(super) struct Voices(Vec<(usize, bool)>);

impl Voices {
    /// Linear in the words, which are [`spaced`](super::spaced).
    pub(super) fn of(words: &str) -> Self {
        let mut changes = Vec::new();
        let (mut mine, mut last) = (true, "");
        for (at, rest) in words_from(words) {
            let word = rest.split(' ').next().unwrap_or("");
            let next = match word {
                "but" => true,
                // `in case I misread it`, and not `in this case I misread it`.
                "case" => mine && last != "in",
                _ => mine && (last == "i" || !NOT_MINE.contains(&word)),
            };
            if next != mine {
                changes.push((at, next));
            }
            (mine, last) = (next, word);
        }
        Self(changes)
    }

    /// Whether the words from this place on are the model's own.
    pub(super) fn is_mine(&self, at: usize) -> bool {
        let before = self.0.partition_point(|(place, _)| *place < at);
        before.checked_sub(1).and_then(|last| self.0.get(last)).is_none_or(|(_, mine)| *mine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::announce::spaced;

    #[test]
    fn what_another_says_is_told_from_what_the_model_says() {
        let is_mine = |text: &str| {
            let words = spaced(text);
            let at = words.find(" here ").expect("the place is marked");
            Voices::of(&words).is_mine(at)
        };
        for mine in ["I wrote here", "The label says no, but here", "In this case here", "here", "It is late, here"] {
            assert!(is_mine(mine), "{mine}");
        }
        for other in ["The guest wrote here", "tell me if here", "in case here", "She asked us to look here"] {
            assert!(!is_mine(other), "{other}");
        }
    }
}
