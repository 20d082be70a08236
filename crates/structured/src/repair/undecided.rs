//! A document whose one wrong bracket may stand in several places: the words, and the edits that would make them nest.
//!
//! A reading is built only once it is asked for. A schema can look at the words of each first, which costs neither a
//! text nor a value.
//!
//! What never happens here: no schema, no choice among equals.

use super::brackets::{self, Nesting, Op};
use super::edits;
use super::token::{Comma, Frame, Kind, Token};
use crate::code::Code;
use crate::record::Edit;

/// What the lexer made of a text: its words, the commas between them, and the repairs of spelling.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    pub(super) tokens: Vec<Token>,
    pub(super) commas: Vec<Comma>,
    pub(super) edits: Vec<Edit>,
}

impl Words {
    /// The word at a place, as it was written.
    pub(crate) fn word<'t>(&self, text: &'t str, at: usize) -> Option<Word<'t>> {
        let token = self.tokens.get(at)?;
        let raw = || text.get(token.start as usize..token.end as usize).unwrap_or("");
        Some(match token.kind {
            Kind::OpenObject => Word::Open { object: true },
            Kind::OpenArray => Word::Open { object: false },
            Kind::CloseObject => Word::Close { object: true },
            Kind::CloseArray => Word::Close { object: false },
            Kind::Key => Word::Key(raw()),
            Kind::Scalar => Word::Scalar(raw()),
        })
    }

    /// The edits with these brackets written, each before the word of its number, in order; `None` if that does not
    /// nest.
    pub(crate) fn with_brackets(&self, brackets: &[(usize, Frame, bool)]) -> Option<Vec<Edit>> {
        let mut words = Self { edits: self.edits.clone(), ..Self::default() };
        let mut left = brackets.iter().peekable();
        let mut written: Vec<Edit> = Vec::new();
        for (at, token) in self.tokens.iter().enumerate() {
            while let Some(&(_, frame, opens)) = left.next_if(|(before, ..)| *before == at) {
                let kind = if opens { brackets::open_kind(frame) } else { brackets::close_kind(frame) };
                let behind = words.tokens.last().map_or(token.start, |last| last.end);
                let place = if opens { token.start } else { behind };
                words.tokens.push(Token { kind, start: place, end: place, comma: false, indent: None });
                let mark = if opens { frame.open() } else { frame.close() };
                written.push(Edit::new(place as usize, place as usize, mark, Code::MissingBracket));
            }
            words.tokens.push(*token);
        }
        // A comma stands behind the brackets that close, and before those that open.
        let shift = |before: u32| {
            let closing =
                brackets.iter().filter(|(at, _, opens)| *at < before as usize || (*at == before as usize && !opens));
            before + u32::try_from(closing.count()).unwrap_or(0)
        };
        words.commas = self.commas.iter().map(|c| Comma { before: shift(c.before), ..*c }).collect();
        if brackets::search(&words.tokens) != Nesting::Sound {
            return None;
        }
        let mut all = edits(&words, None);
        all.extend(written);
        // In one place, what closes comes before the comma, and the comma before what opens.
        let rank = |edit: &Edit| match (edit.code, edit.after.as_ref()) {
            (Code::MissingBracket, "}" | "]") => 0,
            (Code::MissingBracket, _) => 2,
            _ => 1,
        };
        all.sort_by_key(|edit| (edit.start, edit.end, rank(edit)));
        Some(all)
    }
}

/// Words and the bracket edits that are equally good.
#[derive(Debug, Clone)]
pub(crate) struct Undecided {
    pub(super) words: Words,
    /// In the order of their places.
    pub(super) ops: Vec<Op>,
}

/// One word of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word<'t> {
    Open { object: bool },
    Close { object: bool },
    Key(&'t str),
    Scalar(&'t str),
}

impl Undecided {
    pub(crate) fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The edits of the text that one reading takes, in order.
    pub(crate) fn reading(&self, op: Op) -> Vec<Edit> {
        edits(&self.words, Some(op))
    }

    pub(crate) const fn words(&self) -> &Words {
        &self.words
    }

    /// How much layout and repeated keys speak against a reading.
    pub(crate) fn strangeness(&self, text: &str, op: Op) -> usize {
        brackets::strangeness(text, &self.words.tokens, op)
    }

    /// Leaves one of those that give the same text, the least strange one.
    pub(crate) fn distinct(&self, text: &str, ops: &[Op]) -> Vec<(usize, Op)> {
        let tokens = &self.words.tokens;
        let mut weighed: Vec<(usize, Op)> = Vec::with_capacity(ops.len());
        for &op in ops {
            let odd = self.strangeness(text, op);
            match weighed.iter_mut().find(|(_, other)| brackets::same(tokens, *other) == brackets::same(tokens, op)) {
                Some(known) if odd < known.0 => *known = (odd, op),
                Some(_) => {}
                None => weighed.push((odd, op)),
            }
        }
        weighed
    }

    /// The readings that layout and repeated keys speak against least.
    pub(crate) fn plausible(&self, text: &str) -> Vec<Op> {
        let mut weighed = self.distinct(text, &self.ops);
        let least = weighed.iter().map(|(odd, _)| *odd).min().unwrap_or(0);
        weighed.retain(|(odd, _)| *odd == least);
        weighed.into_iter().map(|(_, op)| op).collect()
    }

    /// Visits the words of a reading from the place of its edit on, until `visit` says that it has seen enough.
    pub(crate) fn tail<'t>(&self, text: &'t str, op: Op, mut visit: impl FnMut(Word<'t>) -> bool) -> bool {
        let (written, from) = match op {
            Op::Close { at, frame } => (Some(Word::Close { object: frame == Frame::Object }), at),
            Op::Open { at, frame } => (Some(Word::Open { object: frame == Frame::Object }), at),
            Op::Drop { at } => (None, at + 1),
            // A closing bracket of another family is still one.
            Op::Replace { at, .. } | Op::Swap { at } => (None, at),
        };
        written.is_none_or(&mut visit) && (from..).map_while(|at| self.words.word(text, at)).all(visit)
    }
}
