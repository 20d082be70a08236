//! Words behind an answer that take it back: a second thought, an order to ignore it, a value said to be another.
//!
//! A model that corrects itself in prose, without writing its answer again, has given none. The words are read sentence
//! by sentence, in the languages that models answer in. What only explains the answer leaves it alone.
//!
//! What never happens here: no model, no score, no value out of prose. The phrases are listed, and the list is the
//! documentation.

use super::fault::{ABOVE, ANSWER, Answer, VALUES, clauses, finds_fault, is_called_wrong};
use super::voices::Voices;
use super::{begins, leads, says, says_unspaced, spaced, words_from};

/// What a sentence that thinks again begins with, where a pause or a word of [`THEN`] follows.
const SECOND_THOUGHTS: [&str; 48] = [
    "nope",
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
/// What owns up to a fault, wherever it stands.
const ADMISSIONS: [&str; 37] = [
    "strike that",
    "correction to the above",
    "i cannot confirm that",
    "i can t confirm that",
    "i could not verify that",
    "i cannot verify that",
    "but i refuse",
    "scratch that",
    "i made a mistake",
    "i made an error",
    "i misread",
    "i misinterpreted",
    "i misunderstood",
    "i mixed up",
    "i confused",
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
    "i was wrong",
    "i got it wrong",
    "i got that wrong",
    "ich habe mich vertan",
    "ich habe mich geirrt",
];
/// Admissions that only add to an answer, by what they go on with.
const ADDING: [(&str, &[&str]); 3] = [
    ("i forgot to", &["mention", "note", "say", "ask", "thank", "explain", "clarify"]),
    ("i should have", &["mentioned", "noted", "clarified", "explained", "this", "it", "them", "any", "all", "more"]),
    ("i swapped", &[]),
];
/// What a change was made for on purpose.
const ON_PURPOSE: [&str; 6] = ["to match", "to fit", "to follow", "to conform", "as requested", "as you asked"];
/// Orders to leave something alone.
const ORDERS: [&str; 5] = ["do not use", "don t use", "please discard", "do not rely on", "don t rely on"];
/// What stands before the name of an answer, or for it.
const POINTERS: [&str; 16] = [
    "the",
    "this",
    "that",
    "these",
    "those",
    "it",
    "them",
    "my",
    "any",
    "all",
    "of",
    "everything",
    "whole",
    "entire",
    "last",
    "first",
];
/// What an answer is called beside [`ANSWER`].
const THINGS: [&str; 10] =
    ["value", "values", "message", "reply", "draft", "attempt", "version", "one", "part", "extraction"];
/// What goes on from an order about the whole answer.
const GOES_ON: [&str; 9] = ["yet", "until", "because", "since", "i", "please", "at", "and", "but"];
/// What stands behind a member that an order names.
const ENDS_A_NAME: [&str; 13] =
    ["above", "yet", "until", "because", "since", "as", "it", "that", "which", "i", "please", "either", "here"];
/// What only limits how data are used.
const LIMITS: [&str; 6] = ["for", "without", "outside", "alone", "in", "to"];
/// What is filled in.
const FORMS: [&str; 11] = [
    "template",
    "form",
    "json",
    "schema",
    "structure",
    "object",
    "skeleton",
    "blanks",
    "placeholders",
    "values",
    "fields",
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
/// The English ones among them: what they speak of stands behind them.
const IGNORE_ENGLISH: usize = 6;

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
    thinks_again(sentence, &words)
        || ignores_it(&words, answer)
        || clauses(sentence).any(|clause| {
            let words = spaced(clause);
            admits(&words)
                || orders(&words, answer)
                || asks_to_fill_in(&words)
                || is_order_to_ignore(&words)
                || answer.is_flatly_wrong(clause)
        })
        || finds_fault(sentence, answer)
}

/// The words before and behind each place where one of the phrases stands, and the phrase.
fn found<'w>(
    words: &'w str,
    phrases: &'static [&'static str],
) -> impl Iterator<Item = (&'w str, &'static str, &'w str)> {
    words_from(words).flat_map(move |(at, rest)| {
        let before = words.get(..at).unwrap_or("");
        phrases.iter().filter_map(move |phrase| Some((before, *phrase, leads(rest, phrase)?)))
    })
}

