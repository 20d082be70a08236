//! Reading an object member by member, so that what nobody asked for is left over instead of lost.
//!
//! A wrong type is an error with the member's full path; a `null` reads as absent, as providers read it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::DecodeError;
use crate::json::{self, RawObject};

/// Where a value lies in a document; written as `messages[0].content`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Element(&'p Path<'p>, usize),
}

impl Path<'_> {
    pub(crate) const fn member<'p>(&'p self, key: &'p str) -> Path<'p> {
        Path::Member(self, key)
    }

    pub(crate) const fn element(&self, index: usize) -> Path<'_> {
        Path::Element(self, index)
    }

    pub(crate) fn wrong_type(&self, expected: &'static str, found: &RawValue) -> DecodeError {
        DecodeError::Type { param: self.to_string(), expected, found: json::kind_of(found.get()) }
    }

    pub(crate) fn wrong_value(&self, expected: &'static str, found: &str) -> DecodeError {
        DecodeError::Value { param: self.to_string(), expected, found: found.chars().take(64).collect() }
    }

    pub(crate) fn missing(&self) -> DecodeError {
        DecodeError::Missing { param: self.to_string() }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Member(Path::Root, key) => f.write_str(key),
            Path::Member(parent, key) => write!(f, "{parent}.{key}"),
            Path::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// An object that is being read.
#[derive(Debug)]
pub(crate) struct Fields<'a, 'p> {
    pub(crate) path: Path<'p>,
    object: RawObject<'a>,
    taken: Vec<bool>,
}

impl<'a, 'p> Fields<'a, 'p> {
    pub(crate) fn document(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self::new(Path::Root, RawObject::parse(bytes)?))
    }

    pub(crate) fn of(value: &'a RawValue, path: Path<'p>) -> Result<Self, DecodeError> {
        match RawObject::of(value) {
            Ok(object) => Ok(Self::new(path, object)),
            Err(_) => Err(path.wrong_type("an object", value)),
        }
    }

    /// An object of proto3 JSON: its keys are read in `camelCase`, however they are written.
    pub(crate) fn proto(value: &'a RawValue, path: Path<'p>) -> Result<Self, DecodeError> {
        let fields = Self::of(value, path)?;
        Ok(Self { object: fields.object.in_camel_case(), ..fields })
    }

    /// A document of proto3 JSON.
    pub(crate) fn proto_document(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self::new(Path::Root, RawObject::parse(bytes)?.in_camel_case()))
    }

    fn new(path: Path<'p>, object: RawObject<'a>) -> Self {
        let taken = vec![false; object.members().len()];
        Self { path, object, taken }
    }

    /// The value of `key`; of several the last, and all of them count as read.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        let mut found = None;
        for (member, taken) in self.object.members().iter().zip(&mut self.taken) {
            if member.key == key {
                *taken = true;
                found = Some(member.value);
            }
        }
        found.filter(|value| value.get() != "null")
    }

    /// The value of `key` if `wanted` takes it; otherwise it is left over as if it had not been asked for.
    pub(crate) fn take_if(&mut self, key: &str, wanted: impl Fn(&RawValue) -> bool) -> Option<&'a RawValue> {
        if wanted(self.object.get(key)?) { self.take(key) } else { None }
    }

    pub(crate) fn required(&mut self, key: &str) -> Result<&'a RawValue, DecodeError> {
        self.take(key).ok_or_else(|| self.path.member(key).missing())
    }

    fn typed<T: Deserialize<'a>>(&mut self, key: &str, expected: &'static str) -> Result<Option<T>, DecodeError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match serde_json::from_str(value.get()) {
            Ok(typed) => Ok(Some(typed)),
            Err(_) => Err(self.path.member(key).wrong_type(expected, value)),
        }
    }

    pub(crate) fn string(&mut self, key: &str) -> Result<Option<String>, DecodeError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let text = as_text(value).ok_or_else(|| self.path.member(key).wrong_type("a string", value))?;
        Ok(Some(text.into_owned()))
    }

    pub(crate) fn required_string(&mut self, key: &str) -> Result<String, DecodeError> {
        self.string(key)?.ok_or_else(|| self.path.member(key).missing())
    }

    pub(crate) fn boolean(&mut self, key: &str) -> Result<Option<bool>, DecodeError> {
        self.typed(key, "a boolean")
    }

    pub(crate) fn unsigned(&mut self, key: &str) -> Result<Option<u64>, DecodeError> {
        self.typed(key, "a non-negative integer")
    }

    pub(crate) fn integer(&mut self, key: &str) -> Result<Option<i64>, DecodeError> {
        self.typed(key, "an integer")
    }

    /// A number between 0 and `most`, both included.
    pub(crate) fn number(&mut self, key: &str, most: f64, range: &'static str) -> Result<Option<f64>, DecodeError> {
        match self.typed::<f64>(key, range)? {
            Some(number) if !(0.0..=most).contains(&number) => {
                Err(self.path.member(key).wrong_value(range, &number.to_string()))
            }
            number => Ok(number),
        }
    }

    /// The elements of an array member; none if it is absent.
    pub(crate) fn array(
        &mut self,
        key: &str,
    ) -> Result<Option<impl Iterator<Item = &'a RawValue> + use<'a>>, DecodeError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        if json::kind_of(value.get()) != "an array" {
            return Err(self.path.member(key).wrong_type("an array", value));
        }
        Ok(Some(json::elements(value)))
    }

    /// Counts every member as read.
    pub(crate) fn take_all(&mut self) {
        self.taken.fill(true);
    }

    /// The members that nobody took, in order; explicit `null`s among them.
    pub(crate) fn rest(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        let members = self.object.members().iter().zip(&self.taken);
        members.filter(|(_, taken)| !**taken).map(|(member, _)| (member.key.as_ref(), member.value))
    }
}

/// A string value as text, if it is one; half a character in it is read as U+FFFD.
pub(crate) fn as_text(value: &RawValue) -> Option<Cow<'_, str>> {
    let mended = || {
        let is_text = json::kind_of(value.get()) == "a string";
        serde_json::from_str(&json::without_lone_surrogates(is_text.then(|| value.get())?)).ok().map(Cow::Owned)
    };
    json::text::deserialize(value).ok().or_else(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_is_read_as_a_replacement_and_a_whole_one_as_itself() {
        for (json, expected) in [
            (r#""a\ud83d""#, Some("a\u{fffd}")),
            (r#""\ude00b""#, Some("\u{fffd}b")),
            (r#""\ud83d\ud83d\ude00\n\\ud83d""#, Some("\u{fffd}\u{1f600}\n\\ud83d")),
            (r#""\ud83d\u0041""#, Some("\u{fffd}A")),
            ("7", None),
            ("null", None),
        ] {
            let value = RawValue::from_string(json.to_owned()).expect("JSON");
            assert_eq!(as_text(&value).as_deref(), expected, "{json}");
        }
    }
}
