//! The loop of one run: ask the model, make its calls, ask again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use steersman_core::{
    ChatRequest, Code, ContentHash, Contract, Effect, Event, Part, ToolCall, ToolChoice, ToolResult, Usage,
};
use steersman_scope::{AgentRun, Caps, Cause, Child, Fault, Refusal as NotMade, RunId, Scope, Status, ToolReply};
use steersman_wire::Answer;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ending::Ending;
use super::judge::Judge;
use super::log::{Kept, RunLog, Step, request_hash};
use super::outlet::Outlet;
use super::planned::Plan;
use super::step::{Turn, said};
use super::views::Views;
use super::{AgentTask, Offered, ToolRoom, hidden};
use crate::conversation;
use crate::engine::Engine;
use crate::guard::{GuardMode, Report};
use crate::prepare::Target;
use crate::reader::{Heard, ReadNote, Reader};
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::reply::Inbound;

/// When a tool server that does not answer is worth another try: it is not looked for more often.
const TRY_AGAIN_S: u64 = 5;

/// What a run came to.
pub(super) struct Acted {
    /// The events of the final answer, with the usage of all steps.
    pub(super) events: Vec<Event>,
    /// The final answer in the client's dialect.
    pub(super) body: Bytes,
    /// Who gave it; `None` for a replay.
    pub(super) target: Option<Target>,
    /// Whether an earlier request of the same key had it already.
    pub(super) replayed: bool,
    /// What the guard said in all steps.
    pub(super) guard: Option<Report>,
    /// Whether the client has seen what it says, while it was said.
    pub(super) shown: bool,
}

/// The note of the room `tools` on the record.
#[derive(Debug, Default, Serialize)]
pub(super) struct Note {
    run: String,
    steps: Vec<Vec<Made>>,
    /// The tools of its plan, in order, where it was planned first.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Vec<String>>,
    /// What a reader kept from the model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reads: Vec<ReadNote>,
}

/// One call, as the record says it. Arguments stand in the attempts' bodies, redacted like them.
#[derive(Debug, Serialize)]
struct Made {
    tool: String,
    status: &'static str,
    sends: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<String>,
}

/// One run on its way.
pub(super) struct Running<'a> {
    pub(super) engine: &'a Engine,
    pub(super) room: &'a ToolRoom,
    pub(super) task: &'a AgentTask,
    pub(super) inbound: &'a Inbound,
    pub(super) deadline: Instant,
    /// Where events of tool runs go, if the client wants them.
    pub(super) watcher: Option<mpsc::Sender<Value>>,
    /// Sends to tools so far.
    pub(super) sends: AtomicU64,
    /// Whether a call that may have an effect was handed to its tool.
    pub(super) acted: AtomicBool,
}

/// What a turn works with beside its calls.
struct Hands<'a, 'r> {
    reader: Option<&'r Reader<'a>>,
    recording: &'r mut Recording,
    note: &'r mut Note,
}

/// What a run has before its first step.
struct Begun<'a> {
    reader: Option<Reader<'a>>,
    /// Its tools that are the gateway's.
    ours: Vec<Offered>,
    /// The names of those that are the client's.
    theirs: BTreeSet<String>,
    judge: Arc<Judge>,
    run: AgentRun,
    plan: Option<Plan>,
    /// Under what is kept what comes of it.
    before: Option<ContentHash>,
    /// Whether a guard looks.
    looks: bool,
}

/// Who hears of a run.
struct Told<'r> {
    recording: &'r mut Recording,
    note: &'r mut Note,
    outlet: Option<&'r mut Outlet>,
}

