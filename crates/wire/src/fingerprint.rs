//! What stays the same in every call of one task: the operator's text, the schema and the tools, without what changes
//! from call to call.
//!
//! Prompts carry dates, times and ids. Before hashing, each of these becomes one marker byte: UUIDs, dates with dashes,
//! slashes or dots, clock times with their zone or half of the day, named months and weekdays with the numbers beside
//! them, digit runs of five and more, hexadecimal words of sixteen and more, other words of sixteen and more in which
//! letters and digits mix as in ids. Two prompts that differ in nothing else are one task.
//!
//! What never happens here: a user's message is looked at.

use steersman_core::ContentHash;

use crate::head::RequestHead;

/// Marks a part that was left out; no UTF-8 text contains it.
const VOLATILE: u8 = 0xFF;
/// Separates the three inputs.
const SEPARATOR: u8 = 0xFE;

/// No date or time is longer. What is longer is read a word at a time, and each word looks no further than this.
const LONGEST_DATE: usize = 40;

/// Months, then weekdays; each also goes by its first three letters, September by four.
const CALENDAR: [&str; 19] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// The fingerprint of a request. One pass over the system text, the schema and the tools: about 1 us per KiB.
#[must_use]
pub fn fingerprint(head: &RequestHead<'_>) -> ContentHash {
    let mut stable = Vec::with_capacity(512);
    for system in &head.system {
        push_stable(system.get(), &mut stable);
        stable.push(SEPARATOR);
    }
    for member in [head.response_format, head.tools] {
        stable.push(SEPARATOR);
        push_stable(member.map_or("", |raw| raw.get()), &mut stable);
    }
    ContentHash::of(&stable)
}

/// Appends `text` with every volatile part replaced by a marker.
fn push_stable(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // Whether the last word belonged to a calendar date, so that a number beside it does too.
    let mut in_date = false;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'\\' {
            // The letter after a backslash is no part of a word.
            out.extend_from_slice(bytes.get(at..(at + 2).min(bytes.len())).unwrap_or_default());
            at += 2;
            continue;
        }
        if !byte.is_ascii_alphanumeric() {
            in_date &= matches!(byte, b' ' | b',' | b'.');
            out.push(byte);
            at += 1;
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let (length, kind) = word(rest, in_date);
        match kind {
            Word::Stable => out.extend_from_slice(rest.get(..length).unwrap_or_default()),
            Word::Volatile | Word::Calendar => out.push(VOLATILE),
        }
        in_date = kind == Word::Calendar;
        at += length;
    }
}

#[derive(PartialEq, Eq)]
enum Word {
    Stable,
    Volatile,
    /// Of a date: numbers beside it are volatile too.
    Calendar,
}

/// The length of the word that `rest` begins with, and what it is.
fn word(rest: &[u8], in_date: bool) -> (usize, Word) {
    if is_uuid(rest) {
        return (36, Word::Volatile);
    }
    let near = rest.get(..LONGEST_DATE).unwrap_or(rest);
    let dated = near.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'/' | b'.')).count();
    // A full stop or a colon behind it belongs to the sentence.
    let dated = rest.get(..dated).and_then(|run| run.iter().rposition(u8::is_ascii_digit)).map_or(0, |last| last + 1);
    if is_date_or_time(rest.get(..dated).unwrap_or_default()) {
        let after = rest.get(dated..).unwrap_or_default();
        let joined =
            after.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'T' | b'Z' | b':' | b'+' | b'.' | b'-'));
        let length = dated + joined.count();
        return (length + zone_or_noon(rest.get(length..).unwrap_or_default()), Word::Volatile);
    }
    let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let text = rest.get(..length).unwrap_or_default();
    let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
    let dates = || is_day_or_year(text) && (in_date || month_follows(rest.get(length..).unwrap_or_default()));
    let is_id = || length >= 16 && (digits > 0 && text.iter().all(u8::is_ascii_hexdigit) || mixes(text));
    let kind = if is_calendar(text, &CALENDAR) || dates() {
        Word::Calendar
    } else if digits == length && length >= 5 || is_id() {
        Word::Volatile
    } else {
        Word::Stable
    };
    (length, kind)
}

/// `8-4-4-4-12` hexadecimal digits.
fn is_uuid(rest: &[u8]) -> bool {
    let form = |(i, b): (usize, &u8)| if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() };
    rest.len() >= 36 && rest.iter().take(36).enumerate().all(form)
}

/// Three numbers with `-` or `/` between them, or two to three with `:`.
fn is_date_or_time(run: &[u8]) -> bool {
    let count = |wanted: u8| run.iter().filter(|b| **b == wanted).count();
    let date = count(b'-') == 2 || count(b'/') == 2 || is_dotted_date(run);
    let time = (1..=2).contains(&count(b':'));
    run.len() >= 4 && (date || time) && run.last().is_some_and(u8::is_ascii_digit)
}

/// `27.11.2026` or `2026.11.27`; a version or an address has no year.
fn is_dotted_date(run: &[u8]) -> bool {
    let mut parts = run.split(|b| *b == b'.').map(<[u8]>::len);
    matches!(
        (parts.next(), parts.next(), parts.next(), parts.next()),
        (Some(1..=2), Some(1..=2), Some(4), None) | (Some(4), Some(1..=2), Some(1..=2), None)
    )
}

