//! What a schema vouches for of a document that is still arriving.
//!
//! A value may be shown early if no later step can change it: its place is declared, it has a type, a listed word and
//! the bounds of that place, and its key came once. What alignment could still rename, convert or take off is not
//! vouched for. Where a schema leaves several forms open for an object, nothing of it is settled until what came has
//! left one.
//!
//! What never happens here: a judgement of the whole, which is the validator's; work that grows with what came before.

use std::collections::BTreeSet;

use crate::document::{Document, Node};
use crate::schema::{DEPTH_MAX, Place, Shape, ShapeId, Shapes, Types, equals};

/// References and branches followed for one place.
const HOPS_MAX: usize = 16;
/// Forms that one place may have.
const FORMS_MAX: usize = 64;

/// Shapes that all hold at one place; none of them: anything goes.
type Form = Vec<ShapeId>;

/// One open bracket.
#[derive(Debug)]
struct Frame {
    object: bool,
    /// Forms that what came so far leaves open; never empty.
    forms: Vec<Form>,
    keys: BTreeSet<String>,
    key: String,
}

/// Follows one document through its schema.
#[derive(Debug)]
pub(crate) struct Voucher<'s> {
    shapes: Option<&'s Shapes>,
    frames: Vec<Frame>,
    /// Frames with more than one form.
    undecided: usize,
}

impl<'s> Voucher<'s> {
    pub(crate) const fn new(shapes: Option<&'s Shapes>) -> Self {
        Self { shapes, frames: Vec::new(), undecided: 0 }
    }

    /// Whether every open bracket has one form.
    pub(crate) const fn is_settled(&self) -> bool {
        self.undecided == 0
    }

    /// Takes a key, as it is written. False: it came before, or nobody declared it.
    pub(crate) fn key(&mut self, raw: &str) -> bool {
        let Some(frame) = self.frames.last_mut() else { return false };
        let Some(key) = decoded(raw) else { return false };
        if !frame.keys.insert(key.clone()) {
            return false;
        }
        frame.key = key;
        !self.below().is_empty()
    }

    /// Takes a whole text, number or word, as it is written.
    pub(crate) fn scalar(&mut self, raw: &str) -> bool {
        let Ok(document) = Document::parse(raw) else { return false };
        let node = document.root();
        let fits = |shape: &Shape| is_value_of(shape, node, raw);
        let kept: BTreeSet<usize> =
            self.below().into_iter().filter(|(_, form)| self.all(form, &fits)).map(|(of, _)| of).collect();
        self.keep(&kept)
    }

    /// Takes an opening bracket.
    pub(crate) fn enter(&mut self, object: bool) -> bool {
        if self.frames.len() >= DEPTH_MAX {
            return false;
        }
        let wanted = if object { Types::OBJECT } else { Types::ARRAY };
        let fits = |shape: &Shape| shape.types.has(wanted) && shape.listed.is_none();
        let open: Vec<(usize, Form)> = self.below().into_iter().filter(|(_, form)| self.all(form, &fits)).collect();
        let kept = open.iter().map(|(of, _)| *of).collect();
        let forms: Vec<Form> = open.into_iter().map(|(_, form)| form).collect();
        if forms.is_empty() || !self.keep(&kept) {
            return false;
        }
        self.undecided += usize::from(forms.len() > 1);
        self.frames.push(Frame { object, forms, keys: BTreeSet::new(), key: String::new() });
        true
    }

    /// Takes a closing bracket. False: a member is missing.
    pub(crate) fn close(&mut self) -> bool {
        let Some(frame) = self.frames.pop() else { return false };
        self.undecided -= usize::from(frame.forms.len() > 1);
        let whole = |shape: &Shape| shape.properties.iter().all(|p| !p.required || frame.keys.contains(&p.name));
        !frame.object || frame.forms.iter().any(|form| self.all(form, &whole))
    }

    fn all(&self, form: &Form, holds: &dyn Fn(&Shape) -> bool) -> bool {
        self.shapes_of(form).all(holds)
    }

