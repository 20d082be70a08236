//! What the words before a document say of it: that it is the answer, or that it is only an example.
//!
//! What never happens here: no model, no score. The phrases are listed, and the list is the documentation.

mod contradict;
mod disown;
mod fault;
mod made_up;
mod retract;
mod unfounded;
mod voices;

use std::borrow::Cow;

pub(crate) use contradict::{Fact, Said, contradicts};
pub(crate) use disown::{is_denied, is_disowned, is_struck_out};
pub(crate) use fault::Answer;
pub(crate) use retract::retracts;
pub(crate) use unfounded::{has_no_source, is_supposed, is_thought_up};

/// What announces an answer, or takes back what stood before it.
const ANSWERS: [&str; 75] = [
    "final",
    "corrected",
    "correction",
    "correct version",
    "correct answer",
    "actual answer",
    "actually",
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
    "wrong",
    "incorrect",
    "not correct",
    "ignore the",
    "ignore that",
    "disregard",
    "scratch that",
    "let me correct",
    "let me fix",
    "oops",
    "second attempt",
    "attempt 2",
    "attempt 3",
    "try again",
    "retry",
    // German, French, Spanish, Italian, Portuguese, Turkish, Polish, Russian.
    "korrektur",
    "korrigiert",
    "richtig",
    "correction",
    "corrigé",
    "version corrigée",
    "corrección",
    "corregido",
    "versión corregida",
    "correzione",
    "corretto",
    "versione corretta",
    "correção",
    "corrigido",
    "versão corrigida",
    "düzeltme",
    "düzeltilmiş",
    "doğrusu",
    "korekta",
    "poprawka",
    "poprawiona wersja",
    "исправление",
    "исправлено",
    "исправленный вариант",
    "правильно",
    "endgültig",
    "endgültige",
    "endgültiges",
    "endgültiger",
    "finale",
    "definitive",
    "définitive",
    "respuesta definitiva",
    "respuesta final",
    "risposta definitiva",
    "risposta finale",
    "resposta final",
    "nihai",
    "son cevap",
    "ostateczna",
    "окончательный",
    "en fait",
];

/// The same in scripts that put no space between words.
const ANSWERS_UNSPACED: [&str; 8] = ["訂正", "修正", "正しい", "更正", "改正", "正确", "正確", "정정"];

/// What says that an answer is none.
const WRONG: [&str; 6] = ["wrong", "incorrect", "not correct", "not right", "invalid", "mistake"];

/// Names of members and tags that hold something else than the answer.
const NO_ANSWERS: [&str; 45] = [
    "example",
    "examples",
    "sample",
    "samples",
    "template",
    "schema",
    "draft",
    "drafts",
    "initial",
    "previous",
    "prior",
    "old",
    "original",
    "before",
    "request",
    "prompt",
    "expected",
    "wrong",
    "rejected",
    "invalid",
    "incorrect",
    "bad",
    "default",
    "defaults",
    "think",
    "thinking",
    "thought",
    "thoughts",
    "reasoning",
    "reasoning_content",
    "analysis",
    "scratchpad",
    "error",
    "errors",
    "first_attempt",
    "alternative",
    "alternatives",
    "failure",
    "placeholder",
    "dummy",
    "mock",
    "deleted",
    "removed",
    "unverified",
    "not",
];

/// Whether what stands under this name is no answer.
pub(crate) fn names_no_answer(name: &str) -> bool {
    NO_ANSWERS.contains(&name.to_lowercase().as_str())
}

/// What says of an option that it is the answer.
const CHOICES: [&str; 14] = [
    "final answer",
    "i choose",
    "i pick",
    "i select",
    "i recommend",
    "i prefer",
    "go with",
    "going with",
    "i will use",
    "use",
    "is correct",
    "is right",
    "is the answer",
    "is best",
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
    if words.trim_end().ends_with('?') {
        return false;
    }
    let unspaced = says_unspaced(words, &ANSWERS_UNSPACED);
    let words = spaced(words);
    (unspaced || says(&words, &ANSWERS)) && !says(&words, &OPEN)
}

