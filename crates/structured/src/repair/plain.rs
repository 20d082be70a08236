//! The strings that nothing is wrong with: by far the most, and told by the next two marks.
//!
//! The general way through [`Lexer::string`] ends at the same place; this one is only shorter.
//!
//! What never happens here: no repair, no doubt. Whatever is not plain is left to the general way.

use super::cursor::Quote;
use super::lexer::{Expect, Lexer};
use super::strings::next_special;
use super::token::{Frame, Kind};

impl Lexer<'_> {
    /// Takes a string that nothing is wrong with: no escape, and behind it the next two marks of the grammar.
    pub(super) fn plain_string(&mut self) -> bool {
        let c = self.cursor;
        let start = self.i;
        let Some(close) = next_special(c.bytes, start + 1, Quote::Double) else { return false };
        if c.at(close) != b'"' || close == start + 1 {
            return false;
        }
        let next = c.space_end(close + 1);
        let behind = c.space_end(next + 1);
        let is_key = match (self.expect, c.at(next)) {
            (Expect::Key, b':') if behind < c.len() && !matches!(c.at(next + 1), b':' | b'=') => true,
            (Expect::Value | Expect::Item, b',') if c.at(behind) == b'"' => false,
            (Expect::Value, b'}') | (Expect::Item, b']') => {
                let own = if c.at(next) == b'}' { Frame::Object } else { Frame::Array };
                if self.stack.last() != Some(&own) || !matches!(c.at(behind), b',' | b'}' | b']') {
                    return false;
                }
                false
            }
            _ => return false,
        };
        self.push(if is_key { Kind::Key } else { Kind::Scalar }, start, close + 1);
        if is_key {
            self.i = next + 1;
            self.expect = Expect::Value;
        } else {
            self.after_value();
        }
        true
    }
}
