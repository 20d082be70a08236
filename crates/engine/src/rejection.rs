//! Why an answer was not released, for whoever must act on it: the client in its error, a person on the record.
//!
//! What never happens here: the best attempt in the place of a value. It stands beside the rejection, as text.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use steersman_core::{Layer, Violation};
use steersman_wire::json::RawObject;

/// The longest best attempt that an error carries.
const MAX_BEST_BYTES: usize = 64 << 10;

/// An answer that broke a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rejection {
    /// The first failing layer.
    pub(crate) layer: Layer,
    /// What was wrong, at least one.
    pub(crate) violations: Vec<Violation>,
    /// The two best readings, where they are equally good.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) readings: Vec<String>,
    /// The best attempt as text. It is not valid, so it is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) best_attempt: Option<String>,
}

impl Rejection {
    /// An error body of any dialect with the rejection inside of its error object.
    pub(crate) fn beside(&self, body: Bytes) -> Bytes {
        self.written(&body).map_or(body, Bytes::from)
    }

    fn written(&self, body: &[u8]) -> Option<Vec<u8>> {
        let mut own = self.clone();
        own.best_attempt = own.best_attempt.filter(|best| best.len() <= MAX_BEST_BYTES);
        let whole = RawObject::parse(body).ok()?;
        let error = RawObject::of(whole.get("error")?).ok()?;
        let error = String::from_utf8(error.splice().set("steersman", &own).finish()).ok()?;
        Some(whole.splice().set_raw("error", RawValue::from_string(error).ok()?).finish())
    }
}
