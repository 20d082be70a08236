//! `GET /v1/models`: every model and task that a client may name.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use steersman_core::Code;
use steersman_wire::openai_chat;

use super::{Surface, error};

/// The header that every client of the Anthropic API sends.
const ANTHROPIC_VERSION: &str = "anthropic-version";

/// The list, in the form of the OpenAI API. `created` is zero: no provider's date is known.
///
/// A client that sends `anthropic-version` gets that API's form, all on one page.
pub(super) async fn list(State(surface): State<Arc<Surface>>, headers: HeaderMap) -> Json<serde_json::Value> {
    let engine = surface.engine();
    let catalog = engine.catalog();
    if headers.contains_key(ANTHROPIC_VERSION) {
        let tasks = catalog.tasks().map(|task| anthropic_entry(&format!("task/{task}")));
        let data: Vec<_> = catalog.models().map(|(name, _)| anthropic_entry(name)).chain(tasks).collect();
        let end = |entry: Option<&serde_json::Value>| entry.and_then(|entry| entry.get("id")).cloned();
        let (first, last) = (end(data.first()), end(data.last()));
        return Json(serde_json::json!({ "data": data, "has_more": false, "first_id": first, "last_id": last }));
    }
    let models = catalog.models().map(|(name, candidate)| entry(name, candidate.provider.name.as_str()));
    let tasks = catalog.tasks().map(|task| entry(&format!("task/{task}"), "steersman"));
    Json(serde_json::json!({ "object": "list", "data": models.chain(tasks).collect::<Vec<_>>() }))
}

/// One model. Any `provider/model` of a configured provider exists.
pub(super) async fn retrieve(
    State(surface): State<Arc<Surface>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match surface.engine().catalog().resolve(&id) {
        Ok(_) if headers.contains_key(ANTHROPIC_VERSION) => Json(anthropic_entry(&id)).into_response(),
        Ok(resolved) => {
            let owner = resolved.candidates.first().map_or("steersman", |candidate| candidate.provider.name.as_str());
            Json(entry(&id, owner)).into_response()
        }
        Err(unknown) => {
            let refusal = steersman_engine::Refusal::from(unknown);
            error::refuse(&openai_chat::OpenAiChat, Code::MODEL_NOT_FOUND, &refusal.message, Some("model"))
        }
    }
}

fn anthropic_entry(id: &str) -> serde_json::Value {
    serde_json::json!({ "type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z" })
}

fn entry(id: &str, owner: &str) -> serde_json::Value {
    serde_json::json!({ "id": id, "object": "model", "created": 0, "owned_by": owner })
}
