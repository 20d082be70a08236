//! What the sentences of a trusted text are: questions, exclusions, limits.
//!
//! "Which one is open?" asks for nothing, "not Bob" names nobody, and "all that expire in May" is not all.
//!
//! What never happens here: no grant. Reading a sentence so takes something away and never adds to it.

use smallvec::SmallVec;

use crate::hashed::HashSet;
use crate::request::{Request, Word};

use crate::text::{self, Token};
use crate::wordlist::WordList;
use crate::words;

/// The stem with which a sentence opens.
fn opens_stem(words: &[Word]) -> &str {
    words.first().map_or("", |word| word.stem.as_str())
}

/// Whether the last clause of a sentence asks for a look ("..., could you check?").
fn ends_in_look(words: &[Word]) -> bool {
    let clause = words.iter().rposition(|word| word.comma).unwrap_or_default();
    words.iter().skip(clause).any(|word| words::is_look(&word.stem) && word.lower != "please")
}

impl Request {
    /// Notes what the user excludes: a few words behind "not", "except", "without", up to the end of the phrase.
    pub(crate) fn exclude(&mut self, first: usize) {
        const NOT: &[&str] = &["not", "isn", "aren", "wasn", "except", "excluding", "unless", "without", "nor", "non"];
        const END: &[&str] = &[
            "forget", "hesitate", "only", "just", "more", "less", "later", "earlier", "but", "and", "then", "fail",
            "than", "yet",
        ];
        let excludes = |at: &usize| {
            let not = |word: &Word| !word.quoted && NOT.contains(&word.lower.as_str());
            self.words.get(*at).is_some_and(not) || self.is_let_be(*at)
        };
        let starts: Vec<usize> = (first..self.words.len()).filter(excludes).collect();
        for start in starts {
            for word in self.words.iter_mut().skip(start + 1).take(4) {
                if word.hard_gap || word.comma || END.contains(&word.lower.as_str()) {
                    break;
                }
                word.excluded = true;
            }
        }
        for word in self.words.iter().skip(first).filter(|word| word.excluded) {
            self.lacking.insert(word.stem.clone());
        }
        for pair in self.words.get(first..).unwrap_or_default().windows(2) {
            if let [no, thing] = pair
                && no.lower == "no"
            {
                self.lacking.insert(thing.stem.clone());
            }
        }
        let kept: HashSet<&str> =
            self.words.iter().filter(|word| !word.excluded).map(|word| word.lower.as_str()).collect();
        let out = self.words.iter().filter(|word| word.excluded && word.lower.len() > 2);
        self.excluded = out.filter(|word| !kept.contains(word.lower.as_str())).map(|word| word.lower.clone()).collect();
    }

    /// "Leave the major ones alone", "keep the old one as it is": an order to do nothing to what stands there.
    pub(crate) fn is_let_be(&self, at: usize) -> bool {
        const ENDS: &[&str] = &["alone", "untouched", "unchanged", "peace"];
        let Some(word) = self.words.get(at).filter(|word| matches!(word.lower.as_str(), "leave" | "keep" | "let"))
        else {
            return false;
        };
        let behind = self.words.get(at + 1..(at + 8).min(self.words.len())).unwrap_or_default();
        let mut behind = behind.iter().take_while(|next| next.sentence == word.sentence && !next.comma);
        let mut before = "";
        behind.any(|next| {
            // "Let it be"; but not "let Petra know it will be late".
            let be =
                next.lower == "be" && matches!(before, "it" | "them" | "that" | "this" | "those" | "these" | "ones");
            let as_is = before == "as" && matches!(next.lower.as_str(), "is" | "it" | "they");
            before = next.lower.as_str();
            as_is || be || (ENDS.contains(&before) && !next.capital)
        })
    }

    /// Whether the user excludes what this word names.
    pub(crate) fn is_excluded(&self, stem: &str) -> bool {
        !self.excluded.is_empty() && self.excluded.iter().any(|word| words::stem(word) == stem)
    }

    /// Whether a word only tells what somebody did ("what he paid"), so that it names no state.
    pub(crate) fn is_told(&self, word: &str) -> bool {
        const WHO: &[&str] = &["i", "we", "he", "she", "they", "you", "who", "ve", "has", "have", "had"];
        let word = word.to_lowercase();
        let told = |at: usize| WHO.contains(&self.word(at.checked_sub(1)));
        let mut places = self.words.iter().enumerate().filter(|(_, other)| other.lower == word).peekable();
        crate::unasked::is_finite(&word) && places.peek().is_some() && places.all(|(at, _)| told(at))
    }

    /// Whether the user wants none of these.
    pub(crate) fn lacks(&self, stem: &str) -> bool {
        self.lacking.contains(stem)
    }

