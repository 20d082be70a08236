//! Weights from an address, piece by piece, for `steersman models pull`.
//!
//! Hubs of models send a download on to where their files lie, so redirects are followed, a few and only to addresses that
//! are as well guarded as the first.
//!
//! What never happens here: a body in memory, plain HTTP over the open network.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use http_body_util::Full;
use hyper::{Request, Uri, header};
use steersman_core::ByteStream;
use steersman_models::{ClientError, Opened};
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

    /// The body at an address from this byte on, or from its first where the server knows no ranges.
    pub(super) fn open(&self, url: &str, offset: u64) -> Result<Opened, ClientError> {
        let mut at: Uri = url.parse()?;
        for _ in 0..=MOST_REDIRECTS {
            if !is_guarded(&at) {
                return Err(format!("`{at}` is plain HTTP; weights come by `https`, or from this machine").into());
            }
            let request = Request::get(at.clone()).header(header::RANGE, format!("bytes={offset}-"));
            let asked = self.client.exchange(request.body(Full::new(Bytes::new()))?);
            let answer = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
            let (headers, answer) = answer.map_err(|_| format!("`{at}` does not answer"))??;
            let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
            let length = || text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
            let (offset, total_bytes) = match answer.status {
                200 => (0, length()),
                206 => (offset, length().map(|length| offset + length)),
                // Nothing is left where all of it came before.
                416 => return Ok(Opened { body: Box::new(io::empty()), offset, total_bytes: Some(offset) }),
                301 | 302 | 303 | 307 | 308 => {
                    let next = text(header::LOCATION).ok_or("a redirect without an address")?;
                    at = joined(&at, next)?;
                    continue;
                }
                status => return Err(format!("`{at}` answered HTTP {status}").into()),
            };
            let body = Body { runtime: Arc::clone(&self.runtime), stream: answer.body, piece: Bytes::new() };
            return Ok(Opened { body: Box::new(body), offset, total_bytes });
        }
        Err(format!("`{url}` was sent on more than {MOST_REDIRECTS} times").into())
    }
}

fn is_guarded(at: &Uri) -> bool {
    let host = at.host().unwrap_or_default().trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    at.scheme_str() == Some("https") || here
}

/// Where a redirect leads: another address, or another path at the same one.
fn joined(at: &Uri, next: &str) -> Result<Uri, ClientError> {
    if !next.starts_with('/') {
        return Ok(next.parse()?);
    }
    let mut parts = at.clone().into_parts();
    parts.path_and_query = Some(next.parse()?);
    Ok(Uri::from_parts(parts)?)
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
