//! Sealed thinking on its way through `encrypted_content` and back.
//!
//! The canonical signature of thinking that was sealed here is `openai.responses:ID:CONTENT`. Another provider's
//! signature or redacted block goes out as `steersman.signature:...` or `steersman.redacted:...`.
//!
//! What never happens here: a seal is opened, or changed on its way back to whoever made it.

use steersman_core::Reasoning;

const OWN: &str = "openai.responses:";
const SIGNATURE: &str = "steersman.signature:";
const REDACTED: &str = "steersman.redacted:";

/// Whether a signature was made by a provider of this dialect, and means nothing to any other.
pub(crate) fn is_sealed_here(signature: &str) -> bool {
    signature.starts_with(OWN)
}

/// The canonical form of an item's `encrypted_content`.
pub(super) fn open(id: Option<String>, text: String, encrypted: Option<String>) -> Reasoning {
    let Some(encrypted) = encrypted else { return Reasoning { text, ..Reasoning::default() } };
    if let Some(signature) = encrypted.strip_prefix(SIGNATURE) {
        return Reasoning { text, signature: Some(signature.to_owned()), redacted: None };
    }
    if let Some(redacted) = encrypted.strip_prefix(REDACTED) {
        return Reasoning { text, signature: None, redacted: Some(redacted.to_owned()) };
    }
    let signature = format!("{OWN}{}:{encrypted}", id.unwrap_or_default());
    Reasoning { text, signature: Some(signature), redacted: None }
}

/// The id, where the seal holds one, and the `encrypted_content` of sealed thinking; `None` for open thinking.
pub(super) fn close(signature: Option<&str>, redacted: Option<&str>) -> Option<(Option<String>, String)> {
    if let Some(own) = signature.and_then(|signature| signature.strip_prefix(OWN)) {
        let (id, content) = own.split_once(':').unwrap_or(("", own));
        return Some(((!id.is_empty()).then(|| id.to_owned()), content.to_owned()));
    }
    let marked = redacted.map(|data| format!("{REDACTED}{data}"));
    let marked = marked.or_else(|| signature.map(|signature| format!("{SIGNATURE}{signature}")));
    marked.map(|marked| (None, marked))
}
