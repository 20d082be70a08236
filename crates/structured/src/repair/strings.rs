//! Where a string ends when its quotes cannot be trusted.
//!
//! A quote closes a string if what follows continues the document (`Grade::Strong`). One that is followed by
//! anything else is a quote the author forgot to escape, or the opening quote of the next string behind a closing
//! quote that is missing; the latter is taken only if a plain member or element starts there. Unescaped quotes come
//! in pairs, so a good end behind an odd number of them is believed only if the text goes on cleanly behind it.
//! Where two ends are equally good, both are named and nothing is delivered.
//!
//! What never happens here: no look-ahead beyond a bounded window, so the cost is linear.

use super::cursor::Quote;
use super::follow::Grade;
use super::lexer::{Expect, Junk, Lexer};
use super::token::{Ambiguity, Cut, Frame, Kind};
use crate::code::Code;
use crate::document::control_escape;
use crate::record::Edit;

/// How far behind a doubtful end a better one is looked for.
const SECOND_CHANCE_BYTES: usize = 1024;

/// The body of a string while its end is being looked for.
#[derive(Default)]
pub(super) struct Body {
    pub(super) edits: Vec<Edit>,
    /// Offsets of quotes inside that were not escaped.
    inner: Vec<usize>,
    /// An end behind an odd number of inner quotes: offset, length of the quote, edits and inner quotes up to it.
    odd: Option<(usize, usize, usize, usize)>,
}

