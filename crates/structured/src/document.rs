//! A JSON document kept as its text plus a flat table of nodes.
//!
//! Nothing is decoded before somebody asks: a number stays the characters that were written, members stay in
//! their order, a duplicate key stays visible, and null, absent and empty stay three things. The table is one
//! vector, so neither parsing, nor walking, nor dropping a document of depth 10^6 uses the call stack.
//!
//! What never happens here: no repair. A text that is not JSON (RFC 8259) is an error with its byte offset.

use std::borrow::Cow;

pub(crate) use crate::literal::{control_escape, decode, encode};

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number, kept as source text.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

#[derive(Debug, Clone, Copy)]
struct Rec {
    start: u32,
    end: u32,
    /// Index of the first node that is no part of this subtree.
    next: u32,
    kind: Kind,
    /// A string that holds an escape.
    escaped: bool,
}

/// A well-formed JSON text and the table of its nodes.
#[derive(Debug, Clone)]
pub struct Document {
    text: String,
    nodes: Vec<Rec>,
    depth: u32,
}

/// Why a text is not JSON: the byte offset at which the grammar was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no JSON at byte {at}")]
pub struct NotJson {
    /// Byte offset of the first byte that no JSON text can have here.
    pub at: usize,
}

impl Document {
    /// Reads a text that is JSON already. Linear time, no recursion.
    ///
    /// # Errors
    /// The offset of the first byte outside the grammar; texts of 4 GiB and more are refused at offset 0.
    pub fn parse(text: impl Into<String>) -> Result<Self, NotJson> {
        let text = text.into();
        let (nodes, depth) = Parser::new(&text).run()?;
        Ok(Self { text, nodes, depth })
    }

    /// The text, byte for byte.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Gives the text back.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Nesting depth: 0 for a scalar.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth as usize
    }

    /// How many values and keys there are.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node { doc: self, index: 0 }
    }

    /// Pointers (RFC 6901) of the members whose key already stood in the same object with another value.
    /// Cost: the sum over the objects of members squared for small, sorted for large ones.
    pub(crate) fn conflicting_duplicates(&self) -> Vec<String> {
        let mut found = Vec::new();
        for index in 0..self.nodes.len() {
            let node = Node { doc: self, index };
            if node.kind() == Kind::Object
                && let Some(key) = node.conflicting_key()
            {
                found.push(key);
            }
        }
        found
    }

    fn rec(&self, index: usize) -> Rec {
        self.nodes.get(index).copied().unwrap_or(Rec { start: 0, end: 0, next: 0, kind: Kind::Null, escaped: false })
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A value inside a [`Document`].
#[derive(Debug, Clone, Copy)]
pub struct Node<'d> {
    doc: &'d Document,
    index: usize,
}

