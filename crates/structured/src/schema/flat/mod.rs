//! A verdict on a document from a few short tables, where the schema says nothing that they do not hold.
//!
//! The validator keeps every keyword in a place of its own, and a look at each costs a cache miss: of a schema that was
//! not used just before, more than the reading itself. Types, members, lists, bounds and branches are most of what
//! schemas say. Where they are all, the verdict stands here; where a place says more, only its breaches do.
//!
//! What never happens here: no verdict in doubt. An unknown keyword, another draft, an address of its own, a number
//! beyond exact comparison, a long list or a declared key that stands twice leaves the whole to the validator.

mod build;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use serde_json::Value;

use super::exact::equals;
use super::shape::Types;
use crate::align::integral;
use crate::document::{Document, Kind, Node};

/// Steps of the walk: beyond, branches inside branches would cost more than the validator.
const STEPS_PER_NODE: usize = 8;
/// References, branches and levels of the document followed on one path.
const DEPTH_MAX: usize = 400;
/// Decimals of fifteen digits and integers of as many are told apart by their floats.
const DIGITS_MAX: usize = 15;
/// The longest list that is looked through; the validator has a table for longer ones.
const LISTED_MAX: usize = 32;

/// What the tables say of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Fits,
    Breaks,
    Unknown,
}

impl Verdict {
    const fn of(fits: bool) -> Self {
        if fits { Self::Fits } else { Self::Breaks }
    }

    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Breaks, _) | (_, Self::Breaks) => Self::Breaks,
            (Self::Fits, Self::Fits) => Self::Fits,
            _ => Self::Unknown,
        }
    }
}

/// What a value has to be: of these types and no more, or what a rule says.
#[derive(Debug, Clone, Copy)]
enum Want {
    Types(Types),
    Rule(u32),
}

/// Where something stands in its table.
type Range = (u32, u32);
const NOTHING: Range = (0, 0);

#[derive(Debug, Clone, Copy)]
struct Member {
    name: Range,
    want: Want,
}

/// A bound of a number, or of the length of something else.
#[derive(Debug, Clone, Copy)]
struct Bound {
    of: Kind,
    limit: f64,
    /// On which side of it a value has to be.
    side: Ordering,
    or_equal: bool,
}

impl Bound {
    fn holds(&self, value: f64) -> bool {
        match value.partial_cmp(&self.limit) {
            Some(Ordering::Equal) => self.or_equal,
            side => side == Some(self.side),
        }
    }
}

/// One subschema.
#[derive(Debug, Clone)]
struct Rule {
    types: Types,
    /// Nothing is said here beside what follows.
    whole: bool,
    members: Range,
    /// The members that are required, as bits.
    required: u64,
    additional: Want,
    items: Want,
    listed: Range,
    bounds: Range,
    all: Range,
    choices: Range,
}

/// Several ways, of which one or exactly one holds.
#[derive(Debug, Clone, Copy)]
struct Choice {
    ways: Range,
    only: bool,
}

const ANYTHING: Want = Want::Types(Types::ALL);
/// Bounds of numbers; their limits come with them.
const AT_LEAST: Bound = Bound { of: Kind::Number, limit: 0.0, side: Ordering::Greater, or_equal: true };
const AT_MOST: Bound = Bound { side: Ordering::Less, ..AT_LEAST };

impl Rule {
    const fn new() -> Self {
        Self {
            types: Types::ALL,
            whole: true,
            members: NOTHING,
            required: 0,
            additional: ANYTHING,
            items: ANYTHING,
            listed: NOTHING,
            bounds: NOTHING,
            all: NOTHING,
            choices: NOTHING,
        }
    }
}

/// A schema in tables.
#[derive(Debug)]
pub(super) struct Flat {
    root: Want,
    rules: Vec<Rule>,
    members: Vec<Member>,
    /// All names in one text.
    names: String,
    listed: Vec<Value>,
    bounds: Vec<Bound>,
    ways: Vec<Want>,
    choices: Vec<Choice>,
}

fn part<T>(table: &[T], range: Range) -> &[T] {
    table.get(range.0 as usize..range.1 as usize).unwrap_or(&[])
}

impl Flat {
    /// Linear in the document, but for branches. Recursive: the depth of the document is bounded before.
    pub(super) fn verdict(&self, document: &Document) -> Verdict {
        Walk { flat: self, steps: document.nodes().saturating_mul(STEPS_PER_NODE) }.value(document.root(), self.root, 0)
    }

    fn name(&self, member: &Member) -> &str {
        self.names.get(member.name.0 as usize..member.name.1 as usize).unwrap_or("")
    }
}

/// A number that a float of its own tells from every other of its length, as it is written.
fn exact(text: &str) -> Option<f64> {
    (text.len() <= DIGITS_MAX && !text.contains(['e', 'E'])).then(|| text.parse().ok()).flatten()
}

struct Walk<'f> {
    flat: &'f Flat,
    steps: usize,
}

