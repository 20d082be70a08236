//! The admin address and the console's page of keys: the same operations as `steersman keys`, for a running gateway.
//!
//! Both want the admin's key where one is set. That a form came from a page of this gateway was looked at before it
//! comes here, as for every change (`origin.rs`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use steersman_console as console;
use steersman_console::keys::Made;
use steersman_engine::KeyRules;
use steersman_store::now_us;

use super::{Surface, pages};
use crate::cli::keys::{describe, describe_budget, describe_made, limits};
use crate::keys::{self, KeyError, StoredKey};
use crate::new_key::{self, NewKey, NewKeyError};

/// The page.
const PAGE: &str = "/console/keys";
/// Where its forms are tried again.
const BACK: (&str, &str) = (PAGE, "Back to the keys and the form");

/// All addresses.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/admin/keys", get(list).post(create))
        .route("/admin/keys/{key}/rotate", post(rotate))
        .route("/admin/keys/{key}/revoke", post(revoke))
        .route("/admin/audit", get(audit))
        .route("/admin/places", get(places))
        .route(PAGE, get(page).post(create_by_form))
        .route("/console/keys/{key}/rotate", get(ask_to_rotate).post(rotate_by_form))
        .route("/console/keys/{key}/revoke", get(ask_to_revoke).post(revoke_by_form))
}

async fn list(State(surface): State<Arc<Surface>>) -> Response {
    let state = surface.store.state();
    let read = async { Ok::<_, KeyError>((keys::list(state).await?, state.budgets().await?)) };
    answer(read.await.map(|(keys, budgets)| {
        let budgets: Vec<_> = budgets.iter().map(describe_budget).collect();
        json!({ "keys": keys.iter().map(describe).collect::<Vec<_>>(), "budgets": budgets })
    }))
}

async fn create(State(surface): State<Arc<Surface>>, body: Bytes) -> Response {
    let wanted = serde_json::from_slice::<NewKey>(&body).map_err(|error| error.to_string());
    let rules = match wanted.and_then(|wanted| wanted.rules().map_err(|error| error.to_string())) {
        Ok(rules) => rules,
        Err(why) => {
            let message = format!("no such key can be made: {why}; money is in nano-dollars");
            let refused = json!({ "error": { "message": message, "code": "invalid_request" } });
            return (StatusCode::BAD_REQUEST, Json(refused)).into_response();
        }
    };
    let made = keys::create(surface.store.state(), "admin", rules, now_us()).await;
    answer(changed(&surface, made).await.map(|made| describe_made(&made)))
}

async fn rotate(State(surface): State<Arc<Surface>>, Path(key): Path<String>) -> Response {
    let made = keys::rotate(surface.store.state(), "admin", &key, now_us()).await;
    answer(changed(&surface, made).await.map(|made| describe_made(&made)))
}

async fn revoke(State(surface): State<Arc<Surface>>, Path(key): Path<String>) -> Response {
    let revoked = keys::revoke(surface.store.state(), "admin", &key, now_us()).await;
    answer(changed(&surface, revoked).await.map(|key| describe(&key)))
}

async fn audit(State(surface): State<Arc<Surface>>) -> Response {
    answer(keys::audit(surface.store.state()).await.map(|lines| json!({ "audit": lines })))
}

/// How each place that was called is doing.
async fn places(State(surface): State<Arc<Surface>>) -> Response {
    Json(json!({ "places": surface.engine().places().report() })).into_response()
}

/// Makes a change effective in this gateway before it is answered.
async fn changed<T>(surface: &Surface, change: Result<T, KeyError>) -> Result<T, KeyError> {
    let change = change?;
    surface.engine().admit().replace_keys(keys::ring(surface.store.state()).await?);
    Ok(change)
}

fn answer(result: Result<serde_json::Value, KeyError>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => {
            let status = status(&error);
            (status, Json(json!({ "error": { "message": error.to_string() } }))).into_response()
        }
    }
}

