//! How the pipeline bears failure: retries within a shared budget, fail-over, breakers, balancing and hedges.
//!
//! The settings, and what is remembered between requests because of them. It outlives a reload of the configuration.

use std::sync::Arc;

use steersman_scope::RetryBudget;

use crate::balance::{Balancer, Strategy};
use crate::health::{BreakerSettings, Places};

/// When a request is sent a second time before the first attempt has answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgeSettings {
    /// After the time within which this share (0 to 1) of recent calls to the same place had their answer.
    pub quantile: f64,
    /// At most this many of a hundred requests are hedged.
    pub percent: u64,
}

/// All of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resilience {
    /// How traffic is spread over the places of one model.
    pub strategy: Strategy,
    /// When a place gets no traffic.
    pub breaker: BreakerSettings,
    /// Further attempts after failures, for each hundred requests.
    pub retry_percent: u64,
    /// Further attempts in any ten seconds that are allowed whatever the traffic.
    pub retry_reserve: u64,
    /// Hedging; `None`: never.
    pub hedge: Option<HedgeSettings>,
}

impl Default for Resilience {
    /// 20 in a hundred may be tried again and 10 every ten seconds besides; no hedges, since they cost money.
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            breaker: BreakerSettings::default(),
            retry_percent: 20,
            retry_reserve: 10,
            hedge: None,
        }
    }
}

/// What is remembered.
#[derive(Debug)]
pub(crate) struct Bearing {
    pub(crate) settings: Resilience,
    pub(crate) places: Arc<Places>,
    pub(crate) balancer: Balancer,
    pub(crate) retries: RetryBudget,
    pub(crate) hedges: RetryBudget,
}

impl Bearing {
    /// With these settings; `places` are kept where they are known already.
    pub(crate) fn new(settings: Resilience, places: Option<Arc<Places>>) -> Self {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("invariant: the operating system hands out random bytes");
        Self {
            places: places.unwrap_or_else(|| Arc::new(Places::new(settings.breaker))),
            balancer: Balancer::new(settings.strategy, u64::from_le_bytes(seed)),
            retries: RetryBudget::new(settings.retry_percent, settings.retry_reserve),
            // A hedge must be earned: a quiet minute pays for one, not for ten.
            hedges: RetryBudget::new(settings.hedge.map_or(0, |hedge| hedge.percent), 1),
            settings,
        }
    }

    /// A request begins: it pays for the retries and hedges of others.
    pub(crate) fn earn(&self) {
        self.retries.earn();
        self.hedges.earn();
    }
}