impl Lexer<'_> {
    pub(super) fn string(&mut self) -> Result<(), Junk> {
        let c = self.cursor;
        let start = self.i;
        let Some((quote, len)) = c.quote(start) else { return Ok(()) };
        self.raw = len == 2 && matches!(c.at(start), b'r' | b'R');
        if len == 1 && quote != Quote::Smart && self.triple(quote) {
            return Ok(());
        }
        let mut body = Body::default();
        let mut i = start + len;
        loop {
            let Some(found) = next_special(c.bytes, i, quote) else {
                return self.unterminated(start, len, quote, body);
            };
            i = found;
            match c.at(i) {
                b'\\' if self.path_ends(start + len, i) => {
                    body.edits.push(Edit::new(i, i, "\\", Code::Escape));
                    self.finish(start, len, quote, i + 1, 1, body);
                    return Ok(());
                }
                b'\\' => i = self.escape(i, quote, &mut body),
                byte if byte < 0x20 => {
                    body.edits.push(Edit::new(i, i + 1, control_escape(byte), Code::ControlCharacter));
                    i += 1;
                }
                _ => {
                    let Some(close) = c.closer(quote, i) else {
                        if c.at(i) == b'"' {
                            body.edits.push(Edit::new(i, i, "\\", Code::Quotes));
                        }
                        i += c.char_at(i).map_or(1, char::len_utf8);
                        continue;
                    };
                    if self.settle(start, len, quote, i, close, &mut body) {
                        return Ok(());
                    }
                    if quote == Quote::Double || c.at(i) == b'"' {
                        let code = if quote == Quote::Double { Code::InnerQuote } else { Code::Quotes };
                        body.edits.push(Edit::new(i, i, "\\", code));
                        body.inner.push(i);
                    }
                    i += close;
                }
            }
            if let Some((at, ..)) = body.odd
                && i > at + SECOND_CHANCE_BYTES
            {
                self.finish_odd(start, len, quote, body);
                return Ok(());
            }
        }
    }

    /// Decides about the quote at `i`. True: the string is done.
    fn settle(&mut self, start: usize, len: usize, quote: Quote, i: usize, close: usize, body: &mut Body) -> bool {
        let paired = quote != Quote::Double || body.inner.len().is_multiple_of(2);
        if self.expect == Expect::Key
            && !self.colon_behind(i + close)
            && self.key_end_missing(start, len, quote, i, body)
        {
            return true;
        }
        // Apostrophes come alone and quoted words come often where single quotes delimit: those ends prove more.
        let grade = self.follow(i + close, paired && quote != Quote::Single);
        let first = body.inner.is_empty();
        match grade {
            Grade::Strong if paired => {
                self.finish(start, len, quote, i, close, std::mem::take(body));
                true
            }
            Grade::Strong if body.odd.is_none() => {
                body.odd = Some((i, close, body.edits.len(), body.inner.len()));
                if body.inner.last() == Some(&(i - 1)) && body.inner.len() == 1 {
                    // `"text""`: an inner quote at the end, or one quote too many.
                    self.doubt(i, "doubled quote", "the string ends with a quote", "one quote is too many");
                }
                if self.clean_behind(i + close) {
                    self.finish_odd(start, len, quote, std::mem::take(body));
                    return true;
                }
                false
            }
            Grade::Weak if first && quote != Quote::Single => {
                self.finish(start, len, quote, i, close, std::mem::take(body));
                true
            }
            Grade::No
                if first
                    && (self.smart_close(start, len, quote, i, body)
                        || self.other_close(start, len, quote, i, body)
                        || self.close_missing(start, len, quote, i, body)) =>
            {
                true
            }
            _ => false,
        }
    }

    pub(super) fn doubt(&mut self, at: usize, what: &'static str, first: &str, second: &str) {
        self.ambiguous.push(Ambiguity { at, what, first: first.to_owned(), second: second.to_owned() });
    }

    fn finish_odd(&mut self, start: usize, len: usize, quote: Quote, mut body: Body) {
        if let Some((at, close, edits, inner)) = body.odd.take() {
            body.edits.truncate(edits);
            body.inner.truncate(inner);
            // `["a", b"]`: one text, or two of which the second was never opened.
            let comma = |at: &usize| self.cursor.comma(self.cursor.skip(at + 1).0).is_some();
            if self.expect == Expect::Item
                && let Some(at) = body.inner.first().copied().filter(|at| inner == 1 && comma(at))
            {
                self.doubt(at, "quote", "it ends the text", "it stands inside the text");
            }
            self.finish(start, len, quote, at, close, body);
        }
    }

    /// The string `start..` ends with the quote at `i`.
    fn finish(&mut self, start: usize, len: usize, quote: Quote, i: usize, close: usize, mut body: Body) {
        let c = self.cursor;
        let plain = |at: usize, n: usize| n == 1 && c.at(at) == b'"';
        if !plain(start, len) {
            self.edits.push(Edit::new(start, start + len, "\"", Code::Quotes));
        }
        if quote == Quote::Single && self.expect == Expect::Item {
            self.doubt_elements_inside(start + len, i);
        }
        let closing = (!plain(i, close)).then(|| Edit::new(i, i + close, "\"", Code::Quotes));
        self.check_paths(start, i, quote, &mut body);
        self.edits.extend(body.edits);
        self.edits.extend(closing);
        self.string_done(start, i + close);
    }

    /// `['a', 'b 'c']`: what looks like the end of one text and the start of the next may be inside a text.
    fn doubt_elements_inside(&mut self, from: usize, to: usize) {
        let text = self.cursor.slice(from, to);
        let mut quotes = text.match_indices('\'').filter(|(at, _)| {
            let behind = text.get(at + 1..).unwrap_or("").trim_start();
            let next = behind.strip_prefix(',').is_some_and(|rest| rest.trim_start().starts_with('\''));
            next && !text.get(..*at).is_some_and(|before| before.ends_with('\\'))
        });
        if let Some((at, _)) = quotes.next() {
            self.doubt(from + at, "quote", "it ends the text", "it stands inside the text");
        }
    }

    /// A string token is complete: key or scalar, and `+` behind it.
    fn string_done(&mut self, start: usize, end: usize) {
        let c = self.cursor;
        let (next, line) = c.skip(end);
        if self.expect == Expect::Key && next >= c.len() {
            self.cut = Some(Cut::Inside);
            return;
        }
        let colon = c.colon(next).is_some() && !(line && self.expect == Expect::Item);
        let key = match self.expect {
            Expect::Key => colon || (c.value_start(next) && self.key_without_colon(next)),
            Expect::Value | Expect::Item => colon,
        };
        if key && !colon && c.at(end - 1) == b'"' && c.at(end - 2) == b':' {
            // `"name:" "Ada"`: the colon slipped into the quotes.
            self.edits.push(Edit::new(end - 2, end - 1, "", Code::Punctuation));
        }
        let joined = !key && c.at(next) == b'+' && c.quote(c.skip(next + 1).0).is_some();
        if joined {
            self.join(start, end, c.skip(next + 1).0);
            return;
        }
        self.push(if key { Kind::Key } else { Kind::Scalar }, start, end);
        if key {
            self.key_done();
        } else {
            self.after_value();
        }
    }

    /// `"a" + "b"`: drops what lies between the two bodies, and lexes on in the second.
    fn join(&mut self, start: usize, end: usize, next: usize) {
        let c = self.cursor;
        let Some((_, len)) = c.quote(next) else { return };
        let from = end - self.closing_len(end);
        // A translated closing quote would overlap.
        while self.edits.last().is_some_and(|e| e.start >= from) {
            self.edits.pop();
        }
        self.i = next;
        let tokens = self.tokens.len();
        if self.string().is_err() || self.tokens.len() == tokens {
            return;
        }
        self.edits.retain(|e| !(e.start == next && e.end == next + len && e.code == Code::Quotes));
        self.edits.push(Edit::new(from, next + len, "", Code::Concatenation));
        if let Some(token) = self.tokens.get_mut(tokens) {
            token.start = super::lexer::narrow(start);
        }
    }

    fn closing_len(&self, end: usize) -> usize {
        (1..=3).find(|n| self.cursor.quote(end.saturating_sub(*n)).is_some_and(|(_, len)| len == *n)).unwrap_or(1)
    }

    pub(super) fn key_without_colon(&self, next: usize) -> bool {
        let c = self.cursor;
        if c.quote(next).is_some() {
            return c.quoted_key(next).is_none() && c.plain_string(next).is_none_or(|end| c.delimiter(c.skip(end).0));
        }
        matches!(c.at(next), b'{' | b'[') || c.plain_scalar(next)
    }

    fn colon_behind(&self, after: usize) -> bool {
        self.cursor.colon(self.cursor.skip(after).0).is_some()
    }

    /// `"name: "Ada"`: the closing quote of a key is missing, and the quote at `i` opens the value.
    fn key_end_missing(&mut self, start: usize, len: usize, quote: Quote, i: usize, body: &mut Body) -> bool {
        let c = self.cursor;
        let text = c.slice(start + len, i);
        let Some(colon) = text.find(':') else { return false };
        let name = text.get(..colon).unwrap_or("").trim_end();
        let end = start + len + name.len();
        let (value, _) = c.skip(start + len + colon + 1);
        if colon + 1 == text.len() && c.value_start(c.skip(i + 1).0) {
            return false;
        }
        // `"name': 'Ada'`: the key is closed, by a quote of the other kind.
        if let Some(bare) = name.strip_suffix(['\'', '"'])
            && !bare.is_empty()
            && c.quote(value).is_some()
        {
            let at = end - 1;
            body.edits.retain(|e| e.start < at);
            self.finish(start, len, quote, at, 1, std::mem::take(body));
            return true;
        }
        let bare =
            !name.is_empty() && name.chars().all(|x| x.is_alphanumeric() || matches!(x, '_' | '-' | '$' | '.' | ' '));
        if !bare || !(value == i || matches!(c.at(value), b'{' | b'[') || c.plain_scalar(value)) {
            return false;
        }
        body.edits.retain(|e| e.start < end);
        self.finish_without_close(start, len, end, std::mem::take(body));
        true
    }

    fn finish_without_close(&mut self, start: usize, len: usize, end: usize, body: Body) {
        if !(len == 1 && self.cursor.at(start) == b'"') {
            self.edits.push(Edit::new(start, start + len, "\"", Code::Quotes));
        }
        self.edits.extend(body.edits);
        self.edits.push(Edit::new(end, end, "\"", Code::MissingQuote));
        self.string_done(start, end);
    }

    /// A string that a plain quote opened and a smart one closed, somewhere before `stop`.
    fn smart_close(&mut self, start: usize, len: usize, quote: Quote, stop: usize, body: &mut Body) -> bool {
        let c = self.cursor;
        let text = c.slice(start + len, stop);
        if quote != Quote::Double || text.is_ascii() {
            return false;
        }
        let Some((n, mark)) = text.char_indices().find(|(_, x)| matches!(x, '“' | '”' | '„' | '’' | '»'))
        else {
            return false;
        };
        let at = start + len + n;
        let (next, _) = c.skip(at + mark.len_utf8());
        let ends = if self.expect == Expect::Key { c.colon(next).is_some() } else { c.delimiter(next) };
        if !ends {
            return false;
        }
        body.edits.retain(|e| e.start < at);
        self.finish(start, len, quote, at, mark.len_utf8(), std::mem::take(body));
        true
    }

    /// A string that one of the two plain quotes opened and the other one closed, somewhere before `stop`: the next
    /// string starts behind its comma.
    fn other_close(&mut self, start: usize, len: usize, quote: Quote, stop: usize, body: &mut Body) -> bool {
        let c = self.cursor;
        let other = match quote {
            Quote::Double => '\'',
            Quote::Single => '"',
            _ => return false,
        };
        let ends = |at: usize| {
            let (comma, _) = c.skip(at + 1);
            c.comma(comma).is_some_and(|n| c.quote(c.skip(comma + n).0).is_some()) && !c.is_in_word(at, 1)
        };
        let text = c.slice(start + len, stop);
        let Some(at) = text.match_indices(other).map(|(n, _)| start + len + n).find(|at| ends(*at)) else {
            return false;
        };
        if self.expect != Expect::Value {
            return false;
        }
        body.edits.retain(|e| e.start < at);
        self.finish(start, len, quote, at, 1, std::mem::take(body));
        true
    }

    /// The quote at `i` opens the next member or element: the closing quote before the comma is missing.
    fn close_missing(&mut self, start: usize, len: usize, quote: Quote, i: usize, body: &mut Body) -> bool {
        let c = self.cursor;
        let Some(prev) = c.back(i) else { return false };
        let line = c.slice(prev, i).contains('\n');
        if matches!(c.at(prev), b'{' | b'[') {
            return self.close_missing_before_bracket(start, len, quote, i, body);
        }
        let comma = c.at(prev) == b',';
        if (!comma && !line) || prev < start + len - 1 {
            return false;
        }
        let next_is_plain = if self.expect == Expect::Item {
            c.plain_member(i) || (c.plain_element(i) && self.clean_behind(c.plain_string(i).unwrap_or(i)))
        } else {
            c.plain_member(i)
        };
        if !next_is_plain {
            return false;
        }
        let end = if comma { c.back(prev).map_or(start + len, |p| p + 1) } else { prev + 1 };
        self.close_at(start, len, quote, end.max(start + len), body)
    }

    /// `["T]], {"next": ..`: the quote at `i` opens a key or element in a bracket that itself follows a comma.
    fn close_missing_before_bracket(
        &mut self,
        start: usize,
        len: usize,
        quote: Quote,
        i: usize,
        body: &mut Body,
    ) -> bool {
        let c = self.cursor;
        let object = c.back(i).is_some_and(|p| c.at(p) == b'{');
        let mut at = i;
        while let Some(p) = c.back(at).filter(|&p| matches!(c.at(p), b'{' | b'[')) {
            at = p;
        }
        let Some(comma) = c.back(at).filter(|&p| c.at(p) == b',' && p >= start + len) else { return false };
        let end = c.back(comma).map_or(start + len, |p| p + 1).max(start + len);
        let plain = if object { c.quoted_key(i).is_some() } else { c.plain_element(i) };
        if !plain || (self.expect != Expect::Item && self.closer_run(start + len, end) == end) {
            return false;
        }
        self.close_at(start, len, quote, end, body)
    }

    /// Ends the string at or before `end`: closing brackets that balance the open ones belong to the document.
    fn close_at(&mut self, start: usize, len: usize, quote: Quote, end: usize, body: &mut Body) -> bool {
        let c = self.cursor;
        let mut end = end;
        if c.at(start + len) == b',' {
            // No string begins with the comma that follows it.
            end = start + len;
        }
        let run = self.closer_run(start + len, end);
        if run < end {
            if c.slice(start + len, run).contains(['{', '[']) {
                self.doubt(
                    run,
                    "missing quote",
                    "the brackets end the string",
                    "the brackets end the document's values",
                );
            }
            end = c.back(run).map_or(run, |p| p + 1).max(start + len);
        }
        if self.expect == Expect::Item {
            self.doubt_commas(start + len, end);
        }
        body.edits.retain(|e| e.start < end);
        // The string may have been closed by a quote of another kind.
        if let Some((n, _)) =
            (2..=3).find_map(|n| c.quote(end.saturating_sub(n)).filter(|(_, l)| *l == n).map(|q| (n, q)))
            && quote == Quote::Double
            && end - n > start
            && !c.slice(start + len, end - n).contains(['“', '„', '«', '‘'])
        {
            let at = end - n;
            self.finish(start, len, quote, at, n, std::mem::take(body));
            return true;
        }
        if body.edits.last().is_some_and(|e| e.end > end) || c.slice(start + len, end).ends_with('\\') {
            return false;
        }
        if c.slice(start + len, end).ends_with("\\\"") {
            self.doubt(end, "missing quote", "an escaped quote ends the string", "a backslash ends the string");
        }
        self.finish_without_close(start, len, end, std::mem::take(body));
        true
    }

    /// Where the longest run of closing brackets before `end` starts that fits the open brackets.
    fn closer_run(&self, floor: usize, end: usize) -> usize {
        let c = self.cursor;
        let mut positions = Vec::new();
        let mut at = end;
        while let Some(p) = c.back(at) {
            if p < floor || !matches!(c.at(p), b'}' | b']') || positions.len() >= self.stack.len() {
                break;
            }
            positions.push(p);
            at = p;
        }
        while let Some(&first) = positions.last() {
            let forward = positions.iter().rev().map(|&p| if c.at(p) == b'}' { Frame::Object } else { Frame::Array });
            if forward.zip(self.stack.iter().rev()).all(|(a, b)| a == *b) {
                return first;
            }
            positions.pop();
        }
        end
    }

    /// `["a, 1, 2]`: where the quote is missing decides how many elements there are.
    fn doubt_commas(&mut self, from: usize, to: usize) {
        let c = self.cursor;
        let text = c.slice(from, to);
        for (n, _) in text.match_indices(',') {
            let (i, _) = c.skip(from + n + 1);
            if c.plain_scalar(i) || (c.literal(i).is_some() && i < to) {
                self.doubt(i, "missing quote", "the comma belongs to the string", "the comma separates elements");
                return;
            }
        }
    }

    /// No quote closed the string.
    fn unterminated(&mut self, start: usize, len: usize, quote: Quote, mut body: Body) -> Result<(), Junk> {
        if body.odd.is_some() {
            self.finish_odd(start, len, quote, body);
            return Ok(());
        }
        let c = self.cursor;
        let mut end = c.len();
        let clean = body.inner.is_empty();
        if clean
            && (self.smart_close(start, len, quote, end, &mut body)
                || (self.expect == Expect::Key && self.key_end_missing(start, len, quote, end, &mut body)))
        {
            return Ok(());
        }
        let tail = c.slice(start, end);
        if let Some(fence) = tail.rfind("\n```") {
            end = start + fence;
        }
        let end = c.back(end).map_or(end, |p| p + 1);
        let run = self.closer_run(start + len, end);
        if body.inner.is_empty()
            && run < end
            && c.slice(run, end).matches(['}', ']']).count() == self.stack.len()
            && self.close_at(start, len, quote, end, &mut body)
        {
            return Ok(());
        }
        self.cut = Some(Cut::Inside);
        Ok(())
    }
}

