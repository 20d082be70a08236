//! What the words before a document say of it: that it is the answer, or that it is only an example.
//!
//! What never happens here: no model, no score. The phrases are listed, and the list is the documentation.

/// What announces an answer, or takes back what stood before it.
const ANSWERS: [&str; 24] = [
    "final",
    "corrected",
    "correction",
    "correct version",
    "actual answer",
    "instead",
    "revised",
    "the answer is",
    "fixed",
    "should be",
    "should have been",
    "should read",
    "i swapped",
    "i misread",
    "mistake",
    "typo",
    "was wrong",
    "were wrong",
    "is wrong",
    "ignore the",
    "ignore that",
    "disregard",
    "scratch that",
    "let me correct",
];

/// What says that the choice is open.
const OPEN: [&str; 12] = [
    "or",
    "either",
    "alternatively",
    "alternative",
    "option",
    "options",
    "possible",
    "possibly",
    "possibility",
    "could also",
    "not sure",
    "unsure",
];

/// Whether these words announce the document behind them as the answer.
pub(crate) fn answer(words: &str) -> bool {
    let words = spaced(words);
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(&format!(" {phrase} ")));
    says(&ANSWERS) && !says(&OPEN)
}

/// Whether the clause that leads to the document calls it an example.
pub(crate) fn example(words: &str) -> bool {
    const BEGINNINGS: [&str; 5] = ["for example", "for instance", "example", "an example", "sample"];
    const ENDINGS: [&str; 9] = [
        "for example",
        "for instance",
        "example",
        "sample",
        "template",
        "format",
        "would look like",
        "could look like",
        "might look like",
    ];
    let prose: Vec<&str> = words.lines().filter(|line| !line.trim_start().starts_with("```")).collect();
    let words = prose.join("\n").replace("e.g.", "for example");
    let clause = words.trim_end().trim_end_matches([':', ',', '`', '*', '_']).trim_end();
    let clause =
        spaced(clause.rsplit(['.', '!', '?', '\n']).find(|part| part.contains(char::is_alphabetic)).unwrap_or(""));
    BEGINNINGS.iter().any(|phrase| clause.starts_with(&format!(" {phrase} ")))
        || ENDINGS.iter().any(|phrase| clause.ends_with(&format!(" {phrase} ")))
}

/// In lower case, each word between two spaces.
fn spaced(text: &str) -> String {
    let mut out = String::from(" ");
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        out.extend(word.chars().flat_map(char::to_lowercase));
        out.push(' ');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_before_a_document_are_taken_at_their_word() {
        for words in ["Final answer:", "Sorry, it should be:\n", "Wait, I misread that. Corrected version:"] {
            assert!(answer(words), "{words}");
        }
        for words in ["", "Second record:", "Or, if that is wrong:", "Option B:", "Sorry for the wait:"] {
            assert!(!answer(words), "{words}");
        }
        for words in [
            "For example, ",
            "Shapes: e.g. ",
            "Here is a sample:\n```json\n",
            "Use this format: ",
            "A valid answer would look like ",
        ] {
            assert!(example(words), "{words}");
        }
        for words in ["For the example above the answer is", "The result. ", ""] {
            assert!(!example(words), "{words}");
        }
    }
}
