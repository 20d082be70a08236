//! Effects that wait for a person: a page, and the same as JSON for programs and `steersman approvals`.
//!
//! A form carries a word that only this process can make and only its own pages show, so no other site can send one;
//! the JSON address takes nothing but `application/json`, which no form of another site can send either.

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
    Child, Decision, EffectKey, EffectRecord, LedgerError, Means, OperatorError, Runner, Scope, State as Stands, Word,
    arguments_hash,
};
use steersman_store::StoreError;
use steersman_store::state::approvals::{Approval, Standing};

use super::{Surface, error, pages};
use crate::approvals::ApprovalBook;
use crate::tools::ToolHouse;

/// All addresses of effects.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/console/effects", get(show))
        .route("/console/effects/{key}", get(back).post(submit))
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

/// Where the forms stand.
const PAGE: &str = "/console/effects";

/// The address of a form, loaded anew.
async fn back() -> Redirect {
    Redirect::to(PAGE)
}

#[derive(Deserialize)]
struct Shown {
    /// The word for what was done last.
    told: Option<String>,
}

async fn show(State(surface): State<Arc<Surface>>, Query(shown): Query<Shown>) -> Response {
    let said = shown.told.as_deref().and_then(|word| surface.notices.take(word));
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
        let message = "this form is not of the gateway as it runs now: it was started anew since the page was \
            loaded, or another site sent the form. Nothing was done";
        return pages::page(StatusCode::FORBIDDEN, &steersman_console::refused(message, (PAGE, "Load Effects anew")));
    }
    let said = match obey(&surface, &key, form.action, &form.hash, "the console").await {
        Ok(done) => format!("{} is {} now", text(&done, "tool"), text(&done, "state")),
        Err(why) => why.to_string(),
    };
    Redirect::to(&format!("{PAGE}?told={}", surface.notices.leave(said))).into_response()
}

async fn list(State(surface): State<Arc<Surface>>) -> Response {
    let mut effects: Vec<_> = match surface.approvals.open().await {
        Ok(asked) => asked.iter().map(shown_approval).collect(),
        Err(failed) => return refuse(Code::STATE_UNAVAILABLE, &failed.to_string()),
    };
    if let Some(house) = &surface.tools {
        match house.runner.open_effects().await {
            Ok(open) => effects.extend(open.iter().map(shown)),
            Err(failed) => return refuse(Code::STATE_UNAVAILABLE, &failed.to_string()),
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
        Err(why) => refuse(why.code(), &why.to_string()),
    }
}

fn refuse(code: &'static Code, message: &str) -> Response {
    error::refuse(super::api::dialect_of("/"), code, message, None)
}

fn text<'v>(value: &'v serde_json::Value, key: &str) -> &'v str {
    value.get(key).and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// Why a person's order was not carried out.
#[derive(Debug, thiserror::Error)]
enum OrderError {
    /// It cannot be: another call was shown, or it stands elsewhere by now.
    #[error("{0}")]
    Refused(String),
    /// The state cannot be reached, so nobody knows.
    #[error("{0}")]
    State(String),
}

impl OrderError {
    fn refused(why: impl std::fmt::Display) -> Self {
        Self::Refused(why.to_string())
    }

    const fn code(&self) -> &'static Code {
        match self {
            Self::Refused(_) => Code::INVALID_REQUEST,
            Self::State(_) => Code::STATE_UNAVAILABLE,
        }
    }
}

impl From<StoreError> for OrderError {
    fn from(error: StoreError) -> Self {
        Self::State(error.to_string())
    }
}

impl From<LedgerError> for OrderError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Database(_) | LedgerError::Storage(_) | LedgerError::Closed | LedgerError::Fenced { .. } => {
                Self::State(error.to_string())
            }
            LedgerError::Moved(_)
            | LedgerError::NoEffect(_)
            | LedgerError::NoRun(_)
            | LedgerError::OtherArguments
            | LedgerError::Elsewhere(_) => Self::refused(error),
        }
    }
}

impl From<OperatorError> for OrderError {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Ledger(error) => error.into(),
            OperatorError::NoTool(_) | OperatorError::OverBudget(_) => Self::refused(error),
        }
    }
}

