//! One session of an MCP client: what it has read, and each call decided from that before it is made.
//!
//! The proxy sees results, not the conversation. So the user's words come from whoever starts it (`--request`) or from
//! a client that sends them (`_meta` of a call: `steersman/user`); without them every effect after untrusted input is a
//! question. A question is an elicitation where the client has them, else a refusal in words that a model understands.
//! Calls are made one after another, so each is decided with every earlier result folded in.
//!
//! What never happens here: no call is made that was not allowed or approved, and nothing a model says is a reason.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use steersman_core::{ContentHash, RequestId, ToolCall};
use steersman_engine::GuardMode;
use steersman_flow::{Decision, Edges, Guard, Lint, ProposedCall, Tool, Toolbox as Contracts, Witness};
use steersman_scope::{AllowAll, Child, Root, RunId, Runner, Scope, Status, ToolFault, ToolReply};
use steersman_tools::{Offer, Toolbox};

use super::wire::Client;
use crate::config::GuardConfig;

/// How long one call may take if its contract does not say.
const PATIENCE: Duration = Duration::from_secs(120);
/// The version of the protocol that is spoken with clients that ask for one that is not known.
const VERSION: &str = "2025-06-18";
const VERSIONS: &[&str] = &["2024-11-05", "2025-03-26", VERSION, "2025-11-25"];
/// Where a client may put the user's words.
const USER_META: &str = "/params/_meta/steersman~1user";
const REFUSED: &str = "[refused by the guard] the call was not made";

/// A session.
pub(super) struct Session {
    offers: Vec<Offer>,
    guard: Guard,
    mode: GuardMode,
    runner: Runner,
    root: Root,
    name: String,
    calls: u64,
    /// The user's words as they were last sent.
    said: String,
}

impl Session {
    /// Lists the tools and starts with nothing read. A tool whose listing is not the reviewed one is not among them.
    pub(super) async fn new(config: &GuardConfig, toolbox: &Toolbox, runner: Runner, request: Option<&str>) -> Self {
        let mut offers = Vec::new();
        for listing in toolbox.listings().await {
            if let Some(error) = &listing.error {
                anstream::eprintln!("tool server `{}` cannot be asked: {error}", listing.server);
            }
            for offer in listing.tools {
                if offer.standing.is_usable() {
                    offers.push(offer);
                } else {
                    anstream::eprintln!("`{}` is {} and not offered", offer.spec.name, offer.standing.word());
                }
            }
        }
        let known = offers.iter().filter(|offer| offer.has_contract).map(|offer| {
            let description = offer.spec.description.as_deref().unwrap_or_default();
            Tool::new(offer.contract.clone(), description, &schema(offer))
        });
        let guard = Guard::new(Arc::new(Contracts::new(known)), Arc::clone(&config.policy));
        let usable = offers.iter().map(|offer| (Arc::clone(&offer.tool), offer.limiter.clone()));
        let runner = runner.with(usable, Arc::new(AllowAll));
        let name = RequestId::new(u64::from(std::process::id())).to_string();
        let (root, said) = (Root::unlimited("mcp"), String::new());
        let mut session = Self { offers, guard, mode: config.mode, runner, root, name, calls: 0, said };
        session.hear(request.unwrap_or_default());
        session
    }

    /// What is wrong with an agent that has all these tools, where the guard decides.
    pub(super) fn trifecta(&self, config: &GuardConfig) -> Option<Lint> {
        let (known, unknown): (Vec<_>, Vec<_>) = self.offers.iter().partition(|offer| offer.has_contract);
        let mut edges = Edges::of(&config.policy, known.into_iter().map(|offer| &offer.contract));
        unknown.into_iter().for_each(|offer| edges.add_unknown(&offer.spec.name));
        edges.trifecta().filter(|_| self.mode == GuardMode::On)
    }

    /// Takes the user's words in, once each time they change.
    fn hear(&mut self, words: &str) {
        if !words.is_empty() && words != self.said {
            self.guard.push_user(words);
            words.clone_into(&mut self.said);
        }
    }

    /// Answers one message of the client.
    pub(super) async fn answer(&mut self, message: &Value, client: &mut Client) {
        let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
        let Some(id) = message.get("id").filter(|_| !method.is_empty()) else { return };
        let answer = match method {
            "initialize" => {
                client.elicits = message.pointer("/params/capabilities/elicitation").is_some();
                Ok(hello(message))
            }
            "ping" => Ok(json!({})),
            "tools/list" => Ok(json!({ "tools": self.offers.iter().map(listed).collect::<Vec<_>>() })),
            "tools/call" => self.call(message, client).await,
            other => Err((-32_601, format!("`{other}` is not served here"))),
        };
        client.reply(id, answer);
    }

