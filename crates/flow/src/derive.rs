//! Values that were computed from trusted ones: amounts by a little arithmetic, days and times by counting.
//!
//! "Send them 10 % more" has no literal for the amount, yet the amount follows from what the user said and what a
//! platform attests. The forms below are a closed list. Each is inverted: the target and the user's numbers give the
//! attested number that would be needed, and that one is looked up, so the cost does not grow with the context.
//!
//! What never happens here: no number from an untrusted source, save where the user delegated to it, and then only for
//! a bounded change of an attested value.

use crate::moment::{self, Day, Relative};
use crate::number::Micro;
use crate::transcript::Transcript;

/// Words that ask for a calculation.
const CUES: &[&str] = &[
    "differ",
    "increas",
    "decreas",
    "less",
    "more",
    "plu",
    "minu",
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
];
/// How many of the user's numbers take part.
const OPERANDS: usize = 12;

/// Whether a quantity follows from attested numbers and the user's by one of the known forms.
pub(crate) fn is_computed(transcript: &Transcript, target: Micro) -> bool {
    let user = &transcript.user;
    let percents: Vec<f64> =
        user.numbers.iter().filter(|found| found.percent).map(|found| micro(found.value)).collect();
    if percents.is_empty() && !CUES.iter().any(|cue| user.has_stem(cue)) {
        return false;
    }
    let mut terms: Vec<f64> =
        user.numbers.iter().filter(|found| !found.percent).map(|found| micro(found.value)).take(OPERANDS).collect();
    let halves: Vec<f64> = terms.iter().map(|term| term / 2.0).collect();
    if ["half", "halv", "split", "share", "both", "friend"].iter().any(|word| user.has_stem(word)) {
        terms.extend(halves);
    }
    let mut factors = vec![1.0];
    for percent in percents.iter().take(OPERANDS) {
        factors.extend([percent / 100.0, 1.0 + percent / 100.0, 1.0 - percent / 100.0]);
    }
    for (words, factor) in [(&["doubl", "double", "twic"][..], 2.0), (&["tripl"], 3.0), (&["half", "halv"], 0.5)] {
        if words.iter().any(|word| user.has_stem(word)) {
            factors.push(factor);
        }
    }
    let target = micro(target);
    let mut offsets = vec![0.0];
    offsets.extend(terms.iter().flat_map(|term| [*term, -term]));
    let attested = |value: f64| {
        let near = |value| {
            Micro::from_f64(value).is_some_and(|n| !transcript.attested_number(n).is_empty() || user.says_number(n))
        };
        value > 0.0 && near(cents(value)) && value.is_finite()
    };
    let sum = user.has_stem("total") || user.has_stem("sum") || user.has_stem("all") || user.has_word("together");
    (sum && Micro::from_f64(target).is_some_and(|target| transcript.is_sum(target)))
        || offsets.iter().any(|offset| {
            let rest = target - offset;
            factors.iter().any(|factor| attested(rest / factor)) || (*offset > 0.0 && attested(offset - target))
        })
        || terms.iter().any(|term| terms.len() < 4 && *term > 1.0 && attested(target / term))
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

#[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53 millionths of interest")]
fn micro(value: Micro) -> f64 {
    value.0 as f64 / 1e6
}

fn cents(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Whether each part of a moment is one that the user stated.
pub(crate) fn is_stated(transcript: &Transcript, value: &str) -> bool {
    let Some((day, minute)) = moment::parse(value) else { return false };
    let said = &transcript.user.moments;
    day.is_none_or(|day| said.iter().any(|said| said.day.is_some_and(|said| said.matches(day))))
        && minute.is_none_or(|minute| said.iter().any(|said| said.minute == Some(minute)))
}

/// Whether a moment follows from stated and attested ones by counting days or adding a stated length of time.
pub(crate) fn is_counted(transcript: &Transcript, value: &str) -> bool {
    let Some((day, minute)) = moment::parse(value) else { return false };
    let said = &transcript.user.moments;
    let spans = &transcript.user.spans;
    let day_holds = day.is_none_or(|day| {
        said.iter().any(|said| said.day.is_some_and(|said| said.matches(day))) || is_counted_day(transcript, day)
    });
    let minute_holds = minute.is_none_or(|minute| {
        said.iter().any(|said| {
            said.minute.is_some_and(|said| {
                said == minute || spans.iter().any(|span| i64::from(said) + span == i64::from(minute))
            })
        })
    });
    day_holds && minute_holds
}

fn is_counted_day(transcript: &Transcript, day: Day) -> bool {
    let Some(number) = day.number() else { return false };
    let user = &transcript.user;
    let bases = || transcript.days.iter().filter_map(|base| base.number());
    let counted = |relative: &Relative| match *relative {
        Relative::Days(days) => bases().any(|base| base + days == number),
        Relative::Weekday(weekday) => {
            moment::weekday(number) == weekday && bases().any(|base| (0..=14).contains(&(number - base)))
        }
    };
    let stated = user.moments.iter().filter_map(|said| {
        let said = said.day?;
        Day { year: said.year.or(day.year), ..said }.number()
    });
    let mut stated =
        stated.flat_map(|base| user.spans.iter().filter(|span| **span % 1440 == 0).map(move |span| base + span / 1440));
    user.relatives.iter().any(counted) || stated.any(|counted| counted == number)
}
