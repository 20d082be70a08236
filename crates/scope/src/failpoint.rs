//! Named places where a test may crash or stall the machine. Without a probe a place costs one comparison.

use std::sync::Arc;

use steersman_core::BoxFuture;

/// Whoever wants to know that a place was reached. The future may never resolve: that is a crash.
pub trait Probe: Send + Sync {
    /// The place named `point` was reached.
    fn reached(&self, point: &'static str) -> BoxFuture<'_, ()>;
}

/// The places in order of their appearance in the life of a write call.
pub const FAIL_POINTS: [&str; 10] = [
    "plan.before",
    "journal.before_append",
    "journal.before_sync",
    "journal.after_sync",
    "dispatch.before",
    "dispatch.answered",
    "outcome.recorded",
    "reconcile.before",
    "reconcile.looked_up",
    "open.before_snapshot",
];

/// Tells the probe, if there is one.
pub(crate) async fn reached(probe: Option<&Arc<dyn Probe>>, point: &'static str) {
    if let Some(probe) = probe {
        probe.reached(point).await;
    }
}
