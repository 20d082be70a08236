//! The seam between the engine and whoever can reach a provider: bytes out, a status and a stream of bytes back.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;

use crate::ModelName;

/// A future that may cross threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The body of an upstream answer, as it arrives.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, UpstreamError>> + Send>>;

/// What a call for an answer asks, for a provider that addresses such calls in its own way.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The name of the dialect.
    pub dialect: &'static str,
    /// The model.
    pub model: ModelName,
}

/// One call to a provider, in the provider's own dialect.
#[derive(Debug, Clone)]
pub struct UpstreamCall {
    /// The HTTP method.
    pub method: &'static str,
    /// What it asks; `None` for a path that is passed through.
    pub asked: Option<Asked>,
    /// The path and query below the provider's base address, beginning with a slash; for a call that asks, where its
    /// dialect is at home.
    pub path: Cow<'static, str>,
    /// The request body; nothing is sent where it is empty.
    pub body: Bytes,
    /// Whether the answer is to be streamed (sets `accept`).
    pub stream: bool,
    /// Headers of the client that the provider's dialect lets through, lower case.
    pub headers: Vec<(String, String)>,
}

impl UpstreamCall {
    /// A call for an answer.
    #[must_use]
    pub const fn ask(
        asked: Asked,
        path: Cow<'static, str>,
        body: Bytes,
        stream: bool,
        headers: Vec<(String, String)>,
    ) -> Self {
        Self { method: "POST", asked: Some(asked), path, body, stream, headers }
    }
}

/// What a provider answered.
pub struct UpstreamAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The `content-type`, if any.
    pub content_type: Option<String>,
    /// How long the provider asks to wait before the next try.
    pub retry_after: Option<Duration>,
    /// The body. Dropping it cancels the call.
    pub body: ByteStream,
}

impl std::fmt::Debug for UpstreamAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why a provider could not be reached, or its answer broke off.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UpstreamError {
    /// The provider needs a key and has none. Holds the environment variable that would give one.
    #[error("no API key: set `{0}`")]
    MissingKey(String),
    /// A cloud gave no access token. Holds why, without the token or what was to be exchanged for it.
    #[error("no access token: {0}")]
    Token(String),
    /// The path of a call makes no address below the provider's.
    #[error("`{0}` is no path of an address")]
    Address(String),
    /// No connection.
    #[error("could not connect to `{host}`: {cause}")]
    Connect {
        /// The host and port that were tried.
        host: String,
        /// The transport's own words.
        cause: String,
    },
    /// The connection broke while bytes were on their way.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// A time-out, by name (`connect`, `first_token`, `idle`, `total`) with its limit.
    #[error("no answer within the {kind} time-out of {limit:?}")]
    Timeout {
        /// Which time-out.
        kind: &'static str,
        /// Its limit.
        limit: Duration,
    },
    /// The answer is larger than the house takes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// Whoever can reach one provider.
pub trait Upstream: Send + Sync {
    /// Sends one call and returns as soon as the answer's head is there. Dropping the future cancels the call.
    fn call(&self, call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>>;
}
