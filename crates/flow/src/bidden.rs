//! What has to come about by the user's words, without an order to anybody: "Marek should be in it", "they should have
//! their money back", "the ticket goes to Lanre".
//!
//! Such a sentence names no action, so it is a request only for a tool whose values are all the user's.
//!
//! What never happens here: no expectation ("there should be a mail"), no plan of the user's own, no word of others.

use crate::asking::DOUBTS;
use crate::request::{Request, Word};
use crate::unasked::is_finite;
use crate::words;

/// Words that name no action, where something has to come about.
pub(crate) const BEING: [&str; 11] =
    ["be", "have", "become", "go", "come", "get", "receive", "deserves", "goes", "becomes", "moves"];

/// Verbs by which the user wishes.
const WISHES: &[&str] = &["like", "want", "need", "love", "prefer", "wish"];
/// Who does it alone, and what is only expected to be there.
const OWN: &[&str] = &["i", "we", "you", "there"];
/// Words beside which what has to come about is somebody's saying, or is not to be.
const SAID: &str = "saying arguing claiming suggesting told tells heard neither nor never hardly";

impl Request {
    /// "Marek should be in it", "it is to go to Ann", "I'd like Ingrid to become a member": whether a word is what, by
    /// the user's words, has to come about. What the user has to do, what is only expected ("there should be a mail",
    /// "he should have paid") and what others say does not.
    pub(crate) fn is_bidden(&self, at: usize, first: usize) -> bool {
        const OPEN: &[&str] = &["it", "that", "this"];
        let (before, second, third) = (self.back(at, 1, first), self.back(at, 2, first), self.back(at, 3, first));
        let next = self.word(Some(at + 1));
        let done =
            matches!(self.word(Some(at)), "have" | "be") && (is_finite(next) || next.ends_with("ed") || next == "been");
        let (said, subject) = match (before, second) {
            ("should" | "must" | "shall", subject) => (true, subject),
            ("to", "has" | "have" | "is" | "are" | "needs" | "ought") => (true, third),
            // "The train that goes to Leeds" is only described.
            _ => {
                let of_thing = !matches!(before, "that" | "which" | "who" | "it" | "this" | "these" | "those");
                (of_thing && matches!(self.word(Some(at)), "deserves" | "goes" | "becomes" | "moves"), before)
            }
        };
        let wished = self.is_wished(at, first);
        let doubt = |word: &Word| DOUBTS.split_whitespace().chain(SAID.split(' ')).any(|doubt| doubt == word.lower);
        let asks_to_look = |word: &Word| {
            words::is_look(&word.stem) && !WISHES.contains(&word.lower.as_str()) && word.lower != "please"
        };
        let silent = || !self.before(at, 12, first).any(|word| doubt(word) || asks_to_look(word));
        // "It has to be fifteen": what it should be is only expected.
        let expected = OPEN.contains(&subject) && before == "should";
        let own = expected || OWN.contains(&subject) || subject.is_empty();
        ((said && !own) || wished) && !done && silent()
    }

    /// "I'd like Ingrid to become a member", but not "they want me to pay": whether a word behind "to" is what the user
    /// wishes of somebody or something.
    pub(crate) fn is_wished(&self, at: usize, first: usize) -> bool {
        let second = self.back(at, 2, first);
        let governs = |at: usize| {
            let wisher = matches!(self.back(at, 1, first), "i" | "we" | "d" | "would" | "ll" | "also" | "just");
            wisher && WISHES.contains(&self.word(Some(at)))
        };
        self.back(at, 1, first) == "to"
            && (1..=8).filter_map(|by| at.checked_sub(by)).any(|place| place >= first && governs(place))
            && !WISHES.contains(&second)
            && !OWN.contains(&second)
    }

    /// "Let my sister have a look at it", "let ann@corp.com view it".
    pub(crate) fn is_letting_in(&self, at: usize) -> bool {
        const LOOKS: &[&str] = &["look", "see", "view", "read", "edit", "use", "access"];
        const ENDS: &[&str] = &["know", "that", "i", "we", "he", "she", "they", "you"];
        let behind = self.words.iter().skip(at + 2).take(8);
        let sentence = self.words.get(at).map(|word| word.sentence);
        self.word(Some(at)) == "let"
            && !matches!(self.word(Some(at + 1)), "me" | "us")
            && behind
                .take_while(|word| {
                    Some(word.sentence) == sentence && !word.comma && !ENDS.contains(&word.lower.as_str())
                })
                .any(|word| LOOKS.contains(&word.lower.as_str()))
    }
}
