//! Effects that wait for a person: a page, and the same as JSON for programs and `steersman approvals`.
//!
//! A form carries a word that only this process can make and only its own pages show, so no other site can send one; the
//! JSON address takes nothing but `application/json`, which no form of another site can send either.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use steersman_console::effects::Row;
use steersman_core::{Code, ContentHash, Effect};
use steersman_scope::{
    Child, Decision, EffectKey, EffectRecord, Means, OperatorError, Scope, State as Stands, Word, arguments_hash,
};
use steersman_store::state::approvals::{Approval, Standing};

use super::{Surface, error, pages};
use crate::approvals::ApprovalBook;
use crate::tools::ToolHouse;

/// All addresses of effects.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/console/effects", get(show))
        .route("/console/effects/{key}", post(submit))
        .route("/api/effects", get(list))
        .route("/api/effects/{key}", post(command))
}

/// What a person wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Approve,
    Deny,
    LookUp,
    Happened,
    DidNot,
    Resend,
}

#[derive(Deserialize)]
struct Shown {
    said: Option<String>,
}

async fn show(State(surface): State<Arc<Surface>>, Query(shown): Query<Shown>) -> Response {
    let said = shown.said.as_deref().map(|said| said.chars().take(300).collect::<String>());
    let asked = match surface.approvals.open().await {
        Ok(asked) => asked,
        Err(error) => return unavailable(&error.to_string()),
    };
    let mut rows: Vec<Row> = asked.iter().map(|approval| approval_row(&surface.approvals, approval)).collect();
    if let Some(house) = &surface.tools {
        match house.runner.open_effects().await {
            Ok(open) => rows.extend(open.iter().map(|effect| row(house, effect))),
            Err(error) => return unavailable(&error.to_string()),
        }
    }
    pages::page(StatusCode::OK, &steersman_console::effects::page(&rows, said.as_deref()))
}

fn unavailable(why: &str) -> Response {
    pages::page(StatusCode::SERVICE_UNAVAILABLE, &steersman_console::unavailable(why))
}

#[derive(Deserialize)]
struct Form {
    action: Action,
    hash: String,
    token: String,
}

async fn submit(
    State(surface): State<Arc<Surface>>,
    Path(key): Path<String>,
    Query(form): Query<Form>,
    headers: HeaderMap,
) -> Response {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok()).unwrap_or("none");
    let ours = |token: String| blake3::hash(token.as_bytes()) == blake3::hash(form.token.as_bytes());
    let of_effects = surface.tools.as_ref().is_some_and(|house| ours(house.token(&key)));
    if !(of_effects || ours(surface.approvals.token(&key))) || !matches!(site, "same-origin" | "none") {
        return pages::page(StatusCode::FORBIDDEN, &steersman_console::not_found("form of this console"));
    }
    let said = match obey(&surface, &key, form.action, &form.hash, "the console").await {
        Ok(done) => format!("{} is {} now", text(&done, "tool"), text(&done, "state")),
        Err(why) => why,
    };
    let encoded: String = said
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    Redirect::to(&format!("/console/effects?said={encoded}")).into_response()
}

async fn list(State(surface): State<Arc<Surface>>) -> Response {
    let mut effects: Vec<_> = match surface.approvals.open().await {
        Ok(asked) => asked.iter().map(shown_approval).collect(),
        Err(failed) => return refuse(Code::RUN_NOT_KEPT, &failed.to_string()),
    };
    if let Some(house) = &surface.tools {
        match house.runner.open_effects().await {
            Ok(open) => effects.extend(open.iter().map(shown)),
            Err(failed) => return refuse(Code::RUN_NOT_KEPT, &failed.to_string()),
        }
    }
    Json(json!({ "effects": effects })).into_response()
}

#[derive(Deserialize)]
struct Order {
    action: Action,
    arguments_hash: String,
    by: String,
}

async fn command(
    State(surface): State<Arc<Surface>>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let order: Order = match serde_json::from_slice(&body) {
        Ok(order) if kind.starts_with("application/json") => order,
        Ok(_) => return refuse(Code::INVALID_REQUEST, "the content type must be `application/json`"),
        Err(wrong) => return refuse(Code::INVALID_REQUEST, &wrong.to_string()),
    };
    match obey(&surface, &key, order.action, &order.arguments_hash, &order.by).await {
        Ok(done) => Json(done).into_response(),
        Err(why) => refuse(Code::INVALID_REQUEST, &why),
    }
}

fn refuse(code: &'static Code, message: &str) -> Response {
    error::refuse(super::api::dialect_of("/"), code, message, None)
}

fn text<'v>(value: &'v serde_json::Value, key: &str) -> &'v str {
    value.get(key).and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// Does what a person wants with a call of a client's agent, or with an effect of ours.
