//! What an answer breaks, and at which layer.

use serde::{Deserialize, Serialize};

/// The layer of validity at which an output first failed, from the outside in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The text is no document.
    Syntax,
    /// The document does not satisfy its JSON Schema.
    Schema,
    /// The value breaks a declared rule: cross-field, range, reference, groundedness.
    Rules,
    /// The value is fine by itself, and its field has drifted in aggregate.
    Distribution,
}

/// One broken expectation, in terms a model, an operator and a program can all act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Where the expectation stood.
    pub layer: Layer,
    /// RFC 6901 pointer into the value; empty for the whole document.
    pub pointer: String,
    /// The rule's name: a JSON Schema keyword (`required`, `enum`), a syntax class, or a declared rule's id.
    pub rule: String,
    /// One sentence, lower case, naming the thing and the value in backticks.
    pub message: String,
    /// What the author may have meant, where one reading is close (a declared key, an enum member).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub suggestion: Option<String>,
}