/// Whether one of the phrases stands in these words, as a whole.
fn says(spaced: &str, phrases: &[&str]) -> bool {
    words_from(spaced).any(|(_, rest)| phrases.iter().any(|phrase| leads(rest, phrase).is_some()))
}

/// What is read of the words before or behind an answer: all, or of more than 64 KiB the first and the last 32.
pub(crate) fn ends_of(words: &str) -> Cow<'_, str> {
    const END: usize = 32 * 1024;
    if words.len() <= 2 * END {
        return Cow::Borrowed(words);
    }
    let (head, tail) = (words.floor_char_boundary(END), words.ceil_char_boundary(words.len() - END));
    Cow::Owned([words.get(..head), words.get(tail..)].map(Option::unwrap_or_default).join("\n"))
}

/// Each place where a word begins, and the words from there on.
fn words_from(spaced: &str) -> impl Iterator<Item = (usize, &str)> {
    memchr::memchr_iter(b' ', spaced.as_bytes()).filter_map(|space| Some((space, spaced.get(space + 1..)?)))
}

/// What follows the phrase that these words begin with.
fn leads<'w>(words: &'w str, phrase: &str) -> Option<&'w str> {
    words.strip_prefix(phrase)?.strip_prefix(' ')
}

/// The same of a [`spaced`] text.
fn begins<'w>(spaced: &'w str, phrase: &str) -> Option<&'w str> {
    leads(spaced.strip_prefix(' ')?, phrase)
}

fn ends(spaced: &str, phrase: &str) -> bool {
    spaced.strip_suffix(' ').and_then(|words| words.strip_suffix(phrase)).is_some_and(|head| head.ends_with(' '))
}

/// The same in scripts that put no space between words.
fn says_unspaced(text: &str, phrases: &[&str]) -> bool {
    !text.is_ascii() && phrases.iter().any(|phrase| text.contains(phrase))
}

/// Whether the words behind the last document take it back.
pub(crate) fn takes_back(words: &str) -> bool {
    says(&spaced(words), &WRONG)
}

/// The label that the words before a document give it: `option 2`, `attempt a`.
pub(crate) fn label(words: &str) -> Option<String> {
    const NOUNS: [&str; 9] =
        ["option", "attempt", "version", "candidate", "variant", "answer", "alternative", "draft", "choice"];
    let spaced = spaced(words.rsplit('\n').find(|line| line.contains(char::is_alphanumeric)).unwrap_or(""));
    let mut last = spaced.split_whitespace().rev();
    let (mark, noun) = (last.next()?, last.next()?);
    (NOUNS.contains(&noun) && mark.chars().count() == 1).then(|| format!("{noun} {mark}"))
}

/// The one label that the words choose; sentences that deny or leave the choice open choose nothing.
pub(crate) fn chosen<'l>(words: &str, labels: &[&'l str]) -> Option<&'l str> {
    let mut found: Option<&str> = None;
    for sentence in words.split(['.', '!', '?', '\n', ';']) {
        let denied = sentence.contains("n't");
        let sentence = spaced(sentence);
        if denied || !says(&sentence, &CHOICES) || says(&sentence, &["not", "never", "or", "either", "both"]) {
            continue;
        }
        let mut named = labels.iter().filter(|label| says(&sentence, &[label]));
        match (named.next(), named.next(), found) {
            (Some(one), None, None) => found = Some(one),
            (Some(one), None, Some(known)) if *one == known => {}
            (None, ..) => {}
            _ => return None,
        }
    }
    found
}

/// Whether the clause that leads to the document calls it an example.
pub(crate) fn example(words: &str) -> bool {
    let (clause, spaced) = leading_clause(words);
    let ends = |phrase: &&str| ends(&spaced, phrase);
    is_example(&clause, &spaced) || ["template", "format"].iter().any(ends)
}

/// The same of a document that is the only one: a form that is named is no example yet.
pub(crate) fn lone_example(before: &str, behind: &str) -> bool {
    let (clause, words) = leading_clause(before);
    let led = (begins_as_example(&words) && !names_a_specimen(&words)) || is_likened(&words) || shows_a_form(&words);
    let named = ends_as_example(&words) && !is_referred_to(&words);
    led || named || says_unspaced(&clause, &EXAMPLES_UNSPACED) || spaced(behind).starts_with(" for example ")
}

