//! What is to be done without saying by whom: "it can be released", "anyone who has left should be taken out", "the
//! bill still needs paying".
//!
//! What never happens here: what is only likely, asked about or somebody else's saying is no order.

use crate::asking::{DOUBTS, PREPOSITIONS};
use crate::request::{Request, Word};
use crate::wordlist::WordList;

/// Words beside which it is not sure whether something is to be done.
static UNSURE: WordList = WordList::new("case ever lest hardly seldom believes thinks hopes supposedly");

impl Request {
    /// "H-81 can be released", "Sara Lind gets a raise", "I'd be glad if it were paid".
    pub(crate) fn is_passive_order(&self, at: usize) -> bool {
        if self.is_graciously_asked(at, 0) {
            return true;
        }
        let before = self.word(at.checked_sub(1));
        let adverb = before == "be" && matches!(self.word(at.checked_sub(2)), "then" | "also" | "now");
        let second = self.word(at.checked_sub(if adverb { 3 } else { 2 }));
        // "Each is then to be sent a note."
        let by = if matches!(self.back(at, 3, 0), "then" | "also" | "now" | "still") { 4 } else { 3 };
        let (third, fourth) = (self.back(at, by, 0), self.back(at, by + 1, 0));
        // "It has to be paid", "I want it to be paid", but not "the amount to be paid".
        let due = (matches!(third, "is" | "are" | "has" | "have" | "needs" | "need" | "ought")
            || (third == "s" && fourth == "it"))
            && !matches!(fourth, "that" | "which" | "who");
        let may = matches!(second, "can" | "should" | "must" | "may" | "could" | "shall")
            || self.is_requested(at)
            || second == "to" && (due || at.checked_sub(1).is_some_and(|at| self.is_wished(at, 0)));
        let doubt = |word: &Word| UNSURE.has(&word.lower) || DOUBTS.has(&word.lower);
        // "Can the bill be paid, please?"
        let opener = self.clause(at, 0).map_or("", |start| self.word(Some(start)));
        let sentence = self.words.get(at).map(|word| word.sentence);
        let pleads = || self.words.iter().any(|word| word.lower == "please" && Some(word.sentence) == sentence);
        let subject = self.clause(at, 0).map_or("", |start| self.word(Some(start + 1)));
        let thing = second != "to" && !matches!(subject, "you" | "we" | "i");
        let may = may || (thing && matches!(opener, "can" | "could" | "may" | "might" | "would") && pleads());
        // "The bill still needs paying."
        let needs = matches!(before, "needs" | "need") && self.word(Some(at)).ends_with("ing");
        let by = needs && self.words.iter().skip(at + 1).take(3).any(|word| word.lower == "by");
        // "My train gets into Lisbon."
        let gets = self.word(Some(at)) == "gets" && !PREPOSITIONS.contains(&self.word(Some(at + 1)));
        ((before == "be" && may) || (needs && !by) || gets)
            && !self.before(at, 12, self.behind_those_who(at)).any(doubt)
    }

    /// "Anyone who only has a guest account should be removed": the place behind the words that tell of whom something
    /// is said, where they tell what these have or are; the start where there are none.
    fn behind_those_who(&self, at: usize) -> usize {
        const THOSE: &[&str] = &["anyone", "anybody", "everyone", "everybody", "anything", "everything", "those"];
        const HAVE: &[&str] = &["has", "have", "is", "are"];
        let sentence = self.sentence_of(at);
        let near = at.saturating_sub(12)..at;
        let told = near.rev().take_while(|place| self.sentence_of(*place) == sentence).find(|place| {
            let (before, second) = (self.word(place.checked_sub(1)), self.word(place.checked_sub(2)));
            matches!(self.word(Some(*place)), "who" | "that" | "which")
                && (THOSE.contains(&before) || (matches!(before, "there" | "here" | "else") && THOSE.contains(&second)))
        });
        let state = |place: usize| (place + 1..place + 4).find(|at| HAVE.contains(&self.word(Some(*at))));
        told.and_then(state).map_or(0, |state| state + 1)
    }

    /// "I request that the bill be settled."
    fn is_requested(&self, at: usize) -> bool {
        let mut before = self.before(at, 16, 0);
        let asks = |word: &Word| matches!(word.lower.as_str(), "request" | "ask" | "insist" | "propose");
        before.any(asks) && before.any(|word| word.lower == "that")
    }
}
