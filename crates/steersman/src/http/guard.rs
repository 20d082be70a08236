//! The console's page of the guard: the filter from the address, notes from the store.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use steersman_console as console;
use steersman_core::RequestId;
use steersman_store::StoreError;
use steersman_store::rows::NotedPage;

use super::Surface;
use super::pages::{cursor, out_of_reach, page, unread};

/// Requests on one page.
const PAGE_LINES: usize = 100;
/// Pages that are passed over at the most for one that the filter shows something of.
const PASSED_OVER: usize = 20;
/// What a decision is.
const DECISIONS: [&str; 3] = ["allow", "ask", "deny"];

#[derive(Deserialize)]
pub(super) struct Parameters {
    decision: Option<String>,
    tool: Option<String>,
    before: Option<String>,
}

pub(super) async fn decisions(State(surface): State<Arc<Surface>>, Query(parameters): Query<Parameters>) -> Response {
    let set = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = console::guard::Filter { decision: set(parameters.decision), tool: set(parameters.tool) };
    if let Some(odd) = filter.decision.as_deref().filter(|word| !DECISIONS.contains(word)) {
        return unread("decision", odd, "allow, ask or deny", "/console/guard");
    }
    let before = match cursor(parameters.before.as_deref(), "/console/guard") {
        Ok(before) => before,
        Err(refused) => return *refused,
    };
    let mode = surface.engine().guard_mode().name();
    let is_older = before.is_some();
    match newest(&surface, &filter, before).await {
        Ok(noted) => page(StatusCode::OK, &console::guard::page(&filter, &noted, mode, is_older)),
        Err(error) => out_of_reach(&error),
    }
}

/// The newest page that shows something.
async fn newest(
    surface: &Surface,
    filter: &console::guard::Filter,
    before: Option<RequestId>,
) -> Result<NotedPage, StoreError> {
    let mut noted = surface.store.reader().guarded(before.as_ref(), PAGE_LINES).await?;
    for _ in 0..PASSED_OVER {
        let Some(next) = noted.next.clone().filter(|_| !filter.finds(&noted)) else { break };
        noted = surface.store.reader().guarded(Some(&next), PAGE_LINES).await?;
    }
    Ok(noted)
}
