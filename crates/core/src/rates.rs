//! What one model's tokens cost.

use crate::{Price, Usage, Usd, picos_to_usd};

/// Prices of one model. A cache price that a vendor does not list is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// A fresh input token.
    pub input: Price,
    /// An output token, reasoning included.
    pub output: Price,
    /// An input token read from the prompt cache.
    pub cache_read: Option<Price>,
    /// An input token written to the prompt cache.
    pub cache_write: Option<Price>,
}

impl Rates {
    /// What this usage costs, rounded once. `None` if the input or output count is unknown, or if cached tokens were
    /// reported and their price is not listed.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Option<Usd> {
        let read = usage.cache_read_tokens.unwrap_or(0);
        let written = usage.cache_write_tokens.unwrap_or(0);
        let fresh = usage.input_tokens?.saturating_sub(read + written);
        let picos = self.input.picos_for(fresh)
            + priced(self.cache_read, read)?
            + priced(self.cache_write, written)?
            + self.output.picos_for(usage.output_tokens?);
        Some(picos_to_usd(picos))
    }
}

fn priced(price: Option<Price>, tokens: u64) -> Option<u128> {
    if tokens == 0 { Some(0) } else { price.map(|price| price.picos_for(tokens)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_price_or_count_is_an_unknown_cost() {
        let price = Price::from_picos(1);
        let rates = Rates { input: price, output: price, cache_read: None, cache_write: None };
        let cached =
            Usage { input_tokens: Some(10), cache_read_tokens: Some(5), output_tokens: Some(1), ..Usage::default() };
        assert_eq!(rates.cost(&cached), None);
        assert_eq!(rates.cost(&Usage::default()), None);
    }
}
