//! Running the tool calls of a model's turn: n calls in, n replies out, in request order, in parallel, inside a scope.
//!
//! Reads are retried as their contract allows and pay nothing for durability. Writes go through the effect ledger
//! ([`writes`](crate::writes)). A call that cannot be made is a reply too: the model's turn stays well-formed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use steersman_core::{ContentHash, Effect, ToolCall};
use tokio::sync::OnceCell;

use crate::authorise::{AllowAll, Authorise, Proposed, Verdict};
use crate::canonical::canonical_arguments;
use crate::child::Child;
use crate::claims::Claims;
use crate::dice::Dice;
use crate::failpoint::Probe;
use crate::failure::{CallId, CleanupFault, Failure, Fault};
use crate::key::{EffectKey, RunId, Slot};
use crate::ledger::{Ledger, LedgerError, RunOpened};
use crate::limiter::{Admission, Limiter};
use crate::meter::Meter;
use crate::repeats::Repeats;
use crate::reply::{Refusal, Status, ToolReply};
use crate::retry::{Backoff, RetryBudget};
use crate::scope::Scope;
use crate::sync::{Mutex, lock};
use crate::tool::{Dispatch, Tool, ToolFault};
use crate::writes::Flight;

/// What becomes of a write in flight when its scope is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCancel {
    /// It has half of the grace period to end; then it is `Unknown`.
    Finish,
    /// It is given up at once and `Unknown`.
    Abandon,
}

/// How a runner works.
#[derive(Clone)]
pub struct RunnerOptions {
    /// The time-out of tools whose contract names none.
    pub timeout: Duration,
    /// Waits between tries.
    pub backoff: Backoff,
    /// The share of calls that may be retries.
    pub retry_budget: Arc<RetryBudget>,
    /// Output beyond this is cut.
    pub max_output_bytes: usize,
    /// How often an unknown effect is tried to be resolved before it is left to a person.
    pub reconcile_tries: u32,
    /// How long after a lost answer a look-up that finds nothing is not yet believed: longer than any request may
    /// linger between here and the tool.
    pub absence_after: Duration,
    /// How often the same read may be made in one run.
    pub max_identical_reads: usize,
    /// What becomes of writes in flight on cancellation.
    pub on_cancel: OnCancel,
    /// Seed of the jitter.
    pub seed: u64,
    /// Whoever watches the fail points.
    pub probe: Option<Arc<dyn Probe>>,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            backoff: Backoff::default(),
            retry_budget: Arc::new(RetryBudget::new(20, 10)),
            max_output_bytes: 256 << 10,
            reconcile_tries: 3,
            absence_after: Duration::from_secs(5),
            max_identical_reads: 3,
            on_cancel: OnCancel::Finish,
            seed: 0,
            probe: None,
        }
    }
}

pub(crate) struct Entry {
    pub(crate) tool: Arc<dyn Tool>,
    pub(crate) limiter: Option<Limiter>,
}

struct Inner {
    tools: BTreeMap<String, Arc<Entry>>,
    ledger: Arc<dyn Ledger>,
    authorise: Arc<dyn Authorise>,
    claims: Claims,
    dice: Arc<Dice>,
    options: RunnerOptions,
}

/// Runs tool calls. One for each ledger and process; cheap to clone.
#[derive(Clone)]
pub struct Runner(Arc<Inner>);

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("tools", &self.0.tools.keys()).finish_non_exhaustive()
    }
}

/// The parts of a runner.
pub struct RunnerBuilder {
    tools: BTreeMap<String, Arc<Entry>>,
    ledger: Arc<dyn Ledger>,
    authorise: Arc<dyn Authorise>,
    options: RunnerOptions,
}

impl fmt::Debug for RunnerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunnerBuilder").field("tools", &self.tools.keys()).finish_non_exhaustive()
    }
}

impl RunnerBuilder {
    /// Adds a tool under its contract's name, with the limiter that it shares with others, if any.
    #[must_use]
    pub fn tool(mut self, tool: Arc<dyn Tool>, limiter: Option<Limiter>) -> Self {
        self.tools.insert(tool.contract().name.clone(), Arc::new(Entry { tool, limiter }));
        self
    }

    /// Sets who judges calls. Without this every call is allowed.
    #[must_use]
    pub fn authorise(mut self, authorise: Arc<dyn Authorise>) -> Self {
        self.authorise = authorise;
        self
    }

    /// Sets how it works.
    #[must_use]
    pub fn options(mut self, options: RunnerOptions) -> Self {
        self.options = options;
        self
    }

