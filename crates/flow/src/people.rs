//! Whom the user's words name.
//!
//! A name is a word with a capital letter or between quotation marks that is neither what opens a sentence and means
//! something nor a part of the calendar. Somebody of whom the user only tells a deed ("the mail in which Bram agreed")
//! receives nothing.
//!
//! What never happens here: no look at a result.

use crate::moment;
use crate::request::{Request, Word};
use crate::text;
use crate::unasked::{is_finite, is_past};
use crate::wordlist::WordList;
use crate::words;

impl Request {
    /// Whether a word occurs as the name of somebody: neither what opens a sentence and means something, nor a part of
    /// the calendar, nor what only tells which thing is meant ("the Acme contract").
    pub(crate) fn names_somebody(&self, word: &str) -> bool {
        let Some(starts) = self.positions.get(word) else { return false };
        let stem = words::stem(word);
        let means = words::verbs(&stem) | words::nouns(&stem) != 0 || words::is_reading(&stem);
        let dated = moment::relative(word).is_some() || moment::month_number(word).is_some();
        !dated
            && starts.iter().map(|at| *at as usize).any(|at| {
                let named = |own: &&Word| own.capital || own.quoted || (!means && self.is_name_without_capital(at));
                let Some(own) = self.words.get(at).filter(named) else { return false };
                let next = self.words.get(at + 1).filter(|next| !next.hard_gap && !next.comma && !next.capital);
                let modifies = next.is_some_and(|next| {
                    words::nouns(&next.stem) != 0 && words::verbs(&next.stem) == 0 && !words::is_stop(&next.lower)
                });
                let acts = self.words.get(at + 1).is_some_and(|next| is_finite(&next.lower));
                (own.quoted || !own.hard_gap || !means || acts) && !modifies && !self.is_source(at)
            })
    }

    /// "invite rick": whether a word of somebody who writes no capital letters at all stands where a name does.
    fn is_name_without_capital(&self, at: usize) -> bool {
        const BEFORE: &[&str] = &["with", "invite", "to", "for", "from", "tell", "ask"];
        let stop = self.words.get(at).is_none_or(|word| words::is_stop(&word.lower));
        !stop && BEFORE.contains(&self.word(at.checked_sub(1))) && !self.words.iter().any(|word| word.capital)
    }

    /// Whether the user writes a value as the name of somebody: with a capital, a figure or a sign, between quotation
    /// marks, or behind a word that says whom something is for.
    pub(crate) fn is_addressed(&self, value: &str) -> bool {
        const BEFORE: &[&str] = &[
            "to", "for", "with", "in", "into", "from", "of", "by", "on", "at", "and", "as", "user", "account",
            "channel",
        ];
        let first = text::tokens(value).next().map_or("", |token| token.text);
        let places = self.positions.get(&text::exact(first)).map_or(&[][..], Vec::as_slice);
        let word = |at: &u32, by: usize| self.word((*at as usize).checked_sub(by));
        let named = |at: &u32| {
            let before = word(at, 1);
            BEFORE.contains(&before)
                || words::verbs(&words::stem(before)) != 0
                || (matches!(before, "the" | "my" | "our") && matches!(word(at, 2), "to" | "into" | "onto" | "in"))
        };
        let source = text::tokens(value).nth(1).is_none() && self.is_only_source(&text::exact(first));
        !source && (self.is_telling(value) || places.iter().any(named))
    }

    /// Whether a word is the name of somebody of whom the user only says what they did.
    pub(crate) fn is_only_source(&self, word: &str) -> bool {
        let starts = self.positions.get(word).map_or(&[][..], Vec::as_slice);
        let told = |at: &u32| {
            let at = *at as usize;
            self.words.get(at).is_some_and(|own| own.capital && !own.quoted) && self.is_source(at)
        };
        !starts.is_empty() && starts.iter().all(told)
    }

    /// "The mail in which Bram agreed": whether a name is that of somebody who did something, and nothing that is asked
    /// for points back at anybody.
    fn is_source(&self, at: usize) -> bool {
        static BACK: WordList = WordList::new("him her them his their back reply respond answer tell thank both");
        const BEFORE_DEEDS: &[&str] = &["has", "have", "had", "just", "already"];
        const STATES: &[&str] = &["was", "were"];
        let Some(sentence) = self.words.get(at).map(|word| word.sentence) else { return false };
        let behind = self.words.iter().skip(at + 1).take(2);
        let clause = behind.take_while(|word| word.sentence == sentence && !word.comma && !word.hard_gap);
        let deed = clause.map(|word| word.lower.as_str()).find(|word| !BEFORE_DEEDS.contains(word));
        deed.is_some_and(|word| is_past(word) && !STATES.contains(&word))
            && !self.words.iter().any(|word| BACK.has(&word.lower))
    }
}
