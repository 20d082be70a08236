//! A document while it arrives: how much of it is certain, and the whole at the end.
//!
//! The machine follows the grammar byte by byte and remembers the last place up to which everything is complete:
//! a string behind its closing quote, a number behind its delimiter, a bracket behind its partner. What is shown of
//! that can only be contradicted by a repair; so once a text leaves the grammar nothing more is shown, and an ending
//! that would change what was shown is a rejection.
//!
//! What never happens here: no I/O, no second look at a byte before the end, no preview taken back.

use crate::outcome::{Layer, Reading, Rejected};
use crate::read::{Conditions, read};
use crate::schema::CompiledSchema;

/// Whether anything is shown before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Previews {
    /// Partial objects are offered. Alignment cannot change what was shown, so drift in it is rejected.
    Shown,
    /// Everything waits for the end, and every repair stays possible.
    Held,
}

/// What a push made certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing new is certain.
    Hold,
    /// The first so many bytes of the text are certain.
    Release(usize),
    /// The outermost bracket has closed: so many bytes are the document.
    Done(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    FirstItem,
    Key,
    FirstKey,
    Colon,
    After,
    Text {
        key: bool,
    },
    Escape {
        key: bool,
    },
    Hex {
        key: bool,
        left: u8,
    },
    Scalar,
    Closed,
    /// The text has left the grammar.
    Loose,
}

/// Collects one answer.
#[derive(Debug)]
pub struct Stream {
    text: Vec<u8>,
    at: usize,
    state: State,
    open: Vec<u8>,
    /// The last certain byte and the brackets open there.
    sure: (usize, usize),
    scalar: usize,
    previews: Previews,
    shown: usize,
}

impl Stream {
    /// An empty stream.
    #[must_use]
    pub fn new(previews: Previews) -> Self {
        Self {
            text: Vec::new(),
            at: 0,
            state: State::Value,
            open: Vec::new(),
            sure: (0, 0),
            scalar: 0,
            previews,
            shown: 0,
        }
    }

    /// Takes the next bytes, split anywhere. Constant work a byte.
    pub fn push(&mut self, bytes: &[u8]) -> Step {
        self.text.extend_from_slice(bytes);
        while let Some(&byte) = self.text.get(self.at) {
            if self.state == State::Loose {
                break;
            }
            self.state = self.next(byte);
            self.at += 1;
        }
        self.at = self.text.len();
        if self.previews == Previews::Held || self.sure.0 <= self.shown {
            return Step::Hold;
        }
        self.shown = self.sure.0;
        if self.state == State::Closed { Step::Done(self.shown) } else { Step::Release(self.shown) }
    }

    /// What is certain, closed up as a document. Costs its length; nothing is kept of it.
    #[must_use]
    pub fn partial(&self) -> Option<String> {
        let (end, open) = self.sure;
        if self.previews == Previews::Held || end == 0 {
            return None;
        }
        let mut text = std::str::from_utf8(self.text.get(..end)?).ok()?.to_owned();
        text.extend(self.open.get(..open)?.iter().rev().map(|&b| if b == b'{' { '}' } else { ']' }));
        Some(text)
    }

    /// The outcome of the whole text: what [`read`] says of it unstreamed, unless that would take back what was shown.
    pub fn finish(self, schema: Option<&CompiledSchema>, conditions: Conditions) -> Reading {
        let Ok(text) = String::from_utf8(self.text) else {
            return Reading::Rejected(Rejected::one(
                Layer::Syntax,
                "utf8",
                String::new(),
                "the text is not UTF-8".to_owned(),
            ));
        };
        let reading = read(&text, schema, conditions);
        if let Reading::Accepted(accepted) = &reading {
            let shown = text.as_bytes().get(..self.shown).unwrap_or(&[]);
            if !accepted.document().text().as_bytes().starts_with(shown) {
                let message = "a repair would take back what was shown".to_owned();
                return Reading::Rejected(Rejected::one(Layer::Syntax, "shown", String::new(), message));
            }
        }
        reading
    }

    fn next(&mut self, byte: u8) -> State {
        match self.state {
            State::Text { key } => match byte {
                b'"' if key => State::Colon,
                b'"' => self.complete(self.at + 1),
                b'\\' => State::Escape { key },
                0..0x20 => State::Loose,
                _ => State::Text { key },
            },
            State::Escape { key } => match byte {
                b'u' => State::Hex { key, left: 4 },
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => State::Text { key },
                _ => State::Loose,
            },
            State::Hex { key, left } if byte.is_ascii_hexdigit() => {
                if left > 1 {
                    State::Hex { key, left: left - 1 }
                } else {
                    State::Text { key }
                }
            }
            State::Hex { .. } => State::Loose,
            State::Scalar if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') => State::Scalar,
            State::Scalar => {
                let word = self.text.get(self.scalar..self.at).unwrap_or(&[]);
                let whole = matches!(word, b"true" | b"false" | b"null")
                    || crate::document::number_len(word) == Some(word.len());
                if !whole {
                    return State::Loose;
                }
                self.state = self.complete(self.at);
                self.between(byte)
            }
            _ => self.between(byte),
        }
    }

    fn between(&mut self, byte: u8) -> State {
        match (self.state, byte) {
            (state, b' ' | b'\n' | b'\r' | b'\t') => state,
            (State::Key | State::FirstKey, b'"') => State::Text { key: true },
            (State::Colon, b':') => State::Value,
            (State::After, b',') => {
                if self.open.last() == Some(&b'{') {
                    State::Key
                } else {
                    State::Value
                }
            }
            (State::After | State::FirstKey, b'}') => self.close(b'{'),
            (State::After | State::FirstItem, b']') => self.close(b'['),
            (State::Value | State::FirstItem, b'{') => self.enter(byte, State::FirstKey),
            (State::Value | State::FirstItem, b'[') => self.enter(byte, State::FirstItem),
            (State::Value | State::FirstItem, b'"') if !self.open.is_empty() => State::Text { key: false },
            (State::Value | State::FirstItem, b'-' | b'0'..=b'9' | b't' | b'f' | b'n') if !self.open.is_empty() => {
                self.scalar = self.at;
                State::Scalar
            }
            _ => State::Loose,
        }
    }

    fn enter(&mut self, byte: u8, state: State) -> State {
        self.open.push(byte);
        state
    }

    fn close(&mut self, opened: u8) -> State {
        if self.open.pop() != Some(opened) {
            return State::Loose;
        }
        self.complete(self.at + 1)
    }

    fn complete(&mut self, end: usize) -> State {
        self.sure = (end, self.open.len());
        if self.open.is_empty() { State::Closed } else { State::After }
    }
}
