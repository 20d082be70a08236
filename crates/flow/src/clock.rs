//! Times and lengths of time as people say them: "at nine", "half past two", "half an hour", "a week on", "at the end
//! of the month".
//!
//! A spoken hour without "am" or "pm" is two times of day: which one is meant is not decided here, and either is the
//! user's. What counts from another day is resolved where the days that a trusted source named are known.
//!
//! What never happens here: no clock, no time zone.

use crate::moment::{self, Found, Minute, Relative};
use crate::text::{self, Token};
use crate::wordlist::WordList;
use crate::words;

const HOURS: &[&str] =
    &["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
/// Words behind which a bare number is a time of day.
const BEFORE: &[&str] = &["at", "from", "until", "till", "to", "by", "around", "about", "before", "after", "past"];
/// Words that make the number before them something else.
static NO_TIME: WordList = WordList::new(
    "percent euro euros dollar dollars pound pounds people person persons guests guest of days day weeks \
    week months month minutes min hours hour degrees items copies seats times points st nd rd th units unit kg km",
);

/// The times of day that are spoken without a colon and without "am".
pub(crate) fn spoken(text: &str, tokens: &[Token<'_>]) -> Vec<Found> {
    let words: Vec<String> = tokens.iter().map(|token| token.text.to_lowercase()).collect();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(hour) = hour(word(at)) else { continue };
        let before = at.checked_sub(1).map_or("", word);
        let two_before = at.checked_sub(2).map_or("", word);
        let gap = tokens.get(at + 1).and_then(|next| text.get(token.end..next.start)).unwrap_or_default();
        let clock = word(at + 1) == "o" && word(at + 2) == "clock" || word(at + 1) == "oclock";
        let dotted = (gap == ".").then(|| word(at + 1).parse::<u32>().ok()).flatten();
        let dotted = dotted.filter(|minute| *minute < 60 && word(at + 1).len() == 2 && BEFORE.contains(&before));
        let minute = match (before, two_before) {
            ("past", "half") => Some(30),
            ("past", "quarter") => Some(15),
            ("to", "quarter") => Some(-15),
            _ if dotted.is_some() => dotted.map(i64::from),
            _ if clock => Some(0),
            _ => {
                let taken = gap.contains([':', '.', '/', '-', '%', '€', '$']) && !gap.starts_with(". ");
                let other = NO_TIME.has(word(at + 1));
                let money =
                    text.get(..token.start).is_some_and(|text| text.ends_with(['$', '€', '£', '#', '-', '.', ':']));
                (BEFORE.contains(&before) && !taken && !other && !money).then_some(0)
            }
        };
        let Some(minute) = minute else { continue };
        for half in [0, 720] {
            let time = (i64::from(hour % 12) * 60 + minute + half).rem_euclid(1440);
            let time = Minute::try_from(time).ok();
            found.push(Found { day: None, minute: time, start: token.start, end: token.end });
        }
    }
    found.extend(edges(tokens, &words));
    found
}

/// "The end of January", "the beginning of May 2026".
fn edges(tokens: &[Token<'_>], words: &[String]) -> Vec<Found> {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let edge = |at: usize| {
        let of = usize::from(word(at + 1) == "of");
        let month = moment::month_number(word(at + 1 + of))?;
        let year = word(at + 2 + of).parse::<i32>().ok().filter(|year| (1900..2200).contains(year));
        let day = match word(at) {
            "day" if at > 0 && word(at - 1) == "last" => moment::length(year.unwrap_or(2001), month),
            "end" => moment::length(year.unwrap_or(2001), month),
            "beginning" | "start" => 1,
            "middle" | "mid" => 15,
            _ => return None,
        };
        let (start, end) = (tokens.get(at)?.start, tokens.get(at + 1 + of)?.end);
        Some(Found { day: Some(moment::Day { year, month, day }), minute: None, start, end })
    };
    (0..words.len()).filter_map(edge).collect()
}

fn hour(word: &str) -> Option<u32> {
    let digits = || word.parse::<u32>().ok().filter(|hour| (1..=12).contains(hour) && !word.starts_with('0'));
    let spelled = || HOURS.iter().position(|hour| *hour == word).and_then(|at| u32::try_from(at + 1).ok());
    digits().or_else(spelled)
}

/// What counts from another day in more than one word.
pub(crate) fn phrases(text: &str) -> Vec<Relative> {
    let text = text::exact(text);
    let has = |phrase: &str| text.contains(phrase);
    let mut found = Vec::new();
    if has("day after tomorrow") {
        found.push(Relative::Days(2));
    }
    if ["this morning", "this afternoon", "this evening"].into_iter().any(has) {
        found.push(Relative::Days(0));
    }
    if has("next week") {
        found.push(Relative::Days(7));
    }
    if has("next month") {
        found.push(Relative::Months(1));
    }
    if has("next year") {
        found.push(Relative::Months(12));
    }
    if has("next day") || has("day after") || has("following day") || has("a day later") {
        found.push(Relative::Beside(1));
    }
    if ["day before", "evening before", "night before", "previous day", "a day earlier", "one day earlier"]
        .into_iter()
        .any(has)
    {
        found.push(Relative::Beside(-1));
    }
    if has("end of the month") || has("end of this month") || has("last day of the month") || has("month's end") {
        found.push(Relative::MonthEnd);
    }
    if has("weekend") {
        found.extend(moment::relative("saturday"));
        found.extend(moment::relative("sunday"));
    }
    found
}

/// The days of a month that is not said ("from the 20th to the 27th").
pub(crate) fn days_of_month(text: &str, tokens: &[Token<'_>], taken: &[Found]) -> Vec<u32> {
    let day = |at: usize, token: &Token<'_>| {
        let lower = token.text.to_lowercase();
        let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| lower.strip_suffix(end))?;
        let day = digits.parse::<u32>().ok().filter(|day| (1..=31).contains(day))?;
        let next = tokens.get(at + 1);
        let gap = next.and_then(|next| text.get(token.end..next.start)).unwrap_or_default();
        // "The 3rd floor" is no day.
        let alone = next.is_none_or(|next| {
            let (lower, stem) = (next.text.to_lowercase(), words::stem(next.text));
            words::is_stop(&lower) || (words::verbs(&stem) != 0 && words::nouns(&stem) == 0)
        }) || gap.trim() != "";
        let free = !taken.iter().any(|found| found.start <= token.start && token.end <= found.end);
        (alone && free).then_some(day)
    };
    tokens.iter().enumerate().filter_map(|(at, token)| day(at, token)).collect()
}

