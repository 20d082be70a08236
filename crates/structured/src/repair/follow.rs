//! Whether what stands behind a quote continues the document.
//!
//! The evidence is graded: `Grade::Strong` closes a string, `Grade::Weak` closes it only while no quote inside was
//! left unescaped, `Grade::No` leaves it open.
//!
//! What never happens here: no change of the lexer's state; each look-ahead is bounded.

use super::cursor::Quote;
use super::lexer::{Expect, Lexer};
use super::token::Frame;

/// How well the text behind a quote continues the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grade {
    Strong,
    Weak,
    No,
}

/// How many open brackets a look-ahead considers.
const FRAMES_SEEN: usize = 64;

impl Lexer<'_> {
    /// What follows a closing quote. Behind paired quotes a comma and a quote are enough: a fault in the next string
    /// is no reason to doubt this one. A quote that may close an inner pair has to prove more.
    pub(super) fn follow(&self, after: usize, paired: bool) -> Grade {
        let c = self.cursor;
        let (i, line) = c.skip(after);
        if i >= c.len() {
            return Grade::Strong;
        }
        if c.colon(i).is_some() {
            return match self.expect {
                Expect::Key => Grade::Strong,
                Expect::Item if self.stack.is_empty() && self.tokens.is_empty() => Grade::No,
                _ if c.value_start(c.skip(i + 1).0) && !line => Grade::Weak,
                _ => Grade::No,
            };
        }
        if let Some(len) = c.comma(i) {
            return self.follow_comma(i + len, paired);
        }
        if let Some((frame, len)) = c.closing(i) {
            return self.follow_closer(frame, i + len);
        }
        match c.at(i) {
            b'+' if c.quote(c.skip(i + 1).0).is_some() => Grade::Strong,
            b'`' if c.starts(i, "```") && line => Grade::Strong,
            _ => self.follow_value(i, line),
        }
    }

    fn follow_comma(&self, at: usize, paired: bool) -> Grade {
        let c = self.cursor;
        let (i, line) = c.skip(at);
        if c.delimiter(i) || c.starts(i, "...") {
            return Grade::Strong;
        }
        let in_object = self.expect == Expect::Value;
        if paired && c.quote(i).is_some() {
            return Grade::Strong;
        }
        if c.quote(i).is_some() {
            return match (in_object, c.quoted_key(i).is_some()) {
                (_, true) => Grade::Strong,
                (false, false) if c.plain_element(i) => Grade::Strong,
                // `"key "value"`: a colon or a quote is missing there, or brackets are.
                (true, false) if c.plain_element(i) || (line && c.plain_string(i).is_some()) => Grade::Weak,
                (false, _) if line => Grade::Strong,
                (true, _) if line => Grade::Weak,
                _ => self.far_element(i),
            };
        }
        if c.bare_key(i).is_some() {
            return if in_object || self.expect == Expect::Key { Grade::Strong } else { Grade::Weak };
        }
        match c.at(i) {
            b'{' | b'[' if !in_object => Grade::Strong,
            b'{' | b'[' if self.stack.iter().rev().take(FRAMES_SEEN).any(|f| *f == Frame::Array) => Grade::Weak,
            _ if c.plain_scalar(i) || (matches!(c.at(i), b'+' | b'.') && c.at(i + 1).is_ascii_digit()) => {
                if in_object {
                    Grade::Weak
                } else {
                    Grade::Strong
                }
            }
            _ if paired && !in_object && self.half_quoted(i) => Grade::Strong,
            _ => Grade::No,
        }
    }

    /// Words that end in a quote and a delimiter: an element whose opening quote is missing, or one without quotes.
    fn half_quoted(&self, i: usize) -> bool {
        let c = self.cursor;
        let rest = c.slice(i, (i + 200).min(c.len()));
        let stop = rest.find(['"', '\n', ',', '}', ']']).unwrap_or(rest.len());
        match rest.as_bytes().get(stop) {
            Some(b'"') => c.delimiter(c.skip(i + stop + 1).0),
            Some(b',' | b']' | b'\n') => {
                let words = rest.get(..stop).unwrap_or("").trim_end();
                stop > 0 && words.chars().all(|x| x.is_alphanumeric() || matches!(x, ' ' | '-' | '_' | '.'))
            }
            _ => false,
        }
    }

    /// In an array, the next string may be longer than the window: that is no reason to doubt this one. Nor are its
    /// apostrophes: `'Chop it.', 'Don't brown it.'` are two strings.
    fn far_element(&self, i: usize) -> Grade {
        let c = self.cursor;
        let Some((quote, len)) = c.quote(i) else { return Grade::No };
        let mut j = i + len;
        let stop = (i + super::LONG_STRING_BYTES).min(c.len());
        while j < stop {
            match c.at(j) {
                b'\\' => j += 2,
                _ => match c.closer(quote, j) {
                    Some(n) if c.delimiter(c.skip(j + n).0) || c.colon(c.skip(j + n).0).is_some() => {
                        return Grade::Strong;
                    }
                    Some(n) if quote == Quote::Single && c.is_in_word(j, n) => j += n,
                    Some(_) => return Grade::No,
                    None => j += 1,
                },
            }
        }
        if stop == c.len() { Grade::No } else { Grade::Strong }
    }

    fn follow_closer(&self, frame: Frame, behind: usize) -> Grade {
        let c = self.cursor;
        let fits = self.stack.last() == Some(&frame);
        if !fits && !self.stack.iter().rev().take(FRAMES_SEEN).any(|f| *f == frame) {
            return Grade::Weak;
        }
        let (j, line) = c.skip(behind);
        let goes_on = line || c.at(j) == b'`' || c.delimiter(j);
        let outermost = self.stack.len() == 1 && fits;
        match (goes_on || outermost || c.quote(j).is_some() || matches!(c.at(j), b'{' | b'['), fits) {
            (true, _) => Grade::Strong,
            (false, true) => Grade::Weak,
            (false, false) => Grade::No,
        }
    }

    /// No punctuation follows: is a comma or a colon missing here?
    fn follow_value(&self, i: usize, line: bool) -> Grade {
        let c = self.cursor;
        let yes = match self.expect {
            Expect::Key => c.value_start(i) && self.key_without_colon(i),
            Expect::Value => c.quoted_key(i).is_some() || (line && c.bare_key(i).is_some()),
            Expect::Item if self.stack.is_empty() => true,
            Expect::Item => match c.quote(i) {
                Some(_) => self.plain_chain(i),
                None => {
                    matches!(c.at(i), b'{' | b'[')
                        || (c.plain_scalar(i) && (c.at(i - 1) != b'"' || c.at(i.wrapping_sub(2)) == b'"'))
                }
            },
        };
        if yes { Grade::Strong } else { Grade::No }
    }

    /// Strings with nothing but white space between them up to a delimiter.
    fn plain_chain(&self, mut i: usize) -> bool {
        let c = self.cursor;
        for _ in 0..8 {
            let Some(end) = c.plain_string(i) else { return false };
            let inside = c.slice(i + 1, end - 1);
            let (next, _) = c.skip(end);
            if c.delimiter(next) {
                return true;
            }
            // Two bodies and the space between them look like a string too: it begins or ends with white space.
            if next == end || c.quote(next).is_none() || inside.trim() != inside {
                return false;
            }
            i = next;
        }
        true
    }

    /// Whether the two tokens behind a doubtful end look as they should.
    pub(super) fn clean_behind(&self, after: usize) -> bool {
        let c = self.cursor;
        let (i, _) = c.skip(after);
        let Some(len) = c.comma(i) else { return true };
        let (j, _) = c.skip(i + len);
        if j >= c.len() || c.closing(j).is_some() {
            return true;
        }
        if self.expect == Expect::Item {
            c.plain_element(j) || c.plain_scalar(j) || matches!(c.at(j), b'{' | b'[')
        } else {
            c.plain_member(j)
        }
    }
}
