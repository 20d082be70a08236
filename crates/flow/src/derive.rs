//! Values that were computed from trusted ones: amounts by a little arithmetic, days and times by counting.
//!
//! "Send them 10 % more" has no literal for the amount, yet the amount follows from what the user said and what a
//! platform attests. The forms below are a closed list. Each is inverted: the target and the user's numbers give the
//! attested number that would be needed, and that one is looked up, so the cost does not grow with the context.
//!
//! What never happens here: no number from an untrusted source, save where the user delegated to it, and then only for
//! a bounded change of an attested value.

use crate::moment::{self, Day, Relative};
use crate::number::{Found, Micro};
use crate::record::{Row, bind};
use crate::text;
use crate::transcript::{Moment, Transcript};
use crate::words;

/// Words that ask for a calculation.
const CUES: &[&str] = &[
    "differ",
    "increas",
    "decreas",
    "less",
    "more",
    "plus",
    "minus",
    "double",
    "doubl",
    "twic",
    "half",
    "halv",
    "tripl",
    "extra",
    "additional",
    "fe",
    "tip",
    "vat",
    "tax",
    "percent",
    "split",
    "share",
    "warmer",
    "cooler",
    "higher",
    "lower",
    "rais",
    "reduc",
    "discount",
    "total",
    "sum",
    "too",
    "remain",
    "rest",
    "by",
    "add",
    "other",
    "each",
    "per",
    "quarter",
    "third",
    "divid",
    "multipli",
    "enough",
    "up",
    "down",
    "cut",
    "boost",
    "top",
];
/// Words that ask for what two figures make, or what lies between them.
const APART: &[&str] = &[
    "differ", "total", "sum", "rest", "remain", "surplus", "overpaid", "owe", "owed", "balanc", "outstand", "plus",
    "minus", "less", "more", "extra", "add", "each", "per", "multipli", "enough", "up", "top", "fill", "reach", "twic",
];
/// How many of the user's numbers take part.
const OPERANDS: usize = 12;

/// Whether a quantity follows from attested numbers and the user's by one of the known forms.
pub(crate) fn is_computed(transcript: &Transcript, target: Micro) -> bool {
    let user = &transcript.user;
    let percents: Vec<f64> =
        user.numbers.iter().filter(|found| found.percent).map(|found| micro(found.value)).collect();
    let asks = |cues: &[&str]| cues.iter().any(|cue| user.has_stem(cue));
    if asks(APART) && is_apart(transcript, target) {
        return true;
    }
    if percents.is_empty() && !asks(CUES) {
        return false;
    }
    let mut terms: Vec<f64> =
        user.numbers.iter().filter(|found| !found.percent).map(|found| micro(found.value)).take(OPERANDS).collect();
    // "By 50 pence", where prices are in pounds.
    let small = user.counts.iter().filter(|(unit, _)| matches!(unit.as_str(), "penc" | "cent" | "penni"));
    terms.extend(small.map(|(_, count)| micro(*count) / 100.0).take(OPERANDS));
    let halves: Vec<f64> = terms.iter().map(|term| term / 2.0).collect();
    if ["half", "halv", "split", "share", "both", "friend"].iter().any(|word| user.has_stem(word)) {
        terms.extend(halves);
    }
    let mut factors = vec![1.0];
    for percent in percents.iter().take(OPERANDS) {
        factors.extend([percent / 100.0, 1.0 + percent / 100.0, 1.0 - percent / 100.0]);
    }
    // "Two of the six": that share.
    factors.extend(user.shares.iter().map(|(part, whole)| micro(*part) / micro(*whole)));
    for (words, factor) in [
        (&["doubl", "double", "twic"][..], 2.0),
        (&["tripl"], 3.0),
        (&["half", "halv"], 0.5),
        (&["third"], 1.0 / 3.0),
        (&["quarter"], 0.25),
    ] {
        if words.iter().any(|word| user.has_stem(word)) {
            factors.push(factor);
        }
    }
    let target = micro(target);
    let mut offsets = vec![0.0];
    offsets.extend(terms.iter().flat_map(|term| [*term, -term]));
    let attested = |value: f64| {
        let near = |value| {
            Micro::from_f64(value)
                .is_some_and(|n| transcript.attested_figure(n).next().is_some() || user.says_number(n))
        };
        value > 0.0 && near(cents(value)) && value.is_finite()
    };
    if user.has_stem("round") && is_rounded(transcript, target, &factors) {
        return true;
    }
    let sum = user.has_stem("total") || user.has_stem("sum") || user.has_stem("all") || user.has_word("together");
    (sum && Micro::from_f64(target).is_some_and(|target| transcript.is_sum(target)))
        || offsets.iter().any(|offset| {
            let rest = target - offset;
            // A figure that is as it stands was not computed.
            let changed = |factor: f64| *offset != 0.0 || factor != 1.0;
            factors.iter().any(|factor| changed(*factor) && attested(rest / factor))
                || (*offset > 0.0 && attested(offset - target))
        })
        || terms.iter().any(|term| terms.len() < 4 && *term > 1.0 && attested(target / term))
        || (user.has_stem("split") || user.has_stem("shar") || user.has_stem("divid") || user.has_stem("each"))
            && terms.iter().any(|term| *term > 1.0 && *term < 100.0 && attested(target * term))
}

