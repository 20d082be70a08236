//! One forward pass from text to tokens, with every spelling repaired on the way.
//!
//! The lexer knows which bracket it believes to be in, but never trusts it: a string is a key when a colon follows.
//! So a missing bracket does not garble what comes after it, and the bracket search can work on clean tokens.
//!
//! What never happens here: no recursion, no going back further than the token at hand, no bracket written or
//! dropped.

use super::Reach;
use super::cursor::Cursor;
use super::token::{Ambiguity, Comma, Cut, Frame, Kind, Token};
use super::undecided::Words;
use crate::code::Code;
use crate::record::Edit;

/// What the lexer expects inside the innermost bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// A key of an object, or its end.
    Key,
    /// The value of a member.
    Value,
    /// An element of an array, or its end; also the root.
    Item,
}

/// Why lexing stopped short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Junk {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
    /// How many words of a document had been read.
    pub(crate) tokens: usize,
}

/// A doubt that a schema settles in which no object may have other members.
pub(crate) const MEMBERS_LEFT_OUT: &str = "an omission of members";
/// A doubt that only `strict` has: where a key should follow, digits behind a comma belong to the number.
pub(crate) const COMMA_IN_NUMBER: &str = "a comma in a number";
/// Room for so many tokens is made at once.
const TOKENS_EXPECTED_MAX: usize = 1024;

