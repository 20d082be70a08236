//! Members: which found key is which declared one, what is left over, and what is missing.
//!
//! Keys that match stay. The others are assigned to declared members that are missing, one to one, where name and
//! value both fit and no second assignment is within the margin. What is left over is dropped if the schema forbids
//! it, unless it looks like a member that is missing: then dropping would lose it.
//!
//! What never happens here: no required member is filled from anywhere but the text.

use super::words::{LOOSE, Name, Nouns, STYLE, key_distance};
use super::{Aligner, MARGIN, Misfit};
use crate::code::Code;
use crate::document::{Kind, Node, encode};
use crate::record::Edit;
use crate::schema::{Property, Shape, Types};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A name and value further apart than this are different things.
const KEY_PRICE_MAX: u32 = 9;
/// The price of leaving out a member that the schema forbids.
const DROP: u32 = 3;
/// The price of an `is` before the name of a boolean.
const PREDICATE: u32 = 3;
/// The price of a word behind the name of a member that says what kind of value it has.
const GRADED: u32 = 6;
/// The price of leaving out a null where the member may be absent.
const NULL: u32 = 1;

struct Member<'d> {
    key: Node<'d>,
    value: Node<'d>,
    /// Its number among all members of the text.
    place: usize,
    name: Cow<'d, str>,
    /// The name taken apart, of a member that is not declared under it.
    parts: Option<Name>,
    /// The declared member it is, once that is known.
    property: Option<usize>,
}

impl Member<'_> {
    fn distance(&self, property: &Property, shape: &Shape) -> Option<u32> {
        let nouns = Nouns { stems: &shape.nouns, boolean: property.boolean };
        key_distance(self.parts.as_ref()?, &property.parts, &nouns).filter(|price| property.required || *price != LOOSE)
    }

    /// A null where the member may be absent.
    fn is_null_of(&self, property: &Property) -> bool {
        self.value.kind() == Kind::Null && !property.required && self.name == property.name
    }
}

/// An object, what it holds and what it could hold.
struct Whole<'a, 'd> {
    node: Node<'d>,
    shape: &'a Shape,
    members: Vec<Member<'d>>,
    /// The members that go, by their places in the text.
    dropped: Vec<(usize, Code)>,
}

impl<'a> Whole<'a, '_> {
    /// Which declared members no member is, so far.
    fn open(&self) -> Vec<bool> {
        let mut open = vec![true; self.shape.properties.len()];
        for member in &self.members {
            if let Some(slot) = member.property.and_then(|i| open.get_mut(i)) {
                *slot = false;
            }
        }
        open
    }

    fn property_of(&self, member: &Member<'_>) -> Option<&'a Property> {
        self.shape.properties.get(member.property?)
    }
}

