//! Words before a document that say it is not the answer: its label (`Wrong:`, `<draft>`), a denial, a question.
//!
//! Only the clause that leads to the document speaks of it; what stands before that clause speaks of another one
//! (`That was wrong. Here it is:`). Of several documents those that are disowned are put aside; one alone is no answer
//! only if it is denied or asked about, since a lone draft may be all there is.
//!
//! What never happens here: no model, no score. The phrases are listed, and the list is the documentation.

use super::{begins, leading_clause, says, spaced};

/// A label has no more words than these.
const LABEL_WORDS: usize = 6;

/// Labels of a document that was wrong.
const WRONG: [&str; 16] = [
    "wrong",
    "incorrect",
    "invalid",
    "rejected",
    "bad",
    "not correct",
    "not right",
    "falsch",
    "falsche",
    "faux",
    "fausse",
    "incorrecto",
    "incorrecta",
    "sbagliato",
    "errado",
    "неверно",
];
/// Labels of a document that another one replaced.
const REPLACED: [&str; 23] = [
    "draft",
    "old",
    "outdated",
    "previous",
    "earlier",
    "former",
    "prior",
    "original",
    "before",
    "superseded",
    "deprecated",
    "failed",
    "entwurf",
    "alt",
    "vorher",
    "brouillon",
    "ancien",
    "borrador",
    "antiguo",
    "bozza",
    "vecchio",
    "rascunho",
    "taslak",
];
/// What turns such a label round.
const MENDED: [&str; 9] =
    ["corrected", "final", "fixed", "revised", "new", "actual", "korrigiert", "corrigé", "corregido"];
/// What leads to a document that is only repeated.
const ECHOES: [&str; 8] = [
    "previous answer",
    "previous response",
    "previous output",
    "earlier i said",
    "the input",
    "your input",
    "you sent",
    "you gave me",
];
/// What denies whatever follows.
const DENIALS: [&str; 15] = [
    "not this",
    "not like this",
    "not",
    "never",
    "instead of",
    "rather than",
    "replaces",
    "supersedes",
    "confused with",
    "differs from",
    "statt",
    "nicht",
    "not the case that",
    "cannot confirm",
    "can t confirm",
];
/// Verbs of answering, where a denial stands before them.
const ANSWERING: [&str; 8] = ["return", "answer", "output", "use", "respond with", "reply with", "answer with", "say"];
/// How a question begins.
const QUESTIONS: [&str; 12] =
    ["is", "are", "do", "did", "does", "should", "would", "could", "can", "shall", "may", "whether"];

/// Whether the label before one of several documents says that another one is the answer.
pub(crate) fn is_disowned(before: &str) -> bool {
    let clause = label(before);
    (is_label(&clause, &WRONG) || is_label(&clause, &REPLACED)) && !says(&clause, &MENDED) || denies(&clause)
}

/// Whether the document is struck out: `~~{...}~~`, `<del>{...}</del>`.
pub(crate) fn is_struck_out(before: &str, behind: &str) -> bool {
    const MARKS: [(&str, &str); 4] = [("~~", "~~"), ("<del>", "</del>"), ("<s>", "</s>"), ("<strike>", "</strike>")];
    let around =
        |(open, close): &(&str, &str)| before.trim_end().ends_with(open) && behind.trim_start().starts_with(close);
    MARKS.iter().any(around)
}

/// Whether the words around the only document deny it or ask about it.
pub(crate) fn is_denied(before: &str, behind: &str) -> bool {
    if !before.contains(char::is_alphanumeric) {
        return behind.trim_start().starts_with('?');
    }
    let clause = label(before);
    let wrong = (is_label(&clause, &WRONG) || is_label(&clause, &ECHOES)) && !says(&clause, &MENDED);
    let behind = behind.trim_start_matches(['`', '*', '_', '"', ')', ' ', '\n']);
    let (_, sentence) = leading_clause(before);
    let first = sentence.split_whitespace().next().unwrap_or("");
    let asks = QUESTIONS.contains(&first);
    let end = behind.find(['.', '!', '?', '\n']).and_then(|at| behind.get(at..));
    let asked = behind.starts_with('?') || (asks && end.is_some_and(|rest| rest.starts_with('?')));
    wrong || denies(&clause) || asked || is_called_no_answer(&sentence)
}

