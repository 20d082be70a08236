//! Telling an answer from the form that was handed back unfilled: `{"name": "<name>", "city": "<city>"}`.
//!
//! A schema of free texts accepts such a form, so that nobody downstream would notice. A text that says the name of its
//! own member in a frame is none, nor is a document in which every value is the mark of a form and one of them can be
//! nothing else (`...`, `TBD`, `TBD: ask`, `<string>`). A value that the schema lists is an answer whatever it looks
//! like, and so are the names of types alone (`{"id": "integer", "name": "string"}`), marks of citation and tags of a
//! page; `string` under three names is a form where a boolean or a record inside stands beside it. What may be a value
//! (`N/A`, `unknown`, the empty text) is left alone.
//!
//! What never happens here: no document without a schema is touched, none of a single value that says nothing of its
//! name.

use serde_json::Value;
use steersman_core::pointer_key;

use crate::announce::spaced;
use crate::document::{Document, Kind, Node};
use crate::outcome::{Layer, Rejected};
use crate::record::pointer_at;
use crate::schema::{ShapeId, Shapes};

/// Values are looked at up to here: a form is short.
const VALUES_MAX: usize = 256;
/// What stands only for a value that is still to come.
const BLANKS: [&str; 3] = ["...", "…", "tbd"];
/// What a form says of a value, and an answer about columns, inputs or tasks may say as well.
const HINTS: [&str; 13] = [
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
    "todo",
    "placeholder",
    "yyyy-mm-dd",
];

/// A value that is neither object nor list, with the name it stands under.
type Leaf<'d> = (Node<'d>, Option<Node<'d>>);

/// The values of a document in no order; `None` for more than a form has.
pub(crate) fn leaves(document: &Document) -> Option<Vec<Leaf<'_>>> {
    let mut left = vec![(document.root(), None)];
    let mut found = Vec::new();
    while let Some((node, key)) = left.pop() {
        match node.kind() {
            Kind::Object => left.extend(node.members().map(|(key, value)| (value, Some(key)))),
            Kind::Array => left.extend(node.items().map(|item| (item, key))),
            _ => found.push((node, key)),
        }
        if found.len() + left.len() > VALUES_MAX {
            return None;
        }
    }
    Some(found)
}

/// The rejection of an unfilled form; `None` for an answer. Linear in the document, up to a limit, where no value looks
/// like the mark of a form.
pub(crate) fn unfilled(document: &Document, shapes: &Shapes) -> Option<Rejected> {
    let mut values = leaves(document)?;
    let own = |(node, key): &Leaf<'_>| {
        node.as_str().zip(key.and_then(Node::as_str)).is_some_and(|(text, key)| names_itself(text.trim(), &key))
    };
    let may_tell = |text: &str| framed(text).is_some() || is_one_of(&BLANKS, text) || is_reminder(text);
    if !repeats_names(&values)
        && !says_only_string(&values)
        && !values.iter().any(|leaf| own(leaf) || leaf.0.as_str().is_some_and(|text| may_tell(text.trim())))
    {
        return None;
    }
    let names: Vec<String> = values.iter().filter_map(|(_, key)| Some(spaced(&key.as_ref()?.as_str()?))).collect();
    let tells = |leaf: &Leaf<'_>| leaf.0.as_str().is_some_and(|text| can_only_be_a_mark(text.trim(), &names));
    values.retain(|(node, _)| !is_listed(document, *node, shapes));
    if let Some((node, _)) = values.iter().find(|leaf| own(leaf)) {
        return Some(rejected(document, *node));
    }
    // A nought in a form is no value either.
    let all = values.len();
    values.retain(|(node, _)| !matches!(node.raw(), "0" | "0.0" | "null" | "\"\""));
    let numbered =
        |text: &str, key: &Option<Node<'_>>| key.and_then(Node::as_str).is_some_and(|key| is_numbered(text, &key));
    let mark = |(node, key): &Leaf<'_>| node.as_str().is_some_and(|text| is_mark(text.trim()) || numbered(&text, key));
    let marks = values.iter().all(mark);
    let typed = values.len() < all && says_only_string(&values);
    let is_form =
        repeats_names(&values) || is_typed_form(document, &values) || (marks && (typed || values.iter().any(tells)));
    (values.len() > 1 && is_form).then(|| rejected(document, document.root()))
}

