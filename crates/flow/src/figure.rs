//! Where a number stands: said by the user, a part or a length of what the user said, or a figure of a row that is
//! meant.
//!
//! What never happens here: no number chooses a row.

use std::ops::Deref;

use serde_json::Value;

use crate::binding;
use crate::derive;
use crate::leaf::Leaf;
use crate::moment;
use crate::naming::{Name, Naming};
use crate::number::Micro;
use crate::record::{Field, Row, bind};
use crate::text;
use crate::value::{Standing, Values};
use crate::words;

impl Values<'_> {
    pub(crate) fn number(&self, leaf: &Leaf<'_>, number: Micro, text: &str) -> Standing {
        let rate = || {
            let stem = words::stem(leaf.name.as_str());
            ["percent", "rat", "discount"].iter().any(|word| stem.contains(word))
        };
        // "The one that leaks" is no number of a thing.
        let quantity = self.tool.is_quantity(leaf);
        let spelt = !quantity && number.0 == Micro::ONE && !self.transcript.user.has_word("1");
        let said = self.transcript.user.says_number(number) && !spelt && (quantity || !self.counts_things(number));
        if said || (self.transcript.user.says_percent(number) && rate()) {
            return Standing::Said;
        }
        let name = &leaf.name;
        if self.is_span(name, number) || self.is_converted(name, number) || self.is_part_of_moment(name, number) {
            return Standing::Said;
        }
        if quantity {
            if leaf.name.naming.is_count() && number.0 == Micro::ONE {
                return Standing::Constant;
            }
            // Where the user says how many, no other number is what the user wants.
            let counted = self.is_counted(name);
            let figures = self.transcript.attested_figure(number).filter_map(|at| self.transcript.field(at));
            let mut rows = figures.filter_map(|field| self.transcript.row(field.row));
            let attested =
                !counted && rows.any(|row| self.is_figure_meant(row)) && !derive::is_part_asked(self.transcript);
            if attested || derive::is_computed(self.transcript, number) {
                return Standing::Quantity;
            }
            return Standing::Untrusted;
        }
        let fields = if leaf.value.is_number() {
            self.transcript.attested_number(number)
        } else {
            self.transcript.attested(text)
        };
        self.attested(leaf, text, fields)
    }

    /// Whether a quantity is a bounded change, by a document to which the user delegated, of what a row holds that
    /// another sink value chooses; the standings of all of them are looked at only then.
    pub(crate) fn is_adjustment(&self, leaf: &Leaf<'_>, sinks: &impl Deref<Target = Vec<Standing>>) -> bool {
        let (Some(target), true) = (number_of(leaf.value), self.tool.is_quantity(leaf)) else { return false };
        let chosen = |standing: &Standing| match standing {
            Standing::Chosen(row) => self.transcript.row(*row),
            _ => None,
        };
        self.transcript.user.delegation.figures
            && sinks.iter().filter_map(chosen).any(|row| {
                let fields = row.fields.iter().filter_map(|at| self.transcript.field(*at));
                let figures = || fields.clone().filter(|field| field.attested && !field.is_name());
                let numbers = || figures().filter_map(|field| Some((field, field.number?)));
                // By its name, or the only one that there is.
                let sole = numbers().nth(1).is_none();
                let alike = |field: &Field| field.name.words.iter().any(|word| leaf.name.words.contains(word));
                numbers()
                    .filter(|(field, _)| sole || alike(field))
                    .any(|(_, current)| derive::is_adjusted(self.transcript, target, current))
            })
    }

    /// Whether the user says how many of what an argument counts.
    fn is_counted(&self, argument: &Name) -> bool {
        let counts = &self.transcript.user.counts;
        argument.stems.iter().any(|stem| counts.iter().any(|(unit, _)| unit == stem))
    }

    /// Whether a number is a length of time that the user stated, in the argument's own unit: 21 days for three weeks.
    fn is_span(&self, argument: &Name, number: Micro) -> bool {
        let spans = &self.transcript.user.spans;
        let unit = argument.stems.iter().find_map(|stem| moment::minutes(stem)).filter(|_| !spans.is_empty());
        unit.is_some_and(|unit| {
            spans.iter().any(|span| Some(number.0) == (span / unit).checked_mul(Micro::ONE) && span % unit == 0)
        })
    }

    /// Whether a number is one that the user wrote, in the argument's own unit: 1500 cents for 15 euros, 0.2 for 20 %.
    fn is_converted(&self, argument: &Name, number: Micro) -> bool {
        let factor = argument.words.iter().find_map(|word| match word.as_str() {
            "cents" | "cent" | "minor" | "pence" | "cm" => Some(100),
            "g" | "grams" | "gram" | "ms" | "millis" | "m" | "metres" | "meters" | "ml" => Some(1000),
            _ => None,
        });
        let user = &self.transcript.user;
        let scaled = factor.is_some_and(|factor| number.0 % factor == 0 && user.says_number(Micro(number.0 / factor)));
        let share = number.0.abs() <= Micro::ONE
            && number.0.checked_mul(100).is_some_and(|whole| user.says_percent(Micro(whole)));
        scaled || share
    }

    /// Whether a number is the hour, the day, the month or the year of a moment that the user stated.
    fn is_part_of_moment(&self, argument: &Name, number: Micro) -> bool {
        let has = |part: &str| argument.words.iter().any(|word| word == part);
        self.transcript.user.moments.iter().any(|said| {
            let parts = [
                said.minute.filter(|_| has("hour")).map(|minute| i64::from(minute / 60)),
                said.minute.filter(|_| has("minute")).map(|minute| i64::from(minute % 60)),
                said.day.filter(|_| has("day")).map(|day| i64::from(day.day)),
                said.day.filter(|_| has("month")).map(|day| i64::from(day.month)),
                said.day.filter(|_| has("year")).and_then(|day| day.year).map(i64::from),
            ];
            parts.into_iter().flatten().any(|part| part.checked_mul(Micro::ONE) == Some(number.0))
        })
    }

    /// Whether the user writes a number only to say how many of something: "by 2 hours" is no number of a thing.
    fn counts_things(&self, number: Micro) -> bool {
        let user = &self.transcript.user;
        let written = user.numbers.iter().filter(|found| found.value == number).count();
        let unit =
            |unit: &str| words::nouns(unit) != 0 || Naming::of(unit).is_quantity() || moment::minutes(unit).is_some();
        let counted = user.counts.iter().filter(|(name, value)| *value == number && unit(name)).count();
        counted > 0 && counted >= written
    }

    /// Whether a figure of this row can be the one that the user means: the row has another value of the call, or what
    /// a platform attests makes it one of those that the words speak of, and none is named before it.
    fn is_figure_meant(&self, row: &Row) -> bool {
        const NAMED: u16 = bind::LITERAL | bind::DESCRIBED | bind::JOINED;
        const SPOKEN: u16 = bind::ALIKE
            | bind::QUERY
            | bind::SINGLE
            | bind::OWN
            | bind::GROUP
            | bind::DELEGATED
            | bind::CREATED
            | bind::NAMED
            | bind::TITLED;
        let given = |row: &Row| {
            let own = row.fields.iter().filter_map(|at| self.transcript.field(*at)).filter(|field| field.attested);
            own.filter(|field| field.number.is_none() || field.is_name())
                .any(|field| self.given.contains(&text::exact(&field.raw)))
        };
        let selections = &self.transcript.user.selections;
        let selected = || !selections.is_empty() && binding::is_selected(self.transcript, row, selections);
        let rival = |other: &Row| other.bind & (bind::LITERAL | bind::DESCRIBED) != 0 && !given(other);
        row.bind & NAMED != 0
            || given(row)
            || selected()
            || (row.bind & SPOKEN != 0 && !self.transcript.family_of(row).any(rival))
    }
}

/// The number that a value is or spells.
pub(crate) fn number_of(value: &Value) -> Option<Micro> {
    match value {
        Value::Number(number) => {
            let whole = number.as_i64().and_then(|n| n.checked_mul(Micro::ONE)).map(Micro);
            whole.or_else(|| number.as_f64().and_then(Micro::from_f64))
        }
        Value::String(text) if text.len() < 24 => Micro::parse(text),
        _ => None,
    }
}
