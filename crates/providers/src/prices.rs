//! What models cost: a dated table in the repository and the operator's overrides.
//!
//! An unknown price gives an unknown cost, never zero.

use std::collections::BTreeMap;

use serde::Deserialize;
use steersman_core::{Price, Rates};

/// Prices by vendor and model.
#[derive(Debug, Clone, Default)]
pub struct PriceTable {
    as_of: String,
    vendors: BTreeMap<String, BTreeMap<String, Rates>>,
}

/// Why a price table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PriceTableError {
    /// Not TOML of the expected form.
    #[error("the price table is malformed")]
    Toml(#[from] toml::de::Error),
    /// A figure that is no price.
    #[error("`{model}` has a negative or infinite price")]
    Figure {
        /// The model.
        model: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    as_of: String,
    models: BTreeMap<String, BTreeMap<String, Row>>,
}

/// Dollars a million tokens, as vendors print them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    input: f64,
    output: f64,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
}

impl PriceTable {
    /// The table that ships with this version.
    #[must_use]
    pub fn builtin() -> Self {
        Self::parse(include_str!("../prices.toml")).expect("invariant: the shipped table is well formed, by test")
    }

    /// Reads a table.
    ///
    /// # Errors
    /// As the variants of [`PriceTableError`] say.
    pub fn parse(text: &str) -> Result<Self, PriceTableError> {
        let file: File = toml::from_str(text)?;
        let mut vendors: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (vendor, rows) in file.models {
            let rates = vendors.entry(vendor).or_default();
            for (model, row) in rows {
                let read = row.read().ok_or_else(|| PriceTableError::Figure { model: model.clone() })?;
                rates.insert(model, read);
            }
        }
        Ok(Self { as_of: file.as_of, vendors })
    }

    /// The date of the shipped prices.
    #[must_use]
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// The prices of a vendor's models, by name.
    #[must_use]
    pub fn all(&self, vendor: &str) -> BTreeMap<String, Rates> {
        self.vendors.get(vendor).cloned().unwrap_or_default()
    }

    /// The priced models of a vendor, in order of name.
    pub fn models(&self, vendor: &str) -> impl Iterator<Item = &str> {
        self.vendors.get(vendor).into_iter().flat_map(|rates| rates.keys().map(String::as_str))
    }
}

impl Row {
    fn read(&self) -> Option<Rates> {
        let optional = |figure: Option<f64>| match figure {
            None => Some(None),
            Some(figure) => Price::from_usd_per_million(figure).map(Some),
        };
        Some(Rates {
            input: Price::from_usd_per_million(self.input)?,
            output: Price::from_usd_per_million(self.output)?,
            cache_read: optional(self.cache_read)?,
            cache_write: optional(self.cache_write)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_reads_and_is_dated() {
        let table = PriceTable::builtin();
        assert!(table.models("openai").count() > 10);
        assert_eq!(table.as_of().len(), "2025-01-01".len());
    }
}
