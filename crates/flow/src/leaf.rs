//! The scalars of a call's arguments, each with its place: sinks and contents by the tool's contract.
//!
//! What never happens here: no value is judged.

use std::sync::Arc;

use serde_json::Value;
use steersman_core::Effect;

use crate::naming::Name;
use crate::tool::Tool;

/// A scalar in the arguments, with its place.
#[derive(Debug, Clone)]
pub(crate) struct Leaf<'a> {
    pub(crate) argument: Arc<Name>,
    /// The nearest name: the argument's, or that of the member of an object in it.
    pub(crate) name: Arc<Name>,
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
                let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                collect(tool, &Place::argument(tool, name), value, pointer, into);
            }
        }
        other => collect(tool, &Place::argument(tool, ""), other, String::new(), &mut sinks),
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
    leaf.name != leaf.argument && leaf.name.naming.is_label() && !address(leaf) && sinks.iter().any(address)
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

    fn leaf<'a>(&self, pointer: String, value: &'a Value) -> Leaf<'a> {
        Leaf { argument: Arc::clone(&self.argument), name: Arc::clone(&self.name), pointer, value }
    }
}

fn collect<'a>(tool: &Tool, place: &Place, value: &'a Value, pointer: String, into: &mut Vec<Leaf<'a>>) {
    let argument = place.argument.as_str();
    match value {
        Value::Null => {}
        Value::String(text) if text.trim().is_empty() => {}
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                collect(tool, place, inner, format!("{pointer}/{at}"), into);
            }
        }
        // An object where the schema takes none is a value of its own, and nobody's.
        Value::Object(_) if argument == place.name.as_str() && !argument.is_empty() && !tool.takes_object(argument) => {
            into.push(place.leaf(pointer, value));
        }
        Value::Object(map) => {
            for (key, inner) in map {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                // A member that the schema does not have is no name: it would be the model's own.
                let name = if tool.has_member(argument, key) { tool.name_of(key) } else { Arc::clone(&place.name) };
                let place = Place { argument: Arc::clone(&place.argument), name };
                collect(tool, &place, inner, pointer, into);
            }
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            into.push(place.leaf(pointer, value));
        }
    }
}