/// The lengths of time without a number ("half an hour", "a week", "another day"): minutes, and months.
pub(crate) fn lengths(tokens: &[Token<'_>]) -> (Vec<i64>, Vec<i64>) {
    let words: Vec<String> = tokens.iter().map(|token| token.text.to_lowercase()).collect();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let (mut minutes, mut months) = (Vec::new(), Vec::new());
    for at in 0..words.len() {
        let unit = words::stem(word(at + 1));
        let one = matches!(word(at), "a" | "an" | "another" | "one" | "extra" | "full" | "whole");
        if one && let Some(whole) = moment::minutes(&unit) {
            match (at.checked_sub(1).map_or("", word), (word(at + 2), word(at + 3), word(at + 4))) {
                ("half", _) => minutes.push(whole / 2),
                ("of", _) if at > 1 && word(at - 2) == "quarter" => minutes.push(whole / 4),
                (_, ("and", "a", "half")) => minutes.push(whole + whole / 2),
                _ => minutes.push(whole),
            }
        }
        if one && let Some(whole) = moment::months(&unit) {
            months.push(if at > 0 && word(at - 1) == "half" { whole / 2 } else { whole });
        }
        if word(at) == "couple" && word(at + 1) == "of" {
            let unit = words::stem(word(at + 2));
            minutes.extend(moment::minutes(&unit).map(|unit| unit * 2));
            months.extend(moment::months(&unit).map(|unit| unit * 2));
        }
    }
    (minutes, months)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(text: &str) -> Vec<u32> {
        let tokens: Vec<_> = text::tokens(text).collect();
        spoken(text, &tokens).iter().filter_map(|found| found.minute).collect()
    }

    #[test]
    fn spoken_hours_are_two_times_of_day_and_other_numbers_are_none() {
        assert_eq!(times("see him at nine"), [540, 1260]);
        assert_eq!(times("half past two"), [150, 870]);
        assert_eq!(times("quarter to 5"), [285, 1005]);
        assert_eq!(times("at 10.30"), [630, 1350]);
        assert_eq!(times("pay to 5 people, cut by 10 percent, from $9"), [0_u32; 0]);
    }

    #[test]
    fn lengths_without_a_number_are_read() {
        let lengths = |text: &str| lengths(&text::tokens(text).collect::<Vec<_>>());
        assert_eq!(lengths("half an hour later"), (vec![30], vec![]));
        assert_eq!(lengths("push it back by a week"), (vec![10_080], vec![]));
        assert_eq!(lengths("an hour and a half, for another year"), (vec![90], vec![12]));
        assert_eq!(lengths("a couple of days"), (vec![2880], vec![]));
    }
}
