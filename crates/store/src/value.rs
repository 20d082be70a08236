//! Values on their way into and out of a database, in the three types that both engines share.
//!
//! Everything is a 64-bit integer, a text or bytes, so that one statement and one decoder serve both engines.

use crate::StoreError;

/// A value to bind, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl Value<'_> {
    /// An unsigned figure; what exceeds `i64` (no real count does) saturates.
    pub(crate) fn count(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    pub(crate) fn count_or_null(number: Option<u64>) -> Self {
        number.map_or(Self::Null, Self::count)
    }
}

impl<'a> Value<'a> {
    pub(crate) fn text_or_null(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }

    pub(crate) fn blob_or_null(bytes: Option<&'a [u8]>) -> Self {
        bytes.map_or(Self::Null, Self::Blob)
    }
}

/// A value that was read, or one to bind that outlives its maker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Cell {
    pub(crate) fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

/// Takes the cells of one row in order; `what` names the row in errors.
pub(crate) struct Fields {
    what: &'static str,
    cells: std::vec::IntoIter<Cell>,
}

impl Fields {
    pub(crate) fn new(what: &'static str, row: Vec<Cell>) -> Self {
        Self { what, cells: row.into_iter() }
    }

    /// The error that this row is not what it should be.
    pub(crate) fn corrupt(&self) -> StoreError {
        StoreError::Corrupt { what: self.what }
    }

    fn cell(&mut self) -> Result<Cell, StoreError> {
        self.cells.next().ok_or(StoreError::Corrupt { what: self.what })
    }

    pub(crate) fn maybe_int(&mut self) -> Result<Option<i64>, StoreError> {
        match self.cell()? {
            Cell::Int(number) => Ok(Some(number)),
            Cell::Null => Ok(None),
            Cell::Text(_) | Cell::Blob(_) => Err(self.corrupt()),
        }
    }

    pub(crate) fn int(&mut self) -> Result<i64, StoreError> {
        self.maybe_int()?.ok_or_else(|| self.corrupt())
    }

    pub(crate) fn maybe_number<N: TryFrom<i64>>(&mut self) -> Result<Option<N>, StoreError> {
        self.maybe_int()?.map(|number| N::try_from(number).map_err(|_| self.corrupt())).transpose()
    }

    pub(crate) fn number<N: TryFrom<i64>>(&mut self) -> Result<N, StoreError> {
        self.maybe_number()?.ok_or_else(|| self.corrupt())
    }

    pub(crate) fn maybe_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.cell()? {
            Cell::Text(text) => Ok(Some(text)),
            Cell::Null => Ok(None),
            Cell::Int(_) | Cell::Blob(_) => Err(self.corrupt()),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        self.maybe_text()?.ok_or_else(|| self.corrupt())
    }

    pub(crate) fn maybe_blob(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.cell()? {
            Cell::Blob(bytes) => Ok(Some(bytes)),
            Cell::Null => Ok(None),
            Cell::Int(_) | Cell::Text(_) => Err(self.corrupt()),
        }
    }

    pub(crate) fn blob(&mut self) -> Result<Vec<u8>, StoreError> {
        self.maybe_blob()?.ok_or_else(|| self.corrupt())
    }
}
