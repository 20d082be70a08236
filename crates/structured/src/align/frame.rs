//! Frames that models put around a value: an envelope, the schema's own `properties`, a tool call.
//!
//! A frame is taken off only if the value does not fit with it and does fit, at a small price, without it.
//!
//! What never happens here: no member beside the framed one is thrown away, but for those that only name the frame.

use super::{Aligner, FRAME};
use crate::code::Code;
use crate::document::{Kind, Node};
use crate::schema::{ShapeId, Types};

/// Frames inside frames.
const FRAMES_MAX: usize = 3;
/// What may be left to repair inside a frame.
const INNER_PRICE_MAX: u32 = 8;

impl Aligner<'_> {
    /// The price of the value without its frame, or `None`.
    pub(super) fn unframed(&mut self, node: Node<'_>, id: ShapeId, depth: usize) -> Option<u32> {
        let shape = self.shapes.shape(id)?;
        if node.kind() != Kind::Object || depth > FRAMES_MAX {
            return None;
        }
        let declared = |key: &str| shape.properties.iter().any(|p| p.name == key);
        let (inner, code) = framed(node, &declared)?;
        let container = matches!(inner.kind(), Kind::Object | Kind::Array);
        let wants_container = shape.types.has(Types::OBJECT) || shape.types.has(Types::ARRAY);
        let scalar_value = !container && node.get("value").is_some() && !shape.types.has(Types::OBJECT);
        if !(scalar_value || (container && wants_container && depth < FRAMES_MAX && self.at_root(depth))) {
            return None;
        }
        self.peel(node, inner, code);
        let price = self.value(inner, id, depth + 1).ok()?;
        (price <= INNER_PRICE_MAX).then_some(price + FRAME)
    }

    /// Frames of containers stand around the whole answer, not around its parts.
    fn at_root(&self, depth: usize) -> bool {
        depth == 0 || self.edits.iter().any(|e| matches!(e.code, Code::Envelope | Code::SchemaEcho) && e.start == 0)
    }
}

fn framed<'d>(node: Node<'d>, declared: &dyn Fn(&str) -> bool) -> Option<(Node<'d>, Code)> {
    let members: Vec<(String, Node<'d>)> =
        node.members().map(|(k, v)| (k.as_str().unwrap_or_default().into_owned(), v)).collect();
    if let [(name, inner)] = members.as_slice() {
        return (!declared(name))
            .then_some((*inner, if name == "properties" { Code::SchemaEcho } else { Code::Envelope }));
    }
    const ECHO: [&str; 10] = [
        "type",
        "required",
        "title",
        "$schema",
        "description",
        "additionalProperties",
        "$id",
        "$defs",
        "properties",
        "strict",
    ];
    const CALL: [&str; 9] = ["name", "arguments", "parameters", "input", "args", "type", "id", "function", "tool"];
    let all = |known: &[&str]| {
        members
            .iter()
            .all(|(name, _)| known.contains(&name.as_str()) && (!declared(name) || name == "name" || name == "type"))
    };
    let inner = |keys: &[&str]| {
        members.iter().find(|(name, v)| keys.contains(&name.as_str()) && v.kind() == Kind::Object).map(|(_, v)| *v)
    };
    if all(&ECHO)
        && let Some(values) = inner(&["properties"])
        && !values.members().any(|(_, v)| v.get("type").is_some())
    {
        return Some((values, Code::SchemaEcho));
    }
    if all(&CALL)
        && let Some(arguments) = inner(&["arguments", "parameters", "input", "args"])
    {
        return Some((arguments, Code::Envelope));
    }
    None
}