impl Lexer<'_> {
    /// `"""text"""`: everything up to the closing triple is the string.
    fn triple(&mut self, quote: Quote) -> bool {
        let c = self.cursor;
        let start = self.i;
        let mark = match quote {
            Quote::Double => "\"\"\"",
            Quote::Single => "'''",
            _ => return false,
        };
        if !c.starts(start, mark) {
            return false;
        }
        let Some(mut end) = c.text.get(start + 3..).and_then(|rest| rest.find(mark)).map(|n| start + 3 + n) else {
            return false;
        };
        while c.starts(end + 1, mark) {
            end += 1;
        }
        let mut body = Body::default();
        let mut i = start + 3;
        while i < end {
            i = match c.at(i) {
                b'\\' => self.escape(i, quote, &mut body),
                b'"' => {
                    body.edits.push(Edit::new(i, i, "\\", Code::Quotes));
                    i + 1
                }
                byte if byte < 0x20 => {
                    body.edits.push(Edit::new(i, i + 1, control_escape(byte), Code::ControlCharacter));
                    i + 1
                }
                _ => i + 1,
            };
        }
        if i != end {
            return false;
        }
        self.finish(start, 3, quote, end, 3, body);
        true
    }

    /// A backslash in a string; the offset behind the escape.
    fn escape(&mut self, i: usize, quote: Quote, body: &mut Body) -> usize {
        let c = self.cursor;
        let next = c.at(i + 1);
        if self.raw {
            body.edits.push(Edit::new(i, i, "\\", Code::Escape));
            return i + 1;
        }
        match next {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => i + 2,
            b'u' if c.bytes.get(i + 2..i + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => i + 6,
            b'\'' => {
                body.edits.push(Edit::new(i, i + 1, "", Code::Escape));
                i + 2
            }
            b'x' if quote != Quote::Double
                && c.bytes.get(i + 2..i + 4).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
            {
                body.edits.push(Edit::new(i, i + 2, "\\u00", Code::Escape));
                i + 4
            }
            b'`' if quote == Quote::Back => {
                body.edits.push(Edit::new(i, i + 1, "", Code::Escape));
                i + 2
            }
            _ => match c.quote(i + 1) {
                // A document whose quotes were all made smart escapes its quotes in the smart form.
                Some((Quote::Smart, len)) if quote == Quote::Smart => {
                    body.edits.push(Edit::new(i + 1, i + 1 + len, "\"", Code::Quotes));
                    i + 1 + len
                }
                _ => {
                    if next == b'x'
                        && c.bytes.get(i + 2..i + 4).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
                    {
                        self.doubt(i, "escape", "a character given in hexadecimal", "a backslash and letters");
                    }
                    body.edits.push(Edit::new(i, i, "\\", Code::Escape));
                    i + 1
                }
            },
        }
    }
}

/// The next byte in a string that needs a decision.
#[inline]
pub(super) fn next_special(bytes: &[u8], from: usize, quote: Quote) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let found = match quote {
        Quote::Double => rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20),
        Quote::Single => rest.iter().position(|&b| matches!(b, b'\'' | b'"' | b'\\') || b < 0x20),
        Quote::Back => rest.iter().position(|&b| matches!(b, b'`' | b'"' | b'\\') || b < 0x20),
        Quote::Smart | Quote::SmartSingle => {
            rest.iter().position(|&b| matches!(b, b'\'' | b'"' | b'\\' | 0xE2 | 0xC2 | 0xEF | 0xE3) || b < 0x20)
        }
    };
    found.map(|n| from + n)
}
