//! The console's routes: read the address, ask the store, hand rows to a page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
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
/// Facets are counted over this span.
const FACET_SPAN_US: i64 = 30 * 86_400_000_000;

/// All addresses of the console.
pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/console") }))
        .route("/console", get(overview))
        .route("/console/requests", get(requests))
        .route("/console/requests/{id}", get(request))
        .route("/console/guard", get(super::guard::decisions))
        .route("/console/tasks", get(super::tasks::page))
        .route("/console/style.css", get(style))
}

#[derive(Deserialize)]
struct OverviewParameters {
    span: Option<String>,
}

async fn overview(State(surface): State<Arc<Surface>>, Query(parameters): Query<OverviewParameters>) -> Response {
    let wanted = parameters.span.as_deref().unwrap_or("1h");
    let spans = console::overview::SPANS;
    let Some((span, _, length_us)) = spans.iter().find(|(word, ..)| *word == wanted).or(spans.first()) else {
        return page(StatusCode::NOT_FOUND, &console::not_found("span"));
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
    let content = console::overview::Content {
        span,
        overview: &overview,
        recorder: &recorder,
        disk: disk.as_ref(),
        models: &models,
        address: &surface.address,
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
    /// The filter; an empty field is no condition, as a form sends it.
    fn filter(&self) -> RequestFilter {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let min_ms: Option<u64> = self.min_ms.as_deref().and_then(|text| text.trim().parse().ok());
        RequestFilter {
            range: TimeRange::default(),
            ended_from_us: None,
            model: set(&self.model),
            provider: set(&self.provider),
            task: set(&self.task),
            outcome: self.outcome.as_deref().and_then(OutcomeKind::named),
            code: set(&self.code),
            status_class: None,
            id_contains: set(&self.id),
            min_latency_us: min_ms.map(|ms| ms.saturating_mul(1_000)),
        }
    }
}

async fn requests(State(surface): State<Arc<Surface>>, Query(parameters): Query<ListParameters>) -> Response {
    let filter = parameters.filter();
    let before = parameters.before.as_deref().and_then(RequestId::parse);
    let reader = surface.store.reader();
    let asked = Page { before, ..Page::newest(PAGE_LINES) };
    let span = TimeRange { from_us: Some(now_us() - FACET_SPAN_US), until_us: None };
    match tokio::join!(reader.requests(&filter, &asked), reader.facets(span)) {
        (Ok(listed), Ok(facets)) => page(StatusCode::OK, &console::requests::page(&filter, &listed, &facets)),
        (Err(error), _) | (_, Err(error)) => out_of_reach(&error),
    }
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
