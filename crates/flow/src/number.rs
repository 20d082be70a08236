//! Numbers in text: digits in the usual money formats, percentages, and numbers in words.
//!
//! All numbers are held in millionths, so that `98.7`, `98,70 €` and `ninety-eight point seven` are one value and
//! equality means equality. A number that is part of a date, an address or a code is no number here.
//!
//! What never happens here: no floating-point comparison, no arithmetic that can overflow unseen.

use crate::text::Token;

/// A number in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Micro(pub(crate) i64);

impl Micro {
    pub(crate) const ONE: i64 = 1_000_000;

    /// The number nearest to a JSON number; none beyond nine trillion.
    pub(crate) fn from_f64(value: f64) -> Option<Self> {
        let scaled = (value * 1e6).round();
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
        (scaled.abs() < 9.0e18).then_some(Self(scaled as i64))
    }

    /// The number that a whole text spells in digits (`1,200.50`, `-3`, `$45k`, `12 EUR`).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let sign = |c: char| matches!(c, '$' | '€' | '£' | '¥' | ' ');
        let unsigned = text.trim_start_matches(sign);
        if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let digits = unsigned.trim_end_matches(sign).trim_end_matches(char::is_alphabetic).trim_end();
        let suffix = unsigned.get(digits.len()..)?.trim();
        let factor = match suffix.trim_matches(sign).to_lowercase().as_str() {
            "" | "eur" | "usd" | "gbp" | "chf" | "euro" | "euros" | "dollar" | "dollars" | "pounds" | "yen" => 1,
            "k" => 1000,
            "m" | "mio" | "million" => 1_000_000,
            _ => return None,
        };
        let value = decimal(digits)?.checked_mul(factor)?;
        Some(Self(if negative { -value } else { value }))
    }
}

/// Digits with separators, in millionths. The last separator is the decimal point unless exactly three digits follow.
fn decimal(digits: &str) -> Option<i64> {
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || !digits.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if !digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '\'' | '\u{2019}')) || digits.len() > 18 {
        return None;
    }
    let separators = digits.matches(|c: char| !c.is_ascii_digit()).count();
    let last = digits.rfind(|c: char| !c.is_ascii_digit());
    let (whole, fraction) = match last {
        Some(at) => {
            let (whole, rest) = digits.split_at(at);
            let point = rest.starts_with('.') || rest.starts_with(',');
            let fraction = rest.get(1..)?;
            let grouping = !point || (fraction.len() == 3 && (separators > 1 || rest.starts_with(',')));
            if grouping { (digits, "") } else { (whole, fraction) }
        }
        None => (digits, ""),
    };
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let mut micros = whole.parse::<i64>().ok()?.checked_mul(Micro::ONE)?;
    let mut unit = Micro::ONE;
    for digit in fraction.chars().take(6) {
        unit /= 10;
        micros = micros.checked_add(i64::from(digit.to_digit(10)?) * unit)?;
    }
    Some(micros)
}

/// A number found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its value.
    pub(crate) value: Micro,
    /// Whether a percent sign or word follows.
    pub(crate) percent: bool,
    /// Byte offset of its start.
    pub(crate) start: usize,
    /// Byte offset of its end.
    pub(crate) end: usize,
}

/// The numbers of a text that stand for themselves, outside the byte ranges in `taken` (dates, times).
pub(crate) fn find(text: &str, tokens: &[Token<'_>], taken: &[(usize, usize)]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let (next, number) =
            digits_at(text, tokens, at).or_else(|| words_at(text, tokens, at)).unwrap_or((at + 1, None));
        if let Some(number) = number
            && !overlaps(taken, token.start, number.end)
        {
            found.push(number);
        }
        at = next;
    }
    found
}

/// Whether what lies between two places touches one of these ranges, which are in order.
fn overlaps(taken: &[(usize, usize)], from: usize, to: usize) -> bool {
    let behind = taken.partition_point(|(start, _)| *start < to);
    // Those that begin before may lie in each other.
    taken.get(..behind).is_some_and(|before| before.iter().rev().take(4).any(|(_, end)| from < *end))
}

fn percent_follows(rest: &str) -> bool {
    let rest = rest.trim_start();
    let begins = |word: &str| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    rest.starts_with('%') || begins("percent") || begins("per cent")
}

