//! Step 4: which model answers, and after each answer whether it is good enough.
//!
//! A task with an objective goes to its reference until the floor is proved. Once it is, the cheapest arm that the
//! proved rung allows is asked, its answer is held back and weighed, and either released or the next arm is asked: the
//! gate has released nothing until then. Whatever is in doubt goes up: where an arm that a hard filter leaves out would
//! be asked (`fits`), a conversation that went up before, an answer that is empty, cut or a refusal.
//!
//! What never happens here: a question to the network or the store, a lock across an await, a promise (that is made by
//! `steersman-routing` from labels), a decision on a model that the client named itself.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use steersman_core::{ContentHash, FinishReason, Message, Part, RequestId, Role, TaskName, Usage};
use steersman_routing::{Features, Method, Phase, Policy, Router, Seen, Served, Step, Taken, answer_key};
use steersman_wire::Answer;

use crate::admit::Shortage;
use crate::catalog::Candidate;
use crate::fits::{Fitting, LeftOut, Limits};
use crate::forced::Hearing;
use crate::judged::events;
use crate::pin::{Leaving, Pin, Pins};
use crate::pipeline::Accepted;
use crate::prepare::{Prepared, Target};
use crate::raised::{Raised, Turn};
use crate::refusal::Refusal;
use crate::reply::Inbound;

/// The policy in force for one task: read by every request, swapped whole by whoever gathers the evidence.
#[derive(Debug)]
pub struct Board {
    policy: RwLock<Arc<Policy>>,
    /// Sessions that the reference has answered.
    pins: Pins,
}

impl Default for Board {
    fn default() -> Self {
        Self { policy: RwLock::new(Arc::new(Policy::reference_only())), pins: Pins::default() }
    }
}

