//! The decision core: which arm answers a request, how good that must be, and what shows that it is.
//!
//! ```text
//! recorded traffic -> Router (scores, ladder) -> Climb (what each rung would have done)
//!                                                  |
//! labels -> fixed-sequence test of the floor -> highest rung that is shown to be good enough
//! ```
//!
//! A [`Router`] orders choices by estimated quality and cost. It promises nothing. The promise, "at least `floor` times
//! the quality of the reference, at this confidence", is made by [`Climb::highest_safe`], from graded requests and a
//! bound that assumes no model of them. [`replay()`] judges both on rows that neither has seen.
//!
//! What never happens here: no I/O, no clock, no async runtime, no hidden randomness.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of rows and rungs become floats in statistics all over this crate; none comes near 2^53"
)]

mod agreement;
mod artefact;
mod baselines;
mod cascade;
mod chain;
mod climb;
mod dense;
mod drift;
mod features;
mod frontier;
mod labels;
mod lift;
mod logistic;
mod next_step;
mod objective;
mod offpolicy;
mod packed;
mod path;
mod policy;
mod prehoc;
mod proving;
mod replay;
mod router;
mod signals;
mod traffic;

pub use agreement::Seen;
pub use artefact::{ArtefactError, Lineage, RouterFile};
pub use cascade::{Cascade, Recorded, Rung, Step, Worth};
pub use climb::{Bound, Climb, FloorTest, Hunches, Label, Path, drawn_between};
pub use drift::{Alarm, DriftWatch, Familiar, Watched};
pub use features::Features;
pub use frontier::{Frontier, Point};
pub use labels::LabelPlan;
pub use lift::{Lift, LiftError, LiftReport, Lifting, lift};
pub use objective::Objective;
pub use offpolicy::{Estimate, OffPolicy, Verdict, off_policy};
pub use path::Taken;
pub use policy::{Labelled, ObjectivePlan, Phase, Policy, Standing};
pub use prehoc::{Grades, Prehoc, probability};
pub use replay::{Figures, NothingToSave, Prepared, Replay, ReplayError, ReplayPlan, replay, replay_fitted};
pub use router::{Economise, FitError, FitPlan, Fitted, Followed, Method, Router, mean_cost, read_prompts, records};
pub use signals::Signal;
pub use traffic::{Answered, Served, Split, Traffic, TrafficError, answer_key};
