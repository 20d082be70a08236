//! Frames that models put around a value, and the one that they leave out: an envelope, the schema's own `properties`,
//! a tool call.
//!
//! A frame is taken off only if the value does not fit with it and does fit, at a small price, without it. One is put
//! around a value only if the schema has a single place where the value can stand. What vendors put around an answer
//! (content blocks, choices, tool calls, metadata) is a frame too: the one part of the whole that fits is the answer.
//!
//! What never happens here: no part of a broken whole is taken, and of two parts that fit none.

use std::borrow::Cow;

use super::{Aligner, FRAME, enclosed};
use crate::announce::names_no_answer;
use crate::code::Code;
use crate::document::Document;
use crate::document::{Kind, Node, encode};
use crate::record::Edit;
use crate::schema::{Property, Shape, ShapeId, Types};

/// What may be left to repair in a value that is put into its frame.
const SEAMLESS_PRICE_MAX: u32 = 2;
/// Frames inside frames.
pub(super) const FRAMES_MAX: usize = 3;
/// What may be left to repair inside a frame, besides a half for each node: drift is systematic.
const INNER_PRICE_MAX: u32 = 8;

impl Aligner<'_> {
    /// The price of the value without its frame, or `None`.
    pub(super) fn unframed(&mut self, node: Node<'_>, id: ShapeId, depth: usize) -> Option<u32> {
        let before = self.edits.len();
        let simple = self.simply_framed(node, id, depth);
        if simple.is_some() || depth > 0 {
            return simple;
        }
        self.edits.truncate(before);
        self.only_part(node, id)
    }

    fn simply_framed(&mut self, node: Node<'_>, id: ShapeId, depth: usize) -> Option<u32> {
        let shape = self.shapes.shape(id)?;
        if node.kind() != Kind::Object || depth > FRAMES_MAX {
            return None;
        }
        let declared = |key: &str| shape.property(key).is_some();
        let (inner, code) = frame_of(node, &declared)?;
        let container = matches!(inner.kind(), Kind::Object | Kind::Array) || enclosed(inner).is_some();
        let wants_container = shape.types.has(Types::OBJECT) || shape.types.has(Types::ARRAY);
        let scalar_value = !container && node.get("value").is_some() && !shape.types.has(Types::OBJECT);
        if !(scalar_value || (container && wants_container && depth < FRAMES_MAX && self.at_root(depth))) {
            return None;
        }
        self.peel(node, inner, code);
        let price = self.value(inner, id, depth + 1).ok()?;
        (price <= inner_price_max(inner)).then_some(price + FRAME)
    }

    /// The price of the only part of the whole answer that fits, or `None`.
    fn only_part(&mut self, root: Node<'_>, id: ShapeId) -> Option<u32> {
        let shape = self.shapes.shape(id)?;
        if !matches!(root.kind(), Kind::Object | Kind::Array)
            || (shape.properties.is_empty() && shape.items.is_none() && shape.branches.is_empty())
        {
            return None;
        }
        let mut parts = Parts { found: Vec::new(), looked: 0 };
        self.look_into(root, id, 0, &mut parts);
        if parts.looked >= PARTS_MAX {
            return None;
        }
        let final_one = |part: &&Part<'_>| part.is_final;
        let part = match parts.found.as_slice() {
            [only] => only,
            several => {
                let mut last = several.iter().filter(final_one);
                let rival = several.iter().any(|part| part.is_answer);
                last.next().filter(|_| last.next().is_none() && !rival)?
            }
        };
        match &part.text {
            Some(text) => self.replace(root, text.clone(), Code::Decoded),
            None => {
                self.peel(root, part.node, Code::Envelope);
                self.value(part.node, id, 1).ok()?;
            }
        }
        Some(part.price + FRAME)
    }

    /// Collects the parts of `node` that fit, outermost first.
    fn look_into<'d>(&mut self, node: Node<'d>, id: ShapeId, depth: usize, parts: &mut Parts<'d>) {
        if depth > PARTS_DEPTH_MAX || !self.is_frame(node, id) {
            return;
        }
        // What failed, or was only asked for, holds no answer.
        let failed = |name: &str| {
            node.get(name).is_some_and(|error| {
                error.kind() != Kind::Null && !matches!(error.raw(), "\"\"" | "[]" | "{}" | "false")
            })
        };
        let denied = |name: &str| node.get(name).is_some_and(|said| said.raw() == "false");
        let fell = |said: Node<'_>| said.as_str().is_some_and(|word| FAILED.contains(&word.to_lowercase().as_str()));
        if failed("error")
            || failed("errors")
            || ["success", "ok", "valid", "is_valid"].iter().any(|name| denied(name))
            || node.get("status").is_some_and(fell)
        {
            return;
        }
        let names_a_call = ["name", "type", "tool", "tool_name"].iter().any(|name| node.get(name).is_some());
        let members = node.members().map(|(key, value)| (key.as_str().unwrap_or_default(), value));
        let items = node.items().map(|item| (Cow::Borrowed(""), item));
        for (name, value) in members.chain(items) {
            parts.looked += 1;
            if parts.looked > PARTS_MAX || names_no_answer(&name) || (name == "input" && !names_a_call) {
                continue;
            }
            let is_final = FINAL.contains(&name.to_lowercase().as_str());
            let is_answer = ANSWER.contains(&name.to_lowercase().as_str());
            if let Some(text) = value.as_str().filter(|text| text.contains(['{', '['])) {
                let Some(inner) = crate::read::sole_document(&text) else { continue };
                if let Some(price) = self.price_of_document(&inner, id) {
                    let text = Some(inner.into_text());
                    parts.found.push(Part { node: value, text, price, is_final, is_answer });
                }
            } else if matches!(value.kind(), Kind::Object | Kind::Array) && !value.is_empty() {
                match self.price_of_part(value, id) {
                    Some(price) => parts.found.push(Part { node: value, text: None, price, is_final, is_answer }),
                    None => self.look_into(value, id, depth + 1, parts),
                }
            }
        }
    }

    /// An object that shares a name with the value that is looked for is that value, damaged, and no frame around it;
    /// so is a list where one is looked for, or one of several values that are no blocks of a vendor's format.
    fn is_frame(&self, node: Node<'_>, id: ShapeId) -> bool {
        match node.kind() {
            Kind::Object => !node.members().any(|(key, _)| self.is_own(&key.as_str().unwrap_or_default(), id)),
            Kind::Array => {
                let is_block = |item: Node<'_>| item.kind() == Kind::Object && item.get("type").is_some();
                node.items().all(|item| self.is_frame(item, id) && (is_block(item) || node.len() == 1))
            }
            _ => true,
        }
    }

    /// Whether the value, its elements or a branch of it have a member of this name.
    fn is_own(&self, name: &str, id: ShapeId) -> bool {
        const NAMING: [&str; 8] = ["type", "name", "id", "role", "status", "index", "text", "content"];
        let Some(shape) = self.shapes.shape(id).filter(|_| !NAMING.contains(&name)) else { return false };
        let declares = |shape: &Shape| shape.property(name).is_some();
        let near = shape.branches.iter().chain(&shape.items).filter_map(|id| self.shapes.shape(*id));
        let further = near.clone().flat_map(|shape| shape.branches.iter().chain(&shape.items));
        declares(shape) || near.clone().any(declares) || further.filter_map(|id| self.shapes.shape(*id)).any(declares)
    }

    fn price_of_part(&mut self, node: Node<'_>, id: ShapeId) -> Option<u32> {
        let before = self.edits.len();
        let price = self.direct(node, id, 1).ok();
        self.edits.truncate(before);
        price.filter(|price| *price <= inner_price_max(node))
    }

    fn price_of_document(&mut self, document: &Document, id: ShapeId) -> Option<u32> {
        let mut inner = Aligner { shapes: self.shapes, edits: Vec::new(), memo: self.memo.of_another() };
        let price = inner.price_of_part(document.root(), id);
        self.memo.take_steps_of(&inner.memo);
        price
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
        let only = |id: &ShapeId| self.shapes.shape(*id).is_some_and(|branch| branch.types.is_only(kind));
        let takes = |p: &&Property| {
            self.shapes.shape(p.shape).is_some_and(|s| s.types.has(kind) && s.branches.iter().all(only))
        };
        let mut places = shape.properties.iter().filter(takes);
        let (place, others) = (places.next()?, places.next());
        let alone = others.is_none() && shape.properties.iter().all(|p| p.required == (p.name == place.name));
        let known = node.members().any(|(key, _)| key.as_str().is_some_and(|key| shape.property(&key).is_some()));
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

    /// `{"sms": {...}}` for a union whose branches are told apart by a constant inside: the name goes where the schema
    /// wants it. The value without its tag is judged in the next pass.
    pub(super) fn tagged_outside(&mut self, node: Node<'_>, union: &Shape) -> Option<u32> {
        let mut members = node.members();
        let ((key, inner), None) = (members.next()?, members.next()) else { return None };
        let name = key.as_str()?;
        let tag = |id: &ShapeId| {
            self.shapes.shape(*id)?.properties.iter().find_map(|property| {
                let listed = self.shapes.shape(property.shape)?.listed.as_ref()?;
                let [serde_json::Value::String(constant)] = listed.as_slice() else { return None };
                (constant.eq_ignore_ascii_case(&name)).then(|| (property.name.clone(), constant.clone()))
            })
        };
        let mut tags = union.branches.iter().filter_map(tag);
        let ((property, constant), None) = (tags.next()?, tags.next()) else { return None };
        if inner.kind() != Kind::Object || inner.is_empty() || inner.get(&property).is_some() {
            return None;
        }
        self.peel(node, inner, Code::Envelope);
        let at = inner.span().0 + 1;
        self.edits.push(Edit::new(at, at, format!("{}:{},", encode(&property), encode(&constant)), Code::Envelope));
        Some(FRAME)
    }

    /// Frames of containers stand around the whole answer, not around its parts.
    pub(super) fn at_root(&self, depth: usize) -> bool {
        let frame = |e: &Edit| matches!(e.code, Code::Envelope | Code::SchemaEcho) && e.start == 0;
        depth == 0 || self.edits.first().is_some_and(frame)
    }
}