impl Running<'_> {
    /// Runs to an answer.
    pub(super) async fn to_answer(
        &self,
        task_name: &str,
        recording: &mut Recording,
        note: &mut Note,
        outlet: Option<&mut Outlet>,
    ) -> Result<Acted, Refusal> {
        let owner = self.owner();
        let reader = self.engine.reader(task_name, self.inbound, self.deadline)?;
        reader.as_ref().map_or(Ok(()), |reader| reader.can_be_paid(recording))?;
        let request = request_hash(self.inbound, reader.is_some(), self.is_planned());
        let mut log = RunLog::open(self.room, self.inbound, (&owner, task_name), request, self.deadline).await?;
        note.run.clone_from(&log.id);
        if let Some(answer) = &log.content.answer {
            return self.replay(answer.clone());
        }
        if log.is_kept(false) || reader.is_some() {
            // Before anybody is paid. What it keeps of what it is sent is about as long as that.
            log.ask_for_room(self.inbound.body.len()).await?;
        }
        // Handles are filled in once the answer is there.
        let outlet = outlet.filter(|_| reader.is_none());
        let (mut views, before) = self.open(task_name, reader.as_ref(), outlet.is_some(), recording, note).await?;
        log.works_with(&views.handles)?;
        let (ours, theirs) = self.offer(&mut views.shown).await?;
        let offered = views.shown.tools.iter().map(|tool| tool.name.as_str());
        self.engine.guard.admit_agent(task_name, offered)?;
        let judge = Arc::new(Judge::default());
        let tools = ours.iter().map(|tool| (Arc::clone(&tool.tool), tool.limiter.clone()));
        let runner = self.room.runner.with(tools, Arc::clone(&judge) as _);
        let run = runner.run(RunId::from(log.id.as_str()), request);
        let plan = self.plan(task_name, &views, &ours, &mut log, recording).await?;
        note.plan = plan.as_ref().map(Plan::tools);
        let looks = self.is_guarded(task_name);
        let begun = Begun { reader, ours, theirs, judge, run, plan, before, looks };
        self.in_steps(begun, views, log, Told { recording, note, outlet }).await
    }

    /// Asks the model and makes its calls, until it answers or has had its steps.
    async fn in_steps(
        &self,
        begun: Begun<'_>,
        mut views: Views,
        mut log: RunLog<'_>,
        mut told: Told<'_>,
    ) -> Result<Acted, Refusal> {
        let Begun { reader, ours, theirs, judge, plan, .. } = &begun;
        let (mut usage, mut guard, mut unseen) = (None, None, Vec::new());
        for number in 0..self.task.max_steps {
            let planned = plan.as_ref().and_then(|plan| plan.call(&log.id, unseen.len(), &unseen));
            let last = number + 1 == self.task.max_steps || (plan.is_some() && planned.is_none());
            if last && !ours.is_empty() {
                views.shown.tool_choice = Some(ToolChoice::None);
            }
            let leaves = begun.looks || views.shown.tools.len() > ours.len();
            let turn = Turn { number, ours, leaves, planned: planned.as_ref() };
            let mut said = self.step(turn, &views, judge, &log, told.recording, told.outlet.as_deref_mut()).await?;
            add_usage(&mut usage, &said.events);
            guard = Report::joined(guard, said.guard.take());
            let is_ours = |call: &ToolCall| is_ours(ours, theirs, call);
            let (own, others): (Vec<ToolCall>, Vec<ToolCall>) = said.calls.iter().cloned().partition(is_ours);
            if last && others.is_empty() && !own.is_empty() {
                break;
            }
            let results = if own.is_empty() || last {
                None
            } else {
                told.recording.end_attempt(None);
                let hands = Hands { reader: reader.as_ref(), recording: told.recording, note: told.note };
                Some(self.turn(&begun.run, turn, &mut log, (&said.body, own), &mut views, hands).await?)
            };
            let answer = String::from_utf8_lossy(&said.body).into_owned();
            let hides = !unseen.is_empty() || results.is_some();
            unseen.push(Step { answer, results: results.clone() });
            let (Some(results), true) = (results, others.is_empty()) else {
                said.guard = guard;
                let (usage, reads, before) = (usage.filter(|_| number > 0), reader.is_some(), begun.before);
                let guarded = begun.looks.then(|| judge.guarded()).flatten();
                let ending = Ending { ours, theirs, views: &views, guarded, reads, before, unseen, hides, usage };
                return self.end(said, &others, ending, log).await;
            };
            views.said(said.parts);
            views.told(&results);
        }
        let message = format!("the model wanted more than {} steps", self.task.max_steps);
        Err(Refusal::new(Code::STEP_LIMIT, message))
    }

    /// The conversation as it came, with what the client has not seen put back, and under what is kept what comes next.
    async fn open(
        &self,
        task_name: &str,
        reader: Option<&Reader<'_>>,
        streams: bool,
        recording: &mut Recording,
        note: &mut Note,
    ) -> Result<(Views, Option<ContentHash>), Refusal> {
        let dialect = self.inbound.dialect;
        let mut request = dialect.decode_request(&self.inbound.body).map_err(Refusal::from)?;
        (request.stream, request.include_usage) = (streams, streams);
        let chain = conversation::chain(&request, task_name, self.inbound);
        let answers = self.is_guarded(task_name);
        let Some(reader) = reader else {
            let owner = self.owner();
            let found = hidden::find_all(self.room, &owner, dialect, &request, &chain, answers).await?;
            let has_lost = found.iter().any(|found| found.lost);
            let hidden = found.into_iter().map(|found| found.steps).collect();
            let mut views = Views::open(request, hidden, None, dialect)?;
            views.has_lost = has_lost;
            return Ok((views, chain.last().copied()));
        };
        let past = self.keep_away(&request, &chain, answers, reader, recording).await?;
        note.reads.extend(past.notes);
        Ok((Views::open(request, past.hidden, Some(past.kept_away), dialect)?, past.link))
    }

    /// Whose run it is: the id of the client's key, which outlives a rotation of its secret.
    pub(super) fn owner(&self) -> String {
        self.engine.admit.owner_of(self.inbound.credential.as_ref())
    }

    /// Whether the same request again would be another run, and act again.
    pub(super) fn acts_twice(&self) -> bool {
        self.inbound.idempotency_key.is_none() && self.acted.load(Ordering::Relaxed)
    }

    fn is_guarded(&self, task_name: &str) -> bool {
        self.engine.guard.mode_of(task_name) != GuardMode::Off
    }

    /// Adds the task's tools to the request, but for names that the client uses itself. Gives those that were added,
    /// and those names. A model without the tools that it should have would answer all the same, so it is not asked.
    async fn offer(&self, request: &mut ChatRequest) -> Result<(Vec<Offered>, BTreeSet<String>), Refusal> {
        let theirs: BTreeSet<String> = request.tools.iter().map(|tool| tool.name.clone()).collect();
        let wanted: Vec<String> = self.task.tools.iter().filter(|name| !theirs.contains(*name)).cloned().collect();
        let mut ours = self.room.tools.offered(&wanted).await.map_err(|away| Refusal {
            retry_after_s: Some(TRY_AGAIN_S),
            ..Refusal::new(Code::TOOLS_UNAVAILABLE, away.to_string())
        })?;
        ours.retain(|tool| !theirs.contains(&tool.spec.name));
        request.tools.extend(ours.iter().map(|tool| tool.spec.clone()));
        Ok((ours, theirs))
    }

    /// Makes our calls of a step, in a scope, and keeps what they gave.
    async fn turn(
        &self,
        run: &AgentRun,
        turn: Turn<'_>,
        log: &mut RunLog<'_>,
        (said, calls): (&Bytes, Vec<ToolCall>),
        views: &mut Views,
        hands: Hands<'_, '_>,
    ) -> Result<Vec<Kept>, Refusal> {
        let place = turn.place();
        if let Some(results) = log.content.steps.get(place).and_then(|step| step.results.as_ref()) {
            return Ok(results.clone());
        }
        let kept = log.is_kept(calls.iter().any(|call| acts(turn.ours, call)));
        if kept || turn.leaves {
            log.ask_for_room(said.len()).await?;
        }
        if log.content.steps.len() == place {
            // Also a step that only reads: it is written with the first one that is kept.
            let answer = String::from_utf8_lossy(said).into_owned();
            log.content.steps.push(Step { answer, results: None });
            if kept {
                log.keep().await?;
            }
        }
        let results = self.kept(run, turn, calls, views, hands).await?;
        if let Some(step) = log.content.steps.get_mut(place) {
            step.results = Some(results.clone());
        }
        if kept {
            log.keep().await?;
        }
        Ok(results)
    }

    /// What the calls of a step gave, and what the model sees of it.
    async fn kept(
        &self,
        run: &AgentRun,
        turn: Turn<'_>,
        calls: Vec<ToolCall>,
        views: &mut Views,
        hands: Hands<'_, '_>,
    ) -> Result<Vec<Kept>, Refusal> {
        if let Some((planned, why)) = turn.planned.and_then(|planned| Some((planned, planned.failed.clone()?))) {
            let (call_id, tool) = (planned.call.id.clone(), planned.call.name.clone());
            hands.note.steps.push(vec![Made { tool, status: "not_made", sends: 0, effect: None }]);
            return Ok(vec![Kept { call_id, text: why, is_error: true, read: None }]);
        }
        self.tell(&calls, "started").await;
        // Variables bring what the model has not seen, and are not searched for handles.
        let filled = if turn.planned.is_some() { calls.clone() } else { views.filled(calls.clone()) };
        let told = |(asked, made): (&ToolCall, &ToolCall)| turn.planned.is_some() || asked != made;
        if calls.iter().any(|call| acts(turn.ours, call)) {
            self.acted.store(true, Ordering::Relaxed);
        }
        let told_more: Vec<bool> = calls.iter().zip(&filled).map(told).collect();
        let replies = self.make(run, turn.number, filled).await?;
        self.sends.fetch_add(replies.iter().map(|reply| u64::from(reply.sends)).sum(), Ordering::Relaxed);
        self.tell_ended(&replies).await;
        hands.note.steps.push(replies.iter().map(Made::of).collect());
        let mut results: Vec<Kept> = replies.iter().map(Kept::of).collect();
        if let Some(reader) = hands.reader {
            for ((reply, kept), told_more) in replies.iter().zip(&mut results).zip(told_more) {
                let tool = turn.ours.iter().find(|tool| tool.spec.name == reply.tool);
                let unknown = Contract::unknown(&reply.tool);
                let contract = tool.map_or(&unknown, |tool| tool.tool.contract());
                if is_kept_away(reply, contract, told_more) {
                    let heard = Heard { text: &reply.text, failed: failed(&reply.status), told_more };
                    let (read, note) = reader.read(contract, heard, &mut views.handles, hands.recording).await;
                    kept.read = Some(read);
                    hands.note.reads.push(note);
                }
            }
        }
        Ok(results)
    }

    /// Runs the calls in parallel. Dropping the future cancels them; the room's root waits for their end.
    async fn make(&self, run: &AgentRun, number: u32, calls: Vec<ToolCall>) -> Result<Vec<ToolReply>, Refusal> {
        let (run, step) = (run.clone(), format!("step {number}"));
        let child = Child::<Vec<ToolReply>, String>::graceful("turn", move |scope: Scope| async move {
            Ok(run.tool_calls(&scope, &step, &calls).await.replies)
        });
        let left = self.deadline.saturating_duration_since(Instant::now());
        let caps = Caps {
            calls: Some(self.task.max_calls.saturating_sub(self.sends.load(Ordering::Relaxed))),
            ..Caps::default()
        };
        let scope = self.room.root.scope(&self.inbound.id.to_string()).deadline(left).budget(caps);
        scope.run(child).await.or_else(|failures| match failures.completed.into_iter().next() {
            // A clean-up that failed does not take away what the calls gave.
            Some((_, replies)) => Ok(replies),
            None => {
                Err(unended(failures.failures.first().map(|failure| &failure.fault), failures.report.cause.as_ref()))
            }
        })
    }

    fn replay(&self, answer: String) -> Result<Acted, Refusal> {
        let said = said(self.inbound.dialect, Bytes::from(answer), None, None)?;
        Ok(Acted { events: said.events, body: said.body, target: None, replayed: true, guard: None, shown: false })
    }

    async fn tell(&self, calls: &[ToolCall], status: &str) {
        let Some(watcher) = &self.watcher else { return };
        for call in calls {
            // A client that does not read its events any more reads nothing at all.
            drop(watcher.send(json!({ "id": call.id, "tool": call.name, "status": status })).await);
        }
    }

    async fn tell_ended(&self, replies: &[ToolReply]) {
        let Some(watcher) = &self.watcher else { return };
        for reply in replies {
            let event =
                json!({ "id": reply.call_id, "tool": reply.tool, "status": reply.status.name(), "text": reply.text });
            drop(watcher.send(event).await);
        }
    }
}

