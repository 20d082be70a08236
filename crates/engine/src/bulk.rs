//! Many items in one question: every item of the input has one in the answer, and no other has.
//!
//! A model that labels hundreds of items drops some in silence and writes others twice. The ids of the input are read
//! off the question, those of the answer off its list. What is missing, or there twice with different words, is asked
//! for once more, alone; the lists are merged in the order of the input. An item that nobody asked about is left out
//! and named.
//!
//! What never happens here: an item that is made up, or one that is missing from an accepted answer.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use steersman_core::{Layer, Violation};
use steersman_structured::{Document, Kind, Node, find, merge};

/// How a task's items are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkSettings {
    /// The list in the answer, as a JSON pointer.
    pub items: String,
    /// The member that names an item, in the question and in the answer.
    pub id: String,
}

/// What an answer did with the items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Reconciled {
    /// How many were asked about.
    pub(crate) asked: usize,
    /// Not in the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) missing: Vec<String>,
    /// More than once in the answer; the same again counts once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) duplicates: Vec<String>,
    /// More than once with different words: asked for again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) contradicted: Vec<String>,
    /// In the answer and not in the question: left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unknown: Vec<String>,
}

/// The ids of a question: those of the items in the JSON that it holds.
pub(crate) fn asked(texts: &[String], id: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for text in texts {
        let mut rest = text.as_str();
        while let Some(start) = rest.find(['[', '{']) {
            let Some(tail) = rest.get(start..) else { break };
            let mut values = serde_json::Deserializer::from_str(tail).into_iter::<Value>();
            let read = values.next();
            let used = match &read {
                Some(Ok(value)) => {
                    collect(value, id, &mut ids);
                    values.byte_offset().max(1)
                }
                _ => 1,
            };
            rest = tail.get(used..).unwrap_or_default();
        }
    }
    ids
}

fn collect(value: &Value, id: &str, ids: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, id, ids)),
        Value::Object(members) => match members.get(id) {
            Some(Value::String(text)) => push(ids, text.clone()),
            Some(Value::Number(number)) => push(ids, number.to_string()),
            _ => members.values().for_each(|inner| collect(inner, id, ids)),
        },
        _ => {}
    }
}

fn push(ids: &mut Vec<String>, id: String) {
    if !ids.contains(&id) {
        ids.push(id);
    }
}

impl BulkSettings {
    /// The answer with one item for each id, in the order of the question, as far as it has them; `kept` are those of
    /// an earlier answer. `None` if there is no list.
    pub(crate) fn reconcile(
        &self,
        asked: &[String],
        kept: Option<&Document>,
        answer: &Document,
    ) -> Option<(Document, Reconciled)> {
        let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut earlier = BTreeMap::new();
        if let Some(kept) = kept {
            earlier = self.by_id(find(kept, &self.items)?);
        }
        for (id, items) in self.by_id(find(answer, &self.items)?) {
            found.insert(id, items);
        }
        // What was right before is not written anew: the second answer fills gaps.
        for (id, items) in earlier {
            if distinct(&items) == 1 {
                found.insert(id, items);
            }
        }
        let mut report = Reconciled { asked: asked.len(), ..Reconciled::default() };
        let mut list = Vec::new();
        for id in asked {
            match found.remove(id) {
                None => report.missing.push(id.clone()),
                Some(items) if distinct(&items) > 1 => report.contradicted.push(id.clone()),
                Some(items) => {
                    if items.len() > 1 {
                        report.duplicates.push(id.clone());
                    }
                    list.extend(items.first().copied());
                }
            }
        }
        report.unknown = found.into_keys().collect();
        let merged = merge(answer, &[(self.items.as_str(), &format!("[{}]", list.join(", ")))])?;
        Some((merged, report))
    }

    fn by_id<'d>(&self, list: Node<'d>) -> BTreeMap<String, Vec<&'d str>> {
        let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for item in list.items() {
            let id = item.get(&self.id).map(|id| match id.kind() {
                Kind::String => id.as_str().unwrap_or_default().into_owned(),
                _ => id.raw().to_owned(),
            });
            found.entry(id.unwrap_or_default()).or_default().push(item.raw());
        }
        found
    }
}

fn distinct(items: &[&str]) -> usize {
    let mut sorted = items.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len()
}

impl Reconciled {
    /// Whether the list is as asked for, item by item.
    pub(crate) fn is_exact(&self) -> bool {
        *self == Self { asked: self.asked, ..Self::default() }
    }

    /// What must be asked for again, each a violation.
    pub(crate) fn violations(&self, items: &str) -> Vec<Violation> {
        let violation = |rule: &str, message: String| Violation {
            layer: Layer::Rules,
            pointer: items.to_owned(),
            rule: rule.to_owned(),
            message,
            suggestion: None,
        };
        let missing = self.missing.iter().map(|id| violation("missing_item", format!("there is no item `{id}`")));
        let twice = self.contradicted.iter();
        let twice =
            twice.map(|id| violation("duplicate_item", format!("`{id}` is there twice, with different values")));
        missing.chain(twice).collect()
    }

    /// The ids to ask for again.
    pub(crate) fn wanted(&self) -> Vec<&str> {
        self.missing.iter().chain(&self.contradicted).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> BulkSettings {
        BulkSettings { items: "/labels".to_owned(), id: "id".to_owned() }
    }

    fn document(ids: &[(&str, &str)]) -> Document {
        let items: Vec<_> = ids.iter().map(|(id, label)| format!(r#"{{"id":"{id}","label":"{label}"}}"#)).collect();
        Document::parse(format!(r#"{{"labels":[{}]}}"#, items.join(","))).expect("a document")
    }

    #[test]
    fn the_ids_of_a_question_are_read_off_its_lists_and_lines() {
        let texts =
            ["Label [these]:\n[{\"id\":\"a\"},{\"id\":2}]".to_owned(), "{\"id\":\"c\"}\n{\"id\":\"a\"}".to_owned()];
        assert_eq!(asked(&texts, "id"), ["a", "2", "c"]);
    }

    #[test]
    fn lists_are_merged_in_the_order_of_the_question_and_nothing_is_made_up() {
        let ids: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let first = document(&[("c", "3"), ("a", "1"), ("a", "1"), ("d", "4"), ("d", "5"), ("x", "9")]);
        let (kept, report) = settings().reconcile(&ids, None, &first).expect("a list");
        assert_eq!((&report.missing, &report.duplicates), (&vec!["b".to_owned()], &vec!["a".to_owned()]));
        assert_eq!((report.wanted(), &report.unknown), (vec!["b", "d"], &vec!["x".to_owned()]));
        let second = document(&[("b", "2"), ("d", "5"), ("a", "7")]);
        let (merged, report) = settings().reconcile(&ids, Some(&kept), &second).expect("a list");
        assert!(report.wanted().is_empty(), "{report:?}");
        let wanted = document(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "5")]).text().replace("},{", "}, {");
        assert_eq!(merged.text(), wanted);
    }
}
