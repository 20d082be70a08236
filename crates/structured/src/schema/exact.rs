//! A [`crate::Document`] as the validator sees it: in place, with its exact numbers.
//!
//! The validator of the `jsonschema` crate works on any representation of JSON. This one hands it the node table, so
//! that judging a text builds no second tree of it.
//!
//! What never happens here: no copy of a container, no decision. Numbers beyond `f64` saturate only where the validator
//! asks for a float.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node as JsonNode, NodeIdentity, Object, cmp};
use serde_json::Value;

use crate::align::integral;
use crate::document::{Kind, Node, number_to_serde};

/// The representation.
pub(crate) struct Exact;

/// A value of a document, or a name held against `propertyNames` or a check of strings.
#[derive(Debug, Clone)]
pub(crate) enum Place<'d> {
    Value(Node<'d>),
    Name(&'d str),
}

impl Json for Exact {
    type Node<'a> = Place<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    /// A look-up walks the members, so one pass over them is as good as a single look-up.
    const KEYS_PER_LOOKUP: usize = 8;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Place<'_>) -> T) -> T {
        f(Place::Name(string))
    }
}

impl<'a> JsonNode<'a, Exact> for Place<'a> {
    type Object = Members<'a>;
    type Array = Items<'a>;
    type Number = Digits<'a>;

    fn as_object(&self) -> Option<Members<'a>> {
        self.of(Kind::Object).map(Members)
    }

    fn as_array(&self) -> Option<Items<'a>> {
        self.of(Kind::Array).map(Items)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self {
            Place::Value(node) => node.as_str(),
            Place::Name(name) => Some(Cow::Borrowed(name)),
        }
    }

    fn as_number(&self) -> Option<Digits<'a>> {
        self.of(Kind::Number).map(|node| Digits(node.raw()))
    }

    fn as_boolean(&self) -> Option<bool> {
        self.of(Kind::Bool).map(|node| node.raw() == "true")
    }

    fn is_null(&self) -> bool {
        self.of(Kind::Null).is_some()
    }

    fn is_number(&self) -> bool {
        self.of(Kind::Number).is_some()
    }

    fn json_type(&self) -> JsonType {
        match self {
            Place::Name(_) => JsonType::String,
            Place::Value(node) => match node.kind() {
                Kind::Null => JsonType::Null,
                Kind::Bool => JsonType::Boolean,
                Kind::Number => JsonType::Number,
                Kind::String => JsonType::String,
                Kind::Array => JsonType::Array,
                Kind::Object => JsonType::Object,
            },
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self, expected) {
            (Place::Value(node), expected) => equals(*node, expected),
            (Place::Name(name), Value::String(text)) => name == text,
            (Place::Name(_), _) => false,
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(match self {
            Place::Value(node) => node.to_serde(),
            Place::Name(name) => Value::String((*name).to_owned()),
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        match self {
            Place::Value(node) => {
                let (address, index) = node.identity();
                Some(NodeIdentity::tagged(address, index))
            }
            Place::Name(_) => None,
        }
    }
}

impl<'a> Place<'a> {
    fn of(&self, kind: Kind) -> Option<Node<'a>> {
        match self {
            Place::Value(node) if node.kind() == kind => Some(*node),
            _ => None,
        }
    }
}

/// Whether a node is this value; numbers are compared as numbers.
pub(crate) fn equals(node: Node<'_>, expected: &Value) -> bool {
    match (node.kind(), expected) {
        (Kind::String, Value::String(text)) => node.is_text(text),
        (Kind::Null, Value::Null) => true,
        (Kind::Bool, Value::Bool(value)) => (node.raw() == "true") == *value,
        (Kind::Number, Value::Number(_)) | (Kind::Array, Value::Array(_)) | (Kind::Object, Value::Object(_)) => {
            cmp::equal(&node.to_serde(), expected)
        }
        _ => false,
    }
}

/// The members of an object.
pub(crate) struct Members<'d>(Node<'d>);

impl<'a> Object<'a, Exact> for Members<'a> {
    type Node = Place<'a>;
    type MemberName = Cow<'a, str>;
    type MembersIter = Named<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, key: &String) -> Option<Place<'a>> {
        self.0.get(key).map(Place::Value)
    }

    fn members(&self) -> Named<'a> {
        Named { object: self.0, at: 0 }
    }
}

/// A walk over members.
pub(crate) struct Named<'d> {
    object: Node<'d>,
    at: usize,
}

impl<'a> Iterator for Named<'a> {
    type Item = (Cow<'a, str>, Place<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value, at) = self.object.member_at(self.at)?;
        self.at = at;
        Some((key.as_str().unwrap_or_default(), Place::Value(value)))
    }
}

/// The elements of an array.
pub(crate) struct Items<'d>(Node<'d>);

impl<'a> Array<'a, Exact> for Items<'a> {
    type Node = Place<'a>;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn elements(&self) -> Elements<'a> {
        Elements { array: self.0, at: 0 }
    }
}

/// A walk over elements.
pub(crate) struct Elements<'d> {
    array: Node<'d>,
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Place<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (item, at) = self.array.item_at(self.at)?;
        self.at = at;
        Some(Place::Value(item))
    }
}

/// A number's source text.
pub(crate) struct Digits<'d>(&'d str);

impl JsonNumber for Digits<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok().map(|float: f64| float.clamp(f64::MIN, f64::MAX))
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        Cow::Owned(number_to_serde(self.0))
    }

    fn is_integer(&self) -> bool {
        integral(self.0)
    }
}
