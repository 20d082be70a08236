//! Words behind an answer that find fault with it: it is wrong, it should be another, it was made up.
//!
//! The answer has to be what the clause speaks of: its subject is a member by name, `this`, `the answer above`, and
//! between subject and fault nothing else is named (`the total of 90 is clearly wrong`).
//! `The student's answer is wrong` and `billing, since the amount was wrong` explain an answer. One that itself calls
//! something wrong (`{"verdict": "incorrect"}`) is explained by `that is wrong` as well.
//!
//! What never happens here: no model, no score. The words are listed, and the list is the documentation.

use std::borrow::Cow;

use super::{begins, leads, says, spaced, words_from};

/// What an answer is called by somebody who speaks of it, and by others who speak of another one.
pub(super) const ANSWER: [&str; 17] = [
    "json",
    "object",
    "answer",
    "output",
    "response",
    "result",
    "results",
    "antwort",
    "ergebnis",
    "ausgabe",
    "réponse",
    "résultat",
    "respuesta",
    "resultado",
    "risposta",
    "risultato",
    "resposta",
];
/// What says that the answer before these words is meant.
pub(super) const ABOVE: [&str; 17] = [
    "above",
    "previous",
    "earlier",
    "preceding",
    "oben",
    "obige",
    "obigen",
    "obiges",
    "dessus",
    "précédente",
    "arriba",
    "anterior",
    "sopra",
    "acima",
    "powyżej",
    "yukarıdaki",
    "выше",
];
/// What says that it is mine.
const MINE: [&str; 12] =
    ["my", "mein", "meine", "ma", "mon", "mi", "mia", "minha", "gave", "wrote", "returned", "provided"];
/// What points at an answer without a name.
const IT: [&str; 16] = [
    "it", "this", "that", "these", "those", "json", "das", "dies", "es", "cela", "ça", "eso", "esto", "questo", "isso",
    "это",
];
/// What the values of an answer are called.
pub(super) const VALUES: [&str; 12] = [
    "answer",
    "response",
    "output",
    "object",
    "values",
    "data",
    "details",
    "numbers",
    "figures",
    "information",
    "entries",
    "fields",
];
/// What may stand before the subject of a clause that speaks of the answer.
const LEADS: [&str; 78] = [
    "the",
    "my",
    "this",
    "that",
    "these",
    "those",
    "a",
    "an",
    "all",
    "both",
    "some",
    "of",
    "but",
    "and",
    "so",
    "however",
    "note",
    "please",
    "also",
    "then",
    "hence",
    "therefore",
    "thus",
    "sorry",
    "oh",
    "no",
    "yes",
    "now",
    "just",
    "only",
    "i",
    "m",
    "am",
    "afraid",
    "think",
    "believe",
    "see",
    "noticed",
    "notice",
    "realize",
    "realized",
    "realise",
    "realised",
    "it",
    "seems",
    "looks",
    "like",
    "here",
    "der",
    "die",
    "das",
    "den",
    "mein",
    "meine",
    "aber",
    "leider",
    "le",
    "la",
    "les",
    "l",
    "mais",
    "el",
    "los",
    "pero",
    "il",
    "ma",
    "o",
    "os",
    "mas",
    "correct",
    "right",
    "real",
    "value",
    "field",
    "edit",
    "ps",
    "caveat",
    "warning",
];
/// What may stand between that subject and what is said of it.
const LINKS: [&str; 59] = [
    "would", "actually", "is", "are", "was", "were", "be", "been", "s", "re", "looks", "seems", "appears", "may",
    "might", "could", "must", "also", "still", "just", "only", "all", "a", "an", "the", "some", "of", "above", "here",
    "in", "my", "value", "values", "field", "i", "gave", "wrote", "use", "uses", "used", "given", "shown", "ist",
    "sind", "war", "ein", "eine", "nur", "die", "der", "est", "sont", "un", "une", "es", "son", "está", "è", "é",
];
/// What begins a clause about something else inside a sentence of mine.
const SINCE: [&str; 16] = [
    "since", "because", "as", "that", "which", "who", "whose", "where", "when", "if", "so", "whether", "weil", "da",
    "car", "porque",
];
/// What is to be done with values that stand for others.
const REPLACE: [&str; 5] = ["replace", "update", "change", "substitute", "fill"];
/// Names of members that say whether something else is right.
const RIGHT: [&str; 6] = ["correct", "right", "valid", "accurate", "true", "correctness"];
/// What calls an answer wrong.
const WRONG: [&str; 28] = [
    "not the right",
    "the wrong one",
    "wrong",
    "incorrect",
    "inaccurate",
    "mistaken",
    "not correct",
    "not right",
    "not accurate",
    "isn t right",
    "isn t correct",
    "aren t right",
    "invented",
    "made up",
    "falsch",
    "stimmt nicht",
    "faux",
    "fausse",
    "incorrecto",
    "incorrecta",
    "equivocado",
    "sbagliato",
    "errato",
    "errado",
    "incorreto",
    "неверно",
    "неправильно",
    "yanlış",
];
/// What says that a member has another value.
const OTHERWISE: [&str; 14] = [
    "should be",
    "should read",
    "should say",
    "ought to be",
    "needs to be",
    "is actually",
    "are actually",
    "was actually",
    "actually is",
    "sollte",
    "müsste",
    "devrait être",
    "debería ser",
    "dovrebbe essere",
];
/// The same of what is past.
const SHOULD_HAVE: [&str; 3] = ["should have been", "should have said", "should have read"];
/// What says that the values were not found but made.
const NO_DATA: [&str; 34] = [
    "a guess",
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
/// A shorter name of a member is met in prose by chance.
const NAME_MIN_BYTES: usize = 3;
/// A longer text tells of something and is no verdict.
const VERDICT_MAX_BYTES: usize = 32;
/// A verdict on the document itself is short.
const VERDICT_WORDS: usize = 7;
/// A remark without a subject has no more words.
const REMARK_WORDS: usize = 5;

/// An answer, as far as the words behind it can speak of it.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The names of its members, each [`spaced`].
    names: Vec<String>,
    /// It says of something that it is wrong.
    judges: bool,
    /// It says of something that it is made up.
    unmasks: bool,
}

