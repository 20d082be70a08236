//! What models cost: dated tables in the repository and the operator's overrides.
//!
//! An unknown price gives an unknown cost, never zero.

use std::collections::BTreeMap;

use serde::Deserialize;
use steersman_core::{LongPrompt, Price, RateCard, Rates};
use steersman_wire::gemini;

use crate::Vendor;

/// Prices by vendor and model.
#[derive(Debug, Clone, Default)]
pub struct PriceTable(BTreeMap<String, Table>);

/// Whether a cloud answers at an address of its own for all places, or in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Anywhere, as the cloud sees fit; also a vendor that has no regions.
    Global,
    /// In one region, or several together.
    Region,
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

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    as_of: String,
    source: String,
    models: BTreeMap<String, Row>,
    regional: Option<BTreeMap<String, Row>>,
}

/// Dollars a million tokens, as vendors print them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    input: f64,
    output: f64,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
    long: Option<LongRow>,
    /// The last day of these prices, `2026-12-31`, and what follows them.
    until: Option<String>,
    then: Option<Box<Row>>,
}

/// Prices where the prompt has more than so many tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongRow {
    above: u64,
    input: f64,
    output: f64,
    cache_read: Option<f64>,
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
        let vendors: BTreeMap<String, Table> = toml::from_str(text)?;
        for table in vendors.values() {
            for (model, row) in table.models.iter().chain(table.regional.iter().flatten()) {
                row.read().ok_or_else(|| PriceTableError::Figure { model: model.clone() })?;
            }
        }
        Ok(Self(vendors))
    }

    /// The day on which a vendor's prices were read, and where.
    #[must_use]
    pub fn source(&self, vendor: &str) -> Option<(&str, &str)> {
        self.0.get(vendor).map(|table| (table.as_of.as_str(), table.source.as_str()))
    }

    /// The prices of a vendor's models on a day, `2026-11-27` (UTC). A price that has ended and has no successor is
    /// unknown.
    #[must_use]
    pub fn card(&self, vendor: &Vendor, place: Place, day: &str) -> RateCard {
        let rows = self.0.get(vendor.name).map(|table| match (&table.regional, place) {
            (Some(regional), Place::Region) => regional,
            _ => &table.models,
        });
        let listed = |(model, row): (&String, &Row)| Some((model.clone(), row.on(day)?.read()?));
        RateCard::new(rows.into_iter().flatten().filter_map(listed).collect(), vendor.family.reader())
    }

    /// The priced models of a vendor by the ids that a call may name, in order; none where an id says more than the
    /// table.
    pub fn models(&self, vendor: &Vendor) -> impl Iterator<Item = &str> {
        let table =
            self.0.get(vendor.name).filter(|_| vendor.hosted.is_none_or(|_| vendor.dialect.name() == gemini::NAME));
        table.into_iter().flat_map(|table| table.models.keys().map(String::as_str))
    }
}

impl Row {
    /// What is in force on a day.
    fn on(&self, day: &str) -> Option<&Self> {
        match &self.until {
            Some(until) if day > until.as_str() => self.then.as_deref(),
            _ => Some(self),
        }
    }

    /// `None` if a figure is no price.
    fn read(&self) -> Option<Rates> {
        if let Some(then) = &self.then {
            then.read()?;
        }
        let long = |row: &LongRow| {
            Some(LongPrompt {
                above: row.above,
                input: Price::from_usd_per_million(row.input)?,
                output: Price::from_usd_per_million(row.output)?,
                cache_read: optional(row.cache_read)?,
            })
        };
        Some(Rates {
            input: Price::from_usd_per_million(self.input)?,
            output: Price::from_usd_per_million(self.output)?,
            cache_read: optional(self.cache_read)?,
            cache_write: optional(self.cache_write)?,
            long: match &self.long {
                Some(row) => Some(long(row)?),
                None => None,
            },
        })
    }
}

fn optional(figure: Option<f64>) -> Option<Option<Price>> {
    match figure {
        None => Some(None),
        Some(figure) => Price::from_usd_per_million(figure).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = "2026-11-27";

    fn vendor(name: &str) -> &'static Vendor {
        Vendor::named(name).expect("a vendor")
    }

    fn input(vendor_name: &str, place: Place, day: &str, model: &str) -> Option<f64> {
        let card = PriceTable::builtin().card(vendor(vendor_name), place, day);
        // A million tokens, in dollars.
        card.get(model).map(|rates| steersman_core::picos_to_usd(rates.input.picos_for(1_000_000)).as_f64())
    }

    #[test]
    fn every_shipped_table_belongs_to_a_vendor_and_says_where_and_when_it_was_read() {
        let table = PriceTable::builtin();
        assert!(table.models(vendor("openai")).count() > 10);
        for name in table.0.keys() {
            let (as_of, source) = table.source(vendor(name).name).expect("a table");
            assert!(as_of.len() == 10 && as_of.starts_with("202") && source.starts_with("https://"), "`{name}`");
        }
    }

    #[test]
    fn ids_of_clouds_have_the_price_of_their_place() {
        for (id, usd) in [
            ("anthropic.claude-sonnet-4-5-20250929-v1:0", Some(3.3)),
            ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", Some(3.3)),
            ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", Some(3.3)),
            ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", Some(3.0)),
            ("apac.anthropic.claude-sonnet-4-20250514-v1:0", Some(3.0)),
            ("us.anthropic.claude-opus-4-6-v1", Some(5.5)),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0", Some(1.1)),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/x7", None),
            ("anthropic.claude-3-5-sonnet-20241022-v2:0", None),
            ("meta.llama3-3-70b-instruct-v1:0", None),
        ] {
            assert_eq!(input("bedrock", Place::Region, DAY, id), usd, "{id}");
        }
        for (id, place, usd) in [
            ("claude-sonnet-4-5@20250929", Place::Global, Some(3.0)),
            ("claude-sonnet-4-5@20250929", Place::Region, Some(3.3)),
            ("claude-opus-4-1@20250805", Place::Region, Some(15.0)),
            ("claude-sonnet-4-6", Place::Region, Some(3.3)),
        ] {
            assert_eq!(input("vertex-anthropic", place, DAY, id), usd, "{id}");
        }
        assert_eq!(input("anthropic", Place::Global, DAY, "claude-sonnet-4-5-20250929"), Some(3.0));
        assert_eq!(
            input("openai", Place::Global, DAY, "gpt-4o-2024-05-13"),
            None,
            "it has another price than `gpt-4o`"
        );
    }

    #[test]
    fn a_price_ends_with_its_last_day() {
        let flash = |place, day| input("vertex", place, day, "gemini-3.8-flash");
        assert_eq!(flash(Place::Global, "2026-12-31"), Some(0.75));
        assert_eq!(flash(Place::Global, "2027-01-01"), Some(1.5));
        assert_eq!(flash(Place::Region, "2027-01-01"), Some(1.65));
        assert_eq!(
            input("vertex", Place::Region, DAY, "gemini-3.1-pro-preview"),
            None,
            "it is served nowhere but globally"
        );
    }

    #[test]
    fn only_ids_that_can_be_called_are_listed() {
        let table = PriceTable::builtin();
        assert!(table.models(vendor("gemini")).any(|model| model == "gemini-2.5-flash"));
        assert!(table.models(vendor("vertex")).any(|model| model == "gemini-2.5-flash"));
        assert_eq!(table.models(vendor("bedrock")).count() + table.models(vendor("vertex-anthropic")).count(), 0);
    }
}
