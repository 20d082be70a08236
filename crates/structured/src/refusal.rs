//! Telling a refusal from an answer.
//!
//! A refusal is first person, a modal of inability or unwillingness and the act of helping, early in the text. A
//! sentence of that kind inside a long answer is no refusal.
//!
//! What never happens here: no model, no score. The phrases are listed, and the list is the documentation.

use crate::announce::spaced;

/// A refusal says early that it is one.
const HEAD_CHARS: usize = 240;

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
    let head: String = text.trim().chars().take(HEAD_CHARS).collect::<String>().to_lowercase().replace('’', "'");
    let starts_unable = UNABLE.iter().any(|phrase| head.starts_with(phrase));
    let sorry = OPENERS.iter().any(|phrase| head.starts_with(phrase));
    starts_unable || (sorry && UNABLE.iter().any(|phrase| head.contains(phrase))) || (sorry && head.contains("can't"))
}

/// What only a model says of itself.
const OWN: [&str; 9] = [
    "as an ai",
    "as a language model",
    "ai language model",
    "large language model",
    "my guidelines",
    "my programming",
    "my policies",
    "content policy",
    "safety guidelines",
];
/// What was asked for, as whoever declines calls it, beside the name of the member.
const ASKED: [&str; 9] = ["request", "task", "email", "query", "code", "document", "question", "content", "prompt"];
/// What it would have been to do it.
const ACTS: [&str; 21] = [
    "assist",
    "help",
    "comply",
    "fulfil",
    "fulfill",
    "complete",
    "process",
    "write",
    "generate",
    "create",
    "provide",
    "produce",
    "answer",
    "translate",
    "summarize",
    "summarise",
    "extract",
    "analyze",
    "analyse",
    "draft",
    "respond",
];
/// Members that may well quote somebody who declines, or speak to somebody.
const SPEAKING: [&str; 18] = [
    "reply",
    "response",
    "message",
    "answer",
    "explanation",
    "reason",
    "reasoning",
    "rationale",
    "note",
    "notes",
    "comment",
    "quote",
    "evidence",
    "transcript",
    "review",
    "utterance",
    "example",
    "error",
];
/// Members whose text may be anybody's: there only [`OWN`] tells.
const QUOTING: [&str; 6] = ["text", "translation", "sentence", "content", "line", "body"];
/// How a refusal may begin, perhaps as a comment.
const FIRST: &[u8] = b"iIsSuUaAmM-#/* ";
const SHORTEST_BYTES: usize = 12;
/// A text of more words says something beside the refusal.
const SAYS_NOTHING_WORDS: usize = 4;

/// Whether the only text of a document is a refusal, in a member that the schema declares:
/// `{"summary": "I can't help with that request.", "keywords": []}`.
pub(crate) fn in_place_of_an_answer(root: crate::Node<'_>) -> Option<String> {
    // No refusal is shorter or begins with another letter, but for the marks of a comment.
    let may_decline = |value: crate::Node<'_>| {
        let raw = value.raw().as_bytes();
        raw.len() > SHORTEST_BYTES && raw.first() == Some(&b'"') && raw.get(1).is_some_and(|c| FIRST.contains(c))
    };
    if !root.members().any(|(_, value)| may_decline(value)) {
        return None;
    }
    let mut declined = None;
    for (key, value) in root.members() {
        let Some(text) = value.as_str() else {
            if !value.is_empty() {
                return None;
            }
            continue;
        };
        let name = key.as_str().unwrap_or_default();
        if declines_the_task(&text, &name) {
            declined = Some(text.into_owned());
        } else if text.split_whitespace().count() > SAYS_NOTHING_WORDS {
            return None;
        }
    }
    declined
}

/// `I cannot generate this query` under `query`, perhaps as a comment.
fn declines_the_task(text: &str, name: &str) -> bool {
    let text = text.trim_start_matches(['-', '#', '/', '*', ' ']);
    if !text.as_bytes().first().is_some_and(|c| FIRST.contains(c)) || SPEAKING.contains(&name) {
        return false;
    }
    let declines = ["can", "unable", "not", "decline", "won", "refuse"];
    if !declines.iter().any(|word| text.contains(word)) {
        return false;
    }
    let head = spaced(&text.chars().take(HEAD_CHARS).collect::<String>());
    let unable = ["cannot", "can t", "unable", "won t"].iter().any(|word| head.contains(&format!(" {word} ")));
    let of_a_model = [" as an ai ", " as a language model ", " i am an ai "].iter().any(|own| head.starts_with(own));
    if !(is_refusal(text) || (of_a_model && unable)) {
        return false;
    }
    let says = |phrase: &str| head.contains(&format!(" {phrase} "));
    // `I can't help with that request`, and not `I cannot accept the offer`.
    let words: Vec<&str> = head.split_whitespace().collect();
    let asked = |act: &str, pointer: &str, noun: &str, word: &str| {
        ACTS.contains(&act) && ["this", "that", "the"].contains(&pointer) && noun == word
    };
    let task = |word: &str| {
        let near = |three: &[&str]| matches!(three, [act, pointer, noun] if asked(act, pointer, noun, word));
        let by = |four: &[&str]| matches!(four, [act, "with" | "to" | "on", pointer, noun] if asked(act, pointer, noun, word));
        words.windows(3).any(near) || words.windows(4).any(by)
    };
    OWN.iter().any(|phrase| says(phrase))
        || (!QUOTING.contains(&name) && (ASKED.iter().any(|word| task(word)) || task(name)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    #[test]
    fn a_refusal_in_the_place_of_an_answer_is_told_from_an_answer_that_quotes_one() {
        let declined = |text: &str| in_place_of_an_answer(Document::parse(text).expect("JSON").root()).is_some();
        for refusal in [
            r##"{"code":"# I can't write this code, sorry.","language":"python"}"##,
            r#"{"headline":"Not possible","article":"I'm sorry, but I can't help with that request.","tags":[]}"#,
            r#"{"text":"As an AI language model, I cannot translate insults.","language":"de"}"#,
            r#"{"rating_text":"As an AI language model I have no opinions and cannot rate this.","stars":3}"#,
            r#"{"poem":"I must decline to write this poem.","lines":0}"#,
        ] {
            assert!(declined(refusal), "{refusal}");
        }
        for answer in [
            r#"{"reply":"I'm sorry, but I can't help with that request.","intent":"refund"}"#,
            r#"{"text":"I'm sorry, I cannot answer that question.","language":"en"}"#,
            r#"{"summary":"I cannot recommend this hotel.","stars":1}"#,
            r#"{"letter":"I can't accept the offer of the third of May, and I thank you.","to":"Bo"}"#,
            r#"{"summary":"I'm sorry, but I can't help with that request.","lines":["I asked for a refund and got none"]}"#,
            r#"{"subject":"Friday","email":"I'm sorry, but I can't make it. The email came too late."}"#,
            r#"{"quote":"As an AI, I can't.","said_by":"bot"}"#,
        ] {
            assert!(!declined(answer), "{answer}");
        }
    }
}
