//! Words behind an answer that take it back: a second thought, an order to ignore it, a value said to be another.
//!
//! A model that corrects itself in prose, without writing its answer again, has given none. The words are read sentence
//! by sentence, in the languages that models answer in. What only explains the answer leaves it alone.
//!
//! What never happens here: no model, no score, no value out of prose. The phrases are listed, and the list is the
//! documentation.

use super::fault::{ABOVE, ANSWER, Answer, clauses, finds_fault, is_called_wrong};
use super::{begins, says, says_unspaced, spaced};

/// What a sentence that thinks again begins with, where a pause or a word of [`THEN`] follows.
const SECOND_THOUGHTS: [&str; 47] = [
    "oh no",
    "wait",
    "hmm",
    "hm",
    "oops",
    "whoops",
    "actually",
    "correction",
    "sorry",
    "apologies",
    "erratum",
    "hold on",
    "no wait",
    "on second thought",
    "on second thoughts",
    "on reflection",
    "on closer inspection",
    "looking again",
    "re reading",
    "rereading",
    "my mistake",
    "my bad",
    "moment",
    "warte",
    "halt",
    "korrektur",
    "entschuldigung",
    "ups",
    "attendez",
    "attends",
    "oups",
    "pardon",
    "rectification",
    "espera",
    "perdón",
    "corrección",
    "en realidad",
    "aspetta",
    "scusa",
    "correzione",
    "espere",
    "correção",
    "desculpe",
    "düzeltme",
    "poprawka",
    "исправление",
    "подождите",
];
/// What follows a second thought without a pause.
const THEN: [&str; 13] =
    ["no", "not", "that", "this", "it", "i", "the", "there", "one", "sorry", "let", "which", "those"];
/// What says it wherever it stands.
const ANYWHERE: [&str; 48] = [
    "strike that",
    "correction to the above",
    "i cannot confirm that",
    "i can t confirm that",
    "i could not verify that",
    "i cannot verify that",
    "but i refuse",
    "do not rely on this",
    "don t rely on this",
    "fill in this",
    "fill in the template",
    "fill out this",
    "fill out the template",
    "use this template",
    "scratch that",
    "i made a mistake",
    "i made an error",
    "i misread",
    "i misinterpreted",
    "i misunderstood",
    "i mixed up",
    "i swapped",
    "i forgot to",
    "i should have",
    "my mistake",
    "the other way round",
    "the other way around",
    "let me correct",
    "let me fix",
    "let me redo",
    "let me restart",
    "let me try again",
    "i need to correct",
    "i have to correct",
    "i take that back",
    "i take it back",
    "i retract",
    "i withdraw",
    "please discard",
    "do not use this",
    "do not use the",
    "don t use this",
    "don t use the",
    "i was wrong",
    "i got it wrong",
    "i got that wrong",
    "ich habe mich vertan",
    "ich habe mich geirrt",
];
/// The same in scripts that put no space between words.
const UNSPACED: [&str; 12] =
    ["訂正", "間違", "無視して", "忽略上", "请忽略", "更正", "不对，", "错了", "錯了", "정정", "잠깐", "무시하"];
/// What orders somebody to leave an answer alone.
const IGNORE: [&str; 20] = [
    "ignore",
    "disregard",
    "discard",
    "forget",
    "retract",
    "withdraw",
    "ignorieren",
    "ignoriere",
    "verwerfen",
    "ignorer",
    "ignorez",
    "ignora",
    "ignorar",
    "ignorare",
    "ignorate",
    "descarte",
    "descarta",
    "zignoruj",
    "игнорируйте",
    "yoksay",
];
/// An answer is named right behind the order to ignore it, or not at all.
const NEAR_WORDS: usize = 4;
/// Whether words behind an answer take it back.
pub(crate) fn retracts(words: &str, answer: &Answer) -> bool {
    if !words.contains(char::is_alphanumeric) {
        return false;
    }
    says_unspaced(words, &UNSPACED)
        || is_called_wrong(words)
        || sentences(words).any(|sentence| takes_back(sentence, answer))
}

/// A point ends a sentence where white space follows: `2.5` is one number.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split(['!', '?', '\n', ';', '。', '！', '？']).flat_map(|part| part.split(". "))
}

fn takes_back(sentence: &str, answer: &Answer) -> bool {
    let words = spaced(sentence);
    let says = |phrases: &[&str]| says(&words, phrases);
    thinks_again(sentence, &words)
        || says(&ANYWHERE)
        || (says(&IGNORE) && (says(&ANSWER) || says(&ABOVE) || ignores_it(&words)))
        || clauses(sentence).any(|clause| is_order_to_ignore(clause) || answer.is_flatly_wrong(clause))
        || finds_fault(sentence, answer)
}

/// `Wait, ...`, `Actually the letter says ...`; a wait time is none.
fn thinks_again(sentence: &str, words: &str) -> bool {
    let begun = SECOND_THOUGHTS.iter().filter_map(|phrase| Some((phrase, begins(words, phrase)?)));
    let Some((phrase, rest)) = begun.max_by_key(|(phrase, _)| phrase.len()) else { return false };
    let follows = rest.split(' ').next().unwrap_or("");
    let count = phrase.split(' ').count();
    let mut boundaries = sentence.split_whitespace().filter(|word| word.contains(char::is_alphanumeric));
    let paused = boundaries.nth(count - 1).is_some_and(|word| !word.ends_with(char::is_alphanumeric));
    paused || follows.is_empty() || THEN.contains(&follows)
}

