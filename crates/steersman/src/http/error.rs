//! Refusals that never reach the engine.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use steersman_core::Code;
use steersman_engine::Refusal;
use steersman_wire::{Address, DIALECTS, Dialect};

use super::api::dialect_of;
use super::steering::decoded;
use super::turned_away::turn_away;

/// Served paths that belong to no dialect.
const OTHERS: [&str; 3] = ["/v1/embeddings", "/v1/messages/count_tokens", "/v1/models"];

/// An error response with the code's own status, in the dialect of the address.
pub(super) fn refuse(dialect: &dyn Dialect, code: &'static Code, message: &str, param: Option<&str>) -> Response {
    let mut refusal = Refusal::new(code, message);
    refusal.param = param.map(str::to_owned);
    let status = StatusCode::from_u16(code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    let body = dialect.encode_error(&refusal.to_error_body());
    let mut response = (status, [(header::CONTENT_TYPE, json)], body).into_response();
    if code.retryable && matches!(code.status, 429 | 503) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

pub(super) async fn not_found(uri: Uri) -> Response {
    let path: String = uri.path().chars().take(120).collect();
    let hint = match meant(uri.path()) {
        Some(meant) => {
            format!(
                "did you mean `{meant}`? an OpenAI client's base URL ends with `/v1`, an Anthropic client's does not"
            )
        }
        None => "check the path; name a provider in `x-steersman-provider` if the call is to be passed on".to_owned(),
    };
    turn_away(dialect_of(uri.path()), Code::NOT_FOUND, &format!("there is nothing at `{path}`; {hint}"), None)
}

/// The served path that this one misses by its version (none, or twice) or by a slash at its end, as a wrong base URL
/// makes it.
pub(super) fn meant(path: &str) -> Option<String> {
    let mut rest = path.trim_matches('/');
    while let Some(shorter) = rest.strip_prefix("v1/") {
        rest = shorter;
    }
    served().find(|served| served.strip_prefix("/v1/") == Some(rest) && *served != path)
}

/// Whether a path is one of those served below `/v1`, or below one of them, written in another way or below another
/// dialect's version: there it would reach the provider unread, stored responses of others among them.
pub(super) fn is_in_disguise(path: &str) -> bool {
    let plain = plain(path);
    let Some((root, rest)) = DIALECTS.iter().find_map(|dialect| Some((dialect.root(), below(dialect.root(), &plain)?)))
    else {
        return false;
    };
    let is_served = |served: &str| below(served, rest).is_some();
    (root != "/v1" || plain != path)
        // Below a version of its own Gemini has models of its own.
        && served().any(|served| served != "/v1/models" && below("/v1", &served).is_some_and(is_served))
}

/// What stands behind a beginning that ends at a slash.
fn below<'a>(beginning: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(beginning).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path as a server may read it: without escapes, empty segments and steps back.
fn plain(path: &str) -> String {
    let mut segments = Vec::new();
    let unescaped: Vec<String> = path.split('/').map(|segment| decoded(segment.to_owned())).collect();
    for segment in unescaped.iter().flat_map(|segment| segment.split(['/', '\\'])) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment.to_ascii_lowercase()),
        }
    }
    format!("/{}", segments.join("/"))
}

fn served() -> impl Iterator<Item = String> {
    let served = DIALECTS.iter().filter_map(|dialect| match dialect.address() {
        Address::Fixed(path) => Some(format!("{}{path}", dialect.root())),
        Address::ByModel(_) => None,
    });
    served.chain(OTHERS.map(str::to_owned))
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    let path: String = uri.path().chars().take(120).collect();
    turn_away(dialect_of(uri.path()), Code::METHOD_NOT_ALLOWED, &format!("`{path}` does not take {method}"), None)
}

#[cfg(test)]
mod tests {
    use super::{is_in_disguise, meant};

    #[test]
    fn what_is_served_is_not_passed_unread_in_another_spelling() {
        for path in [
            "/v1beta/responses/resp_x",
            "/v1beta//responses/resp_x/",
            "/v1beta/chat/completions",
            "/v1/%72esponses/resp_x",
            "/v1/files/../responses/resp_x",
            "/v1/files/%2e%2e/responses/resp_x",
            "/v1/Responses/resp_x",
        ] {
            assert!(is_in_disguise(path), "{path}");
        }
        for path in ["/v1beta/models/m:countTokens", "/v1beta/files", "/v1/files", "/v1/responses/compact", "/v1/Files"]
        {
            assert!(!is_in_disguise(path), "{path}");
        }
    }

    #[test]
    fn a_wrong_base_url_is_told_the_right_path() {
        for wrong in ["/chat/completions", "/v1/v1/chat/completions", "/v1/chat/completions/", "//chat/completions"] {
            assert_eq!(meant(wrong).as_deref(), Some("/v1/chat/completions"), "{wrong}");
        }
        assert_eq!(meant("/v1/v1/messages").as_deref(), Some("/v1/messages"));
        assert_eq!((meant("/v1/chat/completions"), meant("/v1/files")), (None, None));
    }
}
