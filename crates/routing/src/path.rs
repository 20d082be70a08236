//! The path that a request took: which arms were asked, what was seen of each answer, and whose answer was given.
//!
//! A router decides nothing by chance but the rung. So how likely a path was is a count: at how many of the rungs that
//! a request may be drawn to would the same answers have led the same way?
//!
//! What never happens here: a guess at what an arm that was not asked would have said.

use crate::agreement::Seen;
use crate::cascade::Step;
use crate::climb::drawn_between;
use crate::router::{Method, Router};

/// A path, in places of a router's arms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taken {
    /// The arms that were asked, in order, with what was seen of each answer.
    pub asked: Vec<(usize, Seen)>,
    /// The arm whose answer was given.
    pub answered: usize,
}

impl Router {
    /// The chance that this path is taken by a request that is drawn to a rung around `rung`.
    #[must_use]
    pub fn propensity(&self, rung: usize, scores: &[f32], path: &Taken) -> f64 {
        let (low, high) = drawn_between(rung, self.rungs());
        let (mut features, seen) = (Vec::new(), path.asked.iter().map(|(_, seen)| *seen).collect::<Vec<_>>());
        let same = (low..=high).filter(|&rung| self.leads(rung, scores, path, &seen, &mut features)).count();
        same as f64 / (high - low + 1) as f64
    }

    /// Whether a rung leads along this path.
    fn leads(&self, rung: usize, scores: &[f32], path: &Taken, seen: &[Seen], features: &mut Vec<f64>) -> bool {
        for called in 0..=path.asked.len() {
            let next = match self.step(rung, scores, seen.get(..called).unwrap_or_default(), features) {
                Step::Accept(arm) if seen.get(arm).is_some_and(|seen| seen.valid != Some(false)) => {
                    return called == path.asked.len() && path.answered == arm;
                }
                // An answer that broke its form is given to nobody.
                Step::Accept(_) => self.reference(),
                Step::Call(arm) => arm,
            };
            if path.asked.get(called).map(|(arm, _)| *arm) != Some(next) {
                return false;
            }
            // What follows one choice from the prompt, or the reference, is no decision of a rung.
            if self.method == Method::PromptOnly || next == self.reference() {
                return true;
            }
        }
        false
    }
}