fn inner_price_max(node: Node<'_>) -> u32 {
    INNER_PRICE_MAX + u32::try_from(node.nodes() / 2).unwrap_or(u32::MAX / 4)
}

/// A part of the answer that satisfies the schema; one that was a text inside a string is no node of the document.
struct Part<'d> {
    node: Node<'d>,
    text: Option<String>,
    price: u32,
    is_final: bool,
    /// It stands under a name that says that it is the answer, too.
    is_answer: bool,
}

struct Parts<'d> {
    found: Vec<Part<'d>>,
    looked: usize,
}

/// What a frame says of its status where what it holds is no answer.
const FAILED: [&str; 6] = ["error", "failed", "failure", "rejected", "invalid", "timeout"];

/// So many values are looked at before a frame is given up, and so deep.
const PARTS_MAX: usize = 256;
const PARTS_DEPTH_MAX: usize = 8;

/// Members that hold the answer where another holds one too.
/// Names that say it of a part that a final one does not replace.
const ANSWER: [&str; 4] = ["answer", "result", "output", "response"];
const FINAL: [&str; 8] =
    ["final", "final_answer", "finalanswer", "corrected", "revised", "fixed", "final_output", "final_result"];

fn frame_of<'d>(node: Node<'d>, declared: &dyn Fn(&str) -> bool) -> Option<(Node<'d>, Code)> {
    let members: Vec<(Cow<'d, str>, Node<'d>)> =
        node.members().map(|(k, v)| (k.as_str().unwrap_or_default(), v)).collect();
    if let [(name, inner)] = members.as_slice() {
        return (!declared(name) && !names_no_answer(name))
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