/// `The following query does not answer your question`, `my earlier reading was this, but it turned out to be wrong`.
fn is_called_no_answer(sentence: &str) -> bool {
    const FOLLOWING: [&str; 3] = ["the following", "what follows", "this"];
    const IS_NONE: [&str; 8] = [
        "does not answer",
        "doesn t answer",
        "do not answer",
        "does not work",
        "is not the answer",
        "is not an answer",
        "is not my answer",
        "is not correct",
    ];
    const EARLIER: [&str; 7] =
        ["my earlier", "my first", "my initial", "my previous", "my original", "i first", "i initially"];
    const HERE: [&str; 6] = ["here", "now", "so the", "so this", "again", "instead"];
    let follows = FOLLOWING.iter().any(|word| begins(sentence, word).is_some()) && says(sentence, &IS_NONE);
    let earlier = says(sentence, &EARLIER) && says(sentence, &WRONG) && !says(sentence, &HERE);
    (follows || earlier) && !says(sentence, &MENDED)
}

fn is_label(clause: &str, words: &[&str]) -> bool {
    says(clause, words) && clause.split_whitespace().count() <= LABEL_WORDS
}

fn denies(clause: &str) -> bool {
    let before = |phrase: &str| clause.trim_end().strip_suffix(phrase).filter(|head| head.ends_with(' '));
    let refused = |verb: &&str| {
        before(verb).is_some_and(|head| [" not ", " never ", " don t "].iter().any(|no| head.ends_with(no)))
    };
    DENIALS.iter().any(|phrase| before(phrase).is_some()) || ANSWERING.iter().any(refused)
}

/// The words right before a document, word by word: the name of its tag, or what follows the last comma.
fn label(before: &str) -> String {
    let text = before.trim_end().trim_end_matches(['`', ':', '*', '_']).trim_end();
    if let Some((rest, tag)) = text.rsplit_once('<')
        && let Some(name) = tag.strip_suffix('>').filter(|name| !name.is_empty() && !name.starts_with('/'))
    {
        return if name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
            spaced(name)
        } else {
            spaced(rest)
        };
    }
    let (clause, _) = leading_clause(before);
    let part = clause.trim_end_matches(':').rsplit([',', ';', '—', '–']).next().unwrap_or("");
    // The tag that closed the document before.
    spaced(part.rsplit_once('>').filter(|(head, _)| head.contains("</")).map_or(part, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_speaks_of_the_document_behind_it_and_of_no_other() {
        for words in [
            "\nWrong: ",
            "\n\nFor comparison, the wrong version: ",
            "\n(instead of ",
            "</final><draft>",
            "Entwurf:\n```json\n",
            "This replaces ",
            "Not to be confused with ",
        ] {
            assert!(is_disowned(words), "{words}");
        }
        for words in [
            "\nRight: ",
            "That was wrong. Here it is: ",
            "</draft><final>",
            "The corrected draft: ",
            "Final answer: ",
            "I fixed what was wrong, so the answer is ",
        ] {
            assert!(!is_disowned(words), "{words}");
        }
    }

    #[test]
    fn what_is_struck_out_is_told_from_what_stands_in_marks() {
        assert!(is_struck_out("~~", "~~\n") && is_struck_out("<del>\n", "</del>"));
        assert!(!is_struck_out("~~old~~ ", "") && !is_struck_out("**", "**"));
    }

    #[test]
    fn a_lone_document_that_is_denied_or_asked_about_is_told_from_one_that_is_given() {
        for (before, behind) in [
            ("The answer is not ", "."),
            ("Do not return ", "."),
            ("Not this:\n", ""),
            ("A wrong answer would be ", ""),
            ("Should I return ", "?"),
            ("Is it ", " that you mean?"),
            ("", "?"),
            ("The following list does not answer what you asked, I show it as I had it:\n", ""),
            ("My first reading was this, but it turned out to be wrong:\n", ""),
        ] {
            assert!(is_denied(before, behind), "{before}");
        }
        for (before, behind) in [
            ("Draft: ", ""),
            ("Here is the answer: ", "\n\nDo you need anything else?"),
            ("Is the amount missing? No. The answer: ", "\nAnything else?"),
            ("The invalid rows were left out, the rest: ", ""),
            ("My first answer was wrong, here it is again: ", ""),
            ("The following does not include the tax: ", ""),
            ("This does not answer the second question, but the corrected record is: ", ""),
            ("", ""),
        ] {
            assert!(!is_denied(before, behind), "{before}");
        }
    }
}
