//! What happens next with an objective, in a sentence for its operator.
//!
//! What never happens here: a figure that the standing does not show.

use crate::drift::Alarm;
use crate::policy::{ObjectivePlan, Phase, Standing};
use crate::router::FitError;

/// A policy that costs this share of the reference or more is told to save nothing.
const SAVES_NOTHING: f64 = 0.9995;
/// Fewer labels than this tell nothing of where the proof goes.
const FEWEST_TELLING: u64 = 20;

/// What the sentence is made from, beside the standing.
pub(crate) struct NextStep<'o> {
    pub(crate) plan: &'o ObjectivePlan,
    pub(crate) alarm: Option<Alarm>,
    /// Whether there is a router.
    pub(crate) fitted: bool,
    /// Why there is none.
    pub(crate) unfit: Option<&'o FitError>,
    /// Arms of whose calls no cost was known where it was fitted.
    pub(crate) unpriced: &'o [String],
}

impl NextStep<'_> {
    /// The sentence.
    pub(crate) fn told(&self, standing: &Standing) -> String {
        let again = self.alarm.map_or_else(String::new, |alarm| format!("{}; ", alarm.describe()));
        let step = match standing.phase {
            _ if !self.fitted => return again + &self.until_fitted(standing),
            _ if standing.rungs == 0 => {
                "cannot arm: no policy is cheaper than the reference, or a price is unknown".to_owned()
            }
            Phase::Armed => return in_force(standing) + &self.prices(),
            _ => self.until_proved(standing),
        };
        format!("{again}{step}{}", self.prices())
    }

    fn until_fitted(&self, standing: &Standing) -> String {
        match (self.unfit, standing.labels_to_go) {
            (_, Some(count)) => format!("{} until a router is fitted", labels(count)),
            (Some(error), None) => format!("a router cannot be fitted yet: {error}"),
            (None, None) => "waiting for labels".to_owned(),
        }
    }

    fn until_proved(&self, standing: &Standing) -> String {
        match standing.labels_to_go {
            Some(count) => format!("about {} until the floor is proved", labels(count)),
            None if standing.proved_on < FEWEST_TELLING => {
                format!("{} to tell whether the floor can be proved", labels(FEWEST_TELLING - standing.proved_on))
            }
            None => format!(
                "cannot arm: on {} labels no cheaper policy keeps {} of `{}`",
                standing.proved_on, self.plan.floor, self.plan.reference
            ),
        }
    }

    /// Whose price is missing.
    fn prices(&self) -> String {
        if self.unpriced.is_empty() {
            return String::new();
        }
        let named: Vec<String> = self.unpriced.iter().map(|name| format!("`{name}`")).collect();
        let without = if self.unpriced.contains(&self.plan.reference) { "" } else { ", so it takes no part" };
        format!("; no cost of {} is known: a price is missing{without}", named.join(", "))
    }
}

fn in_force(standing: &Standing) -> String {
    if let Some(cost) = standing.proved_cost {
        return format!(
            "the reference answers everything: the proved policy costs {cost:.2} times as much; watched for drift"
        );
    }
    let saves = standing.relative_cost.is_none_or(|cost| cost < SAVES_NOTHING);
    let saves = if saves { "" } else { ", and saves nothing yet" };
    let more = standing.labels_to_go.filter(|&count| count > 0 && standing.rung < standing.rungs);
    let more = more.map(|count| format!("; about {} until a thriftier rung", labels(count)));
    format!("in force{saves}; watched for drift{}", more.unwrap_or_default())
}

fn labels(count: u64) -> String {
    if count == 1 { "1 more label".to_owned() } else { format!("{count} more labels") }
}
