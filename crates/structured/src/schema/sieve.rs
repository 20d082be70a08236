//! Which readings of a text a schema rules out by their words alone: a key where no such member may stand, a bracket
//! where none is allowed, a required member that its object does not hold.
//!
//! All readings share the words before their edit, so those are looked at once, and most readings end a word or two
//! behind it. What is known of the schema's places lies in two short tables, since a look at the shapes themselves
//! would cost more in cache misses than in work.
//!
//! What never happens here: a reading that the validator would accept is never ruled out. Where the shape of a place is
//! not certain (several branches, escaped keys), anything goes.

use super::shape::{Shape, ShapeId, Types};
use crate::document::number_len;
use crate::repair::{Op, Undecided, Word};

/// References and lone branches followed for one place.
const HOPS_MAX: usize = 16;
/// Members whose absence is noticed: so many of an object have a bit.
const NOTICED_MAX: u32 = 64;

/// What may stand in a place: nothing of the kind, anything, or what the place of this number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    Anything,
    Place(u32),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    scalars: Types,
    pub(super) object: Next,
    pub(super) array: Next,
    /// Where its members stand in their table.
    members: (u32, u32),
    /// The members that are required, as bits.
    required: u64,
    items: Option<u32>,
    additional: Option<u32>,
    pub(super) sealed: bool,
}

/// A schema's places, as far as words can contradict them.
#[derive(Debug)]
pub(crate) struct Skeleton {
    places: Vec<Place>,
    /// The hash of a name, and the place of its value.
    members: Vec<(u64, u32)>,
}

impl Skeleton {
    pub(super) fn of(shapes: &[Shape]) -> Self {
        let mut skeleton = Self { places: Vec::with_capacity(shapes.len()), members: Vec::new() };
        for (id, shape) in shapes.iter().enumerate() {
            let first = narrow(skeleton.members.len());
            skeleton.members.extend(shape.properties.iter().map(|p| (hash(&p.name), narrow(p.shape))));
            let bits = shape.properties.iter().zip(0..NOTICED_MAX).filter(|(p, _)| p.required);
            let scalar = |types: Types| if resolved(shapes, id, types) == Next::Nothing { Types::NONE } else { types };
            let scalars = [Types::NULL, Types::BOOL, Types::INTEGER, Types::NUMBER, Types::STRING];
            skeleton.places.push(Place {
                scalars: scalars.into_iter().map(scalar).fold(Types::NONE, Types::either),
                object: resolved(shapes, id, Types::OBJECT),
                array: resolved(shapes, id, Types::ARRAY),
                members: (first, narrow(skeleton.members.len())),
                required: bits.fold(0, |bits, (_, at)| bits | 1 << at),
                items: shape.items.map(narrow),
                additional: shape.additional.map(narrow),
                sealed: shape.sealed,
            });
        }
        skeleton
    }

    pub(super) fn place(&self, id: Option<u32>) -> Option<&Place> {
        self.places.get(id? as usize)
    }

    fn members_of(&self, place: &Place) -> &[(u64, u32)] {
        self.members.get(place.members.0 as usize..place.members.1 as usize).unwrap_or(&[])
    }

    pub(super) fn declares(&self, place: Option<u32>, key: u64) -> bool {
        self.place(place).is_some_and(|place| self.members_of(place).iter().any(|(name, _)| *name == key))
    }

    /// The place of a member's value.
    pub(super) fn member(&self, place: Option<u32>, key: u64) -> Option<u32> {
        let place = self.place(place)?;
        let own = self.members_of(place).iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        own.or(place.additional)
    }

    /// The place of a list's elements.
    pub(super) fn items(&self, place: Option<u32>) -> Option<u32> {
        self.place(place)?.items
    }

    /// Whether a value of one of these types may stand in a place, for all that is known.
    pub(super) fn allows(&self, place: Option<u32>, types: Types) -> bool {
        self.place(place).is_none_or(|place| match types {
            Types::OBJECT => place.object != Next::Nothing,
            Types::ARRAY => place.array != Next::Nothing,
            scalars => place.scalars.has(scalars),
        })
    }
}

fn narrow(id: ShapeId) -> u32 {
    u32::try_from(id).unwrap_or(u32::MAX)
}

