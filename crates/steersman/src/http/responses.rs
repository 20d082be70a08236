//! Stored responses: asked for again, listed by their input, forgotten.
//!
//! The engine writes them before their end is told; here they are only read and deleted.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use steersman_core::{BoxFuture, Code, StoredResponse};
use steersman_engine::{BookError, ResponseBook};
use steersman_wire::openai_responses::OpenAiResponses;

use super::credential::Credential;
use super::{Surface, error, passed};

/// The store's state as the engine's book of responses.
pub(crate) struct Book {
    pub(crate) state: steersman_store::State,
    /// For how many days a response is kept.
    pub(crate) days: u64,
}

impl ResponseBook for Book {
    fn keep(&self, kept: StoredResponse) -> BoxFuture<'_, Result<(), BookError>> {
        Box::pin(async move {
            self.state.keep_response(kept, self.days).await.map_err(|error| BookError(error.to_string()))
        })
    }

    fn recall<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<StoredResponse>, BookError>> {
        Box::pin(async move { self.state.response(id).await.map_err(|error| BookError(error.to_string())) })
    }
}

pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/v1/responses/{id}", get(retrieve).delete(delete).fallback(passed::missed))
        .route("/v1/responses/{id}/input_items", get(input_items).fallback(passed::missed))
}

/// What a virtual key came with, if it did: it decides whose responses are seen.
type Who = Option<Extension<Credential>>;

async fn retrieve(State(surface): State<Arc<Surface>>, who: Who, Path(id): Path<String>) -> Response {
    match found(&surface, who, &id).await {
        Ok(kept) => ([(header::CONTENT_TYPE, "application/json")], kept.response).into_response(),
        Err(refused) => *refused,
    }
}

async fn delete(State(surface): State<Arc<Surface>>, who: Who, Path(id): Path<String>) -> Response {
    match surface.store.state().forget_response(&id, &owner(&surface, who)).await {
        Ok(true) => Json(serde_json::json!({ "id": id, "object": "response", "deleted": true })).into_response(),
        Ok(false) => unknown(&id),
        Err(error) => unreachable_state(&error),
    }
}

async fn input_items(State(surface): State<Arc<Surface>>, who: Who, Path(id): Path<String>) -> Response {
    let kept = match found(&surface, who, &id).await {
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

/// A response of this client's; another's is as unknown as one that never was.
async fn found(surface: &Surface, who: Who, id: &str) -> Result<StoredResponse, Box<Response>> {
    let kept = surface.store.state().response(id).await.map_err(|error| Box::new(unreachable_state(&error)))?;
    let owner = owner(surface, who);
    kept.filter(|kept| kept.owner == owner).ok_or_else(|| Box::new(unknown(id)))
}

fn owner(surface: &Surface, who: Who) -> String {
    let credential = who.map(|Extension(Credential(hash))| hash);
    surface.engine().admit().owner_of(credential.as_ref())
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
