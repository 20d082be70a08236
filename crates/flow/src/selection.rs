//! Which of several the user's words select: "the largest", "who wrote the most", "rank everybody by how much".
//!
//! What never happens here: no row is looked at. A selection is checked where the rows are known.

use crate::moment;
use crate::request::{Request, Word};
use crate::wordlist::WordList;
use crate::words::{self, End, Measure, Superlative};

/// How many of a ranking are selected at most.
const RANKED: usize = 64;

/// Whether a word says that somebody wrote or said something.
fn is_deed(word: &str) -> bool {
    static DEEDS: WordList = WordList::new(
        "wrote write writes written posted posts sent sends said says talked talks commented made answered \
        replied reported uploaded submitted filed",
    );
    DEEDS.has(word)
}

/// A superlative with its place.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) superlative: Superlative,
    /// How many are selected.
    pub(crate) count: usize,
    /// How many better ones are passed over ("the second largest").
    pub(crate) skipped: usize,
    /// Stems of the words beside it.
    pub(crate) nouns: Vec<String>,
    pub(crate) sentence: u32,
    /// Whether it says who has done the most of something.
    pub(crate) of_whom: bool,
}

impl Request {
    /// The selection that the word at `at` makes, if it is a superlative.
    pub(crate) fn selection_at(&self, at: usize) -> Option<Selection> {
        let word = self.words.get(at)?;
        let behind = self.words.get(at + 1).filter(|next| !next.hard_gap).map_or("", |next| next.lower.as_str());
        // "The more expensive one" of two.
        let compared = self.word(at.checked_sub(2)) == "the" && behind != "than";
        let before = match self.word(at.checked_sub(1)) {
            "more" if compared => "most",
            "less" if compared => "least",
            before => before,
        };
        let of_whom = self.is_of_whom(at);
        let most = of_whom && word.lower == "most" && (behind.is_empty() || words::is_stop(behind));
        // "The ticket that has been open the longest" is the one that was opened first.
        let been = |word: &Word| matches!(word.lower.as_str(), "been" | "waiting" | "waited" | "lying" | "sitting");
        let lasting = word.lower == "longest" && self.before(at, 6, 0).any(been);
        let earliest = lasting.then_some(Superlative { end: End::Least, measure: Measure::Time });
        let superlative = earliest
            .or_else(|| words::superlative(before, &word.lower, behind))
            .or_else(|| most.then_some(Superlative { end: End::Greatest, measure: Measure::Size }))
            .or_else(|| self.than_any_other(at))
            .filter(|_| !self.is_time_phrase(at))?;
        Some(Selection {
            superlative,
            count: self.count_near(at),
            skipped: self.skipped(at),
            nouns: self.stems_beside(if self.is_number_of(at) { at + 2 } else { at }),
            sentence: word.sentence,
            of_whom,
        })
    }

    /// "Who wrote the most messages": whether a superlative is of those who did something.
    fn is_of_whom(&self, at: usize) -> bool {
        const PEOPLE: &[&str] = &["user", "member", "person", "colleague", "mate", "employee", "contact", "author"];
        let most = matches!(self.word(Some(at)), "most" | "least" | "fewest") || self.is_number_of(at);
        let which =
            |at: usize| matches!(self.word(Some(at)), "which" | "what") && PEOPLE.contains(&self.word(Some(at + 1)));
        let who = || {
            (at.saturating_sub(6)..at).any(which)
                || self.before(at, 4, 0).any(|word| matches!(word.lower.as_str(), "who" | "whoever"))
        };
        most && who() && self.before(at, 3, 0).any(|word| is_deed(&word.lower))
    }

    /// "The greatest number of messages": a superlative of how many there are.
    fn is_number_of(&self, at: usize) -> bool {
        matches!((self.word(Some(at + 1)), self.word(Some(at + 2))), ("number" | "amount" | "count", "of"))
    }

    /// "Fewer messages in it than any other": a comparative with all others is a superlative.
    fn than_any_other(&self, at: usize) -> Option<Superlative> {
        let end = match self.word(Some(at)) {
            "more" => End::Greatest,
            "fewer" | "less" => End::Least,
            _ => return None,
        };
        let others = (at + 2..at + 8).any(|at| {
            let next = (self.word(Some(at)), self.word(Some(at + 1)), self.word(Some(at + 2)));
            matches!(
                next,
                ("than", "any" | "all", "other" | "others" | "one" | "else") | ("than", "anyone" | "anybody", _)
            )
        });
        others.then_some(Superlative { end, measure: Measure::Size })
    }

    /// "Rank everybody by how many messages they have written": all who did something are selected, in an order.
    pub(crate) fn read_ranking(&mut self, first: usize) {
        const ALL: &[&str] = &["everybody", "everyone", "all", "people", "members", "users"];
        let is_ranked = |at: &usize| {
            let Some(word) = self.words.get(*at).filter(|word| !word.quoted && !word.question) else { return false };
            let near: Vec<&str> = self
                .words
                .iter()
                .skip(at.saturating_sub(5))
                .take(24)
                .filter(|other| other.sentence == word.sentence)
                .map(|other| other.lower.as_str())
                .collect();
            let has = |words: &[&str]| near.iter().any(|word| words.contains(word));
            let ordered = (word.lower.as_str(), self.word(Some(at + 1))) == ("order", "of");
            (ordered || matches!(word.lower.as_str(), "rank" | "ranking" | "sort"))
                && has(ALL)
                && has(&["many", "much", "number"])
                && near.iter().any(|word| is_deed(word))
        };
        let ranked: Vec<usize> = (first..self.words.len()).filter(is_ranked).collect();
        let superlative = Superlative { end: End::Greatest, measure: Measure::Size };
        self.selections.extend(ranked.into_iter().map(|at| Selection {
            superlative,
            count: RANKED,
            skipped: 0,
            nouns: Vec::new(),
            sentence: self.words.get(at).map_or(0, |word| word.sentence),
            of_whom: true,
        }));
    }

