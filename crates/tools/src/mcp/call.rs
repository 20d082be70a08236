//! One tool of an MCP server, and the life of one call of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use steersman_core::{BoxFuture, Contract, Effect, Idempotency};
use steersman_scope::{Dispatch, Lookup, Tool, ToolFault};
use tokio_util::sync::CancellationToken;

use super::{CallFault, Link, Live, McpServer};
use crate::offer::listing_digest;
use crate::schema::Arguments;

/// How long a server may take to read a cancellation.
const PATIENCE: Duration = Duration::from_millis(800);
/// Where the key of an effect travels, beside the argument that the contract names: servers may read it from `_meta`.
const KEY_META: &str = "steersman/effect-key";

/// A tool.
pub(crate) struct McpTool {
    pub(crate) server: Arc<McpServer>,
    /// The server's own name of it.
    pub(crate) remote: String,
    pub(crate) contract: Contract,
    pub(crate) digest: String,
    pub(crate) arguments: Arguments,
}

impl McpTool {
    /// The connection, with this tool listed as it was when it was offered.
    async fn live(&self) -> Result<Arc<Live>, ToolFault> {
        let live = self
            .server
            .live()
            .await
            .map_err(|why| ToolFault::NotSent(format!("tool server `{}`: {why}", self.server.spec.name)))?;
        let listed = live.tools.iter().find(|tool| tool.get("name").and_then(Value::as_str) == Some(&self.remote));
        match listed.map(listing_digest) {
            Some(digest) if digest == self.digest => Ok(live),
            Some(_) => Err(ToolFault::Failed("the server has changed this tool; it waits for a review".to_owned())),
            None => Err(ToolFault::Failed("the server does not list this tool any more".to_owned())),
        }
    }

    /// The arguments with the key where the contract wants it.
    fn with_key(&self, dispatch: &Dispatch) -> Value {
        let mut arguments = dispatch.arguments.clone();
        if let (Idempotency::Keyed { argument: Some(name), .. }, Some(key), Some(members)) =
            (&self.contract.idempotency, dispatch.key, arguments.as_object_mut())
        {
            members.insert(name.clone(), Value::String(key.to_string()));
        }
        arguments
    }

    async fn ask(&self, dispatch: &Dispatch, tool: &str, arguments: &Value) -> Result<Value, CallFault> {
        let live = self.live().await.map_err(|fault| CallFault::NotSent(fault.to_string()))?;
        let mut params = json!({ "name": tool, "arguments": arguments });
        if let (Some(key), Some(members)) = (dispatch.key, params.as_object_mut()) {
            members.insert("_meta".to_owned(), json!({ KEY_META: key.to_string() }));
        }
        let ticket = live.link.pending().open()?;
        let cancel = Cancel { live: Arc::clone(&live), id: ticket.id, settled: ticket.settled.clone() };
        dispatch.scope.on_close("end the call at its server", cancel.run());
        live.link.ask(ticket, "tools/call", &params).await
    }

    /// What a result says. A server's "error" of an irreversible call does not prove that nothing happened.
    fn read(&self, result: &Value) -> Result<String, ToolFault> {
        let text = text_of(result);
        match (result.get("isError").and_then(Value::as_bool).unwrap_or(false), self.contract.effect) {
            (false, _) => Ok(text),
            (true, Effect::Irreversible) => Err(ToolFault::Lost(format!("the tool reported an error: {text}"))),
            (true, Effect::Read | Effect::Write) => Err(ToolFault::Failed(text)),
        }
    }
}

impl Tool for McpTool {
    fn contract(&self) -> &Contract {
        &self.contract
    }

