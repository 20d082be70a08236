//! A value for a JSON Schema: what a model that understood the schema would answer.
//!
//! Covered: `type` (one or several), `enum`, `const`, `properties`, `items`, `prefixItems`, `minItems`, `minimum`,
//! `maximum` and their exclusive forms, `multipleOf`, `minLength`, `maxLength`, the common `format`s, `anyOf`, `oneOf`,
//! `allOf`, and local `$ref`s. `pattern` is not: a text of the right length stands in. All declared properties are
//! given.

use serde_json::{Map, Value, json};

use crate::chance::Chance;

/// Schemas that refer to themselves end here.
const MAX_DEPTH: usize = 12;

const WORDS: &[&str] = &[
    "amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "harbor", "inlet", "jetty", "knoll", "lagoon",
    "meadow", "north", "orchard", "pier", "quarry", "river", "summit", "tide",
];

/// Whether a value is the right one for its seed, or differs from it wherever the schema leaves a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// The right value.
    Right,
    /// Of the same form, with other content.
    Wrong,
}

/// A value of `schema`. The same seed gives the same value; `truth` says which of the two that belong to it.
#[must_use]
pub fn value_for(schema: &Value, seed: u64, truth: Truth) -> Value {
    let mut maker = Maker { root: schema, chance: Chance::of(seed, &[2]), truth };
    maker.value(schema, 0)
}

struct Maker<'s> {
    root: &'s Value,
    chance: Chance,
    truth: Truth,
}

impl Maker<'_> {
    /// One of `count` ways. A wrong value takes another way than the right one wherever there are two.
    fn pick(&mut self, count: usize) -> usize {
        let right = self.chance.below(count);
        let shift = 1 + self.chance.below(count.saturating_sub(1));
        match self.truth {
            Truth::Right => right,
            Truth::Wrong if count < 2 => right,
            Truth::Wrong => (right + shift) % count,
        }
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        let Some(schema) = schema.as_object() else { return json!(null) };
        if depth > MAX_DEPTH {
            return json!(null);
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)).cloned();
            return found.map_or(Value::Null, |target| self.value(&target, depth + 1));
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(members) = schema.get("enum").and_then(Value::as_array) {
            let at = self.pick(members.len());
            return members.get(at).cloned().unwrap_or(Value::Null);
        }
        for union in ["anyOf", "oneOf"] {
            if let Some(branches) = schema.get(union).and_then(Value::as_array) {
                // The first branch that is more than `null`: the shape of a right and a wrong answer is the same.
                let branch = branches.iter().find(|branch| branch.get("type") != Some(&json!("null")));
                return branch.cloned().map_or(Value::Null, |branch| self.value(&branch, depth + 1));
            }
        }
        if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
            let mut merged = schema.clone();
            merged.remove("allOf");
            all.iter().filter_map(Value::as_object).for_each(|part| merge(&mut merged, part));
            return self.value(&Value::Object(merged), depth + 1);
        }
        self.typed(schema, depth)
    }

    fn typed(&mut self, schema: &Map<String, Value>, depth: usize) -> Value {
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => {
                kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
            }
            _ if schema.contains_key("properties") => "object",
            _ if schema.contains_key("items") => "array",
            _ => "string",
        };
        match kind {
            "object" => {
                let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
                properties.iter().map(|(name, schema)| (name.clone(), self.value(schema, depth + 1))).collect()
            }
            "array" => self.array(schema, depth),
            "integer" | "number" => self.number(schema, kind == "integer"),
            "boolean" => Value::Bool(self.pick(2) == 1),
            "null" => Value::Null,
            _ => Value::String(self.string(schema)),
        }
    }

    fn array(&mut self, schema: &Map<String, Value>, depth: usize) -> Value {
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let least = bound("minItems").unwrap_or(1);
        let count = (least + self.chance.below(2)).min(bound("maxItems").unwrap_or(usize::MAX)).min(64);
        let prefix = schema.get("prefixItems").and_then(Value::as_array).cloned().unwrap_or_default();
        let items = schema.get("items").cloned();
        let count = if items.is_none() && !prefix.is_empty() { prefix.len() } else { count };
        let each = |i: usize| prefix.get(i).or(items.as_ref()).cloned().unwrap_or_else(|| json!({}));
        (0..count).map(each).collect::<Vec<_>>().iter().map(|schema| self.value(schema, depth + 1)).collect()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "bounded to a million steps")]
    fn number(&mut self, schema: &Map<String, Value>, whole: bool) -> Value {
        let get = |key: &str| schema.get(key).and_then(Value::as_f64);
        let step = get("multipleOf").filter(|step| *step > 0.0).unwrap_or(if whole { 1.0 } else { 0.25 });
        let low = get("minimum").or_else(|| get("exclusiveMinimum").map(|bound| bound + step));
        let high = get("maximum").or_else(|| get("exclusiveMaximum").map(|bound| bound - step));
        let (low, high) = match (low, high) {
            (Some(low), Some(high)) => (low, high),
            (Some(low), None) => (low, low + 100.0 * step),
            (None, Some(high)) => (high - 100.0 * step, high),
            (None, None) => (step, 100.0 * step),
        };
        let first = (low / step).ceil();
        let steps = ((high / step).floor() - first).clamp(0.0, 1_000_000.0) as usize;
        let value = (first + self.pick(steps + 1) as f64) * step;
        if whole { json!(value as i64) } else { json!(value) }
    }

    fn string(&mut self, schema: &Map<String, Value>) -> String {
        let (a, b, month) = (self.pick(WORDS.len()), self.chance.below(WORDS.len()), self.pick(12) + 1);
        let word = |i: usize| WORDS.get(i).copied().unwrap_or("amber");
        let number = a * WORDS.len() + b;
        match schema.get("format").and_then(Value::as_str) {
            Some("date") => format!("2026-{month:02}-{:02}", b + 1),
            Some("date-time") => format!("2026-{month:02}-{:02}T08:30:00Z", b + 1),
            Some("time") => format!("{month:02}:{:02}:00", b * 2),
            Some("email") => format!("{}@{}.example", word(a), word(b)),
            Some("uri" | "url") => format!("https://{}.example/{}", word(a), word(b)),
            Some("uuid") => format!("00000000-0000-4000-8000-{number:012}"),
            _ => {
                let bound = |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
                let mut text = format!("{} {}", word(a), word(b));
                while text.len() < bound("minLength").unwrap_or(0).min(4096) {
                    text.push(' ');
                    text.push_str(word(text.len() % WORDS.len()));
                }
                text.chars().take(bound("maxLength").unwrap_or(usize::MAX)).collect()
            }
        }
    }
}

