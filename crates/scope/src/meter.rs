//! What the sends of one call may cost: the first is reserved before anything happens, each is charged as it leaves.

use steersman_core::Contract;

use crate::budget::{Amount, Hold, OverBudget};
use crate::scope::Scope;
use crate::sync::{Mutex, lock};

/// The account of one call.
#[derive(Debug)]
pub(crate) struct Meter {
    scope: Scope,
    amount: Amount,
    first: Mutex<Option<Hold>>,
}

impl Meter {
    /// Reserves one send.
    pub(crate) fn reserve(scope: &Scope, contract: &Contract) -> Result<Self, OverBudget> {
        let amount = Amount::calls(1).and(Amount::cost(contract.cost.unwrap_or_default()));
        let first = scope.reserve(amount)?;
        Ok(Self { scope: scope.clone(), amount, first: Mutex::new(Some(first)) })
    }

    /// Charges one send; those after the first are reserved only now.
    pub(crate) fn charge(&self) -> Result<(), OverBudget> {
        let first = lock(&self.first).take();
        let hold = match first {
            Some(hold) => hold,
            None => self.scope.reserve(self.amount)?,
        };
        hold.settle(self.amount);
        Ok(())
    }
}
