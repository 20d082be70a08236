//! Words that say of an answer that its values were not found but made: placeholders, guesses, typical values.
//!
//! The answer has to be what is made up, or the making up the model's own: `this is an example of sarcasm` and
//! `a model that was trained with fake data` explain an answer, and one that itself calls something fake is explained
//! by `that is fake` as well.
//!
//! What never happens here: no model, no score. The words are listed, and the list is the documentation.

use super::fault::{Answer, IT, LEADS, REMARK_WORDS, SINCE, VALUES, around, is_about, is_about_this_answer, links};
use super::voices::Voices;
use super::{leads, says, words_from};

/// What says that the values were not found but made.
const NO_DATA: [&str; 44] = [
    "a guess",
    "pure guess",
    "wild guess",
    "random guess",
    "total guess",
    "complete guess",
    "pure guesswork",
    "an illustration",
    "only an illustration",
    "just an illustration",
    "for illustration only",
    "guesses",
    "guessed",
    "illustrative",
    "hallucinated",
    "are assumed",
    "were assumed",
    "fake",
    "plausible numbers",
    "plausible values",
    "plausible data",
    "plausible ones",
    "placeholder",
    "placeholders",
    "hypothetical",
    "made up",
    "made this up",
    "made that up",
    "made it up",
    "invented",
    "fabricated",
    "fictional",
    "fictitious",
    "dummy",
    "an example",
    "only an example",
    "just an example",
    "example values",
    "example data",
    "sample data",
    "sample values",
    "not real",
    "nur ein beispiel",
    "juste un exemple",
];
/// Verdicts among them: an answer that says one of something else is explained by it.
pub(super) const UNREAL: [&str; 9] = [
    "fake",
    "fabricated",
    "invented",
    "made up",
    "hallucinated",
    "fictional",
    "fictitious",
    "hypothetical",
    "not real",
];
/// What is to be done with values that stand for others.
const REPLACE: [&str; 5] = ["replace", "update", "change", "substitute", "fill"];

/// `These are placeholders`, `I made this up`; `this is an example of sarcasm` is none.
pub(super) fn calls_it_made_up(clause: &str, answer: &Answer) -> bool {
    // `an example of the format` is one of an answer.
    const FORMS: [&str; 9] = ["how", "what", "format", "structure", "schema", "output", "response", "answer", "json"];
    let of_a_kind = |behind: &str| {
        let kind = behind.strip_prefix("of ").map(|kind| kind.split_whitespace().take(3));
        kind.is_some_and(|mut words| !words.any(|word| FORMS.contains(&word)))
    };
    !answer.judges
        && around(clause, &NO_DATA).any(|(before, behind)| {
            let it = is_about(&before, &answer.names, &IT, links) || is_about(&before, &[], &VALUES, links);
            let it = it && !answer.unmasks;
            let it = it || is_about_this_answer(&before);
            !of_a_kind(behind) && (it || is_my_doing(&before) || is_remark(&before, clause))
        })
}

/// `with invented values`, `using placeholder data`, `(invented)`.
pub(super) fn uses_made_up(clause: &str, answer: &Answer) -> bool {
    const ARTICLES: [&str; 4] = ["some", "a", "an", "the"];
    // `filled with`, `the response with`: what the answer is made with, and not a model that was trained with it.
    const MADE: [&str; 9] =
        ["response", "output", "json", "object", "answer", "record", "filled", "populated", "completed"];
    // A verdict `fake` is what the answer says of something else.
    if answer.judges || answer.unmasks {
        return false;
    }
    let mut made = clause.starts_with(" with ") || clause.starts_with(" using ");
    words_from(clause).any(|(_, rest)| {
        let word = rest.split(' ').next().unwrap_or("");
        made |= MADE.contains(&word);
        let Some(said) = ["with", "using"].iter().find_map(|word| leads(rest, word)).filter(|_| made) else {
            return false;
        };
        // `using the sample data` names what was given.
        let given = said.starts_with("the sample ") || said.starts_with("the example ");
        let said = ARTICLES.iter().find_map(|article| leads(said, article)).unwrap_or(said);
        let behind = NO_DATA.iter().find_map(|phrase| Some((phrase, leads(said, phrase)?)));
        behind.filter(|_| !given).is_some_and(|(phrase, rest)| {
            let mut words = phrase.split(' ').skip(1).chain(rest.split_whitespace().next());
            words.any(|word| VALUES.contains(&word))
        })
    })
}

