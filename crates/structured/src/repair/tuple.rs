//! Python tuples: `("a", "b")` is a list.
//!
//! Read only as a whole: scalars that are spelled plainly, at least two of them, or one with a comma behind it. What is
//! in brackets otherwise is a value in brackets, or words.
//!
//! What never happens here: no nesting.

use super::cursor::Quote;
use super::lexer::{Expect, Lexer};
use super::token::Kind;
use crate::code::Code;
use crate::document::number_len;
use crate::record::Edit;

/// A scalar of a tuple: its span, and what JSON writes for it if it writes something else.
struct Part {
    start: usize,
    end: usize,
    edits: Vec<Edit>,
}

impl Lexer<'_> {
    /// Reads the tuple at the current offset; false if there is none.
    pub(super) fn tuple(&mut self) -> bool {
        let c = self.cursor;
        let start = self.i;
        if c.at(start) != b'(' || self.stack.is_empty() || self.expect == Expect::Key {
            return false;
        }
        let mut parts: Vec<(Part, Option<usize>)> = Vec::new();
        let (mut at, _) = c.skip(start + 1);
        while c.at(at) != b')' {
            let Some(part) = self.part(at) else { return false };
            let (next, _) = c.skip(part.end);
            let comma = (c.at(next) == b',').then_some(next);
            if comma.is_none() && c.at(next) != b')' {
                return false;
            }
            at = comma.map_or(next, |comma| c.skip(comma + 1).0);
            parts.push((part, comma));
        }
        if !parts.iter().any(|(_, comma)| comma.is_some()) || !c.delimiter(c.skip(at + 1).0) {
            return false;
        }
        self.edits.push(Edit::new(start, start + 1, "[", Code::WrongBracket));
        self.push(Kind::OpenArray, start, start + 1);
        for (part, comma) in parts {
            self.push(Kind::Scalar, part.start, part.end);
            self.edits.extend(part.edits);
            if let Some(comma) = comma {
                self.i = comma;
                self.comma(1);
            }
        }
        self.edits.push(Edit::new(at, at + 1, "]", Code::WrongBracket));
        self.push(Kind::CloseArray, at, at + 1);
        self.after_value();
        true
    }

    fn part(&self, at: usize) -> Option<Part> {
        let c = self.cursor;
        if let Some((json, end)) = c.literal(at) {
            let edits =
                if c.slice(at, end) == json { Vec::new() } else { vec![Edit::new(at, end, json, Code::Literal)] };
            return Some(Part { start: at, end, edits });
        }
        if let Some(len) = number_len(c.bytes.get(at..)?) {
            return Some(Part { start: at, end: at + len, edits: Vec::new() });
        }
        let end = c.plain_string(at)?;
        let (quote, len) = c.quote(at)?;
        let body = c.slice(at + len, end - 1);
        let plain = !body.contains(['"', '\\']) && !body.chars().any(|x| (x as u32) < 0x20);
        match quote {
            Quote::Double if len == 1 && plain => Some(Part { start: at, end, edits: Vec::new() }),
            Quote::Single if len == 1 && plain => Some(Part {
                start: at,
                end,
                edits: vec![Edit::new(at, at + 1, "\"", Code::Quotes), Edit::new(end - 1, end, "\"", Code::Quotes)],
            }),
            _ => None,
        }
    }
}