/// Two numbers with `of` between them, or of the same thing: part and whole.
pub(crate) fn share(text: &str, pair: &[Found]) -> Option<(Micro, Micro)> {
    let [part, whole] = pair else { return None };
    let between: Vec<_> = text::tokens(text.get(part.end..whole.start)?).map(|token| token.text).collect();
    let unit =
        |from: usize| text::tokens(text.get(from..).unwrap_or_default()).next().map(|token| words::stem(token.text));
    let of = between.len() < 4 && between.iter().any(|word| word.eq_ignore_ascii_case("of"));
    let same = between.len() < 8 && unit(part.end).is_some_and(|own| own.len() > 2 && unit(whole.end) == Some(own));
    ((of || same) && (1..whole.value.0).contains(&part.value.0)).then_some((part.value, whole.value))
}

/// Whether the user asks for a part of a figure ("a quarter of it", "half the fee"), so that the whole is not what is
/// meant.
pub(crate) fn is_part_asked(transcript: &Transcript) -> bool {
    const PARTS: &[&str] = &["half", "third", "thirds", "quarter", "quarters", "fifth", "tenth"];
    const BEHIND: &[&str] = &["of", "the", "his", "her", "their", "my", "our", "its"];
    let words = &transcript.user.words;
    words.windows(2).any(|pair| {
        let [part, of] = pair else { return false };
        PARTS.contains(&part.lower.as_str()) && BEHIND.contains(&of.lower.as_str()) && !of.hard_gap
    })
}

/// Whether a quantity is the sum of two figures of rows that the user named, or what lies between them, or the product
/// of two figures of one such row.
fn is_apart(transcript: &Transcript, target: Micro) -> bool {
    const MEANT: u16 = bind::LITERAL | bind::NAMED | bind::DESCRIBED | bind::JOINED;
    const FIGURES: usize = 48;
    let rows = transcript.rows.iter().filter(|row| row.bind & MEANT != 0);
    let fields = rows.flat_map(|row| &row.fields).filter_map(|at| transcript.field(*at));
    let figures = fields.filter(|field| field.attested && !field.is_name()).filter_map(|field| field.number);
    let figures: Vec<i64> = figures.map(|number| number.0).filter(|number| *number != 0).take(FIGURES).collect();
    let product = |row: &Row| {
        let figures: Vec<f64> = row
            .fields
            .iter()
            .filter_map(|at| transcript.field(*at))
            .filter(|field| field.attested && !field.is_name())
            .filter_map(|field| field.number)
            .map(micro)
            .take(FIGURES)
            .collect();
        let near = |value: f64| (value - micro(target)).abs() < 0.005;
        figures.iter().enumerate().any(|(at, a)| figures.iter().skip(at + 1).any(|b| near(a * b)))
    };
    target.0 > 0
        && (figures.iter().enumerate().any(|(at, a)| {
            // Of two figures, and never of one with itself.
            figures
                .iter()
                .skip(at + 1)
                .any(|b| a.abs_diff(*b) == target.0.unsigned_abs() || a.checked_add(*b) == Some(target.0))
        }) || transcript.rows.iter().filter(|row| row.bind & MEANT != 0).take(FIGURES).any(product))
}

/// Whether a quantity is a bounded change of an attested value by a number of a document to which the user delegated.
pub(crate) fn is_adjusted(transcript: &Transcript, target: Micro, current: Micro) -> bool {
    let (target, current) = (target.0, current.0);
    if current <= 0 || target <= 0 || target.abs_diff(current) > current.unsigned_abs() / 2 {
        return false;
    }
    transcript.delegated.numbers.iter().any(|found| {
        let number = found.value.0;
        let part = i128::from(current) * i128::from(number) / i128::from(100 * Micro::ONE);
        let change = if found.percent { i64::try_from(part).unwrap_or(i64::MAX) } else { number };
        change != 0
            && (target == current.saturating_add(change)
                || target == current.saturating_sub(change)
                || (!found.percent && target == number))
    })
}