/// A number in digits whose first token is at `at`: the index behind it, and the number unless it is part of a code.
fn digits_at(text: &str, tokens: &[Token<'_>], at: usize) -> Option<(usize, Option<Found>)> {
    let first = tokens.get(at)?;
    if !first.text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut end = first.end;
    let mut next = at + 1;
    while let Some(token) = tokens.get(next) {
        let gap = text.get(end..token.start)?;
        if !matches!(gap, "." | "," | "'" | "\u{2019}") || !token.text.starts_with(|c: char| c.is_ascii_digit()) {
            break;
        }
        end = token.end;
        next += 1;
    }
    let before = text.get(..first.start)?.chars().next_back().unwrap_or(' ');
    let after = text.get(end..)?.chars().next().unwrap_or(' ');
    let glued = matches!(before, '-' | '_' | '/' | '.' | '@' | ':' | '+') || matches!(after, '_' | '/' | '@' | ':');
    let glued = glued || (after == '-' && text.get(end + 1..)?.starts_with(|c: char| c.is_ascii_digit()));
    // "1. Do this 2. Do that": the number of an item in a list.
    let opens = text
        .get(..first.start)?
        .trim_end_matches(' ')
        .chars()
        .next_back()
        .is_none_or(|c| matches!(c, '\n' | ':' | '.' | '?' | '!' | ';'));
    let item = opens
        && !crate::text::is_numbered(text.get(..first.start)?)
        && (text.get(end..)?.starts_with(". ") || text.get(end..)?.starts_with(") "));
    let value = Micro::parse(text.get(first.start..end)?).filter(|_| !glued && !item);
    Some((
        next,
        value.map(|value| Found {
            value,
            percent: percent_follows(text.get(end..).unwrap_or_default()),
            start: first.start,
            end,
        }),
    ))
}

const UNITS: &[&str] = &[
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: &[&str] = &["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// What a number word does to the number so far.
enum Word {
    Add(i64),
    Times(i64),
    Point,
    Cents,
    Link,
}

fn word(text: &str) -> Option<Word> {
    let lower = text.to_lowercase();
    let position = |list: &[&str]| list.iter().position(|entry| *entry == lower).and_then(|at| i64::try_from(at).ok());
    if let Some(unit) = position(UNITS) {
        return Some(Word::Add(unit));
    }
    if let Some(ten) = position(TENS) {
        return Some(Word::Add(20 + ten * 10));
    }
    Some(match lower.as_str() {
        "dozen" => Word::Times(12),
        "hundred" => Word::Times(100),
        "thousand" => Word::Times(1000),
        "million" => Word::Times(1_000_000),
        "point" => Word::Point,
        "cent" | "cents" | "pence" => Word::Cents,
        "and" | "euro" | "euros" | "dollar" | "dollars" | "pound" | "pounds" => Word::Link,
        _ => return None,
    })
}

/// A number in words that starts at `at` ("eighty-four euros and twenty cents").
fn words_at(text: &str, tokens: &[Token<'_>], at: usize) -> Option<(usize, Option<Found>)> {
    let first = tokens.get(at)?;
    if !matches!(word(first.text)?, Word::Add(_) | Word::Times(12)) {
        return None;
    }
    let (mut total, mut group, mut before_link, mut next, mut used) = (0_i64, 0_i64, None, at, at);
    let mut fraction = 0_i64;
    while let Some(token) = tokens.get(next) {
        match word(token.text) {
            Some(Word::Add(value)) if (1..10).contains(&value) || group % 100 == 0 => {
                group = group.checked_add(value)?;
            }
            Some(Word::Times(factor)) if factor >= 1000 => {
                total = total.checked_add(group.max(1).checked_mul(factor)?)?;
                group = 0;
            }
            Some(Word::Times(factor)) => group = group.max(1).checked_mul(factor)?,
            Some(Word::Point) => {
                let tenth = tokens.get(next + 1).and_then(|token| word(token.text));
                let Some(Word::Add(digit)) = tenth else { break };
                fraction = digit * if digit < 10 { 100_000 } else { 10_000 };
                used = next + 2;
                break;
            }
            Some(Word::Cents) => {
                fraction = group * 10_000;
                (total, group) = before_link.unwrap_or((0, 0));
                used = next + 1;
                break;
            }
            Some(Word::Link) => {
                if before_link.is_none() {
                    before_link = Some((total, group));
                }
                if !token.text.eq_ignore_ascii_case("and") {
                    (total, group) = (0, 0);
                }
                next += 1;
                continue;
            }
            _ => break,
        }
        next += 1;
        used = next;
    }
    if fraction == 0
        && let Some(amount) = before_link
        && (total, group) == (0, 0)
    {
        (total, group) = amount;
    }
    let end = tokens.get(used.checked_sub(1)?)?.end;
    let value = Micro(total.checked_add(group)?.checked_mul(Micro::ONE)?.checked_add(fraction)?);
    Some((used.max(at + 1), Some(Found { value, percent: percent_follows(text.get(end..)?), start: first.start, end })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokens;

    fn check(text: &str, expected: &[f64]) {
        let tokens: Vec<_> = tokens(text).collect();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let found: Vec<f64> = find(text, &tokens, &[]).iter().map(|found| found.value.0 as f64 / 1e6).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_usual_form_of_an_amount_is_one_value() {
        check("pay 1,200.50 or 1.200,50 or 1200.5", &[1200.5, 1200.5, 1200.5]);
        check("$45k and 30,000 and 12.00", &[45_000.0, 30_000.0, 12.0]);
        check("eighty-four euros and twenty cents", &[84.2]);
        check("ninety eight point seven", &[98.7]);
        check("two hundred and five thousand", &[205_000.0]);
        check("a table for four at eight", &[4.0, 8.0]);
        check("two or three", &[2.0, 3.0]);
        check("thirty euros to him", &[30.0]);
        check("one dollar and two dollars", &[1.0]);
    }

    #[test]
    fn a_number_inside_a_code_is_no_number() {
        check("Do these: 1. Show it. 2. Delete 7", &[7.0]);
        check("file report-2024_v3.docx, room B12, host 10.0.0.1:80, id X-77", &[]);
    }
}
