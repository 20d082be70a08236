//! Words behind an answer that take it back: a second thought, an order to ignore it, a value said to be another.
//!
//! A model that corrects itself in prose, without writing its answer again, has given none. The words are read sentence by
//! sentence, in the languages that models answer in; what only explains the answer leaves it alone.
//!
//! What never happens here: no model, no score, no value out of prose. The phrases are listed, and the list is the
//! documentation.

use super::spaced;

/// What a sentence that thinks again begins with, where a pause or a word of [`THEN`] follows.
const SECOND_THOUGHTS: [&str; 46] = [
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
const ANYWHERE: [&str; 37] = [
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
    "should have been",
    "should have said",
    "should have read",
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
/// What an answer is called by somebody who speaks of it.
const ANSWER: [&str; 34] = [
    "above",
    "json",
    "object",
    "answer",
    "output",
    "response",
    "result",
    "results",
    "previous",
    "earlier",
    "preceding",
    "oben",
    "obige",
    "obigen",
    "obiges",
    "antwort",
    "ergebnis",
    "ausgabe",
    "dessus",
    "réponse",
    "résultat",
    "précédente",
    "arriba",
    "anterior",
    "respuesta",
    "resultado",
    "sopra",
    "risposta",
    "risultato",
    "acima",
    "resposta",
    "powyżej",
    "yukarıdaki",
    "выше",
];
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
/// What calls an answer wrong.
const WRONG: [&str; 26] = [
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
/// What says that the values were not found but made.
const NO_DATA: [&str; 22] = [
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
/// An answer is named right behind the order to ignore it, or not at all.
const NEAR_WORDS: usize = 4;

/// Whether words behind a document take it back; `names` are those of its members.
pub(crate) fn retracts(words: &str, names: &[String]) -> bool {
    if !words.contains(char::is_alphanumeric) {
        return false;
    }
    UNSPACED.iter().any(|phrase| words.contains(phrase)) || sentences(words).any(|sentence| takes_back(sentence, names))
}

/// A point ends a sentence where white space follows: `2.5` is one number.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split(['!', '?', '\n', ';', '。', '！', '？']).flat_map(|part| part.split(". "))
}

fn takes_back(sentence: &str, names: &[String]) -> bool {
    let words = spaced(sentence);
    let says = |phrases: &[&str]| super::says(&words, phrases);
    let names_a_member = names.iter().any(|name| words.contains(name.as_str()));
    let speaks_of_it = names_a_member || says(&ANSWER);
    let pointed = [" this ", " that ", " it ", " these ", " those "].iter().any(|word| words.starts_with(word));
    thinks_again(sentence, &words)
        || says(&ANYWHERE)
        || (says(&IGNORE) && (says(&ANSWER) || ignores_it(&words)))
        || (says(&WRONG) && (speaks_of_it || pointed || took_the_wrong_one(&words)))
        || (says(&OTHERWISE) && names_a_member)
        || (says(&NO_DATA)
            && (pointed || speaks_of_it || says(&["i", "values", "data", "this is", "these are", "that is"])))
}

/// `Wait, ...`, `Actually the letter says ...`; a wait time is none.
fn thinks_again(sentence: &str, words: &str) -> bool {
    let begins = SECOND_THOUGHTS.iter().filter(|phrase| words.starts_with(&format!(" {phrase} ")));
    let Some(phrase) = begins.max_by_key(|phrase| phrase.len()) else { return false };
    let rest = words.get(phrase.len() + 2..).unwrap_or("");
    let follows = rest.split(' ').next().unwrap_or("");
    let count = phrase.split(' ').count();
    let mut boundaries = sentence.split_whitespace().filter(|word| word.contains(char::is_alphanumeric));
    let paused = boundaries.nth(count - 1).is_some_and(|word| !word.ends_with(char::is_alphanumeric));
    paused || follows.is_empty() || THEN.contains(&follows)
}

/// `I analysed the wrong review`.
fn took_the_wrong_one(words: &str) -> bool {
    let list: Vec<&str> = words.split_whitespace().collect();
    list.windows(4).any(|four| matches!(four, ["i", _, "the" | "a" | "an", "wrong" | "incorrect"]))
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
    use super::*;

    #[test]
    fn a_second_thought_takes_an_answer_back_and_an_explanation_leaves_it_alone() {
        let names: Vec<String> = ["total", "home team", "date"].iter().map(|name| format!(" {name} ")).collect();
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
        ] {
            assert!(retracts(words, &names), "{words}");
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
            assert!(!retracts(words, &names), "{words}");
        }
    }
}
