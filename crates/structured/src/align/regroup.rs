//! The same data in another grouping: a list as an object with numbered members, a map as a list of pairs, a list as
//! one text with bullets, members one level too deep or too high.
//!
//! Every value keeps its source text, and all of them find a place, or nothing is done.
//!
//! What never happens here: no member is dropped, and none is placed by its value.

use std::borrow::Cow;

use super::enums;
use super::numbers;
use super::words::{Name, Nouns, STYLE, key_distance};
use super::{Aligner, FRAME};
use crate::announce::names_no_answer;
use crate::code::Code;
use crate::document::{Kind, Node, encode};
use crate::schema::{Property, Shape, ShapeId, Types};

impl Aligner<'_> {
    /// A list or map in another form than the schema's, rewritten; the next pass judges it.
    pub(super) fn regrouped(&mut self, node: Node<'_>, shape: &Shape) -> Option<u32> {
        let items = || shape.items.and_then(|id| self.shapes.shape(id));
        let wants_list = shape.types.has(Types::ARRAY) && !shape.types.has(Types::OBJECT);
        let wants_map = shape.types.has(Types::OBJECT) && shape.properties.is_empty() && shape.branches.is_empty();
        let text = match node.kind() {
            Kind::Object if wants_list => numbered(node),
            Kind::Array if wants_map => pairs(node),
            Kind::String if wants_list => {
                let text = node.as_str()?;
                bulleted(&text).or_else(|| listed(&text, items()?))
            }
            _ => None,
        }?;
        self.replace(node, text, Code::Regrouped);
        Some(FRAME)
    }

    /// Members of the whole answer that stand one level too deep or too high.
    pub(super) fn relevelled(&mut self, node: Node<'_>, id: ShapeId, depth: usize) -> Option<u32> {
        let shape = self.shapes.shape(id).filter(|shape| depth == 0 && shape.types.has(Types::OBJECT))?;
        if node.kind() != Kind::Object || shape.properties.is_empty() {
            return None;
        }
        let members: Vec<(Cow<'_, str>, Node<'_>)> =
            node.members().map(|(key, value)| (key.as_str().unwrap_or_default(), value)).collect();
        let text = lifted(&members, shape).or_else(|| self.sunk(&members, shape))?;
        self.replace(node, text, Code::Regrouped);
        Some(FRAME)
    }

    /// `{"city": .., "zip": ..}` for `{"address": {"city": .., "zip": ..}}`: all unknown members belong to one absent
    /// object.
    fn sunk(&self, members: &[(Cow<'_, str>, Node<'_>)], shape: &Shape) -> Option<String> {
        let (known, unknown): (Vec<_>, Vec<_>) = members.iter().partition(|(name, _)| declared(shape, name));
        let absent = |p: &&Property| !members.iter().any(|(name, _)| *name == p.name);
        let mut homes = shape.properties.iter().filter(absent).filter_map(|outer| {
            let inner =
                self.shapes.shape(outer.shape).filter(|s| s.types.has(Types::OBJECT) && !s.properties.is_empty())?;
            let places: Option<Vec<&Property>> =
                unknown.iter().map(|(name, _)| place(name, &outer.name, inner, &|_| true)).collect();
            Some((outer, places.filter(distinct)?))
        });
        let (outer, places) = homes.next().filter(|_| !unknown.is_empty())?;
        if homes.next().is_some() {
            return None;
        }
        let inner: Vec<String> =
            places.iter().zip(&unknown).map(|(p, (_, value))| format!("{}:{}", encode(&p.name), value.raw())).collect();
        let mut all: Vec<String> =
            known.iter().map(|(name, value)| format!("{}:{}", encode(name), value.raw())).collect();
        all.push(format!("{}:{{{}}}", encode(&outer.name), inner.join(",")));
        Some(format!("{{{}}}", all.join(",")))
    }
}

/// `{"address": {"city": ..}}` for `{"city": ..}`: all members of one unknown object are absent members of the outer
/// one.
fn lifted(members: &[(Cow<'_, str>, Node<'_>)], shape: &Shape) -> Option<String> {
    // Without a member of its own the outer object is a frame, and frames are judged elsewhere.
    if !members.iter().any(|(name, _)| declared(shape, name)) {
        return None;
    }
    let mut lifted = 0;
    let mut taken: Vec<&str> = Vec::new();
    let mut all: Vec<String> = Vec::new();
    for (name, value) in members {
        let other = Name::of(name).is_of_another();
        if declared(shape, name) || value.kind() != Kind::Object || value.is_empty() || names_no_answer(name) || other {
            all.push(format!("{}:{}", encode(name), value.raw()));
            continue;
        }
        lifted += 1;
        for (key, inner) in value.members() {
            let absent = |p: &Property| !members.iter().any(|(name, _)| *name == p.name);
            let place = place(&key.as_str()?, name, shape, &absent)?;
            taken.push(&place.name);
            all.push(format!("{}:{}", encode(&place.name), inner.raw()));
        }
    }
    let count = taken.len();
    taken.sort_unstable();
    taken.dedup();
    (lifted > 0 && taken.len() == count).then(|| format!("{{{}}}", all.join(",")))
}