impl<'d> Node<'d> {
    /// What it is.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.doc.rec(self.index).kind
    }

    /// Where it stands in the text, in bytes.
    #[must_use]
    pub fn span(self) -> (usize, usize) {
        let rec = self.doc.rec(self.index);
        (rec.start as usize, rec.end as usize)
    }

    /// Its source text.
    #[must_use]
    pub fn raw(self) -> &'d str {
        let (start, end) = self.span();
        self.doc.text.get(start..end).unwrap_or("")
    }

    /// The decoded string, if it is one. A lone surrogate decodes to U+FFFD.
    #[must_use]
    pub fn as_str(self) -> Option<Cow<'d, str>> {
        let rec = self.doc.rec(self.index);
        match (rec.kind, rec.escaped) {
            (Kind::String, false) => Some(Cow::Borrowed(self.inside())),
            (Kind::String, true) => Some(decode(self.raw())),
            _ => None,
        }
    }

    /// The elements of an array; nothing for other kinds.
    pub fn items(self) -> impl Iterator<Item = Node<'d>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (node, next) = self.item_at(at)?;
            at = next;
            Some(node)
        })
    }

    /// The members of an object in source order, duplicates included: key node (a string) and value.
    pub fn members(self) -> impl Iterator<Item = (Node<'d>, Node<'d>)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (key, value, next) = self.member_at(at)?;
            at = next;
            Some((key, value))
        })
    }

    /// The element at a place of a walk, and the next place. A walk begins at 0.
    pub(crate) fn item_at(self, at: usize) -> Option<(Node<'d>, usize)> {
        let rec = self.doc.rec(self.index);
        let at = if at == 0 { self.index + 1 } else { at };
        (rec.kind == Kind::Array && at < rec.next as usize).then(|| {
            let next = (self.doc.rec(at).next as usize).max(at + 1);
            (Node { doc: self.doc, index: at }, next)
        })
    }

    /// The member at a place of a walk, key and value, and the next place. A walk begins at 0.
    pub(crate) fn member_at(self, at: usize) -> Option<(Node<'d>, Node<'d>, usize)> {
        let rec = self.doc.rec(self.index);
        let at = if at == 0 { self.index + 1 } else { at };
        (rec.kind == Kind::Object && at + 1 < rec.next as usize).then(|| {
            let next = (self.doc.rec(at + 1).next as usize).max(at + 2);
            (Node { doc: self.doc, index: at }, Node { doc: self.doc, index: at + 1 }, next)
        })
    }

    /// How many values and keys the subtree has.
    pub(crate) fn nodes(self) -> usize {
        (self.doc.rec(self.index).next as usize).saturating_sub(self.index)
    }

    /// What tells the node from all others while its document lives.
    pub(crate) fn identity(self) -> (usize, u32) {
        (std::ptr::from_ref(self.doc).addr(), u32::try_from(self.index).unwrap_or(u32::MAX))
    }

    /// What stands between the quotes of a string.
    fn inside(self) -> &'d str {
        let (start, end) = self.span();
        self.doc.text.get(start + 1..end.saturating_sub(1)).unwrap_or("")
    }

    /// Whether it is the string `text`.
    pub(crate) fn is_text(self, text: &str) -> bool {
        let rec = self.doc.rec(self.index);
        rec.kind == Kind::String && if rec.escaped { decode(self.raw()) == text } else { self.inside() == text }
    }

    /// The first member of that name.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Node<'d>> {
        self.members().find(|(k, _)| k.is_text(key)).map(|(_, value)| value)
    }

    /// How many elements or members there are.
    #[must_use]
    pub fn len(self) -> usize {
        match self.kind() {
            Kind::Array => self.items().count(),
            Kind::Object => self.members().count(),
            _ => 0,
        }
    }

    /// Whether there are no elements or members.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    fn conflicting_key(self) -> Option<String> {
        if self.distinct_keys() {
            return None;
        }
        let mut seen: Vec<(Cow<'d, str>, &'d str)> = Vec::new();
        for (key, value) in self.members() {
            seen.push((decode(key.raw()), value.raw()));
        }
        seen.sort();
        seen.windows(2).find(|pair| matches!(pair, [a, b] if a.0 == b.0 && a.1 != b.1)).and_then(|pair| {
            let (key, _) = pair.first()?;
            Some(key.to_string())
        })
    }

    /// Whether its keys are plain and all different: a cheap look at a small object, a sorted one at a large one.
    pub(crate) fn distinct_keys(self) -> bool {
        const FEW: usize = 12;
        let mut keys: [&str; FEW] = [""; FEW];
        for (n, (key, _)) in self.members().enumerate() {
            let raw = key.raw();
            let (Some(before), false) = (keys.get(..n), key.doc.rec(key.index).escaped) else { return false };
            if before.contains(&raw) {
                return false;
            }
            match keys.get_mut(n) {
                Some(slot) => *slot = raw,
                None => return self.many_distinct_keys(),
            }
        }
        true
    }

    fn many_distinct_keys(self) -> bool {
        let plain = self.members().all(|(key, _)| !key.doc.rec(key.index).escaped);
        let mut keys: Vec<&str> = self.members().map(|(key, _)| key.raw()).collect();
        keys.sort_unstable();
        plain && keys.windows(2).all(|pair| !matches!(pair, [a, b] if a == b))
    }

    /// The value for readers that speak `serde_json`. Numbers beyond `f64` saturate; the exact text stays here.
    /// Recursive: callers bound [`Document::depth`] first.
    pub(crate) fn to_serde(self) -> serde_json::Value {
        use serde_json::Value;
        match self.kind() {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(self.raw() == "true"),
            Kind::Number => Value::Number(number_to_serde(self.raw())),
            Kind::String => Value::String(decode(self.raw()).into_owned()),
            Kind::Array => Value::Array(self.items().map(Node::to_serde).collect()),
            Kind::Object => {
                Value::Object(self.members().map(|(k, v)| (decode(k.raw()).into_owned(), v.to_serde())).collect())
            }
        }
    }
}