/// Whether one of the phrases stands among the next words. What a sentence says far behind is of something else, and a
/// text that repeats itself is not read anew from each place.
fn says_soon(words: &str, phrases: &[&str]) -> bool {
    const SOON: usize = 24;
    let end = memchr::memchr_iter(b' ', words.as_bytes()).nth(SOON).map_or(words.len(), |space| space + 1);
    says(&format!(" {}", words.get(..end).unwrap_or(words)), phrases)
}

/// `I misread the date`, and neither `tell me if I misread it` nor `I forgot to mention the unit`.
fn admits(words: &str) -> bool {
    let voices = Voices::of(words);
    found(words, &ADMISSIONS).any(|(before, phrase, behind)| {
        let mine = voices.is_mine(before.len());
        let next = behind.split_whitespace().next().unwrap_or("");
        let adds = ADDING.iter().find(|(admission, _)| *admission == phrase).is_some_and(|(admission, goes_on)| {
            goes_on.contains(&next) || (*admission == "i swapped" && says_soon(behind, &ON_PURPOSE))
        });
        mine && !adds
    })
}

/// `do not use the values above`, `do not use the total`; `do not use the old number` speaks of something else, and
/// `the label says do not use it` is what the label says.
fn orders(words: &str, answer: &Answer) -> bool {
    let voices = Voices::of(words);
    found(words, &ORDERS).any(|(before, _, behind)| {
        voices.is_mine(before.len()) && (speaks_of_it(before, behind) || names_a_member(behind, answer))
    })
}

/// `the total`, and no more of it: `the date format` is none.
fn names_a_member(words: &str, answer: &Answer) -> bool {
    let noun = POINTERS.iter().find_map(|pointer| leads(words, pointer)).unwrap_or(words);
    let ends = |rest: &str| rest.split_whitespace().next().is_none_or(|next| ENDS_A_NAME.contains(&next));
    answer.names().filter_map(|name| leads(noun, name)).any(ends)
}

/// Whether an order is about the answer; a sentence that is nothing else is.
fn speaks_of_it(before: &str, behind: &str) -> bool {
    let alone = || before.split_whitespace().all(|word| matches!(word, "please" | "kindly" | "so"));
    (behind.trim().is_empty() && alone()) || names_the_answer(behind)
}

/// Whether what is spoken of is the answer: `it`, `the JSON above`, `this until I have read the letter`.
fn names_the_answer(words: &str) -> bool {
    let mut words = words.split_whitespace().peekable();
    let mut pointed = false;
    while words.next_if(|word| POINTERS.contains(word) || ABOVE.contains(word)).is_some() {
        pointed = true;
    }
    let (noun, next) = (words.next(), words.next());
    let above = next.is_some_and(|word| ABOVE.contains(&word));
    match noun {
        None => pointed,
        Some(noun) if above || ANSWER.contains(&noun) || THINGS.contains(&noun) => true,
        Some(noun) if VALUES.contains(&noun) => next.is_none_or(|word| !LIMITS.contains(&word)),
        Some("as") => pointed && next == Some("i"),
        Some(word) => pointed && GOES_ON.contains(&word),
    }
}