    /// Whether the user speaks of the own person or of what is the own.
    pub(crate) fn speaks_of_self(&self) -> bool {
        ["my", "me", "mine", "i", "myself", "our", "us", "we"].iter().any(|word| self.has_word(word))
    }

    /// Marks the sentences that only ask to know: "Which ...?", "did ...?", but not "could you ...?".
    pub(crate) fn find_questions(&mut self, first: usize, text: &str, tokens: &[Token<'_>]) {
        static ASKING: WordList = WordList::new(
            "who what which why how where when did does do am is are was were has have whats whos hows any",
        );
        static LEADS: WordList = WordList::new("ok okay so well hi hey hiya hello oh ooh");
        static TAGS: WordList = WordList::new("ok okay right please yes thanks deal no");
        static SURE: WordList = WordList::new("who what which why how where whats whos hows");
        let mut at = first;
        while let Some(start) = self.words.get(at) {
            let sentence = start.sentence;
            let count = self.words.iter().skip(at).take_while(|word| word.sentence == sentence).count();
            let end = tokens.get(at + count - first - 1).map_or(text.len(), |token| token.end);
            let dictated = self.words.get(at + count - 1).is_some_and(|word| word.quoted);
            let marked = !dictated
                && text.get(end..).is_some_and(|rest| rest.trim_start_matches(['"', '\'', ')', ' ']).starts_with('?'));
            let range = at..at + count;
            let words = self.words.get_mut(range).unwrap_or_default();
            let lead = words.iter().take_while(|word| LEADS.has(&word.lower)).count();
            let lead = if lead < words.len() { lead } else { 0 };
            let words = words.get_mut(lead..).unwrap_or_default();
            let opens = words.first().map_or("", |word| word.lower.as_str());
            // "What can I do to cancel it?" asks nobody to do it.
            let open = SURE.has(opens);
            let looks = open && ends_in_look(words);
            // "Which would you pay?" asks to know, wherever it stands.
            let chooses =
                |at: usize| at.checked_sub(1).and_then(|at| words.get(at)).is_some_and(|word| SURE.has(&word.lower));
            let asked = words.windows(2).enumerate().any(|(at, pair)| {
                let [modal, subject] = pair else { return false };
                // "If you could pay one, ..." is what is supposed.
                let supposed = at == 2 && opens == "if";
                if (at > 1 && chooses(at)) || supposed {
                    return false;
                }
                matches!(modal.lower.as_str(), "could" | "can" | "would" | "might")
                    && (!open || (modal.comma && subject.lower == "you" && !looks))
                    && (matches!(subject.lower.as_str(), "you" | "we" | "u") || !modal.hard_gap)
            });
            let pleads = words.iter().any(|word| matches!(word.lower.as_str(), "please" | "pls"));
            // "Is it possible that you share it?"
            let begins = |phrase: &[&str]| phrase.iter().zip(words.iter()).all(|(own, word)| *own == word.lower);
            let possible = begins(&["is", "it", "possible"]) && words.iter().take(6).any(|word| word.lower == "you");
            let polite = asked || possible || (pleads && !looks);
            let second = words.get(1).map_or("", |word| word.lower.as_str());
            // "For how many ...", "in which ..."; but not "where they clash, hold it".
            let behind_preposition =
                matches!(opens, "for" | "in" | "at" | "on" | "to" | "from" | "by" | "with" | "of" | "and" | "so");
            let marked_question = marked && (ASKING.has(opens) || (behind_preposition && SURE.has(second)));
            // "Quick question, was it elevated?"
            let behind_comma = marked && words.iter().take(8).any(|word| word.comma && ASKING.has(&word.lower));
            let marked_question = marked_question || (behind_comma && words::verbs(opens_stem(words)) == 0);
            let ordered = !marked
                && words.iter().any(|word| word.comma && words::verbs(&word.stem) != 0 && !word.lower.ends_with('s'));
            // "Anything on 14 June?"
            // "Return policy for order 4411?", "Budget file: Tom's or Petra's?"
            let last = words.last().map_or("", |word| word.lower.as_str());
            let addressed = words.iter().any(|word| matches!(word.lower.as_str(), "you" | "u" | "we" | "let"));
            let ordering = words::verbs(opens_stem(words)) != 0 && words.len() > 7 && !opens.ends_with("ing");
            let bare = marked && !addressed && !ordering && !TAGS.has(last);
            let asks = !polite && (marked_question || bare || (SURE.has(opens) && !ordered));
            let whole = self.words.get_mut(at..at + count).unwrap_or_default();
            whole.iter_mut().for_each(|word| word.question = asks);
            at += count.max(1);
        }
    }

    /// Whether the user speaks of all of a group and limits it in a clause of its own ("everything that expires in
    /// May").
    pub(crate) fn is_restricted(&self) -> bool {
        const LIMITS: &[&str] = &[
            "before", "after", "since", "until", "within", "than", "over", "under", "above", "below", "between",
            "expires", "ago",
        ];
        self.words.iter().enumerate().any(|(at, word)| {
            let beside = |from: usize, to: usize| {
                let words = self.words.get(from..to.min(self.words.len())).unwrap_or_default();
                words.iter().filter(|other| other.sentence == word.sentence)
            };
            matches!(word.lower.as_str(), "that" | "which" | "who" | "whose")
                && beside(at.saturating_sub(4), at).any(|before| words::is_quantifier(&before.lower))
                && beside(at + 1, at + 7).any(|behind| LIMITS.contains(&behind.lower.as_str()))
        })
    }

    /// The sentences from a word on in which people stand in the plural, or a plural that nobody knows, behind a word
    /// that says whom something is for.
    pub(crate) fn several_from(&self, first: usize) -> Vec<u32> {
        const TO: &[&str] = &["to", "with", "between", "among"];
        const TELLING: words::Verbs = words::SEND | words::SHARE | words::PAY | words::INVITE | words::MEET;
        let leads = |at: usize| {
            let sentence = self.words.get(at).map(|word| word.sentence);
            let mut near = (1..4).filter_map(|by| self.words.get(at.checked_sub(by)?));
            near.any(|word| {
                let tells = words::verbs(&word.stem) & TELLING != 0 && !word.comma;
                Some(word.sentence) == sentence && (TO.contains(&word.lower.as_str()) || tells)
            })
        };
        let several = move |(at, word): &(usize, &Word)| {
            let kinds = words::nouns(&word.stem);
            let plural = word.lower.len() > 3 && word.lower.ends_with('s') && !word.lower.ends_with("ss");
            let unknown = kinds == 0
                && words::verbs(&word.stem) == 0
                && crate::moment::minutes(&word.stem).is_none()
                && !words::is_stop(&word.lower);
            // "To the nurses", but not "to jonas".
            let determined = || {
                let before = self.word(at.checked_sub(1));
                matches!(before, "the" | "my" | "our" | "both" | "all" | "these" | "those" | "his" | "her" | "their")
            };
            let people = kinds & words::PEOPLE != 0 || (unknown && determined() && leads(*at));
            let counted = matches!(word.lower.as_str(), "two" | "three" | "four") && leads(*at);
            let many = matches!(word.lower.as_str(), "people" | "children");
            !word.quoted && (counted || many || (plural && !word.capital && people))
        };
        let words = self.words.iter().enumerate().skip(first);
        words.filter(several).map(|(_, word)| word.sentence).collect()
    }

    /// The sentences in which a word with this stem stands.
    pub(crate) fn sentences_of(&self, stem: &str) -> &[u32] {
        self.stems.get(stem).map_or(&[], SmallVec::as_slice)
    }

    /// Whether a sentence asks for a look.
    pub(crate) fn is_reading(&self, sentence: u32) -> bool {
        self.words.iter().any(|word| word.sentence == sentence && words::is_reading(&word.stem))
    }

    /// Whether a word is some of the user's written as one ("surveyorsgazette").
    pub(crate) fn runs_together(&self, word: &str) -> bool {
        let word = text::exact(word);
        word.len() > 7
            && (0..self.words.len()).any(|first| {
                let mut rest = word.as_str();
                self.words.iter().skip(first).take(4).enumerate().any(|(at, own)| {
                    let shorter = rest.strip_prefix(own.lower.as_str()).filter(|_| at == 0 || !own.hard_gap);
                    rest = shorter.unwrap_or("-");
                    rest.is_empty()
                })
            })
    }

    /// Whether a short word is the beginning of one of the user's ("perf" of `performance`).
    pub(crate) fn begins_a_word(&self, stem: &str) -> bool {
        stem.len() > 3 && self.words.iter().any(|word| word.lower.len() > stem.len() && word.lower.starts_with(stem))
    }

    /// Whether the user speaks of a thing of this kind in another word ("the place" for a hotel, "my wife" for a
    /// spouse).
    pub(crate) fn has_alike(&self, stem: &str) -> bool {
        let kinds = words::nouns(stem) & !words::BROAD;
        let alike = |word: &Word| words::nouns(&word.stem) & kinds != 0 && words::verbs(&word.stem) == 0;
        kinds & self.nouns != 0 && self.words.iter().any(alike)
    }

    /// Whether a code is short for a word of the user's ("MOR10" for morphine).
    pub(crate) fn is_coded(&self, code: &str) -> bool {
        let letters = code.trim_end_matches(|c: char| c.is_ascii_digit());
        letters.len() > 2
            && letters.len() < code.len()
            && letters.bytes().all(|b| b.is_ascii_lowercase())
            && self.words.iter().any(|word| word.lower.len() > 4 && word.lower.starts_with(letters))
    }
}