impl Answer {
    /// The answer with members of these names, as they stand, and these values, each under its name. Shorter names than
    /// [`NAME_MIN_BYTES`] are met in prose by chance.
    pub(crate) fn new<'a>(
        names: impl Iterator<Item = Cow<'a, str>>,
        values: impl Iterator<Item = (Option<Cow<'a, str>>, Cow<'a, str>)>,
    ) -> Self {
        let names = names.filter(|name| name.len() >= NAME_MIN_BYTES).map(|name| spaced(&name));
        let names = names.filter(|name| name.len() > 1).collect();
        let no = |value: &str| matches!(value, "false" | "no");
        let (mut judges, mut unmasks) = (false, false);
        for (name, value) in values.filter(|(_, value)| value.len() <= VERDICT_MAX_BYTES) {
            let said = spaced(&value);
            let denies = no(&value) && name.is_some_and(|name| says(&spaced(&name), &RIGHT));
            judges |= says(&said, &WRONG) || denies;
            unmasks |= says(&said, &NO_DATA);
        }
        Self { names, judges, unmasks }
    }
}

impl Answer {
    /// `Wrong.`, and nothing else.
    pub(super) fn is_flatly_wrong(&self, clause: &str) -> bool {
        let words = spaced(clause);
        !self.judges && WRONG.contains(&words.trim())
    }
}

/// Whether a sentence finds fault with the answer.
pub(super) fn finds_fault(sentence: &str, answer: &Answer) -> bool {
    let whole = spaced(sentence);
    took_the_wrong_one(&whole)
        || says_otherwise(&whole, answer)
        || clauses(sentence).map(spaced).any(|clause| {
            says_otherwise(&clause, answer) || calls_it_wrong(&clause, answer) || calls_it_made_up(&clause, answer)
        })
}

/// `{...} is wrong`: the document itself is the subject.
pub(super) fn is_called_wrong(behind: &str) -> bool {
    const IS: [&str; 9] = ["is", "was", "ist", "war", "est", "es", "è", "é", "era"];
    // `{...}, which is wrong`, `{...} but that would be wrong`.
    const RELATIVE: [&str; 6] = ["which", "what", "but", "that", "it", "this"];
    let line = behind.trim_start_matches(['`', '*', '_', '"', ')', ' ', ',', '<', '-', '~']);
    // A capital begins another sentence.
    if !line.starts_with(char::is_lowercase) {
        return false;
    }
    let clause = spaced(line.split(['.', '!', '?', '\n', ',', ';']).next().unwrap_or(""));
    let mut words = clause.split_whitespace().skip_while(|word| RELATIVE.contains(word));
    let verb = words.next().is_some_and(|first| IS.contains(&first) || first == "would");
    verb && says(&clause, &WRONG) && clause.split_whitespace().count() <= VERDICT_WORDS
}

/// Parts of a sentence that may stand alone.
pub(super) fn clauses(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split([',', ':', '(', ')', '—', '–', '，', '、'])
}

/// The words before and behind each phrase that stands in a clause.
fn around<'c>(clause: &'c str, phrases: &[&str]) -> impl Iterator<Item = (Vec<&'c str>, &'c str)> {
    let first =
        move |phrase: &&str| words_from(clause).find_map(|(at, rest)| Some((clause.get(..at)?, leads(rest, phrase)?)));
    let parts = phrases.iter().filter_map(first);
    parts.map(|(before, behind)| (before.split_whitespace().collect(), behind))
}