/// What a value of these types has to look like in the place of a shape. A shape that says something of its own beside
/// its branches is not followed.
fn resolved(shapes: &[Shape], mut id: ShapeId, types: Types) -> Next {
    for _ in 0..HOPS_MAX {
        let Some(shape) = shapes.get(id) else { return Next::Anything };
        if !shape.types.has(types) {
            return Next::Nothing;
        }
        if shape.branches.is_empty() {
            return Next::Place(narrow(id));
        }
        let allows = |id: &&ShapeId| shapes.get(**id).is_none_or(|branch| branch.types.has(types));
        let mut allowing = shape.branches.iter().filter(allows);
        let Some(first) = allowing.next() else { return Next::Nothing };
        if allowing.next().is_some() || !shape.properties.is_empty() || shape.items.is_some() {
            return Next::Anything;
        }
        id = *first;
    }
    Next::Anything
}

/// FNV-1a: two names of one schema that share all 64 bits would cost a reading, not make one.
pub(super) fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One open bracket.
#[derive(Debug, Clone, Copy)]
struct Open {
    object: bool,
    place: Option<u32>,
    /// The declared members that came, as bits.
    seen: u64,
    /// A key came that could not be read.
    unread: bool,
}

/// A walk over the words of one reading.
pub(crate) struct Sieve<'s> {
    skeleton: &'s Skeleton,
    open: Vec<Open>,
    /// What may stand behind the last key.
    member: Option<u32>,
}

impl<'s> Sieve<'s> {
    pub(super) const fn new(skeleton: &'s Skeleton) -> Self {
        Self { skeleton, open: Vec::new(), member: None }
    }

    /// The readings that are not ruled out.
    pub(crate) fn possible(mut self, text: &str, undecided: &Undecided) -> Vec<Op> {
        let mut found = Vec::new();
        let mut branch = Self::new(self.skeleton);
        let mut at = 0;
        for &op in undecided.ops() {
            while at < op.at() {
                match undecided.words().word(text, at) {
                    Some(word) if self.takes(word) => at += 1,
                    _ => return found,
                }
            }
            branch.open.clone_from(&self.open);
            branch.member = self.member;
            if undecided.tail(text, op, |word| branch.takes(word)) {
                found.push(op);
            }
        }
        found
    }

    fn takes(&mut self, word: Word<'_>) -> bool {
        match word {
            Word::Key(raw) => self.key(raw),
            Word::Open { object } => {
                let here = self.next_place();
                let next = self.skeleton.place(here).map(|place| if object { place.object } else { place.array });
                let place = match next {
                    Some(Next::Nothing) => return false,
                    Some(Next::Place(id)) => Some(id),
                    Some(Next::Anything) | None => None,
                };
                self.open.push(Open { object, place, seen: 0, unread: false });
                true
            }
            Word::Scalar(raw) => {
                let here = self.next_place();
                self.skeleton.allows(here, types_of(raw))
            }
            Word::Close { .. } => self.open.pop().is_none_or(|open| self.is_whole(open)),
        }
    }

    fn key(&mut self, raw: &str) -> bool {
        self.member = None;
        let Some(open) = self.open.last_mut() else { return true };
        let Some(place) = self.skeleton.place(open.place) else { return true };
        let Some(name) = plain(raw) else {
            open.unread = true;
            return true;
        };
        let hash = hash(name);
        match self.skeleton.members_of(place).iter().zip(0_u32..).find(|((name, _), _)| *name == hash) {
            Some(((_, value), at)) => {
                open.seen |= 1_u64.checked_shl(at).unwrap_or(0);
                self.member = Some(*value);
                true
            }
            None => {
                self.member = place.additional;
                !place.sealed
            }
        }
    }

    /// The place of the value that comes next; none where it is not known.
    fn next_place(&mut self) -> Option<u32> {
        match self.open.last() {
            None => Some(0),
            Some(Open { object: true, .. }) => self.member.take(),
            Some(open) => self.skeleton.place(open.place).and_then(|place| place.items),
        }
    }

    fn is_whole(&self, open: Open) -> bool {
        let required = self.skeleton.place(open.place).map_or(0, |place| place.required);
        !open.object || open.unread || required & !open.seen == 0
    }
}

/// A key without its quotes, if nothing in it was written otherwise than it is meant.
pub(super) fn plain(raw: &str) -> Option<&str> {
    let inside = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
    let marked = inside.bytes().any(|b| matches!(b, b'"' | b'\'' | b'\\' | b'`') || !b.is_ascii());
    (!marked).then_some(inside)
}

/// The types that a scalar may have, as it is written: where its spelling was repaired, any.
pub(super) fn types_of(raw: &str) -> Types {
    match raw.as_bytes().first() {
        Some(b'"') => Types::STRING,
        Some(b'-' | b'0'..=b'9') if number_len(raw.as_bytes()) == Some(raw.len()) => {
            Types::NUMBER.either(Types::INTEGER)
        }
        _ => match raw {
            "true" | "false" => Types::BOOL,
            "null" => Types::NULL,
            _ => Types::ALL,
        },
    }
}
