//! Orders that are put as a pleasure, a care or a wonder: "I'd be grateful if the dentist were cancelled", "make sure
//! the bill gets paid", "if you could cancel it, that would be lovely".
//!
//! What never happens here: no pleasure of somebody else's, and none that is only imagined ("it would have been nice").

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
    "i we it d id that would be very so most really also much more and then please truly awfully terribly ever just only \
     thanks thank you",
);
/// What may stand before a care or a wonder.
static LEADS: WordList = WordList::new("please also and then kindly can could would you do but now i was am m just");
/// Forms behind which a participle says what is done to something.
const BEING: &[&str] = &["were", "was", "is", "are", "be", "got", "gets", "get"];
/// Words with which somebody else or a doubt comes in.
static FOREIGN: WordList = WordList::new(
    "not never no nobody who what which why how when whether if told said says know knew tell had has have been t",
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
        let before = self.main_before(at, first);
        let past = own.lower.ends_with("ed") || words::plain(&own.lower).is_some();
        let Some((put, clause)) = put(&before) else {
            return is_condition(&before) && self.pleases_behind(at);
        };
        // "If you had the bill paid."
        if let [you, had, thing @ ..] = clause
            && (you.lower.as_str(), had.lower.as_str()) == ("you", "had")
        {
            return put == Put::Pleasure
                && past
                && !thing.is_empty()
                && !thing.iter().any(|word| FOREIGN.has(&word.lower));
        }
        let foreign = clause.iter().any(|word| FOREIGN.has(&word.lower) || word.comma);
        let by_you = match clause {
            [you] => you.lower == "you" && past,
            [you, modal] => you.lower == "you" && is_modal(modal),
            _ => false,
        };
        !foreign && ((by_you && put != Put::Care) || (past && put != Put::Wonder && is_done(clause)))
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

    /// The words before a verb in its sentence, behind what only says when.
    fn main_before(&self, at: usize, first: usize) -> Vec<&Word> {
        let before: Vec<&Word> = self.before(at, 40, first).collect();
        let when = before.first().is_some_and(|word| matches!(&*word.lower, "once" | "when" | "after" | "then" | "as"));
        let main = before.iter().position(|word| word.comma).filter(|_| when).unwrap_or_default();
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
    let leads = |main: &[&Word]| main.iter().all(|word| LEADS.has(&word.lower));
    if let Some(condition) = place("if").or_else(|| place("whether")) {
        let (main, clause) = (before.get(..condition)?, before.get(condition + 1..)?);
        if is_pleasure(main) {
            return Some((Put::Pleasure, clause));
        }
        let (wonder, lead) = main.split_last()?;
        return (matches!(&*wonder.lower, "wonder" | "wondering") && leads(lead)).then_some((Put::Wonder, clause));
    }
    let care = |at: usize| -> Option<usize> {
        let word = |by: usize| before.get(at + by).map_or("", |word| word.lower.as_str());
        match (word(0), word(1), word(2)) {
            ("see", "to", "it") => Some(at + 3),
            ("see", "that", _) | ("make" | "be", "sure", _) => Some(at + 2),
            ("ensure", ..) => Some(at + 1),
            _ => None,
        }
    };
    let (at, end) = (0..before.len()).find_map(|at| Some((at, care(at)?)))?;
    let clause = before.get(end..)?;
    let clause = if clause.first().is_some_and(|word| word.lower == "that") { clause.get(1..)? } else { clause };
    leads(before.get(..at)?).then_some((Put::Care, clause))
}

/// "I'd be grateful", "it would be lovely".
fn is_pleasure(main: &[&Word]) -> bool {
    main.iter().all(|word| BESIDE.has(&word.lower) || PLEASURES.has(&word.lower))
        && main.iter().any(|word| matches!(word.lower.as_str(), "would" | "d" | "id"))
        && main.iter().any(|word| PLEASURES.has(&word.lower))
}

/// "If the largest file were found and deleted": whether a participle behind these words says what is done.
fn is_done(clause: &[&Word]) -> bool {
    let Some(last) = clause.iter().rposition(|word| BEING.contains(&word.lower.as_str())) else { return false };
    let behind = clause.get(last + 1..).unwrap_or_default();
    let joined = matches!(behind, [] | [_, _]) && behind.last().is_none_or(|word| word.lower == "and");
    last > 0 && joined && clause.first().is_some_and(|word| word.lower != "i")
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
