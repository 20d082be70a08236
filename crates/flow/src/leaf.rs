//! The scalars of a call's arguments, each with its place: sinks and contents by the tool's contract.
//!
//! What never happens here: no value is judged.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use smallvec::SmallVec;
use steersman_core::{Effect, pointer_token};

use crate::naming::Name;
use crate::tool::Tool;

/// A scalar in the arguments, with its place.
#[derive(Debug, Clone)]
pub(crate) struct Leaf<'a> {
    pub(crate) argument: Arc<Name>,
    /// The nearest name: the argument's, or that of the member of an object in it.
    pub(crate) name: Arc<Name>,
    steps: Steps<'a>,
    pub(crate) value: &'a Value,
}

/// The way from the arguments to a value.
type Steps<'a> = SmallVec<[Step<'a>; 3]>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Leaf<'a> {
    /// The value as text, without quotation marks.
    pub(crate) fn text(&self) -> Cow<'a, str> {
        self.value.as_str().map_or_else(|| Cow::Owned(self.value.to_string()), Cow::Borrowed)
    }

    /// RFC 6901 pointer into the arguments.
    pub(crate) fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.steps {
            pointer.push('/');
            match step {
                Step::Key(key) => pointer.push_str(&pointer_token(key)),
                Step::Index(at) => pointer.push_str(&at.to_string()),
            }
        }
        pointer
    }

    /// Whether both stand in the same list or object.
    fn is_beside(&self, other: &Self) -> bool {
        let holder = |leaf: &Self| leaf.steps.len().saturating_sub(1);
        self.steps.get(..holder(self)) == other.steps.get(..holder(other))
    }
}

/// How many sinks a call has room for before the list grows.
const ROOM: usize = 8;

/// The scalars of the arguments: sinks, those first that say whom a call reaches, and content. Arguments that are no
/// object are one sink.
pub(crate) fn leaves<'a>(tool: &Tool, arguments: &'a Value) -> (Vec<Leaf<'a>>, Vec<Leaf<'a>>) {
    let (mut sinks, mut contents) = (Vec::with_capacity(ROOM), Vec::new());
    match arguments {
        Value::Object(map) => {
            for (name, value) in map {
                let sink = if tool.contract.effect == Effect::Read {
                    tool.contract.sink.contains(name)
                } else {
                    tool.contract.is_sink(name)
                };
                let into = if sink { &mut sinks } else { &mut contents };
                collect(tool, &Place::argument(tool, name), value, &mut smallvec::smallvec![Step::Key(name)], into);
            }
        }
        other => collect(tool, &Place::argument(tool, ""), other, &mut Steps::new(), &mut sinks),
    }
    sinks.sort_by_key(|leaf| !leaf.argument.naming.is_principal());
    let labels: Vec<bool> = sinks.iter().map(|leaf| is_label(leaf, &sinks)).collect();
    let mut labels = labels.into_iter();
    contents.extend(sinks.extract_if(.., |_| labels.next() == Some(true)));
    (sinks, contents)
}

/// Whether a text only says what the holder of the address beside it is called.
fn is_label<'a>(leaf: &Leaf<'a>, sinks: &[Leaf<'a>]) -> bool {
    let address = |other: &Leaf<'a>| {
        other.value.as_str().is_some_and(|text| text.contains('@'))
            && other.argument == leaf.argument
            && other.is_beside(leaf)
    };
    leaf.name.naming.is_label() && leaf.name != leaf.argument && !address(leaf) && sinks.iter().any(address)
}

/// The argument that a value stands in, and the nearest name.
struct Place {
    argument: Arc<Name>,
    name: Arc<Name>,
}

impl Place {
    fn argument(tool: &Tool, name: &str) -> Self {
        let argument = tool.name_of(name);
        Self { name: Arc::clone(&argument), argument }
    }

    fn leaf<'a>(&self, steps: &Steps<'a>, value: &'a Value) -> Leaf<'a> {
        Leaf { argument: Arc::clone(&self.argument), name: Arc::clone(&self.name), steps: steps.clone(), value }
    }
}

fn collect<'a>(tool: &Tool, place: &Place, value: &'a Value, steps: &mut Steps<'a>, into: &mut Vec<Leaf<'a>>) {
    let argument = place.argument.as_str();
    match value {
        Value::Null => {}
        Value::String(text) if text.trim().is_empty() => {}
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                steps.push(Step::Index(at));
                collect(tool, place, inner, steps, into);
                steps.pop();
            }
        }
        // An object where the schema takes none is a value of its own, and nobody's.
        Value::Object(_) if argument == place.name.as_str() && !argument.is_empty() && !tool.takes_object(argument) => {
            into.push(place.leaf(steps, value));
        }
        Value::Object(map) => {
            for (key, inner) in map {
                // A member that the schema does not have is no name: it would be the model's own.
                let name = if tool.has_member(argument, key) { tool.name_of(key) } else { Arc::clone(&place.name) };
                let place = Place { argument: Arc::clone(&place.argument), name };
                steps.push(Step::Key(key));
                collect(tool, &place, inner, steps, into);
                steps.pop();
            }
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) => into.push(place.leaf(steps, value)),
    }
}