impl Aligner<'_> {
    pub(super) fn object(&mut self, node: Node<'_>, shape: &Shape, depth: usize) -> Result<u32, Misfit> {
        let mut whole = gathered(node, shape)?;
        let mut price = self.rename(&mut whole, depth)?;
        price += self.members(&mut whole, depth)?;
        let open = whole.open();
        if let Some((property, _)) = shape.properties.iter().zip(open).find(|(p, open)| p.required && *open) {
            let message = format!("`{}` is missing, and nothing in the text stands for it", property.name);
            return Err(Misfit::new(node, "required", message));
        }
        self.drop_members(&whole);
        Ok(price)
    }

    fn members(&mut self, whole: &mut Whole<'_, '_>, depth: usize) -> Result<u32, Misfit> {
        let shape = whole.shape;
        let unknown = whole.members.iter().filter(|member| member.property.is_none()).count();
        if shape.closed && unknown * 2 > whole.members.len() {
            let message = "most members are unknown: this is another object".to_owned();
            return Err(Misfit::new(whole.node, "additionalProperties", message));
        }
        let open = whole.open();
        let mut price = 0;
        let mut dropped = Vec::new();
        for member in &whole.members {
            match whole.property_of(member) {
                Some(property) => match self.value(member.value, property.shape, depth + 1) {
                    Ok(of_value) => price += of_value,
                    Err(_) if member.is_null_of(property) => {
                        dropped.push((member.place, Code::NullDropped));
                        price += NULL;
                    }
                    Err(misfit) => return Err(misfit),
                },
                None if shape.closed => {
                    self.may_go(whole, &open, member, depth)?;
                    dropped.push((member.place, Code::ExtraMember));
                    price += DROP;
                }
                None => {
                    if let Some(additional) = shape.additional {
                        price += self.value(member.value, additional, depth + 1)?;
                    }
                }
            }
        }
        whole.dropped.append(&mut dropped);
        Ok(price)
    }

    /// A forbidden member goes, unless it may be a missing one in disguise.
    fn may_go(
        &mut self,
        whole: &Whole<'_, '_>,
        open: &[bool],
        member: &Member<'_>,
        depth: usize,
    ) -> Result<(), Misfit> {
        let shape = whole.shape;
        self.memo.spend(shape.properties.len());
        // What another member was renamed to may as well be this one, if they differ.
        let rival = whole.members.iter().filter(|m| m.parts.is_some()).find_map(|other| {
            let property = whole.property_of(other)?;
            let parts = member.parts.as_ref()?;
            let named = parts.says_all_of(&property.parts) || property.parts.says_all_of(parts);
            let (ours, theirs) = (other.value.raw().trim_matches('"'), member.value.raw().trim_matches('"'));
            let differ = !ours.contains(theirs) && !theirs.contains(ours);
            (named && differ && other.value.kind() == member.value.kind()).then_some((other, property))
        });
        if let Some(property) = self.counted_otherwise(shape, member) {
            let message = format!("{} is of another unit than `{}`", member.value.raw(), property.name);
            return Err(Misfit::new(member.value, "unit", message));
        }
        let rival = rival.or_else(|| contradicted(whole, member));
        if let Some((other, property)) = rival {
            let what = format!("`{}`", property.name);
            return Err(Misfit::tie(whole.node, "required", &what, &other.name, &member.name));
        }
        // Too short to be renamed, and still too near to be something else: `clas` for `class`.
        let slip = |p: &Property| member.parts.as_ref().is_some_and(|parts| parts.is_slip_of(&p.parts));
        // `date`, where nobody said `start_date` or `end_date`: it is one of them.
        let part = |p: &Property| member.parts.as_ref().is_some_and(|parts| p.parts.says_all_of(parts));
        let free = || shape.properties.iter().zip(open).filter(|(_, open)| **open).map(|(p, _)| p);
        let parted = free().filter(|p| part(p)).find(|p| self.price_of(member.value, p, depth).is_some());
        let near = |p: &&Property| member.distance(p, shape).is_some() || slip(p);
        if let Some(disguised) = free().find(near).or(parted) {
            return Err(Misfit::new(
                member.value,
                "additionalProperties",
                format!("`{}` may be `{}`, which does not fit", member.name, disguised.name),
            ));
        }
        Ok(())
    }

    /// `is_online` for the boolean `online`, and the other way round.
    fn is_predicate(&self, member: &Member<'_>, property: &Property) -> Option<u32> {
        let is_bool = self.shapes.shape(property.shape).is_some_and(|shape| shape.types.is_only(Types::BOOL));
        let parts = member.parts.as_ref().filter(|_| is_bool)?;
        (parts.is_predicate_of(&property.parts) || property.parts.is_predicate_of(parts)).then_some(PREDICATE)
    }

    /// `risk_level` for listed words, `confidence_score` for a number that has a bound.
    fn is_graded(&self, member: &Member<'_>, property: &Property) -> Option<u32> {
        const KINDS: [&str; 8] = ["level", "rating", "label", "class", "category", "type", "status", "grade"];
        const GRADES: [&str; 3] = ["score", "level", "rating"];
        let kind = member.parts.as_ref()?.kind_of(&property.parts)?;
        let shape = self.shapes.shape(property.shape)?;
        let graded = match (&shape.listed, &shape.maximum) {
            (Some(_), _) => KINDS.contains(&kind),
            (None, maximum) => maximum.is_some() && GRADES.contains(&kind),
        };
        graded.then_some(GRADED)
    }

    /// The number beside a forbidden member `unit` whose name says another one.
    fn counted_otherwise<'p>(&self, shape: &'p Shape, member: &Member<'_>) -> Option<&'p Property> {
        let unit = member.value.as_str().filter(|_| member.parts.as_ref().is_some_and(Name::is_unit))?;
        let is_number = |p: &&Property| {
            self.shapes.shape(p.shape).is_some_and(|s| s.types.has(Types::NUMBER) || s.types.has(Types::INTEGER))
        };
        shape.properties.iter().filter(is_number).find(|p| p.parts.has_another_unit(&unit))
    }

    /// Assigns unknown keys to missing members.
    fn rename(&mut self, whole: &mut Whole<'_, '_>, depth: usize) -> Result<u32, Misfit> {
        let (node, shape) = (whole.node, whole.shape);
        let mut pairs = self.near(whole, depth);
        let members = &mut whole.members;
        pairs.sort_unstable();
        let mut total = 0;
        while let Some(&(price, m, p, of_name)) = pairs.first() {
            if let Some(&(_, m2, p2, _)) =
                pairs.iter().skip(1).find(|(rival, m2, p2, _)| (*m2 == m) != (*p2 == p) && *rival < price + MARGIN)
            {
                let name = |i: usize| members.get(i).map_or("", |x| x.name.as_ref()).to_owned();
                let declared = |i: usize| shape.properties.get(i).map_or("", |x| x.name.as_str()).to_owned();
                return Err(if m2 == m {
                    Misfit::tie(node, "required", &format!("`{}`", name(m)), &declared(p), &declared(p2))
                } else {
                    Misfit::tie(node, "required", &format!("`{}`", declared(p)), &name(m), &name(m2))
                });
            }
            pairs.retain(|(_, m2, p2, _)| *m2 != m && *p2 != p);
            let (Some(member), Some(property)) = (members.get_mut(m), shape.properties.get(p)) else { continue };
            member.property = Some(p);
            let (start, end) = member.key.span();
            let code = if of_name == STYLE { Code::KeyStyle } else { Code::RenamedKey };
            self.edits.push(Edit::new(start, end, encode(&property.name), code));
            total += of_name;
        }
        Ok(total)
    }

    /// Unknown keys and missing members that may be one: what name and value cost, the two, and what the name costs.
    /// The value is counted where it is aligned.
    fn near(&mut self, whole: &Whole<'_, '_>, depth: usize) -> Vec<(u32, usize, usize, u32)> {
        let shape = whole.shape;
        let person = shape.properties.iter().any(|property| property.parts.is_personal());
        let open = whole.open();
        let free = || shape.properties.iter().zip(&open).enumerate().filter(|(_, (_, open))| **open);
        let mut pairs = Vec::new();
        for (m, member) in whole.members.iter().enumerate().filter(|(_, m)| m.parts.is_some()) {
            for (p, (property, _)) in free() {
                if !self.memo.spend(1) {
                    return Vec::new();
                }
                let told = || self.is_predicate(member, property).or_else(|| self.is_graded(member, property));
                let Some(name) = member.distance(property, shape).or_else(told) else { continue };
                if !shape.closed && !property.required && name > STYLE {
                    continue;
                }
                if person && member.parts.as_ref().is_some_and(|parts| parts.is_of_nobody(&property.parts)) {
                    continue;
                }
                let Some(value) = self.price_of(member.value, property, depth) else { continue };
                // Drift is systematic: a large value may hold the same easy change many times over.
                let size = u32::try_from(member.value.nodes() / 2).unwrap_or(u32::MAX / 4);
                if name + value <= KEY_PRICE_MAX + EASY_VALUE + size {
                    pairs.push((name + value, m, p, name));
                }
            }
        }
        pairs
    }

    /// What aligning the value would cost, without doing it. A null says nothing about which member it is.
    fn price_of(&mut self, value: Node<'_>, property: &Property, depth: usize) -> Option<u32> {
        let before = self.edits.len();
        let price = self.value(value, property.shape, depth + 1).ok();
        self.edits.truncate(before);
        let nullable = self.shapes.shape(property.shape).is_some_and(|s| s.types.has(Types::NULL));
        price.or_else(|| (value.kind() == Kind::Null && !property.required && !nullable).then_some(NULL))
    }

    /// Takes members out, each with the comma that belongs to it: the one before it, or the one behind it where all
    /// before it go.
    fn drop_members(&mut self, whole: &Whole<'_, '_>) {
        if whole.dropped.is_empty() {
            return;
        }
        let dropped: BTreeMap<usize, Code> = whole.dropped.iter().copied().collect();
        let all: Vec<(usize, usize)> = whole.node.members().map(|(k, v)| (k.span().0, v.span().1)).collect();
        let mut kept = false;
        for (place, &(start, end)) in all.iter().enumerate() {
            let Some(code) = dropped.get(&place) else {
                kept = true;
                continue;
            };
            let before = place.checked_sub(1).filter(|_| kept).and_then(|place| all.get(place));
            let behind = all.get(place + 1).filter(|_| !kept);
            let from = before.map_or(start, |before| before.1);
            let to = behind.map_or(end, |behind| behind.0);
            self.edits.push(Edit::new(from, to, "", *code));
        }
    }
}

