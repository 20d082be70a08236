//! What is worth changing in a schema before it meets a model.
//!
//! A model writes members in the order of the schema: a verdict that stands before its reasons is given without them.
//! An object that does not say what else it may hold lets invented members pass unseen.
//!
//! What never happens here: no schema is refused. Advice is advice.

use serde_json::Value;
use steersman_core::pointer_token;

/// One piece of advice.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Advice {
    /// RFC 6901 pointer into the schema.
    pub pointer: String,
    /// What is worth changing, and why.
    pub message: String,
}

const REASONS: [&str; 8] =
    ["reason", "reasoning", "rationale", "explanation", "thought", "thinking", "justification", "analysis"];
const VERDICTS: [&str; 12] = [
    "answer",
    "verdict",
    "decision",
    "label",
    "category",
    "classification",
    "score",
    "rating",
    "result",
    "conclusion",
    "sentiment",
    "intent",
];

/// Looks a schema over. Linear in it.
#[must_use]
pub fn advice(schema: &Value) -> Vec<Advice> {
    let mut found = Vec::new();
    look(schema, &mut String::new(), &mut found);
    found
}

fn look(schema: &Value, at: &mut String, found: &mut Vec<Advice>) {
    // A part of `allOf` that forbids other members forbids those of the other parts.
    let is_part = at.rsplit('/').nth(1) == Some("allOf");
    if let Some(members) = schema.get("properties").and_then(Value::as_object) {
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        let is = |words: &[&str], name: &str| {
            let name = name.to_ascii_lowercase();
            words.iter().any(|word| name == *word || name.ends_with(&format!("_{word}")))
        };
        let verdict = names.iter().position(|name| is(&VERDICTS, name));
        let reason = names.iter().position(|name| is(&REASONS, name));
        if let (Some(verdict), Some(reason)) = (verdict, reason)
            && verdict < reason
            && let (Some(first), Some(second)) = (names.get(verdict), names.get(reason))
        {
            let message = format!(
                "`{first}` stands before `{second}`: a model gives it before it has reasoned; move `{second}` up"
            );
            found.push(Advice { pointer: at.clone(), message });
        }
        if !is_part && schema.get("additionalProperties").is_none() && schema.get("unevaluatedProperties").is_none() {
            let keyword = if schema.get("allOf").is_some() { "unevaluatedProperties" } else { "additionalProperties" };
            let message =
                format!("other members may pass unseen; say `\"{keyword}\": false` to have invented ones named");
            found.push(Advice { pointer: at.clone(), message });
        }
    }
    let children: Vec<(String, &Value)> = match schema {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect(),
        _ => return,
    };
    for (step, child) in children.into_iter().filter(|(step, _)| !matches!(step.as_str(), "enum" | "const" | "default"))
    {
        let length = at.len();
        at.push('/');
        at.push_str(&pointer_token(&step));
        look(child, at, found);
        at.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_verdict_before_its_reasons_and_an_open_object_are_named() {
        let schema = json!({"type": "object", "properties": {"verdict": {}, "reasoning": {}}});
        let said: Vec<String> = advice(&schema).into_iter().map(|advice| advice.message).collect();
        assert!(
            said[0].contains("`verdict` stands before `reasoning`") && said[1].contains("additionalProperties"),
            "{said:?}"
        );
        let sound =
            json!({"type": "object", "properties": {"reasoning": {}, "verdict": {}}, "additionalProperties": false});
        assert_eq!(advice(&sound), []);
        let extended = json!({"type": "object", "properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}]});
        let said = advice(&extended);
        assert!(said.len() == 1 && said[0].message.contains("unevaluatedProperties"), "{said:?}");
    }
}