#[derive(Debug)]
pub(super) struct Lexer<'a> {
    pub(super) cursor: Cursor<'a>,
    pub(super) i: usize,
    pub(super) stack: Vec<Frame>,
    pub(super) expect: Expect,
    pub(super) tokens: Vec<Token>,
    pub(super) edits: Vec<Edit>,
    pub(super) commas: Vec<Comma>,
    pub(super) ambiguous: Vec<Ambiguity>,
    pub(super) cut: Option<Cut>,
    /// A closing fence stood where the document should have gone on: the text was not cut.
    pub(super) fenced: bool,
    /// The string at hand is a raw one: its backslashes are meant.
    pub(super) raw: bool,
    /// Token count and offset at which all brackets were closed for the first time.
    pub(super) first_close: Option<(usize, usize)>,
    comma_seen: bool,
    line_seen: Option<usize>,
    reach: Reach,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, start: usize, reach: Reach) -> Self {
        // A short document in a long text must not pay for all of it.
        let rough = (text.len().saturating_sub(start) / 7 + 8).min(TOKENS_EXPECTED_MAX);
        Self {
            cursor: Cursor::new(text),
            i: start,
            stack: Vec::with_capacity(16),
            expect: Expect::Item,
            tokens: Vec::with_capacity(rough),
            edits: Vec::with_capacity(16),
            commas: Vec::with_capacity(rough / 2),
            ambiguous: Vec::new(),
            cut: None,
            fenced: false,
            raw: false,
            first_close: None,
            comma_seen: false,
            line_seen: line_start(text, start),
            reach,
        }
    }

    /// For a document whose first brace is missing: the lexer is inside it from the start.
    pub(super) fn headless(mut self) -> Self {
        self.stack.push(Frame::Object);
        self.expect = Expect::Key;
        self
    }

    /// Gives away what was read.
    pub(super) fn take_words(&mut self) -> Words {
        Words {
            tokens: std::mem::take(&mut self.tokens),
            commas: std::mem::take(&mut self.commas),
            edits: std::mem::take(&mut self.edits),
        }
    }

    /// A comma stands before the word at hand.
    pub(super) fn comma_before(&self) -> bool {
        self.comma_seen
    }

    /// Reads one document from the current offset to its end.
    pub(super) fn run(&mut self) -> Result<(), Junk> {
        self.words().map_err(|junk| Junk { tokens: self.tokens.len(), ..junk })
    }

    fn words(&mut self) -> Result<(), Junk> {
        loop {
            self.gap();
            let c = self.cursor;
            if self.i >= c.len() || (c.starts(self.i, "```") && !self.tokens.is_empty() && self.backticks_are_a_fence())
            {
                self.fenced = self.i < c.len();
                return Ok(());
            }
            match c.at(self.i) {
                b'{' => self.open(Frame::Object, 1),
                b'[' => self.open(Frame::Array, 1),
                b'}' => self.close(Frame::Object, 1),
                b']' => self.close(Frame::Array, 1),
                0xEF if c.starts(self.i, "｛") => self.foreign_open(Frame::Object),
                0xEF if c.starts(self.i, "［") => self.foreign_open(Frame::Array),
                0xEF if c.starts(self.i, "｝") => self.foreign_close(Frame::Object),
                0xEF if c.starts(self.i, "］") => self.foreign_close(Frame::Array),
                b'"' if self.plain_string() => {}
                _ if c.quote(self.i).is_some() => self.string()?,
                _ => self.bare()?,
            }
            if self.cut == Some(Cut::Inside) {
                return Ok(());
            }
            if self.stack.is_empty() && self.expect != Expect::Value && !self.goes_on() {
                return Ok(());
            }
        }
    }

    fn backticks_are_a_fence(&self) -> bool {
        self.cursor.back(self.i).is_none_or(|_| {
            let before = self.cursor.slice(self.i.saturating_sub(64), self.i);
            before.trim_end_matches([' ', '\t']).ends_with('\n')
                || self.cursor.slice(self.i + 3, self.cursor.len()).trim().is_empty()
        })
    }

    /// After the last bracket: does the text go on as if it were still inside?
    fn goes_on(&mut self) -> bool {
        if self.first_close.is_none() {
            self.first_close = Some((self.tokens.len(), self.i));
        }
        let c = self.cursor;
        let (i, _) = c.skip(self.i);
        match c.at(i) {
            b'}' | b']' => true,
            _ if self.reach == Reach::Brackets => false,
            b'"' => c.quoted_key(i).is_some(),
            b',' => {
                let (j, _) = c.skip(i + 1);
                matches!(c.at(j), b'{' | b'[') || c.quoted_key(j).is_some() || c.plain_element(j)
            }
            _ => false,
        }
    }

    /// White space, comments, commas and ellipses up to the next token.
    fn gap(&mut self) {
        let c = self.cursor;
        loop {
            let i = self.i;
            match c.at(i) {
                b' ' | b'\t' | b'\r' => self.i += 1,
                b'\n' => {
                    self.line_seen = Some(i + 1);
                    self.i += 1;
                }
                b',' | b';' => self.comma(1),
                b'\\' if c.is_escaped_space(i) => self.drop_until(i + 2, " ", Code::Space),
                b'.' if c.starts(i, "...") => self.ellipsis(3),
                0xE2 if c.starts(i, "…") => self.ellipsis(3),
                b'/' | b'#' | b'<' => match c.comment_end(i) {
                    Some(end) => self.comment(end),
                    None => return,
                },
                0..0x80 if !matches!(c.at(i), 0x0B | 0x0C) => return,
                _ => match (c.odd_space(i), c.comma(i)) {
                    (Some(len), _) => self.drop_until(i + len, " ", Code::Space),
                    (_, Some(len)) => self.comma(len),
                    _ => return,
                },
            }
        }
    }

    fn drop_until(&mut self, end: usize, with: &'static str, code: Code) {
        self.edits.push(Edit::new(self.i, end, with, code));
        self.i = end;
    }

    /// A comment says nothing of the data, unless it says that some of it was left out.
    fn comment(&mut self, end: usize) {
        if super::elision::is_elision(self.cursor.slice(self.i, end)) {
            self.left_out("the comment stands for what was left out", "the comment is only a comment");
        }
        self.drop_until(end, "", Code::Comment);
    }

    fn ellipsis(&mut self, len: usize) {
        // At the end of a list of scalars it trails off; between two elements, and behind a record, it stands for
        // others.
        let (next, _) = self.cursor.skip(self.i + len);
        let (next, _) = self.cursor.skip(next + self.cursor.comma(next).unwrap_or(0));
        let record = matches!(self.tokens.last().map(|t| t.kind), Some(Kind::CloseObject | Kind::CloseArray));
        let between = !self.tokens.is_empty() && self.cursor.value_start(next);
        if self.stack.last() == Some(&Frame::Array) && (record || between) {
            self.left_out("the ellipsis stands for elements", "the ellipsis says nothing");
        }
        if self.stack.last() == Some(&Frame::Object) && !self.tokens.is_empty() {
            self.ambiguous.push(Ambiguity {
                at: self.i,
                what: MEMBERS_LEFT_OUT,
                first: "the ellipsis stands for members".to_owned(),
                second: "the ellipsis says nothing".to_owned(),
            });
        }
        self.drop_until(self.i + len, "", Code::Ellipsis);
    }

    pub(super) fn left_out(&mut self, first: &str, second: &str) {
        self.ambiguous.push(Ambiguity {
            at: self.i,
            what: "an omission",
            first: first.to_owned(),
            second: second.to_owned(),
        });
    }

    pub(super) fn comma(&mut self, len: usize) {
        if self.cursor.at(self.i) != b',' {
            self.edits.push(Edit::new(self.i, self.i + len, ",", Code::Punctuation));
        }
        let before = narrow(self.tokens.len());
        self.commas.push(Comma { start: narrow(self.i), end: narrow(self.i + len), before });
        self.comma_seen = true;
        self.i += len;
        self.expect = match self.stack.last() {
            Some(Frame::Object) => Expect::Key,
            _ => Expect::Item,
        };
    }

    pub(super) fn push(&mut self, kind: Kind, start: usize, end: usize) {
        let indent = self.line_seen.take().map(|line| u16::try_from(start.saturating_sub(line)).unwrap_or(u16::MAX));
        let comma = std::mem::take(&mut self.comma_seen);
        self.tokens.push(Token { kind, start: narrow(start), end: narrow(end), comma, indent });
        self.i = end;
    }

    fn open(&mut self, frame: Frame, len: usize) {
        let kind = if frame == Frame::Object { Kind::OpenObject } else { Kind::OpenArray };
        self.push(kind, self.i, self.i + len);
        self.stack.push(frame);
        self.expect = if frame == Frame::Object { Expect::Key } else { Expect::Item };
    }

    fn foreign_open(&mut self, frame: Frame) {
        self.edits.push(Edit::new(self.i, self.i + 3, frame.open(), Code::Punctuation));
        self.open(frame, 3);
    }

    fn foreign_close(&mut self, frame: Frame) {
        self.edits.push(Edit::new(self.i, self.i + 3, frame.close(), Code::Punctuation));
        self.close(frame, 3);
    }

    fn close(&mut self, frame: Frame, len: usize) {
        let kind = if frame == Frame::Object { Kind::CloseObject } else { Kind::CloseArray };
        self.push(kind, self.i, self.i + len);
        // A closer that fits further out says that the ones above it were forgotten; one that fits nowhere is extra.
        let second = self.stack.len().checked_sub(2).and_then(|i| self.stack.get(i));
        if self.stack.last() != Some(&frame) && second == Some(&frame) {
            self.stack.pop();
        }
        self.stack.pop();
        self.after_value();
    }

    pub(super) fn after_value(&mut self) {
        self.expect = match self.stack.last() {
            Some(Frame::Object) => Expect::Key,
            _ => Expect::Item,
        };
    }

    /// After a key: its colon, present or not.
    pub(super) fn key_done(&mut self) {
        let c = self.cursor;
        let (i, _) = c.skip(self.i);
        while self.i < i {
            match (c.comment_end(self.i), c.odd_space(self.i)) {
                (Some(end), _) => self.drop_until(end, "", Code::Comment),
                (_, Some(len)) => self.drop_until(self.i + len, " ", Code::Space),
                _ => self.i += 1,
            }
        }
        if let Some(len) = c.colon(i) {
            if c.at(i) != b':' || len > 1 {
                self.edits.push(Edit::new(i, i + len, ":", Code::Punctuation));
            }
            self.i = i + len;
        } else if i < c.len() {
            let end = self.tokens.last().map_or(i, |t| t.end as usize);
            self.edits.push(Edit::new(end, end, ":", Code::MissingColon));
        } else {
            self.cut = Some(Cut::Inside);
        }
        self.expect = Expect::Value;
        // White space up to the value belongs to no gap rule: an ellipsis or comma here is junk.
        let (value, _) = c.skip(self.i);
        if value >= c.len() {
            self.cut = Some(Cut::Inside);
        }
    }
}

/// Start of the line, if only white space stands between it and `at`. Looks back over white space alone.
fn line_start(text: &str, at: usize) -> Option<usize> {
    let head = text.get(..at)?;
    let start = head.trim_end_matches(|c: char| c.is_whitespace() && c != '\n').len();
    (start == 0 || head.get(..start)?.ends_with('\n')).then_some(start)
}

#[expect(clippy::cast_possible_truncation, reason = "texts of 4 GiB and more are refused at the door")]
pub(super) fn narrow(i: usize) -> u32 {
    i as u32
}
