//! The overview and the facets, from rollups: their cost follows the length of the range and the number of names, never
//! the number of requests.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use steersman_core::OutcomeKind;

use super::Reader;
use super::list::Conditions;
use crate::rollup::{COLUMNS, Rollup, Sum, TIERS_S};
use crate::rows::{Facet, Facets, ModelSeries, Overview, Point, Server};
use crate::value::{Cell, Fields};
use crate::{OverviewQuery, StoreError, TimeRange};

/// The steps that a chart may have, in seconds: each a multiple of the tier that stands beside it.
const STEPS_S: [(i64, i64); 15] = [
    (60, 60),
    (120, 60),
    (300, 60),
    (600, 60),
    (900, 60),
    (1_800, 60),
    (3_600, 3_600),
    (7_200, 3_600),
    (10_800, 3_600),
    (21_600, 3_600),
    (43_200, 3_600),
    (86_400, 86_400),
    (172_800, 86_400),
    (604_800, 86_400),
    (2_592_000, 86_400),
];

/// A model's sums by start of step, and as a whole.
#[derive(Default)]
struct Line {
    total: Sum,
    steps: BTreeMap<i64, Sum>,
}

impl Line {
    fn add(&mut self, at_s: i64, outcome: OutcomeKind, code: &str, rollup: &Rollup) {
        self.total.add(outcome, code, rollup);
        self.steps.entry(at_s).or_default().add(outcome, code, rollup);
    }

    fn points(&self) -> Vec<Point> {
        self.steps.iter().map(|(&at_s, sum)| Point { at_us: at_s * 1_000_000, aggregate: sum.aggregate() }).collect()
    }
}

/// Requests over time by model.
pub(super) async fn overview(reader: &Reader, query: &OverviewQuery) -> Result<Overview, StoreError> {
    let from_s = query.from_us.div_euclid(1_000_000);
    let until_s = query.until_us.div_euclid(1_000_000) + i64::from(query.until_us.rem_euclid(1_000_000) > 0);
    let span_s = until_s.saturating_sub(from_s).max(1);
    let points = i64::from(query.max_points.clamp(1, 1_000));
    let kept = kept_from(reader).await?;
    let (step_s, tier_s) = step_for(span_s, points, |tier_s| kept.get(&tier_s).is_some_and(|&kept| kept <= from_s));
    let from_s = from_s - from_s.rem_euclid(step_s);
    let mut all = Line::default();
    let mut models: BTreeMap<Server, Line> = BTreeMap::new();
    for cells in rollup_rows(reader, query, tier_s, from_s, until_s).await? {
        let mut fields = Fields::new("rollup", cells);
        let start_s = fields.int()?;
        let model = fields.text()?;
        let outcome = OutcomeKind::named(&fields.text()?).ok_or_else(|| fields.corrupt())?;
        let code = fields.text()?;
        let rollup = Rollup::from_fields(&mut fields)?;
        let at_s = start_s - start_s.rem_euclid(step_s);
        all.add(at_s, outcome, &code, &rollup);
        models.entry(Server::of(model, &code)).or_default().add(at_s, outcome, &code, &rollup);
    }
    let mut models: Vec<ModelSeries> = models.into_iter().map(series).collect();
    models.sort_by_key(|series| Reverse(series.total.requests));
    let steps = (until_s - from_s).max(1).unsigned_abs().div_ceil(step_s.unsigned_abs());
    Ok(Overview {
        from_us: from_s * 1_000_000,
        step_us: step_s * 1_000_000,
        steps: u32::try_from(steps).unwrap_or(u32::MAX),
        total: all.total.aggregate(),
        points: all.points(),
        models,
    })
}

async fn rollup_rows(
    reader: &Reader,
    query: &OverviewQuery,
    tier_s: i64,
    from_s: i64,
    until_s: i64,
) -> Result<Vec<Vec<Cell>>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.push("tier_s =", Cell::Int(tier_s));
    conditions.push("start_s >=", Cell::Int(from_s));
    conditions.push("start_s <", Cell::Int(until_s));
    for (condition, value) in [("model =", &query.model), ("task =", &query.task), ("provider =", &query.provider)] {
        if let Some(value) = value {
            conditions.push(condition, Cell::Text(value.clone()));
        }
    }
    let sql = format!("SELECT start_s, model, outcome, code, {COLUMNS} FROM rollups{}", conditions.take());
    reader.ask("read the overview", sql, conditions.values).await
}

impl Server {
    /// A request that no provider was asked for and that yet has no code got an answer that was kept.
    fn of(model: String, code: &str) -> Self {
        match (model.is_empty(), code.is_empty()) {
            (false, _) => Self::Model(model),
            (true, true) => Self::Cache,
            (true, false) => Self::Nobody,
        }
    }
}

fn series((server, line): (Server, Line)) -> ModelSeries {
    ModelSeries { server, total: line.total.aggregate(), points: line.points() }
}

