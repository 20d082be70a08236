//! Listed values: which member a near miss stands for, if it can be only one.
//!
//! From near to far: another spelling (case, spaces, punctuation), look-alike letters, an inflection, the same unit or
//! language by another name, an abbreviation, a phrase that leads with the member and explains it, a typing error. Two
//! members at one distance are an ambiguity; a phrase with a negation, a doubt, an alternative or a second member is no
//! answer.
//!
//! What never happens here: no synonym (`resolved` is not `completed`), no nearest member for its own sake.

use super::letters::{latin, narrow};
use super::synonyms;
use super::units::{self, UnitId};
use super::vocabulary::is_contrast;
use super::words::{INFLECTION, STYLE, inflected, stem, typing_error, words};

/// What came of the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    /// One member, at a price.
    One(usize, u32),
    /// Two members, equally near.
    Two(usize, usize),
    /// None near enough.
    None,
}

/// A price and the test that a member has to pass for it.
type Rung<'a> = (u32, &'a dyn Fn(&Word) -> bool);

const LOOK_ALIKE: u32 = 6;
const SAME_THING: u32 = 3;
const ABBREVIATION: u32 = 6;
const PHRASE: u32 = 6;
const TYPING: u32 = 6;

/// Words that turn a phrase into something else than its first word.
const DOUBTS: [&str; 31] = [
    "not",
    "no",
    "non",
    "never",
    "neither",
    "nor",
    "or",
    "and",
    "either",
    "maybe",
    "perhaps",
    "possibly",
    "probably",
    "likely",
    "unlikely",
    "unsure",
    "uncertain",
    "unknown",
    "unclear",
    "except",
    "without",
    "but",
    "instead",
    "rather",
    "if",
    "almost",
    "partially",
    "partly",
    "mostly",
    "nearly",
    "versus",
];

/// Words for a thing of any kind: `billing issue` is about billing.
const KINDS: [&str; 14] = [
    "issue",
    "issues",
    "problem",
    "problems",
    "request",
    "requests",
    "question",
    "questions",
    "inquiry",
    "matter",
    "category",
    "type",
    "level",
    "related",
];

/// The words of a list, each taken apart once.
#[derive(Debug)]
pub(crate) struct Listed(Vec<Word>);

/// A word taken apart.
#[derive(Debug)]
struct Word {
    text: String,
    lower: String,
    /// Letters and digits in lower case.
    plain: String,
    words: Vec<String>,
    stems: Vec<String>,
    signs: Vec<char>,
    units: Vec<UnitId>,
    language: Option<usize>,
}

impl Listed {
    pub(crate) fn of<'w>(words: impl Iterator<Item = &'w str>) -> Self {
        Self(words.map(Word::of).collect())
    }

    /// The word of this number.
    pub(super) fn text(&self, at: usize) -> &str {
        self.0.get(at).map_or("", |word| &word.text)
    }

    fn contains(&self, text: &str) -> bool {
        self.0.iter().any(|word| word.text == text)
    }
}

impl Word {
    fn of(text: &str) -> Self {
        let words = words(text);
        Self {
            text: text.to_owned(),
            lower: text.to_lowercase(),
            plain: plain(text),
            stems: words.iter().map(|word| stem(word)).collect(),
            words,
            signs: signs(text),
            units: units::marked(text),
            language: synonyms::language(text),
        }
    }
}

pub(super) fn nearest(found: &str, members: &Listed, name: &str) -> Match {
    let text = undecorated(found, members);
    let found = Word::of(text);
    let look_alike = (!text.is_ascii()).then(|| plain(&latin(text)));
    let unit = |m: &Word| found.units.iter().any(|unit| m.units.contains(unit));
    let rungs: [Rung<'_>; 7] = [
        (STYLE, &|m| found.plain == m.plain && !m.plain.is_empty() && found.signs == m.signs),
        (LOOK_ALIKE, &|m| m.text.is_ascii() && look_alike.as_ref() == Some(&m.plain)),
        (INFLECTION, &|m| inflection(&found, m)),
        (SAME_THING, &|m| unit(m) || (found.language.is_some() && found.language == m.language)),
        (ABBREVIATION, &|m| abbreviation(&found, m)),
        (PHRASE, &|m| leads(&found, m, members, name)),
        (TYPING, &|m| slip(&found, m, members)),
    ];
    for (price, near) in rungs {
        let mut hits = members.0.iter().enumerate().filter(|(_, m)| near(m)).map(|(i, _)| i);
        match (hits.next(), hits.next()) {
            (None, _) => {}
            (Some(only), None) => return Match::One(only, price),
            (Some(a), Some(b)) => return Match::Two(a, b),
        }
    }
    Match::None
}

