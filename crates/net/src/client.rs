//! The pooled client.

use std::error::Error;
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

/// The outbound client. Cheap to clone; all clones share one pool.
#[derive(Clone)]
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector<Guarded<GaiResolver>>>, Full<Bytes>>,
    limits: Limits,
}

impl Client {
    /// A client with these limits. Opens no connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Guarded(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
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
            .build(tls);
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
        let cause = innermost(error);
        if !error.is_connect() {
            return UpstreamError::Broken(cause);
        }
        if cause.contains("timed out") || cause.contains("deadline") {
            return UpstreamError::Timeout { kind: "connect", limit: self.limits.connect };
        }
        UpstreamError::Connect { host, cause }
    }
}

fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