/// Does what a person wants with a call of a client's agent, or with an effect of ours.
async fn obey(
    surface: &Surface,
    key: &str,
    action: Action,
    hash: &str,
    by: &str,
) -> Result<serde_json::Value, OrderError> {
    let standing = match action {
        Action::Approve => Some(Standing::Granted),
        Action::Deny => Some(Standing::Denied),
        Action::LookUp | Action::Happened | Action::DidNot | Action::Resend => None,
    };
    if let Some(standing) = standing
        && let Some(approval) = surface.approvals.decide(key, hash, standing, by).await?
    {
        return Ok(shown_approval(&approval));
    }
    if let Some(there) = surface.store.state().approval(key).await? {
        return Err(OrderError::refused(decided(&there, hash)));
    }
    match &surface.tools {
        Some(house) => act(house, key, action, hash, by).await.map(|effect| shown(&effect)),
        None => Err(OrderError::refused("nothing with this key and these arguments waits")),
    }
}

/// Why a call of a client's agent takes no word now: a page that was loaded before shows it as it was.
fn decided(there: &Approval, hash: &str) -> String {
    if there.call != hash {
        return "the arguments are not those that were shown".to_owned();
    }
    let by = there.decided_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    match there.standing {
        Standing::Waiting => format!("{} waits to be approved or denied, and takes no other word", there.tool),
        Standing::Granted => format!("{} was granted already{by}", there.tool),
        Standing::Denied => format!("{} was denied already{by}", there.tool),
        Standing::Used => format!("{} was granted already{by}, and the call was made", there.tool),
    }
}

/// Does what a person wants, in a scope of its own, also if the person's connection breaks.
async fn act(
    house: &Arc<ToolHouse>,
    key: &str,
    action: Action,
    hash: &str,
    by: &str,
) -> Result<EffectRecord, OrderError> {
    let no_key = |_| OrderError::Refused(format!("`{key}` is no effect's key"));
    let effect_key = EffectKey::try_from(key.to_owned()).map_err(no_key)?;
    let hash = ContentHash::parse(hash).ok_or_else(|| OrderError::refused("the hash is no hash"))?;
    let (runner, by) = (house.whole_runner().await, by.to_owned());
    let work =
        Child::<Result<EffectRecord, OrderError>, String>::graceful("operator", move |scope: Scope| async move {
            Ok(carry_out(&runner, &scope, effect_key, action, hash, &by).await)
        });
    house.root.scope("operator").run(work).await.unwrap_or_else(|ended| Err(OrderError::State(ended.to_string())))
}

async fn carry_out(
    runner: &Runner,
    scope: &Scope,
    key: EffectKey,
    action: Action,
    hash: ContentHash,
    by: &str,
) -> Result<EffectRecord, OrderError> {
    let effect = runner.effect(key).await?.ok_or_else(|| OrderError::refused("there is no such effect"))?;
    if arguments_hash(&effect.arguments) != hash {
        return Err(OrderError::refused("the arguments are not those that were shown"));
    }
    Ok(match action {
        Action::Approve => {
            if effect.state == Stands::Planned {
                runner.decide(key, hash, Decision::Approve, by).await?;
            }
            runner.carry_out_approved(scope, key).await?
        }
        Action::Deny => runner.decide(key, hash, Decision::Deny, by).await?,
        Action::LookUp => runner.look_into(scope, key).await?,
        Action::Happened => runner.mark(key, Word::Happened, by).await?,
        Action::DidNot => runner.mark(key, Word::DidNot, by).await?,
        Action::Resend => runner.resend(scope, key, by).await?,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_behind_is_told_what_was_decided_meanwhile() {
        let there = |standing| Approval {
            key: "k".into(),
            conversation: "c".into(),
            task: "t".into(),
            tool: "pay".into(),
            arguments: "{}".into(),
            call: "h".into(),
            why: String::new(),
            standing,
            asked_at_ms: 0,
            decided_by: Some("bob".into()),
        };
        assert_eq!(decided(&there(Standing::Granted), "h"), "pay was granted already by bob");
        assert_eq!(decided(&there(Standing::Used), "h"), "pay was granted already by bob, and the call was made");
        assert!(decided(&there(Standing::Granted), "other").contains("not those"));
    }

    #[test]
    fn what_the_database_cannot_say_is_not_the_callers_mistake() {
        let down = OrderError::from(OperatorError::Ledger(LedgerError::Storage(std::io::ErrorKind::StorageFull)));
        assert_eq!((down.code().status, down.code().retryable), (503, true));
        let lost = OrderError::from(StoreError::Closed);
        assert_eq!(lost.code().status, 503);
        assert_eq!(OrderError::from(LedgerError::OtherArguments).code().status, 400);
    }
}
