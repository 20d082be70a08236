//! The guard in the request's path: step 1 labels the conversation, step 8 decides on the tool calls of the answer.
//!
//! [`GuardRoom::label`] folds the transcript once for each request; a [`Gate`] then stands between the provider's
//! events and the client's, holds tool calls until they are decided, and takes foreign links out of the answer's text.
//! It is the same machine for answers that stream, that are held back whole, and that come at once.
//!
//! What never happens here: no decision of its own (`steersman-flow` decides), no I/O, and no text of a model's taken
//! as a reason.

mod approvals;
mod fold;
mod folds;
mod gate;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use steersman_core::{Code, ContentHash, Contract};
use steersman_flow::{Edges, Guard, Lint, PlanSlot, Policy, ProposedCall, Tool, Toolbox};
use steersman_wire::Unseen;
use tokio::runtime::RuntimeFlavor;

use crate::engine::Engine;
use crate::prepare::Prepared;
use crate::reader::Handles;
use crate::refusal::Refusal;
use crate::reply::Inbound;

use folds::Folds;

pub use approvals::{Approvals, Asked, Granted};
pub(crate) use fold::quoted;
pub(crate) use gate::Gate;
pub(crate) use report::Report;

/// Whether the guard decides for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GuardMode {
    /// It does nothing.
    #[default]
    Off,
    /// It decides and records, and changes nothing.
    Observe,
    /// It decides, and only what is allowed passes.
    On,
}

impl GuardMode {
    /// Its word in configurations, headers and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::On => "on",
        }
    }
}

/// What becomes of a call that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDeny {
    /// The reason stands in its place, as text that the model reads on its next turn.
    #[default]
    Refuse,
    /// It is taken out.
    Strip,
    /// The whole answer is refused.
    Error,
}

/// Who writes the messages of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum History {
    /// The application, which keeps its own transcript.
    #[default]
    Application,
    /// End users: they could write a tool's result themselves, so none is trusted.
    EndUsers,
}

/// What the operator decided about the guard.
#[derive(Debug, Clone, Default)]
pub struct GuardSettings {
    /// For tasks that say nothing else.
    pub mode: GuardMode,
    /// By the name of the task.
    pub tasks: BTreeMap<String, GuardMode>,
    /// What becomes of a call that is not allowed.
    pub on_deny: OnDeny,
    /// Who writes the messages.
    pub history: History,
    /// Contracts, rules, grants, corpora, hosts.
    pub policy: Arc<Policy>,
}

/// The guard of an engine: its settings, and the tools it has read before.
#[derive(Default)]
pub(crate) struct GuardRoom {
    settings: GuardSettings,
    toolboxes: Mutex<BTreeMap<ContentHash, Offered>>,
    folds: Folds,
}

/// A list of tools as it was read.
#[derive(Clone)]
struct Offered {
    /// The hash of what the request says of them.
    said: ContentHash,
    tools: Arc<Toolbox>,
    /// Why no agent may hold all of them.
    trifecta: Option<Arc<str>>,
}

/// The labelled conversation of one request.
pub(crate) struct Guarded {
    /// The folded transcript.
    pub(crate) guard: Guard,
    /// `On` or `Observe`.
    pub(crate) mode: GuardMode,
    /// What becomes of a call that is not allowed.
    pub(crate) on_deny: OnDeny,
    /// Tools with a contract: only their names are repeated in a refusal.
    policy: Arc<Policy>,
    /// Tools that the gateway runs itself: their calls pass the gate and are judged when they are run.
    pub(crate) deferred: BTreeSet<String>,
    /// What the model's handles stand for: a call is judged with its true arguments.
    pub(crate) handles: Handles,
    /// The slot of a plan that this step's call fills; `None` where the model chose it.
    pub(crate) slot: Option<PlanSlot>,
    /// The conversation at each word of its user.
    conversations: Vec<ContentHash>,
    asking: Option<approvals::Asking>,
    /// Calls that the application says a person approved.
    approved: Vec<ContentHash>,
    report: Mutex<Option<Report>>,
}

/// More lists of tools than this in use at once are read anew now and then.
const MAX_TOOLBOXES: usize = 256;

impl GuardRoom {
    pub(crate) fn new(settings: GuardSettings) -> Self {
        Self { settings, toolboxes: Mutex::default(), folds: Folds::default() }
    }

    pub(crate) const fn mode(&self) -> GuardMode {
        self.settings.mode
    }

    /// The mode for a task.
    pub(crate) fn mode_of(&self, task: &str) -> GuardMode {
        self.settings.tasks.get(task).copied().unwrap_or(self.settings.mode)
    }

