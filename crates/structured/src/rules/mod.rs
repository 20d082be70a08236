//! Declared rules: what a value must satisfy beyond its schema, as expressions of the Common Expression Language (CEL).
//!
//! A rule is a condition on the whole `value`, or on each place that a pattern names (`it`), and on the `source`: the
//! text that the model was given. Sums, ranges, dates, members that depend on each other, ids and quotations that must
//! occur in the source are all one mechanism. A rule that cannot be evaluated does not hold.
//!
//! What never happens here: no change of a value, no clock, no rule that runs longer than its bounded number of steps.

mod functions;
mod placeholder;
mod places;
mod program;
mod source;

use std::collections::BTreeMap;

use cel::Value as CelValue;
use serde::Deserialize;

pub use placeholder::is_placeholder;
pub use source::Source;

use crate::document::{Document, Kind, Node};
use crate::outcome::{Layer, Reading, Rejected, Violation};
use crate::schema::DEPTH_MAX;
use places::{Pattern, places};
use program::Program;

/// A rule as it is declared.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The condition, in CEL: `value.total == sum(value.lines.map(l, l.amount))`.
    pub check: String,
    /// The places it is asked of, as a JSON pointer in which `*` is every element or member. Absent: the whole value.
    #[serde(default)]
    pub each: Option<String>,
    /// The place that a violation names where the rule is asked of the whole value. Absent: the whole value.
    #[serde(default)]
    pub at: Option<String>,
    /// What a violation says, in the model's terms. Absent: the condition itself.
    #[serde(default)]
    pub message: Option<String>,
}

/// Why a rule is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rule `{rule}` {message}")]
pub struct RuleError {
    /// The rule's id.
    pub rule: String,
    /// The member of the rule at fault: `check`, `each` or `at`.
    pub member: &'static str,
    /// The first character of `check` at fault, counted from 0, where it is known.
    pub column: Option<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Rules made ready, in the order of their declaration.
#[derive(Debug, Default)]
pub struct Rules(Vec<Ready>);

#[derive(Debug)]
struct Ready {
    id: String,
    program: Program,
    each: Option<Pattern>,
    at: String,
    message: Option<String>,
}

/// Violations reported at most.
const VIOLATIONS_MAX: usize = 50;
/// A violation quotes the value it complains of up to here.
const QUOTED_CHARS_MAX: usize = 80;

impl Rules {
    /// Compiles rules, each with its id.
    ///
    /// # Errors
    /// The first rule that is none: not CEL, a name that nothing has, nested too deeply, a pointer that is none.
    pub fn new(rules: impl IntoIterator<Item = (String, Rule)>) -> Result<Self, RuleError> {
        rules.into_iter().map(|(id, rule)| Ready::new(id, rule)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a rule reads the source; without one it need not be gathered.
    #[must_use]
    pub fn read_source(&self) -> bool {
        self.0.iter().any(|rule| rule.program.reads_source)
    }

    /// Every rule that a document breaks, with the place. Bounded in steps whatever the value; see `program`.
    #[must_use]
    pub fn check(&self, document: &Document, source: &Source) -> Vec<Violation> {
        if self.is_empty() {
            return Vec::new();
        }
        if document.depth() > DEPTH_MAX {
            let message = format!("nested {} deep; with rules, {DEPTH_MAX} is the limit", document.depth());
            return vec![violation(String::new(), "depth", message)];
        }
        let value = to_cel(document.root());
        let widest = widest(document.root());
        let mut found = Vec::new();
        for rule in &self.0 {
            rule.check(document, &value, widest, source, &mut found);
            if found.len() >= VIOLATIONS_MAX {
                found.truncate(VIOLATIONS_MAX);
                break;
            }
        }
        found
    }

    /// A reading once the rules have had their say: an accepted document that breaks one is rejected at the layer of
    /// rules, and stands beside the rejection as the best attempt.
    pub fn judge(&self, reading: Reading, source: &Source) -> Reading {
        let Reading::Accepted(accepted) = reading else { return reading };
        let violations = self.check(accepted.document(), source);
        if violations.is_empty() {
            return Reading::Accepted(accepted);
        }
        let best = Some(accepted.document().text().to_owned());
        Reading::Rejected(Rejected { layer: Layer::Rules, violations, readings: Vec::new(), best })
    }
}

impl Ready {
    fn new(id: String, rule: Rule) -> Result<Self, RuleError> {
        let wrong = |member, column, message| RuleError { rule: id.clone(), member, column, message };
        let program = Program::new(&rule.check, rule.each.is_some())
            .map_err(|(column, message)| wrong("check", column, message))?;
        let each = rule.each.as_deref().map(Pattern::parse).transpose();
        let each = each.map_err(|message| wrong("each", None, message))?;
        let at = rule.at.unwrap_or_default();
        Pattern::parse(&at).map_err(|message| wrong("at", None, message))?;
        Ok(Self { id, program, each, at, message: rule.message })
    }

    fn check(&self, document: &Document, value: &CelValue, widest: usize, source: &Source, found: &mut Vec<Violation>) {
        let Some(each) = &self.each else {
            let said = self.program.holds(value, None, 1, widest, source);
            found.extend(said.err().map(|why| self.broken(self.at.clone(), None, why)));
            return;
        };
        let places = places(document.root(), each);
        for (pointer, node) in &places {
            let said = self.program.holds(value, Some(to_cel(*node)), places.len(), widest, source);
            found.extend(said.err().map(|why| self.broken(pointer.clone(), Some(*node), why)));
            if found.len() >= VIOLATIONS_MAX {
                return;
            }
        }
    }

    fn broken(&self, pointer: String, it: Option<Node<'_>>, why: Option<String>) -> Violation {
        let own = || self.message.clone().unwrap_or_else(|| format!("`{}` does not hold", self.program.text));
        let mut message = why.unwrap_or_else(own);
        if let Some(it) = it {
            message.push_str(&format!("; it is `{}`", quoted(it.raw())));
        }
        violation(pointer, &self.id, message)
    }
}

fn violation(pointer: String, rule: &str, message: String) -> Violation {
    Violation { layer: Layer::Rules, pointer, rule: rule.to_owned(), message, suggestion: None }
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The longest array or object.
fn widest(node: Node<'_>) -> usize {
    let inner = node.items().chain(node.members().map(|(_, value)| value)).map(widest).max().unwrap_or(0);
    inner.max(node.len())
}

/// The value as CEL sees JSON: numbers are doubles, except integers that no double holds.
fn to_cel(node: Node<'_>) -> CelValue {
    match node.kind() {
        Kind::Null => CelValue::Null,
        Kind::Bool => CelValue::Bool(node.raw() == "true"),
        Kind::Number => number(node.raw()),
        Kind::String => CelValue::String(node.as_str().unwrap_or_default().into_owned().into()),
        Kind::Array => CelValue::List(node.items().map(to_cel).collect::<Vec<_>>().into()),
        Kind::Object => {
            let members =
                node.members().map(|(key, value)| (key.as_str().unwrap_or_default().into_owned(), to_cel(value)));
            CelValue::from(members.collect::<std::collections::HashMap<_, _>>())
        }
    }
}

fn number(text: &str) -> CelValue {
    const EXACT: i64 = 1 << 53;
    match text.parse::<i64>() {
        Ok(integer) if !(-EXACT..=EXACT).contains(&integer) => CelValue::Int(integer),
        _ => CelValue::Float(text.parse().unwrap_or(f64::NAN)),
    }
}

/// Rules as a JSON or TOML table has them: by id.
pub type RuleTable = BTreeMap<String, Rule>;

#[cfg(test)]
mod tests;
