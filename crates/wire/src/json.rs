//! A shallow, ordered index of a JSON object over its original bytes, and edits that leave all other bytes alone.
//!
//! One scan finds where each top-level member lies; nothing below the top level is looked at, no tree is built, and
//! a member that nobody asks for costs one index entry. [`Splice`] writes the object back with a few members replaced,
//! added or removed: key order, number spellings, white space, escapes and unknown members leave as they came.
//!
//! What never happens here: a number is never re-spelt, a duplicate key is never merged away.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep a document may nest. The typed readers of `serde_json` stop at the same depth.
pub const MAX_DEPTH: usize = 128;

/// Why bytes are not a JSON object that this house reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The bytes are not UTF-8.
    #[error("invalid UTF-8 at byte {offset}")]
    Utf8 {
        /// The first byte that is wrong.
        offset: usize,
    },
    /// The text is not JSON.
    #[error("{problem} at byte {offset}")]
    Syntax {
        /// Where reading stopped.
        offset: usize,
        /// What was wrong there.
        problem: String,
    },
    /// The text is JSON, but not an object.
    #[error("expected a JSON object, found {found}")]
    NotAnObject {
        /// What it is instead.
        found: &'static str,
    },
    /// The document nests deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels at byte {offset}")]
    TooDeep {
        /// The bracket that was one too many.
        offset: usize,
    },
}

/// One member of an object.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// The key, unescaped.
    pub key: Cow<'a, str>,
    /// The value, as it came.
    pub value: &'a RawValue,
    /// Where the value lies in the original bytes.
    pub span: Range<usize>,
}

/// The members of a JSON object, in order, duplicates included.
#[derive(Debug, Clone)]
pub struct RawObject<'a> {
    source: &'a str,
    members: Vec<Member<'a>>,
}

impl<'a> RawObject<'a> {
    /// Indexes `bytes`, which must hold one JSON object and nothing else. One UTF-8 check and one scan.
    ///
    /// # Errors
    /// Any [`JsonError`]; offsets count bytes from the start of `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let source = std::str::from_utf8(bytes).map_err(|e| JsonError::Utf8 { offset: e.valid_up_to() })?;
        check_depth(bytes)?;
        Self::index(source)
    }

    /// Indexes a value of a document that was read before.
    ///
    /// # Errors
    /// [`JsonError::NotAnObject`] if the value is none; offsets count from the value's own start.
    pub fn of(value: &'a RawValue) -> Result<Self, JsonError> {
        Self::index(value.get())
    }

    fn index(source: &'a str) -> Result<Self, JsonError> {
        let found = kind_of(source);
        let mut reader = serde_json::Deserializer::from_str(source);
        if found != "an object" {
            serde::de::IgnoredAny::deserialize(&mut reader)
                .and_then(|_| reader.end())
                .map_err(|e| syntax_error(source, &e))?;
            return Err(JsonError::NotAnObject { found });
        }
        let members = reader
            .deserialize_map(MembersVisitor { base: source.as_ptr().addr() })
            .and_then(|members| reader.end().map(|()| members))
            .map_err(|e| syntax_error(source, &e))?;
        Ok(Self { source, members })
    }

    /// The value of `key`; of several, the last, as providers read it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.members.iter().rev().find(|member| member.key == key).map(|member| member.value)
    }

    /// The first key that stands more than once. Parsers disagree on which of its values counts, so whoever decides by
    /// one must not hand on the others.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        let mut known = std::collections::HashSet::with_capacity(self.members.len());
        self.members.iter().map(|member| &*member.key).find(|key| !known.insert(*key))
    }

    /// The object with `snake_case` keys read as `camelCase`: parsers of proto3 JSON take both, and clients write both.
    pub(crate) fn in_camel_case(mut self) -> Self {
        for member in &mut self.members {
            if member.key.contains('_') {
                member.key = Cow::Owned(camel_case(&member.key));
            }
        }
        self
    }

    /// All members, in order.
    #[must_use]
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The text that was indexed.
    #[must_use]
    pub const fn source(&self) -> &'a str {
        self.source
    }

    /// Starts a set of edits.
    #[must_use]
    pub const fn splice(&self) -> Splice<'_, 'a> {
        Splice { object: self, edits: Vec::new() }
    }
}