    async fn call(&mut self, message: &Value, client: &mut Client) -> Result<Value, (i64, String)> {
        let tool = message.pointer("/params/name").and_then(Value::as_str).unwrap_or_default();
        let arguments = message.pointer("/params/arguments").cloned().unwrap_or_else(|| json!({}));
        let Some(offer) = self.offers.iter().find(|offer| offer.spec.name == tool) else {
            return Err((-32_602, format!("there is no tool `{tool}`")));
        };
        let limit = offer.contract.timeout().unwrap_or(PATIENCE);
        self.hear(message.pointer(USER_META).and_then(Value::as_str).unwrap_or_default());
        self.calls += 1;
        let id = format!("call-{}", self.calls);
        let call = ProposedCall::new(tool, arguments.clone());
        let allowed = self.decide(&call, client).await;
        self.guard.push_tool_call(&id, tool, &arguments);
        if let Err(why) = allowed {
            self.guard.push_refusal(&id);
            return Ok(text(&format!("{REFUSED}: {why}"), true));
        }
        let call = ToolCall { id: id.clone(), name: tool.to_owned(), arguments: arguments.to_string() };
        let reply = self.make(call, limit).await;
        let value = serde_json::from_str(&reply.text).unwrap_or_else(|_| Value::String(reply.text.clone()));
        self.guard.push_tool_result(&id, &value);
        let failed = !matches!(reply.status, Status::Done | Status::Replayed | Status::Duplicate { .. });
        Ok(text(&reply.text, failed))
    }

    /// Whether a call may be made; the reason, for the model, if not.
    async fn decide(&mut self, call: &ProposedCall, client: &mut Client) -> Result<(), String> {
        let decision = match self.mode {
            GuardMode::Off => Decision::Allow,
            GuardMode::On | GuardMode::Observe => self.guard.decide_one(call),
        };
        let Some(witness) = decision.witness() else { return Ok(()) };
        anstream::eprintln!("guard: {witness}");
        if self.mode == GuardMode::Observe {
            return Ok(());
        }
        let asks = matches!(decision, Decision::Ask(_));
        if asks && client.elicits && client.elicit(&question(call, witness)).await {
            self.guard.approve(call, witness);
            return Ok(());
        }
        let argument = witness.argument.as_ref().map(|name| format!("argument `{name}`: ")).unwrap_or_default();
        let hint = match (asks, client.elicits) {
            (true, true) => "the user did not approve it. Do not try it again",
            (true, false) => "only the user can allow it. Tell the user what you wanted to do and why",
            (false, _) => "nobody can allow it here. Do not try it again",
        };
        Err(format!("{argument}{}; {hint}", witness.rule))
    }

    /// Makes a call that is allowed: deadline, retries and the effect ledger as in an agent loop.
    async fn make(&self, call: ToolCall, limit: Duration) -> ToolReply {
        let step = call.id.clone();
        let lost = ToolReply {
            call_id: call.id.clone(),
            tool: call.name.clone(),
            status: Status::Unknown,
            text: "the call was cut off; it may have happened".to_owned(),
            effect: None,
            sends: 0,
        };
        let request = ContentHash::of(call.arguments.as_bytes());
        let run = self.runner.run(RunId::from(format!("mcp-{}-{step}", self.name).as_str()), request);
        let child = Child::<ToolReply, ToolFault>::graceful("call", move |scope: Scope| async move {
            let mut turn = run.tool_calls(&scope, &step, std::slice::from_ref(&call)).await;
            turn.replies.pop().ok_or_else(|| ToolFault::Lost("there was no reply".to_owned()))
        });
        let made = self.root.scope("call").deadline(limit).run(child).await;
        made.unwrap_or(lost)
    }

    /// Waits for what still runs.
    pub(super) async fn end(&self) {
        self.root.shutdown().await;
    }
}

fn schema(offer: &Offer) -> Value {
    let parameters = offer.spec.parameters.as_ref();
    parameters.and_then(|schema| serde_json::from_str(schema.get()).ok()).unwrap_or_else(|| json!({ "type": "object" }))
}

fn listed(offer: &Offer) -> Value {
    json!({ "name": offer.spec.name, "description": offer.spec.description, "inputSchema": schema(offer) })
}

fn hello(message: &Value) -> Value {
    let wanted = message.pointer("/params/protocolVersion").and_then(Value::as_str).unwrap_or(VERSION);
    json!({
        "protocolVersion": VERSIONS.iter().find(|version| **version == wanted).unwrap_or(&VERSION),
        "capabilities": { "tools": {} },
        "serverInfo": { "name": "steersman", "version": env!("CARGO_PKG_VERSION") },
    })
}

fn text(text: &str, failed: bool) -> Value {
    json!({ "content": [{ "type": "text", "text": text }], "isError": failed })
}

/// What a person is shown: the true arguments, which of them is in doubt, and where it came from.
fn question(call: &ProposedCall, witness: &Witness) -> String {
    let arguments = call.arguments.to_string();
    let shown: String = arguments.chars().take(2000).collect();
    let cut = if shown.len() < arguments.len() { " (cut)" } else { "" };
    format!("Call `{}` with {shown}{cut}?\nIn doubt: {witness}.", call.tool)
}
