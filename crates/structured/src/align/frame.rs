//! Frames that models put around a value, and the one that they leave out: an envelope, the schema's own `properties`,
//! a tool call.
//!
//! A frame is taken off only if the value does not fit with it and does fit, at a small price, without it. One is put
//! around a value only if the schema has a single place where the value can stand.
//!
//! What never happens here: no member beside the framed one is thrown away, but for those that only name the frame.

use std::borrow::Cow;

use super::{Aligner, FRAME, enclosed};
use crate::code::Code;
use crate::document::{Kind, Node, encode};
use crate::record::Edit;
use crate::schema::{Property, ShapeId, Types};

/// What may be left to repair in a value that is put into its frame.
const SEAMLESS_PRICE_MAX: u32 = 2;
/// Frames inside frames.
const FRAMES_MAX: usize = 3;
/// What may be left to repair inside a frame, besides a half for each node: drift is systematic.
const INNER_PRICE_MAX: u32 = 8;

impl Aligner<'_> {
    /// The price of the value without its frame, or `None`.
    pub(super) fn unframed(&mut self, node: Node<'_>, id: ShapeId, depth: usize) -> Option<u32> {
        let shape = self.shapes.shape(id)?;
        if node.kind() != Kind::Object || depth > FRAMES_MAX {
            return None;
        }
        let declared = |key: &str| shape.properties.iter().any(|p| p.name == key);
        let (inner, code) = frame_of(node, &declared)?;
        let container = matches!(inner.kind(), Kind::Object | Kind::Array) || enclosed(inner).is_some();
        let wants_container = shape.types.has(Types::OBJECT) || shape.types.has(Types::ARRAY);
        let scalar_value = !container && node.get("value").is_some() && !shape.types.has(Types::OBJECT);
        if !(scalar_value || (container && wants_container && depth < FRAMES_MAX && self.at_root(depth))) {
            return None;
        }
        self.peel(node, inner, code);
        let price = self.value(inner, id, depth + 1).ok()?;
        let size = u32::try_from(inner.nodes() / 2).unwrap_or(u32::MAX / 4);
        (price <= INNER_PRICE_MAX + size).then_some(price + FRAME)
    }

    /// The price of the whole answer in the one member that it can be, or `None`. The member is the only one that is
    /// required, and no other takes a value of this kind.
    pub(super) fn framed(&mut self, node: Node<'_>, id: ShapeId, depth: usize) -> Option<u32> {
        let shape = self.shapes.shape(id)?;
        let kind = match node.kind() {
            Kind::Array => Types::ARRAY,
            Kind::Object => Types::OBJECT,
            _ => return None,
        };
        if depth > 0 || shape.types.has(Types::ARRAY) || !shape.branches.is_empty() {
            return None;
        }
        let takes =
            |p: &&Property| self.shapes.shape(p.shape).is_some_and(|s| s.types.has(kind) && s.branches.is_empty());
        let mut places = shape.properties.iter().filter(takes);
        let (place, others) = (places.next()?, places.next());
        let alone = others.is_none() && shape.properties.iter().all(|p| p.required == (p.name == place.name));
        let known = node.members().any(|(key, _)| shape.properties.iter().any(|p| key.is_text(&p.name)));
        if !alone || known || node.is_empty() {
            return None;
        }
        let price = self.value(node, place.shape, 1).ok().filter(|price| *price <= SEAMLESS_PRICE_MAX)?;
        let (start, end) = node.span();
        let opening = format!("{{{}:", encode(&place.name));
        self.edits.insert(0, Edit::new(start, start, opening, Code::MissingEnvelope));
        self.edits.push(Edit::new(end, end, "}", Code::MissingEnvelope));
        Some(price + FRAME)
    }

    /// Frames of containers stand around the whole answer, not around its parts.
    fn at_root(&self, depth: usize) -> bool {
        depth == 0 || self.edits.iter().any(|e| matches!(e.code, Code::Envelope | Code::SchemaEcho) && e.start == 0)
    }
}

fn frame_of<'d>(node: Node<'d>, declared: &dyn Fn(&str) -> bool) -> Option<(Node<'d>, Code)> {
    let members: Vec<(Cow<'d, str>, Node<'d>)> =
        node.members().map(|(k, v)| (k.as_str().unwrap_or_default(), v)).collect();
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
            .all(|(name, _)| known.contains(&name.as_ref()) && (!declared(name) || name == "name" || name == "type"))
    };
    let inner = |keys: &[&str]| {
        let object = |v: Node<'_>| v.kind() == Kind::Object || enclosed(v).is_some_and(|text| text.starts_with('{'));
        members.iter().find(|(name, v)| keys.contains(&name.as_ref()) && object(*v)).map(|(_, v)| *v)
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
