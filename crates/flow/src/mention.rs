//! What is found in a trusted text: verbs that ask, and texts between quotation marks.
//!
//! What never happens here: no judgement. These are places in the text with what stands beside them.

use crate::profile::Signs;
use crate::text;
use crate::words::{self, Nouns, Verbs};

/// A verb by which the user asks for an action.
///
/// What depends on the tools at hand (`explained`, `open`, `reads`, `asks`, `signs`, `best`, `placed`, `loose`) is
/// found by `left`, once they are known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mention {
    pub(crate) stem: String,
    pub(crate) verbs: Verbs,
    pub(crate) sentence: u32,
    /// Its place among the words.
    pub(crate) place: usize,
    /// Whether it opens a command, so that even a noun stands as a verb there ("Quote them ...").
    pub(crate) leading: bool,
    /// Whether a pronoun is its object ("delete it").
    pub(crate) pronoun: bool,
    /// Whether a particle gives it its meaning ("turn down").
    pub(crate) phrasal: bool,
    /// Whether its object is more than one thing ("return the books").
    pub(crate) plural: bool,
    /// Whether it can ask to read as well as to act.
    pub(crate) loose: bool,
    /// Whether it only says that the user wants something ("I need Friday off").
    pub(crate) wish: bool,
    /// Stems of the words behind it, up to the end of the phrase.
    pub(crate) beside: Vec<String>,
    /// The kinds of things that they are.
    pub(crate) nouns: Nouns,
    /// Whether it stands where an order does, whatever the word: at the start, or after "please" or "and" with an
    /// object.
    pub(crate) ordering: bool,
    /// Whether it says what has to come about, and names no action.
    pub(crate) bidden: bool,
    /// Whether one of the tools at hand is what it asks for, whatever the values.
    pub(crate) explained: bool,
    /// Whether none of the tools at hand is what this word asks for, so that it may stand for any of them.
    pub(crate) open: bool,
    /// Whether it asks to read what a tool at hand reads.
    pub(crate) reads: bool,
    /// Whether it asks for something to be done, whatever the word.
    pub(crate) asks: bool,
    /// How well each tool at hand fits it, in their order.
    pub(crate) signs: Vec<Signs>,
    /// How well the tools at hand that fit it best fit it, and whether that is one tool.
    pub(crate) best: (u8, bool),
    /// Whether the object of a tool at hand whose verb can be meant stands beside it.
    pub(crate) placed: bool,
    /// Whether an address stands behind it in its sentence.
    pub(crate) addressed: bool,
}

impl Mention {
    /// With the words that stand beside it.
    pub(crate) fn beside(self, beside: Vec<String>) -> Self {
        let nouns = beside.iter().fold(0, |nouns, stem| nouns | words::nouns(stem));
        Self { beside, nouns, ..self }
    }

    /// Whether its verb says nothing of what is done: one of many senses, with no particle to tell which.
    pub(crate) fn is_generic(&self) -> bool {
        words::is_generic(&self.stem) && !self.phrasal
    }

    /// Whether it is an order to one of the tools at hand. What only has to be so ("the text shall be") is none.
    pub(crate) const fn acts(&self) -> bool {
        !self.bidden && (self.explained || self.open) && (self.leading || self.ordering)
    }
}

/// A text between quotation marks.
#[derive(Debug, Clone)]
pub(crate) struct Quote {
    /// In strict form.
    pub(crate) text: String,
    pub(crate) sentence: u32,
    /// The place of its first word.
    pub(crate) place: usize,
}

impl Quote {
    /// Whether a text has this one in it, or, where names stand in braces or angle brackets to be filled in, the parts
    /// around them in their order.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let text = text::exact(text);
        let quote = self.text.trim_end_matches(['.', ',', '!', '?']);
        if text.contains(quote) {
            return true;
        }
        let (mut parts, mut rest) = (vec![], quote);
        while let Some((before, behind)) = gap(rest) {
            parts.push(before.trim());
            rest = behind;
        }
        let filled = !parts.is_empty();
        parts.push(rest.trim());
        parts.retain(|part| !part.is_empty());
        let mut left = text.as_str();
        let follows = parts.iter().all(|part| {
            let found = left.split_once(part).map(|(_, behind)| behind);
            left = found.unwrap_or_default();
            found.is_some()
        });
        filled && follows && !parts.is_empty()
    }
}

/// What stands before and behind the first name that is to be filled in: `{name}`, `<hotel name>`, `$h1`.
fn gap(text: &str) -> Option<(&str, &str)> {
    text.char_indices().filter(|(_, c)| matches!(c, '{' | '<' | '$')).find_map(|(at, open)| {
        let (before, behind) = (text.get(..at)?, text.get(at + 1..)?);
        let (name, behind) = match open {
            '{' => behind.split_once('}')?,
            '<' => behind.split_once('>')?,
            _ => behind.split_at(behind.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(behind.len())),
        };
        let named = name.starts_with(char::is_alphabetic)
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '));
        named.then_some((before, behind))
    })
}

/// The byte ranges between quotation marks.
pub(crate) fn quotes(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut open: Option<(char, usize)> = None;
    let mut previous = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map_or(' ', |(_, c)| *c);
        match open {
            Some((close, start)) if c == close && (c != '\'' || !next.is_alphanumeric()) => {
                found.push((start, at));
                open = None;
            }
            None => {
                let close = match c {
                    '"' => '"',
                    '\'' if !previous.is_alphanumeric() && !next.is_whitespace() => '\'',
                    '“' => '”',
                    '‘' => '’',
                    '«' => '»',
                    '`' => '`',
                    _ => '\0',
                };
                open = (close != '\0').then_some((close, at + c.len_utf8()));
            }
            Some(_) => {}
        }
        previous = c;
    }
    found.retain(|(start, end)| end > start && end - start < 400);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_in_a_text_that_fills_it_in() {
        let quote = |text: &str| Quote { text: text::exact(text), sentence: 0, place: 0 };
        assert!(quote("Dinner at {restaurant_name}").is_in("Dinner at Miznon"));
        assert!(quote("<name>: bill of {month}").is_in("Ann: bill of May"));
        assert!(quote("[approved] budget").is_in("Re: [Approved] budget"));
        assert!(!quote("[approved] budget").is_in("[rejected] budget"));
        assert!(!quote("{name}").is_in("anything"));
        assert!(quote("See: $h1").is_in("See: the mail") && !quote("pay $5 now").is_in("pay $9 now"));
        assert!(quote("You owe $5, {name}").is_in("You owe $5, Ann"));
        assert!(quote("Q3 plan.").is_in("About the Q3 plan"));
        assert!(!quote("Dinner at {restaurant_name}").is_in("Lunch at Miznon"));
        assert!(!quote("{a} before {b}, then {c}").is_in("then x before y"));
    }
}
