//! Where a request came in: a dialect at home or as a cloud hosts it, with the proof of who asks and the framing of its
//! streams that go with that.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use steersman_wire::hosted::{HOSTED, Hosted, message_of};
use steersman_wire::sigv4::{Signed, Signer};
use steersman_wire::sse::SseDecoder;
use steersman_wire::{Dialect, Named, dialect_at};

use crate::render::{Frame, Rendered};

/// One address that answers.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) dialect: &'static dyn Dialect,
    hosted: Option<&'static Hosted>,
    named: Option<Named>,
}

impl Entrance {
    /// What there is at this path, if there is something.
    pub(crate) fn at(path_and_query: &str) -> Option<Self> {
        if let Some(dialect) = dialect_at(path_and_query) {
            return Some(Self { dialect, hosted: None, named: dialect.named(path_and_query) });
        }
        HOSTED.iter().find_map(|hosted| {
            let named = hosted.read(path_and_query)?;
            Some(Self { dialect: hosted.dialect, hosted: Some(hosted), named })
        })
    }

    /// The body with the model that the path names, where it names one.
    pub(crate) fn body(&self, body: Bytes) -> Bytes {
        let lifted = self.named.as_ref().and_then(|named| named.into_body(&body).ok());
        lifted.map_or(body, Bytes::from)
    }

    /// The content type of a stream.
    pub(crate) fn stream_type(&self) -> &'static str {
        if self.is_framed() { "application/vnd.amazon.eventstream" } else { "text/event-stream; charset=utf-8" }
    }

    /// A stream in the framing of this address.
    pub(crate) fn framed(&self, rendered: Arc<Rendered>) -> Arc<Rendered> {
        if !rendered.streamed || !self.is_framed() {
            return rendered;
        }
        let frame = |frame: &Frame| {
            let (mut events, mut bytes) = (SseDecoder::new(frame.bytes.len().max(1)), Vec::new());
            events.push(frame.bytes.clone());
            while let Ok(Some(event)) = events.next_frame() {
                if let Some(data) = event.data() {
                    message_of(data).write(&mut bytes);
                }
            }
            Frame { bytes: bytes.into(), tokens: frame.tokens }
        };
        let frames = rendered.frames.iter().map(frame).collect();
        Arc::new(Rendered { frames, charge: rendered.charge, streamed: true })
    }

    fn is_framed(&self) -> bool {
        self.hosted.is_some_and(|hosted| hosted.is_aws)
    }
}

/// Whether a request may pass: with the key in one of the headers that vendors use, or signed with the key as its
/// secret.
pub(crate) fn admits(key: Option<&str>, parts: &Parts, body: &[u8]) -> bool {
    let Some(key) = key else { return true };
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    match text("authorization") {
        Some(signature) if signature.starts_with("AWS4-HMAC-SHA256 ") => {
            signed_again(key, signature, parts, body).as_deref() == Some(signature)
        }
        Some(bearer) => bearer.strip_prefix("Bearer ") == Some(key),
        None => ["x-api-key", "x-goog-api-key"].iter().find_map(|name| text(name)) == Some(key),
    }
}

/// The signature that the request should have: over the headers that it names, with the key of the script.
fn signed_again(secret: &str, signature: &str, parts: &Parts, body: &[u8]) -> Option<String> {
    let part = |name: &str| {
        let rest = signature.split_once(name)?.1;
        Some(rest.split([',', ' ']).next().unwrap_or(rest))
    };
    let [access_key_id, _day, region, service, _] = part("Credential=")?.split('/').collect::<Vec<_>>()[..] else {
        return None;
    };
    let header = |name| Some((name, value_of(&parts.headers, name)?));
    let headers: Vec<(&str, &str)> = part("SignedHeaders=")?.split(';').map(header).collect::<Option<_>>()?;
    let signer = Signer { access_key_id, secret_access_key: secret, region, service };
    let path_and_query = parts.uri.path_and_query()?.as_str();
    let date = value_of(&parts.headers, "x-amz-date")?;
    Some(signer.authorization(&Signed { method: parts.method.as_str(), path_and_query, headers: &headers, date, body }))
}

fn value_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
