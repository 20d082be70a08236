//! Values and keys that stand without quotes: numbers, literals, words, and strings whose opening quote is missing.
//!
//! What never happens here: no number is rounded and no precision lost; a number with two possible readings
//! (`007`, `NaN`) becomes a string with a doubt attached, which only a schema can settle.

use super::lexer::{COMMA_IN_NUMBER, Expect, Junk, Lexer};
use super::token::{Ambiguity, Cut, Frame, Kind};
use crate::code::Code;
use crate::document::number_len;
use crate::record::Edit;

impl Lexer<'_> {
    pub(super) fn bare(&mut self) -> Result<(), Junk> {
        let c = self.cursor;
        let start = self.i;
        if self.stack.is_empty() && self.expect != Expect::Value {
            return Err(Junk { at: start, what: "text where a document should stand", tokens: 0 });
        }
        if (self.expect == Expect::Key
            || (self.expect == Expect::Item && !c.at(start).is_ascii_digit() && c.bare_key(start).is_some()))
            && self.bare_key()
        {
            return Ok(());
        }
        if self.literal() || self.number() || self.tuple() || self.constructed() {
            return Ok(());
        }
        self.word()
    }

    fn bare_key(&mut self) -> bool {
        let c = self.cursor;
        let start = self.i;
        let mut end = c.word_end(start);
        // A key of a few words.
        for _ in 0..3 {
            if c.at(end) == b' ' && c.word_end(end + 1) > end + 1 {
                end = c.word_end(end + 1);
            }
        }
        if end == start {
            return false;
        }
        let (next, _) = c.skip(end);
        if c.colon(next).is_some() {
            self.edits.push(Edit::new(start, start, "\"", Code::BareKey));
            self.edits.push(Edit::new(end, end, "\"", Code::BareKey));
            self.push(Kind::Key, start, end);
            self.key_done();
            return true;
        }
        let Some((_, len)) = c.quote(end) else {
            if next >= c.len() {
                self.cut = Some(Cut::Inside);
                return true;
            }
            return false;
        };
        if c.colon(c.skip(end + len).0).is_none() {
            return false;
        }
        self.edits.push(Edit::new(start, start, "\"", Code::MissingQuote));
        if c.at(end) != b'"' {
            self.edits.push(Edit::new(end, end + len, "\"", Code::Quotes));
        }
        self.push(Kind::Key, start, end + len);
        self.key_done();
        true
    }

    /// A delimiter, a line end, a comment or the next string's opening quote stands behind a scalar that ends at `i`.
    fn scalar_ends(&self, i: usize) -> bool {
        let c = self.cursor;
        let (j, line) = c.skip(i);
        c.delimiter(j)
            || (line && (c.quote(j).is_some() || c.bare_key(j).is_some()))
            || c.starts(j, "```")
            || self.next_without_comma(j, i)
    }

    fn next_without_comma(&self, j: usize, i: usize) -> bool {
        let c = self.cursor;
        match self.expect {
            Expect::Value => c.quoted_key(j).is_some() && (j > i || c.plain_member(j)),
            _ => c.plain_element(j) || (j > i && (c.plain_scalar(j) || matches!(c.at(j), b'{' | b'['))),
        }
    }

    fn literal(&mut self) -> bool {
        let c = self.cursor;
        let Some((json, end)) = c.literal(self.i) else { return false };
        if !self.scalar_ends(end) {
            return false;
        }
        if c.slice(self.i, end) != json {
            self.edits.push(Edit::new(self.i, end, json, Code::Literal));
        }
        self.push(Kind::Scalar, self.i, end);
        self.after_value();
        true
    }

    fn number(&mut self) -> bool {
        let c = self.cursor;
        let start = self.i;
        if !matches!(c.at(start), b'0'..=b'9' | b'-' | b'+' | b'.') {
            return false;
        }
        let rest = c.bytes.get(start..).unwrap_or(&[]);
        if let Some(len) = number_len(rest)
            && self.scalar_ends(start + len)
        {
            let end = self.thousands(start, start + len);
            self.push(Kind::Scalar, start, end);
            self.after_value();
            return true;
        }
        let len = rest
            .iter()
            .position(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.' | b'_'))
            .unwrap_or(rest.len());
        let end = start + len;
        if !self.scalar_ends(end) {
            return false;
        }
        let Some(fixed) = foreign_number(c.slice(start, end)) else { return false };
        self.edits.push(Edit::new(start, end, fixed, Code::Number));
        self.push(Kind::Scalar, start, end);
        self.after_value();
        true
    }

    /// `1,234.50` and `1,234,567` as the value of a member: no key begins with digits, so the commas group them.
    fn thousands(&mut self, start: usize, end: usize) -> usize {
        let c = self.cursor;
        let head = c.slice(start, end).trim_start_matches('-');
        let grouped = self.expect == Expect::Value && self.stack.last() == Some(&Frame::Object);
        if !grouped || head.len() > 3 || !head.bytes().all(|b| b.is_ascii_digit()) {
            return end;
        }
        let mut last = end;
        while c.at(last) == b',' && (1..=3).all(|n| c.at(last + n).is_ascii_digit()) && !c.at(last + 4).is_ascii_digit()
        {
            last += 4;
        }
        if last == end {
            return end;
        }
        let mut stop = last;
        if c.at(stop) == b'.' {
            stop += 1;
            while c.at(stop).is_ascii_digit() {
                stop += 1;
            }
        }
        if !c.delimiter(c.skip(stop).0) || c.at(stop - 1) == b'.' {
            return end;
        }
        // One comma may as well be a decimal one.
        if stop == end + 4 {
            self.ambiguous.push(Ambiguity {
                at: start,
                what: COMMA_IN_NUMBER,
                first: "it groups digits".to_owned(),
                second: "it is a decimal comma".to_owned(),
            });
        }
        self.edits.push(Edit::new(start, stop, c.slice(start, stop).replace(',', ""), Code::Number));
        stop
    }

    /// A word or phrase without quotes, or without the opening one.
    fn word(&mut self) -> Result<(), Junk> {
        let c = self.cursor;
        let start = self.i;
        let junk = Junk { at: start, what: "a character that begins no value", tokens: 0 };
        let mut i = start;
        // A call or a backslash is no plain phrase, unless a closing quote says that all of it was a string.
        let mut code = false;
        let end = loop {
            match c.at(i) {
                _ if i >= c.len() => {
                    self.cut = Some(Cut::Inside);
                    return Ok(());
                }
                b'{' | b'[' | b'`' => return Err(junk),
                b'(' | b'\\' => {
                    code = true;
                    i += 1;
                }
                b'\n' | b'}' | b']' => break i,
                0xEF if c.closing(i).is_some() => break i,
                b',' if self.comma_ends(i) => break i,
                b'/' if c.at(i + 1) == b'/' && c.at(i.wrapping_sub(1)) == b' ' => break i,
                b'#' if c.at(i.wrapping_sub(1)) == b' ' => break i,
                _ => match c.quote(i) {
                    Some((_, len)) if c.at(i) == b'"' || len > 1 => {
                        return self.open_missing(start, i, len).ok_or(junk);
                    }
                    _ => i += c.char_at(i).map_or(1, char::len_utf8),
                },
            }
        };
        let end = c.back(end).map_or(end, |p| p + 1).max(start);
        let text = c.slice(start, end);
        if code
            || text.is_empty()
            || !text.chars().any(char::is_alphanumeric)
            || text.chars().any(|x| (x as u32) < 0x20)
        {
            return Err(junk);
        }
        self.doubtful_word(start, text);
        if super::elision::is_elision(text) {
            self.left_out("the words stand for what was left out", "the words are the value");
        }
        self.edits.push(Edit::new(start, start, "\"", Code::BareString));
        self.edits.push(Edit::new(end, end, "\"", Code::BareString));
        self.push(Kind::Scalar, start, end);
        self.after_value();
        Ok(())
    }

    fn comma_ends(&self, i: usize) -> bool {
        let c = self.cursor;
        let (j, line) = c.skip(i + 1);
        match self.expect {
            Expect::Value => {
                line || j >= c.len()
                    || matches!(c.at(j), b'}' | b']')
                    || c.quoted_key(j).is_some()
                    || c.bare_key(j).is_some()
            }
            _ => !self.quote_closes_behind(i + 1),
        }
    }

    /// Behind the comma the words go on to a closing quote: the opening one stood before the comma.
    fn quote_closes_behind(&self, from: usize) -> bool {
        let c = self.cursor;
        let rest = c.slice(from, (from + 200).min(c.len()));
        match rest.find(['"', '\n', ']', '[', '{', '}']) {
            Some(n) if rest.as_bytes().get(n) == Some(&b'"') => {
                !rest.get(..n).unwrap_or("").trim().is_empty()
                    && c.delimiter(c.skip(from + n + 1).0)
                    && c.at(from + n - 1) != b','
            }
            _ => false,
        }
    }

    /// The quote at `i` closes a string that was never opened.
    fn open_missing(&mut self, start: usize, i: usize, len: usize) -> Option<()> {
        let c = self.cursor;
        let (next, _) = c.skip(i + len);
        if !c.delimiter(next) || (c.comma(next).is_some() && self.expect == Expect::Value && !self.comma_ends(next)) {
            return None;
        }
        // `[34.05, -118.24"]`: one text, or a number and a text.
        let before = self.tokens.last().filter(|_| self.expect == Expect::Item && self.comma_before());
        if before.is_some_and(|t| t.kind == Kind::Scalar && c.quote((t.end as usize).saturating_sub(1)).is_none()) {
            self.doubt(start, "opening quote", "it stood before this word", "it stood before an earlier one");
        }
        self.edits.push(Edit::new(start, start, "\"", Code::MissingQuote));
        if c.at(i) != b'"' {
            self.edits.push(Edit::new(i, i + len, "\"", Code::Quotes));
        }
        self.push(Kind::Scalar, start, i + len);
        self.after_value();
        Some(())
    }

    /// Numbers that JSON cannot say, or that say two things.
    fn doubtful_word(&mut self, at: usize, text: &str) {
        let digits = text.trim_start_matches(['-', '+']);
        let zeros =
            digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let special = matches!(digits, "NaN" | "nan" | "Infinity" | "inf" | "Inf" | "∞");
        if zeros || special {
            self.ambiguous.push(Ambiguity {
                at,
                what: "number",
                first: format!("the text `{text}`"),
                second: "a number".to_owned(),
            });
        }
    }
}

/// A number in a spelling that JSON does not know, rewritten without losing a digit.
fn foreign_number(text: &str) -> Option<String> {
    let (sign, body) = match text.as_bytes().first()? {
        b'-' => ("-", text.get(1..)?),
        b'+' => ("", text.get(1..)?),
        _ => ("", text),
    };
    if let Some(hex) = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok().map(|n| format!("{sign}{n}"));
    }
    let mut plain = body.to_owned();
    if plain.contains('_') {
        let grouped =
            plain.split('_').skip(1).all(|group| group.len() >= 3 && group.bytes().take(3).all(|b| b.is_ascii_digit()));
        if !grouped {
            return None;
        }
        plain.retain(|x| x != '_');
    }
    if plain.starts_with('.') {
        plain.insert(0, '0');
    }
    if let Some(whole) = plain.strip_suffix('.') {
        plain = format!("{whole}.0");
    }
    let fixed = format!("{sign}{plain}");
    (number_len(fixed.as_bytes()) == Some(fixed.len())).then_some(fixed)
}
