//! The recovering parser: from a damaged text to the edits that make it JSON.
//!
//! Three steps. The lexer makes one forward pass and repairs spelling; the bracket search looks for the single edit
//! that makes the tokens nest; the last step sets the commas that the structure asks for. The result is a list of
//! edits, never a value: whoever wants the value applies the edits and parses strictly, so a fault here can lead to
//! a refusal but not to a document that nobody wrote.
//!
//! What never happens here: no recursion, no schema, no closing of a text that was cut.

mod bare;
mod brackets;
mod constructed;
mod cursor;
mod elision;
mod follow;
mod lexer;
mod paths;
mod plain;
mod strings;
mod token;
mod tuple;
mod undecided;

use crate::code::Code;
use crate::record::Edit;
use brackets::Nesting;
use lexer::Lexer;
use token::Kind;

pub(crate) use brackets::Op;
pub(crate) use cursor_api::{bare_key_at, key_at};
pub(crate) use elision::is_elision;
pub(crate) use lexer::{COMMA_IN_NUMBER, Junk, MEMBERS_LEFT_OUT};
pub(crate) use token::{Ambiguity, Cut, Frame};
pub(crate) use undecided::{Undecided, Word, Words};

/// So many brackets may be forgotten at the end of a text that says it is whole.
const OPEN_MAX: usize = 3;
/// A string longer than this is taken on trust by a look-ahead.
const LONG_STRING_BYTES: usize = 2048;

mod cursor_api {
    use super::cursor::Cursor;

    /// `key:` or `"key":` stands at the offset.
    pub(crate) fn bare_key_at(text: &str, at: usize) -> bool {
        let c = Cursor::new(text);
        c.quoted_key(at).is_some() || c.bare_key(at).is_some()
    }

    /// The key that a text begins with, and whether a quote stands at it.
    pub(crate) fn key_at(text: &str) -> Option<(&str, bool)> {
        let c = Cursor::new(text);
        if c.quoted_key(0).is_some() {
            let bare = |mark: char| !mark.is_alphanumeric() && !matches!(mark, '_' | '$');
            // In words, backticks only set a name off.
            return Some((text.get(..c.plain_string(0)?)?.trim_matches(bare), true)).filter(|_| c.at(0) != b'`');
        }
        c.bare_key(0)?;
        let end = c.word_end(0);
        Some((text.get(..end)?, c.quote(end).is_some()))
    }
}

/// The edits that make a stretch of text JSON.
#[derive(Debug, Clone)]
pub(crate) enum Readings {
    /// There are none: its brackets do not nest, or it was cut.
    None,
    One(Vec<Edit>),
    /// One bracket is wrong, and it may be one of several.
    Several(Undecided),
}

/// What the parser makes of a damaged text.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// Where the document starts and ends in the text.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// How far the text was read, to find the end.
    pub(crate) seen: usize,
    pub(crate) readings: Readings,
    pub(crate) ambiguous: Vec<Ambiguity>,
    pub(crate) cut: Option<Cut>,
    /// The words of a document that no single edit makes nest.
    pub(crate) words: Option<Words>,
    /// Words of the document: a measure of how much of it there is.
    pub(crate) tokens: usize,
}

impl Draft {
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.readings, Readings::None)
    }

    /// More brackets close it than it opened.
    pub(crate) fn has_bracket_to_spare(&self) -> bool {
        matches!(&self.readings, Readings::One(edits) if edits.iter().any(|edit| edit.code == Code::ExtraBracket))
    }

    /// The edits of the only reading that nothing speaks against.
    pub(crate) fn only(&self, text: &str) -> Option<Vec<Edit>> {
        match &self.readings {
            Readings::None => None,
            Readings::One(edits) => Some(edits.clone()),
            Readings::Several(undecided) => match undecided.plausible(text).as_slice() {
                [only] => Some(undecided.reading(*only)),
                _ => None,
            },
        }
    }
}

/// How far a document is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Up to the bracket that closes it.
    Brackets,
    /// Also behind it, where the text goes on as if that had been one too many.
    Behind,
}

/// Reads the document that begins at `start`.
pub(crate) fn draft(text: &str, start: usize, reach: Reach) -> Result<Draft, Junk> {
    drafted(Lexer::new(text, start, reach), start)
}

