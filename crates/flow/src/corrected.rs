//! What a person takes back while speaking: "cancel the class on Thursday. No sorry, the Tuesday one".
//!
//! The word that is taken back is the nearest before the correction that is of the same kind as the one behind it: a
//! day of the week, a month, a time, a number, an ordinal, a code of the same form. It is blanked where it stands, with
//! the correction itself, before anything else is read, so that it is as if it had never been said.
//!
//! What never happens here: nothing is added, and a correction of what has no kind ("no wait, Bob") changes nothing.

use std::borrow::Cow;

use crate::moment;
use crate::number::Micro;

/// How people begin a correction, as words without their marks.
const CUES: &[&[&str]] = &[
    &["no", "wait"],
    &["wait", "no"],
    &["no", "sorry"],
    &["sorry", "no"],
    &["no", "scrap", "that"],
    &["scrap", "that"],
    &["scratch", "that"],
    &["no", "actually"],
    &["sorry", "i", "mean"],
    &["i", "mean"],
    &["or", "rather"],
    &["correction"],
    &["make", "that"],
];
/// How many words may stand between a correction and the word that it brings, and between it and the one that goes.
const AHEAD: usize = 5;
const BEHIND: usize = 30;

/// What a word is, as far as another can take its place.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Weekday,
    Month,
    Time,
    Number,
    Ordinal,
    /// A code, by its form: letters as `a`, digits as `0`.
    Code(String),
}

/// A word with its place in the text.
struct Chunk<'a> {
    start: usize,
    /// Without the marks around it, in lower case.
    lower: String,
    raw: &'a str,
}

/// The text without what it takes back, of the same length; nothing is copied where nothing is corrected.
pub(crate) fn corrected(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(text);
    let chunks = chunks(text);
    let mut at = 0;
    while at < chunks.len() {
        let behind = chunks.get(at..).unwrap_or_default();
        let Some(cue) = CUES.iter().find(|cue| begins(behind, cue)) else {
            at += 1;
            continue;
        };
        if let Some(gone) = taken_back(&chunks, at, at + cue.len()) {
            for chunk in chunks.get(gone..=gone).into_iter().chain(chunks.get(at..at + cue.len())).flatten() {
                blank(out.to_mut(), chunk);
            }
            join(out.to_mut(), &chunks, at);
        }
        at += cue.len();
    }
    out
}

fn chunks(text: &str) -> Vec<Chunk<'_>> {
    let mut found = Vec::new();
    let mut start = 0;
    for raw in text.split(char::is_whitespace) {
        if !raw.is_empty() {
            let lower = raw.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
            let lower =
                lower.strip_suffix("'s").or_else(|| lower.strip_suffix("’s")).map(str::to_owned).unwrap_or(lower);
            found.push(Chunk { start, lower, raw });
        }
        // Every separator is one character, of one to three bytes.
        start += raw.len();
        start += text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    }
    found
}

fn begins(chunks: &[Chunk<'_>], cue: &[&str]) -> bool {
    chunks.len() >= cue.len() && chunks.iter().zip(cue).all(|(chunk, word)| chunk.lower == *word)
}

/// The word that a correction, which stands from `at` to `end`, replaces.
fn taken_back(chunks: &[Chunk<'_>], at: usize, end: usize) -> Option<usize> {
    let kind = chunks.get(end..)?.iter().take(AHEAD).find_map(|chunk| kind(&chunk.lower))?;
    (at.saturating_sub(BEHIND)..at)
        .rev()
        .find(|place| chunks.get(*place).and_then(|chunk| self::kind(&chunk.lower)).is_some_and(|other| other == kind))
}

fn kind(word: &str) -> Option<Kind> {
    const ORDINALS: &[&str] =
        &["first", "second", "third", "fourth", "fifth", "last", "1st", "2nd", "3rd", "4th", "5th", "former", "latter"];
    const SHORT: &[&str] = &["mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun"];
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if matches!(moment::relative(word), Some(moment::Relative::Weekday(_))) || SHORT.contains(&word) {
        return Some(Kind::Weekday);
    }
    if moment::month_number(word).is_some() && word.len() > 2 && word != "may" {
        return Some(Kind::Month);
    }
    if ORDINALS.contains(&word) {
        return Some(Kind::Ordinal);
    }
    let clock = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if clock.split_once(':').is_some_and(|(hour, minute)| digits(hour) && digits(minute)) {
        return Some(Kind::Time);
    }
    if Micro::parse(word).is_some() || Micro::parse(clock).is_some() {
        return Some(Kind::Number);
    }
    let form: String = word
        .chars()
        .map(|c| {
            if c.is_ascii_digit() {
                '0'
            } else if c.is_alphabetic() {
                'a'
            } else {
                c
            }
        })
        .collect();
    (form.contains('0') && form.contains('a')).then_some(Kind::Code(form))
}

/// Writes blanks over a word, its marks at the end of a phrase aside.
fn blank(text: &mut String, chunk: &Chunk<'_>) {
    let kept = chunk.raw.trim_end_matches([',', '.', ';', '!', '?', ')']).len();
    text.replace_range(chunk.start..chunk.start + kept, &" ".repeat(kept));
}

/// What stands before a correction goes on behind it: the end of the sentence between them is a comma.
fn join(text: &mut String, chunks: &[Chunk<'_>], at: usize) {
    let Some(before) = at.checked_sub(1).and_then(|at| chunks.get(at)) else { return };
    let end = before.start + before.raw.len();
    if before.raw.ends_with(['.', '!', ';']) {
        text.replace_range(end - 1..end, ",");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_back_is_as_if_it_had_never_been_said() {
        let words = |text: &str| corrected(text).split_whitespace().collect::<Vec<_>>().join(" ");
        for (said, meant) in [
            ("Cancel Pilates on Thursday. No sorry, the Tuesday one.", "Cancel Pilates on , , the Tuesday one."),
            ("Hold the first half of 2024, no wait, the second half.", "Hold the half of 2024, , the second half."),
            ("Drop it to 7 euros - no wait, 7.50.", "Drop it to euros - , 7.50."),
            ("Pay RY-3105, sorry, I mean RY-3106", "Pay , , RY-3106"),
            ("Book 14:00, or rather 15:30 in May", "Book , 15:30 in May"),
            ("Book Ann, no wait, Bob", "Book Ann, no wait, Bob"),
            ("There is no wait on Friday", "There is no wait on Friday"),
            ("I mean it: pay 50", "I mean it: pay 50"),
        ] {
            assert_eq!(words(said), meant);
            assert_eq!(corrected(said).len(), said.len());
        }
    }

    #[test]
    fn any_text_keeps_its_length() {
        for text in ["", "no wait", "é no wait, é 5é", "\u{2003}5 no wait 6\u{2003}", "7 no\twait\n8", "1. no wait 2."]
        {
            assert_eq!(corrected(text).len(), text.len(), "{text:?}");
        }
    }
}