impl Board {
    /// Puts another policy in force, for requests that come from now on.
    pub fn post(&self, policy: Policy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// The policy in force.
    #[must_use]
    pub fn read(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells that the reference answered a request of so many bytes, and what that took: its prompt is in a cache now.
    pub fn answered_by_reference(&self, messages: &[Message], usage: Usage, bytes: usize) {
        self.pins.answered(messages, usage, bytes);
    }
}

/// A task that has an objective.
pub struct RouteTask {
    /// Where its policy is posted.
    pub board: Arc<Board>,
    /// Its candidates and its reference, by name; the reference stands last.
    pub arms: Vec<(String, Candidate)>,
    /// The member of a JSON answer by which answers are compared (RFC 6901); `None`: the whole answer.
    pub answer: Option<String>,
    /// How long a client waits for a whole answer, if it must not take longer.
    pub deadline: Option<Duration>,
    /// Whether answers are also weighed by the likelihood of their tokens.
    pub likelihood: bool,
    /// What each arm can take, in the order of `arms`; what is missing has no limit.
    pub limits: Vec<Limits>,
}

/// All tasks that have an objective.
#[derive(Default)]
pub struct Routes {
    tasks: BTreeMap<String, RouteTask>,
    /// Conversations that went up: they stay up.
    raised: Arc<Raised>,
}

impl Routes {
    /// These tasks.
    #[must_use]
    pub fn new(tasks: BTreeMap<String, RouteTask>) -> Self {
        Self { tasks, raised: Arc::default() }
    }

    /// Other tasks, with the conversations that are known here.
    pub(crate) fn with_tasks(&self, tasks: BTreeMap<String, RouteTask>) -> Self {
        Self { tasks, raised: Arc::clone(&self.raised) }
    }

    /// Whether a task has an objective.
    pub(crate) fn has(&self, task: &TaskName) -> bool {
        self.tasks.contains_key(task.as_str())
    }

    /// The models that may answer in the reference's place if a budget has no more left; none for any other request.
    pub(crate) fn stand_ins(&self, prepared: &Prepared) -> &[(String, Candidate)] {
        let task = self.tasks.get(prepared.task.as_str()).filter(|_| is_asked_for(prepared));
        task.and_then(|task| task.arms.split_last()).map_or(&[], |(_, candidates)| candidates)
    }

    /// Decides where a request of a task with an objective goes first, and puts the candidates in order. `None` for any
    /// other request, and for one whose client named a model.
    pub(crate) fn decide(&self, inbound: &Inbound, prepared: &mut Prepared) -> Option<Routed> {
        let task = self.tasks.get(prepared.task.as_str()).filter(|_| is_asked_for(prepared))?;
        let mut policy = task.board.read();
        if let Some(of_streams) = policy.streams.clone().filter(|_| prepared.stream) {
            policy = of_streams;
        }
        let (rung, propensity) = policy.drawn(unit(&inbound.id, "rung"));
        let (name, reference) = task.arms.last()?;
        let reference = (name.clone(), kept(prepared, reference)?);
        let mut routed = Routed {
            rung,
            propensity,
            chain: vec![reference],
            method: Method::PromptOnly,
            stream: prepared.stream,
            scores: Vec::new(),
            answer: task.answer.clone(),
            likelihood: task.likelihood,
            reason: match policy.phase {
                Phase::Armed if policy.rung == 0 => "the proved policy costs no less than the reference",
                phase => phase.as_str(),
            }
            .into(),
            turn: None,
            leaving: None,
            left_out: Vec::new(),
            shortage: prepared.shortage.take(),
            progress: Mutex::default(),
            policy,
        };
        // One that is drawn to the reference is scored too: only then is the chance of its path known.
        if routed.policy.rung > 0 {
            self.choose(task, inbound, prepared, &mut routed);
        }
        let affordable = routed.chain.len() - usize::from(routed.shortage.is_some());
        prepared.candidates = routed.chain.iter().take(affordable).map(|(_, candidate)| candidate.clone()).collect();
        Some(routed)
    }

    /// Below the reference: hard filters, the conversation's past, and then the scores.
    fn choose(&self, task: &RouteTask, inbound: &Inbound, prepared: &Prepared, routed: &mut Routed) {
        let Some(router) = routed.policy.router.clone() else { return };
        let named = |name: &String| task.arms.iter().find(|(known, _)| known == name).cloned();
        let Some(mut arms) = router.arms.iter().map(named).collect::<Option<Vec<_>>>() else {
            routed.reason = "the router names a model that the task does not".into();
            return;
        };
        let Ok(request) = inbound.dialect.decode_request(&inbound.body) else {
            routed.reason = "not understood".into();
            return;
        };
        let (demand, shortage) = (prepared.demand.as_ref(), routed.shortage.as_ref());
        let fitting = Fitting { inbound, request: &request, task, demand, shortage };
        routed.left_out = fitting.left_out(&routed.policy, router.method, &arms);
        if let Some(why) = routed.closed(task, &router, &arms) {
            routed.reason = why;
            return;
        }
        arms.iter_mut().for_each(|(_, arm)| *arm = kept(prepared, arm).unwrap_or_else(|| arm.clone()));
        let turn = routed.turn.insert(Turn::of(&request.messages));
        if self.raised.holds(turn) {
            self.raised.raise(turn);
            routed.reason = "the conversation went up before".into();
            return;
        }
        let pin = task.board.pins.of(turn);
        let (mut prompt, mut features) = (Features::default(), Vec::new());
        prompt.read(last_question(&request.messages));
        router.score(&prompt, &mut routed.scores);
        let Step::Call(first) = router.step(routed.rung, &routed.scores, &[], &mut features) else { return };
        if let Some(why) = routed.kept_up(&arms, first, pin, inbound.body.len()) {
            routed.scores.clear();
            routed.reason = why;
            return;
        }
        routed.method = router.method;
        routed.reason = match first {
            first if first != router.reference() => "the floor is proved",
            _ if routed.rung == 0 => "drawn to the reference",
            _ => "the scores point up",
        }
        .into();
        routed.chain = routed.chain_from(arms, first);
    }

    /// Remembers a conversation that the reference answered although a candidate was asked first.
    pub(crate) fn settle(&self, routed: &Routed) {
        if let Some(turn) = routed.turn.as_ref().filter(|_| routed.went_up()) {
            self.raised.raise(turn);
        }
    }
}

/// One request under an objective.
pub(crate) struct Routed {
    policy: Arc<Policy>,
    rung: usize,
    propensity: f64,
    chain: Vec<(String, Candidate)>,
    pub(crate) method: Method,
    stream: bool,
    scores: Vec<f32>,
    answer: Option<String>,
    pub(crate) likelihood: bool,
    reason: Cow<'static, str>,
    turn: Option<Turn>,
    /// What leaving the reference would cost a session that it has begun.
    leaving: Option<Leaving>,
    /// Arms that are not asked, whatever the scores say.
    left_out: Vec<LeftOut>,
    /// What is left for it, where that is less than the reference may cost.
    shortage: Option<Shortage>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
pub(crate) struct Progress {
    /// The likelihood of the answer that came last.
    pub(crate) heard: Option<f32>,
    seen: Vec<Seen>,
    held: Vec<Option<(Target, Accepted)>>,
    steps: Vec<StepNote>,
    answered: Option<String>,
}

/// What was done with one answer, on the record.
#[derive(Clone, Serialize)]
struct StepNote {
    arm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid: Option<bool>,
    /// Stands for the short answer: equal numbers are equal answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<u32>,
    /// Mean log-probability of its tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    likelihood: Option<f32>,
    did: &'static str,
}

impl StepNote {
    fn new(arm: String, seen: Seen, did: &'static str) -> Self {
        Self { arm, valid: seen.valid, answer: seen.answer, likelihood: seen.likelihood, did }
    }
}

/// What to do with an answer that could be released.
pub(crate) enum Verdict {
    /// Release this one: it, or one that was held back before it.
    Release(Box<(Target, Accepted)>),
    /// Ask this candidate.
    Ask(Box<Candidate>),
    /// Release nothing: the reference is needed, and no budget is left for it.
    Refuse(Box<Refusal>),
}

impl Routed {
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, candidate: &Candidate) -> Option<usize> {
        self.chain.iter().position(|(_, arm)| same(arm, candidate))
    }

    fn is_reference(&self, candidate: &Candidate) -> bool {
        self.chain.last().is_some_and(|(_, arm)| same(arm, candidate))
    }

    /// Whether this candidate's answer must be held back whole until it has been weighed. Where one look at the prompt
    /// decides, a stream need not wait: its floor was proved without a second look.
    pub(crate) fn holds(&self, candidate: &Candidate) -> bool {
        (self.method == Method::Cascade || !self.stream) && !self.is_reference(candidate)
    }

    /// Weighs an answer that kept its form.
    pub(crate) fn weigh(
        &self,
        target: Target,
        accepted: Accepted,
        client: &'static dyn steersman_wire::Dialect,
    ) -> Verdict {
        let mut progress = self.progress();
        let place = self.place(&target.candidate).unwrap_or(0);
        let name = self.chain.get(place).map_or_else(String::new, |(name, _)| name.clone());
        if !self.holds(&target.candidate) {
            progress.steps.push(StepNote::new(name.clone(), Seen::default(), "released"));
            progress.answered = Some(name);
            return Verdict::Release(Box::new((target, accepted)));
        }
        let mut seen = look(&accepted, client, self.answer.as_deref());
        self.heard(&target, progress.heard.take(), &mut seen);
        // An arm whose attempt failed before this one has been asked too.
        progress.seen.resize(place, Seen { valid: Some(false), ..Seen::default() });
        progress.held.resize_with(place, || None);
        progress.seen.push(seen);
        progress.held.push(Some((target, accepted)));
        let step = self.step(place, &progress.seen);
        let released = match step {
            Some(Step::Accept(arm)) if progress.seen.get(arm).is_some_and(|seen| seen.valid == Some(true)) => {
                progress.held.get_mut(arm).and_then(Option::take).map(|held| (arm, held))
            }
            _ => None,
        };
        if let Some((arm, held)) = released {
            let answered = self.chain.get(arm).map_or_else(String::new, |(name, _)| name.clone());
            progress.steps.push(StepNote::new(name, seen, "accepted"));
            progress.answered = Some(answered);
            return Verdict::Release(Box::new(held));
        }
        progress.steps.push(StepNote::new(name, seen, "asked on"));
        let next = match step {
            Some(Step::Call(arm)) => self.chain.get(arm.max(place + 1)).or(self.chain.last()),
            _ => self.chain.last(),
        };
        let next = next.map_or_else(|| self.chain.first(), Some);
        let (_, candidate) = next.unwrap_or_else(|| unreachable!("invariant: a chain ends in its reference"));
        if let Some(refusal) =
            self.shortage.as_ref().filter(|_| self.is_reference(candidate)).map(|short| self.too_dear(short))
        {
            return Verdict::Refuse(Box::new(refusal));
        }
        Verdict::Ask(Box::new(candidate.clone()))
    }

    /// Why no candidate is asked, whatever the scores say.
    fn closed(&self, task: &RouteTask, router: &Router, arms: &[(String, Candidate)]) -> Option<Cow<'static, str>> {
        if router.method == Method::PromptOnly {
            return None;
        }
        let unheard = self.stream && task.likelihood;
        let first = arms.first().and_then(|(name, _)| self.why_left_out(name));
        first.or_else(|| unheard.then(|| "a streamed answer tells no likelihood".into()))
    }

    /// Why the reference is asked although the scores chose another arm.
    fn kept_up(
        &mut self,
        arms: &[(String, Candidate)],
        first: usize,
        pin: Option<Pin>,
        bytes: usize,
    ) -> Option<Cow<'static, str>> {
        let ((_, reference), (name, other)) = (arms.last()?, arms.get(first).filter(|_| first + 1 < arms.len())?);
        if let Some(why) = self.why_left_out(name) {
            return Some(why);
        }
        self.leaving = pin.and_then(|pin| pin.leaving(reference, other, bytes));
        let stays = self.leaving.is_some_and(|leaving| leaving.stays());
        stays.then(|| "the session stays: its prompt cache is worth more than the saving".into())
    }

