//! The console's page of tasks.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use steersman_console as console;
use steersman_store::now_us;

use super::{Surface, pages};

#[derive(Deserialize)]
pub(super) struct Parameters {
    span: Option<String>,
}

/// Every task in a span of time.
pub(super) async fn page(State(surface): State<Arc<Surface>>, Query(parameters): Query<Parameters>) -> Response {
    let wanted = parameters.span.as_deref().unwrap_or("24h");
    let Some((span, _, length_us)) = console::overview::SPANS.iter().find(|(word, ..)| *word == wanted) else {
        return pages::unread("span", wanted, "1h, 6h, 24h, 7d or 30d", "/console/tasks");
    };
    match surface.store.reader().tasks(now_us() - length_us).await {
        Ok(tasks) => pages::page(StatusCode::OK, &console::tasks::page(&tasks, span)),
        Err(error) => pages::page(StatusCode::SERVICE_UNAVAILABLE, &console::unavailable(&error.to_string())),
    }
}
