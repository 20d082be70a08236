//! The seam between whoever reserves money and whoever keeps the accounts durable.

use std::sync::Arc;

use crate::{BoxFuture, Usd};

/// One budget in one span of time: `key/k_1` in `2026-11-27`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// Whose.
    pub name: Arc<str>,
    /// The day, the month, or `total`.
    pub period: Arc<str>,
}

/// The accounts cannot be reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the accounts cannot be reached: {0}")]
pub struct BankError(pub String);

/// Keeps accounts durable and shared by all gateways. `spent + overrun + held <= cap` for whatever is taken.
pub trait Bank: Send + Sync {
    /// Takes an amount ahead of its use. False if the cap leaves no room for it. Durable before it returns: what a
    /// killed process had taken stays held, and so counts as spent.
    fn take(&self, account: Account, amount: Usd, cap: Usd) -> BoxFuture<'_, Result<bool, BankError>>;

    /// Turns `released` of what was taken into `used`, the rest free again. `overrun` is what was used beyond all that
    /// was taken: a bill is a fact.
    fn settle(&self, account: Account, released: Usd, used: Usd, overrun: Usd) -> BoxFuture<'_, Result<(), BankError>>;
}
