//! A document while it arrives: how much of it is certain, and the whole at the end.
//!
//! The machine follows the grammar byte by byte and remembers the last place up to which everything is complete: a
//! string behind its closing quote, a number behind its delimiter, a bracket behind its partner. What is shown of that
//! can only be contradicted by a repair; so once a text leaves the grammar, or what its schema vouches for, nothing
//! more is shown, and an ending that would change what was shown is a rejection.
//!
//! What never happens here: no I/O, no second look at a byte before the end, no preview taken back.

use crate::document::{Document, Kind, Node};
use crate::outcome::{Layer, Reading, Rejected};
use crate::read::{Conditions, read};
use crate::schema::CompiledSchema;
use crate::vouch::Voucher;

/// Whether anything is shown before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Previews {
    /// Partial objects are offered, as far as the schema vouches for them: what could still be renamed or converted is
    /// not.
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

/// What became certain, and how it is closed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth<'t> {
    /// The new text. All new texts one after the other are the beginning of the document.
    pub text: &'t str,
    /// The brackets that close them up.
    pub close: String,
}

/// Collects one answer.
#[derive(Debug)]
pub struct Stream<'s> {
    text: Vec<u8>,
    at: usize,
    state: State,
    open: Vec<u8>,
    /// The last certain byte and the brackets open there.
    sure: (usize, usize),
    /// The end of a number that the text behind its delimiter may still make another one (`1,234`, `12 000`).
    held: Option<usize>,
    /// Where the word or text that is under way began.
    began: usize,
    previews: Previews,
    shown: usize,
    schema: Option<&'s CompiledSchema>,
    voucher: Voucher<'s>,
}

impl<'s> Stream<'s> {
    /// An empty stream of a document, which may have a schema.
    #[must_use]
    pub fn new(previews: Previews, schema: Option<&'s CompiledSchema>) -> Self {
        Self {
            text: Vec::new(),
            at: 0,
            state: State::Value,
            open: Vec::new(),
            sure: (0, 0),
            held: None,
            began: 0,
            previews,
            shown: 0,
            schema,
            voucher: Voucher::new(schema.map(CompiledSchema::shapes)),
        }
    }

    /// Takes the next bytes, split anywhere. Constant work a byte, and for a value that has ended the look-up of its
    /// place.
    pub fn push(&mut self, bytes: &[u8]) -> Step {
        self.text.extend_from_slice(bytes);
        if self.previews == Previews::Held {
            return Step::Hold;
        }
        while let Some(&byte) = self.text.get(self.at) {
            if self.state == State::Loose {
                break;
            }
            self.state = self.next(byte);
            self.at += 1;
        }
        self.at = self.text.len();
        if self.sure.0 <= self.shown {
            return Step::Hold;
        }
        self.shown = self.sure.0;
        if self.state == State::Closed { Step::Done(self.shown) } else { Step::Release(self.shown) }
    }

