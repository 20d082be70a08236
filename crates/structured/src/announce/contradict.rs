//! Words around an answer that say another value of one of its members: `the amount is 32.10` beside 23.1.
//!
//! Read are sentences that say nothing else: the member by its name, a verb, one value, and no word behind it but a
//! currency. Of a list of words `this review is clearly negative` counts as well, where a single member takes the word
//! and the answer's own word is nowhere in the text. A number ten or a hundred times the other is the same in another
//! unit, a rounded one the same in fewer digits.
//!
//! What never happens here: no value is taken out of prose, and no sentence that supposes, denies or compares is read.

use super::spaced;

/// A value of the answer, as far as prose can contradict it.
#[derive(Debug)]
pub(crate) enum Said {
    Number(f64),
    Bool(bool),
    /// One of the words that the schema lists: this one and the others, each [`spaced`].
    Word(String, Vec<String>),
}

/// A member at the root of an answer.
#[derive(Debug)]
pub(crate) struct Fact {
    /// Its name as words with a space between two.
    pub(crate) name: String,
    pub(crate) said: Said,
}

/// A sentence that says more than one value has more words.
const SENTENCE_WORDS_MAX: usize = 40;
/// What may stand before the name of a member.
const LEADS: [&str; 18] = [
    "the",
    "so",
    "and",
    "thus",
    "hence",
    "therefore",
    "this",
    "my",
    "final",
    "short",
    "simple",
    "correct",
    "total",
    "its",
    "then",
    "overall",
    "clear",
    "direct",
];
const IS: [&str; 5] = ["is", "are", "was", "were", "equals"];
/// What a text that is judged may be called.
const TEXTS: [&str; 16] = [
    "review",
    "text",
    "message",
    "email",
    "mail",
    "ticket",
    "comment",
    "sentence",
    "tweet",
    "post",
    "document",
    "article",
    "request",
    "feedback",
    "case",
    "statement",
];
const CURRENCIES: [&str; 12] =
    ["usd", "eur", "gbp", "jpy", "chf", "dollars", "euros", "pounds", "yen", "francs", "cad", "aud"];
/// What makes a sentence one that does not say what is.
const OPEN: [&str; 14] = [
    "if",
    "whether",
    "unless",
    "would",
    "should",
    "could",
    "might",
    "may",
    "not",
    "previously",
    "originally",
    "but",
    "although",
    "though",
];

/// Whether the words around an answer say another value of a member than it has. Linear in the words, for each member.
pub(crate) fn contradicts(before: &str, behind: &str, facts: &[Fact]) -> bool {
    if facts.is_empty() {
        return false;
    }
    let sides = [before, behind].map(str::to_lowercase);
    let lines = sides.iter().flat_map(|words| words.split(['\n', ';', '!']));
    let sentences = lines.flat_map(|line| line.split(". ")).filter(|sentence| !sentence.contains('?'));
    let clauses: Vec<Vec<&str>> = sentences.flat_map(parts).filter(|clause| around_verb(clause).is_some()).collect();
    // Who works towards an answer says others on the way to it.
    let said = |fact: &Fact| match &fact.said {
        Said::Number(own) => sides.iter().flat_map(|words| words.split_whitespace()).any(|word| {
            number(&[word.trim_end_matches(['.', ',', ';', ':', ')'])]).is_some_and(|other| is_same(*own, other))
        }),
        Said::Bool(own) => clauses.iter().any(|clause| says_bool(clause, fact) == Some(*own)),
        Said::Word(own, _) => sides.iter().any(|side| spaced(side).contains(own.as_str())),
    };
    let another = |fact: &&Fact| clauses.iter().any(|clause| is_another(clause, fact, facts));
    facts.iter().filter(another).any(|fact| !said(fact))
}

/// A sentence in small letters, cut at its commas, but for those inside numbers; each part as its words, up to the
/// first that leaves open what is.
fn parts(sentence: &str) -> Vec<Vec<&str>> {
    let open = |word: &&str| OPEN.contains(word) || word.ends_with("n't") || word.ends_with("n’t");
    let mut parts = vec![Vec::new()];
    for word in sentence.split_whitespace().take(SENTENCE_WORDS_MAX) {
        let ends = word.ends_with([',', ':']);
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && !"$€£¥%-+".contains(c));
        if let Some(part) = parts.last_mut().filter(|_| !bare.is_empty()) {
            part.push(bare);
        }
        if ends {
            parts.push(Vec::new());
        }
    }
    let sure = parts.iter().take_while(|part: &&Vec<&str>| !part.iter().any(open)).count();
    parts.truncate(sure);
    parts
}

/// The subject and what is said of it.
fn around_verb<'c>(clause: &'c [&str]) -> Option<(&'c [&'c str], &'c [&'c str])> {
    let verb = clause.iter().position(|word| IS.contains(word))?;
    Some((clause.get(..verb)?, clause.get(verb + 1..)?))
}

