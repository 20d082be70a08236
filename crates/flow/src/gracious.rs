//! Orders that are put as a pleasure, a care or a wonder: "I'd be grateful if the dentist were cancelled", "make sure
//! the bill gets paid", "if you could cancel it, that would be lovely".
//!
//! What never happens here: no pleasure of somebody else's, and none that is only imagined ("it would have been nice").

use crate::licence::is_adverb;
use crate::request::{Request, Word};
use crate::wordlist::WordList;
use crate::words;

/// What says a pleasure.
static PLEASURES: WordList = WordList::new(
    "grateful glad happy pleased thankful obliged delighted relieved lovely nice great good wonderful helpful kind appreciate \
     appreciated love like fantastic brilliant perfect ideal super marvellous",
);
/// What may stand beside it.
static BESIDE: WordList = WordList::new(
    "i we it d id that would should be very so most really also much more and then please truly awfully terribly ever just only \
     thanks thank you",
);
/// What may stand before a care: nobody who takes it but the assistant.
static LEADS: WordList = WordList::new("please also and then kindly but now just so");
/// What may stand before a wonder.
static WONDERS: WordList = WordList::new("i was am m just so and also but now");
/// Forms behind which a participle says what is done to something ...
const BEING: &[&str] = &["is", "are", "be", "gets", "get", "were", "was", "got"];
/// ... and those of them that can also say what was.
const PAST: &[&str] = &["were", "was", "got"];
/// Words with which somebody else or a doubt comes in.
static FOREIGN: WordList = WordList::new(
    "not never no nobody who what which why how when whether if told said says know knew tell had has have been t \
     before after asked",
);

/// How a main clause puts what stands behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Put {
    Pleasure,
    Care,
    Wonder,
}

impl Request {
    /// Whether the verb at `at` is what the user would be glad of, wants to be sure of, or wonders about: done by the
    /// assistant, or to a thing.
    pub(crate) fn is_graciously_asked(&self, at: usize, first: usize) -> bool {
        let Some(own) = self.words.get(at) else { return false };
        let past = own.lower.ends_with("ed") || words::plain(&own.lower).is_some();
        let modal = at.checked_sub(1).and_then(|at| self.words.get(at)).is_some_and(is_modal);
        if !past && !modal {
            return false;
        }
        let before = self.main_before(at, first);
        let Some((put, clause)) = put(&before) else {
            return is_condition(&before) && self.pleases_behind(at);
        };
        // "If you had the bill paid."
        if let [you, had, thing @ ..] = clause
            && (you.lower.as_str(), had.lower.as_str()) == ("you", "had")
        {
            return put == Put::Pleasure
                && past
                && (1..6).contains(&thing.len())
                && !thing.iter().any(|word| FOREIGN.has(&word.lower));
        }
        let foreign = clause.iter().any(|word| FOREIGN.has(&word.lower) || word.comma);
        let by_you = match clause {
            [you] => put == Put::Pleasure && you.lower == "you" && past,
            [you, modal] => you.lower == "you" && is_modal(modal),
            _ => false,
        };
        // "If it were paid by Tom."
        let by_others = self.word(Some(at + 1)) == "by" && self.word(Some(at + 2)) != "you";
        let done = past && !by_others && put != Put::Wonder && is_done(put, clause);
        !foreign && ((by_you && put != Put::Care) || done)
    }

    /// "It would be lovely if every user got a message": whether a word says what somebody or something should get.
    pub(crate) fn is_graciously_wished(&self, at: usize, first: usize) -> bool {
        let before = self.main_before(at, first);
        // "It would be lovely to have it in my calendar."
        if let [main @ .., to] = before.as_slice()
            && to.lower == "to"
        {
            return is_pleasure(main) && main.first().is_some_and(|word| word.lower == "it");
        }
        put(&before).is_some_and(|(put, clause)| {
            put != Put::Wonder
                && !clause.is_empty()
                && !clause.iter().any(|word| FOREIGN.has(&word.lower) || word.comma)
        })
    }

    /// "Get the electricity bill paid."
    pub(crate) fn is_had_done(&self, at: usize, first: usize) -> bool {
        const HAVING: &[&str] = &["get", "have", "want", "need", "like"];
        let before = self.before(at, 8, first).count();
        // "I have just paid it", "the file Tom sent".
        let perfect = |place: usize| {
            self.word(Some(place)) == "have"
                && matches!(self.back(place, 1, first), "i" | "we" | "you" | "they" | "ll" | "d" | "would" | "should")
        };
        let thing = |place: usize| {
            let word = self.words.get(place);
            word.is_some_and(|word| !is_adverb(&word.lower) && !matches!(&*word.lower, "not" | "t" | "never"))
        };
        let subject = at.checked_sub(1).and_then(|at| self.words.get(at)).is_some_and(|word| {
            word.capital || matches!(&*word.lower, "i" | "we" | "you" | "he" | "she" | "they" | "who" | "that")
        });
        let had = |place: usize| {
            HAVING.contains(&self.word(Some(place)))
                && (place + 1..at).any(thing)
                && !perfect(place)
                && !self.is_wish_of_others(place, first)
        };
        !subject && (at - before..at).any(had)
    }

