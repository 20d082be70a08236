//! Which of several places for one wrong bracket was meant: layout, repeated keys and the schema decide.
//!
//! The readings that layout and keys speak against least are held against the schema; one that satisfies it alone is
//! the answer. Which ones could satisfy it is told from the words, before a text or a value of any is made.
//!
//! What never happens here: no choice among readings that satisfy the schema alike.

use crate::document::Document;
use crate::locate::Found;
use crate::outcome::{Layer, Reading, Rejected};
use crate::read::{Mode, Reader, filled};
use crate::record::{Edit, Pass, apply};
use crate::repair::{Draft, Op, Readings, Undecided};
use crate::schema::CompiledSchema;

/// A reading that satisfies the schema.
type Fit = (Document, Vec<Edit>);

impl Reader<'_> {
    /// The only document of a text with the brackets that its schema forces, where more than one is missing.
    pub(crate) fn with_forced_brackets(&self, mut found: Found) -> Found {
        let (Some(schema), [draft]) = (self.schema, found.drafts.as_mut_slice()) else { return found };
        let Some(words) = draft.words.as_ref().filter(|_| self.conditions.mode != Mode::Strict) else { return found };
        let brackets = schema.shapes().missing_brackets(self.text, words);
        let Some(edits) = brackets.and_then(|brackets| words.with_brackets(&brackets)) else { return found };
        let text = apply(self.text, &self.whole(draft, &edits));
        if Document::parse(text).is_ok_and(|document| schema.fits(&document)) {
            (draft.readings, draft.cut) = (Readings::One(edits), None);
        }
        found
    }

    pub(crate) fn settle(&self, draft: &Draft, undecided: &Undecided) -> Reading {
        let quick = self.schema.and_then(|schema| {
            let fits = self.fits(schema, draft, undecided, &self.least_strange(schema, undecided));
            (!fits.is_empty()).then_some((schema, fits))
        });
        if let Some((schema, fits)) = quick {
            return self.decided(schema, fits).unwrap_or_else(|fits| {
                ambiguous(undecided.ops().len(), fits.into_iter().map(|(document, _)| document.into_text()).collect())
            });
        }
        let ops = undecided.plausible(self.text);
        if let [only] = ops.as_slice() {
            return self.try_reading(draft, &undecided.reading(*only));
        }
        if let Some(schema) = self.schema {
            let fits = self.fits(schema, draft, undecided, &ops);
            match self.decided(schema, fits) {
                Ok(reading) => return reading,
                Err(fits) if !fits.is_empty() => {
                    let texts = fits.into_iter().map(|(document, _)| document.into_text());
                    return ambiguous(ops.len(), texts.collect());
                }
                Err(_) => {}
            }
        }
        let text = |op: &Op| apply(self.text, &self.whole(draft, &undecided.reading(*op)));
        ambiguous(ops.len(), ops.iter().take(2).map(text).collect())
    }

    /// The readings that the schema's words allow and that layout and keys do not speak against at all.
    fn least_strange(&self, schema: &CompiledSchema, undecided: &Undecided) -> Vec<Op> {
        let possible = schema.shapes().sieve().possible(self.text, undecided);
        let weighed = undecided.distinct(self.text, &possible);
        weighed.into_iter().filter(|(odd, _)| *odd == 0).map(|(_, op)| op).collect()
    }

    /// Those of the readings that satisfy the schema. A bracket that was left out is the everyday fault: where one such
    /// reading fits, those in which one was written too often are none of its rivals.
    fn fits(&self, schema: &CompiledSchema, draft: &Draft, undecided: &Undecided, ops: &[Op]) -> Vec<Fit> {
        let (left_out, others): (Vec<Op>, Vec<Op>) = ops.iter().partition(|op| op.is_left_out());
        let fit = |op: &Op| {
            let edits = self.whole(draft, &undecided.reading(*op));
            let document = Document::parse(apply(self.text, &edits)).ok()?;
            schema.fits(&document).then_some((document, edits))
        };
        let found: Vec<Fit> = left_out.iter().filter_map(fit).take(2).collect();
        if found.is_empty() { others.iter().filter_map(fit).take(2).collect() } else { found }
    }

    /// The reading that fits, if it is the only one; else they are given back.
    fn decided(&self, schema: &CompiledSchema, fits: Vec<Fit>) -> Result<Reading, Vec<Fit>> {
        let [(document, edits)] = <[Fit; 1]>::try_from(fits)?;
        Ok(match self.beyond_strict(&edits) {
            Some(rejected) => Reading::Rejected(rejected),
            None => {
                let passes = vec![Pass { text: self.text.to_owned(), edits }];
                filled(schema.fitting(document, passes, self.conditions.mode), schema)
            }
        })
    }
}

fn ambiguous(places: usize, readings: Vec<String>) -> Reading {
    let message = format!("{places} places for the missing or extra bracket are equally good");
    Reading::Rejected(Rejected {
        readings,
        ..Rejected::one(Layer::Syntax, "ambiguous_brackets", String::new(), message)
    })
}
