//! What has to come about by the user's words, without an order to anybody: "Marek should be in it", "they should have
//! their money back", "the ticket goes to Lanre".
//!
//! Such a sentence names no action, so it is a request only for a tool whose values are all the user's.
//!
//! What never happens here: no expectation ("there should be a mail"), no plan of the user's own, no word of others.

use crate::asking::DOUBTS;
use crate::mention::Mention;
use crate::particle::phrasal;
use crate::request::{Request, Word};
use crate::tool::is_holder;
use crate::unasked::is_finite;
use crate::wordlist::WordList;
use crate::words;

/// Words that name no action, where something has to come about.
const BEING: &[&str] = &[
    "be", "have", "become", "go", "come", "get", "receive", "hear", "deserves", "goes", "becomes", "moves", "gets",
    "receives", "got", "received", "up",
];

/// Those that say it without another word.
const COMING: &[&str] = &["deserves", "goes", "becomes", "moves", "gets", "receives"];

/// Verbs by which the user wishes.
const WISHES: &[&str] = &["like", "want", "need", "love", "prefer", "wish"];
/// Who does it alone, and what is only expected to be there.
const OWN: &[&str] = &["i", "we", "you", "there"];
/// Who does it without anybody's help.
pub(crate) const SELVES: &[&str] = &["herself", "himself", "themselves", "themself", "myself", "ourselves"];
/// Words beside which what has to come about is somebody's saying, or is not to be.
static SAID: WordList = WordList::new("saying arguing claiming suggesting told tells heard neither nor never hardly");

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
            ("to", "has" | "have" | "is" | "are" | "need" | "needs" | "ought") => (true, third),
            // "The train that goes to Leeds" is only described.
            _ => {
                let described = matches!(before, "that" | "which" | "who" | "it" | "this" | "these" | "those");
                (!described && COMING.contains(&self.word(Some(at))), before)
            }
        };
        let wished = self.is_wished(at, first);
        // "It should be fifteen" is only expected; "it should be in the calendar" is not.
        let placed =
            matches!(self.word(Some(at + 1)), "in" | "on") && matches!(self.word(Some(at + 2)), "the" | "my" | "our");
        let expected = OPEN.contains(&subject) && before == "should" && !placed;
        // "Petra must get it from Tom herself."
        let alone = self.words.iter().skip(at).take(12).any(|word| {
            SELVES.contains(&word.lower.as_str()) && self.words.get(at).is_some_and(|own| own.sentence == word.sentence)
        });
        let own = expected || alone || OWN.contains(&subject) || subject.is_empty();
        // "See to it that it ends up in the archive."
        let ends = self.word(Some(at)) != "up" || matches!(before, "ends" | "end" | "ended");
        let pleased = ends && BEING.contains(&self.word(Some(at))) && self.is_graciously_wished(at, first);
        !done && (pleased || (((said && !own) || wished) && !self.is_doubted(at, first)))
    }

    /// Whether words before what has to come about make it a question, a saying or a look.
    fn is_doubted(&self, at: usize, first: usize) -> bool {
        let doubt = |word: &Word| DOUBTS.has(&word.lower) || SAID.has(&word.lower);
        let asks_to_look = |place: usize| {
            let word = self.words.get(place).filter(|_| !self.is_noun(place));
            let wished = |word: &Word| WISHES.contains(&word.lower.trim_end_matches('s')) || word.lower == "please";
            word.is_some_and(|word| words::is_look(&word.stem) && !wished(word))
        };
        // "When that's there, Ann should be able to view it", "what he has paid has to go back to him".
        let opens = |word: &Word| {
            let start = self.before(at, 40, first).next().is_some_and(|opener| std::ptr::eq(opener, word));
            let behind = || self.before(at, 12, first).any(|other| other.comma);
            let clause = word.lower == "what" || (matches!(&*word.lower, "when" | "if" | "once") && behind());
            start && !word.question && clause
        };
        // "See how much came in, and whatever is over should go back": what stands before is spoken of apart.
        let near = (first..at).rev().take(12);
        let is_apart = |at: &usize| self.word(Some(*at)) == "and" && self.words.get(*at).is_some_and(|word| word.comma);
        let from = near.into_iter().find(is_apart).unwrap_or(first);
        let sentence = self.words.get(at).map(|word| word.sentence);
        let same = |place: &usize| self.words.get(*place).map(|word| word.sentence) == sentence;
        self.before(at, 12, from).any(|word| doubt(word) && !opens(word))
            || (at.saturating_sub(12).max(from)..at).filter(same).any(asks_to_look)
    }

    /// Whether what has to come about names no action. "Ann gets a raise" is an order of its own.
    pub(crate) fn is_being(&self, at: usize) -> bool {
        let message = |stem: &String| words::nouns(stem) & words::MESSAGE != 0;
        let raised = self.word(Some(at)) == "gets" && !self.stems_behind(at).iter().take(4).any(message);
        let word = self.word(Some(at));
        !raised && BEING.contains(&word) && phrasal(word, self.particle_of(at)) == 0
    }

    /// "I'd like Ingrid to become a member", but not "they want me to pay": whether a word behind "to" is what the user
    /// wishes of somebody or something.
    pub(crate) fn is_wished(&self, at: usize, first: usize) -> bool {
        let second = self.back(at, 2, first);
        let governs = |at: usize| {
            let wisher = matches!(self.back(at, 1, first), "i" | "we" | "d" | "would" | "ll" | "also" | "just");
            wisher && WISHES.contains(&self.word(Some(at))) && !self.is_wish_of_others(at, first)
        };
        self.back(at, 1, first) == "to"
            && (1..=8).filter_map(|by| at.checked_sub(by)).any(|place| place >= first && governs(place))
            && !WISHES.contains(&second)
            && !OWN.contains(&second)
    }

    /// "The dentist has to go into my diary", "the rest goes back to Ann", "the call has to go to another day": what is
    /// to be put, given or moved there. None for other places: where somebody goes is no order.
    pub(crate) fn put_at(&self, at: usize, sentence: u32) -> Option<Mention> {
        if !matches!(self.word(Some(at)), "go" | "goes" | "come" | "comes") {
            return None;
        }
        let behind = self.stems_behind(at);
        let holds = |stem: &String| is_holder(stem) || words::nouns(stem) & (words::FILE | words::NOTE) != 0;
        let held = || behind.iter().take(4).any(holds);
        let other = || matches!(self.word(Some(at + 2)), "another" | "the" | "a");
        let dated = || behind.iter().take(4).any(|stem| words::nouns(stem) & words::TIME != 0);
        let (stem, verbs) = match self.word(Some(at + 1)) {
            "back" if self.word(Some(at + 2)) == "to" => ("giv", phrasal("give", "back")),
            "into" | "in" | "on" | "onto" if held() => ("put", words::verbs("put")),
            "to" if other() && dated() => ("mov", words::MOVE | words::UPDATE),
            _ => return None,
        };
        let before = self.before(at, 12, 0).map(|word| word.stem.clone());
        let mention = Mention {
            stem: stem.to_owned(),
            verbs,
            sentence,
            place: at,
            leading: true,
            ordering: true,
            phrasal: stem == "giv",
            addressed: self.has_address_behind(at),
            ..Mention::default()
        };
        Some(mention.beside(behind.into_iter().chain(before).collect()))
    }

    /// "The old draft can go", "the dentist can come out of the diary", but not "Ben can go on the trip".
    pub(crate) fn is_going(&self, at: usize) -> bool {
        let last = self.words.get(at + 1).is_none_or(|next| {
            next.hard_gap || next.comma || matches!(next.lower.as_str(), "now" | "too" | "as" | "and" | "please")
        });
        let (word, next) = (self.word(Some(at)), self.word(Some(at + 1)));
        let binned = (at + 2..at + 4).any(|at| matches!(self.word(Some(at)), "bin" | "trash" | "dustbin" | "shredder"));
        let goes =
            (word == "go" && (last || binned)) || (matches!(word, "go" | "come") && matches!(next, "out" | "off"));
        goes && self.word(at.checked_sub(1)) == "can"
    }

    /// "Drop him a line", "drop them all one mail".
    pub(crate) fn is_line(&self, at: usize) -> bool {
        const LINES: &[&str] = &["line", "note", "message", "mail", "email", "text", "letter"];
        let sentence = self.words.get(at).map(|word| word.sentence);
        let same = |at: usize| self.words.get(at).filter(|word| Some(word.sentence) == sentence);
        let near = |from: usize, words: &[&str]| {
            (at + from..at + 6).filter_map(same).any(|word| words.contains(&word.lower.as_str()))
        };
        self.word(Some(at)) == "drop" && near(2, LINES) && near(1, &["a", "an", "one", "short", "quick"])
    }

    /// "Tell the others with a short post in the room": nobody is written to.
    pub(crate) fn is_told_by_post(&self, at: usize) -> bool {
        const POSTS: &[&str] = &["post", "announcement", "bulletin"];
        let sentence = self.words.get(at).map(|word| word.sentence);
        let same = |at: usize| self.words.get(at).is_some_and(|word| Some(word.sentence) == sentence);
        let by = |at: &usize| same(*at) && matches!(self.word(Some(*at)), "with" | "by" | "in");
        let posted = |by: usize| (by + 1..by + 5).any(|at| same(at) && POSTS.contains(&self.word(Some(at))));
        matches!(self.word(Some(at)), "tell" | "inform" | "notify" | "let") && (at + 1..at + 7).filter(by).any(posted)
    }

    /// "Let my sister have a look at it", "let ann@corp.com view it".
    pub(crate) fn is_letting_in(&self, at: usize) -> bool {
        const LOOKS: &[&str] = &["look", "see", "view", "read", "edit", "use", "access"];
        const ENDS: &[&str] = &["know", "that", "i", "we", "he", "she", "they", "you"];
        // "She should be able to see it", "Gregor gets to read it".
        let enabled = matches!(self.word(Some(at)), "able" | "gets")
            && self.word(Some(at + 1)) == "to"
            && LOOKS.contains(&self.word(Some(at + 2)));
        let behind = self.words.iter().skip(at + 2).take(8);
        let sentence = self.words.get(at).map(|word| word.sentence);
        let lets = self.word(Some(at)) == "let"
            && !matches!(self.word(Some(at + 1)), "me" | "us")
            && behind
                .take_while(|word| {
                    Some(word.sentence) == sentence && !word.comma && !ENDS.contains(&word.lower.as_str())
                })
                .any(|word| LOOKS.contains(&word.lower.as_str()));
        enabled || lets
    }
}
