//! Endpoints that are passed through: embeddings, token counts, and any other path of a provider.
//!
//! A call goes to the provider that `x-steersman-provider` names, else to whoever serves the `model` of a JSON body, or
//! of the path where Gemini's names one. The client's key and cookies stay here; the provider's key is put in by the
//! provider.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::{any, post};
use steersman_core::{Code, percent_encoded};
use steersman_engine::Endpoint;
use steersman_wire::anthropic::AnthropicMessages;
use steersman_wire::openai_chat::OpenAiChat;
use steersman_wire::{DIALECTS, Dialect, gemini, json::RawObject};

use super::turned_away::turn_away;
use super::{Surface, api, body, error};

/// The header that names the provider of a call that is passed through.
const PROVIDER_HEADER: &str = "x-steersman-provider";

/// Headers of a client that go on to a provider. Keys, cookies and hop-by-hop headers are not among them.
const HEADERS: &[&str] =
    &["accept", "content-type", "anthropic-beta", "anthropic-version", "idempotency-key", "openai-beta", "range"];

pub(super) fn router() -> Router<Arc<Surface>> {
    Router::new()
        .route("/v1/embeddings", post(embeddings).fallback(missed))
        .route("/v1/messages/count_tokens", post(count_tokens).fallback(missed))
        .route("/v1/{*path}", any(unserved))
        .route("/v1beta/{*path}", any(unserved))
}

async fn embeddings(State(surface): State<Arc<Surface>>, request: Request) -> Response {
    pass(&surface, &OpenAiChat, "openai.embeddings", true, request).await
}

async fn count_tokens(State(surface): State<Arc<Surface>>, request: Request) -> Response {
    pass(&surface, &AnthropicMessages, "anthropic.count_tokens", true, request).await
}

async fn unserved(State(surface): State<Arc<Surface>>, request: Request) -> Response {
    other(&surface, request).await
}

/// A path that is served for another method. One that carries no body and names no provider has nowhere to go.
pub(super) async fn missed(State(surface): State<Arc<Surface>>, request: Request) -> Response {
    let says_where = request.headers().contains_key(PROVIDER_HEADER) || *request.method() == Method::POST;
    if !surface.pass_unknown || !says_where {
        return error::method_not_allowed(request.method().clone(), request.uri().clone()).await;
    }
    other(&surface, request).await
}

/// Any other call, passed on to a provider.
pub(super) async fn other(surface: &Surface, request: Request) -> Response {
    let path = request.uri().path();
    if !surface.pass_unknown || error::meant(path).is_some() || error::is_in_disguise(path) {
        return error::not_found(request.uri().clone()).await;
    }
    pass(surface, api::dialect_of(request.uri().path()), "raw", false, request).await
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
    let provider = api::text(request.headers(), PROVIDER_HEADER);
    let path = below_version(request.uri());
    let at_model = if provider.is_none() { named_in_path(surface, &path) } else { None };
    let (model, path) = at_model.map_or((None, path), |(model, path)| (Some(model), path));
    let headers = request.headers().clone();
    let (mut inbound, place) = match api::receive(surface, dialect, request).await {
        Ok(received) => received,
        Err(refused) => return *refused,
    };
    if let Some(refused) = stranger(surface, protocol, provider.as_deref(), &inbound.body) {
        return refused;
    }
    if protocol == "raw" && goes_on(&inbound.body) {
        let message =
            "whose response `previous_response_id` is can be told at `/v1/responses` alone; send its messages";
        return turn_away(dialect, Code::INVALID_REQUEST, message, Some("previous_response_id"));
    }
    inbound.headers =
        HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), api::text(&headers, name)?))).collect();
    let endpoint = Endpoint { protocol, method, path, repeatable, provider, model };
    body::respond(surface.engine().pass(inbound, &endpoint).await, place)
}

/// Path and query below the version. Google's clients may write their key into the query: it stays here.
fn below_version(uri: &Uri) -> String {
    let below = |root: &str| uri.path().strip_prefix(root).filter(|rest| rest.starts_with('/'));
    let path = DIALECTS.iter().find_map(|dialect| below(dialect.root())).unwrap_or(uri.path());
    let query = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("key="));
    let query = query.collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The model of a path `/models/NAME:call`, as this house names it, and the path with the name that its provider knows.
/// `None` where its provider speaks another dialect.
fn named_in_path(surface: &Surface, path: &str) -> Option<(String, String)> {
    let (name, call) = path.strip_prefix(gemini::PATH.before)?.split_once(':')?;
    let resolved = surface.engine().catalog().resolve(name).ok()?;
    let asked = resolved.candidates.first().filter(|asked| asked.provider.dialect.name() == gemini::NAME)?;
    let (provider, model) = (&asked.provider.name, asked.model.as_str());
    let own = percent_encoded(model, b"");
    Some((format!("{provider}/{model}"), format!("{}{own}:{call}", gemini::PATH.before)))
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

/// Whether a body goes on from a response that is stored, perhaps another tenant's.
fn goes_on(body: &[u8]) -> bool {
    let object = RawObject::parse(body).ok();
    object.is_some_and(|object| object.get("previous_response_id").is_some_and(|id| id.get() != "null"))
}

fn method(method: &Method) -> Option<&'static str> {
    ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().find(|known| method.as_str() == *known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_on_below_its_version_and_without_a_key() {
        for (uri, below) in [
            ("/v1/files?limit=3", "/files?limit=3"),
            ("/v1beta/models/m:countTokens?key=secret&alt=json", "/models/m:countTokens?alt=json"),
            ("/v1beta/cachedContents?key=secret", "/cachedContents"),
        ] {
            assert_eq!(below_version(&Uri::from_static(uri)), below);
        }
    }
}
