//! The engine's reply as an HTTP response.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use steersman_engine::{Pass, Reply, ReplyBody};

/// Writes a reply out. A stream holds the place until it is done or dropped; a whole body gives it back at once.
pub(super) fn respond(reply: Reply, place: Pass) -> Response {
    let (content_type, body) = match reply.body {
        ReplyBody::Whole(bytes) => ("application/json", Body::from(bytes)),
        ReplyBody::Stream(stream) => (
            "text/event-stream; charset=utf-8",
            Body::from_stream(Held { stream: stream.map(Ok::<_, Infallible>), _place: place }),
        ),
        // The provider's own content type is among the reply's headers.
        ReplyBody::Raw(stream) => ("application/octet-stream", Body::from_stream(Held { stream, _place: place })),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if content_type.starts_with("text/event-stream") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            if name == "x-request-id" {
                // The SDKs of Anthropic look for it under this name.
                headers.insert(HeaderName::from_static("request-id"), value.clone());
            }
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

struct Held<S> {
    stream: S,
    _place: Pass,
}

impl<S, E> Stream for Held<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.stream).poll_next(context)
    }
}
