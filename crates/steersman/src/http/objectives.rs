//! Objectives over HTTP: where each stands, a client's word on a request of its own, and, for the admin, a task's
//! labels and decisions as recorded traffic.
//!
//! What never happens here: a word on the request of another key, which would choose its owner's models.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use steersman_core::{Code, RequestId};
use steersman_jobs::{Report, ShadowDay, Truth};
use steersman_store::StoreError;
use steersman_store::rows::RequestStory;

use super::credential::Credential;
use super::{Surface, error};

/// More than an answer that is compared with others is long.
const MAX_TRUTH_BYTES: usize = 64 << 10;
/// When it is looked for a record that is written up to 100 ms after its answer, and later under load.
const LOOKS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(200), Duration::from_millis(800)];

/// Their addresses.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/v1/objectives", get(standings))
        .route("/admin/objectives/{task}/labels", get(labels))
        .route("/admin/objectives/{task}/decisions", get(decisions))
        .route("/admin/objectives/{task}/report", get(report))
        .route("/v1/feedback", post(feedback))
        .route("/console/objectives", get(page))
        .route("/console/objectives/{task}", get(task_page))
}

async fn standings(State(surface): State<Arc<Surface>>) -> Response {
    axum::Json(serde_json::json!({ "object": "list", "data": surface.objectives.standings() })).into_response()
}

async fn labels(State(surface): State<Arc<Surface>>, Path(task): Path<String>) -> Response {
    if !surface.objectives.has(&task) {
        return nobody(&task);
    }
    lines(surface.objectives.recording(&task).await)
}

async fn decisions(State(surface): State<Arc<Surface>>, Path(task): Path<String>) -> Response {
    if !surface.objectives.has(&task) {
        return nobody(&task);
    }
    lines(surface.objectives.decisions(&task, surface.store.reader()).await)
}

async fn report(State(surface): State<Arc<Surface>>, Path(task): Path<String>) -> Response {
    if !surface.objectives.has(&task) {
        return nobody(&task);
    }
    match surface.objectives.report(&task, surface.store.reader()).await {
        Ok(report) => axum::Json(report).into_response(),
        Err(failure) => refuse(Code::INTERNAL, &failure.to_string()),
    }
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

async fn feedback(
    State(surface): State<Arc<Surface>>,
    credential: Option<Extension<Credential>>,
    body: Bytes,
) -> Response {
    let credential = credential.map(|Extension(Credential(hash))| hash);
    let admit = Arc::clone(surface.engine().admit());
    if let Err(refusal) = admit.count(credential.as_ref()) {
        return refuse(refusal.code, &refusal.message);
    }
    let said: Feedback = match serde_json::from_slice(&body) {
        Ok(said) => said,
        Err(failure) => return refuse(Code::INVALID_REQUEST, &format!("{FEEDBACK}: {failure}")),
    };
    let Some(id) = RequestId::parse(&said.request_id) else {
        return refuse(Code::INVALID_REQUEST, "`request_id` is no id of this gateway; it is the header `x-request-id`");
    };
    if said.truth.as_ref().is_some_and(|truth| truth.len() > MAX_TRUTH_BYTES) {
        return refuse(Code::INVALID_REQUEST, &format!("`truth` is longer than {MAX_TRUTH_BYTES} bytes"));
    }
    let story = match belongs(&surface, &id, &admit.owner_of(credential.as_ref())).await {
        Ok(Some(story)) => story,
        Ok(None) => return refuse(Code::NOT_FOUND, &format!("no request of this key has the id `{id}`")),
        Err(failure) => return refuse(Code::STATE_UNAVAILABLE, &failure.to_string()),
    };
    let thumb = said.thumb.map(|thumb| f64::from(u8::from(matches!(thumb, Thumb::Up))));
    let objectives = &surface.objectives;
    let became = match (said.truth, said.score, thumb) {
        (Some(truth), None, None) => objectives.truth(&said.request_id, &truth).await.map(|became| match became {
            Truth::Labelled => "labelled",
            Truth::Kept => "kept",
        }),
        (None, Some(score), None) | (None, None, Some(score)) if (0.0..=1.0).contains(&score) => {
            objectives.score(&story, score).await.map(|()| "kept")
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

/// The record of a request that this owner made.
async fn belongs(surface: &Surface, id: &RequestId, owner: &str) -> Result<Option<RequestStory>, StoreError> {
    for pause in LOOKS {
        tokio::time::sleep(pause).await;
        if let Some(story) = surface.store.reader().request(id).await? {
            let key = story.notes.get("admit").and_then(|note| note.get("key")?.as_str());
            let own = key.unwrap_or_default() == owner;
            return Ok(Some(story).filter(|_| own));
        }
    }
    Ok(None)
}

async fn page(State(surface): State<Arc<Surface>>) -> Response {
    let shadows = match surface.objectives.shadow_day().await {
        Ok(shadows) => shadows,
        Err(failure) => return super::pages::out_of_reach(&failure),
    };
    let shadows = shadows.into_iter().map(|(task, ShadowDay { calls, unknown, booked })| {
        (task, steersman_console::objectives::Shadow { calls, unknown, booked })
    });
    let page = steersman_console::objectives::page(&surface.objectives.standings(), &shadows.collect());
    super::pages::page(StatusCode::OK, &page)
}

async fn task_page(State(surface): State<Arc<Surface>>, Path(task): Path<String>) -> Response {
    let standings = surface.objectives.standings();
    let Some(standing) = standings.get(&task) else {
        return super::pages::page(StatusCode::NOT_FOUND, &steersman_console::not_found("objective"));
    };
    match surface.objectives.report(&task, surface.store.reader()).await {
        Ok(Report { ahead, added }) => {
            let ahead: Vec<_> = ahead.into_iter().map(|ahead| (ahead.rung, ahead.what, ahead.estimate)).collect();
            let added: Vec<_> = added.into_iter().map(|added| (added.from, added.to, added.lift)).collect();
            super::pages::page(
                StatusCode::OK,
                &steersman_console::objectives::task_page(&task, standing, &ahead, &added),
            )
        }
        Err(failure) => super::pages::out_of_reach(&failure),
    }
}

fn nobody(task: &str) -> Response {
    refuse(Code::NOT_FOUND, &format!("no task `{task}` has an objective; `GET /v1/objectives` lists those that have"))
}

fn refuse(code: &'static Code, message: &str) -> Response {
    error::refuse(&steersman_wire::openai_chat::OpenAiChat, code, message, None)
}