/// `Sample W-118 was measured twice`: a specimen, and no example.
fn names_a_specimen(words: &str) -> bool {
    const OF_SPECIMENS: [&str; 3] = ["id", "no", "size"];
    // `Sample 2 of what the output may contain` is one of an answer.
    const ANSWERS: [&str; 5] = ["output", "response", "answer", "json", "object"];
    const VERBS: [&str; 6] = ["was", "were", "has", "had", "shows", "contains"];
    let Some(rest) = begins(words, "sample") else { return false };
    let list: Vec<&str> = rest.split_whitespace().take(3).collect();
    let digit = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let specimen = match list.as_slice() {
        [first, second, ..] if first.len() == 1 && digit(second) => true,
        [first, _, ..] => digit(first) || OF_SPECIMENS.contains(first) || says(words, &VERBS),
        _ => false,
    };
    specimen && !says(words, &ANSWERS)
}

/// `from the test data`, `for the given example`: what was given, and no example of an answer.
fn is_referred_to(words: &str) -> bool {
    const GIVEN: [&str; 4] = ["given", "above", "provided", "following"];
    const DEFINITE: [&str; 6] = ["the", "this", "that", "these", "those", "your"];
    const PREPOSITIONS: [&str; 7] = ["for", "from", "of", "in", "to", "on", "using"];
    // What was given to the model is never called so.
    const UNREAL: [&str; 9] =
        ["mock", "dummy", "fake", "illustrative", "fictitious", "fictional", "placeholder", "hypothetical", "invented"];
    if words.split_whitespace().rev().take(2).any(|word| UNREAL.contains(&word)) {
        return false;
    }
    let rest = |nouns: usize| words.split_whitespace().rev().skip(nouns).skip_while(|word| GIVEN.contains(word));
    (1..=2).any(|nouns| {
        let mut before = rest(nouns);
        let definite = before.next().is_some_and(|word| DEFINITE.contains(&word));
        definite && before.next().is_some_and(|word| PREPOSITIONS.contains(&word))
    })
}

/// Whether a line of the text leads over to an example.
pub(crate) fn leads_to_example(text: &str) -> bool {
    text.lines().any(|line| line.trim_end().ends_with([':', '：']) && lone_example(line, ""))
}

/// `an example of what the output would look like once you send me the letter`.
fn shows_a_form(spaced: &str) -> bool {
    const SHOWN: [&str; 5] =
        ["example of what", "example of how", "sample of what", "illustration of what", "idea of what"];
    const ANSWERS: [&str; 6] = ["output", "response", "answer", "json", "object", "result"];
    let likened =
        says(spaced, &["look like once", "look like when", "look like after", "look like as soon as", "look like if"]);
    // `the shape of the answer:`
    const SHAPES: [&str; 4] = ["shape", "structure", "format", "skeleton"];
    let mut last = spaced.split_whitespace().rev();
    let noun = last.next().filter(|noun| ANSWERS.contains(noun));
    let of_the = noun.and_then(|_| last.next()) == Some("the") && last.next() == Some("of");
    let shape = of_the && last.next().is_some_and(|word| SHAPES.contains(&word));
    shape || ((says(spaced, &SHOWN) || likened) && says(spaced, &ANSWERS))
}

/// `would look like this`, `something like`.
fn is_likened(spaced: &str) -> bool {
    const MODALS: [&str; 7] = ["would", "could", "might", "may", "should", "can", "will"];
    const LIKE: [&str; 3] = ["look like", "look like this", "something like"];
    let likened = LIKE.iter().any(|phrase| ends(spaced, phrase)) || (ends(spaced, "look") && says(spaced, &["how"]));
    likened && says(spaced, &MODALS)
}