fn declared(shape: &Shape, name: &str) -> bool {
    shape.property(name).is_some()
}

fn distinct(places: &Vec<&Property>) -> bool {
    places.iter().enumerate().all(|(i, p)| places.iter().take(i).all(|q| q.name != p.name))
}

/// The only member of `shape` that is called `name`, in any style, or `outer` and `name` together.
fn place<'s>(name: &str, outer: &str, shape: &'s Shape, free: &dyn Fn(&Property) -> bool) -> Option<&'s Property> {
    let style =
        |name: &Name, p: &Property| key_distance(name, &p.parts, &Nouns::default()).is_some_and(|price| price <= STYLE);
    let (own, joined) = (Name::of(name), Name::of(&format!("{outer}_{name}")));
    let inside =
        |p: &Property| style(&Name::of(&format!("{outer}_{}", p.name)), p) || style(&own, p) || style(&joined, p);
    let prefixed = |p: &Property| {
        key_distance(&own, &Name::of(&format!("{outer}_{}", p.name)), &Nouns::default()).is_some_and(|n| n <= STYLE)
    };
    let mut found = shape.properties.iter().filter(|p| free(p) && (inside(p) || prefixed(p)));
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

/// `{"0": .., "1": ..}`, counted from nought or one, in order.
fn numbered(node: Node<'_>) -> Option<String> {
    let mut values = Vec::new();
    let first: usize = node.members().next()?.0.as_str()?.parse().ok().filter(|n| *n < 2)?;
    for (i, (key, value)) in node.members().enumerate() {
        if key.as_str()?.parse() != Ok(first + i) {
            return None;
        }
        values.push(value.raw());
    }
    Some(format!("[{}]", values.join(",")))
}

/// `[{"name": "PORT", "value": "8080"}]`, or `["PORT=8080"]`.
fn pairs(node: Node<'_>) -> Option<String> {
    const KEYS: [&str; 4] = ["name", "key", "k", "field"];
    const VALUES: [&str; 3] = ["value", "val", "v"];
    let mut members = Vec::new();
    for item in node.items() {
        let (key, value) = match item.kind() {
            Kind::Object if item.len() == 2 => {
                let key = KEYS.iter().find_map(|name| item.get(name))?.as_str()?.into_owned();
                (key, VALUES.iter().find_map(|name| item.get(name))?.raw().to_owned())
            }
            Kind::String => {
                let text = item.as_str()?;
                let (key, value) = text.split_once('=')?;
                (key.trim().to_owned(), encode(value.trim()))
            }
            _ => return None,
        };
        if key.is_empty() || members.iter().any(|(known, _)| *known == key) {
            return None;
        }
        members.push((key, value));
    }
    let all: Vec<String> = members.iter().map(|(key, value)| format!("{}:{value}", encode(key))).collect();
    (!all.is_empty()).then(|| format!("{{{}}}", all.join(",")))
}

/// One line for each item, each with a bullet or its number.
fn bulleted(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut items = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let number = format!("{}", i + 1);
        let bullet = ["- ", "* ", "• "].iter().find_map(|mark| line.strip_prefix(mark));
        let counted = || line.strip_prefix(number.as_str()).and_then(|rest| rest.strip_prefix(['.', ')']));
        items.push(encode(bullet.or_else(counted)?.trim()));
    }
    (items.len() > 1).then(|| format!("[{}]", items.join(",")))
}

/// Numbers with a comma and a space, or a semicolon, between them: a comma alone may belong to one number.
fn counted(text: &str, items: &Shape) -> Option<String> {
    if !(items.types.has(Types::NUMBER) || items.types.has(Types::INTEGER)) || items.types.has(Types::STRING) {
        return None;
    }
    let bare = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let mark = if bare.contains(';') { ";" } else { ", " };
    let number = |part: &str| numbers::plain(part.trim()).filter(|number| numbers::fits(number, items.types));
    let numbers: Vec<String> = bare.split(mark).map(number).collect::<Option<_>>()?;
    (numbers.len() > 1).then(|| format!("[{}]", numbers.join(",")))
}

/// Words of the schema's list, parted by commas and the like.
fn listed(text: &str, items: &Shape) -> Option<String> {
    if items.listed.is_none() {
        return counted(text, items);
    }
    let members = items.words();
    let parts: Vec<&str> = text.split([',', ';', '|', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect();
    let word = |part: &&str| match enums::nearest(part, members, &items.name) {
        enums::Match::One(i, price) if price <= STYLE => Some(encode(members.text(i))),
        _ => None,
    };
    let words: Vec<String> = parts.iter().map(word).collect::<Option<_>>()?;
    (words.len() > 1).then(|| format!("[{}]", words.join(",")))
}