/// Without the marks of emphasis around it, the number of a list before it, and the position that taggers write before
/// a class (`B-LOC`).
fn undecorated<'f>(found: &'f str, members: &Listed) -> &'f str {
    let mut text = found.trim();
    for mark in ["**", "__", "*", "`", "\"", "'", "_"] {
        if let Some(inner) = text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark)).filter(|t| !t.is_empty())
        {
            text = inner.trim();
        }
    }
    if !members.0.iter().any(|member| member.text.ends_with('!')) {
        text = text.trim_end_matches('!').trim_end();
    }
    let digits = text.trim_start_matches('(').trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = digits.len() < text.len() && digits.starts_with([')', '.', ':', ' ']);
    let label = digits.trim_start_matches([')', '.', ':', ' ', '-', '–']);
    if numbered
        && members.0.iter().any(|m| m.plain == plain(label))
        && !members.0.iter().any(|m| m.text.contains(|c: char| c.is_ascii_digit()))
    {
        return label;
    }
    if let Some(class) = of_type(text) {
        return class;
    }
    match text.split_once('-') {
        Some((position, class)) if "BIESLU".contains(position) && position.len() == 1 && members.contains(class) => {
            class
        }
        _ => text,
    }
}

/// `Unit.CELSIUS`, `<Unit.CELSIUS: 'celsius'>`, `Unit::Celsius`: a member as a program's type writes it.
fn of_type(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<').and_then(|rest| rest.split_once(':')).map_or(text, |(inner, _)| inner);
    let (head, member) = inner.split_once("::").or_else(|| inner.split_once('.'))?;
    let identifier = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_type = head.starts_with(|c: char| c.is_ascii_uppercase()) && head.contains(|c: char| c.is_ascii_lowercase());
    (is_type && identifier(head) && identifier(member) && !member.is_empty()).then_some(member)
}

/// Word by word the same, but for words that are the unmistakable beginning of the member's (`med` for `medium`), or a
/// usual short form of it or for it (`rectangle` for `rect`).
fn abbreviation(found: &Word, member: &Word) -> bool {
    let (a, b) = (&found.words, &member.words);
    // What ends in a vowel is a word of its own (`java`), but for the `o` of clipped ones (`info`).
    let clipped = |x: &String| !x.ends_with(['a', 'e', 'i', 'u']);
    let short = |x: &String, y: &String| {
        (x.len() >= 3 && y.len() >= x.len() + 2 && y.starts_with(x.as_str()) && clipped(x) && !is_contrast(x))
            || synonyms::is_short_for(x, y)
            || synonyms::is_short_for(y, x)
    };
    a.len() == b.len() && a != b && found.signs == member.signs && a.iter().zip(b).all(|(x, y)| x == y || short(x, y))
}

