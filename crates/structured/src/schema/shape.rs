//! What alignment knows of a schema: types, members, listed values, branches. A table, so that references may turn
//! in circles.
//!
//! What never happens here: no validation. A keyword that the shape does not know is left to the validator, which
//! sees every value last.

use super::exact::Exact;
use super::forced::{self, Missing};
use super::sieve::{Sieve, Skeleton};
use crate::align::{Listed, Name, stems};
use crate::repair::Words;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Index of a shape in its table.
pub(crate) type ShapeId = usize;

/// A set of JSON types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types(u8);

impl Types {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOL: Self = Self(2);
    pub(crate) const INTEGER: Self = Self(4);
    pub(crate) const NUMBER: Self = Self(8);
    pub(crate) const STRING: Self = Self(16);
    pub(crate) const ARRAY: Self = Self(32);
    pub(crate) const OBJECT: Self = Self(64);
    pub(crate) const ALL: Self = Self(127);

    /// Whether they have a type in common.
    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn is_only(self, other: Self) -> bool {
        self == other
    }

    /// A boolean, or null beside it.
    fn is_boolean(self) -> bool {
        self.has(Self::BOOL) && !self.has(Self(Self::ALL.0 & !(Self::BOOL.0 | Self::NULL.0)))
    }

    pub(crate) fn either(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOL,
            "integer" => Self::INTEGER,
            "number" => Self(Self::NUMBER.0 | Self::INTEGER.0),
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => return None,
        })
    }

    fn named(name: &str) -> Self {
        Self::of(name).unwrap_or(Self::ALL)
    }
}

/// A declared member.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) parts: Name,
    pub(crate) shape: ShapeId,
    pub(crate) required: bool,
    /// It says yes or no, or nothing.
    pub(crate) boolean: bool,
}

/// What is known of one subschema.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) types: Types,
    /// `enum` or `const`.
    pub(crate) listed: Option<Vec<Value>>,
    /// The texts among them, taken apart when the first near miss comes.
    words: OnceLock<Listed>,
    pub(crate) properties: Vec<Property>,
    /// Where each declared member stands among them.
    places: BTreeMap<String, usize>,
    /// Unknown members are forbidden.
    pub(crate) closed: bool,
    /// They are forbidden whatever other keywords say.
    pub(crate) sealed: bool,
    pub(crate) additional: Option<ShapeId>,
    pub(crate) items: Option<ShapeId>,
    /// `anyOf` or `oneOf`.
    pub(crate) branches: Vec<ShapeId>,
    /// What a string has to satisfy besides being one.
    pub(crate) string_check: Option<Box<jsonschema::Validator<Exact>>>,
    /// The bounds of a number.
    pub(crate) number_check: Option<Box<jsonschema::Validator<Exact>>>,
    /// The string has to match a `pattern` or `format`, not only to be short or long enough.
    pub(crate) patterned: bool,
    /// The largest number, as the schema writes it.
    pub(crate) maximum: Option<String>,
    /// The name it stands under, for phrases like `high priority` and units like `weight_kg`.
    pub(crate) name: String,
    /// The stems of what the schema calls it: by that name, by its title, and where it is defined.
    pub(crate) nouns: Vec<String>,
}

impl Shape {
    fn any(name: &str) -> Self {
        Self {
            types: Types::ALL,
            listed: None,
            words: OnceLock::new(),
            properties: Vec::new(),
            places: BTreeMap::new(),
            closed: false,
            sealed: false,
            additional: None,
            items: None,
            branches: Vec::new(),
            string_check: None,
            number_check: None,
            patterned: false,
            maximum: None,
            name: name.to_owned(),
            nouns: stems(name),
        }
    }

    /// The texts that it lists.
    pub(crate) fn words(&self) -> &Listed {
        let listed = self.listed.iter().flatten().filter_map(Value::as_str);
        self.words.get_or_init(|| Listed::of(listed))
    }

