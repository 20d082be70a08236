//! Whether the process lives, whether it takes requests, and what it has under way and has lost.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

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
        let stale = surface.stale.lines();
        let load = surface.queue.report();
        let waiting: usize = load.waiting.iter().map(|(_, count)| count).sum();
        let busy = (waiting > 0).then(|| format!("{} requests under way, {waiting} waiting\n", load.in_flight));
        (StatusCode::OK, format!("ready\n{}{stale}", busy.unwrap_or_default()))
    }
}

/// Counts for monitors. They name nobody, so no key is asked for: the database's own words on why records are lost
/// stand on the console.
pub(super) async fn report(State(surface): State<Arc<Surface>>) -> Json<Value> {
    let (stats, load) = (surface.store.stats(), surface.queue.report());
    let losing = stats.last_error.is_some();
    let status = match (surface.draining.is_cancelled(), losing) {
        (true, _) => "shutting down",
        (false, true) => "not recording",
        (false, false) => "ok",
    };
    Json(json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "requests_under_way": load.in_flight,
        "requests_waiting": load.waiting.iter().map(|(_, count)| count).sum::<usize>(),
        "tasks": tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        "records": {
            "accepted": stats.accepted, "written": stats.written, "queued": stats.queued,
            "dropped": stats.dropped, "failed": stats.failed, "lost": stats.dropped + stats.failed,
            "lost_by_kill": stats.lost_by_kill,
        },
    }))
}
