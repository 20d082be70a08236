//! Listed values: which member a near miss stands for, if it can be only one.
//!
//! From near to far: another spelling (case, spaces, punctuation), look-alike letters, an inflection, the same unit or
//! language by another name, an abbreviation, a phrase that leads with the member and explains it, a typing error. Two
//! members at one distance are an ambiguity; a phrase with a negation, a doubt, an alternative or a second member is no
//! answer.
//!
//! What never happens here: no synonym (`resolved` is not `completed`), no nearest member for its own sake.

use super::letters::{latin, narrow};
use super::words::{INFLECTION, STYLE, inflected, is_contrast, stem, typing_error, words};
use super::{synonyms, units};

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
type Rung<'a> = (u32, &'a dyn Fn(&str) -> bool);

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

pub(super) fn nearest(found: &str, members: &[&str], name: &str) -> Match {
    let found = undecorated(found, members);
    let rungs: [Rung<'_>; 7] = [
        (STYLE, &|m| plain(found) == plain(m) && !plain(m).is_empty() && signs(found) == signs(m)),
        (LOOK_ALIKE, &|m| !found.is_ascii() && m.is_ascii() && plain(&latin(found)) == plain(m)),
        (INFLECTION, &|m| inflection(found, m)),
        (SAME_THING, &|m| units::same(found, m) || synonyms::is_same_language(found, m)),
        (ABBREVIATION, &|m| abbreviation(found, m)),
        (PHRASE, &|m| leads(found, m, members, name)),
        (TYPING, &|m| slip(found, m, members)),
    ];
    for (price, near) in rungs {
        let hits: Vec<usize> = (0..members.len()).filter(|&i| members.get(i).is_some_and(|m| near(m))).collect();
        match hits.as_slice() {
            [] => {}
            [only] => return Match::One(*only, price),
            [a, b, ..] => return Match::Two(*a, *b),
        }
    }
    Match::None
}

/// Without the marks of emphasis around it, the number of a list before it, and the position that taggers write before
/// a class (`B-LOC`).
fn undecorated<'f>(found: &'f str, members: &[&str]) -> &'f str {
    let mut text = found.trim();
    for mark in ["**", "__", "*", "`", "\"", "'", "_"] {
        if let Some(inner) = text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark)).filter(|t| !t.is_empty())
        {
            text = inner.trim();
        }
    }
    if !members.iter().any(|member| member.ends_with('!')) {
        text = text.trim_end_matches('!').trim_end();
    }
    let digits = text.trim_start_matches('(').trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = digits.len() < text.len() && digits.starts_with([')', '.', ':', ' ']);
    let label = digits.trim_start_matches([')', '.', ':', ' ', '-', '–']);
    if numbered
        && members.iter().any(|m| plain(m) == plain(label))
        && !members.iter().any(|m| m.contains(|c: char| c.is_ascii_digit()))
    {
        return label;
    }
    if let Some(class) = of_type(text) {
        return class;
    }
    match text.split_once('-') {
        Some((position, class)) if "BIESLU".contains(position) && position.len() == 1 && members.contains(&class) => {
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
fn abbreviation(found: &str, member: &str) -> bool {
    let (a, b) = (words(found), words(member));
    // What ends in a vowel is a word of its own (`java`), but for the `o` of clipped ones (`info`).
    let clipped = |x: &String| !x.ends_with(['a', 'e', 'i', 'u']);
    let short = |x: &String, y: &String| {
        (x.len() >= 3 && y.len() >= x.len() + 2 && y.starts_with(x.as_str()) && clipped(x) && !is_contrast(x))
            || synonyms::is_short_for(x, y)
            || synonyms::is_short_for(y, x)
    };
    a.len() == b.len()
        && a != b
        && signs(found) == signs(member)
        && a.iter().zip(&b).all(|(x, y)| x == y || short(x, y))
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

fn inflection(found: &str, member: &str) -> bool {
    let (a, b) = (words(found), words(member));
    a.len() == b.len()
        && !a.is_empty()
        && signs(found) == signs(member)
        && a.iter()
            .zip(&b)
            .all(|(x, y)| stem(x) == stem(y) && inflected(x, y) && x.chars().any(char::is_alphabetic) || x == y)
}

/// `bug - the app crashes`, `high (urgent)`, `high priority` for a member named `priority`.
fn leads(found: &str, member: &str, members: &[&str], name: &str) -> bool {
    let text = found.trim();
    let lower = text.to_lowercase();
    let Some(rest) = lower.strip_prefix(member.to_lowercase().as_str()) else {
        return trails(&lower, member, members, name);
    };
    if rest.is_empty() || doubtful(rest, member, members) {
        return false;
    }
    let explained = [" - ", " – ", " — ", ": ", " (", ", ", ". ", "; "].iter().any(|mark| rest.starts_with(mark));
    let own_name = words(name);
    let tail = words(rest);
    let says_nothing = |w: &String| own_name.contains(w) || KINDS.contains(&w.as_str());
    let named = rest.starts_with([' ', '-', '_']) && !tail.is_empty() && tail.iter().all(says_nothing);
    explained || named || is_completed(member, rest)
}

/// `delayed by 25 minutes`, `escalated to the manager`: what was done, and by whom, to whom or why.
fn is_completed(member: &str, rest: &str) -> bool {
    const COMPLEMENTS: [&str; 7] = [" by ", " to ", " at ", " on ", " from ", " due to ", " because "];
    member.ends_with("ed") && COMPLEMENTS.iter().any(|word| rest.starts_with(word)) && !rest.starts_with(" to be ")
}

/// `category: bug`: the member's own name before it.
fn trails(lower: &str, member: &str, members: &[&str], name: &str) -> bool {
    let Some(head) = lower.strip_suffix(member.to_lowercase().as_str()) else { return false };
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
fn doubtful(rest: &str, member: &str, members: &[&str]) -> bool {
    let others = words(rest);
    let doubt =
        rest.contains(['?', '/', '|']) || rest.contains("n't") || others.iter().any(|w| DOUBTS.contains(&w.as_str()));
    let stems: Vec<String> = others.iter().map(|w| stem(w)).collect();
    let second = members.iter().filter(|m| **m != member).any(|m| {
        let parts: Vec<String> = words(m).iter().map(|w| stem(w)).collect();
        !parts.is_empty() && stems.windows(parts.len()).any(|window| window == parts.as_slice())
    });
    doubt || second
}

fn slip(found: &str, member: &str, members: &[&str]) -> bool {
    let (a, b) = (plain(found), plain(member));
    // Another member as near as that would make it a guess.
    let alone = members.iter().filter(|m| **m != member).all(|m| !typing_error(&plain(m), &b, 3));
    signs(found) == signs(member) && typing_error(&a, &b, 5) && stem(&a) != stem(&b) && alone && !negated(&a, &b)
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
