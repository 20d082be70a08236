//! How full the gateway is: requests under way, who waits, and what was refused.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::json;
use steersman_console as console;

use super::{Surface, pages};

/// Both addresses.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new().route("/console/load", get(page)).route("/admin/load", get(report))
}

async fn page(State(surface): State<Arc<Surface>>) -> Response {
    pages::page(StatusCode::OK, &console::load::page(&read(&surface)))
}

async fn report(State(surface): State<Arc<Surface>>) -> Response {
    let load = read(&surface);
    let waiting: Vec<_> = load.waiting.iter().map(|(key, count)| json!({ "key": key, "waiting": count })).collect();
    Json(json!({
        "in_flight": load.in_flight, "max_in_flight": load.max_in_flight, "held_bytes": load.held_bytes,
        "max_held_bytes": load.max_held_bytes, "waiting": waiting, "at_once": load.at_once, "waited": load.waited,
        "refused_full": load.refused_full, "refused_late": load.refused_late, "longest_wait_us": load.longest_wait_us,
    }))
    .into_response()
}

fn read(surface: &Surface) -> console::load::Load {
    let (report, limits) = (surface.queue.report(), surface.queue.limits());
    let engine = surface.engine();
    let name = |flow: Option<_>| match flow {
        None => "without a virtual key".to_owned(),
        Some(hash) => engine.admit().name_of(&hash),
    };
    console::load::Load {
        in_flight: report.in_flight as u64,
        max_in_flight: limits.in_flight as u64,
        held_bytes: report.held_bytes,
        max_held_bytes: limits.held_bytes,
        waiting: report.waiting.into_iter().map(|(flow, count)| (name(flow), count as u64)).collect(),
        at_once: report.at_once,
        waited: report.waited,
        refused_full: report.refused_full,
        refused_late: report.refused_late,
        longest_wait_us: u64::try_from(report.longest_wait.as_micros()).unwrap_or(u64::MAX),
    }
}