/// Whether the gateway answers a call: it is of its own tools, or of a tool that nobody has, of which the model is told
/// so. Where the gateway has no tools, the client knows best what it is called for.
pub(super) fn is_ours(ours: &[Offered], theirs: &BTreeSet<String>, call: &ToolCall) -> bool {
    !ours.is_empty() && !theirs.contains(&call.name)
}

/// Whether a call may have an effect. One of a tool that nobody has does nothing.
fn acts(ours: &[Offered], call: &ToolCall) -> bool {
    let tool = ours.iter().find(|tool| tool.spec.name == call.name);
    tool.is_some_and(|tool| tool.tool.contract().effect != Effect::Read)
}

/// How a call ended that brought nothing.
const fn failed(status: &Status) -> Option<&'static str> {
    match status {
        Status::Done | Status::Replayed | Status::Duplicate { .. } => None,
        other => Some(other.name()),
    }
}

/// Whether a reply may hold what the model must not see: words of a tool that is not trusted, or of one that was given
/// what the model has not seen (`told_more`) and may repeat it. Reasons that are this house's own are shown.
fn is_kept_away(reply: &ToolReply, contract: &Contract, told_more: bool) -> bool {
    match &reply.status {
        Status::Done | Status::Replayed | Status::Duplicate { .. } | Status::Failed | Status::Unknown => {
            contract.untrusted || told_more
        }
        Status::Refused(refusal) => told_more && matches!(refusal, NotMade::Arguments(_)),
        Status::TimedOut | Status::Cancelled(_) | Status::Waiting => false,
    }
}