/// Whether a whole number is a part of an attested figure, rounded as the user asked.
fn is_rounded(transcript: &Transcript, target: f64, factors: &[f64]) -> bool {
    target.fract() == 0.0
        && transcript
            .figures()
            .any(|figure| factors.iter().any(|factor| *factor != 1.0 && (micro(figure) * factor - target).abs() < 1.0))
}

#[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53 millionths of interest")]
fn micro(value: Micro) -> f64 {
    value.0 as f64 / 1e6
}

fn cents(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Whether a value is a day or time that the user stated, or that follows from stated and attested ones.
pub(crate) fn is_users(transcript: &Transcript, value: &str, given: Option<&[String]>) -> bool {
    moment::parse(value).is_some_and(|moment| is_stated(transcript, moment) || is_counted(transcript, moment, given))
}

/// Whether each part of a moment is one that the user stated.
fn is_stated(transcript: &Transcript, (day, minute): moment::Parsed) -> bool {
    let said = &transcript.user.moments;
    day.is_none_or(|day| said.iter().any(|said| said.day.is_some_and(|said| said.matches(day))))
        && minute.is_none_or(|minute| said.iter().any(|said| said.minute == Some(minute)))
}

/// Whether a moment follows from stated and attested ones by counting days or adding a stated length of time.
/// At least one part has to be the user's: an attested day with an attested time was chosen by nobody.
///
/// Where the other values of a call are given, what is kept of an attested moment is that of a row which has one of
/// them, or of which the words speak.
fn is_counted(transcript: &Transcript, (day, minute): moment::Parsed, given: Option<&[String]>) -> bool {
    let day_said = day.is_some_and(|day| is_user_day(transcript, day));
    let minute_said = minute.is_some_and(|minute| is_user_minute(transcript, minute));
    let known = |has: &dyn Fn(&Moment) -> bool| {
        transcript.moments.iter().any(|known| has(known) && is_meant(transcript, known, given))
    };
    let known_day = || day.is_some_and(|day| known(&|known| known.day.is_some_and(|known| known.matches(day))));
    let known_minute = || minute.is_some() && known(&|known| known.minute == minute);
    match (day, minute) {
        (None, None) => false,
        (Some(_), None) => day_said,
        // "Two hours before the concert", by whatever day it is on.
        (None, Some(minute)) => minute_said || known(&|known| is_ahead(transcript, known, minute)),
        (Some(day), Some(minute)) => {
            // From the first to the last minute of a day that was said.
            let midnight = matches!(minute, 0 | 1439) && day_said;
            // "Move it to Friday" keeps the time; "move it to noon" keeps the day.
            let kept = (day_said && known_minute() && !transcript.user.has_time()) || (minute_said && known_day());
            (day_said && minute_said) || midnight || kept || is_shifted(transcript, day, minute, given)
        }
    }
}

/// Whether an attested moment stands in a row that has another value of the call, or of which the words speak.
fn is_meant(transcript: &Transcript, known: &Moment, given: Option<&[String]>) -> bool {
    let Some(given) = given else { return true };
    let has = |row: &Row| {
        let mut fields = row.fields.iter().filter_map(|at| transcript.field(*at)).filter(|field| field.attested);
        fields.any(|field| given.contains(&text::exact(&field.raw)) && field.moment.is_none())
    };
    is_spoken_of(transcript, &known.rows) || known.rows.iter().filter_map(|row| transcript.row(*row)).any(has)
}

fn is_user_minute(transcript: &Transcript, minute: moment::Minute) -> bool {
    let user = &transcript.user;
    let spans = || user.spans.iter().chain(&transcript.durations);
    user.moments.iter().filter_map(|said| said.minute).any(|said| {
        said == minute || spans().any(|span| (i64::from(said) + span).rem_euclid(1440) == i64::from(minute))
    })
}

/// Whether a moment lies a length of time that the user stated before or behind an attested one.
fn is_shifted(transcript: &Transcript, day: Day, minute: moment::Minute, given: Option<&[String]>) -> bool {
    let Some(number) = day.number() else { return false };
    let target = number * 1440 + i64::from(minute);
    let shifted = |known: &Moment| {
        let base = known.day.and_then(Day::number).zip(known.minute);
        base.is_some_and(|(day, minute)| {
            let apart = target - (day * 1440 + i64::from(minute));
            transcript.user.spans.iter().any(|span| *span == apart.abs() && apart != 0)
        })
    };
    transcript.moments.iter().any(|known| shifted(known) && is_meant(transcript, known, given))
}

/// Whether a time of day lies a length of time that the user stated before an attested one.
fn is_ahead(transcript: &Transcript, known: &Moment, minute: moment::Minute) -> bool {
    let apart = known.minute.map(|known| (i64::from(known) - i64::from(minute)).rem_euclid(1440));
    known.day.is_some() && apart.is_some_and(|apart| apart > 0 && transcript.user.spans.contains(&apart))
}

/// Whether the user stated a day, or it follows by counting from a stated or an attested one.
pub(crate) fn is_user_day(transcript: &Transcript, day: Day) -> bool {
    let user = &transcript.user;
    if user.moments.iter().any(|said| said.day.is_some_and(|said| said.matches(day))) {
        return true;
    }
    let Some(number) = day.number() else { return false };
    let stated = user.moments.iter().chain(&transcript.operator.moments).filter_map(|said| {
        let said = said.day?;
        Some(Day { year: said.year.or(day.year), ..said })
    });
    let known = transcript.moments.iter().filter_map(|known| known.day);
    let clocked = !transcript.today.is_empty();
    if user.days_of_month.contains(&day.day) && is_month_meant(transcript, day) || is_beside(transcript, number) {
        return true;
    }
    stated.chain(known).chain(transcript.today.iter().copied()).any(|base| {
        let Some(from) = base.number() else { return false };
        // "Tomorrow" counts from today, where a record of the platform says what day it is.
        let counts = !clocked || transcript.today.contains(&base);
        let relative = user.relatives.iter().any(|relative| match *relative {
            Relative::Days(days) => counts && from + days == number,
            Relative::Weekday(weekday) => {
                counts && moment::weekday(number) == weekday && (0..=14).contains(&(number - from))
            }
            Relative::Past(weekday) => {
                counts && moment::weekday(number) == weekday && (1..=7).contains(&(from - number))
            }
            Relative::Months(months) => counts && base.plus_months(months) == Some(day),
            Relative::MonthEnd => counts && base.month_end() == Some(day),
            Relative::Beside(_) => false,
        });
        let spans = user.spans.iter().filter(|span| **span > 0 && **span % 1440 == 0);
        let mut spans = spans.map(|span| span / 1440);
        let months = || {
            user.months
                .iter()
                .any(|months| base.plus_months(*months) == Some(day) || base.plus_months(-months) == Some(day))
        };
        relative || spans.any(|span| from + span == number || from - span == number) || months()
    })
}

/// Whether a day is so many before or behind one that the user names, or one of a row of which the words speak ("the
/// evening before the dentist").
fn is_beside(transcript: &Transcript, number: i64) -> bool {
    let apart = |relative: &Relative| if let Relative::Beside(days) = *relative { Some(number - days) } else { None };
    transcript.user.relatives.iter().filter_map(apart).any(|base| {
        let named = transcript.user.moments.iter().any(|said| said.day.and_then(Day::number) == Some(base));
        let is_base = |known: &Moment| known.day.and_then(Day::number) == Some(base);
        named || transcript.moments.iter().any(|known| is_base(known) && is_spoken_of(transcript, &known.rows))
    })
}

fn is_spoken_of(transcript: &Transcript, rows: &[u32]) -> bool {
    rows.iter().filter_map(|row| transcript.row(*row)).any(|row| row.bind != 0)
}

/// Whether a day of which the user says no month is the next such day, or lies in the month of a day that the user
/// names or that stands in a row of which the words speak.
fn is_month_meant(transcript: &Transcript, day: Day) -> bool {
    let Some(number) = day.number() else { return false };
    let same = |other: Day| other.month == day.month && (other.year.is_none() || other.year == day.year);
    let next = |today: &Day| today.number().is_some_and(|today| (0..=31).contains(&(number - today)));
    transcript.today.iter().any(next)
        || transcript.user.moments.iter().filter_map(|said| said.day).any(same)
        || transcript.moments.iter().any(|known| known.day.is_some_and(same) && is_spoken_of(transcript, &known.rows))
}

#[cfg(test)]
mod tests {
    use crate::number::Micro;
    use crate::request::Request;

    #[test]
    fn only_numbers_that_are_said_to_be_part_and_whole_make_a_share() {
        let shares = |text: &str| {
            let mut request = Request::default();
            request.push(text);
            request.shares
        };
        let whole = |n: i64| Micro(n * Micro::ONE);
        assert_eq!(shares("two of the six places stay empty"), [(whole(2), whole(6))]);
        assert_eq!(shares("3 packs instead of 12 packs"), [(whole(3), whole(12))]);
        assert_eq!(shares("at 3 for 12 people, 5 minutes, then 40 euros"), []);
    }
}
