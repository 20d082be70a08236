//! The headers by which a client steers its request: task, form, marks, approvals, key, cache, events.
//!
//! Each of them is understood whole or the request is refused. A mark that went missing would leave untrusted text
//! trusted, and a key that did would let an effect happen twice.
//!
//! What never happens here: a line, or a byte of one, that is passed over.

use axum::http::HeaderMap;
use steersman_core::Code;

/// What the headers of one request say.
#[derive(Debug, Default)]
pub(super) struct Steering {
    /// The task.
    pub(super) task: Option<String>,
    /// What to do with an answer that has a form to keep.
    pub(super) structured: Option<String>,
    /// Texts of the body which somebody else wrote.
    pub(super) quoted: Option<String>,
    /// Hashes of tool calls that a person approved.
    pub(super) approved: Option<String>,
    /// What more of the guard is wanted: `reader`, `plan`.
    pub(super) guard: Option<String>,
    /// The name of the request, so that it can be sent again and still happens once.
    pub(super) idempotency_key: Option<String>,
    /// What is wanted of answers that were kept: `on`, `off`, `refresh`, `ttl=SECONDS`.
    pub(super) cache: Option<String>,
    /// Events that are wanted in a stream: of tool runs (`tools`), of a held value that grows (`previews`).
    pub(super) events: Option<String>,
}

/// Why a header cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SteeringError {
    /// A byte that is no visible ASCII.
    #[error("`{0}` holds a byte that is no visible ASCII, so it cannot be read; percent-encode it")]
    Unreadable(&'static str),
    /// Two values where one is meant.
    #[error("`{0}` stands there more than once; send it once")]
    Twice(&'static str),
}

impl SteeringError {
    /// The row of the code table.
    pub(super) const CODE: &'static Code = Code::INVALID_REQUEST;
}

/// What the names of all of them begin with but for one.
const OWN: &str = "x-steersman-";
/// The one that other services know too.
const KEY: &str = "idempotency-key";

impl Steering {
    /// Reads them. Lists may come in several lines, as HTTP has it; what is one value may not.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, SteeringError> {
        if !headers.keys().any(|name| name.as_str().starts_with(OWN) || name == KEY) {
            return Ok(Self::default());
        }
        let list = |name| lines(headers, name).map(|lines| lines.map(|lines| lines.join(",")));
        let one = |name| match lines(headers, name)? {
            Some(lines) if lines.len() > 1 => Err(SteeringError::Twice(name)),
            lines => Ok(lines.map(|lines| lines.concat())),
        };
        Ok(Self {
            task: one("x-steersman-task")?,
            structured: one("x-steersman-structured")?,
            quoted: list("x-steersman-quoted")?,
            approved: list("x-steersman-approved")?,
            guard: list("x-steersman-guard")?,
            idempotency_key: one(KEY)?,
            cache: list("x-steersman-cache")?,
            events: list("x-steersman-events")?,
        })
    }
}

fn lines<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<Vec<&'h str>>, SteeringError> {
    let lines = headers.get_all(name).iter().map(|value| value.to_str().map_err(|_| SteeringError::Unreadable(name)));
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    Ok((!lines.is_empty()).then_some(lines))
}