    /// What is certain beyond the first `told` bytes; `None` if that is nothing. Costs its length and the open
    /// brackets.
    #[must_use]
    pub fn since(&self, told: usize) -> Option<Growth<'_>> {
        let (end, open) = self.sure;
        if end <= told {
            return None;
        }
        let text = std::str::from_utf8(self.text.get(told..end)?).ok()?;
        let close = self.open.get(..open)?.iter().rev().map(|&b| if b == b'{' { '}' } else { ']' }).collect();
        Some(Growth { text, close })
    }

    /// What is certain, closed up as a document. Costs its length; nothing is kept of it.
    #[must_use]
    pub fn partial(&self) -> Option<String> {
        self.since(0).map(|Growth { text, close }| format!("{text}{close}"))
    }

    /// The outcome of the whole text: what [`read()`] says of it unstreamed, unless that would take back what was
    /// shown.
    pub fn finish(self, conditions: Conditions) -> Reading {
        let shown = self.partial();
        let Ok(text) = String::from_utf8(self.text) else {
            return Reading::Rejected(Rejected::one(
                Layer::Syntax,
                "utf8",
                String::new(),
                "the text is not UTF-8".to_owned(),
            ));
        };
        let reading = read(&text, self.schema, conditions);
        if let (Reading::Accepted(accepted), Some(shown)) = (&reading, shown)
            && !is_continued(&shown, accepted.document())
        {
            let message = "a repair would take back what was shown".to_owned();
            return Reading::Rejected(Rejected::one(Layer::Syntax, "shown", String::new(), message));
        }
        reading
    }

    fn next(&mut self, byte: u8) -> State {
        match self.state {
            State::Text { key } => match byte {
                b'"' => self.text_ended(key),
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
                let word = self.text.get(self.began..self.at).unwrap_or(&[]);
                let whole = matches!(word, b"true" | b"false" | b"null")
                    || crate::document::number_len(word) == Some(word.len());
                if !whole || !vouched(word, |word| self.voucher.scalar(word)) {
                    return State::Loose;
                }
                if matches!(word.first(), Some(b'-' | b'0'..=b'9')) {
                    (self.held, self.state) = (Some(self.at), State::After);
                } else {
                    self.state = self.complete(self.at);
                }
                self.between(byte)
            }
            _ => self.between(byte),
        }
    }

    /// A number is one once a bracket, the key behind its comma, or in a list its comma came.
    fn release_number(&mut self, byte: u8) {
        let ends = match self.state {
            State::Key => byte == b'"',
            State::After => matches!(byte, b'}' | b']') || (byte == b',' && self.open.last() == Some(&b'[')),
            _ => false,
        };
        if ends && let Some(end) = self.held.take() {
            self.complete(end);
        }
    }

    fn between(&mut self, byte: u8) -> State {
        self.release_number(byte);
        match (self.state, byte) {
            (state, b' ' | b'\n' | b'\r' | b'\t') => state,
            (State::Key | State::FirstKey, b'"') => self.begin(State::Text { key: true }),
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
            (State::Value | State::FirstItem, b'"') if !self.open.is_empty() => self.begin(State::Text { key: false }),
            (State::Value | State::FirstItem, b'-' | b'0'..=b'9' | b't' | b'f' | b'n') if !self.open.is_empty() => {
                self.begin(State::Scalar)
            }
            _ => State::Loose,
        }
    }

    const fn begin(&mut self, state: State) -> State {
        self.began = self.at;
        state
    }

    fn text_ended(&mut self, key: bool) -> State {
        let raw = self.text.get(self.began..=self.at).unwrap_or(&[]);
        if key {
            return if vouched(raw, |raw| self.voucher.key(raw)) { State::Colon } else { State::Loose };
        }
        if vouched(raw, |raw| self.voucher.scalar(raw)) { self.complete(self.at + 1) } else { State::Loose }
    }

    fn enter(&mut self, byte: u8, state: State) -> State {
        if !self.voucher.enter(byte == b'{') {
            return State::Loose;
        }
        self.open.push(byte);
        state
    }

    fn close(&mut self, opened: u8) -> State {
        if self.open.last() != Some(&opened) || !self.voucher.close() {
            return State::Loose;
        }
        self.open.pop();
        self.complete(self.at + 1)
    }

    fn complete(&mut self, end: usize) -> State {
        if self.voucher.is_settled() {
            self.sure = (end, self.open.len());
        }
        if self.open.is_empty() { State::Closed } else { State::After }
    }
}

fn vouched(raw: &[u8], by: impl FnOnce(&str) -> bool) -> bool {
    std::str::from_utf8(raw).is_ok_and(by)
}

/// Whether a value holds everything that was shown of it: the same members and elements in the same order, more behind
/// them, and no key that says two things. Linear in both.
#[must_use]
pub fn is_continued(shown: &str, whole: &Document) -> bool {
    let shown = Document::parse(shown);
    shown.is_ok_and(|shown| holds(shown.root(), whole.root())) && whole.conflicting_duplicates().is_empty()
}

/// The depth is that of what was shown, which is bounded.
fn holds(shown: Node<'_>, whole: Node<'_>) -> bool {
    if shown.kind() != whole.kind() {
        return false;
    }
    match shown.kind() {
        Kind::Array => {
            let mut items = whole.items();
            shown.items().all(|item| items.next().is_some_and(|whole| holds(item, whole)))
        }
        Kind::Object => {
            let mut members = whole.members();
            shown.members().all(|(key, value)| {
                members.next().is_some_and(|(own, whole)| key.as_str() == own.as_str() && holds(value, whole))
            })
        }
        Kind::String => shown.as_str() == whole.as_str(),
        _ => shown.raw() == whole.raw(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Previews, Stream};

    #[test]
    fn a_number_is_shown_once_nothing_behind_its_comma_can_belong_to_it() {
        for (text, shown) in [
            (r#"{"n":1,"#, None),
            (r#"{"n":1,234"#, None),
            (r#"{"n":12 000"#, None),
            (r#"{"n":1, ""#, Some(r#"{"n":1}"#)),
            (r#"{"n":1 }"#, Some(r#"{"n":1 }"#)),
            ("[1,2", Some("[1]")),
        ] {
            let mut stream = Stream::new(Previews::Shown, None);
            stream.push(text.as_bytes());
            assert_eq!(stream.partial().as_deref(), shown, "{text}");
        }
    }
}
