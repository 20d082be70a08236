//! One tool of an MCP server, and the life of one call of it.
//!
//! What never happens here: a call of a tool that its server lists in other words than when it was offered.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use steersman_core::{BoxFuture, Contract, Effect, Idempotency};
use steersman_scope::{Dispatch, Lookup, Tool, ToolFault};
use tokio_util::sync::CancellationToken;

use super::{CallFault, Link, Live, McpServer};
use crate::lookup;
use crate::offer::{listing_digest, shown_name};
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
    async fn live(&self) -> Result<Arc<Live>, CallFault> {
        let live = self
            .server
            .live()
            .await
            .map_err(|why| CallFault::NotSent(format!("tool server `{}`: {why}", self.server.spec.name)))?;
        let listed = live.tools.iter().find(|tool| tool.get("name").and_then(Value::as_str) == Some(&self.remote));
        match listed.map(listing_digest) {
            Some(digest) if digest == self.digest => Ok(live),
            Some(_) => Err(CallFault::Withdrawn("the server has changed this tool; it waits for a review")),
            None => Err(CallFault::Withdrawn("the server does not list this tool any more")),
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

    /// Sends a call. A server that was started again has forgotten the session and did not act: it is asked once more
    /// over a new one.
    async fn ask(&self, dispatch: &Dispatch, tool: &str, arguments: &Value) -> Result<Value, CallFault> {
        let mut params = json!({ "name": tool, "arguments": arguments });
        if let (Some(key), Some(members)) = (dispatch.key, params.as_object_mut()) {
            members.insert("_meta".to_owned(), json!({ KEY_META: key.to_string() }));
        }
        for is_last in [false, true] {
            let live = self.live().await?;
            let ticket = live.link.pending().open()?;
            let cancel = Cancel { live: Arc::clone(&live), id: ticket.id, settled: ticket.settled.clone() };
            dispatch.scope.on_close("end the call at its server", cancel.run());
            match live.link.ask(ticket, "tools/call", &params).await {
                Err(CallFault::NotSent(_)) if !is_last && live.link.pending().ended().is_some() => {}
                ended => return ended,
            }
        }
        Err(CallFault::NotSent("the connection has ended".to_owned()))
    }

    /// What an error of a call proves. Of an irreversible one, wrong arguments prove nothing: what they could break
    /// was checked before it was sent.
    fn fault(&self, fault: CallFault) -> ToolFault {
        match fault {
            CallFault::Rpc(error) if error.blames_arguments() && self.contract.effect != Effect::Irreversible => {
                ToolFault::Failed(error.to_string())
            }
            other => other.into(),
        }
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
            let result = self.ask(&dispatch, &self.remote, &arguments).await;
            self.read(&result.map_err(|fault| self.fault(fault))?)
        })
    }

    /// Calls the look-up tool with those of the call's arguments that its schema names, and the key as `effect_key` if
    /// it names that. Nothing, or `{"found": false}`, means that the effect has not happened; an error says nothing.
    fn look_up(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<Lookup, ToolFault>> {
        Box::pin(async move {
            let Idempotency::Lookup { tool } = &self.contract.idempotency else { return Ok(Lookup::Unsupported) };
            let live = self.live().await?;
            let Some((remote, schema)) = named(&live.tools, &self.server.spec.prefix, tool) else {
                return Ok(Lookup::Unsupported);
            };
            let Some(arguments) = lookup::arguments(schema, &dispatch) else { return Ok(Lookup::Unsupported) };
            let result = self.ask(&dispatch, remote, &arguments).await?;
            Ok(found(&result))
        })
    }
}

/// The tool that models see under this name: its server's own name of it, and its schema.
pub(crate) fn named<'l>(tools: &'l [Value], prefix: &str, name: &str) -> Option<(&'l str, &'l Value)> {
    tools.iter().find_map(|listed| {
        let remote = listed.get("name")?.as_str()?;
        let schema = listed.get("inputSchema").unwrap_or(&Value::Null);
        (shown_name(prefix, remote) == name).then_some((remote, schema))
    })
}

fn found(result: &Value) -> Lookup {
    match result.get("isError").and_then(Value::as_bool) {
        Some(true) => Lookup::Unsupported,
        _ => {
            let (value, text) = (result.get("structuredContent").cloned(), text_of(result));
            match value.or_else(|| serde_json::from_str(&text).ok()) {
                Some(value) => lookup::found(bare(&value), text),
                None if text.trim().is_empty() => Lookup::Absent,
                None => Lookup::Happened(text),
            }
        }
    }
}

/// Servers put a result that is no object into one, since the protocol wants one.
fn bare(value: &Value) -> &Value {
    let alone = value.as_object().filter(|members| members.len() == 1);
    alone.and_then(|members| members.get("result")).unwrap_or(value)
}

/// The text of a result, that of embedded resources included; a link is its address, and what is no text is named.
fn text_of(result: &Value) -> String {
    let blocks = result.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = blocks.iter().map(text_of_block).collect::<Vec<_>>().join("\n");
    match result.get("structuredContent") {
        Some(value) if text.is_empty() => value.to_string(),
        _ => text,
    }
}

fn text_of_block(block: &Value) -> String {
    let at = |pointer: &str| block.pointer(pointer).and_then(Value::as_str);
    let text = match at("/type") {
        Some("text") => at("/text").map(str::to_owned),
        Some("resource") => at("/resource/text").map(str::to_owned),
        Some("resource_link") => at("/uri").map(|uri| match at("/name") {
            Some(name) => format!("{name}: {uri}"),
            None => uri.to_owned(),
        }),
        _ => None,
    };
    text.unwrap_or_else(|| format!("({} left out)", at("/type").unwrap_or("something")))
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
        let (link, nothing) = (&*self.live.link, json!({}));
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

    #[test]
    fn an_embedded_resource_is_its_text_and_a_link_its_address() {
        let result = json!({ "content": [
            { "type": "resource", "resource": { "uri": "file:///a.md", "text": "# A" } },
            { "type": "resource_link", "uri": "file:///b.md", "name": "b" },
            { "type": "resource", "resource": { "uri": "file:///c.png", "blob": "..." } } ] });
        assert_eq!(text_of(&result), "# A\nb: file:///b.md\n(resource left out)");
    }
}
