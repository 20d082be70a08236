//! Finding rows, fields and sources of a transcript by their numbers, and the rows among which one stands.
//!
//! What never happens here: no scan of more than one result.

use std::ops::Range;

use crate::number::Micro;
use crate::record::{Field, Row};
use crate::transcript::{Source, Transcript};

impl Transcript {
    pub(crate) fn field(&self, at: u32) -> Option<&Field> {
        self.fields.get(at as usize)
    }

    /// The attested fields with this number, whichever its sign: what was paid stands below nought on an account.
    pub(crate) fn attested_figure(&self, value: Micro) -> impl Iterator<Item = u32> {
        let negative = value.0.checked_neg().filter(|_| value.0 > 0).map(Micro);
        self.attested_number(value).iter().chain(negative.map_or(&[][..], |value| self.attested_number(value))).copied()
    }

    pub(crate) fn row(&self, at: u32) -> Option<&Row> {
        self.rows.get(at as usize)
    }

    pub(crate) fn rows_at(&self, rows: &Range<u32>) -> &[Row] {
        self.rows.get(rows.start as usize..rows.end as usize).unwrap_or_default()
    }

    /// The rows of one result.
    pub(crate) fn rows_of(&self, source: &Source) -> &[Row] {
        self.rows_at(&source.rows)
    }

    /// The rows among which one stands, itself included.
    pub(crate) fn family_of(&self, row: &Row) -> impl Iterator<Item = &Row> + use<'_> {
        let (source, family) = (self.source(row.source), row.family);
        source.into_iter().flat_map(|source| self.rows_of(source)).filter(move |other| other.family == family)
    }

    pub(crate) fn source(&self, at: u32) -> Option<&Source> {
        self.sources.get(at as usize)
    }
}
