//! The words between the lexer and the bracket search.
//!
//! What never happens here: no text. A token is a kind and a span.

/// What a token is, once quoting and spelling are out of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    OpenObject,
    OpenArray,
    CloseObject,
    CloseArray,
    Key,
    Scalar,
}

/// A bracket family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    Object,
    Array,
}

impl Frame {
    pub(super) fn close(self) -> &'static str {
        match self {
            Frame::Object => "}",
            Frame::Array => "]",
        }
    }

    pub(super) fn open(self) -> &'static str {
        match self {
            Frame::Object => "{",
            Frame::Array => "[",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    /// A comma stands between the token before and this one.
    pub(super) comma: bool,
    /// Columns of white space before it, when it is the first on its line.
    pub(super) indent: Option<u16>,
}

/// A comma (or its foreign spelling) and the token it stands before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comma {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) before: u32,
}

/// A place where two readings were equally good. Refused unless something else settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ambiguity {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
    pub(crate) first: String,
    pub(crate) second: String,
}

/// How a text ended before its document did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Inside a string, key, number, literal or after a colon.
    Inside,
    /// Between tokens, with this many brackets open.
    Open(usize),
}
