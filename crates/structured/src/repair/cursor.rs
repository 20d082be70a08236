//! Reading a text byte by byte without ever leaving it, and the small tests that look-ahead is made of.
//!
//! What never happens here: no decision. These functions say what stands at an offset.

use super::token::Frame;

/// A quote character of any script: its family decides what may close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    Double,
    Single,
    Back,
    Smart,
    SmartSingle,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
}

/// How far a key or a string is followed when a continuation is checked.
const PEEK_BYTES: usize = 240;

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes() }
    }

    #[inline]
    pub(super) fn at(self, i: usize) -> u8 {
        self.bytes.get(i).copied().unwrap_or(0)
    }

    pub(super) fn len(self) -> usize {
        self.bytes.len()
    }

    pub(super) fn slice(self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or("")
    }

    pub(super) fn starts(self, i: usize, what: &str) -> bool {
        self.bytes.get(i..).is_some_and(|rest| rest.starts_with(what.as_bytes()))
    }

    pub(super) fn char_at(self, i: usize) -> Option<char> {
        self.text.get(i..).and_then(|rest| rest.chars().next())
    }

    /// Whether letters or digits stand on both sides of the `len` bytes at `i`: an apostrophe, and no quote.
    pub(super) fn is_in_word(self, i: usize, len: usize) -> bool {
        let before = self.text.get(..i).and_then(|text| text.chars().next_back());
        before.is_some_and(char::is_alphanumeric) && self.char_at(i + len).is_some_and(char::is_alphanumeric)
    }

    /// The quote that stands at `i`, and its length in bytes.
    #[inline]
    pub(super) fn quote(self, i: usize) -> Option<(Quote, usize)> {
        match self.at(i) {
            b'"' => Some((Quote::Double, 1)),
            b'\'' => Some((Quote::Single, 1)),
            b'`' => Some((Quote::Back, 1)),
            0xE2 if self.at(i + 1) == 0x80 => match self.at(i + 2) {
                0x9C..=0x9F | 0xB3 => Some((Quote::Smart, 3)),
                0x98..=0x9B => Some((Quote::SmartSingle, 3)),
                _ => None,
            },
            0xC2 if matches!(self.at(i + 1), 0xAB | 0xBB) => Some((Quote::Smart, 2)),
            0xE3 if self.at(i + 1) == 0x80 && matches!(self.at(i + 2), 0x8C..=0x8F) => Some((Quote::Smart, 3)),
            0xEF if self.at(i + 1) == 0xBC && self.at(i + 2) == 0x82 => Some((Quote::Smart, 3)),
            b'u' | b'U' | b'b' | b'B' | b'r' | b'R' => self.prefixed_quote(i),
            _ => None,
        }
    }

    /// `u'text'`, `b'text'`, `r'text'` as Python writes them: the letter belongs to the opening quote.
    fn prefixed_quote(self, i: usize) -> Option<(Quote, usize)> {
        let quote = match self.at(i + 1) {
            b'\'' => Quote::Single,
            b'"' => Quote::Double,
            _ => return None,
        };
        let stands_alone =
            i.checked_sub(1).is_none_or(|p| matches!(self.at(p), b'{' | b'[' | b',' | b':' | b' ' | b'\n' | b'='));
        // `, b": 1`: a key or value of one letter whose opening quote is missing.
        let closes = matches!(self.at(i + 2), b',' | b':' | b'}' | b']' | b' ' | b'\n' | b'\r' | 0);
        (stands_alone && !closes).then_some((quote, 2))
    }

    /// Whether the quote at `i` may close a string that a quote of family `open` opened; its length.
    #[inline]
    pub(super) fn closer(self, open: Quote, i: usize) -> Option<usize> {
        let (quote, len) = self.quote(i)?;
        let fits = match open {
            Quote::Double => quote == Quote::Double,
            Quote::Single => quote == Quote::Single,
            Quote::Back => quote == Quote::Back,
            Quote::Smart => matches!(quote, Quote::Smart | Quote::Double),
            Quote::SmartSingle => matches!(quote, Quote::SmartSingle | Quote::Single),
        };
        fits.then_some(len)
    }

    /// A comma or what other scripts and languages write for one; its length.
    pub(super) fn comma(self, i: usize) -> Option<usize> {
        match self.at(i) {
            b',' | b';' => Some(1),
            0xEF if self.at(i + 1) == 0xBC && matches!(self.at(i + 2), 0x8C | 0x9B) => Some(3),
            0xEF if self.at(i + 1) == 0xBD && self.at(i + 2) == 0xA4 => Some(3),
            0xD8 if matches!(self.at(i + 1), 0x8C | 0x9B) => Some(2),
            0xE3 if self.at(i + 1) == 0x80 && self.at(i + 2) == 0x81 => Some(3),
            _ => None,
        }
    }

    /// A colon or what other languages write for one; its length.
    pub(super) fn colon(self, i: usize) -> Option<usize> {
        match self.at(i) {
            b'=' if self.at(i + 1) == b'>' => Some(2),
            b':' if matches!(self.at(i + 1), b':' | b'=') => Some(2),
            b':' | b'=' => Some(1),
            0xEF if self.at(i + 1) == 0xBC && self.at(i + 2) == 0x9A => Some(3),
            0xE2 if self.at(i + 1) == 0x88 && self.at(i + 2) == 0xB6 => Some(3),
            _ => None,
        }
    }

    /// White space that JSON does not know (no-break space, byte order mark, zero-width and ideographic space).
    pub(super) fn odd_space(self, i: usize) -> Option<usize> {
        match (self.at(i), self.at(i + 1), self.at(i + 2)) {
            (0xC2, 0xA0, _) => Some(2),
            (0x0B | 0x0C, _, _) => Some(1),
            (0xEF, 0xBB, 0xBF)
            | (0xE2, 0x80, 0x80..=0x8F | 0xA8 | 0xA9 | 0xAF)
            | (0xE2, 0x81, 0xA0)
            | (0xE3, 0x80, 0x80) => Some(3),
            _ => None,
        }
    }

    /// `\n` outside a string: white space that was escaped.
    pub(super) fn is_escaped_space(self, i: usize) -> bool {
        let behind = self.at(i + 2);
        self.at(i) == b'\\'
            && matches!(self.at(i + 1), b'n' | b't' | b'r')
            && (matches!(behind, b' ' | b'"' | b'{' | b'}' | b'[' | b']' | b'\\' | b'\n') || behind.is_ascii_digit())
    }

    /// The end of the comment that starts at `i`, if one does.
    pub(super) fn comment_end(self, i: usize) -> Option<usize> {
        let line = || memchr::memchr(b'\n', self.bytes.get(i..).unwrap_or(&[])).map_or(self.len(), |n| i + n);
        let until = |mark: &str| self.text.get(i..).and_then(|rest| rest.find(mark)).map(|n| i + n + mark.len());
        match self.at(i) {
            b'#' => Some(line()),
            b'/' if self.at(i + 1) == b'/' => Some(line()),
            b'/' if self.at(i + 1) == b'*' => until("*/"),
            b'<' if self.starts(i, "<!--") => until("-->"),
            _ => None,
        }
    }

    /// The end of the white space of JSON that begins at `i`.
    #[inline]
    pub(super) fn space_end(self, mut i: usize) -> usize {
        while matches!(self.at(i), b' ' | b'\n' | b'\r' | b'\t') {
            i += 1;
        }
        i
    }

    /// Skips white space and comments. Whether a line ended is told too.
    pub(super) fn skip(self, mut i: usize) -> (usize, bool) {
        let mut line = false;
        loop {
            match self.at(i) {
                b'\n' => {
                    line = true;
                    i += 1;
                }
                b' ' | b'\r' | b'\t' => i += 1,
                b'\\' if self.is_escaped_space(i) => i += 2,
                b'#' | b'/' | b'<' => match self.comment_end(i) {
                    Some(end) => i = end,
                    None => return (i, line),
                },
                _ => match self.odd_space(i) {
                    Some(len) => i += len,
                    None => return (i, line),
                },
            }
        }
    }

    /// The last byte before `i` that is no white space; its offset.
    pub(super) fn back(self, mut i: usize) -> Option<usize> {
        while i > 0 {
            i -= 1;
            if !matches!(self.at(i), b' ' | b'\n' | b'\r' | b'\t') {
                return Some(i);
            }
        }
        None
    }

    /// One past the closing quote of the string that opens at `i`, read plainly and not too far.
    pub(super) fn plain_string(self, i: usize) -> Option<usize> {
        let (quote, len) = self.quote(i)?;
        let mut j = i + len;
        let stop = (i + PEEK_BYTES).min(self.len());
        while j < stop {
            match self.at(j) {
                b'\\' => j += 2,
                b'\n' => return None,
                byte if byte >= 0x80 || matches!(byte, b'"' | b'\'' | b'`') => match self.closer(quote, j) {
                    Some(len) => return Some(j + len),
                    None => j += 1,
                },
                _ => j += 1,
            }
        }
        None
    }

    /// `"key" :` stands at `i`: the offset after the colon.
    pub(super) fn quoted_key(self, i: usize) -> Option<usize> {
        let end = self.plain_string(i)?;
        let (i, _) = self.skip(end);
        self.colon(i).map(|len| i + len)
    }

    /// `key:` or `key":` stands at `i`: the offset after the colon.
    pub(super) fn bare_key(self, i: usize) -> Option<usize> {
        let end = self.word_end(i);
        if end == i {
            return None;
        }
        let after = self.quote(end).map_or(end, |(_, len)| end + len);
        let (j, line) = self.skip(after);
        let len = if line { None } else { self.colon(j) }?;
        // A scheme (`https://`) is no key.
        (!self.starts(j, "://")).then_some(j + len)
    }

    /// End of the run of letters, digits and the marks that identifiers use.
    pub(super) fn word_end(self, mut i: usize) -> usize {
        loop {
            match self.at(i) {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | b'-' | b'.' => i += 1,
                0xC3..=0xDF if self.char_at(i).is_some_and(char::is_alphabetic) => i += 2,
                0xE0..=0xEF if self.char_at(i).is_some_and(char::is_alphabetic) => i += 3,
                _ => return i,
            }
        }
    }

    /// A value seems to begin at `i`.
    pub(super) fn value_start(self, i: usize) -> bool {
        matches!(self.at(i), b'{' | b'[' | b'-' | b'0'..=b'9') || self.quote(i).is_some() || self.literal(i).is_some()
    }

    /// A literal of JSON, Python or JavaScript stands at `i` as a whole word: what JSON writes, and its end.
    pub(super) fn literal(self, i: usize) -> Option<(&'static str, usize)> {
        const WORDS: [(&str, &str); 11] = [
            ("true", "true"),
            ("false", "false"),
            ("null", "null"),
            ("True", "true"),
            ("False", "false"),
            ("None", "null"),
            ("TRUE", "true"),
            ("FALSE", "false"),
            ("NULL", "null"),
            ("undefined", "null"),
            ("nil", "null"),
        ];
        if !matches!(self.at(i), b't' | b'f' | b'n' | b'T' | b'F' | b'N' | b'u') {
            return None;
        }
        let end = self.word_end(i);
        let word = self.slice(i, end);
        WORDS.iter().find(|(name, _)| *name == word).map(|(_, json)| (*json, end))
    }

    /// A scalar that is no string stands at `i` and a delimiter follows it.
    pub(super) fn plain_scalar(self, i: usize) -> bool {
        let end = match self.literal(i) {
            Some((_, end)) => end,
            None => match crate::document::number_len(self.bytes.get(i..).unwrap_or(&[])) {
                Some(len) => i + len,
                None => return false,
            },
        };
        let (j, _) = self.skip(end);
        j >= self.len() || matches!(self.at(j), b'}' | b']') || self.comma(j).is_some()
    }

    /// A delimiter that may follow an element stands at `i`.
    pub(super) fn delimiter(self, i: usize) -> bool {
        i >= self.len() || self.closing(i).is_some() || self.comma(i).is_some()
    }

    /// A closing bracket stands at `i`, perhaps as wide as an ideograph: what it closes, and its length in bytes.
    #[inline]
    pub(super) fn closing(self, i: usize) -> Option<(Frame, usize)> {
        match self.at(i) {
            b'}' => Some((Frame::Object, 1)),
            b']' => Some((Frame::Array, 1)),
            0xEF => match (self.at(i + 1), self.at(i + 2)) {
                (0xBD, 0x9D) => Some((Frame::Object, 3)),
                (0xBC, 0xBD) => Some((Frame::Array, 3)),
                _ => None,
            },
            _ => None,
        }
    }

    /// `"text"` stands at `i`, and after it a comma, a closing bracket or the end.
    pub(super) fn plain_element(self, i: usize) -> bool {
        self.plain_string(i).is_some_and(|end| self.delimiter(self.skip(end).0))
    }

    /// A whole member stands at `i` and nothing looks wrong in it: `"key": value` up to its delimiter.
    pub(super) fn plain_member(self, i: usize) -> bool {
        let Some(colon) = self.quoted_key(i) else { return false };
        let (value, _) = self.skip(colon);
        match self.at(value) {
            b'{' | b'[' => true,
            _ if self.quote(value).is_some() => match self.plain_string(value) {
                Some(end) => self.delimiter(self.skip(end).0),
                None => value + PEEK_BYTES < self.len(),
            },
            _ => self.plain_scalar(value),
        }
    }
}