fn camel_case(key: &str) -> String {
    let mut after = false;
    key.chars().fold(String::with_capacity(key.len()), |mut text, c| {
        match (c, std::mem::replace(&mut after, c == '_')) {
            ('_', _) => {}
            (c, true) => text.push(c.to_ascii_uppercase()),
            (c, false) => text.push(c),
        }
        text
    })
}

/// The elements of a JSON array, found one by one as they are asked for: taking the first of many costs only the first.
/// A value that is no array has none.
pub fn elements(array: &RawValue) -> impl Iterator<Item = &RawValue> {
    let mut rest = array.get().trim_ascii_start().strip_prefix('[').unwrap_or_default();
    std::iter::from_fn(move || {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let value = values.next()?.ok()?;
        let after = values.byte_offset();
        rest = rest.get(after..)?.trim_ascii_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
        Some(value)
    })
}

/// JSON without the blanks between its tokens: the same value, spelt as it was.
#[must_use]
pub fn without_blanks(json: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let mut keeps = |c: char| {
        let is_blank = !in_text && c.is_ascii_whitespace();
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ => {}
        }
        !is_blank
    };
    json.chars().filter(|c| keeps(*c)).collect()
}

/// JSON with U+FFFD in the place of each half of a surrogate pair whose other half is missing: models write such an
/// escape where a token ends within a character, and no text can hold it.
pub(crate) fn without_lone_surrogates(json: &str) -> String {
    let unit = |escape: &str| u16::from_str_radix(escape.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let (mut out, mut rest) = (String::with_capacity(json.len()), json);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let low = || escape.get(6..).and_then(unit).is_some_and(|unit| (0xDC00..0xE000).contains(&unit));
        let (written, length) = match unit(escape) {
            Some(0xD800..0xDC00) if low() => (escape.get(..12), 12),
            Some(0xD800..0xE000) => (Some("\\ufffd"), 6),
            _ => (escape.get(..2), 2),
        };
        out.push_str(written.unwrap_or(escape));
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// What kind of JSON value a text begins, with its article: `an object`, `a string`.
#[must_use]
pub fn kind_of(json: &str) -> &'static str {
    match json.trim_ascii_start().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9') => "a number",
        _ => "nothing",
    }
}

/// Edits of one object, applied to its original bytes.
#[derive(Debug, Clone)]
pub struct Splice<'o, 'a> {
    object: &'o RawObject<'a>,
    edits: Vec<(String, Option<Box<RawValue>>)>,
}

impl Splice<'_, '_> {
    /// Sets `key` to `value`: every member of that name is replaced where it stands, or one is added at the end.
    ///
    /// # Panics
    /// If `value` cannot be written as JSON (a map with keys that are no strings).
    #[must_use]
    pub fn set<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Self {
        let json = serde_json::value::to_raw_value(value).expect("invariant: wire values serialise to JSON");
        self.set_raw(key, json)
    }

    /// Sets `key` to a value that is JSON already; it is written as it is spelt.
    #[must_use]
    pub fn set_raw(mut self, key: &str, value: Box<RawValue>) -> Self {
        self.edits.retain(|(edited, _)| edited != key);
        self.edits.push((key.to_owned(), Some(value)));
        self
    }

    /// Removes every member named `key`.
    #[must_use]
    pub fn remove(mut self, key: &str) -> Self {
        self.edits.retain(|(edited, _)| edited != key);
        self.edits.push((key.to_owned(), None));
        self
    }

