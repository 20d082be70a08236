//! Brackets that a schema forces: several are missing, and each can stand in one place only.
//!
//! The words are followed through the places of the schema. Where one cannot stand (a key that its object forbids and
//! an outer one declares, an object among numbers), the brackets before it are closed; where a value begins without its
//! bracket, it is opened. A place is forced only if the last member before it could not stand further out as well.
//!
//! What never happens here: no guess. A word that two places could take, or none, ends the attempt, and the validator
//! sees what came of it.

use super::shape::Types;
use super::sieve::{Next, Skeleton, plain, types_of};
use crate::repair::{Frame, Word, Words};

/// So many brackets may be missing.
const MISSING_MAX: usize = 4;

/// One open bracket.
#[derive(Debug, Clone, Copy)]
struct Open {
    frame: Frame,
    place: Option<u32>,
    /// The hash of the last key, or the types of the last element: what stood last in it.
    last: Last,
    /// The value of the last key is still to come, in this place.
    pending: Option<Option<u32>>,
}

#[derive(Debug, Clone, Copy)]
enum Last {
    Nothing,
    Key(Option<u64>),
    Element(Types),
}

/// A bracket to be written before a word.
pub(crate) type Missing = (usize, Frame, bool);

/// The missing brackets, in order: the word each stands before, its family, and whether it opens.
pub(super) fn missing(text: &str, words: &Words, skeleton: &Skeleton) -> Option<Vec<Missing>> {
    let mut walk = Walk { skeleton, open: Vec::new(), missing: Vec::new() };
    let mut at = 0;
    while let Some(word) = words.word(text, at) {
        walk.takes(word, at)?;
        at += 1;
    }
    (walk.open.is_empty() && walk.missing.len() > 1).then_some(walk.missing)
}

struct Walk<'s> {
    skeleton: &'s Skeleton,
    open: Vec<Open>,
    missing: Vec<Missing>,
}