/// The members of an object; a key that stands twice has to say the same.
fn gathered<'a, 'd>(node: Node<'d>, shape: &'a Shape) -> Result<Whole<'a, 'd>, Misfit> {
    let mut whole = Whole { node, shape, members: Vec::new(), dropped: Vec::new() };
    let mut known: BTreeMap<Cow<'_, str>, Node<'_>> = BTreeMap::new();
    for (place, (key, value)) in node.members().enumerate() {
        let name = key.as_str().unwrap_or_default();
        if let Some(twin) = known.insert(name.clone(), value) {
            if twin.raw() != value.raw() {
                let what = format!("`{name}` stands twice and");
                return Err(Misfit::tie(value, "duplicate_key", &what, twin.raw(), value.raw()));
            }
            whole.dropped.push((place, Code::DuplicateMember));
            continue;
        }
        let property = shape.place_of(&name);
        let parts = (property.is_none() && !shape.properties.is_empty()).then(|| Name::of(&name));
        whole.members.push(Member { key, value, place, parts, name, property });
    }
    Ok(whole)
}

/// What the value of a renamed key may cost besides.
const EASY_VALUE: u32 = 3;

/// The declared member that this one is in another spelling, with another value.
fn contradicted<'w, 'a, 'd>(whole: &'w Whole<'a, 'd>, member: &Member<'_>) -> Option<(&'w Member<'d>, &'a Property)> {
    whole.members.iter().filter(|other| other.parts.is_none()).find_map(|other| {
        let property =
            whole.property_of(other).filter(|property| member.distance(property, whole.shape) == Some(STYLE))?;
        let differ =
            !says_nothing(other.value) && !says_nothing(member.value) && !says_the_same(other.value, member.value);
        differ.then_some((other, property))
    })
}