    /// The operator's contract of a tool, or that of one of which nobody said anything.
    pub(crate) fn contract(&self, tool: &str) -> Contract {
        let known = self.settings.policy.contracts.iter().find(|contract| contract.name == tool);
        known.cloned().unwrap_or_else(|| Contract::unknown(tool))
    }

    /// Whether an agent of this task may have these tools, of which a contract is known or not.
    ///
    /// # Errors
    /// It would hold private data, untrusted input and an exit that nobody approves.
    pub(crate) fn admit_agent<'a>(&self, task: &str, tools: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
        if self.mode_of(task) != GuardMode::On {
            return Ok(());
        }
        match self.trifecta(tools) {
            Some(trifecta) => Err(Refusal::new(Code::GUARD_DENIED, format!("the run was not begun: {trifecta}"))),
            None => Ok(()),
        }
    }

    /// What an agent with these tools must not hold all at once, if it does.
    fn trifecta<'a>(&self, tools: impl Iterator<Item = &'a str>) -> Option<Lint> {
        let policy = &self.settings.policy;
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for name in tools {
            match policy.contracts.iter().find(|contract| contract.name == name) {
                Some(contract) => known.push(contract),
                None => unknown.push(name),
            }
        }
        let mut edges = Edges::of(policy, known);
        unknown.into_iter().for_each(|name| edges.add_unknown(name));
        edges.trifecta()
    }

    /// Step 1: labels every value of the conversation. `None` where the guard is off for the task. `marked` is the
    /// request as its client sent it, into which its marks point; steps of a run may stand between its messages by now.
    /// `of_key` is who writes the messages of its key.
    ///
    /// # Errors
    /// A request that cannot be read whole, that marks as quoted what is not there, or whose tools together are the
    /// trifecta: the guard fails closed.
    fn label(
        &self,
        inbound: &Inbound,
        marked: &Inbound,
        prepared: &Prepared,
        of_key: History,
    ) -> Result<Option<Arc<Guarded>>, Refusal> {
        let mode = self.mode_of(prepared.task.as_str());
        if mode == GuardMode::Off {
            return Ok(None);
        }
        let body = inbound.whole.as_ref().unwrap_or(&inbound.body);
        let request = match inbound.dialect.decode_request(body) {
            Ok(request) => request,
            // Whoever only observes leaves the complaint to the provider.
            Err(_) if mode == GuardMode::Observe => return Ok(None),
            Err(error) => return Err(Refusal::from(error)),
        };
        let quoted = fold::quoted(marked)?;
        let unseen = steersman_wire::unseen(inbound.dialect.name(), body);
        let Offered { said, tools, trifecta } = self.toolbox(&request.tools, &unseen.tools);
        if let Some(trifecta) = trifecta.filter(|_| mode == GuardMode::On) {
            return Err(Refusal::new(Code::GUARD_DENIED, format!("the model was not asked: {trifecta}")));
        }
        let history = if of_key == History::EndUsers { of_key } else { self.settings.history };
        let mut conversation = self.added(&unseen);
        conversation.extend(fold::conversation(&request, &quoted, history));
        fold::all_marks_count(&quoted, &conversation)?;
        let new = || Guard::new(tools, Arc::clone(&self.settings.policy));
        let mut guard = beside_others(body.len(), || fold::fold(&self.folds, said, new, &conversation));
        let approved = if history == History::Application { fold::approvals(inbound)? } else { Vec::new() };
        approved.iter().for_each(|hash| guard.approve_call(*hash));
        Ok(Some(Arc::new(Guarded {
            guard,
            mode,
            on_deny: self.settings.on_deny,
            policy: Arc::clone(&self.settings.policy),
            deferred: BTreeSet::new(),
            handles: Handles::default(),
            slot: None,
            conversations: approvals::conversations(&request, prepared.task.as_str(), inbound),
            asking: None,
            approved,
            report: Mutex::default(),
        })))
    }

    /// What the provider may add to a conversation, before anything of it: what nobody sees is untrusted, unless the
    /// policy trusts it by its name.
    fn added<'a>(&self, unseen: &'a Unseen) -> Vec<fold::Said<'a>> {
        let tools = unseen.tools.iter().map(String::as_str).filter(|tool| self.contract(tool).untrusted);
        unseen.state.iter().copied().chain(tools).map(|name| fold::Said::Passage(name, "")).collect()
    }

    /// The operator's contracts, with what the request says of each tool; `provided` are tools that the provider runs.
    /// Kept by the hash of what the request says.
    fn toolbox(&self, offered: &[steersman_core::ToolSpec], provided: &[String]) -> Offered {
        let mut said = provided.join("\0").into_bytes();
        for tool in offered {
            let parameters = tool.parameters.as_ref().map_or("", |schema| schema.get());
            for text in [&tool.name, tool.description.as_deref().unwrap_or_default(), parameters] {
                said.extend_from_slice(&text.len().to_le_bytes());
                said.extend_from_slice(text.as_bytes());
            }
        }
        let hash = ContentHash::of(&said);
        let mut kept = self.toolboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(&hash) {
            return known.clone();
        }
        let tool = |contract: &steersman_core::Contract| {
            let offered = offered.iter().find(|tool| tool.name == contract.name);
            let description = offered.and_then(|tool| tool.description.as_deref()).unwrap_or_default();
            let parameters = offered.and_then(|tool| tool.parameters.as_ref());
            let parameters = parameters.and_then(|schema| serde_json::from_str(schema.get()).ok()).unwrap_or_default();
            Tool::new(contract.clone(), description, &parameters)
        };
        let tools = Arc::new(Toolbox::new(self.settings.policy.contracts.iter().map(tool)));
        let names = offered.iter().map(|tool| tool.name.as_str()).chain(provided.iter().map(String::as_str));
        let trifecta = self.trifecta(names).map(|lint| lint.to_string().into());
        let toolbox = Offered { said: hash, tools, trifecta };
        if kept.len() >= MAX_TOOLBOXES {
            kept.clear();
        }
        kept.insert(hash, toolbox.clone());
        toolbox
    }
}