    /// The runner.
    #[must_use]
    pub fn build(self) -> Runner {
        let Self { tools, ledger, authorise, options } = self;
        let dice = Arc::new(Dice::seeded(options.seed));
        Runner(Arc::new(Inner { tools, ledger, authorise, claims: Claims::default(), dice, options }))
    }
}

/// Why a run could not be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RunError {
    /// The run's id is taken by another request.
    #[error("this key was used for another request")]
    OtherRequest,
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What came of a turn: one reply for each call, and the clean-ups that failed.
#[derive(Debug)]
pub struct Turn {
    /// One reply for each call, in request order.
    pub replies: Vec<ToolReply>,
    /// Clean-ups of tools that failed.
    pub cleanup: Vec<CleanupFault>,
}

/// One call, read and found good.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) call: ToolCall,
    pub(crate) slot: Slot,
    pub(crate) entry: Arc<Entry>,
    pub(crate) arguments: Value,
    pub(crate) canonical: String,
    /// The revision that the verdict was made at.
    pub(crate) revision: u64,
    pub(crate) verdict: Verdict,
}

impl Prepared {
    pub(crate) fn twin(&self) -> EffectKey {
        EffectKey::twin(&self.slot.run, &self.call.name, &self.canonical)
    }

    pub(crate) fn reply(&self, status: Status, text: impl Into<String>) -> ToolReply {
        reply(&self.call, status, text.into())
    }

    pub(crate) fn refuse(&self, refusal: Refusal) -> ToolReply {
        refused(&self.call, refusal)
    }

    pub(crate) fn dispatch(&self, scope: &Scope, key: Option<EffectKey>) -> Dispatch {
        Dispatch { key, arguments: self.arguments.clone(), scope: scope.clone() }
    }
}

fn reply(call: &ToolCall, status: Status, text: String) -> ToolReply {
    let (call_id, tool) = (call.id.clone(), call.name.clone());
    ToolReply { call_id, tool, status, text, effect: None, sends: 0 }
}

fn refused(call: &ToolCall, refusal: Refusal) -> ToolReply {
    let text = refusal.to_string();
    reply(call, Status::Refused(refusal), text)
}

impl Runner {
    /// A runner over this ledger, without tools so far.
    pub fn over(ledger: Arc<dyn Ledger>) -> RunnerBuilder {
        let (tools, authorise) = (BTreeMap::new(), Arc::new(AllowAll));
        RunnerBuilder { tools, ledger, authorise, options: RunnerOptions::default() }
    }

    /// A run of an agent. `request` is the hash of what the client asked for. It is written down with its first write.
    #[must_use]
    pub fn run(&self, id: RunId, request: ContentHash) -> AgentRun {
        let state = RunState { id, request, opened: OnceCell::new(), repeats: Mutex::default() };
        AgentRun { runner: self.clone(), state: Arc::new(state) }
    }

    /// The same runner (its ledger, its claims, its options) with other tools and another judge: for one request.
    #[must_use]
    pub fn with(
        &self,
        tools: impl IntoIterator<Item = (Arc<dyn Tool>, Option<Limiter>)>,
        authorise: Arc<dyn Authorise>,
    ) -> Self {
        let entry =
            |(tool, limiter): (Arc<dyn Tool>, _)| (tool.contract().name.clone(), Arc::new(Entry { tool, limiter }));
        let Inner { ledger, claims, dice, options, .. } = &*self.0;
        Self(Arc::new(Inner {
            tools: tools.into_iter().map(entry).collect(),
            ledger: Arc::clone(ledger),
            authorise,
            claims: claims.clone(),
            dice: Arc::clone(dice),
            options: options.clone(),
        }))
    }

    pub(crate) fn options(&self) -> &RunnerOptions {
        &self.0.options
    }

    pub(crate) fn dice(&self) -> &Dice {
        &self.0.dice
    }

    pub(crate) fn ledger(&self) -> &dyn Ledger {
        &*self.0.ledger
    }

    pub(crate) fn shared_ledger(&self) -> Arc<dyn Ledger> {
        Arc::clone(&self.0.ledger)
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.0.claims
    }

    pub(crate) fn authorise(&self) -> &dyn Authorise {
        &*self.0.authorise
    }

    pub(crate) fn entry(&self, tool: &str) -> Option<&Arc<Entry>> {
        self.0.tools.get(tool)
    }