pub(crate) fn number_to_serde(text: &str) -> serde_json::Number {
    if let Ok(small) = text.parse::<i64>()
        && text != "-0"
    {
        return small.into();
    }
    if let Ok(large) = text.parse::<u64>() {
        return large.into();
    }
    let float = text.parse::<f64>().unwrap_or(0.0).clamp(f64::MIN, f64::MAX);
    serde_json::Number::from_f64(float).unwrap_or_else(|| 0.into())
}

/// Length of the JSON number at the start of `bytes`, or `None`.
pub(crate) fn number_len(bytes: &[u8]) -> Option<usize> {
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut i = usize::from(at(0) == b'-');
    match at(i) {
        b'0' => i += 1,
        b'1'..=b'9' => i = digits_end(bytes, i),
        _ => return None,
    }
    if at(i) == b'.' {
        let end = digits_end(bytes, i + 1);
        if end == i + 1 {
            return None;
        }
        i = end;
    }
    if matches!(at(i), b'e' | b'E') {
        let from = i + 1 + usize::from(matches!(at(i + 1), b'+' | b'-'));
        let end = digits_end(bytes, from);
        if end == from {
            return None;
        }
        i = end;
    }
    Some(i)
}

fn digits_end(bytes: &[u8], mut i: usize) -> usize {
    while bytes.get(i).is_some_and(u8::is_ascii_digit) {
        i += 1;
    }
    i
}

/// End of the string literal that opens at `start` (one past the closing quote), strictly by the grammar.
pub(crate) fn string_end(bytes: &[u8], start: usize) -> Result<usize, usize> {
    string_read(bytes, start).map(|(end, _)| end)
}

/// Where the bytes end that a string literal may hold as they are: eight are looked at at once.
fn plain_end(bytes: &[u8], mut i: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Bit 7 of each byte that is zero; of those above the lowest one it may lie.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    while let Some(Ok(eight)) = bytes.get(i..i + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(eight);
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c)) | controls;
        if found != 0 {
            return i + (found.trailing_zeros() / 8) as usize;
        }
        i += 8;
    }
    while bytes.get(i).is_some_and(|b| !matches!(b, b'"' | b'\\' | 0..0x20)) {
        i += 1;
    }
    i
}

/// The end of a string literal, and whether it holds an escape.
fn string_read(bytes: &[u8], start: usize) -> Result<(usize, bool), usize> {
    let mut escaped = false;
    let mut i = start + 1;
    loop {
        i = plain_end(bytes, i);
        match bytes.get(i) {
            Some(b'"') => return Ok((i + 1, escaped)),
            Some(b'\\') => match bytes.get(i + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                    escaped = true;
                    i += 2;
                }
                Some(b'u') => {
                    let hex = bytes.get(i + 2..i + 6).unwrap_or(&[]);
                    if hex.len() < 4 || !hex.iter().all(u8::is_ascii_hexdigit) {
                        return Err(i);
                    }
                    escaped = true;
                    i += 6;
                }
                _ => return Err(i),
            },
            Some(0..0x20) => return Err(i),
            None | Some(_) => return Err(bytes.len()),
        }
    }
}

