//! Signatures on their way through `thoughtSignature` and back.
//!
//! Here any part may be signed: a thought, a call, the last text. The canonical form knows signatures of thinking
//! alone. A signed thought is thinking with the signature `google.gemini:thought:SIGNATURE`; any other signed part
//! follows thinking with the signature `google.gemini:next:SIGNATURE`. The wire's type is bytes in base64, so another
//! provider's seal goes out in base64 with a mark.
//!
//! What never happens here: a signature is changed on its way back to whoever made it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use steersman_core::Reasoning;

const THOUGHT: &str = "google.gemini:thought:";
const NEXT: &str = "google.gemini:next:";
const SIGNATURE: &str = "steersman.signature:";
const REDACTED: &str = "steersman.redacted:";

/// Whether a signature was made by a provider of this dialect, and means nothing to any other.
pub(crate) fn is_sealed_here(signature: &str) -> bool {
    signature.starts_with(THOUGHT) || signature.starts_with(NEXT)
}

/// Where a signature goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seal {
    /// On the thought itself.
    Thought(String),
    /// On the part after it.
    Next(String),
}

/// The seal of a signature or of redacted thinking; `None` for open thinking.
pub(super) fn close(signature: Option<&str>, redacted: Option<&str>) -> Option<Seal> {
    if let Some(redacted) = redacted {
        return Some(Seal::Thought(STANDARD.encode(format!("{REDACTED}{redacted}"))));
    }
    let signature = signature?;
    if let Some(next) = signature.strip_prefix(NEXT) {
        return Some(Seal::Next(next.to_owned()));
    }
    Some(Seal::Thought(match signature.strip_prefix(THOUGHT) {
        Some(own) => own.to_owned(),
        None => STANDARD.encode(format!("{SIGNATURE}{signature}")),
    }))
}

/// The thinking of a signed thought.
pub(super) fn open_thought(text: String, signature: Option<String>) -> Reasoning {
    let Some(signature) = signature else { return Reasoning { text, ..Reasoning::default() } };
    let marked = STANDARD.decode(&signature).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(marked) = marked {
        if let Some(foreign) = marked.strip_prefix(SIGNATURE) {
            return Reasoning { text, signature: Some(foreign.to_owned()), redacted: None };
        }
        if let Some(redacted) = marked.strip_prefix(REDACTED) {
            return Reasoning { text, signature: None, redacted: Some(redacted.to_owned()) };
        }
    }
    Reasoning { text, signature: Some(format!("{THOUGHT}{signature}")), redacted: None }
}

/// The canonical signature of whatever part comes next.
pub(super) fn open_next(signature: &str) -> String {
    format!("{NEXT}{signature}")
}