    /// Makes a read, as often as its contract allows.
    async fn read(self, scope: Scope, call: Prepared) -> ToolReply {
        let Entry { tool, limiter } = &*call.entry;
        let meter = match Meter::reserve(&scope, tool.contract()) {
            Ok(meter) => meter,
            Err(over) => return call.refuse(Refusal::OverBudget(over)),
        };
        let attempts = tool.contract().attempts.max(1);
        self.options().retry_budget.earn();
        let mut sends = 0;
        loop {
            let admission = admit(limiter.as_ref()).await;
            sends += 1;
            let ended = self.call_once(&**tool, call.dispatch(&scope, None), &meter, OnCancel::Abandon).await;
            let retry_after = tell(limiter.as_ref(), &ended);
            drop(admission);
            let fault = match ended {
                Ok(text) => return ToolReply { sends, ..call.reply(Status::Done, text) },
                Err(fault) => fault,
            };
            let again = sends < attempts && !matches!(fault, ToolFault::Failed(_));
            let retry = again && self.options().retry_budget.spend();
            if !(retry && self.wait_to_retry(&scope, sends - 1, retry_after).await) {
                let timed_out = matches!(fault, ToolFault::TimedOut(_));
                let status = if timed_out { Status::TimedOut } else { Status::Failed };
                return ToolReply { sends, ..call.reply(status, fault.to_string()) };
            }
        }
    }
}

/// Waits for a place, where there is a limiter.
pub(crate) async fn admit(limiter: Option<&Limiter>) -> Option<Admission> {
    match limiter {
        Some(limiter) => Some(limiter.admit(0).await),
        None => None,
    }
}

/// Tells the limiter how a call went; returns how long the tool asks to wait.
pub(crate) fn tell(limiter: Option<&Limiter>, ended: &Result<String, ToolFault>) -> Option<Duration> {
    let retry_after = match ended {
        Err(ToolFault::Throttled { retry_after }) => *retry_after,
        _ => None,
    };
    match (limiter, ended) {
        (Some(limiter), Ok(_)) => limiter.went_well(),
        (Some(limiter), Err(ToolFault::Throttled { .. })) => limiter.push_back(retry_after),
        _ => {}
    }
    retry_after
}

/// What all calls of a run share.
pub(crate) struct RunState {
    pub(crate) id: RunId,
    request: ContentHash,
    opened: OnceCell<RunOpened>,
    repeats: Mutex<Repeats>,
}

impl RunState {
    /// Writes the run down, once.
    pub(crate) async fn open(&self, ledger: &dyn Ledger) -> Result<RunOpened, RunError> {
        let open = async || ledger.open_run(&self.id, self.request).await;
        match *self.opened.get_or_try_init(open).await? {
            RunOpened::OtherRequest => Err(RunError::OtherRequest),
            opened => Ok(opened),
        }
    }
}

/// A run of an agent: one client request with all its steps.
#[derive(Clone)]
pub struct AgentRun {
    runner: Runner,
    state: Arc<RunState>,
}

impl fmt::Debug for AgentRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentRun").field("id", &self.state.id).finish_non_exhaustive()
    }
}

impl AgentRun {
    /// Writes the run down now rather than with its first write, to see whether its id was used before.
    ///
    /// # Errors
    /// [`RunError::OtherRequest`] if it was, for something else.
    pub async fn attach(&self) -> Result<RunOpened, RunError> {
        self.state.open(self.runner.ledger()).await
    }

    /// Lets go of the run without waiting: another gateway on the same ledger may take it up.
    pub fn let_go(&self) {
        self.runner.ledger().let_go(&self.state.id);
    }

    /// Makes the tool calls of one turn inside `scope`. `step` names the turn and is the same when the turn is taken up
    /// again after a restart; the calls must then stand in the same order.
    pub async fn tool_calls(&self, scope: &Scope, step: &str, calls: &[ToolCall]) -> Turn {
        let mut replies: Vec<Option<ToolReply>> = calls.iter().map(|_| None).collect();
        let prepared = self.prepare(step, calls, &mut replies);
        let mut flights = Vec::new();
        let children: Vec<_> = prepared
            .into_iter()
            .map(|(place, call)| {
                let flight = Flight::default();
                flights.push((place, call.clone(), flight.clone()));
                self.child(call, flight)
            })
            .collect();
        let mut places = flights.into_iter();
        let settled = scope.child(step).best_effort(children).await;
        let made = settled.fold(|_, reply| Ok(reply), Err);
        let (made, cleanup) = made.map_or_else(|failed| (failed.results, failed.faults), |made| (made, Vec::new()));
        for (result, (place, call, flight)) in made.into_iter().zip(places.by_ref()) {
            let reply = result.unwrap_or_else(|failure| explain(&call, &flight, failure));
            if let Some(slot) = replies.get_mut(place) {
                *slot = Some(reply);
            }
        }
        let missing = |call| reply(call, Status::Cancelled(crate::Cause::Runtime), String::new());
        let replies = replies.into_iter().zip(calls).map(|(reply, call)| reply.unwrap_or_else(|| missing(call)));
        Turn { replies: replies.collect(), cleanup }
    }