/// Lays one schema over another; properties are joined.
fn merge(into: &mut Map<String, Value>, part: &Map<String, Value>) {
    for (key, value) in part {
        match (into.get_mut(key), value) {
            (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Value {
        json!({"type": "object", "$defs": {"label": {"enum": ["bug", "billing", "praise"]}}, "properties": {
            "label": {"$ref": "#/$defs/label"}, "urgent": {"type": "boolean"}, "score": {"type": "integer", "minimum": 1, "maximum": 5},
            "ratio": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "due": {"type": ["string", "null"], "format": "date"},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "minItems": 2},
            "owner": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"mail": {"type": "string", "format": "email"}}}]}}})
    }

    #[test]
    fn the_value_has_the_form_that_was_asked_for() {
        for seed in 0..200 {
            let value = value_for(&ticket(), seed, Truth::Right);
            assert!(["bug", "billing", "praise"].contains(&value["label"].as_str().expect("text")));
            assert!((1..=5).contains(&value["score"].as_i64().expect("a whole number")));
            assert!((0.0..=1.0).contains(&value["ratio"].as_f64().expect("a number")) && value["ratio"] != 0.0);
            assert!(value["tags"].as_array().expect("a list").iter().all(|tag| tag.as_str().expect("text").len() <= 5));
            assert!(value["tags"].as_array().expect("a list").len() >= 2);
            assert!(value["owner"]["mail"].as_str().expect("text").contains('@'));
        }
    }

    #[test]
    fn a_wrong_value_differs_at_each_leaf_that_leaves_a_choice() {
        for seed in 0..200 {
            let (right, wrong) = (value_for(&ticket(), seed, Truth::Right), value_for(&ticket(), seed, Truth::Wrong));
            for leaf in ["/label", "/urgent", "/score", "/ratio", "/due", "/owner/mail"] {
                assert_ne!(right.pointer(leaf), wrong.pointer(leaf), "{leaf} of seed {seed}");
            }
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let tree = json!({"type": "object", "properties": {"child": {"$ref": "#"}}});
        assert!(value_for(&tree, 1, Truth::Right).is_object());
    }
}
