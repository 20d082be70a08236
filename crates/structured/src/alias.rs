//! Names that a model has begun to use for a declared member, once that was confirmed.
//!
//! A renamed key whose words are no relatives of the declared one is beyond alignment: it is refused, and asked for
//! again. If the second answer is strictly right and holds under the declared name the very value that stood under the
//! other one, that is evidence. Enough of it, or a person's word, makes an alias.
//!
//! What never happens here: an alias that overrides a member which is there, or that takes a declared name.

use serde_json::Value;
use steersman_core::{pointer_key, pointer_token};

use crate::code::Code;
use crate::document::{Document, Kind, Node, encode};
use crate::merge::find;
use crate::outcome::{Layer, Reading, Rejected};
use crate::read::{Conditions, Mode, read};
use crate::record::{Edit, Pass, apply};
use crate::schema::CompiledSchema;
use crate::subschema::subschema;

/// A name that stands for a declared one, in the objects at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Alias {
    /// The pointer of the object, with every index as `*`.
    pub pointer: String,
    /// The name that the model writes.
    pub old: String,
    /// The declared name.
    pub new: String,
}

/// Reads a text with aliases: only where it would be rejected by its schema, and never in [`Mode::Strict`], do they
/// take part. What the renamed document is has to pass all that any other would.
pub fn read_with(text: &str, schema: Option<&CompiledSchema>, conditions: Conditions, aliases: &[Alias]) -> Reading {
    let reading = read(text, schema, conditions);
    let by_schema = matches!(&reading, Reading::Rejected(Rejected { layer: Layer::Schema, .. }));
    let Some(schema) = schema.filter(|_| by_schema && !aliases.is_empty() && conditions.mode != Mode::Strict) else {
        return reading;
    };
    let Reading::Accepted(found) = read(text, None, conditions) else { return reading };
    let (document, mut passes) = (found.document, found.passes);
    let edits = renames(&document, aliases);
    if edits.is_empty() {
        return reading;
    }
    let Ok(renamed) = Document::parse(apply(document.text(), &edits)) else { return reading };
    passes.push(Pass { text: document.into_text(), edits });
    match schema.judge(renamed, passes, conditions.mode) {
        accepted @ Reading::Accepted(_) => accepted,
        _ => reading,
    }
}

fn renames(document: &Document, aliases: &[Alias]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut left = vec![(String::new(), document.root())];
    while let Some((pointer, node)) = left.pop() {
        match node.kind() {
            Kind::Array => left.extend(node.items().map(|item| (format!("{pointer}/*"), item))),
            Kind::Object => {
                for alias in aliases.iter().filter(|alias| alias.pointer == pointer && node.get(&alias.new).is_none()) {
                    let named: Vec<_> =
                        node.members().filter(|(key, _)| key.as_str().as_deref() == Some(&alias.old)).collect();
                    if let [(key, _)] = named.as_slice() {
                        let (start, end) = key.span();
                        edits.push(Edit::new(start, end, encode(&alias.new), Code::Alias));
                    }
                }
                left.extend(node.members().map(|(key, value)| {
                    (format!("{pointer}/{}", pointer_token(&key.as_str().unwrap_or_default())), value)
                }));
            }
            _ => {}
        }
    }
    edits.sort_by_key(|edit| edit.start);
    edits
}

/// What a strictly right second answer says about the names of the first: for each place that was asked for and is
/// there now, the one undeclared member of the same object that held the same value.
#[must_use]
pub fn evidence(first: &Document, second: &Document, asked: &[&str], schema: &Value) -> Vec<Alias> {
    asked.iter().filter_map(|pointer| witness(first, second, pointer, schema)).collect()
}