    fn shapes_of<'f>(&self, form: &'f Form) -> impl Iterator<Item = &'s Shape> + use<'f, 's> {
        let shapes = self.shapes;
        form.iter().filter_map(move |id| shapes?.shape(*id))
    }

    /// The forms of the place that comes next, each with the form of the bracket around it that allows it.
    fn below(&self) -> Vec<(usize, Form)> {
        let mut open = Vec::new();
        match self.frames.last() {
            None if self.shapes.is_some() => self.spread(0, 0, &[], &mut open, HOPS_MAX),
            None => open.push((0, Form::new())),
            Some(frame) => {
                for (of, form) in frame.forms.iter().enumerate() {
                    match self.step(frame, form) {
                        Step::Nothing => {}
                        Step::Anything => open.push((of, Form::new())),
                        Step::Shape(id) => self.spread(of, id, &[], &mut open, HOPS_MAX),
                    }
                }
            }
        }
        open
    }

    fn step(&self, frame: &Frame, form: &Form) -> Step {
        if !frame.object {
            return self.shapes_of(form).find_map(|shape| shape.items).map_or(Step::Anything, Step::Shape);
        }
        let named = |shape: &Shape| shape.property(&frame.key).map(|p| p.shape);
        if let Some(id) = self.shapes_of(form).find_map(named) {
            return Step::Shape(id);
        }
        if let Some(id) = self.shapes_of(form).find_map(|shape| shape.additional) {
            return Step::Shape(id);
        }
        // A key beside declared ones may be another spelling of one of them.
        let declares = |shape: &Shape| shape.closed || !shape.properties.is_empty();
        if self.shapes_of(form).any(declares) { Step::Nothing } else { Step::Anything }
    }

    /// Every way to go through references and branches.
    fn spread(&self, of: usize, id: ShapeId, above: &[ShapeId], open: &mut Vec<(usize, Form)>, hops: usize) {
        let (Some(shape), Some(hops)) = (self.shapes.and_then(|shapes| shapes.shape(id)), hops.checked_sub(1)) else {
            return;
        };
        let form: Form = above.iter().copied().chain([id]).collect();
        if shape.branches.is_empty() && open.len() < FORMS_MAX {
            open.push((of, form));
            return;
        }
        for branch in &shape.branches {
            self.spread(of, *branch, &form, open, hops);
        }
    }

    /// Leaves those forms of the innermost bracket. False: none is left.
    fn keep(&mut self, kept: &BTreeSet<usize>) -> bool {
        if let Some(frame) = self.frames.last_mut() {
            self.undecided -= usize::from(frame.forms.len() > 1);
            let mut at = 0;
            frame.forms.retain(|_| {
                at += 1;
                kept.contains(&(at - 1))
            });
            self.undecided += usize::from(frame.forms.len() > 1);
        }
        !kept.is_empty()
    }
}

/// What stands below a form.
enum Step {
    Nothing,
    Anything,
    Shape(ShapeId),
}

fn is_value_of(shape: &Shape, node: Node<'_>, raw: &str) -> bool {
    let check = match raw.as_bytes().first() {
        Some(b'"') => shape.types.has(Types::STRING).then_some(&shape.string_check),
        Some(b't' | b'f') => shape.types.has(Types::BOOL).then_some(&None),
        Some(b'n') => shape.types.has(Types::NULL).then_some(&None),
        _ => {
            let whole = raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
            let wanted = if whole { Types::INTEGER } else { Types::NUMBER };
            shape.types.has(wanted).then_some(&shape.number_check)
        }
    };
    let listed = || shape.listed.as_ref().is_none_or(|listed| listed.iter().any(|value| equals(node, value)));
    check.is_some_and(|check| check.as_ref().is_none_or(|check| check.is_valid(Place::Value(node)))) && listed()
}

fn decoded(raw: &str) -> Option<String> {
    if !raw.contains('\\') {
        return raw.strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
    }
    Document::parse(raw).ok()?.root().as_str().map(|key| key.into_owned())
}
