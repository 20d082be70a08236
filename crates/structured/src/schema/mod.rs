//! A schema compiled once: the validator that has the last word, tables that give its verdict where they hold all that
//! the schema says, and the shape that alignment works on.
//!
//! What never happens here: nothing is fetched. A reference to another document is an error of the schema.

mod dates;
mod exact;
mod flat;
mod forced;
mod shape;
mod sieve;
mod violations;

use std::collections::BTreeMap;

use crate::align::align;
use crate::document::{Document, Kind};
use crate::outcome::{Accepted, Layer, Reading, Rejected};
use crate::read::Mode;
use crate::record::{Pass, apply};
use crate::refusal;
pub(crate) use exact::{Exact, Place, equals};
use flat::{Flat, Verdict};
pub(crate) use shape::{Property, Shape, ShapeId, Shapes, Types};

/// A JSON Schema (2020-12, or the draft it names), compiled. Reuse it: compiling costs more than validating.
#[derive(Debug)]
pub struct CompiledSchema {
    validator: jsonschema::Validator<Exact>,
    /// The same where its dates have to be some, for a schema that asks for dates.
    dated: Option<Box<jsonschema::Validator<Exact>>>,
    flat: Option<Flat>,
    shapes: Shapes,
}

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It is no JSON.
    #[error("the schema is no JSON")]
    Json(#[from] serde_json::Error),
    /// It is no schema, or refers to a document that is not inside it.
    #[error("the schema cannot be compiled at `{pointer}`: {message}")]
    Schema {
        /// Where in the schema.
        pointer: String,
        /// What is wrong there.
        message: String,
    },
}

/// Documents that were handed over with a schema; the only ones there are.
struct Handed(BTreeMap<String, serde_json::Value>);

impl jsonschema::Retrieve for Handed {
    fn retrieve(
        &self,
        uri: &jsonschema::Uri<String>,
    ) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
        let address = uri.as_str();
        self.0
            .get(address)
            .cloned()
            .ok_or_else(|| format!("`{address}` is another document, and nothing is fetched").into())
    }
}

/// Documents nested deeper than this are not checked against a schema but rejected: the validator is recursive.
pub(crate) const DEPTH_MAX: usize = 192;
/// A document inside a string, inside a string: so many passes.
const PASSES_MAX: usize = 4;
/// Alignment may cost so much, and so much more for each scalar: drift is systematic, damage is not.
const PRICE_MAX: u32 = 16;
const PRICE_PER_NODE: u32 = 2;
/// A document that satisfies its schema is the answer, but for a key that says two things.
fn unless_contradictory(document: Document, passes: Vec<Pass>) -> Reading {
    match document.conflicting_duplicates().first() {
        None => Reading::Accepted(Accepted { document, passes }),
        Some(key) => {
            let message = format!("`{key}` stands twice in one object with different values");
            Reading::Rejected(Rejected::one(Layer::Schema, "duplicate_key", String::new(), message))
        }
    }
}

/// The document as it was before alignment.
fn original(passes: &[Pass], before: usize, current: &Document) -> Document {
    let text = passes.get(before).map(|pass| pass.text.as_str());
    text.and_then(|text| Document::parse(text).ok()).unwrap_or_else(|| current.clone())
}

impl CompiledSchema {
    /// Compiles a schema. References to other documents are an error: nothing is ever fetched.
    ///
    /// # Errors
    /// If the schema is malformed or refers outside itself.
    pub fn new(schema: &serde_json::Value) -> Result<Self, SchemaError> {
        Self::with_documents(schema, BTreeMap::new())
    }

