//! Token likelihood as a signal: asked for where an objective looks at it, heard, and taken out again for a client that
//! did not ask.
//!
//! A floor was proved with what the decision looked at. So where an answer should tell its likelihood and does not, it
//! is taken for one that cannot be weighed, and the request goes up.
//!
//! What never happens here: a provider asked for what its dialect has no words for.

use bytes::Bytes;
use steersman_routing::{Method, Seen};
use steersman_wire::{ask_likelihood, likelihood, without_likelihood};

use crate::prepare::Target;
use crate::route::Routed;

impl Routed {
    /// Whether what this candidate answers is weighed by its likelihood.
    fn listens(&self, target: &Target) -> bool {
        self.likelihood && self.method == Method::Cascade && self.holds(&target.candidate)
    }

    /// Puts the question for log-probabilities into what a candidate will receive.
    pub(crate) fn ask_likelihood(&self, target: &mut Target) {
        if self.listens(target)
            && let Some(body) = ask_likelihood(target.dialect.name(), &target.body)
        {
            (target.body, target.edited, target.told_unasked) = (body.into(), true, true);
        }
    }

    /// Notes how likely a candidate found its answer, and gives the answer as the client asked for it.
    pub(crate) fn hear(&self, target: &Target, body: Bytes) -> Bytes {
        if !self.listens(target) {
            return body;
        }
        self.progress().heard = likelihood(&body);
        let bare = target.told_unasked.then(|| without_likelihood(&body)).flatten();
        bare.map_or(body, Bytes::from)
    }

    /// What was heard of the answer, where it is looked at; an answer that should tell and does not is none to accept.
    pub(crate) fn heard(&self, target: &Target, heard: Option<f32>, seen: &mut Seen) {
        if self.listens(target) {
            seen.likelihood = heard;
            seen.valid = seen.valid.map(|valid| valid && heard.is_some());
        }
    }
}
