//! One session of an MCP client: what it has read, and each call decided from that before it is made.
//!
//! The proxy sees results, not the conversation. So the user's words come from whoever starts it (`--request`) or from
//! a client that sends them (`_meta` of a call: `steersman/user`); without them every effect after untrusted input is a
//! question. A question is an elicitation where the client has them, else a refusal in words that a model understands.
//! Calls are made side by side. Each is decided when it comes, with every result folded in that the client has been
//! given: what a model has not read cannot have moved it.
//!
//! What never happens here: no call is made that was not allowed or approved, no result is given that is not folded in,
//! and nothing a model says is a reason.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use steersman_core::{BoxFuture, ContentHash, Effect, Part, RequestId, ToolCall};
use steersman_engine::GuardMode;
use steersman_flow::{Decision, Edges, Guard, Lint, ProposedCall, Tool, Toolbox as Contracts, Witness};
use steersman_scope::{AllowAll, Child, Root, RunId, Runner, Scope, Status, ToolFault, ToolReply};
use steersman_tools::{Offer, Toolbox};

use tokio_util::sync::CancellationToken;

use super::super::shown::shown;
use super::wire::{Client, is_yes};
use crate::config::GuardConfig;

/// How long one call may take if its contract does not say.
const PATIENCE: Duration = Duration::from_secs(120);
/// The version of the protocol that is spoken with clients that ask for one that is not known.
const VERSION: &str = "2025-06-18";
const VERSIONS: &[&str] = &["2024-11-05", "2025-03-26", VERSION, "2025-11-25"];
/// Where a client may put the user's words.
const USER_META: &str = "/params/_meta/steersman~1user";
/// Calls that are made, and calls that wait for a word, at once.
const MOST_CALLS: usize = 64;
const REFUSED: &str = "[refused by the guard] the call was not made";

/// A session.
pub(super) struct Session {
    offers: Vec<Offer>,
    guard: Guard,
    mode: GuardMode,
    runner: Runner,
    root: Arc<Root>,
    name: String,
    calls: u64,
    /// The user's words as they were last sent.
    said: String,
    /// Whether the client can ask its user a question.
    elicits: bool,
    /// Calls under way.
    flying: FuturesUnordered<BoxFuture<'static, Landed>>,
    /// What ends each of them, by the client's id of the request.
    stops: BTreeMap<String, CancellationToken>,
    /// Calls that wait for the user's word, by the id of the question.
    asked: BTreeMap<String, Asked>,
}

/// A call that a client wants made.
struct Wanted {
    /// The client's id of the request.
    request: Value,
    call: ProposedCall,
    limit: Duration,
}

/// A call that waits for the user's word.
struct Asked {
    wanted: Wanted,
    witness: Witness,
}

/// A call that has ended.
pub(super) struct Landed {
    request: Value,
    /// Its name before the guard.
    id: String,
    /// `None` where the client has called it off.
    reply: Option<ToolReply>,
}

/// What becomes of a call.
enum Verdict {
    Make,
    Ask(Witness),
    Refuse(String),
}