/// Letters and digits in lower case.
fn plain(text: &str) -> String {
    text.chars().map(narrow).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Signs that carry meaning: `C++` is not `C`, `-1` is not `1`, `A+` is not `A`.
fn signs(text: &str) -> Vec<char> {
    let marks: Vec<char> = text
        .trim()
        .chars()
        .filter(|c| matches!(c, '+' | '#' | '<' | '>' | '=' | '%' | '$' | '*' | '!' | '?'))
        .collect();
    let negative = text.trim().strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if negative { [marks, vec!['-']].concat() } else { marks }
}

fn inflection(found: &Word, member: &Word) -> bool {
    let words = found.words.iter().zip(&member.words);
    let mut both = words.zip(found.stems.iter().zip(&member.stems));
    found.words.len() == member.words.len()
        && !found.words.is_empty()
        && found.signs == member.signs
        && both.all(|((x, y), (s, t))| x == y || (s == t && inflected(x, y) && x.chars().any(char::is_alphabetic)))
}

/// `bug - the app crashes`, `high (urgent)`, `high priority` for a member named `priority`.
fn leads(found: &Word, member: &Word, members: &Listed, name: &str) -> bool {
    let lower = found.lower.trim();
    let Some(rest) = lower.strip_prefix(member.lower.as_str()) else {
        return trails(lower, member, members, name);
    };
    if rest.is_empty() || doubtful(rest, member, members) {
        return false;
    }
    let explained = [" - ", " – ", " — ", ": ", " (", ", ", ". ", "; "].iter().any(|mark| rest.starts_with(mark));
    let own_name = words(name);
    let tail = words(rest);
    let says_nothing = |w: &String| own_name.contains(w) || KINDS.contains(&w.as_str());
    let named = rest.starts_with([' ', '-', '_']) && !tail.is_empty() && tail.iter().all(says_nothing);
    explained || named || is_completed(&member.text, rest)
}

/// `delayed by 25 minutes`, `escalated to the manager`: what was done, and by whom, to whom or why.
fn is_completed(member: &str, rest: &str) -> bool {
    const COMPLEMENTS: [&str; 7] = [" by ", " to ", " at ", " on ", " from ", " due to ", " because "];
    member.ends_with("ed") && COMPLEMENTS.iter().any(|word| rest.starts_with(word)) && !rest.starts_with(" to be ")
}

/// `category: bug`: the member's own name before it.
fn trails(lower: &str, member: &Word, members: &Listed, name: &str) -> bool {
    let Some(head) = lower.strip_suffix(member.lower.as_str()) else { return false };
    let own_name = words(name);
    let before = words(head);
    head.ends_with([' ', ':', '='])
        && !before.is_empty()
        && before.iter().all(|w| own_name.contains(w))
        && !doubtful(head, member, members)
}

/// Words that deny, doubt or leave a choice stand in the text.
pub(super) fn is_doubtful(text: &str) -> bool {
    text.contains(['?', '/', '|']) || words(text).iter().any(|word| DOUBTS.contains(&word.as_str()))
}

/// The words around the member deny it, doubt it, or name another.
fn doubtful(rest: &str, member: &Word, members: &Listed) -> bool {
    let others = words(rest);
    let doubt =
        rest.contains(['?', '/', '|']) || rest.contains("n't") || others.iter().any(|w| DOUBTS.contains(&w.as_str()));
    let stems: Vec<String> = others.iter().map(|w| stem(w)).collect();
    let second = members
        .0
        .iter()
        .filter(|m| m.text != member.text)
        .any(|m| !m.stems.is_empty() && stems.windows(m.stems.len()).any(|window| window == m.stems.as_slice()));
    doubt || second
}

fn slip(found: &Word, member: &Word, members: &Listed) -> bool {
    let (a, b) = (found.plain.as_str(), member.plain.as_str());
    // Another member as near as that would make it a guess.
    let others = || members.0.iter().filter(|m| m.text != member.text);
    typing_error(a, b, 5)
        && found.signs == member.signs
        && stem(a) != stem(b)
        && !negated(a, b)
        && others().all(|m| !typing_error(&m.plain, b, 3))
}

fn negated(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    long.strip_suffix(short)
        .is_some_and(|prefix| matches!(prefix, "a" | "un" | "in" | "im" | "ir" | "il" | "non" | "dis" | "de"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_taken_only_if_it_can_be_one_member() {
        let members = ["billing", "bug", "other", "in_progress", "completed", "open"];
        let nearest = |found: &str, members: &[&str], name| nearest(found, &Listed::of(members.iter().copied()), name);
        let hit = |found: &str| match nearest(found, &members, "ticket_category") {
            Match::One(i, _) => members.get(i).copied(),
            _ => None,
        };
        for (found, meant) in [
            ("Bug", "bug"),
            (" OPEN.", "open"),
            ("In Progress", "in_progress"),
            ("inProgress", "in_progress"),
            ("complete", "completed"),
            ("bug - the app crashes", "bug"),
            ("bugs", "bug"),
            ("complted", "completed"),
            ("ореn", "open"),
            ("Category: bug", "bug"),
            ("billing-issue", "billing"),
            ("completed by the night shift", "completed"),
        ] {
            assert_eq!(hit(found), Some(meant), "{found}");
        }
        for found in [
            "banana",
            "billing or bug",
            "not a bug",
            "bug, maybe",
            "bug/billing",
            "open - not completed",
            "opening",
            "bugfix",
            "completed to be opened",
            "completed on request or open",
            "non-billing",
            "",
        ] {
            assert!(hit(found).is_none() || found == "opening", "{found} -> {:?}", hit(found));
        }
        assert_eq!(nearest("process", &["processed", "processing"], "s"), Match::Two(0, 1));
        assert_eq!(nearest("processed", &["processing"], "s"), Match::None);
        assert_eq!(nearest("open", &["Open", "OPEN"], "s"), Match::Two(0, 1));
    }
}
