//! The console's routes: read the address, ask the store, hand rows to a page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use maud::Markup;
use serde::Deserialize;
use steersman_console as console;
use steersman_core::{OutcomeKind, RequestId};
use steersman_store::{OverviewQuery, Page, RequestFilter, StoreError, TimeRange, now_us};

use super::Surface;

/// Lines on one page of the list.
const PAGE_LINES: u32 = 100;
/// Points of one chart.
const CHART_POINTS: u32 = 60;
/// The list.
const REQUESTS: &str = "/console/requests";
/// Facets are counted over this span.
const FACET_SPAN_US: i64 = 30 * 86_400_000_000;

/// All addresses of the console.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/console") }))
        .route("/console", get(overview))
        .route(REQUESTS, get(requests))
        .route("/console/requests/{id}", get(request))
        .route("/console/requests/{id}/bytes/{name}", get(bytes_of))
        .route("/console/guard", get(super::guard::decisions))
        .route("/console/tasks", get(super::tasks::page))
        .route("/console/style.css", get(style))
        .route("/console/", get(|| async { Redirect::to("/console") }))
        .route("/console/{*path}", any(|| async { nowhere() }))
}

#[derive(Deserialize)]
struct OverviewParameters {
    span: Option<String>,
}

async fn overview(State(surface): State<Arc<Surface>>, Query(parameters): Query<OverviewParameters>) -> Response {
    let wanted = parameters.span.as_deref().unwrap_or("1h");
    let spans = console::overview::SPANS;
    let Some((span, _, length_us)) = spans.iter().find(|(word, ..)| *word == wanted) else {
        return unread("span", wanted, "1h, 6h, 24h, 7d or 30d", "/console");
    };
    let now = now_us();
    let query = OverviewQuery {
        from_us: now - length_us,
        until_us: now + 60_000_000,
        max_points: CHART_POINTS,
        task: None,
        model: None,
        provider: None,
    };
    let reader = surface.store.reader();
    let (overview, disk) = tokio::join!(reader.overview(&query), reader.disk());
    let overview = match overview {
        Ok(overview) => overview,
        Err(error) => return out_of_reach(&error),
    };
    let disk = disk.ok();
    let models: Vec<String> = surface.engine().catalog().models().map(|(name, _)| name.to_owned()).collect();
    let recorder = surface.store.stats();
    // An account that cannot be read hides no page.
    let shadow = surface.objectives.shadow_day().await.unwrap_or_default();
    let shadow = (!shadow.is_empty()).then(|| shadow.values().map(|day| day.booked).sum());
    let content = console::overview::Content {
        span,
        overview: &overview,
        recorder: &recorder,
        disk: disk.as_ref(),
        models: &models,
        address: &surface.address,
        turned_away: &surface.turned_away.counts(),
        shadow,
    };
    page(StatusCode::OK, &console::overview::page(&content))
}

#[derive(Deserialize)]
struct ListParameters {
    model: Option<String>,
    provider: Option<String>,
    task: Option<String>,
    outcome: Option<String>,
    code: Option<String>,
    id: Option<String>,
    min_ms: Option<String>,
    before: Option<String>,
}

impl ListParameters {
    /// The filter; an empty field is no condition, as a form sends it. A field that means nothing is an error: the page
    /// would show what was not asked for.
    fn filter(&self) -> Result<RequestFilter, Box<Response>> {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let odd = |name, said: &str, known: &str| Box::new(unread(name, said, known, REQUESTS));
        let outcome = self.outcome.as_deref().filter(|word| !word.is_empty());
        let min_ms = self.min_ms.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let of_outcome = |word| OutcomeKind::named(word).ok_or_else(|| odd("outcome", word, &outcomes()));
        let of_ms = |text: &str| text.parse::<u64>().map_err(|_| odd("min_ms", text, "a whole number of milliseconds"));
        let min_ms = min_ms.map(of_ms).transpose()?;
        Ok(RequestFilter {
            range: TimeRange::default(),
            ended_from_us: None,
            model: set(&self.model),
            provider: set(&self.provider),
            task: set(&self.task),
            outcome: outcome.map(of_outcome).transpose()?,
            code: set(&self.code),
            status_class: None,
            id_contains: set(&self.id),
            min_latency_us: min_ms.map(|ms| ms.saturating_mul(1_000)),
        })
    }
}