/// `The total is wrong`.
fn calls_it_wrong(clause: &str, answer: &Answer) -> bool {
    around(clause, &WRONG).any(|(before, behind)| {
        // `wrong to publish`, `was wrong on the first page but is right on the second`
        if behind.starts_with("to ")
            || says(&format!(" {behind}"), &["but is right", "but is correct", "but right", "but correct"])
        {
            return false;
        }
        let it = || is_about(&before, &answer.names, &IT, links);
        is_about_this_answer(&before) || (!answer.judges && it())
    })
}

/// `The total for Acme should be 100`, `it should have been 100`.
fn says_otherwise(clause: &str, answer: &Answer) -> bool {
    let of_a_member = |before: &[&str]| is_about(before, &answer.names, &[], names_no_other);
    around(clause, &OTHERWISE).any(|(before, _)| of_a_member(&before))
        || around(clause, &SHOULD_HAVE).any(|(before, _)| of_a_member(&before) || is_about(&before, &[], &IT, links))
}

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
            !of_a_kind(behind) && (it || is_my_doing(&before) || is_remark(&before, clause))
        })
}

/// `with invented values`, `using placeholder data`, `(invented)`.
pub(super) fn uses_made_up(clause: &str, answer: &Answer) -> bool {
    // A verdict `fake` is what the answer says of something else.
    if answer.judges || answer.unmasks {
        return false;
    }
    if NO_DATA.contains(&clause.trim()) {
        return true;
    }
    let said = ["with", "using"].iter().find_map(|word| begins(clause, word)).unwrap_or("");
    let behind = NO_DATA.iter().find_map(|phrase| Some((phrase, leads(said, phrase)?)));
    behind.is_some_and(|(phrase, rest)| {
        let mut words = phrase.split(' ').skip(1).chain(rest.split_whitespace().next());
        words.any(|word| VALUES.contains(&word))
    })
}

/// Whether the subject of these words is a member or one of `subjects`: `[but] [the] total [rest]`.
fn is_about(words: &[&str], names: &[String], subjects: &[&str], allows: fn(&[&str]) -> bool) -> bool {
    let leads = words.iter().take_while(|word| LEADS.contains(word)).count();
    (0..=leads).filter_map(|at| words.get(at..)).any(|words| {
        // `the guest's name` and `the guest name` are the member `guest`.
        const ASPECTS: [&str; 6] = ["name", "date", "number", "amount", "count", "id"];
        let after_name = |name: &String| {
            let mut rest = words.iter();
            let whole = name.split_whitespace().all(|word| rest.next() == Some(&word));
            let rest = rest.as_slice();
            let rest = rest.strip_prefix(&["s"]).unwrap_or(rest);
            whole.then(|| rest.split_first().filter(|(word, _)| ASPECTS.contains(word)).map_or(rest, |(_, rest)| rest))
        };
        let after_subject = words.split_first().filter(|(word, _)| subjects.contains(word)).map(|(_, rest)| rest);
        names.iter().filter_map(after_name).chain(after_subject).any(allows)
    })
}

/// Nothing but what links a subject to what is said of it: `of 90 is clearly`.
fn links(words: &[&str]) -> bool {
    words.iter().all(|word| {
        LINKS.contains(word)
            || ANSWER.contains(word)
            || word.ends_with("ly")
            || word.bytes().all(|b| b.is_ascii_digit())
    })
}

/// No second clause with a subject of its own: `for Acme`, `is 90 but`.
fn names_no_other(words: &[&str]) -> bool {
    let goes_on = |word: &str| matches!(word, "and" | "but");
    let (words, goes_on_last) = match words.split_last() {
        Some((last, rest)) if goes_on(last) => (rest, true),
        _ => (words, false),
    };
    let verb = |word: &str| matches!(word, "is" | "are" | "was" | "were");
    words.iter().all(|word| !SINCE.contains(word) && !goes_on(word) && (goes_on_last || !verb(word)))
}

/// `my answer is`, `the JSON above was`, `the answer I gave is`.
fn is_about_this_answer(words: &[&str]) -> bool {
    let known = |word: &&str| [&LEADS[..], &LINKS, &ANSWER, &ABOVE, &MINE].iter().any(|list| list.contains(word));
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    words.iter().all(known) && (has(&ABOVE) || (has(&ANSWER) && has(&MINE)))
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

/// `I analysed the wrong review`.
fn took_the_wrong_one(words: &str) -> bool {
    let list: Vec<&str> = words.split_whitespace().collect();
    // `I got the date wrong`.
    let got = list.windows(2).position(|two| matches!(two, ["i", "got" | "had"]));
    let got_wrong = list.split_last().zip(got).is_some_and(|((last, rest), at)| {
        let between = rest.get(at + 2..).unwrap_or_default();
        *last == "wrong" && between.len() <= REMARK_WORDS && !between.iter().any(|word| SINCE.contains(word))
    });
    got_wrong || list.windows(4).any(|four| matches!(four, ["i", _, "the" | "a" | "an", "wrong" | "incorrect"]))
}