/// The yes or no that a clause says of a member.
fn says_bool(clause: &[&str], fact: &Fact) -> Option<bool> {
    let (subject, behind) = around_verb(clause)?;
    let said = match behind {
        ["yes" | "true"] => true,
        ["no" | "false"] => false,
        _ => return None,
    };
    names(subject, &fact.name).then_some(said)
}

fn is_another(clause: &[&str], fact: &Fact, facts: &[Fact]) -> bool {
    let Some((subject, behind)) = around_verb(clause) else { return false };
    match &fact.said {
        Said::Number(own) => names(subject, &fact.name) && number(behind).is_some_and(|other| !is_same(*own, other)),
        Said::Bool(own) => says_bool(clause, fact).is_some_and(|said| said != *own),
        Said::Word(_, others) => {
            let adverbs = behind.iter().take_while(|word| word.ends_with("ly") || **word == "very").count();
            let word = spaced(&behind.get(adverbs..).unwrap_or_default().join(" "));
            let leads = |word: &&str| matches!(*word, "so" | "thus" | "hence" | "therefore" | "overall" | "and");
            let subject = subject.get(subject.iter().take_while(|word| leads(word)).count()..).unwrap_or_default();
            let judged = matches!(subject, ["it" | "this"] | ["this" | "the", _])
                && subject.get(1).is_none_or(|noun| TEXTS.contains(noun))
                && takers(&word, facts) == 1;
            others.contains(&word)
                && !facts.iter().any(|other| matches!(&other.said, Said::Word(own, _) if *own == word))
                && (judged || names(subject, &fact.name))
        }
    }
}

/// How many members take the word.
fn takers(word: &String, facts: &[Fact]) -> usize {
    facts
        .iter()
        .filter(|fact| matches!(&fact.said, Said::Word(own, others) if own == word || others.contains(word)))
        .count()
}

/// `[so the] amount`, and nothing else.
fn names(subject: &[&str], name: &str) -> bool {
    let leads = subject.iter().take_while(|word| LEADS.contains(word)).count();
    (0..=leads).filter_map(|at| subject.get(at..)).any(|rest| rest.iter().copied().eq(name.split(' ')))
}

/// A number, perhaps with a currency, and nothing else.
fn number(words: &[&str]) -> Option<f64> {
    let digits = match words {
        [only] => only,
        [number, mark] | [mark, number] if CURRENCIES.contains(mark) => number,
        _ => return None,
    };
    let digits = digits.trim_matches(['$', '€', '£', '¥', '%']);
    // `1.234` and `1,5` may be read in two ways.
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let grouped = whole.split(',').skip(1).all(|group| group.len() == 3);
    if !grouped || (fraction.len() == 3 && whole.len() <= 3) || fraction.contains(',') {
        return None;
    }
    digits.replace(',', "").parse().ok()
}

fn is_same(own: f64, other: f64) -> bool {
    const POWERS: i32 = 6;
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    let rounded = [0, 1, 2].iter().any(|&digits| {
        let scale = 10_f64.powi(digits);
        near((own * scale).round() / scale, other)
    });
    rounded
        || own.fract() == 0.0 && (own - other).abs() < 1.0
        || (-POWERS..=POWERS).any(|power| near(own * 10_f64.powi(power), other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Vec<Fact> {
        let word =
            |own: &str, others: &[&str]| Said::Word(spaced(own), others.iter().map(|other| spaced(other)).collect());
        let fact = |name: &str, said| Fact { name: name.to_owned(), said };
        vec![
            fact("weight kg", Said::Number(23.1)),
            fact("price", Said::Number(1299.0)),
            fact("spam", Said::Bool(true)),
            fact("tone", word("friendly", &["rude", "neutral"])),
            fact("answer", Said::Bool(false)),
        ]
    }

    #[test]
    fn another_value_in_a_sentence_of_its_own_contradicts_an_answer() {
        for words in [
            "So the price is $1,300.",
            "The price is 1399 USD, as the letter says.",
            "Thus weight kg is 32.10.",
            "The short answer is yes, which was not clear at first.",
            "Spam is false.",
            "This message is clearly rude.",
            "Overall this text is rude.",
            "The tone is neutral.",
        ] {
            assert!(contradicts(words, "", &facts()), "{words}");
            assert!(contradicts("", &format!("\n{words}"), &facts()), "{words}");
        }
    }

    #[test]
    fn what_says_the_same_or_something_else_contradicts_nothing() {
        for words in [
            "The price is 1,299.",
            "The price is $12.99.",
            "The weight kg is 23.",
            "The old price is 1400.",
            "The price is 1400 for members.",
            "If the price is 1400, write to us.",
            "Where it doesn't rain, the price is 1400.",
            "The price was 1400?",
            "The price is not 1400.",
            "The answer is no longer needed.",
            "The short answer is no.",
            "The first message is rude.",
            "This message is friendly. The reply is rude.",
            "It is rude to shout.",
            "This message is friendly, the one before is rude.",
            "The price is 1250. With the fee of 49 that makes 1299.",
            "At first the answer is yes, but then the answer is no. In the end the answer is no.",
            "The weight kg is 23.5 or so.",
            "",
        ] {
            assert!(!contradicts(words, "", &facts()), "{words}");
        }
    }
}
