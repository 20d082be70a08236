//! The error object: `{"error": {"message", "type", "param", "code"}}`.

use serde_json::value::RawValue;

use crate::error::ErrorBody;
use crate::fields::{Fields, Path, as_text};
use crate::json::elements;
use crate::write;

/// Writes an error body.
#[must_use]
pub fn encode_error(error: &ErrorBody) -> Vec<u8> {
    let mut body = Vec::new();
    write::object(&mut body, |out| {
        out.object("error", |out| {
            out.string("message", &error.message);
            out.string("type", &error.kind);
            out.value("param", error.param.as_deref());
            out.value("code", error.code.as_deref());
        });
    });
    body
}

/// Reads an error body, in the shapes that vendors use: the object, a bare string, `message` or `detail` at the top, a
/// list of one. `None` for anything else.
#[must_use]
pub fn decode_error(body: &[u8]) -> Option<ErrorBody> {
    let text = std::str::from_utf8(body).ok()?;
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    let raw = elements(raw).next().unwrap_or(raw);
    let mut fields = Fields::of(raw, Path::Root).ok()?;
    if let Some(error) = fields.take("error") {
        return Some(read(error));
    }
    let message = fields.take("message").or_else(|| fields.take("detail"))?;
    Some(ErrorBody { message: text_or_json(message), ..read(raw) })
}

/// The value of an `error` member.
pub(super) fn read(error: &RawValue) -> ErrorBody {
    let Ok(mut fields) = Fields::of(error, Path::Root) else {
        return ErrorBody { kind: "error".to_owned(), message: text_or_json(error), ..ErrorBody::default() };
    };
    let mut text = |key| fields.take(key).map(text_or_json);
    let (message, code) = (text("message").unwrap_or_default(), text("code"));
    let kind = text("type").or_else(|| text("status")).or_else(|| code.clone()).unwrap_or_else(|| "error".to_owned());
    ErrorBody { kind, message, param: text("param"), code }
}

fn text_or_json(value: &RawValue) -> String {
    as_text(value).map_or_else(|| value.get().to_owned(), std::borrow::Cow::into_owned)
}
