//! What was aligned already, and how much may be aligned at all.
//!
//! Under a union that refers to itself the same value is looked at for each branch of each value around it. What came
//! of it the first time is kept, so that the search grows with values and shapes and not with their powers. Whatever
//! else makes a search long ends with its steps.
//!
//! What never happens here: no clock. The same text ends in the same way on every machine.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Misfit;
use super::frame::FRAMES_MAX;
use crate::document::Node;
use crate::record::Edit;
use crate::schema::ShapeId;

/// Steps of one alignment, about a microsecond each, and so many more for each node.
const STEPS: usize = 1_000_000;
const STEPS_PER_NODE: usize = 64;

/// A value under a shape. How deep it stands counts only where frames may be taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    start: usize,
    shape: ShapeId,
    depth: usize,
    at_root: bool,
}

impl Seen {
    pub(super) fn new(node: Node<'_>, shape: ShapeId, depth: usize, at_root: bool) -> Self {
        Self { start: node.span().0, shape, depth: depth.min(FRAMES_MAX + 1), at_root: at_root && depth <= FRAMES_MAX }
    }
}

/// A price and the edits that it pays for.
type Aligned = (u32, Rc<[Edit]>);

#[derive(Debug)]
pub(super) struct Memo {
    known: BTreeMap<Seen, Result<Aligned, Misfit>>,
    steps_left: usize,
}

impl Memo {
    pub(super) fn for_nodes(nodes: usize) -> Self {
        Self::of_steps(nodes.saturating_mul(STEPS_PER_NODE).saturating_add(STEPS))
    }

    const fn of_steps(steps_left: usize) -> Self {
        Self { known: BTreeMap::new(), steps_left }
    }

    /// For a document inside this one: it has the steps that are left.
    pub(super) fn of_another(&self) -> Self {
        Self::of_steps(self.steps_left)
    }

    pub(super) fn take_steps_of(&mut self, other: &Self) {
        self.steps_left = other.steps_left;
    }

    /// False: there are no steps left.
    pub(super) fn spend(&mut self, steps: usize) -> bool {
        self.steps_left = self.steps_left.saturating_sub(steps);
        !self.is_spent()
    }

    pub(super) const fn is_spent(&self) -> bool {
        self.steps_left == 0
    }

    pub(super) fn known(&self, seen: &Seen) -> Option<Result<Aligned, Misfit>> {
        self.known.get(seen).cloned()
    }

    pub(super) fn keep(&mut self, seen: Seen, found: Result<(u32, &[Edit]), Misfit>) {
        self.known.insert(seen, found.map(|(price, edits)| (price, edits.into())));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Memo;
    use crate::align::align_within;
    use crate::document::Document;
    use crate::schema::Shapes;

    /// Rows whose keys drifted, aligned in so many steps.
    fn rule(rows: usize, steps: usize) -> Option<&'static str> {
        let schema = json!({"type": "array", "items": {"type": "object", "additionalProperties": false,
            "required": ["day", "place"], "properties": {"day": {"type": "string"}, "place": {"type": "string"}}}});
        let text = format!("[{}]", vec![r#"{"Day":"Monday","Place":"Oslo"}"#; rows].join(","));
        let document = Document::parse(text).expect("JSON");
        align_within(&document, &Shapes::of(&schema), Memo::of_steps(steps)).err().map(|misfit| misfit.rule)
    }

    #[test]
    fn an_alignment_that_takes_too_many_steps_is_given_up() {
        assert_eq!(rule(100, 1500), None);
        assert_eq!(rule(200, 1500), Some("too_much"));
    }
}
