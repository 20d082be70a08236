//! The pooled client.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use steersman_core::{ByteStream, UpstreamAnswer, UpstreamError};

use crate::body::BodyStream;
use crate::connect::{Bounded, TimedOut};
use crate::resolve::Guarded;

/// What a client allows itself.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a connection may take to stand, TLS included.
    pub connect: Duration,
    /// The largest answer in bytes.
    pub max_answer_bytes: usize,
    /// How many idle connections are kept for each host.
    pub idle_per_host: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), max_answer_bytes: 64 << 20, idle_per_host: 256 }
    }
}

/// Names less those of metadata services, TCP, TLS, all within a limit.
type Connector = Bounded<HttpsConnector<HttpConnector<Guarded<GaiResolver>>>>;

/// The outbound client. Cheap to clone; all clones share one pool.
#[derive(Clone)]
pub struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    limits: Limits,
}

impl Client {
    /// A client with these limits. Opens no connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Guarded(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared out over a name's addresses, so that one that is dead leaves time for the next.
        tcp.set_connect_timeout(Some(limits.connect));
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .expect("invariant: ring supports the default protocol versions")
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(limits.idle_per_host)
            .build(Bounded { connector: tls, limit: limits.connect });
        Self { pool, limits }
    }

    /// Sends a request and returns when the answer's head is there.
    ///
    /// # Errors
    /// [`UpstreamError::Connect`] when no connection stood (the request was not sent), [`UpstreamError::Timeout`] for
    /// the connect time-out, [`UpstreamError::Broken`] when the connection failed later.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<UpstreamAnswer, UpstreamError> {
        self.ask(request).await.map(|answer| self.open(answer))
    }

    /// The same, with the headers of the answer.
    ///
    /// # Errors
    /// As for [`Client::send`].
    pub async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(http::HeaderMap, UpstreamAnswer), UpstreamError> {
        let answer = self.ask(request).await?;
        Ok((answer.headers().clone(), self.open(answer)))
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, UpstreamError> {
        let host = request.uri().authority().map_or_else(String::new, |authority| authority.as_str().to_owned());
        self.pool.request(request).await.map_err(|error| self.read_error(host, &error))
    }

    fn open(&self, answer: Response<Incoming>) -> UpstreamAnswer {
        let text = |name| answer.headers().get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let status = answer.status().as_u16();
        let content_type = text(header::CONTENT_TYPE).map(str::to_owned);
        let retry_after =
            text(header::RETRY_AFTER).and_then(|value| value.trim().parse().ok().map(Duration::from_secs));
        let body: ByteStream = Box::pin(BodyStream::new(answer.into_body(), self.limits.max_answer_bytes));
        UpstreamAnswer { status, content_type, retry_after, body }
    }

    fn read_error(&self, host: String, error: &hyper_util::client::legacy::Error) -> UpstreamError {
        let causes = || std::iter::successors(Some(error as &(dyn Error + 'static)), |error| (*error).source());
        let cause = causes().last().map_or_else(String::new, ToString::to_string);
        if !error.is_connect() {
            return UpstreamError::Broken(cause);
        }
        if causes().any(is_late) {
            return UpstreamError::Timeout { kind: "connect", limit: self.limits.connect };
        }
        UpstreamError::Connect { host, cause }
    }
}

fn is_late(cause: &(dyn Error + 'static)) -> bool {
    cause.is::<TimedOut>()
        || cause.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_accepts_and_never_shakes_hands_is_a_connect_time_out() {
        let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = mute.local_addr().expect("its address");
        let limit = Duration::from_millis(100);
        let client = Client::new(Limits { connect: limit, ..Limits::default() });
        let request = Request::get(format!("https://{address}/v1")).body(Full::default()).expect("a request");
        let Err(error) = client.send(request).await else { panic!("nobody answered") };
        assert!(matches!(error, UpstreamError::Timeout { kind: "connect", limit: told } if told == limit), "{error}");
    }
}
