//! The outline of a value: which members it has, of which types, and which listed words it used. No text of a person is
//! kept, so an outline can be stored and shown.
//!
//! Two answers to one question differ in their words and not in their outlines, unless the model behind them has
//! changed.
//!
//! What never happens here: a judgement by values; a word that its schema lists is as good as another one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use steersman_core::pointer_token;

use crate::document::{Document, Kind, Node};
use crate::subschema::subschema;

/// More places than this are not followed; a map with free keys is no outline.
const PLACES_MAX: usize = 2_000;

/// What a value is made of, by place: a JSON pointer in which `*` stands for every element.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    places: BTreeMap<String, Place>,
}

/// What stood at one place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    types: BTreeSet<String>,
    /// Whether every object around it has it.
    always: bool,
    /// Words that stood there and that its schema does not list.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    unlisted: BTreeSet<String>,
    #[serde(skip)]
    seen: usize,
}

/// One difference between the confirmed outline and another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The place.
    pub pointer: String,
    /// `renamed_key`, `missing_key`, `new_key`, `type` or `enum`.
    pub rule: String,
    /// What was confirmed there.
    pub old: String,
    /// What stands there now.
    pub new: String,
}

impl Outline {
    /// The outline of a document. `schema` tells which words are listed. Linear in the document.
    #[must_use]
    pub fn of(document: &Document, schema: Option<&Value>) -> Self {
        let mut outline = Self::default();
        outline.walk(document.root(), schema);
        let objects: BTreeMap<String, usize> =
            outline.places.iter().map(|(at, place)| (at.clone(), place.seen)).collect();
        for (pointer, place) in &mut outline.places {
            let around = pointer.rsplit_once('/').and_then(|(parent, _)| objects.get(parent));
            place.always = around.is_none_or(|around| place.seen >= *around);
        }
        outline
    }

    fn walk(&mut self, root: Node<'_>, schema: Option<&Value>) {
        let mut left = vec![(String::new(), root)];
        while let Some((pointer, node)) = left.pop() {
            if self.places.len() >= PLACES_MAX && !self.places.contains_key(&pointer) {
                continue;
            }
            let place = self.places.entry(pointer.clone()).or_default();
            place.seen += 1;
            place.types.insert(kind(node.kind()).to_owned());
            match node.kind() {
                Kind::Object => left.extend(node.members().map(|(key, value)| {
                    (format!("{pointer}/{}", pointer_token(&key.as_str().unwrap_or_default())), value)
                })),
                Kind::Array => left.extend(node.items().map(|item| (format!("{pointer}/*"), item))),
                Kind::String => {
                    let listed = schema.and_then(|schema| subschema(schema, &pointer.replace("/*", "/0"))?.get("enum"));
                    let listed = listed.and_then(Value::as_array);
                    if let (Some(listed), Some(word)) = (listed, node.as_str())
                        && !listed.iter().any(|known| known.as_str() == Some(&word))
                    {
                        place.unlisted.insert(word.into_owned());
                    }
                }
                _ => {}
            }
        }
    }

