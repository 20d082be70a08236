//! Weights from an address, piece by piece, for `steersman models pull`.
//!
//! Hubs of models send a download on to where their files lie, so redirects are followed, a few and only to addresses
//! that are as well guarded as the one before.
//!
//! What never happens here: a body in memory, plain HTTP over the open network, or plain HTTP because an `https`
//! address said so.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use fluent_uri::UriRef;
use futures_util::StreamExt;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Request, Uri};
use steersman_core::ByteStream;
use steersman_models::{ClientError, Opened, Part};
use steersman_net::{Client, Limits};
use tokio::runtime::Runtime;

use super::Failure;

const MOST_REDIRECTS: usize = 5;
/// How long a server may take for a head, or for the next piece of a body.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens addresses.
pub(super) struct Download {
    runtime: Arc<Runtime>,
    client: Client,
}

impl Download {
    pub(super) fn new() -> Result<Self, Failure> {
        let runtime = Arc::new(Runtime::new()?);
        let client = Client::new(Limits { max_answer_bytes: usize::MAX, ..Limits::default() });
        Ok(Self { runtime, client })
    }

    /// The body at an address: what follows the part, or all of it where there is none or the server has another
    /// version.
    pub(super) fn open(&self, url: &str, mut part: Option<&Part>) -> Result<Opened, ClientError> {
        let mut at: Uri = url.parse()?;
        if !is_guarded(&at) {
            return Err(unguarded(&at));
        }
        for _ in 0..=MOST_REDIRECTS {
            let mut request = Request::get(at.clone());
            if let Some(part) = part {
                request = request.header(header::RANGE, format!("bytes={}-", part.bytes));
                request = request.header(header::IF_RANGE, &part.validator);
            }
            let asked = self.client.exchange(request.body(Full::new(Bytes::new()))?);
            let answer = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
            let (headers, answer) = answer.map_err(|_| format!("`{at}` does not answer"))??;
            let range = text(&headers, &header::CONTENT_RANGE).and_then(read_range);
            let (offset, total_bytes) = match (answer.status, range) {
                (200, _) => (0, text(&headers, &header::CONTENT_LENGTH).and_then(|length| length.parse().ok())),
                (206, Some(range)) if part.is_some() => range,
                // No such part of what is there now, or no word on which: all of it, then.
                (206 | 416, _) if part.is_some() => {
                    part = None;
                    continue;
                }
                (301 | 302 | 303 | 307 | 308, _) => {
                    at = sent_on(&at, text(&headers, &header::LOCATION).ok_or("a redirect without an address")?)?;
                    continue;
                }
                (status, _) => return Err(format!("`{at}` answered HTTP {status}").into()),
            };
            let body = Body { runtime: Arc::clone(&self.runtime), stream: answer.body, piece: Bytes::new() };
            return Ok(Opened { body: Box::new(body), offset, total_bytes, validator: validator(&headers) });
        }
        Err(format!("`{url}` was sent on more than {MOST_REDIRECTS} times").into())
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What `If-Range` takes for this version: a strong `ETag`, or else when it was changed (RFC 9110, 13.1.5).
fn validator(headers: &HeaderMap) -> Option<String> {
    let tag = text(headers, &header::ETAG).filter(|tag| !tag.starts_with("W/"));
    tag.or_else(|| text(headers, &header::LAST_MODIFIED)).map(str::to_owned)
}

/// Where a part begins, and the size of the whole: `bytes 9-22/23`, or `bytes 9-22/*` where the server cannot say.
fn read_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((first.parse().ok()?, total))
}

fn is_guarded(at: &Uri) -> bool {
    let host = at.host().unwrap_or_default().trim_matches(['[', ']']);
    let here = || host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match at.scheme_str() {
        Some("https") => true,
        Some("http") => here(),
        _ => false,
    }
}

fn unguarded(at: &Uri) -> ClientError {
    format!("`{at}` is not guarded: weights come by `https`, and by plain HTTP from this machine only").into()
}

/// Where a redirect leads (RFC 3986, section 5), which from `https` is `https` again.
fn sent_on(at: &Uri, location: &str) -> Result<Uri, ClientError> {
    let base = at.to_string();
    let base = fluent_uri::Uri::parse(base.as_str())?;
    let to = UriRef::parse(location).map_err(|error| format!("`{at}` sends on to `{location}`: {error}"))?;
    let to: Uri = to.resolve_against(&base)?.as_str().parse()?;
    if at.scheme_str() == Some("https") && to.scheme_str() != Some("https") {
        return Err(format!("`{at}` sends on to `{to}`, and from `https` only `https` is followed").into());
    }
    if is_guarded(&to) { Ok(to) } else { Err(unguarded(&to)) }
}

/// A body that is read as it comes.
struct Body {
    runtime: Arc<Runtime>,
    stream: ByteStream,
    piece: Bytes,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let next = self.stream.next();
            let next = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, next).await });
            match next.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))? {
                None => return Ok(0),
                Some(piece) => self.piece = piece.map_err(io::Error::other)?,
            }
        }
        let length = self.piece.len().min(buffer.len());
        if let Some(target) = buffer.get_mut(..length) {
            self.piece.copy_to_slice(target);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_read_as_a_reference_to_where_it_was_given() {
        let at = "https://hub.example/models/tiny.gguf?download=true".parse().unwrap();
        for (location, expected) in [
            ("/files/tiny.gguf", "https://hub.example/files/tiny.gguf"),
            ("//cdn.example/x", "https://cdn.example/x"),
            ("next/file", "https://hub.example/models/next/file"),
            ("../file", "https://hub.example/file"),
            ("?x", "https://hub.example/models/tiny.gguf?x"),
            ("https://cdn.example/x?a=%20b#part", "https://cdn.example/x?a=%20b"),
            ("HTTPS://cdn.example/x", "https://cdn.example/x"),
        ] {
            assert_eq!(sent_on(&at, location).unwrap(), expected.parse::<Uri>().unwrap(), "{location}");
        }
        assert!(sent_on(&at, "a b").is_err());
    }

    #[test]
    fn a_redirect_leads_nowhere_that_is_less_guarded() {
        let hub = "https://hub.example/tiny.gguf".parse().unwrap();
        for location in
            ["http://127.0.0.1:8080/admin?do=x", "http://localhost/", "http://[::1]/", "ftp://cdn.example/x"]
        {
            assert!(sent_on(&hub, location).is_err(), "{location}");
        }
        let here = "http://127.0.0.1:8080/tiny.gguf".parse().unwrap();
        for location in ["http://cdn.example/x", "//cdn.example/x", "ftp://127.0.0.1/x"] {
            assert!(sent_on(&here, location).is_err(), "{location}");
        }
        for location in ["https://cdn.example/x", "http://localhost:8080/x", "x"] {
            assert!(sent_on(&here, location).is_ok(), "{location}");
        }
    }

    #[test]
    fn a_range_says_where_it_begins() {
        assert_eq!(read_range("bytes 9-22/23"), Some((9, Some(23))));
        assert_eq!(read_range("bytes 9-22/*"), Some((9, None)));
        for text in ["", "bytes */23", "bytes 9-22", "items 9-22/23", "bytes 9-22/x"] {
            assert_eq!(read_range(text), None, "{text}");
        }
    }

    #[test]
    fn a_version_is_named_by_what_may_stand_in_if_range() {
        let named = |pairs: &[(HeaderName, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.clone(), header::HeaderValue::from_static(value)));
            validator(&pairs.collect::<HeaderMap>())
        };
        let changed = (header::LAST_MODIFIED, "Fri, 27 Nov 2026 22:00:00 GMT");
        assert_eq!(named(&[(header::ETAG, "\"a\""), changed.clone()]).as_deref(), Some("\"a\""));
        assert_eq!(named(&[(header::ETAG, "W/\"a\""), changed.clone()]).as_deref(), Some(changed.1));
        assert_eq!(named(&[(header::ETAG, "W/\"a\"")]), None);
    }
}