    fn why_left_out(&self, name: &str) -> Option<Cow<'static, str>> {
        self.left_out.iter().find(|out| out.arm == name).map(|out| out.why.clone())
    }

    /// The arms that may be asked one after the other, the reference last.
    fn chain_from(&self, mut arms: Vec<(String, Candidate)>, first: usize) -> Vec<(String, Candidate)> {
        let Some(reference) = arms.pop() else { return arms };
        // What follows an arm that is left out is not asked either, but the reference.
        let open = arms.iter().take_while(|(name, _)| self.why_left_out(name).is_none()).count();
        let most = match self.method {
            Method::PromptOnly => 1,
            Method::Cascade => open,
        };
        // The decisions of a cascade count the answers seen, so a chain always starts with its first arm or ends at
        // once.
        arms.into_iter().skip(first).take(most).chain([reference]).collect()
    }

    fn too_dear(&self, shortage: &Shortage) -> Refusal {
        let reference = self.chain.last().map_or("", |(name, _)| name);
        let message = format!("{}; this request needs `{reference}` ({})", shortage.refusal.message, self.reason);
        Refusal { message, ..shortage.refusal.clone() }
    }

    /// What the rung says after these answers; one choice from the prompt has no second thoughts.
    fn step(&self, place: usize, seen: &[Seen]) -> Option<Step> {
        match self.method {
            Method::PromptOnly => Some(Step::Accept(place)),
            Method::Cascade => {
                let router = self.policy.router.as_ref()?;
                Some(router.step(self.rung, &self.scores, seen, &mut Vec::new()))
            }
        }
    }

    /// Whether a candidate was asked and the reference answered.
    fn went_up(&self) -> bool {
        let progress = self.progress();
        self.chain.len() > 1
            && progress.answered.is_some()
            && progress.answered.as_ref() == self.chain.last().map(|(name, _)| name)
    }

    /// The decision for the record.
    pub(crate) fn note(&self) -> impl Serialize {
        let progress = self.progress();
        let mut features = Vec::new();
        let chance = |arm: usize, features: &mut Vec<f64>| {
            let router = self.policy.router.as_ref()?;
            (!self.scores.is_empty()).then(|| (router.chance(arm, &self.scores, features) * 1e4).round() / 1e4)
        };
        let arms = self.policy.router.as_ref().map_or(&[][..], |router| &router.arms);
        let scores: serde_json::Map<String, serde_json::Value> = arms
            .iter()
            .enumerate()
            .filter_map(|(arm, name)| Some((name.clone(), chance(arm, &mut features)?.into())))
            .collect();
        serde_json::json!({
            "phase": self.policy.phase, "policy": self.policy.version, "rung": self.rung,
            "rungs": self.policy.router.as_ref().map_or(0, |router| router.rungs()),
            "price_of_quality": self.policy.router.as_ref().map(|router| router.tradeoff(self.rung)),
            "propensity": self.propensity, "reason": self.reason, "chance_of_being_right": scores,
            "steps": progress.steps, "answered": progress.answered, "signals": self.signals(&progress),
            "stream": self.stream_note(), "served": self.served(&progress), "leaving": self.leaving, "left_out": self.left_out,
        })
    }

    /// How a streamed request was decided; `None` for any other, and where nothing but the reference could be asked.
    fn stream_note(&self) -> Option<&'static str> {
        let flows = "one look at the prompt decides, so that an answer flows from its first token";
        let held = "a candidate's answer is held back until it has been weighed, and then released whole";
        let method =
            self.policy.router.as_ref().map(|router| router.method).filter(|_| self.stream && self.policy.rung > 0);
        method.map(|method| if method == Method::PromptOnly { flows } else { held })
    }

    /// The path that was taken and how likely it was: what an estimate of another policy needs of this one.
    fn served(&self, progress: &Progress) -> Option<Served> {
        let answered = progress.answered.clone()?;
        let asked: Vec<String> = progress.steps.iter().map(|step| step.arm.clone()).collect();
        let scored = self.policy.router.as_ref().filter(|_| !self.scores.is_empty());
        let propensity = match scored {
            None => 1.0,
            Some(router) => {
                let place = |name: &String| router.arms.iter().position(|arm| arm == name);
                let seen = |step: usize| progress.seen.get(step).copied().unwrap_or_default();
                let asked = asked.iter().enumerate().map(|(step, name)| Some((place(name)?, seen(step))));
                let path = Taken { asked: asked.collect::<Option<_>>()?, answered: place(&answered)? };
                router.propensity(self.policy.rung, &self.scores, &path)
            }
        };
        Some(Served { asked, answered, propensity, fixed: self.policy.rung > 0 && scored.is_none() })
    }

    /// What the decision looked at.
    fn signals(&self, progress: &Progress) -> Vec<&'static str> {
        let compared = progress.seen.iter().filter(|seen| seen.answer.is_some()).count() > 1;
        let used = [
            ("the prompt", !self.scores.is_empty()),
            ("the answer's form", !progress.seen.is_empty()),
            ("agreement of answers", self.method == Method::Cascade && compared),
            ("token likelihood", progress.seen.iter().any(|seen| seen.likelihood.is_some())),
        ];
        used.into_iter().filter(|(_, used)| *used).map(|(signal, _)| signal).collect()
    }

    /// The decision for a header.
    pub(crate) fn header(&self) -> String {
        let rungs = self.policy.router.as_ref().map_or(0, |router| router.rungs());
        let phase: Phase = self.policy.phase;
        format!("{}; rung {} of {rungs}; policy {}; {}", phase.as_str(), self.rung, self.policy.version, self.reason)
    }
}

