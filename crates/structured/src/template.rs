//! Telling an answer from the form that was handed back unfilled: `{"name": "<name>", "city": "<city>"}`.
//!
//! A schema of free texts accepts such a form, so that nobody downstream would notice. A text that says the name of its own
//! member in a frame is none, nor is a document in which every value is the mark of a form. What may be a value (`N/A`,
//! `unknown`, the empty text) is left alone.
//!
//! What never happens here: no document without a schema is touched, none of a single value that says nothing of its name.

use crate::announce::spaced;
use crate::document::{Document, Kind, Node};
use crate::outcome::{Layer, Rejected};
use crate::record::pointer_at;

/// Values are looked at up to here: a form is short.
const VALUES_MAX: usize = 256;
/// Marks of a form where every value is one.
const MARKS: [&str; 16] = [
    "...",
    "…",
    "string",
    "str",
    "text",
    "number",
    "integer",
    "int",
    "float",
    "boolean",
    "bool",
    "value",
    "tbd",
    "todo",
    "placeholder",
    "yyyy-mm-dd",
];

/// The rejection of an unfilled form; `None` for an answer. Linear in the document, up to a limit.
pub(crate) fn unfilled(document: &Document) -> Option<Rejected> {
    let mut left = vec![(document.root(), None)];
    let (mut values, mut marks) = (0, 0);
    while let Some((node, key)) = left.pop() {
        match node.kind() {
            Kind::Object => left.extend(node.members().map(|(key, value)| (value, Some(key)))),
            Kind::Array => left.extend(node.items().map(|item| (item, key))),
            _ => {
                values += 1;
                let text = node.as_str().unwrap_or_default();
                if key.and_then(Node::as_str).is_some_and(|key| names_itself(text.trim(), &key)) {
                    return Some(rejected(document, node));
                }
                marks += usize::from(marks + 1 == values && is_mark(text.trim()));
            }
        }
        if values + left.len() > VALUES_MAX {
            return None;
        }
    }
    (values > 1 && marks == values).then(|| rejected(document, document.root()))
}

fn rejected(document: &Document, node: Node<'_>) -> Rejected {
    let message = format!("{} is a form and no value", node.raw().chars().take(80).collect::<String>());
    Rejected::one(Layer::Schema, "placeholder", pointer_at(document, node.span().0), message)
}

/// The inside of `<...>`, `{{...}}`, `${...}`, `[...]`.
fn framed(text: &str) -> Option<&str> {
    [("<", ">"), ("{{", "}}"), ("${", "}"), ("{", "}"), ("[", "]")]
        .into_iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))
}

/// `<name>`, `{{ name }}`, `your name`, `YOUR_NAME`, `name here` under `name`.
fn names_itself(text: &str, name: &str) -> bool {
    let (inner, is_framed) = framed(text).map_or((text, false), |inner| (inner, true));
    let told = || ["your", "YOUR", "Your", "insert", "Insert", "here", "HERE"].iter().any(|word| inner.contains(word));
    if name.len() < 2 || inner.len() > 64 || !(is_framed || told()) {
        return false;
    }
    let name = spaced(name);
    let said = spaced(inner);
    let told = said.strip_prefix(" your").or_else(|| said.strip_prefix(" insert"));
    let told = told.or_else(|| said.strip_suffix("here ")).unwrap_or(&said);
    told == name && (is_framed || told.len() < said.len())
}

fn is_mark(text: &str) -> bool {
    let bare = framed(text);
    let short = |text: &str| !text.is_empty() && text.len() <= 40 && !text.contains(['<', '[', '{']);
    bare.is_some_and(short) || MARKS.iter().any(|mark| mark.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_was_handed_back_is_told_from_an_answer() {
        let found = |text: &str| unfilled(&Document::parse(text).expect("JSON")).is_some();
        for form in [
            r#"{"name":"<name>","city":"Rome"}"#,
            r#"{"full_name":"YOUR_FULL_NAME"}"#,
            r#"{"user":{"city":"{{city}}"}}"#,
            r#"{"city":"city here","n":1}"#,
            r#"{"name":"...","city":"..."}"#,
            r#"{"name":"string","tags":["string"]}"#,
            r#"{"a":"TBD","b":"<date>"}"#,
        ] {
            assert!(found(form), "{form}");
        }
        for answer in [
            r#"{"name":"Name","city":"N/A"}"#,
            r#"{"tag":"<b>","text":"bold"}"#,
            r#"{"type":"string"}"#,
            r#"{"type":"string","description":"a name"}"#,
            r#"{"name":"","city":""}"#,
            r#"{"title":"Your name here matters"}"#,
            r#"{"name":"..."}"#,
        ] {
            assert!(!found(answer), "{answer}");
        }
    }
}