impl Walk<'_> {
    fn takes(&mut self, word: Word<'_>, at: usize) -> Option<()> {
        if self.open.is_empty() && at > 0 {
            return None;
        }
        match word {
            Word::Key(raw) => self.key(plain(raw).map(super::sieve::hash), at),
            Word::Open { object } => self.value(if object { Types::OBJECT } else { Types::ARRAY }, at),
            Word::Scalar(raw) => self.value(types_of(raw), at),
            Word::Close { object } => self.close(if object { Frame::Object } else { Frame::Array }, at),
        }
    }

    fn key(&mut self, key: Option<u64>, at: usize) -> Option<()> {
        let top = *self.open.last()?;
        if let Some(place) = top.pending {
            // `"customer": "name": ...`: the bracket of the value is missing.
            return self.open_around(place, Frame::Object, key, at);
        }
        if top.frame == Frame::Array {
            let items = self.skeleton.items(top.place);
            let inside = self.declares(self.inner(items, Types::OBJECT), key);
            return match (inside, self.outer_that(key)) {
                (true, None) => self.open_around(items, Frame::Object, key, at),
                (false, Some(depth)) => self.close_to(depth, at).and_then(|()| self.put_key(key)),
                _ => None,
            };
        }
        if top.place.is_none() || self.declares(top.place, key) || !self.is_sealed(top.place) {
            return self.put_key(key);
        }
        let depth = self.outer_that(key)?;
        self.close_to(depth, at)?;
        self.put_key(key)
    }

    fn value(&mut self, types: Types, at: usize) -> Option<()> {
        let top = self.open.last().copied();
        let place = match top {
            None => Some(0),
            Some(top) if top.frame == Frame::Object => match top.pending {
                Some(place) => place,
                // A value where a key should stand: the object before it was not closed.
                None => {
                    let depth = self.open.len().checked_sub(2)?;
                    self.close_to(depth, at)?;
                    return self.value(types, at);
                }
            },
            Some(top) => self.skeleton.items(top.place),
        };
        if !self.skeleton.allows(place, types) {
            if top.is_some_and(|top| top.frame == Frame::Array && top.pending.is_none()) {
                let depth = self.open.len().checked_sub(2)?;
                self.close_to(depth, at)?;
                return self.value(types, at);
            }
            // `"items": {...}, {...}]`: the list around the objects was not opened.
            let items = self.inner(place, Types::ARRAY).and_then(|list| self.skeleton.items(Some(list)));
            if top.is_none() || !self.skeleton.allows(Some(items?), types) {
                return None;
            }
            self.write(at, Frame::Array, true)?;
            self.put_value(Types::ARRAY);
            let place = self.inner(place, Types::ARRAY);
            self.open.push(Open { frame: Frame::Array, place, last: Last::Nothing, pending: None });
            return self.value(types, at);
        }
        self.put_value(types);
        let frame = match types {
            Types::OBJECT => Frame::Object,
            Types::ARRAY => Frame::Array,
            _ => return Some(()),
        };
        let place = self.inner(place, types);
        self.open.push(Open { frame, place, last: Last::Nothing, pending: None });
        Some(())
    }

    /// A closing bracket of another family closes those before it too.
    fn close(&mut self, frame: Frame, at: usize) -> Option<()> {
        let depth = self.open.iter().rposition(|open| open.frame == frame)?;
        self.close_to(depth, at)?;
        self.open.last().filter(|open| open.pending.is_none())?;
        self.open.pop();
        Some(())
    }

    /// Closes all brackets inside the one at this depth, if what stood last could not stand further out.
    fn close_to(&mut self, depth: usize, at: usize) -> Option<()> {
        while self.open.len() > depth + 1 {
            let inner = self.open.pop().filter(|open| open.pending.is_none())?;
            let outer = self.open.get(depth..).unwrap_or(&[]);
            let could_stand = outer.iter().any(|open| match (open.frame, inner.last) {
                (Frame::Object, Last::Key(key)) => self.declares(open.place, key) || !self.is_sealed(open.place),
                (Frame::Array, Last::Element(types)) => self.skeleton.allows(self.skeleton.items(open.place), types),
                _ => false,
            });
            if could_stand {
                return None;
            }
            self.write(at, inner.frame, false)?;
        }
        Some(())
    }

    fn open_around(&mut self, place: Option<u32>, frame: Frame, key: Option<u64>, at: usize) -> Option<()> {
        let place = self.inner(place, Types::OBJECT).filter(|place| self.declares(Some(*place), key))?;
        self.write(at, frame, true)?;
        self.put_value(Types::OBJECT);
        self.open.push(Open { frame, place: Some(place), last: Last::Nothing, pending: None });
        self.put_key(key)
    }

    fn write(&mut self, at: usize, frame: Frame, opens: bool) -> Option<()> {
        self.missing.push((at, frame, opens));
        (self.missing.len() <= MISSING_MAX).then_some(())
    }

    fn put_key(&mut self, key: Option<u64>) -> Option<()> {
        let place = self.open.last()?.place;
        let value = key.and_then(|key| self.skeleton.member(place, key));
        let top = self.open.last_mut()?;
        (top.last, top.pending) = (Last::Key(key), Some(value));
        Some(())
    }

    fn put_value(&mut self, types: Types) {
        if let Some(top) = self.open.last_mut() {
            top.pending = None;
            if top.frame == Frame::Array {
                top.last = Last::Element(types);
            }
        }
    }

    /// The innermost object around the current bracket that declares the key.
    fn outer_that(&self, key: Option<u64>) -> Option<usize> {
        let outer = self.open.get(..self.open.len().checked_sub(1)?)?;
        outer.iter().rposition(|open| open.frame == Frame::Object && self.declares(open.place, key))
    }

    fn declares(&self, place: Option<u32>, key: Option<u64>) -> bool {
        place.is_some() && key.is_some_and(|key| self.skeleton.declares(place, key))
    }

    fn is_sealed(&self, place: Option<u32>) -> bool {
        self.skeleton.place(place).is_some_and(|place| place.sealed)
    }

    /// The place inside a value of this kind.
    fn inner(&self, place: Option<u32>, types: Types) -> Option<u32> {
        let place = self.skeleton.place(place)?;
        match if types == Types::OBJECT { place.object } else { place.array } {
            Next::Place(id) => Some(id),
            _ => None,
        }
    }
}