/// Every text is the name of its own member, and there are several: `{"name": "name", "city": "city"}`.
fn repeats_names(values: &[Leaf<'_>]) -> bool {
    let mut texts = values.iter().filter(|(node, _)| node.kind() == Kind::String).peekable();
    let itself = |(node, key): &Leaf<'_>| {
        let texts = node.as_str().zip(key.and_then(Node::as_str));
        texts.is_some_and(|(text, key)| text.len() > 1 && text.eq_ignore_ascii_case(&key))
    };
    let first = texts.peek().is_some_and(|leaf| itself(leaf));
    // `{"name": "Name", "email": "Email"}` says what columns or buttons are called.
    let to_the_letter =
        |(node, key): &Leaf<'_>| node.as_str().zip(key.and_then(Node::as_str)).is_some_and(|(text, key)| text == key);
    first && texts.clone().count() > 1 && texts.clone().any(to_the_letter) && texts.all(itself)
}

/// Every text is the name of its type.
fn says_only_string(values: &[Leaf<'_>]) -> bool {
    let mut texts = values.iter().filter(|(node, _)| node.kind() == Kind::String).peekable();
    texts.peek().is_some() && texts.all(|(node, _)| node.is_text("string"))
}

/// The same of texts under several names, where a boolean stands beside them or a record inside the record:
/// `{"type": "string"}` tells of one, and `{"id": "string", "name": "string"}` of columns.
fn is_typed_form(document: &Document, values: &[Leaf<'_>]) -> bool {
    const NAMES_MIN: usize = 3;
    if !says_only_string(values) {
        return false;
    }
    let texts = || values.iter().filter(|(node, _)| node.kind() == Kind::String).filter_map(|(_, key)| *key);
    let mut names: Vec<&str> = texts().map(Node::raw).collect();
    names.sort_unstable();
    names.dedup();
    let at_root = |key: &Node<'_>| document.root().members().any(|(own, _)| own.span() == key.span());
    let mixed = values.iter().any(|(node, _)| node.kind() == Kind::Bool);
    let nested = texts().any(|key| at_root(&key)) && !texts().all(|key| at_root(&key));
    names.len() >= NAMES_MIN && (mixed || nested)
}

/// `TBD: ask them`, in capitals: what somebody has still to do.
fn is_reminder(text: &str) -> bool {
    let in_capitals = text.starts_with(['T', 'F']);
    let head = text.split_once(':').filter(|_| in_capitals).map_or("", |(head, _)| head);
    is_one_of(&["tbd", "todo", "fixme"], head) && !head.contains(char::is_lowercase)
}

/// `keyword1` under `keywords`.
fn is_numbered(text: &str, name: &str) -> bool {
    let stem = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let stem = stem.trim_end_matches([' ', '_']);
    stem.len() > 1
        && stem.len() < text.len()
        && (name.eq_ignore_ascii_case(stem) || name.strip_suffix('s').is_some_and(|one| one.eq_ignore_ascii_case(stem)))
}

/// Whether the schema lists this very text where it stands.
fn is_listed(document: &Document, node: Node<'_>, shapes: &Shapes) -> bool {
    let Some(text) = node.as_str() else { return false };
    let pointer = pointer_at(document, node.span().0);
    let mut at = with_branches(vec![0], shapes);
    for step in pointer.split('/').skip(1) {
        let name = pointer_key(step);
        let inner = at.iter().filter_map(|id| shapes.shape(*id)).flat_map(|shape| {
            let declared = shape.property(&name).map(|property| property.shape);
            let item = shape.items.filter(|_| name.bytes().all(|byte| byte.is_ascii_digit()));
            declared.or(shape.additional).into_iter().chain(item)
        });
        at = with_branches(inner.collect(), shapes);
    }
    let mut listed = at.iter().filter_map(|id| shapes.shape(*id)?.listed.as_ref()).flatten();
    listed.any(|value| matches!(value, Value::String(listed) if *listed == text))
}

/// These shapes and all that they refer to or choose from.
fn with_branches(mut ids: Vec<ShapeId>, shapes: &Shapes) -> Vec<ShapeId> {
    let mut next = 0;
    while let Some(&id) = ids.get(next) {
        next += 1;
        for &branch in shapes.shape(id).map_or(&[][..], |shape| &shape.branches) {
            if !ids.contains(&branch) {
                ids.push(branch);
            }
        }
    }
    ids
}

fn rejected(document: &Document, node: Node<'_>) -> Rejected {
    let message = format!("{} is a form and no value", node.raw().chars().take(80).collect::<String>());
    Rejected::one(Layer::Schema, "placeholder", pointer_at(document, node.span().0), message)
}

/// The inside of `<...>`, `{{...}}`, `${...}`, `[...]`.
fn framed(text: &str) -> Option<&str> {
    const FRAMES: [(&str, &str); 7] =
        [("<", ">"), ("{{", "}}"), ("${", "}"), ("{", "}"), ("[", "]"), ("__", "__"), ("%", "%")];
    let variable = || text.strip_prefix('$').filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    FRAMES.iter().find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close)).or_else(variable)
}

