//! What an answer says beside the canonical form: how decoders tell it, each value once, and to which choice it
//! belongs.
//!
//! What never happens here: a value that says something is dropped.

use serde_json::value::RawValue;
use steersman_core::Event;

use crate::fields::{Fields, Path};

/// The last place of a choice's state.
const LAST_SLOT: usize = 127;

/// Members that chunks repeat, so that each value is told once.
#[derive(Debug, Default)]
pub(crate) struct Told(Vec<(Option<u32>, String, String)>);

impl Told {
    /// Whether a member says something that was not told before.
    pub(crate) fn is_new(&mut self, choice: Option<u32>, name: &str, value: &RawValue) -> bool {
        if !says_something(value) {
            return false;
        }
        match self.0.iter_mut().find(|(known, member, _)| *known == choice && member == name) {
            Some((.., json)) if json == value.get() => false,
            Some((.., json)) => {
                value.get().clone_into(json);
                true
            }
            None => {
                self.0.push((choice, name.to_owned(), value.get().to_owned()));
                true
            }
        }
    }
}

/// Whether a member is more than a place that was left empty.
pub(crate) fn says_something(value: &RawValue) -> bool {
    !matches!(value.get(), "null" | "[]" | "{}")
}

/// The event of what the canonical form does not model.
pub(crate) fn foreign(dialect: &'static str, choice: Option<u32>, name: impl Into<String>, value: &RawValue) -> Event {
    Event::Foreign { choice, dialect, name: name.into(), json: value.get().to_owned() }
}

/// The event of an error object with a message, and its kind in the member `kind`.
pub(crate) fn error(raw: &RawValue, kind: &str) -> Event {
    let mut error = Fields::of(raw, Path::Root).ok();
    let mut text = |key| error.as_mut().and_then(|error| error.string(key).ok().flatten());
    let (kind, message) = (text(kind), text("message"));
    Event::Error {
        kind: kind.unwrap_or_else(|| "error".to_owned()),
        message: message.unwrap_or_else(|| raw.get().to_owned()),
    }
}

/// The place of a choice's state, which is made if it is not there. A provider's index is data, not a size: beyond 128
/// choices they share the last one.
pub(crate) fn slot<T: Default>(states: &mut Vec<T>, index: usize) -> usize {
    let slot = index.min(LAST_SLOT);
    if states.len() <= slot {
        states.resize_with(slot + 1, T::default);
    }
    slot
}