    /// The place of the declared member of this name.
    pub(crate) fn place_of(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The declared member of this name.
    pub(crate) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.get(self.place_of(name)?)
    }
}

/// Deeper nesting of a schema than this is left to the validator alone.
const SCHEMA_DEPTH_MAX: usize = 64;

/// The shapes of a schema; the root is number 0.
#[derive(Debug)]
pub(crate) struct Shapes {
    all: Vec<Shape>,
    skeleton: Skeleton,
}

impl Shapes {
    pub(crate) fn of(schema: &Value) -> Self {
        let mut builder = Builder { root: schema, all: Vec::new(), known: BTreeMap::new() };
        builder.build(schema, "", 0);
        Self { skeleton: Skeleton::of(&builder.all), all: builder.all }
    }

    /// The brackets that are missing among these words, if the schema forces each of several.
    pub(crate) fn missing_brackets(&self, text: &str, words: &Words) -> Option<Vec<Missing>> {
        forced::missing(text, words, &self.skeleton)
    }

    /// A look at the words of readings.
    pub(crate) const fn sieve(&self) -> Sieve<'_> {
        Sieve::new(&self.skeleton)
    }

    /// Whether a shape is a map of names that are not listed.
    pub(crate) fn has_maps(&self) -> bool {
        let map = |shape: &Shape| {
            shape.additional.is_some()
                || (shape.types.is_only(Types::OBJECT)
                    && !shape.closed
                    && shape.properties.is_empty()
                    && shape.branches.is_empty())
        };
        self.all.iter().any(map)
    }

    /// Whether a value may have one of several forms anywhere.
    pub(crate) fn has_unions(&self) -> bool {
        self.all.iter().any(|shape| shape.branches.len() > 1)
    }

    pub(crate) fn shape(&self, id: ShapeId) -> Option<&Shape> {
        self.all.get(id)
    }
}

struct Builder<'s> {
    root: &'s Value,
    all: Vec<Shape>,
    /// By target and by the name that it is referred to under.
    known: BTreeMap<(String, String), ShapeId>,
}

impl<'s> Builder<'s> {
    fn build(&mut self, schema: &'s Value, name: &str, depth: usize) -> ShapeId {
        let id = self.all.len();
        self.all.push(Shape::any(name));
        if depth < SCHEMA_DEPTH_MAX
            && let Some(map) = schema.as_object()
        {
            self.fill(id, map, name, depth);
        }
        id
    }

