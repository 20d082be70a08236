//! A task's objective, as configured.
//!
//! What never happens here: a default.

use steersman_core::Usd;
use steersman_engine::Candidate;
use steersman_routing::{ObjectivePlan, RouterFile, Watched};

/// How an answer is graded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evaluator {
    /// By whether it agrees with the reference's answer to the same request.
    Agreement,
    /// By whether it is what a client later says is right (`POST /v1/feedback`).
    Truth,
}

/// One task's objective, as configured.
#[derive(Clone)]
pub struct ObjectiveSettings {
    /// Floor, confidence, reference and candidates.
    pub plan: ObjectivePlan,
    /// How answers are graded.
    pub evaluator: Evaluator,
    /// The member of a JSON answer by which answers are compared; `None`: all of it.
    pub answer: Option<String>,
    /// Whether candidates' answers are also weighed by the likelihood of their tokens.
    pub likelihood: bool,
    /// Whether streamed requests get a policy of their own, which looks at the prompt alone.
    pub streams_apart: bool,
    /// Who says whether an answer is as good as the reference's, and for what share of the labels; it grades nothing.
    pub judge: Option<(Candidate, f64)>,
    /// Words that may put the floor out of force: the judge's, clients' scores.
    pub watched: Watched,
    /// Share of requests that get shadow calls.
    pub shadow_share: f64,
    /// At most so many requests a day get shadow calls.
    pub shadow_per_day: u64,
    /// At most this much a day is spent on them, by all gateways on one state together; every arm has a price then.
    pub shadow_usd_per_day: Option<Usd>,
    /// A router to use as it is, in place of one fitted to the first labels.
    pub router: Option<RouterFile>,
    /// Candidates and reference by name, the reference last.
    pub arms: Vec<(String, Candidate)>,
}
