//! Words behind an answer that find fault with it: it is wrong, it should be another, it was made up.
//!
//! The answer has to be what the clause speaks of: its subject is a member by name, `this`, `the answer above`, and
//! between subject and fault nothing else is named (`the total of 90 is clearly wrong`).
//! `The student's answer is wrong` and `billing, since the amount was wrong` explain an answer. One that itself calls
//! something wrong (`{"verdict": "incorrect"}`) is explained by `that is wrong` as well.
//!
//! What never happens here: no model, no score. The words are listed, and the list is the documentation.

use std::borrow::Cow;

use super::made_up::{UNREAL, calls_it_made_up, fills_in};
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
pub(super) const IT: [&str; 16] = [
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
pub(super) const LEADS: [&str; 78] = [
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
pub(super) const SINCE: [&str; 16] = [
    "since", "because", "as", "that", "which", "who", "whose", "where", "when", "if", "so", "whether", "weil", "da",
    "car", "porque",
];
/// Names of members that say whether something else is right.
const RIGHT: [&str; 6] = ["correct", "right", "valid", "accurate", "true", "correctness"];
/// What calls an answer wrong.
const WRONG: [&str; 33] = [
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
    "does not hold",
    "doesn t hold",
    "do not hold",
    "no longer holds",
    "no longer hold",
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
/// A shorter name of a member is met in prose by chance.
const NAME_MIN_BYTES: usize = 3;
/// A longer text tells of something and is no verdict.
const VERDICT_MAX_BYTES: usize = 32;
/// A verdict on the document itself is short.
const VERDICT_WORDS: usize = 7;
/// A remark without a subject has no more words.
pub(super) const REMARK_WORDS: usize = 5;

/// An answer, as far as the words behind it can speak of it.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The names of its members, each [`spaced`].
    pub(super) names: Vec<String>,
    /// It says of something that it is wrong.
    pub(super) judges: bool,
    /// It says of something that it is made up.
    pub(super) unmasks: bool,
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
            unmasks |= says(&said, &UNREAL);
        }
        Self { names, judges, unmasks }
    }
}

impl Answer {
    /// The names of its members, each as words with a space between two.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| name.trim())
    }

    /// `Wrong.`, and nothing else.
    pub(super) fn is_flatly_wrong(&self, clause: &str) -> bool {
        let words = spaced(clause);
        !self.judges && WRONG.contains(&words.trim())
    }
}

/// Whether a sentence finds fault with the answer.
pub(super) fn finds_fault(sentence: &str, answer: &Answer) -> bool {
    // `the answer above belongs to another letter`
    const OF_ANOTHER: [&str; 6] = [
        "belongs to another",
        "belongs to a different",
        "is for another",
        "is for a different",
        "is from another",
        "is about another",
    ];
    let whole = spaced(sentence);
    if is_conditional(&whole) {
        return false;
    }
    let of_another = |clause: &str| around(clause, &OF_ANOTHER).any(|(before, _)| is_about_this_answer(&before));
    took_the_wrong_one(&whole)
        || fills_in(&whole)
        || clauses(sentence).map(spaced).any(|clause| of_another(&clause))
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
pub(super) fn around<'c>(clause: &'c str, phrases: &[&str]) -> impl Iterator<Item = (Vec<&'c str>, &'c str)> {
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
        is_about_this_answer(&before) || is_about_the_above(&before, answer) || (!answer.judges && it())
    })
}

/// `The total for Acme should be 100`, `it should have been 100`.
fn says_otherwise(clause: &str, answer: &Answer) -> bool {
    let of_a_member = |before: &[&str]| is_about(before, &answer.names, &[], names_no_other);
    around(clause, &OTHERWISE).any(|(before, _)| of_a_member(&before))
        || around(clause, &SHOULD_HAVE).any(|(before, _)| of_a_member(&before) || is_about(&before, &[], &IT, links))
}

/// `If the rate changes, the total is wrong`: what would be, and not what is.
fn is_conditional(words: &str) -> bool {
    const IF: [&str; 10] = ["if", "when", "whenever", "unless", "once", "should", "wenn", "falls", "si", "se"];
    const CHANGES: [&str; 19] = [
        "change", "changes", "update", "updates", "move", "moves", "differ", "differs", "expire", "expires", "edit",
        "edits", "replace", "replaces", "revise", "revises", "would", "will", "ändert",
    ];
    IF.iter().any(|word| begins(words, word).is_some()) && says(words, &CHANGES)
}

/// `[..., so that is off and] the verdict above`: the last clause speaks of a member above.
fn is_about_the_above(words: &[&str], answer: &Answer) -> bool {
    const JOINING: [&str; 3] = ["and", "so", "but"];
    let start = words.iter().rposition(|word| JOINING.contains(word)).map_or(0, |at| at + 1);
    let last = words.get(start..).unwrap_or_default();
    last.iter().any(|word| ABOVE.contains(word)) && is_about(last, &answer.names, &[], links)
}

/// Whether the subject of these words is a member or one of `subjects`: `[but] [the] total [rest]`.
pub(super) fn is_about(words: &[&str], names: &[String], subjects: &[&str], allows: fn(&[&str]) -> bool) -> bool {
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
pub(super) fn links(words: &[&str]) -> bool {
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
pub(super) fn is_about_this_answer(words: &[&str]) -> bool {
    let known = |word: &&str| [&LEADS[..], &LINKS, &ANSWER, &ABOVE, &MINE].iter().any(|list| list.contains(word));
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    words.iter().all(known) && (has(&ABOVE) || (has(&ANSWER) && has(&MINE)))
}

/// `I analysed the wrong review`.
fn took_the_wrong_one(words: &str) -> bool {
    let list: Vec<&str> = words.split_whitespace().collect();
    // `let me know if I got it wrong`, `tell me what I got wrong`
    let asked = list.iter().position(|word| matches!(*word, "if" | "whether" | "unless" | "what" | "where" | "which"));
    let mine = |at: &usize| asked.is_none_or(|asked| *at < asked);
    // `I got the date wrong`.
    let got = list.windows(2).position(|two| matches!(two, ["i", "got" | "had"])).filter(mine);
    let got_wrong = list.split_last().zip(got).is_some_and(|((last, rest), at)| {
        let between = rest.get(at + 2..).unwrap_or_default();
        *last == "wrong" && between.len() <= REMARK_WORDS && !between.iter().any(|word| SINCE.contains(word))
    });
    let took = |four: &[&str]| matches!(four, ["i", _, "the" | "a" | "an", "wrong" | "incorrect"]);
    got_wrong || list.windows(4).position(took).filter(mine).is_some()
}