/// `bitte ignorieren`, and nothing else.
fn is_order_to_ignore(clause: &str) -> bool {
    const PLEASE: [&str; 4] = ["please", "bitte", "favor", "prego"];
    let words = spaced(clause);
    let short = words.split_whitespace().count() <= 3;
    short && says(&words, &IGNORE) && says(&words, &PLEASE)
}

/// `ignore that`, `disregard it`.
fn ignores_it(words: &str) -> bool {
    let list: Vec<&str> = words.split_whitespace().collect();
    let near = |at: usize| list.get(at + 1..).unwrap_or_default().iter().take(NEAR_WORDS);
    (0..list.len()).filter(|at| list.get(*at).is_some_and(|word| IGNORE.contains(word))).any(|at| {
        near(at).any(|word| matches!(*word, "it" | "this" | "that" | "my" | "these" | "them" | "everything" | "value"))
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    /// The words behind an answer with these members.
    fn taken_back(words: &str, members: &[(&'static str, &'static str)]) -> bool {
        let names = members.iter().map(|(name, _)| Cow::Borrowed(*name));
        let values = members.iter().map(|(name, value)| (Some(Cow::Borrowed(*name)), Cow::Borrowed(*value)));
        retracts(words, &Answer::new(names, values))
    }

    #[test]
    fn a_second_thought_takes_an_answer_back_and_an_explanation_leaves_it_alone() {
        let members = [("total", "90"), ("home_team", "Ajax"), ("date", "2024-01-01")];
        for words in [
            "Wait, the total should be 100, since 4 x 25 = 100.",
            "Hmm, actually the letter says 2.5 mg, so please ignore the dose above.",
            "Correction: the teams are the other way round.",
            "Please disregard the JSON above, I analysed the wrong review.",
            "```\n\nOn second thought this is not a bug.",
            "The total should be 12.",
            "The above is incorrect.",
            "That is wrong.",
            "Moment, das ist die falsche Rechnung.",
            "Korrektur: 12 Stück.",
            "訂正：合計は100です",
            "Note: this is only a placeholder; I have no data.",
            "I made this up since no city was given.",
            "(This is just an example, not your data.)",
            "Since 4 x 25 = 100, the total of 90 is clearly wrong.",
            "But I think that the date above is incorrect.",
            "The total should have been 100.",
            "The total for Acme should be 100.",
            "The total is 90, but should be 100.",
            "It should have been 100.",
            "The answer I gave is wrong.",
            "Das Ergebnis oben ist falsch.",
            " ist falsch, bitte ignorieren.",
            "Fill in this template with the candidate's data.",
            "As I have no access to the match, I had to use placeholder values.",
            "Example values only.",
        ] {
            assert!(taken_back(words, &members), "{words}");
        }
        for words in [
            "",
            "I chose `billing` since the customer says that the amount was wrong.",
            "Wait times are in minutes.",
            "The date is in ISO format. Let me know if you need anything else!",
            "Note: unknown members were ignored.",
            "The schema should be valid now.",
            "I corrected the spelling of the name.",
            "Hope this helps. Sorry to hear about the outage.",
        ] {
            assert!(!taken_back(words, &members), "{words}");
        }
    }

    #[test]
    fn what_is_wrong_with_something_else_takes_no_answer_back() {
        let (verdict, line) = (("verdict", "incorrect"), ("line", "12"));
        let billing = [("category", "billing"), ("amount", "30")];
        let customer = "I chose `billing` since the customer says that the amount was wrong.";
        for (words, members) in [
            ("The student's answer is wrong, since 7 x 8 is 56.", &[verdict][..]),
            ("The student's answer is wrong, since 7 x 8 is 56.", &[("answer", "54")]),
            ("The answer is wrong, since 7 x 8 is 56.", &[("answer", "54"), verdict]),
            ("That is incorrect, since 7 x 8 is 56.", &[("is_correct", "false")]),
            ("The bound should have been n - 1.", &[line]),
            ("The loop on that line should have been closed.", &[line]),
            (customer, &billing),
            ("The customer's amount was wrong.", &billing),
            ("This customer was charged the wrong amount.", &billing),
            ("I chose `noun` since `dog` is an example of one.", &[("class", "noun")]),
            ("The bound on line 12 should be n - 1.", &[line]),
            ("The category is billing and the customer should be refunded.", &billing),
            ("This is an example of sarcasm.", &[("label", "sarcasm")]),
            ("The result of the first test was wrong.", &[("severity", "high")]),
        ] {
            assert!(!taken_back(words, members), "{words}");
        }
        for words in ["The amount was wrong.", "My answer is wrong.", "Wait, the amount is 40."] {
            assert!(taken_back(words, &billing), "{words}");
        }
        assert!(taken_back("The answer above is wrong.", &[verdict]));
    }
}
