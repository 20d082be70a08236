//! Endpoints that are passed through: embeddings, token counts, and any other path of a provider.
//!
//! A call goes to the provider that `x-steersman-provider` names, else to whoever serves the `model` of a JSON body.
//! The client's key and cookies stay here; the provider's key is put in by the provider.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{any, post};
use steersman_core::Code;
use steersman_engine::Endpoint;
use steersman_wire::anthropic::AnthropicMessages;
use steersman_wire::openai_chat::OpenAiChat;
use steersman_wire::{Dialect, json::RawObject};

use super::turned_away::turn_away;
use super::{Surface, api, body, error};

/// The header that names the provider of a call that is passed through.
const PROVIDER_HEADER: &str = "x-steersman-provider";

/// Headers of a client that go on to a provider. Keys, cookies and hop-by-hop headers are not among them.
const HEADERS: &[&str] = &[
    "accept",
    "content-type",
    "anthropic-beta",
    "anthropic-version",
    "idempotency-key",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "range",
];

pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .route("/v1/{*path}", any(other))
}

async fn embeddings(State(surface): State<Arc<Surface>>, request: Request) -> Response {
    pass(&surface, &OpenAiChat, "openai.embeddings", true, request).await
}

async fn count_tokens(State(surface): State<Arc<Surface>>, request: Request) -> Response {
    pass(&surface, &AnthropicMessages, "anthropic.count_tokens", true, request).await
}

async fn other(State(surface): State<Arc<Surface>>, request: Request) -> Response {
    if !surface.pass_unknown || error::meant(request.uri().path()).is_some() {
        return error::not_found(request.uri().clone()).await;
    }
    pass(&surface, api::dialect_of(request.uri().path()), "raw", false, request).await
}

async fn pass(
    surface: &Surface,
    dialect: &'static dyn Dialect,
    protocol: &'static str,
    repeatable: bool,
    request: Request,
) -> Response {
    let Some(method) = method(request.method()) else {
        return error::method_not_allowed(request.method().clone(), request.uri().clone()).await;
    };
    let uri = request.uri().path_and_query().map_or("", |path| path.as_str());
    let path = uri.strip_prefix("/v1").unwrap_or(uri).to_owned();
    let provider = api::text(request.headers(), PROVIDER_HEADER);
    let headers = request.headers().clone();
    let (mut inbound, place) = match api::receive(surface, dialect, request).await {
        Ok(received) => received,
        Err(refused) => return *refused,
    };
    if let Some(refused) = stranger(surface, protocol, provider.as_deref(), &inbound.body) {
        return refused;
    }
    inbound.headers =
        HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), api::text(&headers, name)?))).collect();
    let endpoint = Endpoint { protocol, method, path, repeatable, provider };
    body::respond(surface.engine().pass(inbound, &endpoint).await, place)
}

/// A count of tokens is asked of whoever counts: providers of the Anthropic format.
fn stranger(surface: &Surface, protocol: &str, provider: Option<&str>, body: &[u8]) -> Option<Response> {
    if protocol != "anthropic.count_tokens" || provider.is_some() {
        return None;
    }
    let object = RawObject::parse(body).ok()?;
    let model: String = serde_json::from_str(object.get("model")?.get()).ok()?;
    let resolved = surface.engine().catalog().resolve(&model).ok()?;
    let asked = resolved.candidates.first()?;
    (asked.provider.dialect.name() != steersman_wire::anthropic::NAME).then(|| {
        let message =
            format!("`{}` does not count tokens before a call; its answers say what they took", asked.provider.name);
        turn_away(&AnthropicMessages, Code::UNSUPPORTED, &message, Some("model"))
    })
}

fn method(method: &Method) -> Option<&'static str> {
    ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().find(|known| method.as_str() == *known)
}
