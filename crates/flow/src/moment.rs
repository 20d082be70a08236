//! Dates and times in text: ISO forms, dates in words, clock times, and the words that count from another day.
//!
//! A date without a year matches that day in any year: the user said no more. Relative words are resolved against days
//! that a trusted source has named, never against a clock.
//!
//! What never happens here: no time zone arithmetic, no clock.

use crate::text::Token;

/// The minutes in a unit of time, by its stem.
pub(crate) fn minutes(unit: &str) -> Option<i64> {
    Some(match unit {
        "minut" | "min" => 1,
        "hour" | "hr" => 60,
        "dai" | "day" | "night" => 1440,
        "week" => 10_080,
        "fortnight" => 20_160,
        _ => return None,
    })
}

/// The months in a unit of time, by its stem.
pub(crate) fn months(unit: &str) -> Option<i64> {
    match unit {
        "month" => Some(1),
        "quarter" => Some(3),
        "year" => Some(12),
        _ => None,
    }
}

/// A calendar day; the year may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Day {
    /// The year, if it was said.
    pub(crate) year: Option<i32>,
    /// 1 to 12.
    pub(crate) month: u32,
    /// 1 to 31.
    pub(crate) day: u32,
}

impl Day {
    fn new(year: Option<i32>, month: u32, day: u32) -> Option<Self> {
        let plausible = year.is_none_or(|year| (1900..2200).contains(&year));
        (plausible && (1..=12).contains(&month) && (1..=31).contains(&day)).then_some(Self { year, month, day })
    }