/// `<name>`, `{{ name }}`, `your name`, `YOUR_NAME`, `name here` under `name`.
fn names_itself(text: &str, name: &str) -> bool {
    let (inner, is_framed) = framed_words(text).map_or((text, false), |inner| (inner, true));
    if name.len() < 2 || inner.len() > 64 || !(is_framed || addresses(inner)) {
        return false;
    }
    let name = spaced(name);
    let said = spaced(inner);
    let told = said.strip_prefix(" your").or_else(|| said.strip_prefix(" insert"));
    // `YOUR_NAME_HERE` says it twice, as `YOUR_NAME` does in capitals: one word of the name is enough.
    let capitals = inner.starts_with("YOUR_") && !inner.contains(char::is_lowercase);
    let twice = told.is_some() && (capitals || said.ends_with(" here ")) && inner.contains('_');
    if twice && name.split_whitespace().any(|word| said.split_whitespace().any(|other| other == word)) {
        return true;
    }
    let told = told.or_else(|| said.strip_suffix("here ")).unwrap_or(&said);
    told == name && (is_framed || told.len() < said.len())
}

/// It begins or ends with a word that speaks to whoever fills the form in.
fn addresses(text: &str) -> bool {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    let begins = |word: &str| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    let ends = |word: &str| {
        text.len().checked_sub(word.len()).and_then(|at| text.get(at..)).is_some_and(|t| t.eq_ignore_ascii_case(word))
    };
    begins("your") || begins("insert") || ends("here")
}

/// Words in a frame: `[1]`, `</b>` and `<a href="/">` are none.
fn framed_words(text: &str) -> Option<&str> {
    let inner = framed(text)?.trim();
    let of_words = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '\'' | '|');
    let short = inner.len() <= 40 && inner.contains(char::is_alphabetic);
    (short && inner.chars().all(of_words)).then_some(inner)
}

fn is_one_of(marks: &[&str], text: &str) -> bool {
    marks.iter().any(|mark| mark.eq_ignore_ascii_case(text))
}

fn is_mark(text: &str) -> bool {
    is_one_of(&BLANKS, text) || is_one_of(&HINTS, text) || is_reminder(text) || framed_words(text).is_some()
}

