//! The places of a value that a rule is asked of: a JSON pointer (RFC 6901) in which `*` stands for every element or
//! member.
//!
//! What never happens here: a place that the document does not have.

use steersman_core::{pointer_key, pointer_token};

use crate::document::{Kind, Node};

/// More places than this are not looked at; a rule over them would exceed its steps anyway.
const PLACES_MAX: usize = 10_000;

/// A pointer whose steps may be `*`.
#[derive(Debug)]
pub(super) struct Pattern(Vec<String>);

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix('/') {
            None if text.is_empty() => Ok(Self(Vec::new())),
            None => Err(format!("needs a JSON pointer such as `/lines/*/price`, not `{text}`")),
            Some(steps) => Ok(Self(steps.split('/').map(|step| pointer_key(step).into_owned()).collect())),
        }
    }
}

/// Every place that a pattern names, in document order, with its pointer.
pub(super) fn places<'d>(root: Node<'d>, pattern: &Pattern) -> Vec<(String, Node<'d>)> {
    let mut found = vec![(String::new(), root)];
    for step in &pattern.0 {
        let mut next = Vec::new();
        for (pointer, node) in found {
            descend(&pointer, node, step, &mut next);
        }
        next.truncate(PLACES_MAX);
        found = next;
    }
    found
}

fn descend<'d>(pointer: &str, node: Node<'d>, step: &str, next: &mut Vec<(String, Node<'d>)>) {
    let every = step == "*";
    match node.kind() {
        Kind::Array => {
            let wanted = |index: usize| every || step.parse() == Ok(index);
            let items = node.items().enumerate().filter(|(index, _)| wanted(*index));
            next.extend(items.map(|(index, item)| (format!("{pointer}/{index}"), item)));
        }
        Kind::Object => {
            let named = node.members().map(|(key, value)| (key.as_str().unwrap_or_default(), value));
            let wanted = named.filter(|(key, _)| every || key == step);
            next.extend(wanted.map(|(key, value)| (format!("{pointer}/{}", pointer_token(&key)), value)));
        }
        _ => {}
    }
}