/// Reads the document whose first key stands at `start`, without the brace before it.
pub(crate) fn headless_draft(text: &str, start: usize) -> Result<Draft, Junk> {
    drafted(Lexer::new(text, start, Reach::Behind).headless(), start)
}

fn drafted(mut lexer: Lexer<'_>, start: usize) -> Result<Draft, Junk> {
    let stopped = lexer.run();
    if let Err(junk) = stopped {
        let Some((tokens, end)) = lexer.first_close else { return Err(junk) };
        return shortened(&mut lexer, tokens, end, start).ok_or(junk);
    }
    if lexer.cut == Some(Cut::Inside) {
        return match lexer.first_close {
            Some((tokens, end)) if lexer.stack.is_empty() => {
                shortened(&mut lexer, tokens, end, start).ok_or(Junk { at: end, what: "a cut text", tokens: 0 })
            }
            _ => Ok(draft_of(lexer, start, Some(Cut::Inside), |_| Readings::None)),
        };
    }
    if let Some((tokens, _)) = lexer.first_close
        && lexer.tokens.len() > tokens
        && lexer.tokens.iter().skip(tokens).all(|t| matches!(t.kind, Kind::CloseObject | Kind::CloseArray))
        && brackets::search(lexer.tokens.get(..tokens).unwrap_or(&[])) == Nesting::Sound
    {
        return Ok(surplus(lexer, tokens, start));
    }
    match brackets::search(&lexer.tokens) {
        Nesting::Sound => Ok(draft_of(lexer, start, None, |words| Readings::One(edits(&words, None)))),
        Nesting::Repairable(ops) => {
            let cut = (brackets::search_open(&lexer.tokens) && !lexer.fenced).then_some(Cut::Open(1));
            Ok(draft_of(lexer, start, cut, |words| match ops.as_slice() {
                [only] => Readings::One(edits(&words, Some(*only))),
                _ => Readings::Several(Undecided { words, ops }),
            }))
        }
        Nesting::Broken { open, at } => {
            if let Some((tokens, end)) = lexer.first_close
                && tokens < lexer.tokens.len()
                && let Some(draft) = shortened(&mut lexer, tokens, end, start)
            {
                return Ok(draft);
            }
            let at_end = at == lexer.tokens.len() && !lexer.fenced;
            let cut = (at_end && !open.is_empty()).then_some(Cut::Open(open.len()));
            let text = lexer.cursor.text;
            let mut words = None;
            let draft = draft_of(lexer, start, cut, |read| {
                let closed = cut.map_or(Readings::None, |_| closed_up(text, &read, &open));
                words = Some(read);
                closed
            });
            Ok(Draft { words, ..draft })
        }
    }
}

fn draft_of(mut lexer: Lexer<'_>, start: usize, cut: Option<Cut>, read: impl FnOnce(Words) -> Readings) -> Draft {
    let words = lexer.take_words();
    let tokens = words.tokens.len();
    Draft {
        start,
        end: lexer.i,
        seen: lexer.i,
        readings: read(words),
        ambiguous: lexer.ambiguous,
        cut,
        words: None,
        tokens,
    }
}

/// The reading in which the last brackets were forgotten: only where the text ends with one that was not, or with a
/// whole string.
fn closed_up(text: &str, words: &Words, open: &[token::Frame]) -> Readings {
    let Some(last) = words.tokens.last().copied() else { return Readings::None };
    let end = last.end as usize;
    let closed = match last.kind {
        Kind::CloseObject | Kind::CloseArray => true,
        Kind::Scalar => text.as_bytes().get(end.saturating_sub(1)) == Some(&b'"'),
        _ => false,
    };
    if open.len() > OPEN_MAX || !closed {
        return Readings::None;
    }
    let closers: String = open.iter().rev().map(|frame| frame.close()).collect();
    let mut all = edits(words, None);
    all.push(Edit::new(end, end, closers, Code::MissingBracket));
    all.sort_by_key(|edit| (edit.start, edit.end));
    Readings::One(all)
}

/// A sound document with more closing brackets behind it than it opened.
fn surplus(mut lexer: Lexer<'_>, tokens: usize, start: usize) -> Draft {
    let extra = lexer.tokens.split_off(tokens);
    draft_of(lexer, start, None, |words| {
        let mut all = edits(&words, None);
        all.extend(extra.iter().map(|t| Edit::new(t.start as usize, t.end as usize, "", Code::ExtraBracket)));
        all.sort_by_key(|edit| (edit.start, edit.end));
        Readings::One(all)
    })
}