    fn call(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<String, ToolFault>> {
        Box::pin(async move {
            let arguments = self.with_key(&dispatch);
            self.arguments.check(&arguments)?;
            self.live().await?;
            let result = self.ask(&dispatch, &self.remote, &arguments).await?;
            self.read(&result)
        })
    }

    /// Calls the look-up tool with those of the call's arguments that its schema names, and the key as `effect_key` if
    /// it names that. An error, nothing, or `{"found": false}` means that the effect has not happened.
    fn look_up(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<Lookup, ToolFault>> {
        Box::pin(async move {
            let Idempotency::Lookup { tool } = &self.contract.idempotency else { return Ok(Lookup::Unsupported) };
            let remote = tool.strip_prefix(&self.server.spec.prefix).unwrap_or(tool);
            let live = self.live().await?;
            let listed = live.tools.iter().find(|listed| listed.get("name").and_then(Value::as_str) == Some(remote));
            let Some(listed) = listed else { return Ok(Lookup::Unsupported) };
            let arguments = lookup_arguments(listed, &dispatch);
            let result = self.ask(&dispatch, remote, &arguments).await?;
            Ok(found(&result))
        })
    }
}

fn lookup_arguments(listed: &Value, dispatch: &Dispatch) -> Value {
    let mut arguments = Map::new();
    let named = listed.pointer("/inputSchema/properties").and_then(Value::as_object);
    for name in named.into_iter().flat_map(Map::keys) {
        if name == "effect_key" {
            arguments.insert(name.clone(), json!(dispatch.key.map(|key| key.to_string())));
        } else if let Some(value) = dispatch.arguments.get(name) {
            arguments.insert(name.clone(), value.clone());
        }
    }
    Value::Object(arguments)
}

fn found(result: &Value) -> Lookup {
    let text = text_of(result);
    let structured = result.get("structuredContent").cloned().or_else(|| serde_json::from_str(&text).ok());
    let structured = structured.map(|value| value.get("result").cloned().unwrap_or(value));
    let absent = match &structured {
        Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.get("found").and_then(Value::as_bool) == Some(false),
        Some(_) => false,
        None => text.trim().is_empty(),
    };
    let failed = result.get("isError").and_then(Value::as_bool).unwrap_or(false);
    match (failed, absent) {
        (true, _) => Lookup::Unsupported,
        (false, true) => Lookup::Absent,
        (false, false) => Lookup::Happened(text),
    }
}

/// The text of a result; what is no text is named, not shown.
fn text_of(result: &Value) -> String {
    let blocks = result.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let block =
        |block: &Value| match (block.get("type").and_then(Value::as_str), block.get("text").and_then(Value::as_str)) {
            (Some("text"), Some(text)) => text.to_owned(),
            (kind, _) => format!("({} left out)", kind.unwrap_or("something")),
        };
    let text = blocks.iter().map(block).collect::<Vec<_>>().join("\n");
    match result.get("structuredContent") {
        Some(value) if text.is_empty() => value.to_string(),
        _ => text,
    }
}

/// What is owed to the server when a call's scope ends.
struct Cancel {
    live: Arc<Live>,
    id: u64,
    settled: CancellationToken,
}

impl Cancel {
    /// Nothing if the call was answered. Else the server is told, and has read it when it answers the `ping` behind it;
    /// one that does not is killed, unless others still wait for it.
    async fn run(self) {
        if self.settled.is_cancelled() {
            return;
        }
        let (link, nothing) = (&self.live.link, json!({}));
        let told = async {
            link.tell("notifications/cancelled", &super::message::cancelled(self.id)).await?;
            tokio::select! {
                () = self.settled.cancelled() => Ok(()),
                pong = link.request("ping", &nothing) => pong.map(drop),
            }
        };
        let heard = tokio::time::timeout(PATIENCE, told).await;
        link.pending().settle(self.id, Err(CallFault::Lost("cancelled".to_owned())));
        if let (Err(_), Link::Stdio(process)) = (heard, link)
            && process.pending.len() <= 1
        {
            process.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_look_up_found_is_read_from_its_result() {
        let check = |result: Value, wanted: Lookup| assert_eq!(found(&result), wanted, "{result}");
        let text = |text: &str| json!({ "content": [{ "type": "text", "text": text }] });
        check(text("{\"found\": false}"), Lookup::Absent);
        check(text("[]"), Lookup::Absent);
        check(text(""), Lookup::Absent);
        check(text("null"), Lookup::Absent);
        check(text("{\"id\": 3}"), Lookup::Happened("{\"id\": 3}".into()));
        check(text("sent on Friday"), Lookup::Happened("sent on Friday".into()));
        check(json!({ "content": [], "structuredContent": { "result": [] } }), Lookup::Absent);
        check(json!({ "content": [{ "type": "text", "text": "boom" }], "isError": true }), Lookup::Unsupported);
    }

    #[test]
    fn a_result_is_its_texts_and_names_what_else_there_is() {
        let result = json!({ "content": [{ "type": "text", "text": "a" }, { "type": "image", "data": "..." }] });
        assert_eq!(text_of(&result), "a\n(image left out)");
    }
}
