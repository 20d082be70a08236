//! JSON-RPC 2.0 as MCP uses it: what goes out, what comes in. Pure.
//!
//! What never happens here: transport, a clock.

use serde_json::{Value, json};

/// The protocol version that is asked for. Servers of other versions answer with theirs, which are understood as well:
/// of the protocol only `initialize`, `tools/list`, `tools/call`, `ping` and `notifications/cancelled` are used.
pub(crate) const VERSION: &str = "2025-06-18";

/// Something that a server sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    /// The answer to a request.
    Answer(u64, Result<Value, RpcError>),
    /// A request of its own, with its id as it came.
    Request(Value, String),
    /// A notification.
    Notification(String),
    /// Nothing that JSON-RPC knows.
    Noise,
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server answered with error {code}: {message}")]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    pub(crate) message: String,
}

impl RpcError {
    /// Whether the server says that it did not even begin: parse error, invalid request, unknown method.
    pub(crate) const fn is_definite(&self) -> bool {
        matches!(self.code, -32_700 | -32_600 | -32_601)
    }

    /// Whether the server says that the arguments were wrong. Libraries say so too of what a tool raises after it has
    /// acted.
    pub(crate) const fn blames_arguments(&self) -> bool {
        self.code == -32_602
    }
}

/// The notification that the list of tools is another one now.
pub(crate) const LIST_CHANGED: &str = "notifications/tools/list_changed";

pub(crate) fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

pub(crate) fn notification(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

/// What this client answers to requests of a server: it is there, and it does nothing for it.
pub(crate) fn reply(id: &Value, method: &str) -> Value {
    if method == "ping" {
        return json!({ "jsonrpc": "2.0", "id": id, "result": {} });
    }
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32_601, "message": format!("`{method}` is not served here") } })
}

/// Params of `initialize`.
pub(crate) fn hello() -> Value {
    json!({
        "protocolVersion": VERSION, "capabilities": {},
        "clientInfo": { "name": "steersman", "version": env!("CARGO_PKG_VERSION") },
    })
}

/// Params of `notifications/cancelled`.
pub(crate) fn cancelled(id: u64) -> Value {
    json!({ "requestId": id, "reason": "its scope has ended" })
}

/// Reads one message.
pub(crate) fn read(text: &[u8]) -> Incoming {
    let Ok(message) = serde_json::from_slice::<Value>(text) else { return Incoming::Noise };
    let method = message.get("method").and_then(Value::as_str).map(str::to_owned);
    let id = message.get("id").filter(|id| !id.is_null());
    match (method, id) {
        (Some(method), Some(id)) => Incoming::Request(id.clone(), method),
        (Some(method), None) => Incoming::Notification(method),
        (None, Some(id)) => match (id.as_u64(), message.get("result"), message.get("error")) {
            (Some(id), Some(result), None) => Incoming::Answer(id, Ok(result.clone())),
            (Some(id), _, Some(error)) => Incoming::Answer(id, Err(rpc_error(error))),
            _ => Incoming::Noise,
        },
        (None, None) => Incoming::Noise,
    }
}

fn rpc_error(error: &Value) -> RpcError {
    let code = error.get("code").and_then(Value::as_i64).unwrap_or(0);
    let message = error.get("message").and_then(Value::as_str).unwrap_or("without words");
    RpcError { code, message: message.chars().take(500).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_server_are_told_apart() {
        let check = |text: &str, wanted: Incoming| assert_eq!(read(text.as_bytes()), wanted, "{text}");
        check(r#"{"jsonrpc":"2.0","id":3,"result":{"a":1}}"#, Incoming::Answer(3, Ok(json!({"a": 1}))));
        let error = RpcError { code: -32_602, message: "no".into() };
        assert!(error.blames_arguments() && !error.is_definite());
        check(r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"no"}}"#, Incoming::Answer(3, Err(error)));
        check(r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#, Incoming::Request(json!("x"), "ping".into()));
        check(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#, Incoming::Notification("notifications/x".into()));
        check("Traceback (most recent call last):", Incoming::Noise);
        check(r#"{"id":"not ours","result":{}}"#, Incoming::Noise);
    }
}
