//! The best of the answers that were rejected on the way to an error.
//!
//! Several models, and one of them twice, may answer before a request ends without a value. The client is told of the
//! attempt that came furthest: the latest layer, and of equals the last, which knew what was wrong with those before. A
//! call that failed after an answer had been rejected does not wipe that out.
//!
//! What never happens here: a rejection in the place of a denial by the guard.

use steersman_core::Layer;

use crate::attempt::AttemptFailure;
use crate::recording::Recording;
use crate::refusal::Refusal;

/// What came furthest so far.
#[derive(Default)]
pub(crate) struct Best(Option<Refusal>);

impl Best {
    /// Looks at a failed attempt.
    pub(crate) fn heed(&mut self, failure: &AttemptFailure, recording: &mut Recording) {
        let Some(held) = &failure.held else { return };
        recording.reconciled(held.items.clone());
        let further = |best: &Refusal| rank(&held.refusal) >= rank(best);
        if held.refusal.rejection.is_some() && self.0.as_ref().is_none_or(further) {
            self.0 = Some(held.refusal.clone());
        }
    }

    /// What the client hears in the end.
    pub(crate) fn or(self, last: Refusal) -> Refusal {
        let Some(mut best) = self.0 else { return last };
        if last.rejection.is_some() {
            return best;
        }
        // A provider that failed says less than the answer that another one gave.
        if last.code.name.starts_with("upstream_") || last.code.name == "rate_limited" {
            best.message = format!("{}; then {}", best.message, last.message);
            return best;
        }
        last
    }
}

/// Later layers are better.
fn rank(refusal: &Refusal) -> u8 {
    match refusal.rejection.as_ref().map(|rejection| rejection.layer) {
        None => 0,
        Some(Layer::Syntax) => 1,
        Some(Layer::Schema) => 2,
        Some(Layer::Rules) => 3,
        Some(Layer::Distribution) => 4,
    }
}