    /// Whether "last", "next" or "first" speaks of the calendar or of an order of work, and selects nothing.
    fn is_time_phrase(&self, at: usize) -> bool {
        static EVENTS: WordList = WordList::new(
            "due expires expiring ends ending starts starting leaves leaving arrives arriving departs \
            departing comes coming runs began started ended closes opens falls",
        );
        let before = self.word(at.checked_sub(1));
        if EVENTS.has(before) {
            return false;
        }
        // "But first check ...": what comes first in the work, not of a list.
        let behind = self.words.get(at + 1).filter(|next| !next.hard_gap);
        let order = matches!(self.word(Some(at)), "first" | "next" | "last")
            && matches!(before, "" | "but" | "and" | "then" | "so" | "do" | "please")
            && behind.is_none_or(|next| words::verbs(&next.stem) != 0 || words::is_reading(&next.stem) || next.comma);
        if order {
            return true;
        }
        // "the lease that runs out first"
        let sentence = self.words.get(at).map_or(0, |word| word.sentence);
        let relative =
            |word: &Word| word.sentence == sentence && matches!(word.lower.as_str(), "that" | "which" | "who");
        if matches!(self.word(Some(at)), "last" | "first" | "next" | "most" | "least")
            && self.words.get(at.saturating_sub(5)..at).unwrap_or_default().iter().any(relative)
        {
            return false;
        }
        let Some(next) = self.words.get(at + 1) else { return true };
        let loose = matches!(self.word(Some(at)), "last" | "next" | "first" | "recent");
        let unit = matches!(
            next.stem.as_str(),
            "week"
                | "month"
                | "year"
                | "dai"
                | "day"
                | "tim"
                | "night"
                | "quarter"
                | "name"
                | "nam"
                | "minut"
                | "hour"
                | "few"
        );
        loose
            && (unit
                || next.hard_gap
                || moment::relative(&next.lower).is_some()
                || next.lower.parse::<u32>().is_ok()
                || (words::is_stop(&next.lower) && next.lower != "two"))
            || (self.word(Some(at)) == "best" && next.stem == "regard")
    }

    /// The stems of what a superlative speaks of: the words behind it up to the end of the phrase, or the one before
    /// it.
    fn stems_beside(&self, at: usize) -> Vec<String> {
        let behind = self.words.get(at + 1..(at + 7).min(self.words.len())).unwrap_or_default();
        let phrase = behind.iter().take_while(|word| !word.hard_gap);
        let behind: Vec<String> = phrase
            .enumerate()
            .take_while(|(place, word)| {
                *place < 3 || behind.first().is_some_and(|first| first.lower == "of") && !word.comma
            })
            .map(|(_, word)| word.stem.clone())
            .collect();
        if behind.is_empty() {
            at.checked_sub(1).map(|at| words::stem(self.word(Some(at)))).into_iter().collect()
        } else {
            behind
        }
    }

    /// How many better ones an ordinal before a superlative passes over.
    fn skipped(&self, at: usize) -> usize {
        moment::ordinal_word(self.word(at.checked_sub(1))).filter(|place| *place < 6).map_or(0, |place| place - 1)
    }

    /// The number word within two words of a superlative ("the three largest", "top 5"); one if there is none.
    fn count_near(&self, at: usize) -> usize {
        let near = [at.checked_sub(1), at.checked_add(1), at.checked_sub(2)];
        let number = |word: &str| match word {
            "two" | "couple" => Some(2),
            "three" => Some(3),
            "four" => Some(4),
            "five" => Some(5),
            "six" => Some(6),
            "ten" => Some(10),
            _ => word.parse().ok().filter(|count| *count <= 100),
        };
        near.into_iter().find_map(|at| number(self.word(at))).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selections(text: &str) -> Vec<(End, bool)> {
        let mut request = Request::default();
        request.push(text);
        request.selections.iter().map(|one| (one.superlative.end, one.of_whom)).collect()
    }

    #[test]
    fn who_did_the_most_is_told_from_what_is_the_most() {
        assert_eq!(selections("Who has posted most, all rooms together?"), [(End::Greatest, true)]);
        assert_eq!(selections("Find whoever wrote the most messages"), [(End::Greatest, true)]);
        assert_eq!(selections("Rank everybody by how many messages they wrote"), [(End::Greatest, true)]);
        assert_eq!(selections("Find out who owes us the most rent"), [(End::Greatest, false)]);
        assert_eq!(selections("the file which takes up the most space"), [(End::Greatest, false)]);
        assert_eq!(selections("the room that has fewer messages than any other"), [(End::Least, false)]);
        assert_eq!(selections("One has fewer messages than the other"), []);
        assert_eq!(selections("Sort all my mails by date and reply to Ann"), []);
        assert_eq!(selections("Pay all of them in order of due date"), []);
    }
}