/// `a mock response`, `dummy data`: two words at the end.
fn is_mock(spaced: &str) -> bool {
    const MOCK: [&str; 13] = [
        "example",
        "sample",
        "mock",
        "dummy",
        "test",
        "fake",
        "illustrative",
        "fictitious",
        "fictional",
        "placeholder",
        "hypothetical",
        "invented",
        "imaginary",
    ];
    const KINDS: [&str; 11] =
        ["response", "output", "data", "answer", "json", "object", "values", "payload", "instance", "record", "reply"];
    let mut last = spaced.split_whitespace().rev();
    last.next().is_some_and(|word| KINDS.contains(&word)) && last.next().is_some_and(|word| MOCK.contains(&word))
}

/// The same in scripts that put no space between words.
const EXAMPLES_UNSPACED: [&str; 6] = ["例えば", "例：", "例:", "示例", "例如", "サンプル"];

fn is_example(clause: &str, spaced: &str) -> bool {
    is_likened(spaced)
        || begins_as_example(spaced)
        || ends_as_example(spaced)
        || says_unspaced(clause, &EXAMPLES_UNSPACED)
}

fn begins_as_example(spaced: &str) -> bool {
    const BEGINNINGS: [&str; 26] = [
        "for example",
        "for instance",
        "example",
        "an example",
        "sample",
        "zum beispiel",
        "ein beispiel",
        "beispiel",
        "par exemple",
        "un exemple",
        "exemple",
        "por ejemplo",
        "un ejemplo",
        "ejemplo",
        "per esempio",
        "un esempio",
        "esempio",
        "por exemplo",
        "um exemplo",
        "exemplo",
        "örneğin",
        "örnek",
        "na przykład",
        "przykład",
        "например",
        "пример",
    ];
    BEGINNINGS.iter().any(|phrase| begins(spaced, phrase).is_some())
}

fn ends_as_example(spaced: &str) -> bool {
    const ENDINGS: [&str; 23] = [
        "mock",
        "dummy",
        "specimen",
        "illustration",
        "schema illustration",
        "format reminder",
        "ein muster",
        "muster",
        "eine vorlage",
        "vorlage",
        "un modèle",
        "un modello",
        "una plantilla",
        "for example",
        "for instance",
        "example",
        "sample",
        "zum beispiel",
        "par exemple",
        "por ejemplo",
        "per esempio",
        "örneğin",
        "например",
    ];
    is_mock(spaced) || ENDINGS.iter().any(|phrase| ends(spaced, phrase))
}

/// The clause right before a document, as it stands and word by word.
fn leading_clause(words: &str) -> (String, String) {
    let prose: Vec<&str> = words.lines().filter(|line| !line.trim_start().starts_with("```")).collect();
    let words = prose.join("\n").replace("e.g.", "for example");
    let head = words.trim_end().trim_end_matches([':', ',', '`', '*', '_', '：']).trim_end();
    let part = head.rsplit(['.', '!', '?', '\n', '。']).find(|part| part.contains(char::is_alphabetic)).unwrap_or("");
    (format!("{part}:"), spaced(part))
}

/// In lower case, each word between two spaces.
pub(crate) fn spaced(text: &str) -> String {
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
            "Your JSON should look like this:\n",
            "Here's a mock response: ",
            "Here's how a response could look: ",
            "Your schema as an example instance: ",
            "Hypothetical output: ",
            "Hier ein Muster: ",
        ] {
            assert!(example(words), "{words}");
        }
        for words in
            ["For the example above the answer is", "The result. ", "", "The test results: ", "It looks like this: "]
        {
            assert!(!example(words), "{words}");
        }
        for words in [
            "Here is the analysis for your sample:\n",
            "Sample W-118 was measured twice; the result is:\n",
            "Sample 12 has these values: ",
            "Extracted from the test data: ",
            "Result for the given example: ",
            "Sample preparation took two hours and was done twice: ",
        ] {
            assert!(!lone_example(words, ""), "{words}");
        }
        for words in [
            "Sample output 1: ",
            "Sample: ",
            "Here is a sample response: ",
            "For example: ",
            "For the task, an example: ",
            "Sample analysis of a positive review: ",
            "Sample 2 of what the output may contain: ",
            "Here is the answer in the mock response: ",
            "This is the shape of the answer: ",
            "Here is what I made of the dummy data: ",
            "This is an example of how the answer will look like when you paste the letter: ",
        ] {
            assert!(lone_example(words, ""), "{words}");
        }
    }
}
