//! Which of several places that serve one model gets the next call.
//!
//! Only places whose breaker lets a call through are asked, and those that this request has not tried yet. Where all
//! are shut the one that opens first is taken all the same: a client that has no other place to go is better served by
//! an attempt than by a refusal.

use std::sync::Arc;

use steersman_core::ModelName;
use steersman_scope::Dice;
use tokio::time::Instant;

use crate::catalog::{Candidate, Provider};
use crate::health::{Access, Place, Places};

/// One of several places that serve the same model: another key, region, vendor or machine.
#[derive(Clone)]
pub struct Deployment {
    /// Who serves it.
    pub provider: Arc<Provider>,
    /// The name that this provider knows it by.
    pub model: ModelName,
    /// Its share of the traffic, relative to the others.
    pub weight: u32,
}

/// How traffic is spread over places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// By chance, in proportion to the weights.
    #[default]
    Weighted,
    /// To the one with the fewest calls under way, for its weight.
    LeastOutstanding,
    /// To the one that will answer soonest: average latency times calls under way, for its weight.
    Latency,
}

impl Strategy {
    /// Every word that an operator may use, and what it means.
    pub const WORDS: &[(&str, Self)] =
        &[("weighted", Self::Weighted), ("least_outstanding", Self::LeastOutstanding), ("latency", Self::Latency)];

    /// The strategy with this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(name, _)| *name == word).map(|(_, strategy)| *strategy)
    }
}

/// A place, and the candidate that stands for it.
pub(crate) struct Choice {
    pub(crate) candidate: Candidate,
    pub(crate) place: Arc<Place>,
    weight: u32,
    access: Access,
}

/// Chooses among the places of a candidate.
#[derive(Debug)]
pub(crate) struct Balancer {
    strategy: Strategy,
    dice: Dice,
}

impl Balancer {
    pub(crate) const fn new(strategy: Strategy, seed: u64) -> Self {
        Self { strategy, dice: Dice::seeded(seed) }
    }

    /// The best place that is open and was not tried; `None` if there is none.
    pub(crate) fn choose(&self, places: &Places, candidate: &Candidate, tried: &[Arc<Place>]) -> Option<Choice> {
        let now = Instant::now();
        let open = |choice: &Choice| {
            choice.access == Access::Free && !tried.iter().any(|tried| Arc::ptr_eq(tried, &choice.place))
        };
        self.best(choices(places, candidate, now).filter(open).collect(), now)
    }

    /// The best open place, tried or not; where all are shut, the one that opens first.
    pub(crate) fn choose_any(&self, places: &Places, candidate: &Candidate) -> Choice {
        let now = Instant::now();
        self.choose(places, candidate, &[]).unwrap_or_else(|| {
            let opens = |choice: &Choice| match choice.access {
                Access::Free => now,
                Access::Shut(until) => until,
            };
            choices(places, candidate, now).min_by_key(opens).expect("invariant: a candidate has a place")
        })
    }

    fn best(&self, mut open: Vec<Choice>, now: Instant) -> Option<Choice> {
        if open.len() < 2 {
            return open.pop();
        }
        // Where two are alike, chance decides, so that many requests at once do not all pick the first.
        let shift = usize::try_from(self.dice.below(open.len() as u64)).unwrap_or(0);
        open.rotate_left(shift);
        match self.strategy {
            Strategy::Weighted => {
                let total: u64 = open.iter().map(|choice| u64::from(choice.weight)).sum();
                let mut drawn = self.dice.below(total.max(1));
                let at = open.iter().position(|choice| match drawn.checked_sub(u64::from(choice.weight)) {
                    Some(left) => {
                        drawn = left;
                        false
                    }
                    None => true,
                });
                Some(open.swap_remove(at.unwrap_or(0)))
            }
            Strategy::LeastOutstanding => least(open, load),
            // A place of which nothing is known is asked first, so that something is.
            Strategy::Latency => least(open, |choice| choice.place.latency(now).unwrap_or(0.0) * load(choice)),
        }
    }
}

fn load(choice: &Choice) -> f64 {
    f64::from(choice.place.outstanding() + 1) / f64::from(choice.weight.max(1))
}

fn least(open: Vec<Choice>, cost: impl Fn(&Choice) -> f64) -> Option<Choice> {
    open.into_iter().map(|choice| (cost(&choice), choice)).min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, best)| best)
}

fn choices<'a>(places: &'a Places, candidate: &'a Candidate, now: Instant) -> impl Iterator<Item = Choice> + 'a {
    let choice = move |candidate: Candidate, weight| {
        let place = places.of(&candidate);
        Choice { access: place.access(now), candidate, place, weight }
    };
    let own = candidate.deployments.is_empty().then(|| choice(candidate.clone(), 1));
    own.into_iter().chain(candidate.deployments.iter().map(move |deployment| {
        let (provider, model) = (Arc::clone(&deployment.provider), deployment.model.clone());
        choice(Candidate { provider, model, ..candidate.clone() }, deployment.weight)
    }))
}