fn witness(first: &Document, second: &Document, pointer: &str, schema: &Value) -> Option<Alias> {
    let (parent, name) = pointer.rsplit_once('/')?;
    let name = pointer_key(name);
    let (then, now) = (find(first, parent)?, find(second, pointer)?);
    if then.kind() != Kind::Object || then.get(&name).is_some() || says_little(now) {
        return None;
    }
    let declared = |key: &str| subschema(schema, &format!("{parent}/{}", pointer_token(key))).is_some();
    let same = |(key, value): (Node<'_>, Node<'_>)| {
        let key = key.as_str()?.into_owned();
        (value.raw() == now.raw() && !declared(&key)).then_some(key)
    };
    let mut keys = then.members().filter_map(same);
    let (old, None) = (keys.next()?, keys.next()) else { return None };
    let steps = parent.split('/').map(|step| if step.parse::<u32>().is_ok() { "*" } else { step });
    Some(Alias { pointer: steps.collect::<Vec<_>>().join("/"), old, new: name.into_owned() })
}

/// Values that two members share by chance.
fn says_little(node: Node<'_>) -> bool {
    matches!(node.kind(), Kind::Null | Kind::Bool) || matches!(node.raw(), "0" | "1" | "\"\"" | "[]" | "{}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        serde_json::json!({"type": "object", "additionalProperties": false, "required": ["lines"], "properties": {
            "lines": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["severity"],
                "properties": {"severity": {"type": "string"}, "note": {"type": "string"}}}}}})
    }

    fn check(text: &str, mode: Mode, expected: Option<&str>) {
        let compiled = CompiledSchema::new(&schema()).expect("a schema");
        let alias = Alias { pointer: "/lines/*".to_owned(), old: "heat".to_owned(), new: "severity".to_owned() };
        let conditions = Conditions { mode, ..Conditions::default() };
        let read = |aliases: &[Alias]| match read_with(text, Some(&compiled), conditions, aliases) {
            Reading::Accepted(accepted) => Some((accepted.document().text().to_owned(), accepted.repairs())),
            _ => None,
        };
        assert!(read(&[]).is_none() || expected.is_none(), "it is not accepted anyway: {text}");
        let said = read(&[alias]);
        assert_eq!(said.as_ref().map(|(text, _)| text.as_str()), expected, "{text}");
        if let Some((output, repairs)) = said {
            assert_eq!(crate::replay(text, &repairs), Some(output), "the records give the output");
        }
    }

    #[test]
    fn an_alias_takes_the_place_of_a_missing_member_and_never_of_one_that_is_there() {
        let wanted = r#"{"lines": [{"severity": "high"}]}"#;
        check(r#"{"lines": [{"heat": "high"}]}"#, Mode::Safe, Some(wanted));
        check("```json\n{\"lines\": [{\"heat\": \"high\"}]}\n```", Mode::Safe, Some(wanted));
        check(r#"{"lines": [{"heat": "high"}]}"#, Mode::Strict, None);
        check(r#"{"lines": [{"heat": "high", "heat": "low"}]}"#, Mode::Safe, None);
        check(r#"{"heat": "high", "lines": [{}]}"#, Mode::Safe, None);
    }

    #[test]
    fn only_the_same_value_under_one_undeclared_name_is_evidence() {
        let said = |first: &str, second: &str| {
            let (first, second) = (Document::parse(first).expect("one"), Document::parse(second).expect("two"));
            evidence(&first, &second, &["/lines/0/severity"], &schema())
                .into_iter()
                .map(|alias| alias.old)
                .collect::<Vec<_>>()
        };
        let second = r#"{"lines": [{"severity": "high"}]}"#;
        assert_eq!(said(r#"{"lines": [{"heat": "high"}]}"#, second), ["heat"]);
        assert!(said(r#"{"lines": [{"heat": "low"}]}"#, second).is_empty());
        assert!(said(r#"{"lines": [{"heat": "high", "fire": "high"}]}"#, second).is_empty());
        assert!(said(r#"{"lines": [{"note": "high"}]}"#, second).is_empty(), "a declared name is no alias");
        assert!(said(r#"{"lines": [{"heat": ""}]}"#, r#"{"lines": [{"severity": ""}]}"#).is_empty());
    }
}
