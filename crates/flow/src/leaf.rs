//! The scalars of a call's arguments, each with its place: sinks and contents by the tool's contract.
//!
//! What never happens here: no value is judged.

use std::sync::Arc;

use serde_json::Value;
use steersman_core::Effect;

use crate::naming::{Name, Naming};
use crate::tool::Tool;

/// A scalar in the arguments, with its place.
#[derive(Debug, Clone)]
pub(crate) struct Leaf<'a> {
    pub(crate) argument: &'a str,
    /// The nearest name: the argument's, or that of the member of an object in it.
    pub(crate) name: &'a str,
    /// What the argument's name says of it.
    pub(crate) argument_naming: Naming,
    /// The nearest name, read.
    pub(crate) named: Arc<Name>,
    pub(crate) pointer: String,
    pub(crate) value: &'a Value,
}

impl Leaf<'_> {
    /// The value as text, without quotation marks.
    pub(crate) fn text(&self) -> String {
        self.value.as_str().map_or_else(|| self.value.to_string(), str::to_owned)
    }
}

/// The scalars of the arguments: sinks and content. Arguments that are no object are one sink.
pub(crate) fn leaves<'a>(tool: &Tool, arguments: &'a Value) -> (Vec<Leaf<'a>>, Vec<Leaf<'a>>) {
    let (mut sinks, mut contents) = (Vec::new(), Vec::new());
    match arguments {
        Value::Object(map) => {
            for (name, value) in map {
                let sink = if tool.contract.effect == Effect::Read {
                    tool.contract.sink.contains(name)
                } else {
                    tool.contract.is_sink(name)
                };
                let into = if sink { &mut sinks } else { &mut contents };
                collect(
                    tool,
                    Names::of_argument(tool, name),
                    value,
                    format!("/{}", name.replace('~', "~0").replace('/', "~1")),
                    into,
                );
            }
        }
        other => collect(tool, Names::of_argument(tool, ""), other, String::new(), &mut sinks),
    }
    let (labels, sinks) = sinks.iter().cloned().partition(|leaf| is_label(leaf, &sinks));
    contents.extend::<Vec<Leaf<'_>>>(labels);
    (sinks, contents)
}

/// Whether a text only says what the holder of the address beside it is called.
fn is_label(leaf: &Leaf<'_>, sinks: &[Leaf<'_>]) -> bool {
    let place = |leaf: &Leaf<'_>| leaf.pointer.rsplit_once('/').map(|(place, _)| place.to_owned());
    let address = |other: &Leaf<'_>| {
        other.argument == leaf.argument
            && place(other) == place(leaf)
            && other.value.as_str().is_some_and(|text| text.contains('@'))
    };
    leaf.name != leaf.argument && leaf.named.naming.is_label() && !address(leaf) && sinks.iter().any(address)
}

/// The argument that a value stands in, and the nearest name, each with what it says.
#[derive(Clone)]
struct Names<'a> {
    argument: (&'a str, Naming),
    own: (&'a str, Arc<Name>),
}

impl<'a> Names<'a> {
    fn of_argument(tool: &Tool, name: &'a str) -> Self {
        let named = tool.name_of(name);
        Self { argument: (name, named.naming), own: (name, named) }
    }

    fn leaf(self, pointer: String, value: &'a Value) -> Leaf<'a> {
        let ((argument, argument_naming), (name, named)) = (self.argument, self.own);
        Leaf { argument, name, argument_naming, named, pointer, value }
    }
}

fn collect<'a>(tool: &Tool, names: Names<'a>, value: &'a Value, pointer: String, into: &mut Vec<Leaf<'a>>) {
    let argument = names.argument.0;
    match value {
        Value::Null => {}
        Value::String(text) if text.trim().is_empty() => {}
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                collect(tool, names.clone(), inner, format!("{pointer}/{at}"), into);
            }
        }
        // An object where the schema takes none is a value of its own, and nobody's.
        Value::Object(_) if argument == names.own.0 && !argument.is_empty() && !tool.takes_object(argument) => {
            into.push(names.leaf(pointer, value));
        }
        Value::Object(map) => {
            for (key, inner) in map {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                // A member that the schema does not have is no name: it would be the model's own.
                let own =
                    if tool.has_member(argument, key) { (key.as_str(), tool.name_of(key)) } else { names.own.clone() };
                collect(tool, Names { own, argument: names.argument }, inner, pointer, into);
            }
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            into.push(names.leaf(pointer, value));
        }
    }
}
