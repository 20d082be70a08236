//! What answers that are given again saved: the console's page, and the same as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::json;
use steersman_console as console;
use steersman_core::Usd;
use steersman_store::StoreError;
use steersman_store::state::answers::AnswersHeld;

use super::{Surface, now_us, pages};
use crate::answers::day;

/// The span of the page.
const DAYS: i64 = 30;

/// Both addresses.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new().route("/console/cache", get(page)).route("/admin/cache", get(report))
}

async fn page(State(surface): State<Arc<Surface>>) -> Response {
    match read(&surface).await {
        Ok((lines, held)) => pages::page(StatusCode::OK, &console::cache::page(&lines, held, DAYS)),
        Err(error) => pages::out_of_reach(&error),
    }
}

async fn report(State(surface): State<Arc<Surface>>) -> Response {
    match read(&surface).await {
        Ok((lines, held)) => {
            let tasks: Vec<_> = lines
                .iter()
                .map(|line| {
                    json!({
                        "task": line.task, "hits": line.hits, "misses": line.misses,
                        "saved_usd": line.saved.as_f64(), "saved_tokens": line.saved_tokens,
                    })
                })
                .collect();
            Json(json!({ "days": DAYS, "answers": held.answers, "bytes": held.bytes, "tasks": tasks })).into_response()
        }
        Err(error) => pages::out_of_reach(&error),
    }
}

/// The tasks in order of what they saved.
async fn read(surface: &Surface) -> Result<(Vec<console::cache::Line>, AnswersHeld), StoreError> {
    let since = day(now_us() - DAYS * 86_400_000_000);
    let (rows, held) = surface.store.state().answers_report(&since).await?;
    let mut tasks: BTreeMap<String, console::cache::Line> = BTreeMap::new();
    for row in rows {
        let line = tasks.entry(row.task.clone()).or_insert_with(|| console::cache::Line::of(row.task));
        line.hits += row.hits;
        line.misses += row.misses;
        line.saved += Usd::from_nanos(row.saved);
        line.saved_tokens += row.saved_tokens;
    }
    let mut lines: Vec<_> = tasks.into_values().collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.saved));
    Ok((lines, held))
}
