//! What the gateway needs to know of an answer that it passes on untouched, read without building anything.
//!
//! One [`FactsReader`] goes along with one answer. It looks at each frame (or at the whole body) once, borrows what it
//! reports, and skips the rest: a small delta costs well under a microsecond.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use steersman_core::{FinishReason, Usage};

/// What one frame, or one whole body, says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FrameFacts<'a> {
    /// The provider's id of the answer.
    pub id: Option<Cow<'a, str>>,
    /// The model that the provider says it served.
    pub model: Option<Cow<'a, str>>,
    /// Tokens, as far as this frame reports them.
    pub usage: Option<Usage>,
    /// The ends of answers: which, and why.
    pub finishes: Finishes,
    /// Whether it carries content: text, thinking, a refusal, a tool call.
    pub has_content: bool,
    /// Whether it carries a refusal in the model's own words.
    pub has_refusal: bool,
    /// Whether it is nothing but a usage report, which a client that did not ask for one must not see.
    pub usage_only: bool,
    /// Whether it marks the end of the stream.
    pub done: bool,
    /// Whether that end came before any answer said why it ends.
    pub cut: bool,
    /// The provider's error, if it is one.
    pub error: Option<ErrorFacts<'a>>,
}

impl FrameFacts<'_> {
    /// Whether it carries content, and beside it at most the names that every frame repeats.
    pub(crate) fn is_of_content_alone(&self) -> bool {
        let Self { id: _, model: _, usage, finishes, has_content, has_refusal, usage_only, done, cut, error } = self;
        let more =
            usage.is_some() || error.is_some() || !finishes.is_empty() || *has_refusal || *usage_only || *done || *cut;
        *has_content && !more
    }
}

/// The ends of answers within one frame. One is the rule; all others (`n > 1`, unstreamed) go to a list.
pub type Finishes = smallvec::SmallVec<[(u32, FinishReason); 2]>;

/// A provider's error inside of a stream or a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorFacts<'a> {
    /// Its type or code.
    pub kind: Cow<'a, str>,
    /// Its message.
    pub message: Cow<'a, str>,
}

/// An error object as all dialects write it, read without its details.
#[derive(serde::Deserialize)]
pub(crate) struct WireError<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) code: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) status: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) message: Text<'a>,
}

impl<'a> WireError<'a> {
    /// Its facts: the most telling of its words, and its message.
    pub(crate) fn facts(self) -> ErrorFacts<'a> {
        let kind = self.kind.0.or(self.status.0).or(self.code.0).unwrap_or_default();
        ErrorFacts { kind, message: self.message.0.unwrap_or_default() }
    }
}

/// Reads the facts of one answer, frame by frame. `None` for what is not of the dialect; the bytes still pass.
pub trait FactsReader: Send {
    /// The facts of the next frame's data. One that repeats the frame before but for its text does not tell id and
    /// model again.
    fn frame<'a>(&mut self, data: &'a [u8]) -> Option<FrameFacts<'a>>;

    /// The end marker that is missing from a stream that ends here: all of its answers have said why they end. `None`
    /// where it is cut, and where the dialect has no marker apart from that.
    fn missing_end(&self) -> Option<&'static [u8]> {
        None
    }

    /// The facts of an answer that was not streamed, or of an error body.
    fn body<'a>(&mut self, body: &'a [u8]) -> Option<FrameFacts<'a>>;
}

/// A string, borrowed unless escaped; a number is spelt out, anything else reads as absent.
#[derive(Default)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or null")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Text(None))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// Whether a member is there with something in it: not null, not an empty string, list or object.
#[derive(Default)]
pub(crate) struct Presence(pub(crate) bool);

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Its text is not decoded: half a character in an answer is the client's to read.
        let value = <&RawValue>::deserialize(deserializer)?.get();
        let is_empty = |open: char, close: char| {
            let inner = value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
            inner.is_some_and(|inner| inner.trim_ascii().is_empty())
        };
        Ok(Self(!(matches!(value, "null" | "\"\"") || is_empty('[', ']') || is_empty('{', '}'))))
    }
}
