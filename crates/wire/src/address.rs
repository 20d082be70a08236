//! Where a call for an answer goes: the same path for every model, or a path that names the model.
//!
//! Inside of this house a body always names its model and says whether its answer is streamed, in the members `model`
//! and `stream`. Where a wire says both in the path, they are moved at the edge: into the body of a request that comes
//! in ([`Named::into_body`]), out of the body of one that leaves ([`ByModel::take_out`]). Nothing in between knows of
//! it.
//!
//! What never happens here: any other byte of a body changes.

use std::borrow::Cow;

use steersman_core::percent_encoded;

use crate::json::{JsonError, RawObject};

/// The address of a dialect's calls, below a base address that ends with the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// One path; the body names the model: `/chat/completions`.
    Fixed(&'static str),
    /// The path names the model.
    ByModel(ByModel),
}

impl Address {
    /// The path of one call.
    #[must_use]
    pub fn path(&self, model: &str, stream: bool) -> Cow<'static, str> {
        match self {
            Self::Fixed(path) => Cow::Borrowed(path),
            Self::ByModel(form) => Cow::Owned(form.path(model, stream)),
        }
    }
}

/// A path around a model's name: `/models/` NAME `:generateContent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByModel {
    /// What stands before the name.
    pub before: &'static str,
    /// What stands after it for a whole answer.
    pub whole: &'static str,
    /// What stands after it for a streamed one, query included.
    pub stream: &'static str,
}

/// What a path says of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The model.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
}

impl Named {
    /// The body with `model` and `stream` set to what the path says.
    ///
    /// # Errors
    /// [`JsonError`] for what is no JSON object.
    pub fn into_body(&self, body: &[u8]) -> Result<Vec<u8>, JsonError> {
        Ok(RawObject::parse(body)?.splice().set("model", &self.model).set("stream", &self.stream).finish())
    }
}

impl ByModel {
    /// The path of one call. The name is percent-encoded whole, so that it cannot leave its segment.
    #[must_use]
    pub fn path(&self, model: &str, stream: bool) -> String {
        let action = if stream { self.stream } else { self.whole };
        [self.before, &percent_encoded(model, b""), action].concat()
    }

    /// Whether a path without its query has this form.
    #[must_use]
    pub fn fits(&self, path: &str) -> bool {
        let stream = self.stream.split('?').next().unwrap_or_default();
        path.strip_prefix(self.before).is_some_and(|rest| rest.ends_with(self.whole) || rest.ends_with(stream))
    }

    /// What a path and its query say, if they have this form. A stream is asked for by its path and its query.
    #[must_use]
    pub fn read(&self, path_and_query: &str) -> Option<Named> {
        let rest = path_and_query.strip_prefix(self.before)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (after, wanted) = self.stream.split_once('?').unwrap_or((self.stream, ""));
        let asks = |name: &str| path.strip_suffix(name).filter(|model| !model.is_empty()).and_then(decoded);
        let streamed = wanted.is_empty() || query.split('&').any(|pair| pair == wanted);
        if let Some(model) = asks(after).filter(|_| streamed) {
            return Some(Named { model, stream: true });
        }
        asks(self.whole).map(|model| Named { model, stream: false })
    }

    /// A body without `model` and `stream`, which the path says in their place.
    ///
    /// # Errors
    /// [`JsonError`] for what is no JSON object.
    pub fn take_out(&self, body: &[u8]) -> Result<Vec<u8>, JsonError> {
        Ok(RawObject::parse(body)?.splice().remove("model").remove("stream").finish())
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match byte {
            b'%' => {
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: ByModel =
        ByModel { before: "/models/", whole: ":generateContent", stream: ":streamGenerateContent?alt=sse" };

    #[test]
    fn a_path_says_what_it_was_written_from() {
        for model in ["gemini-2.5-flash", "task/triage", "a:b/c d", "arn:aws:bedrock:x::y/z"] {
            for stream in [true, false] {
                let path = FORM.path(model, stream);
                assert!(!path.contains(' ') && path.matches('/').count() == 2, "{path}");
                assert_eq!(FORM.read(&path), Some(Named { model: model.to_owned(), stream }), "{path}");
            }
        }
        assert_eq!(FORM.read("/models/task/triage:generateContent").expect("read").model, "task/triage");
    }

    #[test]
    fn other_calls_are_none_of_ours() {
        for path in ["/models/m:countTokens", "/models/:generateContent", "/models/m:streamGenerateContent", "/m"] {
            assert_eq!(FORM.read(path), None, "{path}");
        }
    }

    #[test]
    fn what_moves_into_a_body_moves_out_of_it_again() {
        let named = Named { model: "m".into(), stream: true };
        let body = br#"{ "contents" : [ ],"x":1.0e2 }"#;
        let inside = named.into_body(body).expect("an object");
        assert!(String::from_utf8_lossy(&inside).contains("\"model\":\"m\""), "{inside:?}");
        let outside = FORM.take_out(&inside).expect("an object");
        assert!(String::from_utf8_lossy(&outside).starts_with(r#"{ "contents" : [ ],"x":1.0e2"#));
        assert!(!String::from_utf8_lossy(&outside).contains("model"));
    }
}
