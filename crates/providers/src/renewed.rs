//! A credential that ends: fetched when it is first needed, and anew before its end.
//!
//! Whoever needs it while it is being fetched waits for that one fetch. It is renewed five minutes before its end;
//! while renewal fails, the old one is used as long as it is good.
//!
//! What never happens here: two fetches at once, a fetch that nobody needs.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt, Shared};
use steersman_core::{UpstreamAnswer, UpstreamError};

/// How long before its end a credential is renewed.
const MARGIN: Duration = Duration::from_secs(300);
/// How long before its end a credential is no longer used.
const LAST: Duration = Duration::from_secs(10);

/// The largest answer of a service that gives credentials.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// A credential and its end.
#[derive(Clone)]
pub(crate) struct Lease<T> {
    pub(crate) value: T,
    pub(crate) until: Instant,
}

impl<T> Lease<T> {
    fn is_good_for(&self, more: Duration) -> bool {
        self.until.checked_duration_since(Instant::now()).is_some_and(|left| left > more)
    }
}

type Fetched<T> = Result<Lease<T>, UpstreamError>;
type Flight<T> = Shared<BoxFuture<'static, Fetched<T>>>;

/// The whole answer of a service that gives credentials.
pub(crate) async fn short_answer(answer: &mut UpstreamAnswer) -> Result<Vec<u8>, UpstreamError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.body.next().await {
        body.extend_from_slice(&piece?);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(UpstreamError::TooLarge(MAX_ANSWER_BYTES));
        }
    }
    Ok(body)
}

/// One credential, kept fresh.
pub(crate) struct Renewed<T: Clone> {
    fetch: Box<dyn Fn() -> BoxFuture<'static, Fetched<T>> + Send + Sync>,
    state: Mutex<State<T>>,
}

struct State<T: Clone> {
    lease: Option<Lease<T>>,
    flight: Option<Flight<T>>,
}

impl<T: Clone + Send + Sync + 'static> Renewed<T> {
    /// Fetched like this. Nothing is fetched yet.
    pub(crate) fn new(fetch: impl Fn() -> BoxFuture<'static, Fetched<T>> + Send + Sync + 'static) -> Self {
        Self { fetch: Box::new(fetch), state: Mutex::new(State { lease: None, flight: None }) }
    }

    /// The credential for one call.
    pub(crate) async fn value(&self) -> Result<T, UpstreamError> {
        let flight = match self.known_or_flight() {
            Ok(value) => return Ok(value),
            Err(flight) => flight,
        };
        let fetched = flight.clone().await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.flight.as_ref().is_some_and(|current| current.ptr_eq(&flight)) {
            state.flight = None;
            if let Ok(lease) = &fetched {
                state.lease = Some(lease.clone());
            }
        }
        let old = || state.lease.as_ref().filter(|lease| lease.is_good_for(LAST));
        match (fetched, old()) {
            (Ok(lease), _) => Ok(lease.value),
            (Err(_), Some(lease)) => Ok(lease.value.clone()),
            (Err(error), None) => Err(error),
        }
    }

    /// The credential that there is, or the one that is on its way.
    fn known_or_flight(&self) -> Result<T, Flight<T>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lease) = state.lease.as_ref().filter(|lease| lease.is_good_for(MARGIN)) {
            return Ok(lease.value.clone());
        }
        Err(state.flight.get_or_insert_with(|| (self.fetch)().shared()).clone())
    }
}