/// Why the calls of a turn came to no end, for the client. `cause` is that of the whole scope.
fn unended(fault: Option<&Fault<String>>, cause: Option<&Cause>) -> Refusal {
    let late = || Refusal::new(Code::UPSTREAM_TIMEOUT, "the tool calls did not end before the request's deadline");
    let cause = match fault {
        Some(Fault::TimedOut(_)) => return late(),
        Some(Fault::Panicked(words)) => {
            tracing::error!(%words, "a tool call panicked");
            return Refusal::new(Code::INTERNAL, "a tool call ended in a defect of the gateway; the log has its words");
        }
        Some(Fault::Failed(why)) => return Refusal::new(Code::INTERNAL, format!("the tool calls did not end: {why}")),
        Some(Fault::Cancelled(cause) | Fault::Aborted(cause)) => Some(cause),
        None => cause,
    };
    match cause {
        Some(Cause::Deadline) => late(),
        Some(Cause::Parent | Cause::Requested | Cause::Ended | Cause::Runtime) => {
            Refusal::new(Code::SHUTTING_DOWN, "the gateway is shutting down, and the tool calls were cancelled")
        }
        Some(cause) => Refusal::new(Code::INTERNAL, format!("the tool calls did not end: {cause}")),
        None => Refusal::new(Code::INTERNAL, "the tool calls did not end"),
    }
}