/// What can be seen of an answer without anybody grading it.
fn look(accepted: &Accepted, client: &'static dyn steersman_wire::Dialect, pointer: Option<&str>) -> Seen {
    let found = match accepted {
        Accepted::Whole(body) => client.decode_answer(body).ok(),
        Accepted::Live(streaming) => events(Hearing::plain(client), std::slice::from_ref(&streaming.first.bytes)).ok(),
    };
    let Some(found) = found else { return Seen { valid: Some(false), ..Seen::default() } };
    let answer = Answer::collect(&found);
    Seen {
        answer: short_answer(&answer, pointer).as_deref().and_then(answer_key),
        valid: Some(is_usable(&answer)),
        ..Seen::default()
    }
}

/// Validators that cost nothing: an answer that is empty, cut or a refusal is none.
#[must_use]
pub fn is_usable(answer: &Answer) -> bool {
    let Some(choice) = answer.choices.first() else { return false };
    let ended =
        !matches!(choice.finish, Some(FinishReason::Length | FinishReason::ContentFilter | FinishReason::Refusal));
    let says = choice.parts.iter().any(|part| match part {
        Part::Text(text) => !text.trim().is_empty(),
        Part::ToolCall(_) => true,
        _ => false,
    });
    let declines = choice.parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    ended && says && !declines
}

