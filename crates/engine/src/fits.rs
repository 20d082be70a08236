//! Hard filters before any score: can this arm take the request at all, may it, and in time?
//!
//! Its dialect, what is said of its reach, the regions that the task and the key demand, what their budgets have left,
//! and how long the client waits. An arm that is left out stands on the record with its reason, and the request goes to
//! the reference where the policy would have asked it.
//!
//! What is not said of a model is taken as no limit; a provider that refuses then is a failed attempt, which goes up.
//!
//! What never happens here: a tokeniser. A token is taken as three bytes, which errs towards "too long" in most
//! scripts.

use std::borrow::Cow;

use serde::Serialize;
use steersman_core::{ChatRequest, Part, Usd};
use steersman_routing::{Method, Policy};

use crate::admit::Shortage;
use crate::catalog::Candidate;
use crate::prepare::target_of;
use crate::region::Demand;
use crate::reply::Inbound;
use crate::route::RouteTask;

/// What a model can take, as far as an operator says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Tokens of prompt and answer together.
    pub context_tokens: Option<u64>,
    /// Whether it reads images.
    pub images: Option<bool>,
    /// Whether it calls tools.
    pub tools: Option<bool>,
}

/// An answer whose length nobody names is taken as this long.
const USUAL_ANSWER_TOKENS: u64 = 1_024;
const BYTES_A_TOKEN: u64 = 3;

impl Limits {
    /// Why the request, of so many bytes, does not fit; `None` if it does.
    pub(crate) fn misfit(&self, request: &ChatRequest, bytes: usize) -> Option<String> {
        let mut parts = request.messages.iter().flat_map(|message| &message.parts);
        let has_image = parts.any(|part| matches!(part, Part::Image(_)));
        if self.images == Some(false) && has_image {
            return Some("reads no images".to_owned());
        }
        if self.tools == Some(false) && !request.tools.is_empty() {
            return Some("calls no tools".to_owned());
        }
        let limit = self.context_tokens?;
        // An inline image is many bytes and few tokens; where there is one, length decides nothing.
        let prompt = if has_image { 0 } else { bytes as u64 / BYTES_A_TOKEN };
        let needed = request.max_output_tokens.unwrap_or(USUAL_ANSWER_TOKENS).saturating_add(prompt);
        (needed > limit).then(|| format!("holds {limit} tokens, and this takes about {needed}"))
    }
}

/// An arm that is not asked, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOut {
    pub(crate) arm: String,
    /// `dialect`, `reach`, `region`, `budget` or `deadline`.
    pub(crate) filter: &'static str,
    pub(crate) why: Cow<'static, str>,
}

/// A request and what it demands.
pub(crate) struct Fitting<'a> {
    pub(crate) inbound: &'a Inbound,
    pub(crate) request: &'a ChatRequest,
    pub(crate) task: &'a RouteTask,
    pub(crate) demand: Option<&'a Demand>,
    pub(crate) shortage: Option<&'a Shortage>,
}

impl Fitting<'_> {
    /// The candidates that are left out, of a router's arms with the reference last. A cascade asks one arm after the
    /// other, so that the times and prices of those before count, and nothing behind the first that is left out is
    /// asked.
    pub(crate) fn left_out(&self, policy: &Policy, method: Method, arms: &[(String, Candidate)]) -> Vec<LeftOut> {
        let Some((_, candidates)) = arms.split_last() else { return Vec::new() };
        let time = |arm: usize| policy.latency_ms.get(arm).copied().flatten();
        let (mut waited, mut paid) = match method {
            Method::PromptOnly => (Some(0.0), Usd::ZERO),
            Method::Cascade => (time(candidates.len()), Usd::ZERO),
        };
        let mut left_out = Vec::new();
        for (place, (name, candidate)) in candidates.iter().enumerate() {
            let took = waited.zip(time(place)).map(|(before, own)| before + own);
            let price = self.shortage.and_then(|shortage| shortage.size.cost(candidate)).map(|own| paid + own);
            let misfit =
                self.of_itself(name, candidate).or_else(|| self.too_dear(price)).or_else(|| self.too_slow(took));
            if let Some((filter, why)) = misfit {
                left_out.push(LeftOut { arm: name.clone(), filter, why: format!("`{name}` {why}").into() });
                if method == Method::Cascade {
                    break;
                }
            }
            if method == Method::Cascade {
                (waited, paid) = (took, price.unwrap_or(paid));
            }
        }
        left_out
    }

    fn of_itself(&self, name: &str, candidate: &Candidate) -> Option<(&'static str, String)> {
        let head = self.inbound.dialect.request_head(&self.inbound.body);
        if !head.is_ok_and(|head| target_of(self.inbound, &head, candidate).is_ok()) {
            return Some(("dialect", "cannot express the request".to_owned()));
        }
        let limits =
            self.task.arms.iter().position(|(known, _)| known == name).and_then(|arm| self.task.limits.get(arm));
        if let Some(why) = limits.and_then(|limits| limits.misfit(self.request, self.inbound.body.len())) {
            return Some(("reach", why));
        }
        let demand = self.demand.filter(|demand| demand.keep(candidate).is_none())?;
        Some(("region", format!("is not known to process requests in {}", demand.words())))
    }

    fn too_dear(&self, price: Option<Usd>) -> Option<(&'static str, String)> {
        let shortage = self.shortage?;
        let dear = price.is_none_or(|price| price > shortage.usd);
        dear.then(|| ("budget", format!("may cost more than the {} that a budget has left", shortage.usd)))
    }

    /// An unknown time is no promise.
    fn too_slow(&self, took: Option<f64>) -> Option<(&'static str, String)> {
        let deadline = self.task.deadline?.as_secs_f64() * 1e3;
        match took {
            Some(ms) if ms <= deadline => None,
            Some(ms) => {
                Some(("deadline", format!("would miss the deadline of {deadline} ms: an answer takes {ms:.0} ms")))
            }
            None => {
                Some(("deadline", format!("would miss the deadline of {deadline} ms: how long it takes is unknown")))
            }
        }
    }
}