/// How much of what follows a time belongs to it: ` +0100`, ` PM`, nothing.
fn zone_or_noon(after: &[u8]) -> usize {
    let space = usize::from(after.first() == Some(&b' '));
    let rest = after.get(space..).unwrap_or_default();
    let ends = |length: usize| !rest.get(length).is_some_and(u8::is_ascii_alphanumeric);
    if let [b'+' | b'-', a, b, c, d, ..] = rest
        && [a, b, c, d].iter().all(|digit| digit.is_ascii_digit())
        && ends(5)
    {
        return space + 5;
    }
    let noon = matches!(rest, [b'a' | b'A' | b'p' | b'P', b'm' | b'M', ..]) && ends(2);
    if noon { space + 2 } else { 0 }
}

/// Whether letters and digits change places as often as in an id made by chance, and as in no name that a person gives.
fn mixes(word: &[u8]) -> bool {
    word.windows(2).filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit())).count() >= 4
}

/// `3`, `03`, `3rd` or `2026`.
fn is_day_or_year(word: &[u8]) -> bool {
    let digits = word.iter().take_while(|b| b.is_ascii_digit()).count();
    let suffix = word.get(digits..).unwrap_or_default();
    matches!((digits, suffix), (1 | 2, b"" | b"st" | b"nd" | b"rd" | b"th") | (4, b""))
}

fn month_follows(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    let length = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let word = rest.get(..length).unwrap_or_default();
    is_calendar(word, CALENDAR.get(..12).unwrap_or_default())
}

/// Whether `word` is one of `names`, in full or abbreviated.
fn is_calendar(word: &[u8], names: &[&str]) -> bool {
    let Some(&[a, b, c]) = word.first_chunk::<3>() else { return false };
    let head = [a, b, c].map(|letter| letter.to_ascii_lowercase());
    let named = |name: &&str| {
        let name = name.as_bytes();
        let abbreviated = word.len() == 3 || word.len() == 4 && head == *b"sep";
        name.starts_with(&head) && (abbreviated || name.eq_ignore_ascii_case(word))
    };
    word.len() <= 9 && names.iter().any(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint_of(system: &str) -> ContentHash {
        let body = serde_json::json!({"model": "m", "messages": [{"role": "system", "content": system}]}).to_string();
        fingerprint(&crate::openai_chat::request_head(body.as_bytes()).expect("a request"))
    }

    #[test]
    fn prompts_that_differ_in_dates_times_and_ids_are_one_task() {
        let pairs = [
            ("Now: 2026-03-01T09:30:00Z.\nGo", "Now: 2025-12-24T23:59:59.123Z.\nGo"),
            ("Today is\n2026-03-01", "Today is\n1999-01-31"),
            ("on 03/01/2026 at 9:30", "on 12/24/2025 at 23:59"),
            ("Monday, March 3, 2026: triage", "Sunday, May 31st, 2027: triage"),
            ("Date: 3 March 2026.", "Date: 24 Dec 2025."),
            ("session 550e8400-e29b-41d4-a716-446655440000 ok", "session 00000000-aaaa-41d4-a716-446655440000 ok"),
            ("order 1234567", "order 99999"),
            ("trace 4bf92f3577b34da6a3ce929d0e0e4736", "trace 0000000000000001a3ce929d0e0e4736"),
        ];
        for (one, other) in pairs {
            assert_eq!(fingerprint_of(one), fingerprint_of(other), "`{one}` and `{other}`");
        }
    }

    #[test]
    fn prompts_that_say_different_things_are_different_tasks() {
        let prompts = [
            "Triage tickets.",
            "Triage tickets",
            "You are agent 1",
            "You are agent 2",
            "Rate from 1 to 5",
            "Rate from 1 to 10",
            "v1.2",
            "v1.3",
        ];
        for (i, one) in prompts.iter().enumerate() {
            for other in prompts.iter().skip(i + 1) {
                assert_ne!(fingerprint_of(one), fingerprint_of(other), "`{one}` and `{other}`");
            }
        }
    }

    /// Each word looks a bounded way ahead: were it not so, this would take hours.
    #[test]
    fn a_long_run_of_digits_and_dots_is_read_once() {
        let (long, longer) = ("1.".repeat(1 << 20), "1:".repeat(1 << 20));
        assert_ne!(fingerprint_of(&long), fingerprint_of(&longer));
    }

    #[test]
    fn a_users_message_does_not_change_the_task_and_the_tools_do() {
        let head =
            |body: &'static str| fingerprint(&crate::openai_chat::request_head(body.as_bytes()).expect("a request"));
        let one = head(r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#);
        let same = head(r#"{"messages":[{"content":"s","role":"system"},{"role":"user","content":"b"}],"model":"n"}"#);
        let tools = head(r#"{"model":"m","messages":[{"role":"system","content":"s"}],"tools":[{"type":"function"}]}"#);
        assert_eq!(one, same);
        assert_ne!(one, tools);
    }
}