enum Expect {
    Value,
    FirstItem,
    Key,
    FirstKey,
    After,
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Rec>,
    open: Vec<u32>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            nodes: Vec::with_capacity(text.len() / 7 + 8),
            open: Vec::new(),
            depth: 0,
        }
    }

    fn run(mut self) -> Result<(Vec<Rec>, u32), NotJson> {
        if u32::try_from(self.bytes.len()).is_err() {
            return Err(NotJson { at: 0 });
        }
        let mut expect = Expect::Value;
        loop {
            self.skip();
            let byte = self.bytes.get(self.at).copied();
            expect = match (expect, byte) {
                (Expect::After, Some(b',')) => self.comma()?,
                (Expect::After | Expect::FirstItem, Some(b']')) => self.close(Kind::Array)?,
                (Expect::After | Expect::FirstKey, Some(b'}')) => self.close(Kind::Object)?,
                (Expect::Key | Expect::FirstKey, Some(b'"')) => self.key()?,
                (Expect::Value | Expect::FirstItem, Some(byte)) => self.value(byte)?,
                _ => return Err(NotJson { at: self.at }),
            };
            if self.open.is_empty() {
                self.skip();
                if self.at < self.bytes.len() {
                    return Err(NotJson { at: self.at });
                }
                return Ok((self.nodes, u32::try_from(self.depth).unwrap_or(u32::MAX)));
            }
        }
    }

    fn skip(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn comma(&mut self) -> Result<Expect, NotJson> {
        self.at += 1;
        let kind = self.open.last().and_then(|&i| self.nodes.get(i as usize)).map(|rec| rec.kind);
        match kind {
            Some(Kind::Object) => Ok(Expect::Key),
            Some(_) => Ok(Expect::Value),
            None => Err(NotJson { at: self.at - 1 }),
        }
    }

    fn key(&mut self) -> Result<Expect, NotJson> {
        self.string()?;
        self.skip();
        if self.bytes.get(self.at) != Some(&b':') {
            return Err(NotJson { at: self.at });
        }
        self.at += 1;
        Ok(Expect::Value)
    }

    fn string(&mut self) -> Result<(), NotJson> {
        let (end, escaped) = string_read(self.bytes, self.at).map_err(|at| NotJson { at })?;
        self.push(Kind::String, end);
        if let Some(rec) = self.nodes.last_mut() {
            rec.escaped = escaped;
        }
        Ok(())
    }

    fn push(&mut self, kind: Kind, end: usize) {
        let next = self.nodes.len() + 1;
        #[expect(clippy::cast_possible_truncation, reason = "`run` refuses texts that do not fit")]
        self.nodes.push(Rec { start: self.at as u32, end: end as u32, next: next as u32, kind, escaped: false });
        self.at = end;
    }

    fn value(&mut self, byte: u8) -> Result<Expect, NotJson> {
        let word = |text: &str| self.bytes.get(self.at..self.at + text.len()) == Some(text.as_bytes());
        let (kind, end) = match byte {
            b'"' => return self.string().map(|()| Expect::After),
            b'{' | b'[' => return Ok(self.open(byte)),
            b't' if word("true") => (Kind::Bool, self.at + 4),
            b'f' if word("false") => (Kind::Bool, self.at + 5),
            b'n' if word("null") => (Kind::Null, self.at + 4),
            _ => {
                let len = number_len(self.bytes.get(self.at..).unwrap_or(&[])).ok_or(NotJson { at: self.at })?;
                (Kind::Number, self.at + len)
            }
        };
        self.push(kind, end);
        Ok(Expect::After)
    }

    fn open(&mut self, byte: u8) -> Expect {
        #[expect(clippy::cast_possible_truncation, reason = "`run` refuses texts that do not fit")]
        self.open.push(self.nodes.len() as u32);
        self.depth = self.depth.max(self.open.len());
        let object = byte == b'{';
        self.push(if object { Kind::Object } else { Kind::Array }, self.at + 1);
        if object { Expect::FirstKey } else { Expect::FirstItem }
    }

    fn close(&mut self, kind: Kind) -> Result<Expect, NotJson> {
        self.at += 1;
        let next = self.nodes.len();
        let rec = self.open.pop().and_then(|i| self.nodes.get_mut(i as usize));
        match rec {
            #[expect(clippy::cast_possible_truncation, reason = "`run` refuses texts that do not fit")]
            Some(rec) if rec.kind == kind => {
                rec.end = self.at as u32;
                rec.next = next as u32;
                Ok(Expect::After)
            }
            _ => Err(NotJson { at: self.at - 1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_source_text_and_duplicates_stay_visible() {
        let doc = Document::parse(r#"{"n":1.0e400,"n":12345678901234567890123,"e":{}}"#).expect("valid");
        let raws: Vec<_> = doc.root().members().map(|(k, v)| (k.raw(), v.raw())).collect();
        assert_eq!(raws, [("\"n\"", "1.0e400"), ("\"n\"", "12345678901234567890123"), ("\"e\"", "{}")]);
        assert_eq!(doc.conflicting_duplicates(), ["n"]);
    }

    #[test]
    fn depth_of_a_million_neither_parses_nor_drops_on_the_call_stack() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        assert_eq!(Document::parse(deep).expect("valid").depth(), 1_000_000);
        assert_eq!(Document::parse("[".repeat(1_000_000)).expect_err("open").at, 1_000_000);
    }

    #[test]
    fn the_grammar_is_exactly_json() {
        for bad in
            ["", "[1,]", "{,}", "{\"a\" 1}", "01", "1.", ".5", "+1", "nul", "\"\u{1}\"", "\"\\x\"", "[1}", "1 2", "{}}"]
        {
            assert!(Document::parse(bad).is_err(), "{bad}");
        }
        for good in [" 1 ", "[]", "{}", "[[],{}]", "-0.0", "1E5", "\"\\ud83d\\ude00\""] {
            assert!(Document::parse(good).is_ok(), "{good}");
        }
    }
}
