//! Every task with its volume, cost, errors and latency, from rollups.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use steersman_core::OutcomeKind;

use super::Reader;
use super::series::tier_since;
use crate::StoreError;
use crate::rollup::{COLUMNS, Rollup, Sum};
use crate::rows::TaskRow;
use crate::value::{Cell, Fields};

/// The tasks since a moment, the busiest first. The moment is moved back to a whole step of the rollups that reach it.
pub(super) async fn tasks(reader: &Reader, from_us: i64) -> Result<Vec<TaskRow>, StoreError> {
    let from_s = from_us.div_euclid(1_000_000);
    let tier_s = tier_since(reader, from_s).await?;
    let sql = format!("SELECT task, outcome, code, {COLUMNS} FROM rollups WHERE tier_s = $1 AND start_s >= $2");
    let values = vec![Cell::Int(tier_s), Cell::Int(from_s - from_s.rem_euclid(tier_s))];
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for cells in reader.ask("read the tasks", sql, values).await? {
        let mut fields = Fields::new("rollup", cells);
        let task = fields.text()?;
        let outcome = OutcomeKind::named(&fields.text()?).ok_or_else(|| fields.corrupt())?;
        let code = fields.text()?;
        let rollup = Rollup::from_fields(&mut fields)?;
        sums.entry(task).or_default().add(outcome, &code, &rollup);
    }
    let mut rows: Vec<_> = sums.into_iter().map(|(task, sum)| TaskRow { task, aggregate: sum.aggregate() }).collect();
    rows.sort_by_key(|row| Reverse(row.aggregate.requests));
    Ok(rows)
}
