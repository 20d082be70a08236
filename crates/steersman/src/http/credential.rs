//! Who may pass: clients with a virtual key or the gateway's own, and the admin with the admin's.
//!
//! Keys are compared by their hashes, so that the time tells nothing of how much of one is right.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use steersman_core::{Code, ContentHash, Secret};
use steersman_wire::DIALECTS;

use super::api::dialect_of;
use super::turned_away::turn_away;
use super::{Surface, error};

/// The hash of the virtual key that a request came with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credential(pub(super) ContentHash);

/// What is below the version of a dialect is for clients, all else for the admin.
pub(super) async fn check(surface: Arc<Surface>, request: Request, next: Next) -> Response {
    if is_for_clients(request.uri().path()) {
        of_client(surface, request, next).await
    } else {
        of_admin(surface, request, next).await
    }
}

/// Whether a path lies below the version of a dialect: `/v1`, `/v1beta`.
pub(super) fn is_for_clients(path: &str) -> bool {
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    DIALECTS.iter().any(|dialect| below(dialect.root()))
}

/// Lets a client through that carries the gateway's key or a virtual one, or anyone while there never was either.
async fn of_client(surface: Arc<Surface>, mut request: Request, next: Next) -> Response {
    let given = given(request.headers()).map(|text| ContentHash::of(text.as_bytes()));
    let is_own = |key: &Secret| given == Some(ContentHash::of(key.expose().as_bytes()));
    let engine = surface.engine();
    let known = given.filter(|hash| engine.admit().knows(hash));
    if let Some(hash) = known {
        request.extensions_mut().insert(Credential(hash));
        return next.run(request).await;
    }
    if surface.is_open() || surface.api_key.as_ref().is_some_and(is_own) {
        return next.run(request).await;
    }
    turn_away(dialect_of(request.uri().path()), Code::INVALID_KEY, Code::INVALID_KEY.meaning, None)
}

/// Lets the admin through: with the admin's key, with the gateway's where there is no other, or without where there is
/// none at all. A virtual key opens nothing here. Browsers ask for it as a password, with any name.
async fn of_admin(surface: Arc<Surface>, request: Request, next: Next) -> Response {
    let Some(key) = surface.admin_key.as_ref().or(surface.api_key.as_ref()) else { return next.run(request).await };
    let hash = |text: &str| ContentHash::of(text.as_bytes());
    let given = given(request.headers()).map(hash).or_else(|| password(request.headers()).as_deref().map(hash));
    if given == Some(hash(key.expose())) {
        return next.run(request).await;
    }
    let dialect = dialect_of(request.uri().path());
    let mut refused = error::refuse(dialect, Code::INVALID_KEY, Code::INVALID_KEY.meaning, None);
    let ask = HeaderValue::from_static("Basic realm=\"Steersman, any name and the admin's key\", charset=\"UTF-8\"");
    refused.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
    refused
}

/// What a browser sends once a person has typed the key.
fn password(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let pair = String::from_utf8(BASE64.decode(value.strip_prefix("Basic ")?).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

fn given(headers: &HeaderMap) -> Option<&str> {
    static API_KEY: HeaderName = HeaderName::from_static("x-api-key");
    static GOOGLE_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = text(&header::AUTHORIZATION).and_then(|value| value.split_once(' '));
    let bearer = scheme.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim_start());
    bearer.or_else(|| text(&API_KEY)).or_else(|| text(&GOOGLE_API_KEY))
}