    /// Reads all calls, refuses what cannot be made and has the rest judged as one turn.
    fn prepare(&self, step: &str, calls: &[ToolCall], replies: &mut [Option<ToolReply>]) -> Vec<(usize, Prepared)> {
        let mut good = Vec::new();
        for (place, (call, reply)) in calls.iter().zip(replies.iter_mut()).enumerate() {
            match self.read_call(step, place, call) {
                Ok(prepared) => good.push((place, prepared)),
                Err(refusal) => *reply = Some(refused(call, refusal)),
            }
        }
        let looping = lock(&self.state.repeats).turn(good.iter().map(|(_, call)| call.twin()).collect());
        let revision = self.runner.authorise().revision();
        let turn: Vec<_> = good.iter().map(|(_, call)| proposed(call)).collect();
        let mut verdicts = self.runner.authorise().judge(&turn).into_iter();
        drop(turn);
        good.retain_mut(|(place, call)| {
            // A judge that answers for too few calls has not allowed the others.
            call.verdict = verdicts.next().unwrap_or_else(|| Verdict::Deny("it was not judged".to_owned()));
            call.revision = revision;
            let refusal = match looping {
                Some(period) => Some(Refusal::Loop { period }),
                None => self.refuse_read(call),
            };
            if let (Some(reply), Some(refusal)) = (replies.get_mut(*place), refusal) {
                *reply = Some(call.refuse(refusal));
                return false;
            }
            true
        });
        good
    }

    fn read_call(&self, step: &str, place: usize, call: &ToolCall) -> Result<Prepared, Refusal> {
        let entry = self.runner.entry(&call.name).ok_or_else(|| Refusal::NoTool(call.name.clone()))?;
        let read = canonical_arguments(&call.arguments);
        let (arguments, canonical) = read.map_err(|error| Refusal::Arguments(error.to_string()))?;
        let index = u32::try_from(place).unwrap_or(u32::MAX);
        let slot = Slot { run: self.state.id.clone(), path: step.into(), index };
        let (call, entry, verdict) = (call.clone(), Arc::clone(entry), Verdict::Allow);
        Ok(Prepared { call, slot, entry, arguments, canonical, revision: 0, verdict })
    }

    /// Why a read is not made, if so. Writes are the ledger's business.
    fn refuse_read(&self, call: &Prepared) -> Option<Refusal> {
        if call.entry.tool.contract().effect != Effect::Read {
            return None;
        }
        let before = lock(&self.state.repeats).read(call.twin());
        match &call.verdict {
            Verdict::Deny(why) => Some(Refusal::Denied(why.clone())),
            Verdict::Ask => Some(Refusal::Denied("a read cannot wait for an approval".to_owned())),
            Verdict::Allow if before >= self.runner.options().max_identical_reads => Some(Refusal::Repeated(before)),
            Verdict::Allow => None,
        }
    }

    fn child(&self, call: Prepared, flight: Flight) -> Child<ToolReply, std::convert::Infallible> {
        let (runner, state) = (self.runner.clone(), Arc::clone(&self.state));
        let id = CallId::from(call.call.id.clone());
        if call.entry.tool.contract().effect == Effect::Read {
            Child::new(id, move |scope| async move { Ok(runner.read(scope, call).await) })
        } else {
            Child::graceful(id, move |scope| async move { Ok(runner.write(scope, state, call, flight).await) })
        }
    }
}

pub(crate) fn proposed(call: &Prepared) -> Proposed<'_> {
    Proposed { slot: &call.slot, contract: call.entry.tool.contract(), arguments: &call.canonical }
}

/// The reply for a call whose child did not end by itself.
fn explain(call: &Prepared, flight: &Flight, failure: Failure<std::convert::Infallible>) -> ToolReply {
    let text = failure.fault.to_string();
    if let Some((key, _)) = flight.sent() {
        return ToolReply { effect: Some(key), ..call.reply(Status::Unknown, text) };
    }
    let status = match failure.fault {
        Fault::Failed(never) => match never {},
        Fault::Panicked(_) => Status::Failed,
        Fault::TimedOut(_) => Status::TimedOut,
        Fault::Cancelled(cause) | Fault::Aborted(cause) => Status::Cancelled(cause),
    };
    call.reply(status, text)
}
