//! Values written into a document at their places; every other byte stays.
//!
//! What never happens here: a place that is made up. A value goes where one stands, or where its object or array ends.

use steersman_core::pointer_key;

use crate::document::{Document, Kind, Node, encode};

/// Writes each value (JSON text) at its pointer (RFC 6901). `None` if a place does not exist, or a value is no JSON.
///
/// Costs the length of the document for each value.
#[must_use]
pub fn merge(document: &Document, values: &[(&str, &str)]) -> Option<Document> {
    let mut merged = document.clone();
    for (pointer, value) in values {
        Document::parse(*value).ok()?;
        let text = write(&merged, pointer, value)?;
        merged = Document::parse(text).ok()?;
    }
    Some(merged)
}

/// The node at a pointer (RFC 6901).
#[must_use]
pub fn find<'d>(document: &'d Document, pointer: &str) -> Option<Node<'d>> {
    pointer.split('/').skip(1).try_fold(document.root(), |at, step| child(at, &pointer_key(step)))
}

fn child<'d>(node: Node<'d>, name: &str) -> Option<Node<'d>> {
    match node.kind() {
        Kind::Object => node.get(name),
        Kind::Array => node.items().nth(name.parse().ok()?),
        _ => None,
    }
}

fn write(document: &Document, pointer: &str, value: &str) -> Option<String> {
    let text = document.text();
    if let Some(node) = find(document, pointer) {
        let (start, end) = node.span();
        return Some(format!("{}{value}{}", text.get(..start)?, text.get(end..)?));
    }
    let (parent, step) = pointer.rsplit_once('/')?;
    let (parent, name) = (find(document, parent)?, pointer_key(step));
    let (_, end) = parent.span();
    let (before, after) = text.split_at_checked(end.checked_sub(1)?)?;
    let comma = if parent.is_empty() { "" } else { ", " };
    match parent.kind() {
        Kind::Object => Some(format!("{}{comma}{}: {value}{after}", before.trim_end(), encode(&name))),
        Kind::Array if name.parse() == Ok(parent.len()) => Some(format!("{}{comma}{value}{after}", before.trim_end())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_to_their_places_and_nothing_else_moves() {
        let document = Document::parse(r#"{"a": 1.50, "b": [1, {"c/d": "x"}], "e": {} }"#).expect("a document");
        let merged = merge(&document, &[("/b/1/c~1d", "\"y\""), ("/e/f", "null"), ("/b/2", "[2]"), ("/g", "1e3")]);
        let wanted = r#"{"a": 1.50, "b": [1, {"c/d": "y"}, [2]], "e": {"f": null}, "g": 1e3}"#;
        assert_eq!(merged.expect("merged").text(), wanted);
        assert!(merge(&document, &[("/x/y", "1")]).is_none() && merge(&document, &[("/b/7", "1")]).is_none());
        assert!(merge(&document, &[("/a", "{")]).is_none());
    }
}
