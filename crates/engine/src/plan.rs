//! What comes after a failed attempt: another place that serves the same model, the same again, the question again with
//! what was wrong, or the next candidate.
//!
//! Each further attempt after a failure of the provider is paid for from a budget that all requests share.
//!
//! An answer that broke its form is the best sign that the model was too weak for the question, and it is free: it is
//! asked again once, for the failing places alone (`reask`), and then the next candidate is tried.

use std::sync::Arc;
use std::time::Duration;

use steersman_core::Code;
use steersman_wire::RequestHead;

use crate::attempt::AttemptFailure;
use crate::balance::Choice;
use crate::catalog::Candidate;
use crate::checks::Checks;
use crate::health::Place;
use crate::prepare::{Target, target_of};
use crate::reask::Reask;
use crate::refusal::Refusal;
use crate::reply::Inbound;
use crate::resilience::Bearing;

/// The next attempt of a request.
pub(crate) struct Plan<'a> {
    /// What is sent, and to whom.
    pub(crate) target: Target,
    /// Why, as the record says it.
    pub(crate) reason: &'static str,
    head: &'a RequestHead<'a>,
    bearing: &'a Bearing,
    candidate: &'a Candidate,
    left: std::slice::Iter<'a, Candidate>,
    /// Places of this candidate that failed.
    tried: Vec<Arc<Place>>,
    asked_again: bool,
}

impl<'a> Plan<'a> {
    /// The first attempt: at the first candidate that has an open place, else at the first.
    pub(crate) fn new(
        inbound: &Inbound,
        head: &'a RequestHead<'a>,
        candidates: &'a [Candidate],
        bearing: &'a Bearing,
    ) -> Result<Self, Refusal> {
        let mut left = candidates.iter();
        let mut candidate = left.next().expect("invariant: a resolved model has a candidate");
        let mut chosen = bearing.balancer.choose(&bearing.places, candidate, &[]);
        let mut reason = "first";
        while chosen.is_none()
            && let Some(next) = left.as_slice().first()
        {
            candidate = next;
            chosen = bearing.balancer.choose(&bearing.places, candidate, &[]);
            reason = "failover";
            left.next();
        }
        if chosen.is_none() {
            left = candidates.iter();
            candidate = left.next().expect("invariant: a resolved model has a candidate");
            reason = "first";
        }
        let chosen = chosen.unwrap_or_else(|| bearing.balancer.choose_any(&bearing.places, candidate));
        let target = sent_to(inbound, head, chosen)?;
        Ok(Self { target, reason, head, bearing, candidate, left, tried: Vec::new(), asked_again: false })
    }

    /// How many attempts a request may have where `wanted` are configured: each candidate gets at least one.
    pub(crate) fn attempts(wanted: u32, candidates: &[Candidate]) -> u32 {
        wanted.max(u32::try_from(candidates.len()).unwrap_or(u32::MAX))
    }

    /// Turns to the attempt after a failure, of which `more` may still be made. Gives the pause before it; `None` if
    /// there is nothing left to try. `pause` is what a retry would have to wait; `None` if it would have to wait too
    /// long.
    pub(crate) fn after(
        &mut self,
        inbound: &Inbound,
        failure: &AttemptFailure,
        pause: Option<Duration>,
        more: u32,
        checks: Option<&Checks>,
    ) -> Result<Option<Duration>, Refusal> {
        if failure.refusal.code == Code::GUARD_DENIED {
            return Ok(None);
        }
        if let Some(held) = &failure.held {
            if !self.asked_again && held.worth_asking_again {
                self.asked_again = true;
                let schema = checks.and_then(Checks::schema).filter(|_| held.sole);
                let reask = Reask::after(held, schema);
                if let Some(body) = reask.body(&self.target, held, schema) {
                    self.target.body = body;
                    self.target.edited = true;
                    self.target.reask = Some(Arc::new(reask));
                    self.reason = "reask";
                    return Ok(Some(Duration::ZERO));
                }
            }
            return self.next_candidate(inbound, "escalation");
        }
        let code = failure.refusal.code;
        if code == Code::UPSTREAM_REFUSED || code == Code::CONTEXT_LENGTH_EXCEEDED {
            return self.next_candidate(inbound, "escalation");
        }
        // A storm of retries is what turns a bad minute into an outage.
        if !self.bearing.retries.spend() {
            return Ok(None);
        }
        self.tried.extend(self.target.place.take());
        let others = self.bearing.balancer.choose(&self.bearing.places, self.candidate, &self.tried);
        if let Some(other) = others {
            self.target = sent_to(inbound, self.head, other)?;
            self.reason = "failover";
            return Ok(Some(Duration::ZERO));
        }
        let may_wait = more > u32::try_from(self.left.len()).unwrap_or(u32::MAX);
        if failure.retryable
            && (may_wait || self.left.len() == 0)
            && let Some(pause) = pause
        {
            self.tried.clear();
            let again = self.bearing.balancer.choose_any(&self.bearing.places, self.candidate);
            self.target = sent_to(inbound, self.head, again)?;
            self.reason = "retry";
            return Ok(Some(pause));
        }
        self.next_candidate(inbound, "failover")
    }

    /// What a second attempt beside this one is sent, and where: to another place if one is open.
    pub(crate) fn beside(&self, inbound: &Inbound) -> Result<Target, Refusal> {
        let Bearing { balancer, places, .. } = self.bearing;
        let here: Vec<_> = self.target.place.iter().chain(&self.tried).cloned().collect();
        let mut target = match balancer.choose(places, self.candidate, &here) {
            Some(other) => sent_to(inbound, self.head, other)?,
            None => self.target.clone(),
        };
        if self.reason == "reask" {
            // The question as it was asked again, not as it came; both places speak the dialect it was written in.
            target.body = self.target.body.clone();
            target.edited = true;
            target.reask.clone_from(&self.target.reask);
        }
        Ok(target)
    }

    /// Turns to a candidate further down the list, because an answer that kept its form is not good enough.
    pub(crate) fn turn_to(&mut self, inbound: &Inbound, candidate: &Candidate) -> Result<(), Refusal> {
        let wanted = |next: &Candidate| crate::route::same(next, candidate);
        while self.left.as_slice().first().is_some_and(|next| !wanted(next)) {
            self.left.next();
        }
        self.next_candidate(inbound, "escalation").map(|_| ())
    }

    /// Turns to the last candidate. False if it is the one that has just failed.
    pub(crate) fn fail_up(&mut self, inbound: &Inbound, failure: &AttemptFailure) -> Result<bool, Refusal> {
        let Some(last) = self.left.as_slice().last() else { return Ok(false) };
        if failure.refusal.code == Code::GUARD_DENIED {
            return Ok(false);
        }
        self.turn_to(inbound, last)?;
        Ok(true)
    }

    /// Lets no other candidate follow.
    pub(crate) fn stay(&mut self) {
        self.left = [].iter();
    }

    fn next_candidate(&mut self, inbound: &Inbound, reason: &'static str) -> Result<Option<Duration>, Refusal> {
        let Some(next) = self.left.next() else { return Ok(None) };
        self.candidate = next;
        self.target = sent_to(inbound, self.head, self.bearing.balancer.choose_any(&self.bearing.places, next))?;
        self.reason = reason;
        self.tried.clear();
        self.asked_again = false;
        Ok(Some(Duration::ZERO))
    }
}

/// What the chosen place will receive.
fn sent_to(inbound: &Inbound, head: &RequestHead<'_>, choice: Choice) -> Result<Target, Refusal> {
    let mut target = target_of(inbound, head, &choice.candidate)?;
    target.place = Some(choice.place);
    Ok(target)
}
