//! The model endpoints: read a request whole, hand it to the engine, write its reply.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use axum::routing::post;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use steersman_core::{Code, RequestId};
use steersman_engine::{Crowded, Inbound, Pass};
use steersman_store::now_us;
use steersman_wire::{Address, DIALECTS, Dialect, Named, dialect_at, openai_chat};

use super::credential::Credential;
use super::steering::{Steering, SteeringError};
use super::turned_away::turn_away;
use super::{Surface, body, error, passed};

/// One address for each dialect: whoever adds a dialect serves it.
pub(super) fn router() -> Router<Arc<Surface>> {
    DIALECTS.iter().fold(Router::new(), |router, &dialect| {
        let handler = move |State(surface): State<Arc<Surface>>, request: Request| async move {
            serve(&surface, dialect, request).await
        };
        let handlers = post(handler).fallback(passed::missed);
        // The last part is named as for the lists of models, which stand at the same path for another method.
        let path = match dialect.address() {
            Address::Fixed(path) => path.to_owned(),
            Address::ByModel(form) => format!("{}{{*id}}", form.before),
        };
        let roots = [Some(dialect.root()), dialect.other_root()];
        roots
            .into_iter()
            .flatten()
            .fold(router, |router, root| router.route(&format!("{root}{path}"), handlers.clone()))
    })
}

async fn serve(surface: &Surface, dialect: &'static dyn Dialect, request: Request) -> Response {
    if let (Address::ByModel(form), None) = (dialect.address(), named(dialect, request.uri())) {
        let path = request.uri().path();
        if !path.ends_with(form.stream.split('?').next().unwrap_or_default()) {
            // Another call at a model: it counts tokens, or embeds.
            return passed::other(surface, request).await;
        }
        let message = format!("there is nothing at `{path}`; a stream is asked for by `{}`", form.stream);
        return error::refuse(dialect, Code::NOT_FOUND, &message, None);
    }
    match receive(surface, dialect, request).await {
        // On the heap: the layers above move their future several times, and this is the large part of it.
        Ok((inbound, place)) => {
            let engine = surface.engine();
            let reply = tokio::select! {
                biased;
                reply = Box::pin(engine.serve(inbound)) => reply,
                () = surface.cut.clone().made() => {
                    return error::refuse(dialect, Code::SHUTTING_DOWN, Code::SHUTTING_DOWN.meaning, None);
                }
            };
            body::respond(reply, place)
        }
        Err(refused) => *refused,
    }
}

/// Takes a request in whole once there is a place for it. Until then its body is not read.
pub(super) async fn receive(
    surface: &Surface,
    dialect: &'static dyn Dialect,
    request: Request,
) -> Result<(Inbound, Pass), Box<Response>> {
    let (started, started_at_us) = (Instant::now(), now_us());
    let refuse = |code: &'static Code, message: &str| Box::new(turn_away(dialect, code, message, None));
    if surface.draining.is_cancelled() {
        return Err(refuse(Code::SHUTTING_DOWN, Code::SHUTTING_DOWN.meaning));
    }
    let (head, body) = request.into_parts();
    let steering = Steering::read(&head.headers).map_err(|wrong| refuse(SteeringError::CODE, &wrong.to_string()))?;
    if let Some(coding) = text(&head.headers, "content-encoding").filter(|coding| coding != "identity") {
        let message = format!("the body is packed (`content-encoding: {coding}`); send it as it is");
        return Err(refuse(Code::INVALID_REQUEST, &message));
    }
    let credential = head.extensions.get::<Credential>().map(|Credential(hash)| *hash);
    let most = surface.max_body_bytes as u64;
    let promised = hyper::body::Body::size_hint(&body).upper().unwrap_or(most);
    if promised > most {
        return Err(refuse(Code::BODY_TOO_LARGE, &too_large(surface)));
    }
    let entered = surface.queue.enter(credential, promised).await;
    let mut place = entered.map_err(|why| Box::new(crowded(surface, dialect, why)))?;
    let body = read_body(surface, body).await.map_err(|(code, message)| refuse(code, &message))?;
    // What is no object is told so where the request is read.
    let body = match named(dialect, &head.uri) {
        Some(named) => named.into_body(&body).map_or(body, Bytes::from),
        None => body,
    };
    place.holds(body.len() as u64);
    let wants = |events| steering.events.as_deref().is_some_and(|wanted| wanted.contains(events));
    let id = RequestId::new(u64::try_from(started_at_us / 1_000).unwrap_or(0));
    let inbound = Inbound {
        started,
        credential,
        task: steering.task,
        structured: steering.structured,
        quoted: steering.quoted,
        guard: steering.guard,
        approved: steering.approved,
        idempotency_key: steering.idempotency_key,
        waited_us: u64::try_from(place.waited().as_micros()).unwrap_or(u64::MAX),
        cache: steering.cache,
        tool_events: wants("tools"),
        previews: wants("previews"),
        cut: surface.cut.clone(),
        headers: passed_through(dialect, &head.headers),
        ..Inbound::new(id, started_at_us, dialect, body)
    };
    Ok((inbound, place))
}

/// What the path says of a call for an answer, for a dialect whose path says it.
fn named(dialect: &dyn Dialect, uri: &Uri) -> Option<Named> {
    dialect.named(uri.path_and_query().map_or(uri.path(), |path| path.as_str()))
}

/// The dialect whose address this is; the first one's errors serve all other addresses.
pub(super) fn dialect_of(path: &str) -> &'static dyn Dialect {
    dialect_at(path).unwrap_or(&openai_chat::OpenAiChat)
}

fn too_large(surface: &Surface) -> String {
    format!("the body is larger than {} bytes", surface.max_body_bytes)
}

/// The refusal of a request that found no place.
fn crowded(surface: &Surface, dialect: &dyn Dialect, why: Crowded) -> Response {
    let limits = surface.queue.limits();
    let message = match why {
        Crowded::Full => format!("{} requests wait already", limits.waiting),
        Crowded::TooLong => format!("no place within {} ms", limits.wait.as_millis()),
    };
    let mut response = turn_away(dialect, Code::OVERLOADED, &message, None);
    let seconds = surface.queue.come_again().as_millis().div_ceil(1_000);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)));
    response
}

async fn read_body(surface: &Surface, body: Body) -> Result<Bytes, (&'static Code, String)> {
    let limited = Limited::new(body, surface.max_body_bytes);
    match tokio::time::timeout(surface.body_timeout, whole(limited)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err((Code::BODY_TOO_LARGE, too_large(surface))),
        Ok(Err(error)) => Err((Code::INVALID_REQUEST, format!("the body could not be read: {error}"))),
        Err(_) => Err((Code::REQUEST_TIMEOUT, format!("no whole body within {:?}", surface.body_timeout))),
    }
}

/// The most memory that is taken on a client's word alone, before its bytes have come.
const MOST_PROMISED_BYTES: u64 = 1 << 20;

/// A body in one piece of memory that is its own: each frame is copied as it comes, so that the connection reads the
/// next into the same buffer, and nothing holds on to that buffer while the record waits to be written.
async fn whole(mut body: Limited<Body>) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let promised = hyper::body::Body::size_hint(&body).lower().min(MOST_PROMISED_BYTES);
    let mut whole = BytesMut::with_capacity(usize::try_from(promised).unwrap_or(0));
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

fn passed_through(dialect: &'static dyn Dialect, headers: &HeaderMap) -> Vec<(String, String)> {
    let names = dialect.request_headers();
    names.iter().filter_map(|name| Some(((*name).to_owned(), text(headers, name)?))).collect()
}

pub(super) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
