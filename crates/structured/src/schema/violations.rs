//! What is wrong with a document, as a list.
//!
//! The validator names every violation of the text as it stood, alignment the first obstacle to mending it. For a value
//! that fits no branch of a union the validator looks for the faults of every branch, down to the leaves; under a union
//! that refers to itself that doubles with each level, so the search is counted before it is begun.
//!
//! What never happens here: no verdict. Whether a document satisfies its schema was decided before.

use std::collections::BTreeMap;

use super::{CompiledSchema, Place, ShapeId, Shapes};
use crate::align::Misfit;
use crate::document::{Document, Node};
use crate::outcome::{Layer, Rejected, Violation};
use crate::record::pointer_at;

/// Violations reported at most.
const VIOLATIONS_MAX: usize = 50;
/// The validator quotes the value it complains of, which may be the whole document.
const MESSAGE_CHARS_MAX: usize = 240;
/// Values under branches that the validator may look at, and so many more for each node.
const LOOKS_MAX: usize = 50_000;
const LOOKS_PER_NODE: usize = 64;

impl CompiledSchema {
    /// All violations of the text as it stood, with what alignment says about the first obstacle.
    pub(super) fn rejected(&self, document: Document, misfit: Option<(&Document, Misfit)>) -> Rejected {
        let mut violations = self.violations(&document);
        let mut readings = Vec::new();
        if let Some((current, misfit)) = misfit {
            let pointer = pointer_at(current, misfit.at);
            let suggestion = (!misfit.readings.is_empty()).then(|| misfit.readings.join(" or "));
            readings = misfit.readings;
            violations.push(Violation {
                layer: Layer::Schema,
                pointer,
                rule: misfit.rule.to_owned(),
                message: misfit.message,
                suggestion,
            });
        }
        if violations.is_empty() {
            let message = "no form that the schema allows fits; there are too many to say what is wrong with each";
            return Rejected {
                best: Some(document.into_text()),
                ..Rejected::one(Layer::Schema, "anyOf", String::new(), message.to_owned())
            };
        }
        Rejected { layer: Layer::Schema, violations, readings, best: Some(document.into_text()) }
    }

    fn violations(&self, document: &Document) -> Vec<Violation> {
        let mut looks = Looks { shapes: &self.shapes, known: BTreeMap::new() };
        let most = document.nodes().saturating_mul(LOOKS_PER_NODE).saturating_add(LOOKS_MAX);
        if self.shapes.has_unions() && looks.at(document.root(), 0, 0) > most {
            return Vec::new();
        }
        let validator = self.dated.as_deref().unwrap_or(&self.validator);
        let errors = validator.iter_errors(Place::Value(document.root())).take(VIOLATIONS_MAX);
        let violation = |error: jsonschema::ValidationError<'_>| Violation {
            layer: Layer::Schema,
            pointer: error.instance_path().to_string(),
            rule: error.schema_path().to_string().rsplit('/').next().unwrap_or("").to_owned(),
            message: short(&error.to_string()),
            suggestion: None,
        };
        errors.map(violation).collect()
    }
}

fn short(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}

/// How many values the validator looks at if nothing fits.
struct Looks<'s> {
    shapes: &'s Shapes,
    known: BTreeMap<(usize, ShapeId), usize>,
}

impl Looks<'_> {
    fn at(&mut self, node: Node<'_>, id: ShapeId, depth: usize) -> usize {
        let seen = (node.span().0, id);
        if let Some(known) = self.known.get(&seen) {
            return *known;
        }
        // A reference that leads to itself ends here.
        self.known.insert(seen, 1);
        let Some(shape) = self.shapes.shape(id).filter(|_| depth <= super::DEPTH_MAX) else { return 1 };
        let mut looks = 1_usize;
        for branch in &shape.branches {
            looks = looks.saturating_add(self.at(node, *branch, depth + 1));
        }
        for (key, value) in node.members() {
            let declared = key.as_str().and_then(|key| shape.property(&key)).map(|p| p.shape);
            if let Some(id) = declared.or(shape.additional) {
                looks = looks.saturating_add(self.at(value, id, depth + 1));
            }
        }
        if let Some(id) = shape.items {
            for item in node.items() {
                looks = looks.saturating_add(self.at(item, id, depth + 1));
            }
        }
        self.known.insert(seen, looks);
        looks
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{CompiledSchema, Conditions, Reading, read};

    #[test]
    fn a_union_that_refers_to_itself_costs_no_more_with_each_level() {
        let node = json!({"$ref": "#/$defs/node"});
        let branch = |op: &str| {
            json!({"type": "object", "required": ["op", "left"], "additionalProperties": false,
                "properties": {"left": node, "op": {"enum": [op]}}})
        };
        let schema = json!({"$defs": {"node": {"anyOf": [branch("add"), branch("mul"), {"type": "integer"}]}},
            "$ref": "#/$defs/node"});
        let schema = CompiledSchema::new(&schema).expect("a schema");
        for (opening, leaf) in
            [(r#"{"op":"pow","left":"#, "1"), (r#"{"op":"mul","left":"#, "[]"), (r#"{"Op":"mul","Left":"#, "1")]
        {
            let text = format!("{}{leaf}{}", opening.repeat(60), "}".repeat(60));
            let reading = read(&text, Some(&schema), Conditions::default());
            assert_eq!(matches!(reading, Reading::Accepted(_)), opening.contains("Op"), "{reading:?}");
        }
    }
}
