//! Names for texts that a model works with and does not see.
//!
//! What never happens here: a text is filled in twice. What stands behind a handle is never searched for handles.

use std::collections::BTreeMap;

use serde_json::Value;
use steersman_core::ContentHash;

/// The texts behind the handles of a conversation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handles {
    values: BTreeMap<u32, Held>,
}

/// A text behind a handle.
#[derive(Debug, Clone)]
struct Held {
    text: String,
    /// Its hash, so that a long conversation is hashed once and not with each message.
    hash: ContentHash,
}

impl Held {
    fn new(text: String) -> Self {
        Self { hash: ContentHash::of(text.as_bytes()), text }
    }
}

const MARK: &str = "$h";
/// How a document may write its first letter.
const ESCAPED: &str = "\\u0024";

impl Handles {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether a text may hold one.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        !self.values.is_empty() && (text.contains(MARK) || text.contains(ESCAPED))
    }

    /// A new name for a text.
    pub(crate) fn name(&mut self, value: String) -> String {
        let number = self.values.keys().next_back().map_or(1, |last| last + 1);
        self.values.insert(number, Held::new(value));
        format!("{MARK}{number}")
    }

    /// All but the first so many, by name.
    pub(crate) fn since(&self, before: usize) -> Vec<(String, String)> {
        let named = |(number, held): (&u32, &Held)| (format!("{MARK}{number}"), held.text.clone());
        self.values.iter().skip(before).map(named).collect()
    }

    /// This hash, where there are none; else one that stands for it and for each name with its text. What is kept under
    /// it is found again only where all names stand for the same, so a name that it uses has the text that it had.
    pub(crate) fn bound_to(&self, link: ContentHash) -> ContentHash {
        if self.values.is_empty() {
            return link;
        }
        let mut all = link.to_string();
        for (number, held) in &self.values {
            all.push_str(&format!("\0{number} {}", held.hash));
        }
        ContentHash::of(all.as_bytes())
    }

    /// Forgets all but the first so many.
    pub(crate) fn back_to(&mut self, before: usize) {
        if let Some(first) = self.values.keys().nth(before).copied() {
            self.values.split_off(&first);
        }
    }

    /// Takes names of an earlier answer back.
    pub(crate) fn restore(&mut self, values: &[(String, String)]) {
        for (name, value) in values {
            let number = name.strip_prefix(MARK).and_then(|number| number.parse().ok());
            let Some(number) = number.filter(|number| self.values.get(number).is_none_or(|held| held.text != *value))
            else {
                continue;
            };
            self.values.insert(number, Held::new(value.clone()));
        }
    }

    /// The text with each handle's own in its place; `None` if there is no handle in it.
    pub(crate) fn fill(&self, text: &str) -> Option<String> {
        let mut filled = String::new();
        let (mut rest, mut found) = (text, false);
        while let Some((before, after)) = rest.split_once(MARK) {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let (digits, tail) = after.split_at(end);
            let ends = !tail.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            filled.push_str(before);
            match digits.parse().ok().filter(|_| ends).and_then(|number: u32| self.values.get(&number)) {
                Some(held) => {
                    filled.push_str(&held.text);
                    found = true;
                }
                None => {
                    filled.push_str(MARK);
                    filled.push_str(digits);
                }
            }
            rest = tail;
        }
        filled.push_str(rest);
        found.then_some(filled)
    }

    /// Fills in every text of a value. Whether there was a handle.
    pub(crate) fn fill_value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => match self.fill(text) {
                Some(filled) => {
                    *text = filled;
                    true
                }
                None => false,
            },
            Value::Array(list) => self.fill_all(list.iter_mut()),
            Value::Object(map) => self.fill_all(map.values_mut()),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn fill_all<'v>(&self, values: impl Iterator<Item = &'v mut Value>) -> bool {
        let mut any = false;
        for value in values {
            any |= self.fill_value(value);
        }
        any
    }

    /// Arguments as a model wrote them, filled in. What is no JSON, and what holds no handle, stays as it is.
    pub(crate) fn fill_arguments(&self, arguments: &mut String) {
        if !self.are_in(arguments) {
            return;
        }
        if let Ok(mut value) = serde_json::from_str(arguments)
            && self.fill_value(&mut value)
        {
            *arguments = value.to_string();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_handle_is_filled_in_whole_once_and_only_where_it_has_a_text() {
        let mut handles = Handles::default();
        let first = handles.name("Ann says $h2 \"now\"".to_owned());
        handles.name("bob@home.test".to_owned());
        assert_eq!(first, "$h1");
        let filled = |text: &str| handles.fill(text);
        assert_eq!(filled("to $h2, $h1.").unwrap(), "to bob@home.test, Ann says $h2 \"now\".");
        for kept in ["$h", "$h12", "$h2x", "$h3", "$2", "$H1", "no handle"] {
            assert_eq!(filled(kept), None, "{kept}");
        }
        let mut arguments = r#"{"to":["$h2"],"n":1,"text":"$h1"}"#.to_owned();
        handles.fill_arguments(&mut arguments);
        let expected = json!({ "to": ["bob@home.test"], "n": 1, "text": "Ann says $h2 \"now\"" });
        assert_eq!(serde_json::from_str::<Value>(&arguments).unwrap(), expected);
    }

    #[test]
    fn names_of_an_earlier_answer_are_taken_back_and_none_is_given_twice() {
        let mut handles = Handles::default();
        handles.restore(&[("$h4".to_owned(), "old".to_owned())]);
        assert_eq!(handles.name("new".to_owned()), "$h5");
        assert_eq!(handles.since(1), [("$h5".to_owned(), "new".to_owned())]);
        handles.back_to(1);
        assert_eq!(handles.name("other".to_owned()), "$h5");
    }

    #[test]
    fn what_is_kept_is_found_only_where_every_name_stands_for_the_same() {
        let link = ContentHash::of(b"a conversation");
        let after = |texts: &[&str]| {
            let mut handles = Handles::default();
            texts.iter().for_each(|text| drop(handles.name((*text).to_owned())));
            handles.bound_to(link)
        };
        assert_eq!(after(&[]), link);
        assert_eq!(after(&["a", "b"]), after(&["a", "b"]));
        let all = [after(&[]), after(&["a"]), after(&["b"]), after(&["a", "b"]), after(&["b", "a"]), after(&["a b"])];
        assert!((1..all.len()).all(|at| !all[..at].contains(&all[at])), "{all:?}");
    }
}