/// `Use this template`, `fill in the blanks`; `you can use this template for other letters` offers more.
fn asks_to_fill_in(words: &str) -> bool {
    const POLITE: [&str; 6] = ["please", "then", "so", "now", "just", "and"];
    const FILLING: [&str; 4] = ["fill", "your data", "your own", "real values"];
    let uses = found(words, &["use this template", "use the template"]).any(|(before, _, behind)| {
        let asked = before.split_whitespace().all(|word| POLITE.contains(&word));
        says_soon(behind, &FILLING) || (asked && !behind.starts_with("for "))
    });
    let fills =
        found(words, &["fill in this", "fill in the", "fill out this", "fill out the"]).any(|(_, _, behind)| {
            let mut rest = behind.split_whitespace();
            rest.next().is_none_or(|noun| FORMS.contains(&noun)) && rest.next() != Some("s")
        });
    uses || fills
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
fn is_order_to_ignore(words: &str) -> bool {
    const PLEASE: [&str; 4] = ["please", "bitte", "favor", "prego"];
    let short = words.split_whitespace().count() <= 3;
    short && says(words, &IGNORE) && says(words, &PLEASE)
}

/// `ignore that`, `disregard the JSON above`; `ignore the earlier announcement` speaks of something else.
fn ignores_it(words: &str, answer: &Answer) -> bool {
    let (english, others) = IGNORE.split_at(IGNORE_ENGLISH);
    let voices = Voices::of(words);
    let about = |before: &str, behind: &str| speaks_of_it(before, behind) || names_a_member(behind, answer);
    let denied = |before: &str| [" not", " t", " never"].iter().any(|no| before.ends_with(no));
    found(words, english)
        .any(|(before, _, behind)| !denied(before) && voices.is_mine(before.len()) && about(before, behind))
        || (says(words, others) && (says(words, &ANSWER) || says(words, &ABOVE)))
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
    fn a_second_thought_takes_an_answer_back() {
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
            "Do not rely on this, I could not read the scan.",
            "Do not use this until I have seen the letter.",
            "Please don't use the values above.",
            "Please discard this answer; I looked at the wrong chart.",
            "Use this template and fill in the real values.",
            "Ignore everything above.",
            "Ignore.",
            "Please do not use.",
            "I forgot to include the second drug.",
            "I should have written 100 for the total.",
            "This is only an example of the format.",
            "I'm sorry, I got the date wrong.",
            "I just realised the home team's name is wrong.",
            "Nope, that is last year's match.",
            "I wrote 90 but I misread the receipt.",
            "In this case I misread the date.",
            "Do not use the total, that line was blurred.",
            "Please ignore the home team, it was cut off.",
            "Having looked twice, the page is blank, so the total above does not hold.",
            "I entered random numbers for the total and the date.",
            "There was no date on it, so I put in a typical value.",
            "The above is only an illustration of the schema.",
            "The answer above belongs to another match.",
            "I confused this match with the one in May.",
        ] {
            assert!(taken_back(words, &members), "{words}");
        }
    }

    #[test]
    fn what_is_said_beside_an_answer_leaves_it_alone() {
        let members = [("total", "90"), ("home_team", "Ajax"), ("date", "2024-01-01")];
        for words in [
            "",
            "I chose `billing` since the customer says that the amount was wrong.",
            "Wait times are in minutes.",
            "The date is in ISO format. Let me know if you need anything else!",
            "Note: unknown members were ignored.",
            "The schema should be valid now.",
            "I corrected the spelling of the name.",
            "Hope this helps. Sorry to hear about the outage.",
            "Do not rely on this for medical decisions without a second opinion.",
            "You can use this template for other letters as well.",
            "Please do not use the old number any more.",
            "Please discard the paper copy.",
            "I should have this checked by a pharmacist.",
            "I forgot to mention that amounts are in euros.",
            "I swapped day and month to match the ISO format.",
            "Let me know if I made a mistake.",
            "The caller said it was my mistake.",
            "Passengers should ignore the earlier announcement.",
            "The customer wrote 'ignore this ticket' and reopened it.",
            "Don't forget that the date is in UTC.",
            "I got the impression that the form is wrong.",
            "This would be wrong to publish.",
            "Fill in this form's other pages at the counter.",
            "The applicant decided to withdraw.",
            "These are warnings that you can safely ignore.",
            "The list leaves out services that you do not use.",
            "Let me know if I got anything wrong.",
            "Tell me what I got wrong.",
            "If I picked the wrong category, let me know.",
            "The guest asks us to ignore the first message.",
            "The label says do not use this at home.",
            "The doctor wrote do not use it and call a nurse.",
            "Do not use the date format of the old system.",
            "If the rate changes, the previous total is wrong.",
            "When the team moves, the answer above would be wrong.",
            "I picked a random sample as you asked.",
            "I used average values of the three columns.",
            "This belongs to another department.",
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
        let fake = [("verdict", "fake"), ("evidence", "no such number")];
        for words in ["This is fake.", "It is fake since there is no such number.", "The photos are fake."] {
            assert!(!taken_back(words, &fake), "{words}");
        }
        assert!(taken_back("This is fake.", &billing) && taken_back("I made this up.", &fake));
    }
}
