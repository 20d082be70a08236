//! What a label measured: whose answers, and how they were graded. A floor that was proved for other models, or by
//! another measure, is not proved.
//!
//! It is kept in words with each label, so that an operator is told what is otherwise now.
//!
//! What never happens here: a price, which is no part of an answer's quality.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use steersman_engine::Candidate;

use crate::settings::{Evaluator, ObjectiveSettings};

/// What labels of these settings measure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Measured {
    graded: String,
    /// The models by the names of the arms.
    arms: BTreeMap<String, String>,
}

impl Measured {
    pub(crate) fn of(settings: &ObjectiveSettings) -> Self {
        let by = match settings.evaluator {
            Evaluator::Agreement => format!("agreement with `{}`", settings.plan.reference),
            Evaluator::Truth => "truth".to_owned(),
        };
        let of = settings.answer.as_ref().map_or_else(String::new, |pointer| format!(" of `{pointer}`"));
        let weighed = if settings.likelihood { ", answers weighed by likelihood" } else { "" };
        let arms = settings.arms.iter().map(|(name, candidate)| (name.clone(), model(candidate))).collect();
        Self { graded: format!("by {by}{of}{weighed}"), arms }
    }

    /// What was otherwise when this was measured; `None` where it counts for what is measured `now`. Models that take
    /// no part any more do no harm.
    pub(crate) fn otherwise(&self, now: &Self) -> Option<String> {
        if self.graded != now.graded {
            return Some(format!("was graded {}", self.graded));
        }
        now.arms.iter().find_map(|(name, model)| match self.arms.get(name) {
            Some(was) if was == model => None,
            Some(was) => Some(format!("is about `{name}` as {was}")),
            None => Some(format!("is not about `{name}`")),
        })
    }
}

/// A model in full: every place that serves it, how hard it thinks, how much it may write.
fn model(candidate: &Candidate) -> String {
    let place = |provider: &steersman_engine::Provider, model: &str| {
        let at = if provider.address.is_empty() { String::new() } else { format!(" at {}", provider.address) };
        format!("`{}/{model}`{at}", provider.name)
    };
    let mut said = if candidate.deployments.is_empty() {
        place(&candidate.provider, candidate.model.as_str())
    } else {
        let places = candidate.deployments.iter();
        let places = places.map(|one| format!("{} x {}", one.weight, place(&one.provider, one.model.as_str())));
        places.collect::<Vec<_>>().join(" and ")
    };
    if let Some(effort) = &candidate.thought.effort {
        said.push_str(&format!(" with effort {effort}"));
    }
    if let Some(most) = candidate.thought.max_output_tokens {
        said.push_str(&format!(" with at most {most} tokens"));
    }
    said
}

#[cfg(test)]
mod tests {
    use steersman_engine::Thought;

    use super::*;
    use crate::fixtures::{nobody, two_models};

    #[test]
    fn a_label_counts_for_the_models_and_the_measure_that_it_was_given_for() {
        let with = |models: [&str; 2]| ObjectiveSettings { arms: two_models(models), ..nobody() };
        let now = Measured::of(&with(["a", "b"]));
        let otherwise = |was: &ObjectiveSettings| Measured::of(was).otherwise(&now);
        assert_eq!(otherwise(&with(["a", "b"])), None);
        assert_eq!(otherwise(&with(["a2", "b"])).unwrap(), "is about `small` as `p/a2`");
        let mut thinks = with(["a", "b"]);
        thinks.arms[1].1.thought = Thought { max_output_tokens: Some(9), ..Thought::default() };
        assert_eq!(otherwise(&thinks).unwrap(), "is about `big` as `p/b` with at most 9 tokens");
        let by_truth = ObjectiveSettings { evaluator: Evaluator::Truth, ..with(["a", "b"]) };
        assert_eq!(otherwise(&by_truth).unwrap(), "was graded by truth");
        let by_member = ObjectiveSettings { answer: Some("/kind".to_owned()), ..with(["a", "b"]) };
        assert_eq!(otherwise(&by_member).unwrap(), "was graded by agreement with `big` of `/kind`");
        let mut more = with(["a", "b"]);
        more.arms.insert(0, ("tiny".to_owned(), more.arms[0].1.clone()));
        assert_eq!(otherwise(&more), None, "a candidate that is gone takes nothing away");
        assert_eq!(now.otherwise(&Measured::of(&more)).unwrap(), "is not about `tiny`");
    }
}