    fn fill(&mut self, id: ShapeId, map: &'s Map<String, Value>, name: &str, depth: usize) {
        let mut shape = Shape::any(name);
        if let Some(target) = map.get("$ref").and_then(Value::as_str)
            && let Some(schema) = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer))
        {
            shape.branches = vec![self.reference(target, schema, name, depth)];
        }
        // Before draft 2019-09 nothing beside a reference counts.
        if shape.branches.is_empty() || !self.references_stand_alone() {
            self.merge(&mut shape, map, name, depth);
        }
        shape.places = shape.properties.iter().enumerate().map(|(i, p)| (p.name.clone(), i)).collect();
        if let Some(slot) = self.all.get_mut(id) {
            *slot = shape;
        }
    }

    fn references_stand_alone(&self) -> bool {
        let draft = self.root.get("$schema").and_then(Value::as_str).unwrap_or("");
        ["draft-04", "draft-06", "draft-07"].iter().any(|old| draft.contains(old))
    }

    fn reference(&mut self, target: &str, schema: &'s Value, name: &str, depth: usize) -> ShapeId {
        let key = (target.to_owned(), name.to_owned());
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let id = self.all.len();
        self.known.insert(key, id);
        self.build(schema, name, depth + 1);
        if let (Some(shape), Some((_, defined))) = (self.all.get_mut(id), target.rsplit_once('/')) {
            shape.nouns.extend(stems(defined));
        }
        id
    }

    fn merge(&mut self, shape: &mut Shape, map: &'s Map<String, Value>, name: &str, depth: usize) {
        for part in map.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            let mut part = part;
            if let Some(target) = part.get("$ref").and_then(Value::as_str).and_then(|t| t.strip_prefix('#')) {
                part = self.root.pointer(target).unwrap_or(part);
            }
            if let Some(map) = part.as_object()
                && depth < SCHEMA_DEPTH_MAX
            {
                self.merge(shape, map, name, depth + 1);
            }
        }
        match map.get("type") {
            Some(Value::String(name)) => shape.types = Types::named(name),
            Some(Value::Array(names)) => {
                shape.types = Types(names.iter().filter_map(Value::as_str).fold(0, |bits, n| bits | Types::named(n).0));
            }
            _ => {}
        }
        if let Some(listed) = map.get("enum").and_then(Value::as_array) {
            shape.listed = Some(listed.clone());
        }
        if let Some(only) = map.get("const") {
            shape.listed = Some(vec![only.clone()]);
        }
        shape.nouns.extend(map.get("title").and_then(Value::as_str).map(stems).unwrap_or_default());
        self.members(shape, map, depth);
        // Behind `prefixItems` it speaks of the rest alone.
        if let Some(items) = map.get("items").filter(|items| items.is_object() && !map.contains_key("prefixItems")) {
            shape.items = Some(self.build(items, name, depth + 1));
        }
        for branch in ["anyOf", "oneOf"].iter().filter_map(|k| map.get(*k)).filter_map(Value::as_array).flatten() {
            let branch = self.build(branch, name, depth + 1);
            shape.branches.push(branch);
        }
        let check = |keywords: &[&str]| {
            let own = keywords.iter().filter_map(|k| map.get(*k).map(|v| ((*k).to_owned(), v.clone())));
            let own: Map<String, Value> = own.collect();
            let built = (!own.is_empty()).then(|| super::dates::asserted().build(&Value::Object(own)));
            built.and_then(Result::ok).map(Box::new)
        };
        shape.string_check = check(&["pattern", "format", "maxLength", "minLength"]).or(shape.string_check.take());
        const BOUNDS: [&str; 5] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
        shape.number_check = check(&BOUNDS).or(shape.number_check.take());
        shape.maximum = map.get("maximum").map(Value::to_string).or(shape.maximum.take());
        shape.patterned |= map.contains_key("pattern") || map.contains_key("format");
    }

    /// Whether a value of this shape says yes or no, or nothing.
    fn is_boolean(&self, id: ShapeId) -> bool {
        let Some(shape) = self.all.get(id) else { return false };
        if shape.branches.is_empty() {
            return shape.types.is_boolean();
        }
        let is_null = |id: &ShapeId| {
            self.all.get(*id).is_some_and(|shape| shape.branches.is_empty() && shape.types.is_only(Types::NULL))
        };
        let mut others = shape.branches.iter().filter(|id| !is_null(id)).peekable();
        others.peek().is_some() && others.all(|id| self.is_boolean(*id))
    }

    fn members(&mut self, shape: &mut Shape, map: &'s Map<String, Value>, depth: usize) {
        let required: Vec<&str> =
            map.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, schema) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let id = self.build(schema, name, depth + 1);
            shape.properties.retain(|p| p.name != *name);
            let boolean = self.is_boolean(id);
            let parts = Name::of(name);
            shape.properties.push(Property { name: name.clone(), parts, shape: id, required: false, boolean });
        }
        for property in &mut shape.properties {
            property.required |= required.contains(&property.name.as_str());
        }
        let forbidden = |key: &str| map.get(key) == Some(&Value::Bool(false));
        let patterned = map.contains_key("patternProperties");
        shape.closed |= (forbidden("additionalProperties") || forbidden("unevaluatedProperties")) && !patterned;
        shape.sealed |= forbidden("additionalProperties") && !patterned;
        if let Some(additional) = map.get("additionalProperties").filter(|a| a.is_object() && !patterned) {
            shape.additional = Some(self.build(additional, "", depth + 1));
        }
    }
}