fn says_nothing(value: Node<'_>) -> bool {
    match value.kind() {
        Kind::Null => true,
        Kind::String => value.as_str().is_none_or(|text| text.trim().is_empty()),
        Kind::Array | Kind::Object => value.is_empty(),
        Kind::Bool | Kind::Number => false,
    }
}

/// One value in two spellings: `90`, `90.0` and `"90"`.
fn says_the_same(a: Node<'_>, b: Node<'_>) -> bool {
    let text = |value: Node<'_>| value.as_str().map_or_else(|| value.raw().to_owned(), |text| text.trim().to_owned());
    let (a, b) = (text(a), text(b));
    let numbers = a.parse::<f64>().ok().zip(b.parse::<f64>().ok());
    a == b || numbers.is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
}

#[cfg(test)]
mod tests {
    use crate::document::Document;
    use crate::schema::Shapes;
    use serde_json::json;

    /// What a closed object makes of the text: the members that are left, or why there are none.
    fn aligned(schema: &serde_json::Value, text: &str) -> Result<String, &'static str> {
        let document = Document::parse(text).expect("JSON");
        let (edits, _) = crate::align::align(&document, &Shapes::of(schema)).map_err(|misfit| misfit.rule)?;
        Ok(crate::record::apply(document.text(), &edits))
    }

    #[test]
    fn two_spellings_of_one_member_have_to_say_the_same() {
        let schema = json!({"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"],
            "additionalProperties": false});
        for (text, want) in [
            (r#"{"total":90,"Total":"90"}"#, Ok(())),
            (r#"{"total":90,"Total":90.0}"#, Ok(())),
            (r#"{"total":90,"Total":null}"#, Ok(())),
            (r#"{"total":90,"Total":" "}"#, Ok(())),
            (r#"{"total":90,"Total":"100"}"#, Err("required")),
            (r#"{"total":90,"Total":100}"#, Err("required")),
            (r#"{"total":90,"TOTAL":[100]}"#, Err("required")),
        ] {
            let found = aligned(&schema, text);
            assert_eq!(found.clone().map(|text| assert_eq!(text, r#"{"total":90}"#)), want, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_member_that_may_be_one_of_several_is_not_dropped() {
        let text = json!({"type": "string"});
        let schema = json!({"type": "object", "required": ["crew"], "additionalProperties": false,
            "properties": {"crew": text, "first_port": text, "last_port": text, "max_load": {"type": "number"}}});
        assert_eq!(aligned(&schema, r#"{"crew":"A","port":"Oslo"}"#), Err("additionalProperties"));
        let filled = r#"{"crew":"A","first_port":"Oslo","last_port":"Rome"}"#;
        assert_eq!(aligned(&schema, &filled.replace('}', r#","port":"Oslo"}"#)).as_deref(), Ok(filled));
        // A text is no load.
        assert_eq!(aligned(&schema, r#"{"crew":"A","load":"heavy"}"#).as_deref(), Ok(r#"{"crew":"A"}"#));
    }

    #[test]
    fn a_word_that_only_says_what_kind_of_value_it_is_may_stand_behind_a_name() {
        let schema = json!({"type": "object", "required": ["danger", "trust"], "additionalProperties": false,
            "properties": {"danger": {"enum": ["low", "high"]}, "trust": {"type": "number", "maximum": 1}}});
        assert_eq!(
            aligned(&schema, r#"{"danger_level":"high","trust_score":0.5}"#).as_deref(),
            Ok(r#"{"danger":"high","trust":0.5}"#)
        );
        let open = json!({"type": "object", "required": ["credit"], "additionalProperties": false,
            "properties": {"credit": {"type": "number"}}});
        assert!(aligned(&open, r#"{"credit_score":700}"#).is_err());
    }

    #[test]
    fn a_word_before_a_name_has_to_be_the_schemas_own_or_say_nothing() {
        let schema = |name: &str, kind: &str| {
            let value = match kind.strip_suffix('?') {
                Some(kind) => json!({"anyOf": [{"type": kind}, {"type": "null"}]}),
                None => json!({"type": kind}),
            };
            json!({"type": "object", "title": "Ticket", "required": [name], "additionalProperties": false,
                "properties": {name: value}})
        };
        for (found, declared, kind, value, taken) in [
            ("ticket_escalated", "escalated", "boolean", "true", true),
            ("final_total", "total", "number", "5", true),
            ("invoice_total", "total", "number", "5", true),
            ("lacks_consent", "consent", "boolean", "true", false),
            ("consent", "lacks_consent", "boolean", "true", false),
            ("never_expires", "expires", "boolean", "true", false),
            ("lacks_consent", "consent", "boolean?", "true", false),
            ("discount_price", "price", "number", "5", false),
            ("emergency_phone", "phone", "string", "\"555\"", false),
        ] {
            let found_text = format!("{{\"{found}\":{value}}}");
            assert_eq!(aligned(&schema(declared, kind), &found_text).is_ok(), taken, "{found} for {declared}");
        }
    }
}