impl Walk<'_> {
    fn value(&mut self, node: Node<'_>, want: Want, depth: usize) -> Verdict {
        let rule = match want {
            Want::Types(types) => return Verdict::of(admits(types, node)),
            Want::Rule(id) => self.flat.rules.get(id as usize),
        };
        let Some(rule) = rule.filter(|_| self.steps > 0 && depth < DEPTH_MAX) else { return Verdict::Unknown };
        self.steps -= 1;
        if !admits(rule.types, node) {
            return Verdict::Breaks;
        }
        let own = if rule.whole { Verdict::Fits } else { Verdict::Unknown };
        let own = own.and(is_listed(node, part(&self.flat.listed, rule.listed)));
        let own = own.and(is_within(node, part(&self.flat.bounds, rule.bounds)));
        let inside = match node.kind() {
            _ if own == Verdict::Breaks => own,
            Kind::Object => self.members(node, rule, depth),
            Kind::Array => self.elements(node, rule, depth),
            _ => Verdict::Fits,
        };
        self.branches(node, rule, depth, own.and(inside))
    }

    fn members(&mut self, node: Node<'_>, rule: &Rule, depth: usize) -> Verdict {
        let declared = part(&self.flat.members, rule.members);
        let (mut seen, mut next) = (0_u64, 0);
        let mut verdict = Verdict::Fits;
        for (key, value) in node.members() {
            let is = |member: &Member| key.is_text(self.flat.name(member));
            // Members mostly come in the order in which they were declared.
            let at = if declared.get(next).is_some_and(is) { Some(next) } else { declared.iter().position(is) };
            let want = at.and_then(|at| declared.get(at)).map_or(rule.additional, |member| member.want);
            if let Some(at) = at {
                let bit = 1_u64 << at;
                if seen & bit != 0 {
                    return Verdict::Unknown;
                }
                seen |= bit;
                next = at + 1;
            }
            verdict = verdict.and(self.value(value, want, depth + 1));
            if verdict == Verdict::Breaks {
                // Of a key that stands twice, the validator may look at the first alone.
                return if node.distinct_keys() { verdict } else { Verdict::Unknown };
            }
        }
        verdict.and(Verdict::of(rule.required & !seen == 0))
    }

    fn elements(&mut self, node: Node<'_>, rule: &Rule, depth: usize) -> Verdict {
        let mut verdict = Verdict::Fits;
        for item in node.items() {
            verdict = verdict.and(self.value(item, rule.items, depth + 1));
            if verdict == Verdict::Breaks {
                break;
            }
        }
        verdict
    }

    fn branches(&mut self, node: Node<'_>, rule: &Rule, depth: usize, mut verdict: Verdict) -> Verdict {
        let flat = self.flat;
        for &way in part(&flat.ways, rule.all) {
            if verdict == Verdict::Breaks {
                return verdict;
            }
            verdict = verdict.and(self.value(node, way, depth + 1));
        }
        for choice in part(&flat.choices, rule.choices) {
            if verdict != Verdict::Breaks {
                verdict = verdict.and(self.choice(node, choice, depth));
            }
        }
        verdict
    }

    fn choice(&mut self, node: Node<'_>, choice: &Choice, depth: usize) -> Verdict {
        let (mut fitting, mut unknown) = (0, false);
        let flat = self.flat;
        for &way in part(&flat.ways, choice.ways) {
            match self.value(node, way, depth + 1) {
                Verdict::Fits if !choice.only => return Verdict::Fits,
                Verdict::Fits if fitting == 1 => return Verdict::Breaks,
                Verdict::Fits => fitting += 1,
                Verdict::Unknown => unknown = true,
                Verdict::Breaks => {}
            }
        }
        if unknown { Verdict::Unknown } else { Verdict::of(fitting == 1) }
    }
}

fn admits(types: Types, node: Node<'_>) -> bool {
    match node.kind() {
        Kind::Null => types.has(Types::NULL),
        Kind::Bool => types.has(Types::BOOL),
        Kind::Number => types.has(Types::NUMBER) || (types.has(Types::INTEGER) && integral(node.raw())),
        Kind::String => types.has(Types::STRING),
        Kind::Array => types.has(Types::ARRAY),
        Kind::Object => types.has(Types::OBJECT),
    }
}

/// Lists of words and small integers; what else may be equal is not looked at.
fn is_listed(node: Node<'_>, listed: &[Value]) -> Verdict {
    let integer = |text: &str| exact(text).and_then(|_| text.parse::<i64>().ok());
    match node.kind() {
        _ if listed.is_empty() => Verdict::Fits,
        _ if listed.len() > LISTED_MAX => Verdict::Unknown,
        Kind::Null | Kind::Bool | Kind::String => Verdict::of(listed.iter().any(|value| equals(node, value))),
        Kind::Number => {
            let mut numbers =
                listed.iter().filter(|value| value.is_number()).map(|n| integer(&n.to_string())).peekable();
            match integer(node.raw()) {
                _ if numbers.peek().is_none() => Verdict::Breaks,
                None => Verdict::Unknown,
                own => match numbers.find(|n| n.is_none() || *n == own) {
                    Some(None) => Verdict::Unknown,
                    found => Verdict::of(found.is_some()),
                },
            }
        }
        Kind::Array if listed.iter().any(Value::is_array) => Verdict::Unknown,
        Kind::Object if listed.iter().any(Value::is_object) => Verdict::Unknown,
        Kind::Array | Kind::Object => Verdict::Breaks,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a length in memory")]
fn is_within(node: Node<'_>, bounds: &[Bound]) -> Verdict {
    let kind = node.kind();
    if !bounds.iter().any(|bound| bound.of == kind) {
        return Verdict::Fits;
    }
    let measure = match kind {
        Kind::Number => exact(node.raw()),
        Kind::String => node.as_str().map(|text| text.chars().count() as f64),
        _ => Some(node.len() as f64),
    };
    let Some(measure) = measure else { return Verdict::Unknown };
    Verdict::of(bounds.iter().filter(|bound| bound.of == kind).all(|bound| bound.holds(measure)))
}