impl Engine {
    /// Step 1, as [`GuardRoom::label`] says it, for a request of this key.
    ///
    /// # Errors
    /// Those of the guard.
    pub(crate) fn label(
        &self,
        inbound: &Inbound,
        marked: &Inbound,
        prepared: &Prepared,
    ) -> Result<Option<Arc<Guarded>>, Refusal> {
        self.guard.label(inbound, marked, prepared, self.admit.history_of(marked.credential.as_ref()))
    }
}

impl Guarded {
    /// A call as it is decided on: with what its handles stand for, and with its slot. Its arguments are a JSON object
    /// (`json`), or a text of whatever form.
    pub(crate) fn proposed(&self, tool: &str, arguments: &str, json: bool) -> ProposedCall {
        let free = || ProposedCall::new(tool, Value::String(arguments.to_owned()));
        let mut call = if json { ProposedCall::written(tool, arguments) } else { free() };
        self.handles.fill_value(&mut call.arguments);
        call.in_slot(self.slot.clone())
    }

    /// Whether a person allowed this very call.
    fn is_granted(&self, call: ContentHash) -> bool {
        self.approved.contains(&call) || self.asking.as_ref().is_some_and(|asking| asking.is_granted(call))
    }

    /// Whether answers must pass through the gate event by event.
    pub(crate) fn rewrites(&self) -> bool {
        self.mode == GuardMode::On
    }

    /// Whether text may go out while the answer comes: links are judged word by word, and no call of this answer waits
    /// for the gate, since each is of a tool that the gateway runs. Where one refused call refuses the answer, nothing
    /// may.
    pub(crate) fn lets_text_flow(&self, tools: &[steersman_core::ToolSpec]) -> bool {
        self.on_deny != OnDeny::Error && tools.iter().all(|tool| self.deferred.contains(&tool.name))
    }

    /// The value of `x-steersman-guard`: what was decided, or that it will be while the answer streams.
    pub(crate) fn header(&self) -> String {
        self.report().map_or_else(|| format!("{}; streaming", self.mode.name()), |report| report.header())
    }

    /// What was decided, once the gate is through.
    pub(crate) fn report(&self) -> Option<Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, report: Report) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }

    /// A tool's name as it may be repeated to a reader: one that a contract has, since others are the model's own
    /// words.
    fn shown<'a>(&self, tool: &'a str) -> &'a str {
        if self.policy.contracts.iter().any(|contract| contract.name == tool) {
            tool
        } else {
            "(a tool without a contract)"
        }
    }
}

/// Works on a body of this many bytes. What takes long does not keep other requests waiting, where the runtime can do
/// that.
fn beside_others<T>(length: usize, work: impl FnOnce() -> T) -> T {
    const LONG: usize = 1 << 18;
    let many =
        || tokio::runtime::Handle::try_current().is_ok_and(|now| now.runtime_flavor() == RuntimeFlavor::MultiThread);
    if length > LONG && many() { tokio::task::block_in_place(work) } else { work() }
}

/// The refusal of a whole answer, where the operator wants one.
pub(crate) fn denied(report: &Report) -> Refusal {
    Refusal::new(Code::GUARD_DENIED, report.reasons())
}