impl Session {
    /// Lists the tools and starts with nothing read. A tool whose listing is not the reviewed one is not among them.
    pub(super) async fn new(config: &GuardConfig, toolbox: &Toolbox, runner: Runner, request: Option<&str>) -> Self {
        let mut offers = Vec::new();
        for listing in toolbox.listings().await {
            if let Some(error) = &listing.error {
                anstream::eprintln!("tool server `{}` cannot be asked: {}", listing.server, shown(error));
            }
            for offer in listing.tools {
                if offer.standing.is_usable() {
                    offers.push(offer);
                } else {
                    let name = shown(&offer.spec.name);
                    anstream::eprintln!("`{name}` is not offered: {}", offer.standing.word());
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
        let mut session = Self {
            offers,
            guard,
            mode: config.mode,
            runner,
            root: Arc::new(Root::unlimited("mcp")),
            name,
            calls: 0,
            said: String::new(),
            elicits: false,
            flying: FuturesUnordered::new(),
            stops: BTreeMap::new(),
            asked: BTreeMap::new(),
        };
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

    /// Takes one message of the client.
    pub(super) fn answer(&mut self, message: &Value, client: &mut Client) {
        let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
        let id = message.get("id");
        let answer = match (method, id) {
            ("notifications/cancelled", _) => {
                return self.call_off(message.pointer("/params/requestId").unwrap_or(&Value::Null), client);
            }
            (_, None) => return,
            ("", Some(question)) => return self.hear_word(question, message, client),
            ("tools/call", Some(id)) => match self.call(id, message, client) {
                Some(answer) => answer,
                None => return,
            },
            ("initialize", _) => {
                self.elicits = message.pointer("/params/capabilities/elicitation").is_some();
                Ok(hello(message))
            }
            ("ping", _) => Ok(json!({})),
            ("tools/list", _) => Ok(json!({ "tools": self.offers.iter().map(listed).collect::<Vec<_>>() })),
            (other, _) => Err((-32_601, format!("`{other}` is not served here"))),
        };
        client.reply(id.unwrap_or(&Value::Null), answer);
    }

    /// Decides on a call; its answer, where that is known at once.
    fn call(&mut self, request: &Value, message: &Value, client: &mut Client) -> Option<Result<Value, (i64, String)>> {
        let tool = message.pointer("/params/name").and_then(Value::as_str).unwrap_or_default();
        let arguments = message.pointer("/params/arguments").cloned().unwrap_or_else(|| json!({}));
        let Some(offer) = self.offers.iter().find(|offer| offer.spec.name == tool) else {
            return Some(Err((-32_602, format!("there is no tool `{tool}`"))));
        };
        if self.flying.len() + self.asked.len() >= MOST_CALLS {
            return Some(Err((-32_000, format!("{MOST_CALLS} calls are under way; wait for one of them"))));
        }
        let limit = offer.contract.timeout().unwrap_or(PATIENCE);
        self.hear(message.pointer(USER_META).and_then(Value::as_str).unwrap_or_default());
        let wanted = Wanted { request: request.clone(), call: ProposedCall::new(tool, arguments), limit };
        match self.decide(&wanted.call) {
            Verdict::Make => self.make(wanted),
            Verdict::Ask(witness) => {
                let question = client.elicit(&question(&wanted.call, &witness));
                self.asked.insert(question, Asked { wanted, witness });
            }
            Verdict::Refuse(why) => return Some(Ok(self.refuse(&wanted.call, &why))),
        }
        None
    }

    /// Whether a call may be made.
    fn decide(&self, call: &ProposedCall) -> Verdict {
        let decision = match self.mode {
            GuardMode::Off => Decision::Allow,
            GuardMode::On | GuardMode::Observe => self.guard.decide_one(call),
        };
        let Some(witness) = decision.witness() else { return Verdict::Make };
        anstream::eprintln!("guard: {}", shown(&witness.to_string()));
        match (self.mode, matches!(decision, Decision::Ask(_)), self.elicits) {
            (GuardMode::Observe, ..) => Verdict::Make,
            (_, true, true) => Verdict::Ask(witness.clone()),
            (_, true, false) => Verdict::Refuse(reason(
                witness,
                "only the user can allow it. Tell the user what you wanted to do and why",
            )),
            (_, false, _) => Verdict::Refuse(reason(witness, "nobody can allow it here. Do not try it again")),
        }
    }

    /// The user's word on a call.
    fn hear_word(&mut self, question: &Value, answer: &Value, client: &Client) {
        let Some(Asked { wanted, witness }) = question.as_str().and_then(|question| self.asked.remove(question)) else {
            return;
        };
        if is_yes(answer) {
            self.guard.approve(&wanted.call, &witness);
            return self.make(wanted);
        }
        let why = reason(&witness, "the user did not approve it. Do not try it again");
        let refused = self.refuse(&wanted.call, &why);
        client.reply(&wanted.request, Ok(refused));
    }

    /// The client does not want an answer any more: what waits is not made, and what is made is cancelled as far as
    /// its tool can.
    fn call_off(&mut self, request: &Value, client: &Client) {
        if let Some(stop) = self.stops.get(&request.to_string()) {
            stop.cancel();
        }
        let waits = self.asked.iter().find(|(_, asked)| asked.wanted.request == *request);
        if let Some(question) = waits.map(|(question, _)| question.clone()) {
            self.asked.remove(&question);
            client.withdraw(&question);
        }
    }

    /// Takes a call down before the guard; gives its name there.
    fn note(&mut self, call: &ProposedCall) -> String {
        self.calls += 1;
        let id = format!("call-{}", self.calls);
        self.guard.push_tool_call(&id, &call.tool, &call.arguments);
        id
    }

    fn refuse(&mut self, call: &ProposedCall, why: &str) -> Value {
        let id = self.note(call);
        self.guard.push_refusal(&id);
        text(&format!("{REFUSED}: {why}"), true)
    }

    /// Makes a call that is allowed: deadline, retries and the effect ledger as in an agent loop.
    fn make(&mut self, wanted: Wanted) {
        let id = self.note(&wanted.call);
        let Wanted { request, call, limit } = wanted;
        let call = ToolCall { id: id.clone(), name: call.tool, arguments: call.arguments.to_string() };
        let lost = ToolReply {
            call_id: id.clone(),
            tool: call.name.clone(),
            status: Status::Unknown,
            text: "the call was cut off".to_owned(),
            effect: None,
            sends: 0,
        };
        let hash = ContentHash::of(call.arguments.as_bytes());
        let run = self.runner.run(RunId::from(format!("mcp-{}-{id}", self.name).as_str()), hash);
        let step = id.clone();
        let child = Child::<ToolReply, ToolFault>::graceful("call", move |scope: Scope| async move {
            let mut turn = run.tool_calls(&scope, &step, std::slice::from_ref(&call)).await;
            turn.replies.pop().ok_or_else(|| ToolFault::Lost("there was no reply".to_owned()))
        });
        let (root, stop) = (Arc::clone(&self.root), CancellationToken::new());
        self.stops.insert(request.to_string(), stop.clone());
        self.flying.push(Box::pin(async move {
            let made = root.scope("call").deadline(limit).run(child);
            let reply = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                made = made => Some(made.unwrap_or(lost)),
            };
            Landed { request, id, reply }
        }));
    }

    /// The next call that ends; `None` if none is under way.
    pub(super) async fn next(&mut self) -> Option<Landed> {
        self.flying.next().await
    }

    /// Folds a result in, then gives it to the client.
    pub(super) fn tell(&mut self, landed: Landed, client: &Client) {
        let Landed { request, id, reply } = landed;
        self.stops.remove(&request.to_string());
        let Some(reply) = reply else { return };
        let value = serde_json::from_str(&reply.text).unwrap_or_else(|_| Value::String(reply.text.clone()));
        self.guard.push_tool_result(&id, &value);
        let result = reply.to_result();
        let words: String =
            result.parts.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { "" }).collect();
        client.reply(&request, Ok(text(&words, result.is_error)));
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

/// A tool for the client. Its hints are the operator's words; those of its server are nobody's.
fn listed(offer: &Offer) -> Value {
    let effect = offer.contract.effect;
    let hints = json!({ "readOnlyHint": effect == Effect::Read, "destructiveHint": effect == Effect::Irreversible });
    let members = [
        ("name", Some(json!(offer.spec.name))),
        ("title", offer.title.as_ref().map(|title| json!(title))),
        ("description", Some(json!(offer.spec.description))),
        ("inputSchema", Some(schema(offer))),
        ("annotations", offer.has_contract.then_some(hints)),
    ];
    members.into_iter().filter_map(|(name, member)| Some((name.to_owned(), member?))).collect()
}

/// Why a call is not made, and what to do about that.
fn reason(witness: &Witness, hint: &str) -> String {
    let argument = witness.argument.as_ref().map(|name| format!("argument `{name}`: ")).unwrap_or_default();
    format!("{argument}{}; {hint}", witness.rule)
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
    let arguments = shown(&call.arguments.to_string());
    let first: String = arguments.chars().take(2000).collect();
    let cut = if first.len() < arguments.len() { " (cut)" } else { "" };
    format!("Call `{}` with {first}{cut}?\nIn doubt: {witness}.", call.tool)
}
