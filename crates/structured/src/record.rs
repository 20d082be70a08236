//! Provenance: each change of a text is an edit with a code, and replaying the edits gives the output.
//!
//! A reading is a chain of passes. Each pass turns one text into the next by edits that do not overlap, so a record
//! needs only its pass, a byte span in that pass's text, and the bytes before and after.
//!
//! What never happens here: no change without a record. The output text *is* the edits applied to the input.

use steersman_core::pointer_token;

use crate::code::Code;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How much of the author's meaning a change could lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Spelling only: no parsed value can change by it.
    Lossless,
    /// One reading stands far ahead of any other.
    Low,
    /// The reading was chosen over a runner-up by a stated margin.
    Medium,
}

/// One change, as users see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// What was done.
    pub code: Code,
    /// Which pass did it: 0 works on the input, n on the text that pass n-1 left.
    pub pass: usize,
    /// First byte changed, in the text of its pass.
    pub start: usize,
    /// One past the last byte changed.
    pub end: usize,
    /// RFC 6901 pointer into the delivered value, to the place the change belongs to.
    pub pointer: String,
    /// The bytes that stood there.
    pub before: String,
    /// The bytes that stand there now.
    pub after: String,
    /// What it could cost.
    pub risk: Risk,
}

/// A change before it is dressed up for users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) after: Cow<'static, str>,
    pub(crate) code: Code,
}

impl Edit {
    pub(crate) fn new(start: usize, end: usize, after: impl Into<Cow<'static, str>>, code: Code) -> Self {
        Self { start, end, after: after.into(), code }
    }
}

/// A pass: the text it began with and what it changed, in order of position.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    pub(crate) text: String,
    pub(crate) edits: Vec<Edit>,
}

/// Applies edits that are sorted and do not overlap.
pub(crate) fn apply(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len() + edits.len() * 2);
    let mut at = 0;
    for edit in edits {
        out.push_str(text.get(at..edit.start).unwrap_or(""));
        out.push_str(&edit.after);
        at = edit.end.max(at);
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}

/// Replays records on the input they were made for and gives the output text; `None` if they do not fit it.
#[must_use]
pub fn replay(input: &str, repairs: &[Repair]) -> Option<String> {
    let mut text = input.to_owned();
    let passes = repairs.iter().map(|r| r.pass + 1).max().unwrap_or(0);
    for pass in 0..passes {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for repair in repairs.iter().filter(|r| r.pass == pass) {
            out.push_str(text.get(at..repair.start)?);
            if text.get(repair.start..repair.end)? != repair.before {
                return None;
            }
            out.push_str(&repair.after);
            at = repair.end;
        }
        out.push_str(text.get(at..)?);
        text = out;
    }
    Some(text)
}

/// Dresses up the edits of a chain of passes. `output` is the delivered text.
pub(crate) fn repairs(passes: &[Pass], output: &crate::Document) -> Vec<Repair> {
    let shifts: Vec<Shifts<'_>> = passes.iter().map(Shifts::of).collect();
    let mut places = Places::of(output);
    let mut all = Vec::new();
    for (pass, step) in passes.iter().enumerate() {
        for edit in &step.edits {
            let place = shifts.iter().skip(pass).fold(edit.start, |at, shifts| shifts.carry(at));
            all.push(Repair {
                code: edit.code,
                pass,
                start: edit.start,
                end: edit.end,
                pointer: places.pointer(place),
                before: step.text.get(edit.start..edit.end).unwrap_or("").to_owned(),
                after: edit.after.clone().into_owned(),
                risk: edit.code.risk(),
            });
        }
    }
    all
}

/// Where the offsets of one pass's text are in the next.
struct Shifts<'p> {
    edits: &'p [Edit],
    /// Bytes written and removed by the edits before each one.
    before: Vec<(usize, usize)>,
}

impl<'p> Shifts<'p> {
    fn of(pass: &'p Pass) -> Self {
        let sum = |sum: &mut (usize, usize), edit: &Edit| {
            let before = *sum;
            *sum = (sum.0 + edit.after.len(), sum.1 + edit.end.saturating_sub(edit.start));
            Some(before)
        };
        Self { edits: &pass.edits, before: pass.edits.iter().scan((0, 0), sum).collect() }
    }

    fn carry(&self, at: usize) -> usize {
        let last = self.edits.partition_point(|edit| edit.start < at).checked_sub(1);
        let found = last.and_then(|last| Some((self.edits.get(last)?, self.before.get(last)?)));
        found.map_or(at, |(edit, (written, removed))| {
            (at + written + edit.after.len()).saturating_sub(removed + edit.end.min(at) - edit.start)
        })
    }
}

/// The pointer of the innermost value that covers a byte of the document.
pub(crate) fn pointer_at(doc: &crate::Document, at: usize) -> String {
    Places::of(doc).pointer(at)
}

/// A member or an element: its name or number, where it starts and ends, and the value.
type Child<'d> = (Cow<'d, str>, usize, usize, crate::Node<'d>);

/// The pointers of many places in one document. What stands in a container is listed once.
struct Places<'d> {
    document: &'d crate::Document,
    inside: BTreeMap<usize, Vec<Child<'d>>>,
}

impl<'d> Places<'d> {
    fn of(document: &'d crate::Document) -> Self {
        Self { document, inside: BTreeMap::new() }
    }

    fn pointer(&mut self, at: usize) -> String {
        let mut pointer = String::new();
        let mut node = self.document.root();
        loop {
            let inside = self.inside.entry(node.span().0).or_insert_with(|| children(node));
            let first = inside.partition_point(|(_, _, end, _)| *end < at);
            let Some((name, _, _, value)) = inside.get(first).filter(|(_, start, ..)| *start <= at) else {
                return pointer;
            };
            pointer.push('/');
            pointer.push_str(&pointer_token(name));
            node = *value;
        }
    }
}

fn children(node: crate::Node<'_>) -> Vec<Child<'_>> {
    let members =
        node.members().map(|(key, value)| (key.as_str().unwrap_or_default(), key.span().0, value.span().1, value));
    let items =
        node.items().enumerate().map(|(i, item)| (Cow::Owned(i.to_string()), item.span().0, item.span().1, item));
    members.chain(items).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    #[test]
    fn places_are_found_through_passes_and_containers() {
        let output = Document::parse(r#"{"a":[1,{"b/c":"x"}],"d":2}"#).expect("JSON");
        for (at, want) in
            [(0, ""), (1, "/a"), (6, "/a/0"), (7, "/a/0"), (8, "/a/1"), (11, "/a/1/b~1c"), (25, "/d"), (27, "")]
        {
            assert_eq!(pointer_at(&output, at), want, "{at}");
        }
        let edits = vec![
            Edit::new(0, 2, "", Code::Wrapper),
            Edit::new(4, 4, "abc", Code::BareKey),
            Edit::new(6, 9, "x", Code::Number),
        ];
        let pass = Pass { text: "0123456789".to_owned(), edits };
        let carried: Vec<usize> = (0..11).map(|at| Shifts::of(&pass).carry(at)).collect();
        assert_eq!(carried, [0, 0, 0, 1, 2, 6, 7, 8, 8, 8, 9]);
    }
}
