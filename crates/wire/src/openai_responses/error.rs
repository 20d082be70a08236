//! An error inside of an answer: the `error` member of a failed response, or an `error` event.

use crate::error::ErrorBody;
use crate::fields::{Fields, Path, as_text};

/// Reads the members `code`, `message` and `param`, beside each other or below `error`.
pub(super) fn read(raw: &serde_json::value::RawValue) -> ErrorBody {
    let Ok(mut fields) = Fields::of(raw, Path::Root) else { return ErrorBody::default() };
    if let Some(nested) = fields.take("error") {
        return read(nested);
    }
    let mut text = |key| fields.take(key).and_then(as_text).map(std::borrow::Cow::into_owned);
    let (code, message, param) = (text("code"), text("message").unwrap_or_default(), text("param"));
    ErrorBody { kind: code.clone().unwrap_or_else(|| "server_error".to_owned()), message, param, code }
}
