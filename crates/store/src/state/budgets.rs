//! Budgets that several gateways share: each takes a slab ahead of use, in one conditional statement, and says later
//! how much of it was used. A slab that a killed gateway had taken stays held, so that no cap is ever passed.

use steersman_core::{Account, Bank, BankError, BoxFuture, Usd};

use super::{Migration, State};
use crate::StoreError;
use crate::driver::Driver;
use crate::value::{Cell, Fields, Value};

pub(super) const MIGRATION: Migration =
    Migration { both: include_str!("../../migrations/state_0004_budgets.sql"), postgres: "" };

/// One budget in one span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetRow {
    /// Whose.
    pub name: String,
    /// The day, the month, or `total`.
    pub period: String,
    /// Used and settled.
    pub spent: Usd,
    /// Taken by gateways and not yet used.
    pub held: Usd,
    /// Used beyond what was taken.
    pub overrun: Usd,
}

impl State {
    /// The latest thousand budgets, in order of period and name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn budgets(&self) -> Result<Vec<BudgetRow>, StoreError> {
        let sql = "SELECT name, period, spent, held, overrun FROM state_budgets ORDER BY period DESC, name LIMIT 1000";
        let rows = self.ask("read budgets", move |driver| driver.query(sql, &[])).await?;
        rows.into_iter().map(row).collect()
    }
}

impl Bank for State {
    fn take(&self, account: Account, amount: Usd, cap: Usd) -> BoxFuture<'_, Result<bool, BankError>> {
        let work = move |driver: &mut dyn Driver| {
            let key = [Value::Text(&account.name), Value::Text(&account.period)];
            let open = "INSERT INTO state_budgets (name, period, spent, held, overrun) VALUES ($1, $2, 0, 0, 0)
                ON CONFLICT (name, period) DO NOTHING";
            driver.execute(open, &[key.to_vec()])?;
            let take = "UPDATE state_budgets SET held = held + $1
                WHERE name = $2 AND period = $3 AND $1 <= $4 - spent - overrun - held";
            let amount = Value::Int(amount.nanos());
            let changed = driver.execute(take, &[vec![amount, key[0], key[1], Value::Int(cap.nanos())]])?;
            Ok(changed.first() == Some(&1))
        };
        Box::pin(
            async move { self.apply("take from a budget", work).await.map_err(|error| BankError(error.to_string())) },
        )
    }

    fn settle(&self, account: Account, released: Usd, used: Usd, overrun: Usd) -> BoxFuture<'_, Result<(), BankError>> {
        let sql = "UPDATE state_budgets SET held = held - $1, spent = spent + $2, overrun = overrun + $3
            WHERE name = $4 AND period = $5";
        let work = move |driver: &mut dyn Driver| {
            let figures = [released, used, overrun].map(|amount| Value::Int(amount.nanos()));
            let key = [Value::Text(&account.name), Value::Text(&account.period)];
            driver.execute(sql, &[[&figures[..], &key[..]].concat()]).map(drop)
        };
        Box::pin(async move { self.apply("settle a budget", work).await.map_err(|error| BankError(error.to_string())) })
    }
}

fn row(cells: Vec<Cell>) -> Result<BudgetRow, StoreError> {
    let mut fields = Fields::new("budget", cells);
    Ok(BudgetRow {
        name: fields.text()?,
        period: fields.text()?,
        spent: Usd::from_nanos(fields.int()?),
        held: Usd::from_nanos(fields.int()?),
        overrun: Usd::from_nanos(fields.int()?),
    })
}
