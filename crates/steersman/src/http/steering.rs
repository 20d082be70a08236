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
    #[error("`{0}` holds a byte that is no visible ASCII, so it cannot be read{hint}", hint = hint(.0))]
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

/// The one that holds a name which may be of any language, and so may be percent-encoded.
const TASK: &str = "x-steersman-task";

fn hint(name: &str) -> &'static str {
    if name == TASK { "; percent-encode it" } else { "" }
}

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
            task: one(TASK)?.map(decoded),
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

/// A name with its `%C3%A4` read. What is no such sequence, or would be no UTF-8, stays as it was sent.
pub(super) fn decoded(sent: String) -> String {
    let mut bytes = Vec::with_capacity(sent.len());
    let mut rest = sent.as_bytes();
    while let [first, after @ ..] = rest {
        let pair = after.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.filter(|pair| !pair.starts_with('+')).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = after.get(if byte.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8(bytes).unwrap_or(sent)
}

fn lines<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<Vec<&'h str>>, SteeringError> {
    let lines = headers.get_all(name).iter().map(|value| value.to_str().map_err(|_| SteeringError::Unreadable(name)));
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    Ok((!lines.is_empty()).then_some(lines))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(name: &'static str, value: &[u8]) -> Result<Steering, String> {
        let headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_bytes(value).unwrap())]);
        Steering::read(&headers).map_err(|error| error.to_string())
    }

    #[test]
    fn the_name_of_a_task_is_read_as_the_message_says_that_it_is_to_be_sent() {
        let task = |sent: &str| read(TASK, sent.as_bytes()).unwrap().task.unwrap();
        assert_eq!(
            ["r%C3%BCckfrage", "a%20b/c", "100%", "%zz%+1", "%ff"].map(task),
            ["rückfrage", "a b/c", "100%", "%zz%+1", "%ff"]
        );
        assert!(read(TASK, "rück".as_bytes()).unwrap_err().ends_with("percent-encode it"));
        assert!(!read("x-steersman-cache", "ö".as_bytes()).unwrap_err().contains("percent"));
    }
}