    /// Whether both can mean the same day.
    pub(crate) fn matches(self, other: Self) -> bool {
        let years = self.year.is_none() || other.year.is_none() || self.year == other.year;
        years && self.month == other.month && self.day == other.day
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date
    /// algorithms", 2013, `days_from_civil`); none if the year is open.
    pub(crate) fn number(self) -> Option<i64> {
        let year = i64::from(self.year?) - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let month = i64::from(self.month);
        let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + i64::from(self.day) - 1;
        Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }

    /// The same day of another month, or the last one there is; none if the year is open.
    pub(crate) fn plus_months(self, months: i64) -> Option<Self> {
        let count = i64::from(self.year?) * 12 + i64::from(self.month) - 1 + months;
        let year = i32::try_from(count.div_euclid(12)).ok()?;
        let month = u32::try_from(count.rem_euclid(12)).ok()? + 1;
        Self::new(Some(year), month, self.day.min(length(year, month)))
    }

    /// The last day of its month; none if the year is open.
    pub(crate) fn month_end(self) -> Option<Self> {
        Self::new(self.year, self.month, length(self.year?, self.month))
    }
}

/// The days of a month.
pub(crate) const fn length(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Minutes since midnight.
pub(crate) type Minute = u32;

/// What a whole value can be: a day, a time of day, or both.
pub(crate) type Parsed = (Option<Day>, Option<Minute>);

/// A day, a time of day, or both, found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// The day.
    pub(crate) day: Option<Day>,
    /// The time of day.
    pub(crate) minute: Option<Minute>,
    /// Byte offset of its start.
    pub(crate) start: usize,
    /// Byte offset of its end.
    pub(crate) end: usize,
}

/// The day and time that a whole value spells; none if anything is left over.
pub(crate) fn parse(value: &str) -> Option<Parsed> {
    let value = value.trim();
    if value.len() > 40 || !value.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let tokens: Vec<Token<'_>> = crate::text::tokens(value).collect();
    let found = find(value, &tokens);
    let covered = tokens.iter().all(|token| {
        found.iter().any(|f| f.start <= token.start && token.end <= f.end)
            || matches!(token.text, "at" | "T" | "Z" | "UTC")
    });
    if !covered || found.is_empty() || found.len() > 2 {
        return None;
    }
    let day = found.iter().find_map(|f| f.day);
    let minute = found.iter().find_map(|f| f.minute);
    Some((day, minute))
}

/// Every day and clock time in a text.
pub(crate) fn find(text: &str, tokens: &[Token<'_>]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let hit = iso(text, tokens, at)
            .or_else(|| dotted(text, tokens, at))
            .or_else(|| month_first(tokens, at))
            .or_else(|| day_first(tokens, at))
            .or_else(|| clock(text, tokens, at));
        match hit {
            Some((next, hit)) => {
                found.push(hit);
                at = next;
            }
            None => {
                found.extend(first_of_two(text, tokens, at));
                found.extend(found.last().and_then(|before| second_of_two(tokens, at, before)));
                at += 1;
            }
        }
    }
    found
}

/// Whether a word stands between two days of one month.
fn joins_days(token: &Token<'_>) -> bool {
    ["and", "or", "to", "till", "until", "through"].iter().any(|word| token.text.eq_ignore_ascii_case(word))
}

/// `20` of `20 and 21 September 2025`, `17` of `17-19 October`.
fn first_of_two(text: &str, tokens: &[Token<'_>], at: usize) -> Option<Found> {
    let (first, next) = (tokens.get(at)?, tokens.get(at + 1)?);
    let number = ordinal(first)?;
    let dash = matches!(gap(text, first, next).trim(), "-" | "–");
    let joined = joins_days(next);
    let the = usize::from(joined && tokens.get(at + 2).is_some_and(|token| token.text == "the"));
    let (_, last) = (dash || joined).then(|| day_first(tokens, at + 1 + usize::from(joined) + the)).flatten()?;
    let day = last.day?;
    (number < day.day).then_some(())?;
    Some(Found { day: Some(Day { day: number, ..day }), minute: None, start: first.start, end: first.end })
}

/// `5th` of `May 3rd and 5th`.
fn second_of_two(tokens: &[Token<'_>], at: usize, before: &Found) -> Option<Found> {
    let joined = at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(|token| token.end == before.end)
        && joins_days(tokens.get(at)?);
    let next = tokens.get(at + 1).filter(|next| joined && next.text.ends_with(char::is_alphabetic))?;
    let (number, day) = (ordinal(next)?, before.day?);
    let date = Day::new(day.year, day.month, number).filter(|_| number > day.day)?;
    Some(Found { day: Some(date), minute: None, start: next.start, end: next.end })
}

fn gap<'a>(text: &'a str, left: &Token<'_>, right: &Token<'_>) -> &'a str {
    text.get(left.end..right.start).unwrap_or_default()
}

fn digits(token: &Token<'_>, lengths: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let all = token.text.bytes().all(|b| b.is_ascii_digit());
    (all && lengths.contains(&token.text.len())).then(|| token.text.parse().ok()).flatten()
}

fn signed(year: u32) -> Option<i32> {
    i32::try_from(year).ok()
}

/// `2024-05-19`, `2024/05/19`, with `T10:00(:00(.0)?)?Z?` behind it as one found value.
fn iso(text: &str, tokens: &[Token<'_>], at: usize) -> Option<(usize, Found)> {
    let (year, month, day) = (tokens.get(at)?, tokens.get(at + 1)?, tokens.get(at + 2)?);
    if !matches!((gap(text, year, month), gap(text, month, day)), ("-", "-") | ("/", "/") | (".", ".")) {
        return None;
    }
    // `19T10` is one token: the day, and the hour behind the T.
    let (day_text, hour) = day.text.split_once(['T', 't']).map_or((day.text, None), |(day, hour)| (day, Some(hour)));
    let date = Day::new(signed(digits(year, 4..=4)?), digits(month, 1..=2)?, day_text.parse().ok()?)?;
    let mut found = Found { day: Some(date), minute: None, start: year.start, end: day.end };
    let mut next = at + 3;
    if let Some(hour) = hour {
        let minute = tokens.get(next).filter(|minute| gap(text, day, minute) == ":");
        let minutes = minute.and_then(|minute| minute.text.get(..2)?.parse::<u32>().ok()).unwrap_or_default();
        found.minute = hour.parse::<u32>().ok().filter(|hour| *hour < 24).map(|hour| hour * 60 + minutes);
        while let Some(token) = tokens.get(next) {
            if !matches!(text.get(found.end..token.start), Some(":" | "." | "+")) {
                break;
            }
            found.end = token.end;
            next += 1;
        }
    }
    Some((next, found))
}

/// `19.05.2024`, `05/19/2024` and `19/05/2024`; where both readings are possible the day comes first.
fn dotted(text: &str, tokens: &[Token<'_>], at: usize) -> Option<(usize, Found)> {
    let (a, b, c) = (tokens.get(at)?, tokens.get(at + 1)?, tokens.get(at + 2)?);
    if !matches!((gap(text, a, b), gap(text, b, c)), ("." | ". ", "." | ". ") | ("/", "/")) {
        return None;
    }
    let (first, second, year) = (digits(a, 1..=2)?, digits(b, 1..=2)?, signed(digits(c, 4..=4)?));
    let date = Day::new(year, second, first).or_else(|| Day::new(year, first, second))?;
    Some((at + 3, Found { day: Some(date), minute: None, start: a.start, end: c.end }))
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// The months, by their whole names.
pub(crate) const LONG: &[&str] = &[
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
];

fn month(token: &Token<'_>) -> Option<u32> {
    let word = token.text.to_lowercase();
    let at = MONTHS
        .iter()
        .zip(LONG)
        .position(|(short, long)| word == *short || word == *long || word == "sept" && *short == "sep")?;
    u32::try_from(at + 1).ok()
}

/// The number of a month, by its English name.
pub(crate) fn month_number(word: &str) -> Option<u32> {
    month(&Token { text: word, start: 0, end: word.len() })
}

/// Ordinals in words, from the first.
const ORDINALS: &[&str] = &[
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
];

/// The place that an ordinal in words is, from one to twenty.
pub(crate) fn ordinal_word(word: &str) -> Option<usize> {
    ORDINALS.iter().position(|entry| *entry == word).map(|at| at + 1)
}

/// The day that an ordinal in words is ("the eighteenth", "twenty-first"), with how many words it takes.
fn spelt(tokens: &[Token<'_>], at: usize) -> Option<(u32, usize)> {
    let word = |at: usize| tokens.get(at).map(|token| token.text.to_lowercase()).unwrap_or_default();
    let place = |word: &str| ordinal_word(word).and_then(|place| u32::try_from(place).ok());
    let tens = match word(at).as_str() {
        "twenty" => 20,
        "thirty" => 30,
        "thirtieth" => return Some((30, 1)),
        single => return place(single).map(|day| (day, 1)),
    };
    place(&word(at + 1)).filter(|day| *day < 10).map(|day| (tens + day, 2))
}

fn ordinal(token: &Token<'_>) -> Option<u32> {
    let word = token.text.to_lowercase();
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(&word);
    (digits.len() <= 2).then(|| digits.parse().ok()).flatten()
}

fn year_at(tokens: &[Token<'_>], at: usize) -> Option<i32> {
    tokens.get(at).and_then(|token| digits(token, 4..=4)).and_then(signed).filter(|year| (1900..2200).contains(year))
}

/// `May 26th`, `June 10th 2024`, `May 15th, 2024`, `March the eighteenth`.
fn month_first(tokens: &[Token<'_>], at: usize) -> Option<(usize, Found)> {
    let first = tokens.get(at)?;
    let named = first.text != "may";
    let month = month(first)?;
    let the = usize::from(tokens.get(at + 1).is_some_and(|token| token.text == "the"));
    let number = at + 1 + the;
    let (day, length) =
        tokens.get(number).and_then(ordinal).map(|day| (day, 1)).or_else(|| spelt(tokens, number).filter(|_| named))?;
    let year = year_at(tokens, number + length);
    let date = Day::new(year, month, day)?;
    let last = number + length - usize::from(year.is_none());
    Some((last + 1, Found { day: Some(date), minute: None, start: first.start, end: tokens.get(last)?.end }))
}

/// `15 March 2025`, `20th of June`, `the eighteenth of March`.
fn day_first(tokens: &[Token<'_>], at: usize) -> Option<(usize, Found)> {
    let first = tokens.get(at)?;
    let (number, length) = ordinal(first).map(|day| (day, 1)).or_else(|| spelt(tokens, at))?;
    let of = usize::from(tokens.get(at + length).is_some_and(|token| token.text == "of"));
    let name = at + length + of;
    // "The second may be cancelled."
    if of == 0 && ordinal(first).is_none() && tokens.get(name).is_some_and(|token| token.text == "may") {
        return None;
    }
    let year = year_at(tokens, name + 1);
    let date = Day::new(year, month(tokens.get(name)?)?, number)?;
    let last = if year.is_some() { name + 1 } else { name };
    Some((last + 1, Found { day: Some(date), minute: None, start: first.start, end: tokens.get(last)?.end }))
}

/// `10:00`, `17:30:00`, `8 pm`, `8:30pm`, `noon`.
fn clock(text: &str, tokens: &[Token<'_>], at: usize) -> Option<(usize, Found)> {
    let first = tokens.get(at)?;
    let time =
        |minute, next: usize, end| Some((next, Found { day: None, minute: Some(minute), start: first.start, end }));
    match first.text.to_lowercase().as_str() {
        "noon" | "midday" => return time(720, at + 1, first.end),
        "midnight" => return time(0, at + 1, first.end),
        _ => {}
    }
    let half = |word: &str| match word.to_lowercase().as_str() {
        "am" => Some(0),
        "pm" => Some(720),
        _ => None,
    };
    let with_half = |hour: u32, minutes: u32, half: u32| {
        ((1..=12).contains(&hour) && minutes < 60).then(|| hour % 12 * 60 + minutes + half)
    };
    if let Some(second) = tokens.get(at + 1)
        && gap(text, first, second) == ":"
    {
        let hour = digits(first, 1..=2)?;
        let minute_digits = second.text.get(..2)?;
        let minutes: u32 = minute_digits.parse().ok()?;
        let glued = second.text.get(2..).unwrap_or_default();
        let third = tokens.get(at + 2);
        if let Some(half) = half(glued) {
            return time(with_half(hour, minutes, half)?, at + 2, second.end);
        }
        if glued.is_empty()
            && let Some(third) = third
            && let Some(half) = half(third.text)
        {
            return time(with_half(hour, minutes, half)?, at + 3, third.end);
        }
        let seconds = third.filter(|third| gap(text, second, third) == ":" && digits(third, 2..=2).is_some());
        let end = seconds.map_or(second.end, |third| third.end);
        let next = at + 2 + usize::from(seconds.is_some());
        return (glued.is_empty() && hour < 24 && minutes < 60).then(|| time(hour * 60 + minutes, next, end)).flatten();
    }
    let lower = first.text.to_lowercase();
    for suffix in ["am", "pm"] {
        if let Some(hour) = lower.strip_suffix(suffix).and_then(|hour| hour.parse().ok()) {
            return time(with_half(hour, 0, half(suffix)?)?, at + 1, first.end);
        }
    }
    let second = tokens.get(at + 1)?;
    time(with_half(digits(first, 1..=2)?, 0, half(second.text)?)?, at + 2, second.end)
}

const WEEKDAYS: &[&str] = &["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];
/// The same days in German, French and Spanish.
const FOREIGN_WEEKDAYS: &[&[&str]] = &[
    &["donnerstag", "jeudi", "jueves"],
    &["freitag", "vendredi", "viernes"],
    &["samstag", "samedi", "sábado"],
    &["sonntag", "dimanche", "domingo"],
    &["montag", "lundi", "lunes"],
    &["dienstag", "mardi", "martes"],
    &["mittwoch", "mercredi", "miércoles"],
];

/// The weekday of a day number, as an index into a week that starts on Thursday 1970-01-01.
pub(crate) const fn weekday(number: i64) -> i64 {
    number.rem_euclid(7)
}

/// What a relative word counts: a fixed number of days from the reference day, or the next such weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relative {
    /// So many days after the reference day.
    Days(i64),
    /// The named day of the week, within two weeks.
    Weekday(i64),
    /// So many months after the reference day.
    Months(i64),
    /// The last day of the reference day's month.
    MonthEnd,
    /// So many days after another day that is spoken of.
    Beside(i64),
    /// The last such day of the week before the reference day.
    Past(i64),
}

/// The relative word that a token is.
pub(crate) fn relative(word: &str) -> Option<Relative> {
    Some(match word {
        "today" | "tonight" | "heute" | "hoy" | "aujourd" => Relative::Days(0),
        "tomorrow" | "morgen" | "mañana" | "demain" => Relative::Days(1),
        "yesterday" | "gestern" | "ayer" | "hier" => Relative::Days(-1),
        _ => Relative::Weekday(
            WEEKDAYS
                .iter()
                .position(|day| word.strip_suffix('s').unwrap_or(word) == *day)
                .or_else(|| FOREIGN_WEEKDAYS.iter().position(|days| days.contains(&word)))
                .and_then(|at| i64::try_from(at).ok())?,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, day: Option<(i32, u32, u32)>, minute: Option<Minute>) {
        let expected = (day.map(|(year, month, day)| Day { year: (year != 0).then_some(year), month, day }), minute);
        assert_eq!(parse(text), Some(expected), "{text}");
    }

    #[test]
    fn one_moment_in_many_forms() {
        let day = Some((2024, 5, 19));
        for text in ["2024-05-19", "19.05.2024", "19 May 2024", "May 19th, 2024", "05/19/2024", "19th of May 2024"] {
            check(text, day, None);
        }
        for text in [
            "2024-05-19 13:00",
            "2024-05-19T13:00:00",
            "2024-05-19T13:00:00Z",
            "May 19th 2024 at 1 PM",
            "19 May 2024 1:00pm",
        ] {
            check(text, day, Some(780));
        }
        let day = |year, month, day| Day { year: Some(year), month, day };
        assert_eq!(day(2025, 1, 31).plus_months(1), Some(day(2025, 2, 28)));
        assert_eq!(day(2024, 2, 3).month_end(), Some(day(2024, 2, 29)));
        check("June 10th", Some((0, 6, 10)), None);
        check("8:30pm", None, Some(1230));
        assert_eq!(parse("noon"), None);
    }

    #[test]
    fn a_text_with_more_in_it_is_no_moment() {
        for text in ["May", "version 2.0.1", "2024-05-19 at home", "12", "10.0.0.1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn two_days_of_one_month_are_both_read() {
        let days = |text: &str| -> Vec<u32> {
            find(text, &crate::text::tokens(text).collect::<Vec<_>>())
                .iter()
                .filter_map(|at| Some(at.day?.day))
                .collect()
        };
        assert_eq!(days("for 20 and 21 September 2025"), [20, 21]);
        assert_eq!(days("17-19 October, then from the 3rd to the 5th of May"), [17, 19, 3, 5]);
        assert_eq!(days("May 3rd and 5th"), [3, 5]);
        assert_eq!(days("pay 50 and 3 May"), [3]);
    }

    #[test]
    fn days_are_numbered_from_1970() {
        assert_eq!(Day { year: Some(2000), month: 3, day: 1 }.number(), Some(11_017));
        assert_eq!(weekday(11_017), 6);
    }
}
