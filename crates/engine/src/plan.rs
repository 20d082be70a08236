//! What comes after a failed attempt: the same again, the question again with what was wrong, or the next candidate.
//!
//! An answer that broke its form is the best sign that the model was too weak for the question, and it is free: it is
//! asked again once, with the violations in its own terms, and then the next candidate is tried.

use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;
use steersman_core::Code;
use steersman_core::Role;
use steersman_wire::json::RawObject;

use crate::attempt::AttemptFailure;
use crate::catalog::Candidate;
use crate::checks::Held;
use crate::prepare::{Target, target};
use crate::refusal::Refusal;
use crate::reply::Inbound;

/// The next attempt of a request.
pub(crate) struct Plan<'a> {
    /// What is sent, and to whom.
    pub(crate) target: Target,
    /// Why, as the record says it.
    pub(crate) reason: &'static str,
    left: std::slice::Iter<'a, Candidate>,
    asked_again: bool,
}

impl<'a> Plan<'a> {
    /// The first attempt.
    pub(crate) fn new(inbound: &Inbound, candidates: &'a [Candidate]) -> Result<Self, Refusal> {
        let mut left = candidates.iter();
        let first = left.next().expect("invariant: a resolved model has a candidate");
        Ok(Self { target: target(inbound, first)?, reason: "first", left, asked_again: false })
    }

    /// Turns to the attempt after a failure. Gives the pause before it; `None` if there is nothing left to try.
    /// `pause` is what a retry would have to wait; `None` if it would have to wait too long.
    pub(crate) fn after(
        &mut self,
        inbound: &Inbound,
        failure: &AttemptFailure,
        pause: Option<Duration>,
    ) -> Result<Option<Duration>, Refusal> {
        if failure.refusal.code == Code::GUARD_DENIED {
            return Ok(None);
        }
        if let Some(held) = &failure.held {
            if !self.asked_again && held.worth_asking_again {
                self.asked_again = true;
                if let Some(body) = ask_again(&self.target, held) {
                    self.target.body = body;
                    self.target.edited = true;
                    self.reason = "reask";
                    return Ok(Some(Duration::ZERO));
                }
            }
            return self.escalate(inbound);
        }
        if failure.retryable
            && let Some(pause) = pause
        {
            self.reason = "retry";
            return Ok(Some(pause));
        }
        self.escalate(inbound)
    }

    fn escalate(&mut self, inbound: &Inbound) -> Result<Option<Duration>, Refusal> {
        let Some(next) = self.left.next() else { return Ok(None) };
        self.target = target(inbound, next)?;
        self.reason = "escalation";
        self.asked_again = false;
        Ok(Some(Duration::ZERO))
    }
}

/// The body with the wrong answer and what was wrong with it after the conversation, in the provider's dialect.
fn ask_again(target: &Target, held: &Held) -> Option<Bytes> {
    let dialect = target.dialect;
    let object = RawObject::parse(&target.body).ok()?;
    let wrong = dialect.turn(Role::Assistant, &held.raw);
    let what = dialect.turn(Role::User, &complaint(held));
    let turns = object.get(dialect.conversation())?.get();
    let longer = match serde_json::from_str::<String>(turns) {
        Ok(text) => format!("[{},{wrong},{what}]", dialect.turn(Role::User, &text)),
        Err(_) => format!("{},{wrong},{what}]", turns.trim_ascii_end().strip_suffix(']')?),
    };
    let longer = RawValue::from_string(longer).ok()?;
    Some(Bytes::from(object.splice().set_raw(dialect.conversation(), longer).finish()))
}

fn complaint(held: &Held) -> String {
    let mut text = String::from("That answer could not be used:\n");
    if held.violations.is_empty() {
        text.push_str(&format!("- {}\n", held.refusal.message));
    }
    for violation in held.violations.iter().take(20) {
        let place = if violation.pointer.is_empty() { "/" } else { &violation.pointer };
        text.push_str(&format!("- at `{place}` ({}): {}\n", violation.rule, violation.message));
    }
    text.push_str(
        "Answer again with the corrected JSON only. Do not invent values: use only what the conversation says.",
    );
    text
}
