//! Requests that are refused before a record of them is opened: no valid key, a body that is too large, a header that
//! cannot be read, no place. They are counted by their code, so that a client that never gets in can be seen.
//!
//! What never happens here: a record. Whoever has no key could fill the store with them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderValue;
use axum::response::Response;
use steersman_core::{Code, RequestId};
use steersman_store::now_us;
use steersman_wire::Dialect;

use super::error;

/// The header by which every answer to a client can be named.
const REQUEST_ID: &str = "x-request-id";

/// Why a request was turned away, on its response's way out.
#[derive(Clone, Copy)]
struct Why(&'static Code);

/// How many were turned away since the start, by code.
#[derive(Default)]
pub(crate) struct TurnedAway(Mutex<BTreeMap<&'static str, u64>>);

impl TurnedAway {
    /// Counts a response, if it turns a request away.
    pub(super) fn count(&self, response: &Response) {
        if let Some(Why(code)) = response.extensions().get() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(code.name).or_default() += 1;
        }
    }

    /// The counts, the largest first.
    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        let mut counts: Vec<_> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(&name, &count)| (name, count)).collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts
    }
}

/// A refusal of a request that leaves no record. Its id is in the log where that shows details.
pub(super) fn turn_away(dialect: &dyn Dialect, code: &'static Code, message: &str, param: Option<&str>) -> Response {
    let id = RequestId::new(u64::try_from(now_us() / 1_000).unwrap_or(0));
    tracing::debug!(request = %id, code = code.name, message, "a request was turned away at the door");
    let mut response = error::refuse(dialect, code, message, param);
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response.extensions_mut().insert(Why(code));
    response
}

#[cfg(test)]
mod tests {
    use steersman_wire::openai_chat::OpenAiChat;

    use super::*;

    #[test]
    fn who_is_turned_away_gets_an_id_and_is_counted_by_the_reason() {
        let counted = TurnedAway::default();
        for code in [Code::INVALID_KEY, Code::BODY_TOO_LARGE, Code::INVALID_KEY] {
            let response = turn_away(&OpenAiChat, code, "no", None);
            assert!(RequestId::parse(response.headers()[REQUEST_ID].to_str().unwrap()).is_some());
            counted.count(&response);
        }
        counted.count(&error::refuse(&OpenAiChat, Code::NOT_FOUND, "an address of the admin", None));
        assert_eq!(counted.counts(), [("invalid_api_key", 2), ("body_too_large", 1)]);
    }
}