    /// Compiles a schema that may refer to these documents, by their full addresses. Alignment does not look into them.
    ///
    /// # Errors
    /// If the schema is malformed or refers to anything else.
    pub fn with_documents(
        schema: &serde_json::Value,
        documents: BTreeMap<String, serde_json::Value>,
    ) -> Result<Self, SchemaError> {
        let failed = |e: jsonschema::ValidationError<'_>| SchemaError::Schema {
            pointer: e.schema_path().to_string(),
            message: e.to_string(),
        };
        let dated = dates::asks_for_dates(schema)
            .then(|| dates::asserted().with_retriever(Handed(documents.clone())).build(schema).map(Box::new))
            .transpose()
            .map_err(failed)?;
        let options = jsonschema::options_for::<Exact>().with_retriever(Handed(documents));
        let validator = options.build(schema).map_err(failed)?;
        Ok(Self { validator, dated, flat: Flat::of(schema), shapes: Shapes::of(schema) })
    }

    pub(crate) const fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// The root is a list of words, a number or a boolean: a lone word may be the answer.
    pub(crate) fn wants_listed_scalar(&self) -> bool {
        self.shapes.shape(0).is_some_and(|root| {
            root.listed.is_some()
                || (!root.types.has(Types::STRING) && !root.types.has(Types::OBJECT) && !root.types.has(Types::ARRAY))
        })
    }

    /// The words that the root lists.
    pub(crate) fn listed_words(&self) -> impl Iterator<Item = &str> {
        let listed = self.shapes.shape(0).and_then(|root| root.listed.as_ref());
        listed.into_iter().flatten().filter_map(serde_json::Value::as_str)
    }

    /// An object somewhere takes members that nobody declared.
    pub(crate) fn has_maps(&self) -> bool {
        self.shapes.has_maps()
    }

    /// The schema requires a member, at its root or of the elements of its root: prose does not satisfy it by chance.
    pub(crate) fn is_demanding(&self) -> bool {
        let requires = |shape: &Shape| shape.properties.iter().any(|p| p.required);
        let mut ids = vec![0];
        let mut seen = 0;
        while let Some(shape) = ids.pop().and_then(|id| self.shapes.shape(id)) {
            seen += 1;
            if seen > 32 || requires(shape) {
                return seen <= 32;
            }
            ids.extend(shape.branches.iter().chain(&shape.items));
        }
        false
    }

    /// Whether a document satisfies the schema as it stands.
    #[must_use]
    pub fn fits(&self, document: &Document) -> bool {
        if document.depth() > DEPTH_MAX {
            return false;
        }
        let validator = || self.validator.is_valid(Place::Value(document.root()));
        let fits = match self.flat.as_ref().map_or(Verdict::Unknown, |flat| flat.verdict(document)) {
            Verdict::Unknown => return validator(),
            verdict => verdict == Verdict::Fits,
        };
        debug_assert_eq!(fits, validator(), "invariant: the tables say what the validator says of {}", document.text());
        fits
    }

    /// The same, and every date in it is one.
    fn suits(&self, document: &Document) -> bool {
        let Some(dated) = &self.dated else { return self.fits(document) };
        // What breaks the tables needs no look at its dates.
        let breaks = || self.flat.as_ref().is_some_and(|flat| flat.verdict(document) == Verdict::Breaks);
        document.depth() <= DEPTH_MAX && !breaks() && dated.is_valid(Place::Value(document.root()))
    }

    pub(crate) fn judge(&self, document: Document, mut passes: Vec<Pass>, mode: Mode) -> Reading {
        if document.depth() > DEPTH_MAX {
            let message = format!("nested {} deep; with a schema, {DEPTH_MAX} is the limit", document.depth());
            return Reading::Rejected(Rejected::one(Layer::Schema, "depth", String::new(), message));
        }
        if let Some(words) = self.refusal(&document) {
            return Reading::Refused(words);
        }
        if self.suits(&document) {
            return unless_contradictory(document, passes);
        }
        if mode == Mode::Strict {
            return Reading::Rejected(self.rejected(document, None));
        }
        let before = passes.len();
        let mut current = document;
        for _ in 0..PASSES_MAX {
            let (edits, price) = match align(&current, &self.shapes) {
                Ok(found) => found,
                Err(misfit) => {
                    let original = original(&passes, before, &current);
                    return Reading::Rejected(self.rejected(original, Some((&current, misfit))));
                }
            };
            let nodes = u32::try_from(current.nodes()).unwrap_or(u32::MAX / 4);
            if edits.is_empty() || price > PRICE_MAX + nodes.saturating_mul(PRICE_PER_NODE) {
                break;
            }
            let Ok(next) = Document::parse(apply(current.text(), &edits)) else { break };
            passes.push(Pass { text: current.into_text(), edits });
            current = next;
            if self.suits(&current) {
                return match self.refusal(&current) {
                    Some(words) => Reading::Refused(words),
                    None => Reading::Accepted(Accepted { document: current, passes }),
                };
            }
        }
        let original = original(&passes, before, &current);
        Reading::Rejected(self.rejected(original, None))
    }

    /// The reading of a document that is known to satisfy the schema.
    pub(crate) fn fitting(&self, document: Document, passes: Vec<Pass>, mode: Mode) -> Reading {
        if self.dated.is_some() {
            return self.judge(document, passes, mode);
        }
        match self.refusal(&document) {
            Some(words) => Reading::Refused(words),
            None => unless_contradictory(document, passes),
        }
    }

    fn refusal(&self, document: &Document) -> Option<String> {
        if document.root().kind() != Kind::Object {
            return None;
        }
        let declared = |name: &str| self.shapes.shape(0).is_some_and(|root| root.property(name).is_some());
        refusal::in_document(document.root(), &declared).or_else(|| refusal::in_place_of_an_answer(document.root()))
    }
}
