//! Refusals that never reach the engine.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use steersman_core::Code;
use steersman_engine::Refusal;
use steersman_wire::Dialect;

use super::api::dialect_of;

/// An error response with the code's own status, in the dialect of the address.
pub(super) fn refuse(dialect: &dyn Dialect, code: &'static Code, message: &str, param: Option<&str>) -> Response {
    let mut refusal = Refusal::new(code, message);
    refusal.param = param.map(str::to_owned);
    let status = StatusCode::from_u16(code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    let body = dialect.encode_error(&refusal.to_error_body());
    let mut response = (status, [(header::CONTENT_TYPE, json)], body).into_response();
    if code.retryable && matches!(code.status, 429 | 503) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

pub(super) async fn not_found(uri: Uri) -> Response {
    let path: String = uri.path().chars().take(120).collect();
    refuse(
        dialect_of(uri.path()),
        Code::NOT_FOUND,
        &format!("there is nothing at `{path}`; {}", Code::NOT_FOUND.hint),
        None,
    )
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    let path: String = uri.path().chars().take(120).collect();
    refuse(dialect_of(uri.path()), Code::METHOD_NOT_ALLOWED, &format!("`{path}` does not take {method}"), None)
}
