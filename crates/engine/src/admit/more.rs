//! What a request that was let in turns out to need beside what was reserved for it: the calls of a reader, of which
//! nobody knows before how many there are and what they read.
//!
//! What never happens here: a hold on one of its budgets and not on all.

use std::sync::Arc;

use steersman_core::{Code, Usd};

use super::{Admit, AdmitSettings, Admitted, Size, unpriced};
use crate::catalog::Candidate;
use crate::refusal::Refusal;

impl AdmitSettings {
    /// The most that one call with this body is likely to cost; of several candidates the dearest counts.
    ///
    /// # Errors
    /// The name of one without a price.
    fn cost_of_call(&self, body: &[u8], candidates: &[Candidate]) -> Result<Usd, String> {
        let size = Size { input: body.len() as u64 / 2 + 1, output: self.reserve_output_tokens };
        candidates.iter().try_fold(Usd::ZERO, |dearest, candidate| {
            let unknown = || format!("{}/{}", candidate.provider.name, candidate.model);
            Ok(dearest.max(size.cost(candidate).ok_or_else(unknown)?))
        })
    }
}

impl Admit {
    /// Reserves what one more call with this body may cost, on every budget of the request or on none.
    ///
    /// # Errors
    /// One of them has less left, or the price is unknown.
    pub(crate) async fn reserve_more(
        &self,
        settings: &AdmitSettings,
        admitted: Option<&mut Admitted>,
        body: &[u8],
        candidates: &[Candidate],
    ) -> Result<Usd, Refusal> {
        let (Some(bank), Some(admitted)) = (&self.bank, admitted.filter(|admitted| admitted.has_budgets())) else {
            return Ok(Usd::ZERO);
        };
        let cost = settings.cost_of_call(body, candidates).map_err(|model| unpriced(&model))?;
        // Dropped, they are free again.
        let mut more = Admitted::default();
        for (meter, _) in &admitted.holds {
            let got = meter.reserve(bank, &self.takes, cost).await;
            if !got.map_err(|error| Refusal::new(Code::STATE_UNAVAILABLE, error.to_string()))? {
                let message =
                    format!("the budget `{}` leaves less than the {cost} that this call may cost", meter.name());
                return Err(Refusal::new(Code::BUDGET_EXCEEDED, message));
            }
            more.holds.push((Arc::clone(meter), cost));
        }
        more.holds.clear();
        admitted.holds.iter_mut().for_each(|(_, held)| *held += cost);
        Ok(cost)
    }
}

impl Admitted {
    /// Whether it was let in against budgets.
    pub(crate) fn has_budgets(&self) -> bool {
        !self.holds.is_empty()
    }

    /// Gives back what a call did not need of what was reserved for it.
    pub(crate) fn give_back(&mut self, unused: Usd) {
        for (meter, held) in &mut self.holds {
            let unused = unused.min(*held);
            meter.settle(unused, Usd::ZERO);
            *held = *held - unused;
        }
    }
}

/// Why a run is not begun whose reader has no price, under a budget.
///
/// # Errors
/// The refusal.
pub(crate) fn priced(candidates: &[Candidate], admitted: Option<&Admitted>) -> Result<(), Refusal> {
    if !admitted.is_some_and(Admitted::has_budgets) {
        return Ok(());
    }
    AdmitSettings::default().cost_of_call(&[], candidates).map(drop).map_err(|model| unpriced(&model))
}
