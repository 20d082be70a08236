//! One step of a run: the model's word, from the log where the run was there before, else asked now.
//!
//! What never happens here: a call is made.

use std::sync::Arc;

use bytes::Bytes;
use steersman_core::{ChatRequest, Code, Event, Part, ToolCall};
use steersman_wire::{Answer, Dialect, RequestHead};

use super::Offered;
use super::ending::first_choice;
use super::judge::Judge;
use super::log::RunLog;
use super::outlet::Outlet;
use super::planned::Slotted;
use super::run::Running;
use super::views::Views;
use crate::checks::Known;
use crate::guard::Report;
use crate::judged::revise;
use crate::pipeline::{Accepted, Streaming};
use crate::prepare::{Prepared, Target, prepare};
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::reply::Inbound;

/// A step of a run, and the tools that are ours in it.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) number: u32,
    pub(super) ours: &'a [Offered],
    /// Whether something of the run is kept even where it only reads.
    pub(super) leaves: bool,
    /// Its call, where the plan has it.
    pub(super) planned: Option<&'a Slotted>,
}

impl Turn<'_> {
    /// Its place in the log.
    pub(super) fn place(self) -> usize {
        usize::try_from(self.number).unwrap_or(usize::MAX)
    }
}

/// A step's answer and what it means.
pub(super) struct Said {
    pub(super) body: Bytes,
    pub(super) events: Vec<Event>,
    pub(super) parts: Vec<Part>,
    pub(super) calls: Vec<ToolCall>,
    pub(super) target: Option<Target>,
    pub(super) guard: Option<Report>,
    pub(super) shown: bool,
}

impl Running<'_> {
    /// The model's word in this step.
    pub(super) async fn step(
        &self,
        turn: Turn<'_>,
        views: &Views,
        judge: &Judge,
        log: &RunLog<'_>,
        recording: &mut Recording,
        outlet: Option<&mut Outlet>,
    ) -> Result<Said, Refusal> {
        let dialect = self.inbound.dialect;
        let inbound = self.written(&views.shown)?;
        let head = dialect.request_head(&inbound.body).map_err(Refusal::from)?;
        let mut prepared = self.prepared(turn, views, &inbound, &head, recording)?;
        prepared.text_flows = outlet.is_some()
            && prepared.guarded.as_ref().is_none_or(|guarded| guarded.lets_text_flow(&views.shown.tools));
        self.engine.heed_approvals(&inbound, &mut prepared).await;
        judge.heard(prepared.guarded.clone());
        if let Some(step) = log.content.steps.get(turn.place()) {
            return said(dialect, Bytes::from(step.answer.clone()), None, None);
        }
        if let Some(planned) = turn.planned {
            return self.as_said(&planned.call, prepared.guarded.as_ref());
        }
        let attempted =
            self.engine.attempt_until_accepted(&prepared, &inbound, &head, recording, self.deadline).await?;
        let report = || prepared.guarded.as_ref().and_then(|guarded| guarded.report());
        match attempted {
            (target, Accepted::Whole(body)) => said(dialect, body, Some(target), report()),
            (target, Accepted::Live(streaming)) => {
                let Some(outlet) = outlet else {
                    return Err(Refusal::new(Code::INTERNAL, "a step of a run was streamed"));
                };
                let (events, body) = self.pumped(streaming, &prepared, outlet, recording).await?;
                Ok(Said { events, shown: true, ..said(dialect, body, Some(target), report())? })
            }
        }
    }

    /// A conversation as a request of the client's protocol.
    fn written(&self, request: &ChatRequest) -> Result<Inbound, Refusal> {
        let body = Bytes::from(self.inbound.dialect.encode_request(request).map_err(Refusal::from)?.body);
        Ok(Inbound { body, ..self.inbound.clone() })
    }

    /// A step's request as it may be asked, with the labels of what truly stands in the conversation.
    fn prepared(
        &self,
        turn: Turn<'_>,
        views: &Views,
        inbound: &Inbound,
        head: &RequestHead<'_>,
        recording: &mut Recording,
    ) -> Result<Prepared, Refusal> {
        let mut prepared = prepare(&self.engine.catalog, &self.engine.forms, inbound, head)?;
        self.engine.stay_in_region(inbound, &mut prepared, recording)?;
        let truth = views.truth().map(|truth| self.written(&truth)).transpose()?;
        prepared.guarded = self.engine.label(truth.as_ref().unwrap_or(inbound), self.inbound, &prepared)?;
        if let (Some(checks), Some(truth)) = (&mut prepared.checks, truth) {
            checks.look_in(truth.body);
        }
        if let Some(guarded) = prepared.guarded.as_mut().and_then(Arc::get_mut) {
            if views.has_lost {
                guarded.guard.push_quoted("an earlier answer", "");
            }
            guarded.deferred = turn.ours.iter().map(|tool| tool.spec.name.clone()).collect();
            if turn.planned.is_none() {
                guarded.handles.clone_from(&views.handles);
            }
            guarded.slot = turn.planned.and_then(|planned| planned.slot.clone());
        }
        Ok(prepared)
    }

    /// Passes a streamed step on. What cannot be repaired goes on as it is: the tool says no, and the model reads why.
    async fn pumped(
        &self,
        streaming: Streaming,
        prepared: &Prepared,
        outlet: &mut Outlet,
        recording: &mut Recording,
    ) -> Result<(Vec<Event>, Bytes), Refusal> {
        let (dialect, idle) = (self.inbound.dialect, self.engine.settings.idle);
        let pumped = outlet.pump(streaming, dialect, recording, idle, self.deadline).await;
        let mut events = pumped.map_err(|failure| *failure.refusal)?;
        let judged = prepared.checks.as_ref().map(|checks| checks.judge(&Answer::collect(&events), &Known::default()));
        if let Some(Ok(passed)) = judged {
            events = revise(&events, &passed);
            recording.repaired(passed.repairs);
        }
        let body = dialect.encode_answer(&Answer::collect(&events), &self.inbound.answer_options(true)).body;
        Ok((events, Bytes::from(body)))
    }
}

/// An answer in the client's protocol, and what it means.
pub(super) fn said(
    dialect: &dyn Dialect,
    body: Bytes,
    target: Option<Target>,
    guard: Option<Report>,
) -> Result<Said, Refusal> {
    let events =
        dialect.decode_answer(&body).map_err(|error| Refusal::new(Code::UPSTREAM_MALFORMED, error.to_string()))?;
    let parts = first_choice(&events);
    let call = |part: &Part| if let Part::ToolCall(call) = part { Some(call.clone()) } else { None };
    let calls = parts.iter().filter_map(call).collect();
    Ok(Said { body, events, parts, calls, target, guard, shown: false })
}