/// The text by which answers are compared: a member of a JSON answer, a tool call, or all that was said.
#[must_use]
pub fn short_answer(answer: &Answer, pointer: Option<&str>) -> Option<String> {
    let choice = answer.choices.first()?;
    let mut said = String::new();
    for part in &choice.parts {
        match part {
            Part::Text(text) => said.push_str(text),
            Part::ToolCall(call) => said.push_str(&format!("{}({})", call.name, call.arguments)),
            _ => {}
        }
    }
    let parsed = || serde_json::from_str::<serde_json::Value>(&said).ok();
    match pointer {
        Some(pointer) => parsed()?.pointer(pointer).map(|value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        }),
        None => Some(
            parsed().filter(|value| value.is_object()).map_or(said, |value| steersman_core::canonical_json(&value)),
        ),
    }
}

/// What a router may see of a conversation: the user's last words.
#[must_use]
pub fn last_question(messages: &[Message]) -> &str {
    let last = messages.iter().rev().find(|message| message.role == Role::User);
    let text = last.and_then(|message| {
        message.parts.iter().rev().find_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        })
    });
    text.unwrap_or_default()
}

/// A uniform figure in `[0, 1)` that a request has once for each purpose.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn unit(id: &RequestId, purpose: &str) -> f64 {
    let [a, b, c, d, e, f, g, h, ..] = *ContentHash::of(format!("{purpose}/{id}").as_bytes()).as_bytes();
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]) >> 11) as f64 / (1_u64 << 53) as f64
}