    /// The words before a verb in its sentence, behind what only says when or why.
    fn main_before(&self, at: usize, first: usize) -> Vec<&Word> {
        let before: Vec<&Word> = self.before(at, 40, first).collect();
        let when = before.first().is_some_and(|word| matches!(&*word.lower, "once" | "when" | "after" | "then" | "as"));
        let why = before.iter().rposition(|word| word.comma && word.lower == "so");
        let main = why.or_else(|| before.iter().position(|word| word.comma).filter(|_| when)).unwrap_or_default();
        before.get(main..).unwrap_or_default().to_vec()
    }

    /// "..., that would be great": whether the rest of the sentence behind a comma is a pleasure and nothing else.
    fn pleases_behind(&self, at: usize) -> bool {
        let Some(sentence) = self.words.get(at).map(|word| word.sentence) else { return false };
        let behind = self.words.iter().skip(at + 1).take_while(|word| word.sentence == sentence);
        let mut main = behind.skip_while(|word| !word.comma).peekable();
        main.peek().is_some() && is_pleasure(&main.collect::<Vec<_>>())
    }
}

/// How the words before a verb put it, and the clause between.
fn put<'a, 'b>(before: &'b [&'a Word]) -> Option<(Put, &'b [&'a Word])> {
    let place = |word: &str| before.iter().position(|other| other.lower == word);
    if let Some(condition) = place("if").or_else(|| place("whether")) {
        let (main, clause) = (before.get(..condition)?, before.get(condition + 1..)?);
        if is_pleasure(main) {
            return Some((Put::Pleasure, clause));
        }
        let (wonder, lead) = main.split_last()?;
        let wonders =
            matches!(&*wonder.lower, "wonder" | "wondering") && lead.iter().all(|word| WONDERS.has(&word.lower));
        return wonders.then_some((Put::Wonder, clause));
    }
    // "Could you make sure", but "can you see that it is paid?" only asks.
    let word = |at: usize| before.get(at).map_or("", |word| word.lower.as_str());
    let asked = matches!(word(0), "can" | "could" | "would" | "will") && word(1) == "you";
    let from = if asked { 2 } else { 0 };
    let at = from + before.iter().skip(from).take_while(|word| LEADS.has(&word.lower)).count();
    let end = match (word(at), word(at + 1), word(at + 2)) {
        ("see", "to", "it") => at + 3,
        ("make", "sure", _) => at + 2,
        ("be", "sure", _) if !asked => at + 2,
        ("see", "that", _) if !asked => at + 1,
        ("ensure", ..) => at + 1,
        _ => return None,
    };
    Some((Put::Care, before.get(if word(end) == "that" { end + 1 } else { end }..)?))
}

/// "I'd be grateful", "it would be lovely".
fn is_pleasure(main: &[&Word]) -> bool {
    main.iter().all(|word| BESIDE.has(&word.lower) || PLEASURES.has(&word.lower))
        && main.iter().any(|word| matches!(word.lower.as_str(), "would" | "should" | "d" | "id"))
        && main.iter().any(|word| PLEASURES.has(&word.lower))
}

/// "If the largest file were found and deleted": whether a participle behind these words says what is done.
fn is_done(put: Put, clause: &[&Word]) -> bool {
    let being = |word: &str| BEING.contains(&word) && !(put == Put::Care && PAST.contains(&word));
    let Some(last) = clause.iter().rposition(|word| being(&word.lower)) else { return false };
    let somebody = clause.first().is_some_and(|word| matches!(&*word.lower, "i" | "we" | "he" | "she"));
    let behind = clause.get(last + 1..).unwrap_or_default();
    let joined = matches!(behind, [] | [_, _]) && behind.last().is_none_or(|word| word.lower == "and");
    last > 0 && joined && !somebody
}

/// "If you could": whether that is all that stands before a verb in its sentence.
fn is_condition(before: &[&Word]) -> bool {
    let [lead @ .., condition, you, modal] = before else { return false };
    (condition.lower.as_str(), you.lower.as_str()) == ("if", "you")
        && is_modal(modal)
        && lead.iter().all(|word| LEADS.has(&word.lower))
}

fn is_modal(word: &Word) -> bool {
    matches!(word.lower.as_str(), "could" | "would" | "can" | "will" | "might")
}
