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

use super::{Surface, error, pages};
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
    let Some(house) = &surface.tools else {
        return pages::page(StatusCode::OK, &steersman_console::effects::page(None, None));
    };
    match house.runner.open_effects().await {
        Ok(open) => {
            let rows: Vec<Row> = open.iter().map(|effect| row(house, effect)).collect();
            pages::page(StatusCode::OK, &steersman_console::effects::page(Some(&rows), said.as_deref()))
        }
        Err(error) => pages::page(StatusCode::SERVICE_UNAVAILABLE, &steersman_console::unavailable(&error.to_string())),
    }
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
    let Some(house) = &surface.tools else { return refuse(Code::NOT_FOUND, "no tool server is configured") };
    let ours = blake3::hash(house.token(&key).as_bytes()) == blake3::hash(form.token.as_bytes());
    if !ours || !matches!(site, "same-origin" | "none") {
        return pages::page(StatusCode::FORBIDDEN, &steersman_console::not_found("form of this console"));
    }
    let said = match act(house, &key, form.action, &form.hash, "the console").await {
        Ok(effect) => format!("{} is {} now", effect.tool, effect.state.name()),
        Err(why) => why,
    };
    let encoded: String = said
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    Redirect::to(&format!("/console/effects?said={encoded}")).into_response()
}

async fn list(State(surface): State<Arc<Surface>>) -> Response {
    let Some(house) = &surface.tools else { return Json(json!({ "effects": [] })).into_response() };
    match house.runner.open_effects().await {
        Ok(open) => Json(json!({ "effects": open.iter().map(shown).collect::<Vec<_>>() })).into_response(),
        Err(failed) => refuse(Code::RUN_NOT_KEPT, &failed.to_string()),
    }
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
    let Some(house) = &surface.tools else { return refuse(Code::NOT_FOUND, "no tool server is configured") };
    match act(house, &key, order.action, &order.arguments_hash, &order.by).await {
        Ok(effect) => Json(shown(&effect)).into_response(),
        Err(why) => refuse(Code::INVALID_REQUEST, &why),
    }
}

fn refuse(code: &'static Code, message: &str) -> Response {
    error::refuse(super::api::dialect_of("/"), code, message, None)
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

fn shown(effect: &EffectRecord) -> serde_json::Value {
    json!({
        "key": effect.key.to_string(), "tool": effect.tool, "state": effect.state.name(), "effect": effect_word(effect.effect),
        "means": means(effect.means), "arguments": effect.arguments, "place": effect.slot.to_string(),
        "arguments_hash": arguments_hash(&effect.arguments).to_string(), "attempt": effect.attempt, "detail": effect.detail,
        "authorised_by": effect.authorised_by, "changed_at_ms": effect.changed_at_ms,
    })
}
