//! Whether the process lives, and whether it takes requests.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::Surface;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The process takes requests: not while it shuts down.
pub(super) async fn ready(State(surface): State<Arc<Surface>>) -> (StatusCode, String) {
    if surface.draining.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n".to_owned())
    } else {
        let stale = surface.stale().map(|why| format!("the configuration's file is not in force: {why}\n"));
        (StatusCode::OK, format!("ready\n{}", stale.unwrap_or_default()))
    }
}
