//! Telling a refusal from an answer.
//!
//! A refusal is first person, a modal of inability or unwillingness and the act of helping, early in the text. A
//! sentence of that kind inside a long answer is no refusal.
//!
//! What never happens here: no model, no score. The phrases are listed, and the list is the documentation.

const OPENERS: [&str; 10] = [
    "i'm sorry",
    "i am sorry",
    "sorry",
    "i apologize",
    "i apologise",
    "unfortunately",
    "as an ai",
    "as a language model",
    "i regret",
    "my apologies",
];

const UNABLE: [&str; 16] = [
    "i can't",
    "i cannot",
    "i can not",
    "i'm unable",
    "i am unable",
    "i won't",
    "i will not",
    "i'm not able",
    "i am not able",
    "i must decline",
    "i have to decline",
    "i decline",
    "i'm not comfortable",
    "i refuse",
    "unable to assist",
    "unable to help",
];

/// Whether a text is a refusal in prose.
#[must_use]
pub fn is_refusal(text: &str) -> bool {
    let head: String = text.trim().chars().take(240).collect::<String>().to_lowercase().replace('’', "'");
    let starts_unable = UNABLE.iter().any(|phrase| head.starts_with(phrase));
    let sorry = OPENERS.iter().any(|phrase| head.starts_with(phrase));
    starts_unable || (sorry && UNABLE.iter().any(|phrase| head.contains(phrase))) || (sorry && head.contains("can't"))
}

/// Whether a document is a refusal dressed as data: an undeclared `error`, `refusal` or `message` that declines.
pub(crate) fn in_document(node: crate::Node<'_>, declared: &dyn Fn(&str) -> bool) -> Option<String> {
    const KEYS: [&str; 6] = ["error", "refusal", "message", "reason", "detail", "apology"];
    for (key, value) in node.members() {
        let name = key.as_str().unwrap_or_default();
        if !KEYS.contains(&name.as_ref()) || declared(&name) {
            continue;
        }
        let text = match value.as_str() {
            Some(text) => Some(text),
            None => value.get("message").and_then(crate::Node::as_str),
        };
        if let Some(text) = text
            && is_refusal(&text)
        {
            return Some(text.into_owned());
        }
    }
    None
}
