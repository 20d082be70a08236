//! The console's page of the guard: the filter from the address, notes from the store.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use steersman_console as console;
use steersman_core::RequestId;

use super::Surface;
use super::pages::{out_of_reach, page};

/// Requests on one page.
const PAGE_LINES: usize = 100;

#[derive(Deserialize)]
pub(super) struct Parameters {
    decision: Option<String>,
    tool: Option<String>,
    before: Option<String>,
}

pub(super) async fn decisions(State(surface): State<Arc<Surface>>, Query(parameters): Query<Parameters>) -> Response {
    let set = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = console::guard::Filter { decision: set(parameters.decision), tool: set(parameters.tool) };
    let before = parameters.before.as_deref().and_then(RequestId::parse);
    match surface.store.reader().noted("guard", before.as_ref(), PAGE_LINES).await {
        Ok(noted) => page(StatusCode::OK, &console::guard::page(&filter, &noted, surface.engine().guard_mode().name())),
        Err(error) => out_of_reach(&error),
    }
}