const fn status(error: &KeyError) -> StatusCode {
    match error {
        KeyError::Unknown(_) => StatusCode::NOT_FOUND,
        KeyError::Raced(_) | KeyError::Taken(_) | KeyError::Ambiguous { .. } | KeyError::Revoked(_) => {
            StatusCode::CONFLICT
        }
        KeyError::Store(_) | KeyError::Corrupt(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The console's form; an empty field is no limit.
#[derive(Deserialize)]
struct KeyForm {
    name: String,
    team: String,
    models: String,
    #[serde(default)]
    regions: String,
    /// A box that is not ticked is not sent.
    end_users: Option<String>,
    requests_per_minute: String,
    tokens_per_minute: String,
    usd_per_day: String,
}

impl KeyForm {
    fn rules(self) -> Result<KeyRules, NewKeyError> {
        let words = |text: &str| -> Vec<String> {
            text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let wanted = NewKey {
            models: words(&self.models),
            regions: words(&self.regions),
            end_users: self.end_users.is_some(),
            requests_per_minute: new_key::count("requests_per_minute", &self.requests_per_minute)?,
            tokens_per_minute: new_key::count("tokens_per_minute", &self.tokens_per_minute)?,
            usd_per_day: new_key::dollars("usd_per_day", &self.usd_per_day)?,
            name: self.name,
            team: Some(self.team),
            ..NewKey::default()
        };
        wanted.rules()
    }
}

#[derive(Deserialize)]
struct Shown {
    /// The word for a secret that was just made.
    made: Option<String>,
}

async fn page(State(surface): State<Arc<Surface>>, Query(shown): Query<Shown>) -> Response {
    let secret = shown.made.as_deref().and_then(|word| surface.notices.take(word));
    let made = match (&shown.made, &secret) {
        (None, _) => Made::None,
        (Some(_), Some(secret)) => Made::Now(secret),
        (Some(_), None) => Made::Gone,
    };
    let mut page = show(&surface, made).await;
    if secret.is_some() {
        page.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    page
}

async fn create_by_form(State(surface): State<Arc<Surface>>, Form(form): Form<KeyForm>) -> Response {
    let rules = match form.rules() {
        Ok(rules) => rules,
        Err(error) => return pages::page(StatusCode::BAD_REQUEST, &console::refused(&error.to_string(), BACK)),
    };
    let made = keys::create(surface.store.state(), "console", rules, now_us()).await;
    after(&surface, changed(&surface, made).await.map(|made| Some(made.secret)))
}

async fn rotate_by_form(State(surface): State<Arc<Surface>>, Path(key): Path<String>) -> Response {
    let made = keys::rotate(surface.store.state(), "console", &key, now_us()).await;
    after(&surface, changed(&surface, made).await.map(|made| Some(made.secret)))
}

async fn revoke_by_form(State(surface): State<Arc<Surface>>, Path(key): Path<String>) -> Response {
    let revoked = keys::revoke(surface.store.state(), "console", &key, now_us()).await;
    after(&surface, changed(&surface, revoked).await.map(|_| None))
}

async fn ask_to_rotate(State(surface): State<Arc<Surface>>, Path(key): Path<String>) -> Response {
    ask(&surface, &key, console::keys::Change::Rotate).await
}

async fn ask_to_revoke(State(surface): State<Arc<Surface>>, Path(key): Path<String>) -> Response {
    ask(&surface, &key, console::keys::Change::Revoke).await
}

/// The page on which a change of a key is confirmed.
async fn ask(surface: &Surface, key: &str, change: console::keys::Change) -> Response {
    match keys::list(surface.store.state()).await {
        Ok(keys) => match keys.iter().find(|known| known.rules.id == key) {
            Some(key) => pages::page(StatusCode::OK, &console::keys::confirm(&line(key), change)),
            None => failed(&KeyError::Unknown(key.to_owned())),
        },
        Err(error) => failed(&error),
    }
}

/// Back to the page, so that loading it anew changes nothing. The secret waits there for one look.
fn after(surface: &Surface, result: Result<Option<String>, KeyError>) -> Response {
    match result {
        Ok(Some(secret)) => Redirect::to(&format!("{PAGE}?made={}", surface.notices.leave(secret))).into_response(),
        Ok(None) => Redirect::to(PAGE).into_response(),
        Err(error) => failed(&error),
    }
}

fn line(key: &StoredKey) -> console::keys::Line {
    console::keys::Line {
        id: key.rules.id.clone(),
        name: key.rules.name.clone(),
        team: key.rules.team.clone(),
        ends: key.ends.clone(),
        limits: limits(&key.rules),
        created_at_us: key.created_at_us,
        revoked: key.revoked_at_us.is_some(),
    }
}

async fn show(surface: &Surface, made: Made<'_>) -> Response {
    let state = surface.store.state();
    let read =
        async { Ok::<_, KeyError>((keys::list(state).await?, state.budgets().await?, keys::audit(state).await?)) };
    match read.await {
        Ok((keys, budgets, audit)) => {
            let lines: Vec<_> = keys.iter().map(line).collect();
            let audit: Vec<_> =
                audit.into_iter().take(50).map(|line| (line.at_us, line.by, line.what, line.key)).collect();
            pages::page(StatusCode::OK, &console::keys::page(&lines, &budgets, &audit, made))
        }
        Err(error) => failed(&error),
    }
}

/// The page that says what happened: only what the state says is the state's failure.
fn failed(error: &KeyError) -> Response {
    let page = match error {
        KeyError::Store(_) | KeyError::Corrupt(_) => console::unavailable(&error.to_string()),
        _ => console::refused(&error.to_string(), BACK),
    };
    pages::page(status(error), &page)
}
