//! Money in integers: nano-dollars for amounts, pico-dollars a token for prices, rounded once a request.
//!
//! Twelve tokens at $0.02 a million are 0.24 micro-dollars, so micro-dollars would lose a quarter of a small bill.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

const NANO_PER_USD: i64 = 1_000_000_000;

/// An amount of US dollars in nano-dollars (1e-9 USD). Range: about nine billion dollars either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usd(i64);

impl Usd {
    /// No money at all. An *unknown* cost is `Option::<Usd>::None`, never this.
    pub const ZERO: Self = Self(0);

    /// An amount from nano-dollars.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in nano-dollars.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The nearest amount to a decimal figure from outside (recorded traffic, a user's configuration).
    /// `None` for a figure that is not finite or out of range.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    pub fn from_decimal(usd: f64) -> Option<Self> {
        let nanos = (usd * NANO_PER_USD as f64).round();
        (nanos.is_finite() && nanos.abs() < i64::MAX as f64).then_some(Self(nanos as i64))
    }

    /// The amount as a float, for statistics and charts only; sums of money stay integers.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / NANO_PER_USD as f64
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Usd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Usd {
    /// Dollars with as many decimals as the amount needs, at least two: `$1.50`, `$0.00000024`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let whole = nanos / NANO_PER_USD.unsigned_abs();
        let fraction = format!("{:09}", nanos % NANO_PER_USD.unsigned_abs());
        let trimmed = fraction.trim_end_matches('0');
        write!(f, "{sign}${whole}.{trimmed:0<2}")
    }
}

/// A price in pico-dollars (1e-12 USD) a token. One dollar a million tokens is 1,000,000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Price(u64);

impl Price {
    /// A price from pico-dollars a token.
    #[must_use]
    pub const fn from_picos(picos: u64) -> Self {
        Self(picos)
    }

    /// A price from dollars a million tokens, the unit price lists use. `None` if negative or not finite.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn from_usd_per_million(usd: f64) -> Option<Self> {
        (usd.is_finite() && (0.0..1e9).contains(&usd)).then(|| Self((usd * 1e6).round() as u64))
    }

    /// What `tokens` cost, in pico-dollars; add all parts of a request, then round once with [`picos_to_usd`].
    #[must_use]
    pub const fn picos_for(self, tokens: u64) -> u128 {
        self.0 as u128 * tokens as u128
    }
}

/// Rounds a request's total to nano-dollars, half up. Saturates far above any real bill.
#[must_use]
pub fn picos_to_usd(picos: u128) -> Usd {
    Usd(i64::try_from((picos + 500) / 1000).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_tokens_at_two_cents_a_million_are_not_lost() {
        let price = Price::from_usd_per_million(0.02).unwrap();
        assert_eq!(picos_to_usd(price.picos_for(12)).nanos(), 240);
    }

    #[test]
    fn amounts_print_with_the_decimals_they_need() {
        let shown = [1_500_000_000, 240, 0, -20_000_000, 1].map(|n| Usd::from_nanos(n).to_string());
        assert_eq!(shown, ["$1.50", "$0.00000024", "$0.00", "-$0.02", "$0.000000001"]);
    }

    #[test]
    fn a_figure_that_is_no_amount_is_refused() {
        assert_eq!(Usd::from_decimal(f64::NAN), None);
        assert_eq!(Usd::from_decimal(1e12), None);
        assert_eq!(Price::from_usd_per_million(-1.0), None);
    }
}