/// Since when each tier is kept.
async fn kept_from(reader: &Reader) -> Result<BTreeMap<i64, i64>, StoreError> {
    let mut kept = BTreeMap::new();
    for tier_s in TIERS_S {
        let sql = "SELECT MIN(start_s) FROM rollups WHERE tier_s = $1";
        let rows = reader.ask("read the overview", sql.to_owned(), vec![Cell::Int(tier_s)]).await?;
        if let Some(Cell::Int(start_s)) = rows.into_iter().flatten().next() {
            kept.insert(tier_s, start_s);
        }
    }
    // A tier that begins in the oldest day has everything there is, also for a range that begins earlier.
    if let Some(oldest_day) = kept.get(&86_400).copied() {
        for start_s in kept.values_mut().filter(|start_s| **start_s - oldest_day < 86_400) {
            *start_s = i64::MIN;
        }
    }
    Ok(kept)
}

/// The smallest step that spans the range in so many points and whose tier reaches back far enough, with its tier.
fn step_for(span_s: i64, points: i64, reaches_back: impl Fn(i64) -> bool) -> (i64, i64) {
    let fits = |&&(step_s, _): &&(i64, i64)| span_s <= step_s.saturating_mul(points);
    let fine = STEPS_S.iter().filter(fits).find(|&&(_, tier_s)| reaches_back(tier_s));
    let coarse = STEPS_S.iter().find(fits).copied();
    let month = 2_592_000;
    let long = || ((span_s / points / month + 1) * month, 86_400);
    fine.copied().or(coarse).unwrap_or_else(long)
}

/// The finest rollups that reach back to this moment and are not too many to add up.
pub(super) async fn tier_since(reader: &Reader, from_s: i64) -> Result<i64, StoreError> {
    let kept = kept_from(reader).await?;
    let span_s = crate::runs::now_us() / 1_000_000 - from_s;
    Ok(step_for(span_s, 72, |tier_s| kept.get(&tier_s).is_some_and(|&kept| kept <= from_s)).1)
}

/// Distinct names and their counts.
pub(super) async fn facets(reader: &Reader, range: TimeRange) -> Result<Facets, StoreError> {
    let until_s = range.until_us.map(|us| us.div_euclid(1_000_000).saturating_add(1));
    let kept = kept_from(reader).await?;
    let tier_s = match range.from_us {
        None => 86_400,
        Some(from_us) => {
            let from_s = from_us.div_euclid(1_000_000);
            let span_s = until_s.unwrap_or_else(|| crate::runs::now_us() / 1_000_000) - from_s;
            step_for(span_s, 72, |tier_s| kept.get(&tier_s).is_some_and(|&kept| kept <= from_s)).1
        }
    };
    let from_s = range.from_us.map(|us| us.div_euclid(1_000_000)).map(|from_s| from_s - from_s.rem_euclid(tier_s));
    let mut conditions = Conditions::default();
    conditions.push("tier_s =", Cell::Int(tier_s));
    if let Some(from_s) = from_s {
        conditions.push("start_s >=", Cell::Int(from_s));
    }
    if let Some(until_s) = until_s {
        conditions.push("start_s <", Cell::Int(until_s));
    }
    let sql = format!(
        "SELECT model, task, provider, outcome, code, CAST(SUM(requests) AS BIGINT) FROM rollups{}
         GROUP BY model, task, provider, outcome, code",
        conditions.take()
    );
    let mut counts: [BTreeMap<String, u64>; 5] = Default::default();
    for cells in reader.ask("read the facets", sql, conditions.values).await? {
        let mut fields = Fields::new("rollup", cells);
        let mut names = Vec::with_capacity(counts.len());
        for _ in &counts {
            names.push(fields.text()?);
        }
        let requests: u64 = fields.number()?;
        for (count, name) in counts.iter_mut().zip(names) {
            *count.entry(name).or_default() += requests;
        }
    }
    let [models, tasks, providers, outcomes, codes] = counts.map(sorted);
    Ok(Facets { models, tasks, providers, outcomes, codes })
}

fn sorted(counts: BTreeMap<String, u64>) -> Vec<Facet> {
    let named = counts.into_iter().filter(|(name, _)| !name.is_empty());
    let mut facets: Vec<Facet> = named.map(|(name, requests)| Facet { name, requests }).collect();
    facets.sort_by_key(|facet| Reverse(facet.requests));
    facets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_takes_the_smallest_step_that_fits_and_whose_rollups_are_kept() {
        let all = |_| true;
        let no_minutes = |tier_s| tier_s > 60;
        assert_eq!(step_for(3_600, 60, all), (60, 60));
        assert_eq!(step_for(86_400, 100, all), (900, 60));
        assert_eq!(step_for(86_400, 100, no_minutes), (3_600, 3_600));
        assert_eq!(step_for(30 * 86_400, 100, all), (43_200, 3_600));
        assert_eq!(step_for(400 * 86_400, 100, all), (604_800, 86_400));
        assert_eq!(step_for(40_000 * 86_400, 100, all), (14 * 2_592_000, 86_400));
    }
}
