//! What a text turned out to be.
//!
//! What never happens here: a value outside `Accepted`. The best attempt of a rejection and the prefix of a
//! truncation are texts beside the outcome; nothing converts them into a document by accident.

use crate::document::Document;
use crate::record::{Pass, Repair, repairs};
pub use steersman_core::{Layer, Violation};

/// The result of reading one model output.
#[derive(Debug, Clone)]
#[must_use]
pub enum Reading {
    /// The value that was meant, and how it was reached.
    Accepted(Accepted),
    /// No value can be delivered, and why.
    Rejected(Rejected),
    /// The model declined, in its own words.
    Refused(String),
    /// The text was cut before its document ended.
    Truncated(Truncated),
}

/// A document that satisfies what was asked for.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub(crate) document: Document,
    pub(crate) passes: Vec<Pass>,
}

impl Accepted {
    /// The value: exact text, exact numbers.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Whether the text was taken as it stood, byte for byte.
    #[must_use]
    pub fn unchanged(&self) -> bool {
        self.passes.iter().all(|pass| pass.edits.is_empty())
    }

    /// Each change that was made, in the order of replay. Built on demand.
    #[must_use]
    pub fn repairs(&self) -> Vec<Repair> {
        repairs(&self.passes, &self.document)
    }

    /// Keys that one object carries twice with different values; possible only where no schema was given. Looked for on
    /// demand: one pass over the document.
    #[must_use]
    pub fn duplicates(&self) -> Vec<String> {
        self.document.conflicting_duplicates()
    }
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The first failing layer.
    pub layer: Layer,
    /// All violations of that layer, at least one.
    pub violations: Vec<Violation>,
    /// The two best readings as texts, where the cause is that they are equally good.
    pub readings: Vec<String>,
    /// The best attempt as text: what a re-ask would be merged into. Not valid, so not a value.
    pub best: Option<String>,
}

impl Rejected {
    pub(crate) fn one(layer: Layer, rule: &str, pointer: String, message: String) -> Self {
        let violation = Violation { layer, pointer, rule: rule.to_owned(), message, suggestion: None };
        Self { layer, violations: vec![violation], readings: Vec::new(), best: None }
    }
}

/// A cut text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truncated {
    /// The part that no continuation can contradict, closed up as JSON; `None` if nothing is certain.
    pub prefix: Option<String>,
}
