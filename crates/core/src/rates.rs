//! What one model's tokens cost, and which prices a call falls under.

use std::collections::BTreeMap;

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
    /// The prices of a call with a long prompt, where they are others.
    pub long: Option<LongPrompt>,
}

/// Prices of all tokens of a call whose prompt is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongPrompt {
    /// A prompt of more tokens than this, cached ones included.
    pub above: u64,
    /// A fresh input token.
    pub input: Price,
    /// An output token, reasoning included.
    pub output: Price,
    /// An input token read from the prompt cache.
    pub cache_read: Option<Price>,
}

impl Rates {
    /// The same prices for prompts of any length; none for a prompt cache.
    #[must_use]
    pub const fn flat(input: Price, output: Price) -> Self {
        Self { input, output, cache_read: None, cache_write: None, long: None }
    }

    /// The prices of a call with so many input tokens.
    #[must_use]
    pub fn for_prompt(&self, input_tokens: u64) -> Self {
        match self.long {
            Some(LongPrompt { above, input, output, cache_read }) if input_tokens > above => {
                Self { cache_read, ..Self::flat(input, output) }
            }
            _ => *self,
        }
    }

    /// What this usage costs, rounded once. `None` if the input or output count is unknown, or if cached tokens were
    /// reported and their price is not listed.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Option<Usd> {
        let input_tokens = usage.input_tokens?;
        let rates = self.for_prompt(input_tokens);
        let read = usage.cache_read_tokens.unwrap_or(0);
        let written = usage.cache_write_tokens.unwrap_or(0);
        let fresh = input_tokens.saturating_sub(read + written);
        let picos = rates.input.picos_for(fresh)
            + priced(rates.cache_read, read)?
            + priced(rates.cache_write, written)?
            + rates.output.picos_for(usage.output_tokens?);
        Some(picos_to_usd(picos))
    }
}

fn priced(price: Option<Price>, tokens: u64) -> Option<u128> {
    if tokens == 0 { Some(0) } else { price.map(|price| price.picos_for(tokens)) }
}

/// The prices of one provider's models, by name.
#[derive(Debug, Clone, Default)]
pub struct RateCard {
    rates: BTreeMap<String, Rates>,
    family: Option<fn(&str) -> &str>,
}

impl RateCard {
    /// Prices by name; `family` is the name under which a model is listed whose id says more: a date, a version, a
    /// place.
    #[must_use]
    pub const fn new(rates: BTreeMap<String, Rates>, family: fn(&str) -> &str) -> Self {
        Self { rates, family: Some(family) }
    }

    /// Sets the prices of exactly this name.
    pub fn insert(&mut self, name: String, rates: Rates) {
        self.rates.insert(name, rates);
    }

    /// The prices of a model: those of exactly this name, else those of its family.
    #[must_use]
    pub fn get(&self, model: &str) -> Option<&Rates> {
        self.rates.get(model).or_else(|| self.rates.get(self.family(model)))
    }

    /// The prices of a call: of the model that was served where that is another than was asked for. `None` if that one
    /// has none.
    ///
    /// A served name that adds a date to the asked one (`gpt-4o-mini-2024-07-18`), or leaves out the cloud that hosts
    /// it, is the same model; `own` is what the operator says that the asked one costs, whatever is listed here.
    #[must_use]
    pub fn of_call<'a>(&'a self, asked: &str, own: Option<&'a Rates>, served: &str) -> Option<&'a Rates> {
        let (asked_family, served_family) = (self.family(asked), self.family(served));
        let is_hosted = || asked_family.strip_suffix(served_family).is_some_and(|host| host.ends_with('.'));
        let is_same = served.starts_with(asked) || asked_family == served_family || is_hosted();
        let own = own.filter(|_| is_same);
        own.or_else(|| self.rates.get(served)).or_else(|| self.get(if is_same { asked } else { served }))
    }

    fn family<'a>(&self, model: &'a str) -> &'a str {
        self.family.map_or(model, |family| family(model))
    }
}

impl<const N: usize> From<[(String, Rates); N]> for RateCard {
    /// Prices under exactly these names.
    fn from(rates: [(String, Rates); N]) -> Self {
        Self { rates: rates.into(), family: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input: u64, output: u64) -> Usage {
        Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
    }

    #[test]
    fn an_unknown_price_or_count_is_an_unknown_cost() {
        let price = Price::from_picos(1);
        let rates = Rates::flat(price, price);
        let cached = Usage { cache_read_tokens: Some(5), ..usage(10, 1) };
        assert_eq!(rates.cost(&cached), None);
        assert_eq!(rates.cost(&Usage::default()), None);
    }

    #[test]
    fn a_long_prompt_has_all_its_tokens_at_the_other_price() {
        let price = |nanos: u64| Price::from_picos(nanos * 1_000);
        let long = LongPrompt { above: 200_000, input: price(2), output: price(30), cache_read: Some(price(1)) };
        let rates = Rates { long: Some(long), ..Rates::flat(price(1), price(10)) };
        let nanos = |usage: &Usage| rates.cost(usage).map(Usd::nanos);
        assert_eq!(nanos(&usage(200_000, 10)), Some(200_000 + 100));
        assert_eq!(nanos(&usage(200_001, 10)), Some(400_002 + 300));
        let cached = |input| Usage { cache_read_tokens: Some(1), ..usage(input, 0) };
        assert_eq!((nanos(&cached(10)), nanos(&cached(200_001))), (None, Some(400_001)));
    }

    #[test]
    fn what_was_served_is_priced_and_a_date_or_a_host_makes_no_other_model_of_it() {
        fn family(model: &str) -> &str {
            model.split('@').next().unwrap_or(model)
        }
        let rates = |picos| Rates::flat(Price::from_picos(picos), Price::from_picos(picos));
        let listed = [("a.small".to_owned(), rates(1)), ("small".to_owned(), rates(2)), ("large".to_owned(), rates(3))];
        let mut card = RateCard::new(listed.into(), family);
        card.insert("small@own".to_owned(), rates(4));
        let of = |asked: &str, served: &str| card.of_call(asked, None, served).map(|rates| rates.input);
        let price = |picos| Some(Price::from_picos(picos));
        assert_eq!(of("small", "small-2026"), price(2), "a date");
        assert_eq!(of("small", "large"), price(3), "another model");
        assert_eq!(of("small@own", "small@1"), price(4), "the operator's own price of what was asked for");
        assert_eq!(of("large", "unheard-of"), None);
        let own = |served: &str| card.of_call("small", Some(&rates(9)), served).map(|rates| rates.input);
        assert_eq!((own("small-2026"), own("large")), (price(9), price(3)), "a price is its own model's alone");
        let mut hosted = RateCard::new([("a.small".to_owned(), rates(1))].into(), family);
        assert_eq!(hosted.of_call("a.small@7", None, "small@7").map(|rates| rates.input), price(1), "a host");
        assert_eq!(
            hosted.of_call("a.small", None, "all").map(|rates| rates.input),
            None,
            "an end of a name is no model"
        );
        hosted.insert("all".to_owned(), rates(9));
        assert_eq!(hosted.of_call("a.small", None, "all").map(|rates| rates.input), price(9));
    }
}
