//! The page of repairs, alarms and aliases, and a person's word on an alias.
//!
//! What never happens here: a change that is not durable before the page is shown again.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use steersman_console as console;
use steersman_engine::Evidence;
use steersman_store::now_us;
use steersman_structured::Alias;

use super::{Surface, pages};
use crate::canaries::{self, CanaryError, StoredCanary};
use crate::drift::{self, AliasError};

/// The page that its forms stand on.
const BACK: (&str, &str) = ("/console/structured", "Structured");

async fn back() -> Redirect {
    Redirect::to(BACK.0)
}

/// Its addresses.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/console/structured", get(page).post(submit))
        .route("/console/structured/canaries", get(back).post(confirm_canary))
}

async fn page(State(surface): State<Arc<Surface>>) -> Response {
    let (rows, alarms) = surface.engine().remembered();
    let aliases = match drift::aliases(surface.store.state()).await {
        Ok(aliases) => aliases,
        Err(error) => return pages::out_of_reach(&error),
    };
    let aliases: Vec<_> = aliases
        .into_iter()
        .map(|stored| console::structured::AliasLine {
            model: stored.model,
            schema: stored.schema,
            alias: stored.alias,
            support: stored.support,
            person: stored.person,
            confirmed_at_us: stored.confirmed_at_us,
        })
        .collect();
    let canaries = match canaries::canaries(surface.store.state()).await {
        Ok(canaries) => canaries.iter().map(canary_line).collect::<Vec<_>>(),
        Err(error) => return pages::out_of_reach(&error),
    };
    pages::page(StatusCode::OK, &console::structured::page(&rows, &alarms, &aliases, &canaries))
}

/// What a person wants done with an alias.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Confirm,
    Forget,
}

#[derive(Deserialize)]
struct Word {
    action: Action,
    model: String,
    schema: String,
    pointer: String,
    old: String,
    new: String,
}

async fn submit(State(surface): State<Arc<Surface>>, Form(word): Form<Word>) -> Response {
    let Word { action, model, schema, pointer, old, new } = word;
    let seen = Evidence { model, schema, alias: Alias { pointer, old, new } };
    let state = surface.store.state();
    let done = match action {
        Action::Confirm => drift::confirm(state, &seen, Some("console"), now_us()).await.map(|_| ()),
        Action::Forget => drift::forget(state, &seen).await,
    };
    match done {
        Ok(()) => Redirect::to("/console/structured").into_response(),
        Err(AliasError::Store(error)) => pages::out_of_reach(&error),
        Err(error @ AliasError::Raced(_)) => {
            pages::page(StatusCode::CONFLICT, &console::refused(&error.to_string(), BACK))
        }
        Err(error @ AliasError::Unknown(_)) => {
            pages::page(StatusCode::NOT_FOUND, &console::refused(&error.to_string(), BACK))
        }
    }
}

fn canary_line(canary: &StoredCanary) -> console::canaries::Line {
    let last = canary.last.as_ref();
    console::canaries::Line {
        task: canary.task.clone(),
        id: canary.id.clone(),
        is_confirmed: canary.confirmed.is_some(),
        served_confirmed: canary.served_confirmed.iter().cloned().collect(),
        request: last.map(|last| last.request.clone()),
        served: last.map(|last| last.served.clone()).unwrap_or_default(),
        at_us: last.map(|last| last.at_us).unwrap_or_default(),
        failed: last.and_then(|last| last.failed.clone()),
        differences: last.map(|last| last.differences.clone()).unwrap_or_default(),
    }
}

#[derive(Deserialize)]
struct Named {
    task: String,
    id: String,
}

async fn confirm_canary(State(surface): State<Arc<Surface>>, Form(Named { task, id }): Form<Named>) -> Response {
    match canaries::confirm(surface.store.state(), &task, &id, now_us()).await {
        Ok(_) => Redirect::to("/console/structured").into_response(),
        Err(CanaryError::Store(error)) => pages::out_of_reach(&error),
        Err(error @ CanaryError::Raced(_)) => {
            pages::page(StatusCode::CONFLICT, &console::refused(&error.to_string(), BACK))
        }
        Err(error @ CanaryError::Unknown(_)) => {
            pages::page(StatusCode::NOT_FOUND, &console::refused(&error.to_string(), BACK))
        }
    }
}