async fn obey(surface: &Surface, key: &str, action: Action, hash: &str, by: &str) -> Result<serde_json::Value, String> {
    let standing = match action {
        Action::Approve => Some(Standing::Granted),
        Action::Deny => Some(Standing::Denied),
        Action::LookUp | Action::Happened | Action::DidNot | Action::Resend => None,
    };
    if let Some(standing) = standing {
        let decided = surface.approvals.decide(key, hash, standing, by).await.map_err(|error| error.to_string())?;
        if let Some(approval) = decided {
            return Ok(shown_approval(&approval));
        }
    }
    match &surface.tools {
        Some(house) => act(house, key, action, hash, by).await.map(|effect| shown(&effect)),
        None => Err("nothing with this key and these arguments waits".to_owned()),
    }
}

/// Does what a person wants, in a scope of its own, also if the person's connection breaks.
async fn act(house: &Arc<ToolHouse>, key: &str, action: Action, hash: &str, by: &str) -> Result<EffectRecord, String> {
    let key = EffectKey::try_from(key.to_owned()).map_err(|_| format!("`{key}` is no effect's key"))?;
    let runner = house.whole_runner().await;
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let (by, hash) = (by.to_owned(), hash.to_owned());
    let work = Child::<EffectRecord, String>::graceful("operator", move |scope: Scope| async move {
        let operator = |error: OperatorError| words(&error);
        let hash = ContentHash::parse(&hash).ok_or("the hash is no hash")?;
        let effect = runner.effect(key).await.map_err(|error| words(&error))?.ok_or("there is no such effect")?;
        if arguments_hash(&effect.arguments) != hash {
            return Err("the arguments are not those that were shown".to_owned());
        }
        match action {
            Action::Approve => {
                if effect.state == Stands::Planned {
                    runner.decide(key, hash, Decision::Approve, &by).await.map_err(|error| words(&error))?;
                }
                runner.carry_out_approved(&scope, key).await.map_err(operator)
            }
            Action::Deny => runner.decide(key, hash, Decision::Deny, &by).await.map_err(|error| words(&error)),
            Action::LookUp => runner.look_into(&scope, key).await.map_err(operator),
            Action::Happened => runner.mark(key, Word::Happened, &by).await.map_err(|error| words(&error)),
            Action::DidNot => runner.mark(key, Word::DidNot, &by).await.map_err(|error| words(&error)),
            Action::Resend => runner.resend(&scope, key, &by).await.map_err(operator),
        }
    });
    house.root.scope("operator").run(work).await.map_err(|failures| failures.to_string())
}

const fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Irreversible => "irreversible",
    }
}

const fn means(means: Means) -> &'static str {
    match means {
        Means::Keyed => "keyed",
        Means::Lookup => "can be looked up",
        Means::Opaque => "opaque",
    }
}

fn row(house: &ToolHouse, effect: &EffectRecord) -> Row {
    let key = effect.key.to_string();
    Row {
        token: house.token(&key),
        key,
        tool: effect.tool.clone(),
        arguments: effect.arguments.clone(),
        arguments_hash: arguments_hash(&effect.arguments).to_string(),
        effect: effect_word(effect.effect),
        means: means(effect.means),
        state: effect.state.name(),
        attempt: effect.attempt,
        place: effect.slot.to_string(),
        detail: effect.detail.clone(),
        authorised_by: effect.authorised_by.clone(),
    }
}

fn approval_row(book: &ApprovalBook, approval: &Approval) -> Row {
    Row {
        token: book.token(&approval.key),
        key: approval.key.clone(),
        tool: approval.tool.clone(),
        arguments: approval.arguments.clone(),
        arguments_hash: approval.call.clone(),
        effect: "made by the client's own agent",
        means: "passed on to it",
        state: approval.standing.name(),
        attempt: 0,
        place: format!("task {}", approval.task),
        detail: approval.why.clone(),
        authorised_by: approval.decided_by.clone(),
    }
}

fn shown_approval(approval: &Approval) -> serde_json::Value {
    json!({
        "key": approval.key, "tool": approval.tool, "state": approval.standing.name(), "effect": "client", "means": "client",
        "arguments": approval.arguments, "place": format!("task {}", approval.task), "arguments_hash": approval.call,
        "attempt": 0, "detail": approval.why, "authorised_by": approval.decided_by, "changed_at_ms": approval.asked_at_ms,
    })
}

fn shown(effect: &EffectRecord) -> serde_json::Value {
    json!({
        "key": effect.key.to_string(), "tool": effect.tool, "state": effect.state.name(), "effect": effect_word(effect.effect),
        "means": means(effect.means), "arguments": effect.arguments, "place": effect.slot.to_string(),
        "arguments_hash": arguments_hash(&effect.arguments).to_string(), "attempt": effect.attempt, "detail": effect.detail,
        "authorised_by": effect.authorised_by, "changed_at_ms": effect.changed_at_ms,
    })
}
