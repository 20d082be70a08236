//! What answers that are given again saved, and how they are forgotten: the console's page, and the same as JSON.
//!
//! That a form came from a page of this gateway was looked at before it comes here (`origin.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use steersman_console as console;
use steersman_core::Usd;
use steersman_engine::Purge;
use steersman_store::state::answers::AnswersHeld;
use steersman_store::{StoreError, now_us};

use super::{Surface, pages};
use crate::answers::day;
use crate::keys;
use crate::purges::{self, PURGED, PurgeError};

/// The page.
const PAGE: &str = "/console/cache";
/// The span of it.
const DAYS: i64 = 30;

/// Both addresses.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route(PAGE, get(page))
        .route("/console/cache/purge", get(|| async { Redirect::to(PAGE) }).post(purge_by_form))
        .route("/admin/cache", get(report))
        .route("/admin/cache/purge", post(purge))
}

/// Which answers are to be forgotten; a word that is empty stands for any.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Meant {
    task: String,
    model: String,
}

async fn purge(State(surface): State<Arc<Surface>>, body: Bytes) -> Response {
    let Ok(meant) = serde_json::from_slice::<Meant>(&body) else {
        let message = "only `task` and `model` say which answers are to be forgotten; without them all are";
        let hint = json!({ "error": { "message": message, "code": "invalid_request" } });
        return (StatusCode::BAD_REQUEST, Json(hint)).into_response();
    };
    match forget(&surface, "admin", meant).await {
        Ok(forgotten) => Json(json!({ "forgotten": forgotten })).into_response(),
        Err(error) => {
            let body = json!({ "error": { "message": error.to_string() } });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn purge_by_form(State(surface): State<Arc<Surface>>, Form(meant): Form<Meant>) -> Response {
    match forget(&surface, "console", meant).await {
        Ok(forgotten) => {
            let word = surface.notices.leave(format!("Answers that were forgotten: {forgotten}."));
            Redirect::to(&format!("{PAGE}?told={word}")).into_response()
        }
        Err(error) => pages::page(StatusCode::SERVICE_UNAVAILABLE, &console::unavailable(&error.to_string())),
    }
}

/// Forgets, in this gateway before it is answered.
async fn forget(surface: &Surface, by: &str, meant: Meant) -> Result<u64, PurgeError> {
    let said = |word: String| Some(word.trim().to_owned()).filter(|word| !word.is_empty());
    let purge = Purge { at_us: now_us(), task: said(meant.task), model: said(meant.model) };
    let forgotten = purges::purge(surface.store.state(), by, purge).await;
    if let Some(cache) = surface.engine().kept_answers() {
        cache.heed().await;
    }
    forgotten
}

#[derive(Deserialize)]
struct Shown {
    /// The word for what was done last.
    told: Option<String>,
}

async fn page(State(surface): State<Arc<Surface>>, Query(shown): Query<Shown>) -> Response {
    let said = shown.told.as_deref().and_then(|word| surface.notices.take(word));
    match read(&surface).await {
        Ok((lines, held)) => {
            // A log that cannot be read hides no page.
            let log = keys::audit(surface.store.state()).await.unwrap_or_default();
            let purges: Vec<_> = log.into_iter().filter(|line| line.what == PURGED).take(20).collect();
            let purges: Vec<_> = purges.into_iter().map(|line| (line.at_us, line.by, line.key)).collect();
            pages::page(StatusCode::OK, &console::cache::page(&lines, held, DAYS, &purges, said.as_deref()))
        }
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