/// The document up to the place where all brackets were closed for the first time, if it nests.
fn shortened(lexer: &mut Lexer<'_>, tokens: usize, end: usize, start: usize) -> Option<Draft> {
    if brackets::search(lexer.tokens.get(..tokens)?) != Nesting::Sound {
        return None;
    }
    lexer.tokens.truncate(tokens);
    lexer.edits.retain(|edit| edit.start < end);
    lexer.commas.retain(|comma| (comma.start as usize) < end);
    lexer.ambiguous.retain(|doubt| doubt.at < end);
    let seen = std::mem::replace(&mut lexer.i, end).max(end);
    let readings = Readings::One(edits(&lexer.take_words(), None));
    Some(Draft {
        start,
        end,
        seen,
        readings,
        ambiguous: std::mem::take(&mut lexer.ambiguous),
        cut: None,
        words: None,
        tokens,
    })
}

/// All edits of one reading in order: spelling, brackets, commas.
fn edits(words: &Words, op: Option<Op>) -> Vec<Edit> {
    let mut all = words.edits.clone();
    if let Some(op) = op {
        bracket_edits(&words.tokens, op, &mut all);
    }
    comma_edits(words, op, &mut all);
    all.sort_by_key(|edit| (edit.start, edit.end));
    all
}

fn bracket_edits(tokens: &[token::Token], op: Op, all: &mut Vec<Edit>) {
    let span = |i: usize| tokens.get(i).map_or((0, 0), |t| (t.start as usize, t.end as usize));
    match op {
        Op::Close { at, frame } => {
            let end = span(at.saturating_sub(1)).1;
            all.push(Edit::new(end, end, frame.close(), Code::MissingBracket));
        }
        Op::Open { at, frame } => all.push(Edit::new(span(at).0, span(at).0, frame.open(), Code::MissingBracket)),
        Op::Drop { at } => all.push(Edit::new(span(at).0, span(at).1, "", Code::ExtraBracket)),
        Op::Replace { at, frame } => all.push(Edit::new(span(at).0, span(at).1, frame.close(), Code::WrongBracket)),
        Op::Swap { at } => {
            let text = |i: usize| if tokens.get(i).is_some_and(|t| t.kind == Kind::CloseObject) { "}" } else { "]" };
            all.push(Edit::new(span(at).0, span(at).1, text(at + 1), Code::WrongBracket));
            all.push(Edit::new(span(at + 1).0, span(at + 1).1, text(at), Code::WrongBracket));
        }
    }
}

/// Between two values stands one comma, and none anywhere else.
fn comma_edits(words: &Words, op: Option<Op>, all: &mut Vec<Edit>) {
    let mut commas = words.commas.iter().peekable();
    let mut extra: Vec<usize> = Vec::new();
    let mut prev: Option<(Kind, usize)> = None;
    let mut missing = Vec::new();
    brackets::walk(&words.tokens, op, |kind, index, real| {
        let ends = matches!(prev, Some((Kind::Scalar | Kind::CloseObject | Kind::CloseArray, _)));
        let closes = matches!(kind, Kind::CloseObject | Kind::CloseArray);
        let mut wanted = ends && !closes;
        // The commas before a token belong to the gap before a bracket written there, unless that bracket closes.
        if real || !closes {
            while let Some(comma) = commas.next_if(|c| c.before as usize <= index) {
                if !std::mem::take(&mut wanted) {
                    extra.push(comma.start as usize);
                    missing.push(Edit::new(comma.start as usize, comma.end as usize, "", Code::ExtraComma));
                }
            }
            if wanted {
                let end = prev.map_or(0, |(_, end)| end);
                missing.push(Edit::new(end, end, ",", Code::MissingComma));
            }
        }
        let token = words.tokens.get(index);
        let end = if real { token.map_or(0, |t| t.end as usize) } else { prev.map_or(0, |(_, end)| end) };
        prev = Some((kind, end));
    });
    for comma in commas {
        extra.push(comma.start as usize);
        missing.push(Edit::new(comma.start as usize, comma.end as usize, "", Code::ExtraComma));
    }
    if !extra.is_empty() {
        // A comma that goes needs no spelling.
        all.retain(|e| e.code != Code::Punctuation || extra.binary_search(&e.start).is_err());
    }
    all.append(&mut missing);
}
