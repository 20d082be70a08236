//! Work off the hot path: shadow calls, the labels they give, and the objectives that those prove.
//!
//! ```text
//! finished record -> Watcher (bounded queue, drops are counted) -> Objectives: drift watch
//!                                                                    |  sampled: shadow calls, at most so many a day
//!                                                                    v
//!                     client feedback ----------------------> label (durable) -> e-processes -> Board (step 4 reads it)
//! ```
//!
//! What never happens here: a request that waits, a label that is counted before it is durable, a detached task.

mod decisions;
#[cfg(test)]
mod fixtures;
mod judge;
mod labels;
mod line;
mod measured;
mod objectives;
mod purse;
mod report;
mod settings;
mod shadow;
mod task;
mod today;
mod watcher;

pub use objectives::{Objectives, Truth};
pub use report::{Added, Ahead, Report};
pub use settings::{Evaluator, ObjectiveSettings};
pub use today::ShadowDay;
pub use watcher::Watcher;
