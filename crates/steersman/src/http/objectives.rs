//! Objectives over HTTP: where each stands, a client's word on a request, and a task's labels as recorded traffic.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use steersman_core::{Code, RequestId};
use steersman_jobs::Truth;

use super::{Surface, error};

/// Their addresses.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/v1/objectives", get(standings))
        .route("/v1/objectives/{task}/labels", get(labels))
        .route("/v1/feedback", post(feedback))
        .route("/console/objectives", get(page))
}

async fn standings(State(surface): State<Arc<Surface>>) -> Response {
    axum::Json(serde_json::json!({ "object": "list", "data": surface.objectives.standings() })).into_response()
}

async fn labels(State(surface): State<Arc<Surface>>, Path(task): Path<String>) -> Response {
    match surface.objectives.recording(&task).await {
        Ok(rows) => {
            let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
            ([(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"))], lines).into_response()
        }
        Err(failure) => refuse(Code::INTERNAL, &failure.to_string()),
    }
}

/// What a client says of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feedback {
    request_id: String,
    truth: String,
}

async fn feedback(State(surface): State<Arc<Surface>>, body: Bytes) -> Response {
    let said: Feedback = match serde_json::from_slice(&body) {
        Ok(said) => said,
        Err(failure) => {
            return refuse(
                Code::INVALID_REQUEST,
                &format!("feedback is `request_id` and `truth`, both text: {failure}"),
            );
        }
    };
    if RequestId::parse(&said.request_id).is_none() {
        return refuse(Code::INVALID_REQUEST, "`request_id` is no id of this gateway; it is the header `x-request-id`");
    }
    match surface.objectives.truth(&said.request_id, &said.truth).await {
        Ok(became) => {
            let status = match became {
                Truth::Labelled => "labelled",
                Truth::Kept => "kept",
            };
            let body = axum::Json(serde_json::json!({ "request_id": said.request_id, "status": status }));
            (StatusCode::ACCEPTED, body).into_response()
        }
        Err(failure) => refuse(Code::INTERNAL, &failure.to_string()),
    }
}

async fn page(State(surface): State<Arc<Surface>>) -> Response {
    super::pages::page(StatusCode::OK, &steersman_console::objectives::page(&surface.objectives.standings()))
}

fn refuse(code: &'static Code, message: &str) -> Response {
    error::refuse(&steersman_wire::openai_chat::OpenAiChat, code, message, None)
}