fn add_usage(sum: &mut Option<Usage>, events: &[Event]) {
    let Some(of_step) = Answer::collect(events).usage else { return };
    let add = |a: Option<u64>, b: Option<u64>| a.map_or(b, |a| Some(a + b.unwrap_or(0)));
    *sum = Some(match sum.take() {
        None => of_step,
        Some(before) => Usage {
            input_tokens: add(before.input_tokens, of_step.input_tokens),
            cache_read_tokens: add(before.cache_read_tokens, of_step.cache_read_tokens),
            cache_write_tokens: add(before.cache_write_tokens, of_step.cache_write_tokens),
            output_tokens: add(before.output_tokens, of_step.output_tokens),
            reasoning_tokens: add(before.reasoning_tokens, of_step.reasoning_tokens),
        },
    });
}

impl Made {
    fn of(reply: &ToolReply) -> Self {
        let effect = reply.effect.map(|key| key.to_string());
        Self { tool: reply.tool.clone(), status: reply.status.name(), sends: reply.sends, effect }
    }
}

impl Kept {
    fn of(reply: &ToolReply) -> Self {
        let result = reply.to_result();
        let text =
            result.parts.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { "" }).collect();
        Self { call_id: result.call_id, text, is_error: result.is_error, read: None }
    }

    /// The result as the model sees it.
    pub(super) fn to_shown(&self) -> ToolResult {
        let text = self.read.as_ref().map_or(&self.text, |read| &read.shown);
        ToolResult { parts: vec![Part::Text(text.clone())], ..self.to_result() }
    }

    pub(super) fn to_result(&self) -> ToolResult {
        let parts = vec![Part::Text(self.text.clone())];
        ToolResult { call_id: self.call_id.clone(), parts, is_error: self.is_error }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn calls_that_came_to_no_end_say_why() {
        let code =
            |fault: Option<Fault<String>>, cause: Option<Cause>| unended(fault.as_ref(), cause.as_ref()).code.name;
        assert_eq!(code(Some(Fault::TimedOut(Duration::ZERO)), None), "upstream_timeout");
        assert_eq!(code(Some(Fault::Aborted(Cause::Deadline)), None), "upstream_timeout");
        assert_eq!(code(None, Some(Cause::Deadline)), "upstream_timeout");
        assert_eq!(code(Some(Fault::Panicked("x".to_owned())), Some(Cause::Deadline)), "internal");
        assert_eq!(code(Some(Fault::Cancelled(Cause::Requested)), None), "shutting_down");
        assert_eq!(code(Some(Fault::Cancelled(Cause::Parent)), None), "shutting_down");
    }
}
