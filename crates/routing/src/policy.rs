//! What an objective is asked for, what it puts in force, and what it tells of itself.
//!
//! What never happens here: a decision.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::climb::drawn_between;
use crate::drift::Alarm;
use crate::router::Router;
use crate::signals::Signal;
use crate::traffic::Answered;

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectivePlan {
    /// The model whose quality is the measure.
    pub reference: String,
    /// Models that may stand in for it, cheapest first.
    pub candidates: Vec<String>,
    /// Quality floor, as a share of the reference's.
    pub floor: f64,
    /// Confidence that it holds.
    pub confidence: f64,
}

/// Where an objective stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Too few labels to fit a router.
    Collecting,
    /// A router is fitted and not yet proved.
    Shadow,
    /// A rung is proved and in force.
    Armed,
    /// The proof no longer covers the traffic.
    Disarmed,
}

impl Phase {
    /// The word, as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collecting => "collecting",
            Self::Shadow => "shadow",
            Self::Armed => "armed",
            Self::Disarmed => "disarmed",
        }
    }
}

/// A graded request: what every arm did with it.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// What a router may see.
    pub text: String,
    /// What each arm did, by name; graded arms only count.
    pub arms: Vec<(String, Answered)>,
}

/// What the hot path needs: a snapshot that is swapped whole.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Where the objective stands.
    pub phase: Phase,
    /// Names the router: the first digits of its hash, or `none`.
    pub version: String,
    /// The rung in force; 0 sends everything to the reference.
    pub rung: usize,
    /// The router; `None` while collecting.
    pub router: Option<Arc<Router>>,
    /// Within which time nineteen of twenty recent answers of each of the router's arms were whole, in milliseconds,
    /// where known.
    pub latency_ms: Vec<Option<f64>>,
    /// The policy for streamed requests, where they have one of their own: it looks at the prompt alone.
    pub streams: Option<Arc<Policy>>,
}

impl Policy {
    /// Everything to the reference.
    #[must_use]
    pub fn reference_only() -> Self {
        let (version, latency_ms) = ("none".to_owned(), Vec::new());
        Self { phase: Phase::Collecting, version, rung: 0, router: None, latency_ms, streams: None }
    }

    /// The rung that a request is served at, and the propensity of that draw. `unit` in `[0, 1)` decides.
    #[must_use]
    pub fn drawn(&self, unit: f64) -> (usize, f64) {
        let rungs = self.router.as_ref().map_or(0, |router| router.rungs());
        let (low, high) = drawn_between(self.rung, rungs);
        let width = high - low + 1;
        (low + ((unit * width as f64) as usize).min(width - 1), 1.0 / width as f64)
    }
}

/// The state of the evidence, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Where it stands.
    pub phase: Phase,
    /// What it was asked for.
    pub plan: ObjectivePlan,
    /// The router in use, or `none`.
    pub version: String,
    /// Arms of the router in order of calling, the reference last.
    pub arms: Vec<String>,
    /// The rung in force, of how many.
    pub rung: usize,
    /// The thriftiest rung.
    pub rungs: usize,
    /// Labels that fitted the router.
    pub fitted_on: usize,
    /// Labels since, which prove the floor.
    pub proved_on: u64,
    /// Mean quality of the rung in force relative to the reference on those, if there are any.
    pub relative_quality: Option<f64>,
    /// Mean cost of the rung in force relative to the reference; `None` while a price is unknown.
    pub relative_cost: Option<f64>,
    /// What the proved policy costs relative to the reference, where that is no less: the reference answers then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proved_cost: Option<f64>,
    /// Labels while armed on which the policy fell short of the reference, of how many.
    pub fell_short: [u64; 2],
    /// ln of the wealth against "below the floor" at the next rung, and what it must reach.
    pub evidence: [f64; 2],
    /// Labels that the next rung is likely to need; `None` if the labels so far do not point upwards.
    pub labels_to_go: Option<u64>,
    /// What changed, if it was disarmed.
    pub alarm: Option<Alarm>,
    /// What each signal has been worth on the labels.
    pub signals: Vec<Signal>,
    /// Where the policy for streamed requests stands, where they have one of their own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub streams: Option<Box<Standing>>,
    /// What happens next, in a sentence.
    pub next_step: String,
}
