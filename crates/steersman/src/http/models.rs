//! `GET /v1/models`: every model and task that a client may name.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use steersman_core::Code;
use steersman_wire::openai_chat;

use super::{Surface, error};

/// The list, in the form of the OpenAI API. `created` is zero: no provider's date is known.
pub(super) async fn list(State(surface): State<Arc<Surface>>) -> Json<serde_json::Value> {
    let catalog = surface.engine.catalog();
    let models = catalog.models().map(|(name, candidate)| entry(name, candidate.provider.name.as_str()));
    let tasks = catalog.tasks().map(|task| entry(&format!("task/{task}"), "steersman"));
    Json(serde_json::json!({ "object": "list", "data": models.chain(tasks).collect::<Vec<_>>() }))
}

/// One model. Any `provider/model` of a configured provider exists.
pub(super) async fn retrieve(State(surface): State<Arc<Surface>>, Path(id): Path<String>) -> Response {
    match surface.engine.catalog().resolve(&id) {
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

fn entry(id: &str, owner: &str) -> serde_json::Value {
    serde_json::json!({ "id": id, "object": "model", "created": 0, "owned_by": owner })
}
