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
use steersman_store::StoreError;

use super::{Surface, error};

/// Their addresses.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/v1/objectives", get(standings))
        .route("/v1/objectives/{task}/labels", get(labels))
        .route("/v1/objectives/{task}/decisions", get(decisions))
        .route("/v1/feedback", post(feedback))
        .route("/console/objectives", get(page))
}

async fn standings(State(surface): State<Arc<Surface>>) -> Response {
    axum::Json(serde_json::json!({ "object": "list", "data": surface.objectives.standings() })).into_response()
}

async fn labels(State(surface): State<Arc<Surface>>, Path(task): Path<String>) -> Response {
    lines(surface.objectives.recording(&task).await)
}

async fn decisions(State(surface): State<Arc<Surface>>, Path(task): Path<String>) -> Response {
    lines(surface.objectives.decisions(&task, surface.store.reader()).await)
}

fn lines(rows: Result<Vec<serde_json::Value>, StoreError>) -> Response {
    match rows {
        Ok(rows) => {
            let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
            ([(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"))], lines).into_response()
        }
        Err(failure) => refuse(Code::INTERNAL, &failure.to_string()),
    }
}

/// What a client says of a request: what was right, or how good the answer was.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feedback {
    request_id: String,
    truth: Option<String>,
    score: Option<f64>,
    thumb: Option<Thumb>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Thumb {
    Up,
    Down,
}

/// What feedback is, for whoever gets it wrong.
const FEEDBACK: &str = "feedback is `request_id` and one of `truth` (the right answer, a text), `score` (0 to 1) and \
    `thumb` (`up` or `down`)";

async fn feedback(State(surface): State<Arc<Surface>>, body: Bytes) -> Response {
    let said: Feedback = match serde_json::from_slice(&body) {
        Ok(said) => said,
        Err(failure) => return refuse(Code::INVALID_REQUEST, &format!("{FEEDBACK}: {failure}")),
    };
    if RequestId::parse(&said.request_id).is_none() {
        return refuse(Code::INVALID_REQUEST, "`request_id` is no id of this gateway; it is the header `x-request-id`");
    }
    let thumb = said.thumb.map(|thumb| f64::from(u8::from(matches!(thumb, Thumb::Up))));
    let objectives = &surface.objectives;
    let became = match (said.truth, said.score, thumb) {
        (Some(truth), None, None) => objectives.truth(&said.request_id, &truth).await.map(|became| match became {
            Truth::Labelled => "labelled",
            Truth::Kept => "kept",
        }),
        (None, Some(score), None) | (None, None, Some(score)) if (0.0..=1.0).contains(&score) => {
            objectives.score(&said.request_id, score).await.map(|()| "kept")
        }
        _ => return refuse(Code::INVALID_REQUEST, FEEDBACK),
    };
    match became {
        Ok(status) => {
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