    /// Writes the object with its edits. Without any, the bytes are those that were read.
    #[must_use]
    pub fn finish(&self) -> Vec<u8> {
        let source = self.object.source;
        let added: usize =
            self.edits.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, |v| v.get().len()) + 8).sum();
        let mut out = String::with_capacity(source.len() + added);
        let open = source.find('{').map_or(source.len(), |at| at + 1);
        push(&mut out, source, 0..open);
        let (mut slot, mut first) = (open, true);
        for member in &self.object.members {
            // A member's slot runs from after the comma (or brace) before it to the comma (or brace) after it.
            let end = source.as_bytes().iter().skip(member.span.end).position(|b| matches!(b, b',' | b'}'));
            let end = end.map_or(source.len(), |after| member.span.end + after);
            let edit = self.edits.iter().find(|(key, _)| *key == member.key);
            if !matches!(edit, Some((_, None))) {
                separate(&mut out, &mut first);
                match edit {
                    Some((_, Some(value))) => {
                        push(&mut out, source, slot..member.span.start);
                        out.push_str(value.get());
                        push(&mut out, source, member.span.end..end);
                    }
                    _ => push(&mut out, source, slot..end),
                }
            }
            slot = end + 1;
        }
        self.push_new_members(&mut out, &mut first);
        let close = if self.object.members.is_empty() { open } else { slot.saturating_sub(1) };
        push(&mut out, source, close..source.len());
        out.into_bytes()
    }

    fn push_new_members(&self, out: &mut String, first: &mut bool) {
        for (key, value) in &self.edits {
            let Some(value) = value else { continue };
            if self.object.members.iter().all(|member| member.key != *key) {
                separate(out, first);
                out.push_str(&serde_json::Value::from(key.as_str()).to_string());
                out.push(':');
                out.push_str(value.get());
            }
        }
    }
}

fn separate(out: &mut String, first: &mut bool) {
    if !*first {
        out.push(',');
    }
    *first = false;
}

fn push(out: &mut String, source: &str, range: Range<usize>) {
    out.push_str(source.get(range).unwrap_or_default());
}

/// Byte offset of a `serde_json` error, from its line and column (both counted in bytes, from 1).
fn syntax_error(source: &str, error: &serde_json::Error) -> JsonError {
    let line_start = match error.line().checked_sub(2) {
        None => 0,
        Some(newlines) => memchr::memchr_iter(b'\n', source.as_bytes()).nth(newlines).map_or(0, |at| at + 1),
    };
    let at = if error.is_eof() { source.len() } else { line_start + error.column().saturating_sub(1) };
    let offset = at.min(source.len());
    let text = error.to_string();
    let problem = text.split(" at line ").next().unwrap_or(&text).to_owned();
    JsonError::Syntax { offset, problem }
}

/// Refuses what nests too deep. Most documents open fewer brackets than the limit; only others are walked.
fn check_depth(bytes: &[u8]) -> Result<(), JsonError> {
    if memchr::memchr2_iter(b'{', b'[', bytes).nth(MAX_DEPTH).is_none() {
        return Ok(());
    }
    let (mut depth, mut at) = (0usize, 0usize);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' if depth == MAX_DEPTH => return Err(JsonError::TooDeep { offset: at - 1 }),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = end_of_string(bytes, at),
            _ => {}
        }
    }
    Ok(())
}

/// The position after the quote that closes the string whose content starts at `at`.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(next) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        let quote = bytes.get(at + next) == Some(&b'"');
        at += next + if quote { 1 } else { 2 };
        if quote {
            return at;
        }
    }
    bytes.len()
}

struct MembersVisitor {
    base: usize,
}

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            let start = value.get().as_ptr().addr() - self.base;
            members.push(Member { key, value, span: start..start + value.get().len() });
        }
        Ok(members)
    }
}

/// A key or a word, borrowed unless it is escaped. (`Cow` itself always deserialises to owned.)
pub(crate) struct Key<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer).map(Self)
    }
}

/// Reads a string, borrowed unless it is escaped: `#[serde(borrow, deserialize_with = "text::deserialize")]`.
pub(crate) mod text {
    use super::{Cow, Deserializer, Visitor, fmt};

    struct TextVisitor;

    impl<'de> Visitor<'de> for TextVisitor {
        type Value = Cow<'de, str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(text))
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Cow::Owned(text.to_owned()))
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}
