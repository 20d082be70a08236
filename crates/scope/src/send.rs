//! One call of a tool: time-out, panic and cancellation all become a [`ToolFault`], and output is cut to its limit,
//! which its text then says.
//!
//! Once a write was handed to its tool, only the tool's own word says that it did not act. Everything else is `Lost`.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep, sleep_until};

use crate::failure::panic_text;
use crate::meter::Meter;
use crate::runner::{OnCancel, Runner};
use crate::scope::Scope;
use crate::tool::{Dispatch, Tool, ToolFault};

impl Runner {
    /// Calls the tool once, within its contract's time-out.
    pub(crate) async fn call_once(
        &self,
        tool: &dyn Tool,
        dispatch: Dispatch,
        meter: &Meter,
        on_cancel: OnCancel,
    ) -> Result<String, ToolFault> {
        meter.charge().map_err(|over| ToolFault::NotSent(over.to_string()))?;
        let limit = tool.contract().timeout().unwrap_or(self.options().timeout);
        let scope = dispatch.scope.clone();
        let over = Instant::now() + limit;
        // The future is made inside the guarded block, so that a panic in making it is contained as well.
        let call = AssertUnwindSafe(async move { tool.call(dispatch).await }).catch_unwind();
        let ended = tokio::select! {
            biased;
            ended = call => ended,
            () = sleep_until(over) => return Err(ToolFault::TimedOut(limit)),
            () = patience(&scope, on_cancel) => return Err(ToolFault::Lost("cancelled while it ran".to_owned())),
        };
        match ended {
            Ok(output) => output.map(|text| self.cut(text)),
            Err(payload) => Err(ToolFault::Lost(format!("the tool panicked: {}", panic_text(&*payload)))),
        }
    }

    /// The text within the limit. Whoever reads it is told that it was longer: what is not there was not asked for.
    fn cut(&self, mut text: String) -> String {
        let (limit, whole) = (self.options().max_output_bytes, text.len());
        if whole > limit {
            text.truncate(text.floor_char_boundary(limit));
            text.push_str(&format!("\n(cut here: the result has {whole} bytes, these are the first {})", text.len()));
        }
        text
    }

    /// Waits before another try; `false` if the work was cancelled meanwhile.
    pub(crate) async fn wait_to_retry(&self, scope: &Scope, retry: u32, retry_after: Option<Duration>) -> bool {
        let wait = self.options().backoff.wait(retry, retry_after, self.dice());
        pause(scope, wait).await
    }
}

/// Sleeps; `false` if the work was cancelled meanwhile.
pub(crate) async fn pause(scope: &Scope, length: Duration) -> bool {
    tokio::select! {
        biased;
        () = scope.cancelled() => false,
        () = sleep(length) => true,
    }
}

/// Resolves when a call in flight is to be given up after a cancellation. Half of the grace period is left for writing
/// down what is known.
async fn patience(scope: &Scope, on_cancel: OnCancel) {
    scope.cancelled().await;
    if on_cancel == OnCancel::Finish {
        sleep(scope.grace() / 2).await;
    }
}
