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
    let mut all = Vec::new();
    for (pass, step) in passes.iter().enumerate() {
        for edit in &step.edits {
            let place = follow(passes, pass, edit.start);
            all.push(Repair {
                code: edit.code,
                pass,
                start: edit.start,
                end: edit.end,
                pointer: pointer_at(output, place),
                before: step.text.get(edit.start..edit.end).unwrap_or("").to_owned(),
                after: edit.after.clone().into_owned(),
                risk: edit.code.risk(),
            });
        }
    }
    all
}

/// Carries an offset from the text of `pass` through all later edits to the output text.
fn follow(passes: &[Pass], pass: usize, offset: usize) -> usize {
    let mut at = offset;
    for step in passes.iter().skip(pass) {
        let mut out = at;
        for edit in step.edits.iter().take_while(|edit| edit.start < at) {
            let removed = edit.end.min(at) - edit.start;
            out = out + edit.after.len() - removed;
        }
        at = out;
    }
    at
}

/// The pointer of the innermost value that covers a byte of the document.
pub(crate) fn pointer_at(doc: &crate::Document, at: usize) -> String {
    let mut pointer = String::new();
    let mut node = doc.root();
    loop {
        let covers = |n: crate::Node<'_>| n.span().0 <= at && at <= n.span().1;
        let member = node.members().find(|(k, v)| k.span().0 <= at && at <= v.span().1);
        let step = match member {
            Some((key, value)) => {
                let name = key.as_str().unwrap_or_default();
                pointer.push('/');
                pointer.push_str(&pointer_token(&name));
                Some(value)
            }
            None => node.items().enumerate().find(|(_, n)| covers(*n)).map(|(i, n)| {
                pointer.push('/');
                pointer.push_str(&i.to_string());
                n
            }),
        };
        match step {
            Some(inner) => node = inner,
            None => return pointer,
        }
    }
}
