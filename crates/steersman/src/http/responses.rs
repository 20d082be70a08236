//! Stored responses: asked for again, listed by their input, forgotten.
//!
//! The engine writes them before their end is told; here they are only read and deleted.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use steersman_core::{BoxFuture, Code};
use steersman_engine::{BookError, KeptResponse, ResponseBook};
use steersman_store::state::responses::StoredResponse;
use steersman_wire::openai_responses::OpenAiResponses;

use super::{Surface, error};

/// The store's state as the engine's book of responses.
pub(crate) struct Book(pub(crate) steersman_store::State);

impl ResponseBook for Book {
    fn keep(&self, kept: KeptResponse) -> BoxFuture<'_, Result<(), BookError>> {
        let KeptResponse { id, provider, created_at_us, input, conversation, response } = kept;
        let row = StoredResponse { id, provider, created_at_us, input, conversation, response };
        Box::pin(async move { self.0.keep_response(row).await.map_err(|error| BookError(error.to_string())) })
    }

    fn recall<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<KeptResponse>, BookError>> {
        Box::pin(async move {
            let found = self.0.response(id).await.map_err(|error| BookError(error.to_string()))?;
            Ok(found.map(|row| {
                let StoredResponse { id, provider, created_at_us, input, conversation, response } = row;
                KeptResponse { id, provider, created_at_us, input, conversation, response }
            }))
        })
    }
}

pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/v1/responses/{id}", get(retrieve).delete(delete))
        .route("/v1/responses/{id}/input_items", get(input_items))
}

async fn retrieve(State(surface): State<Arc<Surface>>, Path(id): Path<String>) -> Response {
    match found(&surface, &id).await {
        Ok(kept) => ([(header::CONTENT_TYPE, "application/json")], kept.response).into_response(),
        Err(refused) => *refused,
    }
}

async fn delete(State(surface): State<Arc<Surface>>, Path(id): Path<String>) -> Response {
    match surface.store.state().forget_response(&id).await {
        Ok(true) => Json(serde_json::json!({ "id": id, "object": "response", "deleted": true })).into_response(),
        Ok(false) => unknown(&id),
        Err(error) => unreachable_state(&error),
    }
}

async fn input_items(State(surface): State<Arc<Surface>>, Path(id): Path<String>) -> Response {
    let kept = match found(&surface, &id).await {
        Ok(kept) => kept,
        Err(refused) => return *refused,
    };
    let mut items: Vec<serde_json::Value> = serde_json::from_str(&kept.input).unwrap_or_default();
    for (position, item) in items.iter_mut().enumerate() {
        // The SDKs want an id on each item; a client's own items have none.
        if let Some(members) = item.as_object_mut() {
            members.entry("type").or_insert_with(|| "message".into());
            members.entry("id").or_insert_with(|| format!("item_{id}_{position}").into());
        }
    }
    let end = |item: Option<&serde_json::Value>| item.and_then(|item| item.get("id")).cloned();
    let (first, last) = (end(items.first()), end(items.last()));
    let list = serde_json::json!({
        "object": "list", "data": items, "first_id": first, "last_id": last, "has_more": false,
    });
    Json(list).into_response()
}

async fn found(surface: &Surface, id: &str) -> Result<StoredResponse, Box<Response>> {
    let kept = surface.store.state().response(id).await;
    kept.map_err(|error| Box::new(unreachable_state(&error)))?.ok_or_else(|| Box::new(unknown(id)))
}

fn unknown(id: &str) -> Response {
    let shown: String = id.chars().take(80).collect();
    let message = format!("there is no stored response `{shown}`");
    error::refuse(&OpenAiResponses, Code::NOT_FOUND, &message, Some("response_id"))
}

fn unreachable_state(error: &steersman_store::StoreError) -> Response {
    tracing::error!(%error, "stored responses cannot be reached");
    error::refuse(&OpenAiResponses, Code::STATE_UNAVAILABLE, Code::STATE_UNAVAILABLE.meaning, None)
}