/// What the client hears at once where its budgets do not cover whoever must answer: only the reference may, or nothing
/// was decided. What was reserved then covers the candidates of an objective and nothing else.
pub(crate) fn unaffordable(prepared: &Prepared) -> Option<Refusal> {
    let undecided = || prepared.shortage.as_ref().map(|shortage| shortage.refusal.clone());
    let Some(routed) = &prepared.routed else { return undecided() };
    let shortage = routed.shortage.as_ref().filter(|_| routed.chain.len() == 1)?;
    Some(routed.too_dear(shortage))
}

/// Whether a client asks for a task and leaves it to the task who answers.
fn is_asked_for(prepared: &Prepared) -> bool {
    prepared.asked.as_str().starts_with("task/")
}

/// A candidate with those of its places that may process the request.
fn kept(prepared: &Prepared, candidate: &Candidate) -> Option<Candidate> {
    prepared.demand.as_ref().map_or_else(|| Some(candidate.clone()), |demand| demand.keep(candidate))
}

/// Whether this is the arm, or a further place that serves it.
pub(crate) fn same(arm: &Candidate, asked: &Candidate) -> bool {
    let is = |provider: &steersman_core::ProviderName, model: &steersman_core::ModelName| {
        *provider == asked.provider.name && *model == asked.model
    };
    let here = is(&arm.provider.name, &arm.model)
        || arm.deployments.iter().any(|place| is(&place.provider.name, &place.model));
    here && arm.thought == asked.thought
}