/// `...`, `TBD`, `<string>`, `[your city]`, or the name of a member in a frame.
fn can_only_be_a_mark(text: &str, names: &[String]) -> bool {
    let says_so = |inner: &str| {
        let said = spaced(inner);
        let addressed = said.starts_with(" your ") || said.starts_with(" insert ");
        addressed || is_one_of(&HINTS, inner) || (said.len() > 3 && names.contains(&said))
    };
    is_one_of(&BLANKS, text)
        || is_reminder(text)
        || framed_words(text).is_some_and(|inner| is_one_of(&BLANKS, inner) || says_so(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_form(text: &str, schema: &Value) -> bool {
        unfilled(&Document::parse(text).expect("JSON"), &Shapes::of(schema)).is_some()
    }

    #[test]
    fn a_form_that_was_handed_back_is_told_from_an_answer() {
        for form in [
            r#"{"name":"<name>","city":"Rome"}"#,
            r#"{"full_name":"YOUR_FULL_NAME"}"#,
            r#"{"full_name":"YOUR_NAME_HERE"}"#,
            r#"{"city":"$CITY","n":1}"#,
            r#"{"city":"__CITY__"}"#,
            r#"{"name":"name","city":"City","n":1}"#,
            r#"{"name":"string","city":"string","n":0}"#,
            r#"{"name":"...","city":"<city>","n":0}"#,
            r#"{"name":"string","city":"string","mail":"string","paid":false}"#,
            r#"{"user":{"city":"{{city}}"}}"#,
            r#"{"city":"city here","n":1}"#,
            r#"{"name":"...","city":"..."}"#,
            r#"{"name":"...","tags":["string"]}"#,
            r#"{"name":"<string>","tags":["<string>"]}"#,
            r#"{"a":"TBD","b":"<date>"}"#,
            r#"{"to":"[Your Company]","from":"[sender]"}"#,
            r#"{"report":"string","authors":[{"mail":"string","role":"string"}]}"#,
            r#"{"heading":"TBD","notes":"TBD: ask them","labels":["label1","label2"]}"#,
            r#"{"source_wallet":"YOUR_WALLET_ID","amount":5}"#,
        ] {
            assert!(is_form(form, &Value::Bool(true)), "{form}");
        }
        for answer in [
            r#"{"name":"Name","city":"N/A"}"#,
            r#"{"name":"Name","email":"Email"}"#,
            r#"{"default":"YOUR_API_KEY_HERE"}"#,
            r#"{"tag":"<b>","text":"bold"}"#,
            r#"{"type":"string"}"#,
            r#"[{"type":"string","required":false},{"type":"string","required":true}]"#,
            r#"{"type":"string","description":"a name"}"#,
            r#"{"name":"","city":""}"#,
            r#"{"title":"Your name here matters"}"#,
            r#"{"name":"..."}"#,
            r#"{"name":"name","city":"Rome"}"#,
            r#"{"price":"$PRICE_A"}"#,
            r#"{"id":"integer","name":"string"}"#,
            r#"{"type":"string","format":"YYYY-MM-DD"}"#,
            r#"{"kind":"text","state":"todo"}"#,
            r#"{"open":"<p>","em":"</em>"}"#,
            r#"{"input":"text","output":"text"}"#,
            r#"{"claim":"[1]","source":"[2]"}"#,
            r#"{"open":"<b>","close":"</b>"}"#,
            r#"{"open":"<em>","close":"<i>"}"#,
            r#"{"id":"string","title":"string","body":"string"}"#,
            r#"{"heading":"Groceries","notes":"TBD: milk"}"#,
            r#"{"steps":["step1","step2"]}"#,
            r#"{"variable":"YOUR_WALLET_ID","line":5}"#,
        ] {
            assert!(!is_form(answer, &Value::Bool(true)), "{answer}");
        }
    }

    #[test]
    fn a_value_that_the_schema_lists_is_never_the_mark_of_a_form() {
        let state = serde_json::json!({"enum": ["TBD", "...", "<state>", "done"]});
        let schema = serde_json::json!({
            "$defs": {"state": state},
            "properties": {
                "state": {"$ref": "#/$defs/state"},
                "states": {"items": {"anyOf": [{"$ref": "#/$defs/state"}, {"type": "null"}]}},
                "a/b": {"additionalProperties": {"const": "TBD"}},
            },
        });
        for answer in [
            r#"{"state":"<state>"}"#,
            r#"{"state":"TBD","states":["...","TBD",null]}"#,
            r#"{"a/b":{"x":"TBD","y":"TBD"}}"#,
            r#"{"state":"TBD","note":"later"}"#,
        ] {
            assert!(!is_form(answer, &schema), "{answer}");
        }
        for form in [r#"{"state":"done","note":"...","by":"..."}"#, r#"{"states":["<states>"],"state":"TBD"}"#] {
            assert!(is_form(form, &schema), "{form}");
        }
    }
}