    /// What another outline has that this one, the confirmed one, has not, and what it lacks. A member that is gone and
    /// a new one of the same types beside it are one that was renamed.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        // How many elements a list has says nothing, nor does what stands below a member that is gone itself.
        let outermost = |at: &str, among: &Self| {
            at.rsplit_once('/').is_none_or(|(parent, name)| name != "*" && among.places.contains_key(parent))
        };
        let mut new: Vec<&String> =
            now.places.keys().filter(|at| !self.places.contains_key(*at) && outermost(at, self)).collect();
        for (pointer, place) in
            self.places.iter().filter(|(at, place)| place.always && !now.places.contains_key(*at) && outermost(at, now))
        {
            let renamed = new.iter().position(|at| {
                at.rsplit_once('/').map(|(parent, _)| parent) == pointer.rsplit_once('/').map(|(parent, _)| parent)
                    && now.places.get(*at).is_some_and(|new| new.types == place.types)
            });
            let (rule, to) = match renamed {
                Some(index) => ("renamed_key", name(new.remove(index))),
                None => ("missing_key", ""),
            };
            found.push(difference(pointer, rule, name(pointer), to));
        }
        found.extend(new.into_iter().map(|at| difference(at, "new_key", "", name(at))));
        for (pointer, place) in &now.places {
            let Some(before) = self.places.get(pointer) else { continue };
            if !place.types.is_subset(&before.types) {
                found.push(difference(pointer, "type", &words(&before.types), &words(&place.types)));
            }
            let unlisted: BTreeSet<_> = place.unlisted.difference(&before.unlisted).cloned().collect();
            if !unlisted.is_empty() {
                found.push(difference(pointer, "enum", "a listed word", &words(&unlisted)));
            }
        }
        found
    }

    /// Takes another outline for confirmed too: what stands in one of them only may be there or not.
    pub fn confirm(&mut self, other: &Self) {
        for (pointer, place) in &mut self.places {
            place.always &= other.places.contains_key(pointer);
        }
        for (pointer, place) in &other.places {
            match self.places.get_mut(pointer) {
                Some(own) => {
                    own.types.extend(place.types.iter().cloned());
                    own.unlisted.extend(place.unlisted.iter().cloned());
                    own.always &= place.always;
                }
                None => {
                    self.places.insert(pointer.clone(), Place { always: false, ..place.clone() });
                }
            }
        }
    }
}

fn difference(pointer: &str, rule: &str, old: &str, new: &str) -> Difference {
    Difference { pointer: pointer.to_owned(), rule: rule.to_owned(), old: old.to_owned(), new: new.to_owned() }
}

fn name(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(_, name)| name)
}

fn words(set: &BTreeSet<String>) -> String {
    set.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool => "boolean",
        Kind::Number => "number",
        Kind::String => "string",
        Kind::Array => "array",
        Kind::Object => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(text: &str) -> Outline {
        let schema = serde_json::json!({"properties": {"kind": {"enum": ["bug", "question"]}}});
        Outline::of(&Document::parse(text).expect("a document"), Some(&schema))
    }

    fn differences(before: &str, now: &str) -> Vec<String> {
        let found = outline(before).differences(&outline(now));
        found.iter().map(|found| format!("{} {} {} -> {}", found.rule, found.pointer, found.old, found.new)).collect()
    }

    #[test]
    fn keys_types_and_listed_words_are_compared_and_values_are_not() {
        let before = r#"{"kind":"bug","lines":[{"amount":1,"note":"x"},{"amount":2}],"by":null}"#;
        for (now, expected) in [
            (r#"{"kind":"question","lines":[{"amount":7}],"by":null}"#, vec![]),
            (r#"{"kind":"bug","lines":[],"by":null}"#, vec![]),
            (r#"{"type":"bug","lines":[],"by":null}"#, vec!["renamed_key /kind kind -> type"]),
            (r#"{"kind":"bug","lines":[{"sum":1}],"by":null}"#, vec!["renamed_key /lines/*/amount amount -> sum"]),
            (r#"{"kind":"Bugs","lines":[],"by":null}"#, vec!["enum /kind a listed word -> Bugs"]),
            (r#"{"kind":"bug","lines":[{"amount":"1"}],"by":null}"#, vec!["type /lines/*/amount number -> string"]),
            (r#"{"kind":"bug","by":null}"#, vec!["missing_key /lines lines -> "]),
            (r#"{"kind":"bug","lines":[],"by":null,"why":{"a":1}}"#, vec!["new_key /why  -> why"]),
        ] {
            assert_eq!(differences(before, now), expected, "{now}");
        }
    }

    #[test]
    fn what_was_confirmed_once_more_may_be_there_or_not() {
        let (mut known, other) = (outline(r#"{"kind":"bug","note":"x"}"#), outline(r#"{"kind":"bug","why":1}"#));
        assert_eq!(known.differences(&other).len(), 2);
        known.confirm(&other);
        assert!(known.differences(&other).is_empty() && known.differences(&outline(r#"{"kind":"bug"}"#)).is_empty());
        let text = serde_json::to_string(&known).expect("JSON");
        assert_eq!(serde_json::from_str::<Outline>(&text).expect("an outline").differences(&other), []);
    }
}