async fn requests(State(surface): State<Arc<Surface>>, Query(parameters): Query<ListParameters>) -> Response {
    let read = parameters.filter().and_then(|filter| Ok((filter, cursor(parameters.before.as_deref(), REQUESTS)?)));
    let (filter, before) = match read {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    let reader = surface.store.reader();
    let asked = Page { before, ..Page::newest(PAGE_LINES) };
    let span = TimeRange { from_us: Some(now_us() - FACET_SPAN_US), until_us: None };
    match tokio::join!(reader.requests(&filter, &asked), reader.facets(span)) {
        (Ok(listed), Ok(facets)) => page(StatusCode::OK, &console::requests::page(&filter, &listed, &facets)),
        (Err(error), _) | (_, Err(error)) => out_of_reach(&error),
    }
}

fn outcomes() -> String {
    OutcomeKind::ALL.map(OutcomeKind::as_str).join(", ")
}

/// The place in a list that an address names; none where the field is empty.
pub(super) fn cursor(said: Option<&str>, path: &str) -> Result<Option<RequestId>, Box<Response>> {
    let Some(said) = said.filter(|said| !said.is_empty()) else { return Ok(None) };
    let id = RequestId::parse(said).ok_or_else(|| Box::new(unread("before", said, "the id of a request", path)))?;
    Ok(Some(id))
}

/// The page for an address with a field that means nothing.
pub(super) fn unread(name: &str, said: &str, known: &str, path: &str) -> Response {
    let said: String = said.chars().take(80).collect();
    let message = format!("`{said}` is nothing that `{name}` can be; it is {known}");
    page(StatusCode::BAD_REQUEST, &console::refused(&message, (path, "The page without it")))
}

/// The page for an address of the console that leads nowhere.
fn nowhere() -> Response {
    page(StatusCode::NOT_FOUND, &console::not_found("page at this address"))
}

/// A body as it was kept, to be saved: a browser is told nothing by which it would show or run it.
async fn bytes_of(State(surface): State<Arc<Surface>>, Path((id, name)): Path<(String, String)>) -> Response {
    let story = match RequestId::parse(&id) {
        Some(id) => surface.store.reader().request(&id).await,
        None => Ok(None),
    };
    let story = match story {
        Ok(story) => story,
        Err(error) => return out_of_reach(&error),
    };
    let Some(body) = story.as_ref().and_then(|story| console::request::body(story, &name)) else {
        return page(StatusCode::NOT_FOUND, &console::not_found("body of this request"));
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}-{name}.json\"")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, body.content.clone()).into_response()
}

async fn request(State(surface): State<Arc<Surface>>, Path(id): Path<String>) -> Response {
    let Some(id) = RequestId::parse(&id) else {
        return page(StatusCode::NOT_FOUND, &console::not_found("request of this id"));
    };
    match surface.store.reader().request(&id).await {
        Ok(Some(story)) => page(StatusCode::OK, &console::request::page(&story, &surface.address)),
        Ok(None) => page(StatusCode::NOT_FOUND, &console::not_found("request of this id")),
        Err(error) => out_of_reach(&error),
    }
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("max-age=300")),
    ];
    (headers, console::STYLE).into_response()
}

pub(super) fn out_of_reach(error: &StoreError) -> Response {
    page(StatusCode::SERVICE_UNAVAILABLE, &console::unavailable(&error.to_string()))
}

/// A page that can load nothing from elsewhere, run no script, and be framed by nobody: what it shows was written by
/// models and their users.
pub(super) fn page(status: StatusCode, markup: &Markup) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (status, headers, markup.clone().into_string()).into_response()
}