/// `(invented)`, `placeholder` alone on its line.
pub(super) fn is_made_up_remark(clause: &str, answer: &Answer) -> bool {
    !answer.judges && !answer.unmasks && (NO_DATA.contains(&clause.trim()) || stands_for_another(clause))
}

/// `but as a placeholder`, `just as an example`: the whole clause.
pub(super) fn stands_for_another(clause: &str) -> bool {
    let words = ["but", "and", "so", "just", "only", "merely"]
        .iter()
        .fold(clause.trim(), |words, word| leads(words, word).unwrap_or(words));
    leads(words, "as").is_some_and(|rest| {
        let bare = leads(rest, "a").or_else(|| leads(rest, "an")).unwrap_or(rest);
        NO_DATA.contains(&rest) || NO_DATA.contains(&bare)
    })
}

/// `I put in random numbers`, `I filled in typical values`: nothing that was found.
pub(super) fn fills_in(words: &str) -> bool {
    const FILLING: [&str; 10] = [
        "put in",
        "filled in",
        "filled",
        "entered",
        "inserted",
        "assumed",
        "made up",
        "invented",
        "guessed",
        "substituted",
    ];
    // What is usual may be what was asked for: `I used average values of the three columns`.
    const TAKING: [&str; 3] = ["supplied", "picked", "used"];
    const RANDOM: [&str; 3] = ["random", "arbitrary", "plausible"];
    const USUAL: [&str; 7] = ["typical", "normal", "realistic", "average", "generic", "likely", "usual"];
    const ADVERBS: [&str; 7] = ["have", "ve", "just", "simply", "therefore", "then", "had"];
    const KINDS: [&str; 9] =
        ["value", "values", "number", "numbers", "figure", "figures", "data", "entries", "coordinates"];
    const ON_PURPOSE: [&str; 3] = ["as requested", "as you asked", "as instructed"];
    const NEAR_WORDS: usize = 8;
    let made = |behind: &str, usual: &[&str]| {
        let near: Vec<&str> = behind.split_whitespace().take(NEAR_WORDS).collect();
        let told = |word: &str| RANDOM.contains(&word) || usual.contains(&word);
        near.windows(2).any(|two| matches!(two, [word, kind] if told(word) && KINDS.contains(kind)))
            || near.windows(3).any(|three| matches!(three, [kind, "of" | "for", "a"] if KINDS.contains(kind)))
                && near.contains(&"random")
    };
    let voices = Voices::of(words);
    words_from(words).any(|(at, rest)| {
        let Some(mut said) = leads(rest, "i").filter(|_| voices.is_mine(at)) else { return false };
        while let Some(next) = ADVERBS.iter().find_map(|adverb| leads(said, adverb)) {
            said = next;
        }
        let filled = FILLING.iter().filter_map(|verb| leads(said, verb)).any(|behind| made(behind, &USUAL));
        let taken = || TAKING.iter().filter_map(|verb| leads(said, verb)).any(|behind| made(behind, &[]));
        (filled || taken()) && !says(words, &ON_PURPOSE)
    })
}

/// `I [had to use]`, without a clause about something else.
fn is_my_doing(words: &[&str]) -> bool {
    let at = words.iter().position(|word| *word == "i");
    at.is_some_and(|at| {
        let (leads, rest) = words.split_at(at);
        leads.iter().all(|word| LEADS.contains(word)) && !rest.iter().any(|word| SINCE.contains(word))
    })
}

/// `Example values only`, `replace the placeholder values`.
fn is_remark(before: &[&str], clause: &str) -> bool {
    let short = clause.split_whitespace().count() <= REMARK_WORDS;
    let replaces = before.iter().any(|word| REPLACE.contains(word));
    let leads = before.iter().all(|word| LEADS.contains(word) || REPLACE.contains(word));
    leads && (replaces || (short && says(clause, &["values", "data", "placeholders"])))
}
