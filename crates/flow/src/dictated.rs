//! Calls in which nothing is anybody else's: every text is dictated, or the call touches nobody on the day that the
//! user wishes.
//!
//! Such a call is asked for whatever the verb is ("That person deserves a note: Well done!"): whoever proposes it can
//! only choose which of the user's own texts goes to which of those whom the user named.
//!
//! What never happens here: no effect that ends or pays something, and no text of others.

use std::ops::Deref;

use crate::leaf::Leaf;
use crate::moment;
use crate::request::{Request, Word};
use crate::text::{self, Token};
use crate::tool::{Asked, DIARIES, Evidence, Level, Tool};
use crate::value::{Standing, Values};
use crate::wordlist::WordList;
use crate::words;

/// Words by which a sentence wishes.
const WISHES: &[&str] = &["want", "would", "d", "like", "need", "should", "must", "remember", "forget"];
/// Words by which it wishes to know.
const LOOKS: &[&str] = &[
    "see", "know", "check", "look", "show", "tell", "view", "find", "hear", "read", "list", "free", "is", "are",
    "what", "which", "when", "whether",
];

/// What the user asks for by giving all that is in a call.
pub(crate) fn asked(
    values: &Values<'_>,
    evidence: &impl Deref<Target = Evidence>,
    contents: &[Leaf<'_>],
    bare: bool,
) -> Option<Asked> {
    let tool = values.tool;
    if tool.is_final() {
        return None;
    }
    let user = &values.transcript.user;
    let dictated = || -> Option<Vec<u32>> {
        if user.quotes.is_empty() && user.dictations.is_empty() {
            return None;
        }
        let mut sentences = Vec::new();
        for leaf in contents.iter().filter(|leaf| leaf.value.is_string()) {
            match user.dictates(&leaf.text()) {
                Some(sentence) => sentences.push(sentence),
                None if values.standing(leaf) == Standing::Said => {}
                None => return None,
            }
        }
        let own = || !tool.gives_away() && (bare || evidence.level == Level::Whole);
        (!sentences.is_empty() && own()).then_some(sentences)
    };
    let sentences = dictated().or_else(|| bare.then(|| wished(user, tool, contents)).flatten())?;
    let quantified = sentences.iter().any(|sentence| user.is_quantified(*sentence));
    let addressing = sentences.iter().any(|sentence| user.several.contains(sentence));
    Some(Asked { quantified, addressing, sentences, ..Asked::once() })
}

/// The sentence in which the user wishes for an entry on a day, where that is the day in a call that touches nobody
/// ("I want something in my diary on May 3rd").
fn wished(user: &Request, tool: &Tool, contents: &[Leaf<'_>]) -> Option<Vec<u32>> {
    let said = |day: moment::Day| user.moments.iter().filter_map(|said| said.day).any(|said| said.matches(day));
    let days = contents.iter().filter_map(|leaf| moment::parse(&leaf.text())?.0).filter(|day| said(*day));
    let days: Vec<u32> = days.map(|day| day.day).collect();
    let is_day = |word: &Word| {
        let digits = word.lower.trim_end_matches(|c: char| c.is_alphabetic());
        digits.parse().is_ok_and(|day| days.contains(&day))
    };
    let sentence = |sentence: u32| {
        // "If it is no trouble, ..."
        let condition = user.words.iter().find(|word| word.sentence == sentence).is_some_and(|word| word.lower == "if");
        let words = || {
            let words = user.words.iter().filter(move |word| word.sentence == sentence && !word.quoted);
            words.skip_while(move |word| condition && !word.comma)
        };
        words().any(|word| tool.is_for(&word.stem))
            && (words().any(|word| WISHES.contains(&word.lower.as_str())) || demands(words()))
            && words().any(is_day)
            && !words().any(|word| word.question || word.excluded || is_of_others(word))
            && !user.is_denied(words())
            && !words().any(|word| LOOKS.contains(&word.lower.as_str()))
    };
    let last = user.words.last().map_or(0, |word| word.sentence);
    let found: Vec<u32> = (0..=last).filter(|at| sentence(*at)).collect();
    (!found.is_empty()).then_some(found)
}

/// "Then an agenda entry on May 20th": whether a sentence opens with what is to be made.
fn demands<'a>(words: impl Iterator<Item = &'a Word>) -> bool {
    const LEADS: &[&str] = &["then", "also", "and", "plus", "finally", "lastly"];
    let mut words = words.skip_while(|word| LEADS.contains(&word.lower.as_str()));
    words.next().is_some_and(|word| matches!(word.lower.as_str(), "a" | "an" | "one"))
        && words.take(3).any(|word| DIARIES.contains(&word.stem.as_str()))
}

/// Whether a word says that its sentence tells what others said, or what was.
fn is_of_others(word: &Word) -> bool {
    static OTHERS: WordList = WordList::new(
        "says said saying writes wrote asks asked claims claimed demands demanded told heard was were had",
    );
    OTHERS.has(&word.lower)
}

impl Request {
    /// The sentence in which the user dictates a text of some words, to its end: between quotation marks, behind a
    /// colon or as a paragraph of its own. What is not to be said and what others say is not dictated.
    pub(crate) fn dictates(&self, text: &str) -> Option<u32> {
        let text = text::exact(text);
        let plain = text.trim_end_matches(['.', '!', '?']);
        let several = text::tokens(plain).filter(|token| !words::is_stop(token.text)).nth(1).is_some();
        let quoted = self.quotes.iter().map(|quote| (&quote.text, quote.place));
        let dictated = quoted.chain(self.dictations.iter().map(|(text, place)| (text, *place)));
        let own = dictated.filter(|(own, _)| several && own.trim_end_matches(['.', '!', '?']) == plain);
        let mut sentences = own.filter_map(|(_, place)| {
            let sentence = self.words.get(place)?.sentence;
            let before = || self.before(place, 48, 0).filter(|word| !word.quoted);
            // "Petra expects me to reply 'Yes'", "if I replied 'Yes', would she ...?"
            let others = |word: &Word| matches!(&*word.lower, "whether" | "expects" | "wants" | "hopes");
            let words: Vec<&str> = before().map(|word| word.lower.as_str()).collect();
            let supposed = words.windows(2).any(|pair| matches!(pair, ["if", "i" | "we"]));
            let unsaid = before().any(|word| word.question || is_of_others(word) || others(word))
                || supposed
                || self.is_denied(before());
            (!unsaid).then_some(sentence)
        });
        sentences.next()
    }

    /// Marks what is told to somebody or was told by somebody: what stands behind the colon of a sentence that tells,
    /// to its end or, from the next line on, to the end of the text, and lines that are quoted as mails quote them.
    pub(crate) fn find_told(&mut self, first: usize, text: &str, tokens: &[Token<'_>]) {
        let mut start = 0;
        let mut rest = false;
        for line in text.split_inclusive('\n') {
            let end = start + line.len();
            let colon = line.find(':').map(|at| start + at).filter(|at| text.get(at + 1..end).is_some_and(opens_text));
            let quoted = line.trim_start().starts_with('>');
            let from = match colon {
                _ if quoted || rest => Some(start),
                Some(colon) if self.is_telling_before(first, tokens, colon) => Some(colon),
                _ => None,
            };
            if let Some(from) = from {
                let place = |byte: usize| first + tokens.partition_point(|token| token.start < byte);
                let sentence = self.words.get(place(from)).map(|word| word.sentence);
                let range = self.words.get_mut(place(from)..place(end)).unwrap_or_default();
                let whole = quoted || rest;
                let told = |word: &&mut Word| whole || Some(word.sentence) == sentence;
                range.iter_mut().filter(told).for_each(|word| word.told = true);
                let empty = |colon: usize| text.get(colon + 1..end).is_some_and(|behind| behind.trim().is_empty());
                rest |= colon.is_some_and(empty);
            }
            start = end;
        }
    }

    /// Whether the words of a sentence before this place tell somebody something, or say that somebody did.
    fn is_telling_before(&self, first: usize, tokens: &[Token<'_>], place: usize) -> bool {
        const TELLING: &[&str] = &["tell", "writ", "mail", "email", "messag", "text", "send", "sai", "remind"];
        const HOLDERS: &[&str] = &["note", "list", "entri", "reminder", "messag"];
        let end = first + tokens.partition_point(|token| token.start < place);
        let sentence = end.checked_sub(1).and_then(|at| self.words.get(at)).map(|word| word.sentence);
        let before = self.words.get(first..end).unwrap_or_default().iter().rev();
        let before = before.take_while(|word| Some(word.sentence) == sentence && !word.quoted).take(16);
        before.enumerate().any(|(by, word)| {
            is_of_others(word)
                || words::verbs(&word.stem) & words::REPLY != 0
                || TELLING.contains(&word.stem.as_str())
                || (by < 4 && HOLDERS.contains(&word.stem.as_str()))
        })
    }

    /// Whether words deny what they speak of; "so that I don't forget" denies nothing.
    pub(crate) fn is_denied<'a>(&self, words: impl Iterator<Item = &'a Word>) -> bool {
        const NOT: &[&str] = &["not", "don", "never", "nobody", "no", "without", "cannot", "won", "didn", "doesn"];
        let words: Vec<&str> = words.map(|word| word.lower.as_str()).collect();
        let forgets = |at: usize| words.iter().skip(at + 1).take(2).any(|word| *word == "forget");
        words.iter().enumerate().any(|(at, word)| NOT.contains(word) && !forgets(at))
    }
}

/// Whether what stands behind a colon is a text, and no time or link.
fn opens_text(behind: &str) -> bool {
    behind.starts_with([' ', '\n', '\r']) || behind.is_empty()
}

/// The texts that are dictated without quotation marks, with the place of their first byte: what stands behind a colon
/// up to the end of its line, and of several paragraphs each.
pub(crate) fn find(text: &str) -> Vec<(String, usize)> {
    let part = |from: usize, to: usize| (text::exact(text.get(from..to).unwrap_or_default().trim()), from);
    let (mut found, mut start) = (Vec::new(), 0);
    for line in text.split('\n') {
        found.extend(line.rfind(": ").map(|at| part(start + at + 2, start + line.len())));
        start += line.len() + 1;
    }
    let (mut start, several) = (0, text.contains("\n\n"));
    for paragraph in text.split("\n\n").filter(|_| several) {
        found.push(part(start, start + paragraph.len()));
        start += paragraph.len() + 2;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_dictated_in_quotes_behind_a_colon_or_as_a_paragraph_and_whole() {
        let mut request = Request::default();
        request.push(
            "She gets a note: Nobody writes more than you!\n\nHello from the desk\n\nTitle it 'Second round', please.",
        );
        for text in ["Nobody writes more than you", "Hello from the desk", "second round"] {
            assert!(request.dictates(text).is_some(), "`{text}`");
        }
        for text in ["Nobody writes more", "from the desk", "Title it", "She gets a note", "round"] {
            assert!(request.dictates(text).is_none(), "`{text}`");
        }
        let mut denied = Request::default();
        denied.push("Don't send Ann 'You are fired today'. Bob wrote me: pay the invoice");
        assert!(denied.dictates("You are fired today").is_none() && denied.dictates("pay the invoice").is_none());
    }
}
