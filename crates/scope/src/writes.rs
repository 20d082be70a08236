//! The life of one write: planned, intended durably, sent, recorded; and what happens when the answer is lost.
//!
//! The order is the whole point. Nothing is sent before its intent is on disk under a living lease. What was perhaps
//! sent is sent again only with evidence: the sink takes keys, or was asked and had not acted, or a person said so.
//! Without evidence it stays `Unknown`, which is shown and never guessed away.

use std::sync::Arc;
use std::time::Duration;

use crate::authorise::Verdict;
use crate::effect::{Change, EffectRecord, Evidence, Means, State, Witness};
use crate::failpoint::reached;
use crate::failure::Cause;
use crate::key::EffectKey;
use crate::ledger::{LedgerError, NewEffect, Plan, Start};
use crate::meter::Meter;
use crate::reply::{Refusal, Status, ToolReply};
use crate::runner::{Entry, Prepared, RunState, Runner, admit, proposed, tell};
use crate::scope::Scope;
use crate::send::pause;
use crate::sync::{Mutex, lock};
use crate::tool::{Dispatch, Lookup, ToolFault};

/// How often planning is tried again after a twin that stood in the way turned out not to have happened.
const PLAN_TRIES: u32 = 3;

/// How often an effect that another gateway is sending is looked at again.
const SENDER_PAUSE: Duration = Duration::from_millis(100);

/// By whose word a call is made that no person was asked about.
const POLICY: &str = "policy";

/// What of a call is in flight: known outside the call's own task, since that task may be stopped hard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flight(Arc<Mutex<Option<(EffectKey, u32)>>>);

impl Flight {
    /// The effect and attempt that may have been sent and whose outcome is not recorded.
    pub(crate) fn sent(&self) -> Option<(EffectKey, u32)> {
        *lock(&self.0)
    }

    fn set(&self, sent: Option<(EffectKey, u32)>) {
        *lock(&self.0) = sent;
    }
}

/// What one send needs to know besides the effect.
pub(crate) struct Sending<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) entry: &'a Entry,
    pub(crate) dispatch: Dispatch,
    pub(crate) meter: &'a Meter,
    pub(crate) flight: &'a Flight,
}

/// Where an effect stands after work on it, and how much was sent for that.
pub(crate) struct Worked {
    pub(crate) effect: EffectRecord,
    pub(crate) sends: u32,
}

impl Worked {
    fn still(effect: EffectRecord) -> Self {
        Self { effect, sends: 0 }
    }
}

impl Runner {
    /// Makes a write, or says why not.
    pub(crate) async fn write(self, scope: Scope, run: Arc<RunState>, call: Prepared, flight: Flight) -> ToolReply {
        let meter = match Meter::reserve(&scope, call.entry.tool.contract()) {
            Ok(meter) => meter,
            Err(over) => return call.refuse(Refusal::OverBudget(over)),
        };
        self.record_if_stopped_hard(&scope, &flight);
        let written = tokio::select! {
            biased;
            // Before anything is planned, cancellation wins. Once planned, the protocol runs to a recorded end.
            () = scope.cancelled() => return cancelled(&call),
            opened = run.open(self.ledger()) => opened,
        };
        if let Err(error) = written {
            return call.refuse(Refusal::LedgerDown(error.to_string()));
        }
        let reply = self.plan_and_carry_out(&scope, &call, &meter, &flight).await;
        reply.unwrap_or_else(|error| match flight.sent() {
            Some((key, _)) => {
                let text = format!("its outcome could not be recorded: {error}");
                ToolReply { effect: Some(key), ..call.reply(Status::Unknown, text) }
            }
            None => call.refuse(Refusal::LedgerDown(error.to_string())),
        })
    }

    /// If the call's task is stopped hard while something is in flight, the scope's clean-up records that.
    pub(crate) fn record_if_stopped_hard(&self, scope: &Scope, flight: &Flight) {
        let (ledger, flight) = (self.shared_ledger(), flight.clone());
        scope.on_close("record effect in flight", async move {
            if let Some((key, attempt)) = flight.sent() {
                // If this fails too, the effect stays at `intent`, which counts as unknown wherever it is read.
                drop(ledger.advance(key, attempt, Change::Lose("stopped hard".to_owned())).await);
            }
        });
    }

    async fn plan_and_carry_out(
        &self,
        scope: &Scope,
        call: &Prepared,
        meter: &Meter,
        flight: &Flight,
    ) -> Result<ToolReply, LedgerError> {
        let key = EffectKey::of(&call.slot, &call.call.name, &call.canonical);
        reached(self.options().probe.as_ref(), "plan.before").await;
        if let Verdict::Deny(why) = &call.verdict {
            // What was done before it was forbidden is still what happened.
            let known = self.ledger().effect(key).await?.filter(|known| known.state == State::Committed);
            return Ok(match known {
                Some(done) => said(call, &Worked::still(done), true),
                None => call.refuse(Refusal::Denied(why.clone())),
            });
        }
        for _ in 0..PLAN_TRIES {
            let ready = async {
                let claim = self.claims().take(key).await;
                // The wait for a free place belongs before the intent: what waits has not been sent.
                (claim, admit(call.entry.limiter.as_ref()).await)
            };
            let (claim, admission) = tokio::select! {
                biased;
                () = scope.cancelled() => return Ok(cancelled(call)),
                ready = ready => ready,
            };
            let dispatch = call.dispatch(scope, Some(key));
            let sending = Sending { scope, entry: &call.entry, dispatch, meter, flight };
            match self.ledger().plan(new_effect(call)).await? {
                Plan::Conflict(_) => return Ok(call.refuse(Refusal::SlotTaken)),
                Plan::New(effect) => return self.carry_out(call, effect, sending, false).await,
                Plan::Known(effect) => return self.carry_out(call, effect, sending, true).await,
                Plan::Twin(other) => {
                    drop((claim, admission));
                    if let Some(reply) = self.after_twin(call, &other, sending).await? {
                        return Ok(reply);
                    }
                }
            }
        }
        Ok(call.refuse(Refusal::SlotTaken))
    }

    /// Takes an effect of this call from where it stands to where it can go.
    async fn carry_out(
        &self,
        call: &Prepared,
        effect: EffectRecord,
        sending: Sending<'_>,
        known: bool,
    ) -> Result<ToolReply, LedgerError> {
        let worked = match effect.state {
            State::Planned | State::Committed | State::Failed | State::Void => Worked::still(effect),
            State::Authorised => {
                let (key, attempt) = (effect.key, effect.attempt);
                let effect = self.ledger().advance(key, attempt, Change::Intend(Evidence::FirstSend)).await?;
                self.first_send(call, effect, &sending).await?
            }
            State::Intent if !known => self.first_send(call, effect, &sending).await?,
            State::Intent | State::Dispatched | State::Unknown => self.settle(effect, &sending).await?,
        };
        let replayed = known && worked.sends == 0;
        Ok(said(call, &worked, replayed))
    }

    async fn first_send(
        &self,
        call: &Prepared,
        effect: EffectRecord,
        sending: &Sending<'_>,
    ) -> Result<Worked, LedgerError> {
        if effect.state == State::Unknown {
            return self.settle(effect, sending).await;
        }
        if self.authorise().revision() != call.revision {
            let verdict = self.authorise().judge(&[proposed(call)]).into_iter().next();
            let person = effect.authorised_by.as_deref().is_some_and(|by| by != POLICY);
            let allowed = verdict == Some(Verdict::Allow) || (verdict == Some(Verdict::Ask) && person);
            if !allowed {
                let change = Change::Fail("what was learnt since forbids it".to_owned(), Witness::Answer);
                return self.ledger().advance(effect.key, effect.attempt, change).await.map(Worked::still);
            }
        }
        let worked = self.send(effect, sending).await?;
        self.reconcile(worked, sending).await
    }

    /// Sends an intended effect, records what came of it, and tries again what surely did not reach the tool.
    pub(crate) async fn send(&self, effect: EffectRecord, sending: &Sending<'_>) -> Result<Worked, LedgerError> {
        let Sending { scope, entry, dispatch, meter, flight } = sending;
        let (key, attempt, probe) = (effect.key, effect.attempt, self.options().probe.as_ref());
        let attempts = entry.tool.contract().attempts.max(1);
        self.options().retry_budget.earn();
        let mut sends = 0;
        loop {
            reached(probe, "dispatch.before").await;
            flight.set(Some((key, attempt)));
            self.ledger().dispatched(key, attempt);
            sends += 1;
            let ended = self.call_once(&*entry.tool, dispatch.clone(), meter, self.options().on_cancel).await;
            reached(probe, "dispatch.answered").await;
            let retry_after = tell(entry.limiter.as_ref(), &ended);
            let idle = matches!(ended, Err(ToolFault::NotSent(_) | ToolFault::Throttled { .. }));
            let retry = idle && sends < attempts && self.options().retry_budget.spend();
            if retry && self.wait_to_retry(scope, sends - 1, retry_after).await {
                continue;
            }
            let effect = self.record(key, attempt, change_for(ended)).await?;
            flight.set(None);
            reached(probe, "outcome.recorded").await;
            return Ok(Worked { effect, sends });
        }
    }

    /// Records an outcome. Whoever was faster (an operator who marked it) has the last word.
    async fn record(&self, key: EffectKey, attempt: u32, change: Change) -> Result<EffectRecord, LedgerError> {
        match self.ledger().advance(key, attempt, change).await {
            Err(LedgerError::Moved(effect)) => Ok(*effect),
            other => other,
        }
    }

    /// Resolves an effect whose outcome was lost, by whoever worked on it before, as far as its means allow.
    pub(crate) async fn settle(&self, mut effect: EffectRecord, sending: &Sending<'_>) -> Result<Worked, LedgerError> {
        while matches!(effect.state, State::Intent | State::Dispatched) {
            let lost = Change::Lose("its sender ended before it recorded an outcome".to_owned());
            effect = self.record(effect.key, effect.attempt, lost).await?;
            // A ledger that knows that the sender lives (another gateway) does not let it be lost: its end is awaited.
            let in_flight = matches!(effect.state, State::Intent | State::Dispatched);
            if in_flight && !pause(sending.scope, SENDER_PAUSE).await {
                break;
            }
            effect = match in_flight {
                true => self.ledger().effect(effect.key).await?.unwrap_or(effect),
                false => effect,
            };
        }
        self.reconcile(Worked::still(effect), sending).await
    }

    pub(crate) async fn reconcile(&self, mut worked: Worked, sending: &Sending<'_>) -> Result<Worked, LedgerError> {
        for retry in 0..self.options().reconcile_tries {
            if worked.effect.state != State::Unknown || sending.scope.is_cancelled() {
                return Ok(worked);
            }
            reached(self.options().probe.as_ref(), "reconcile.before").await;
            if retry > 0 && !self.wait_to_retry(sending.scope, retry - 1, None).await {
                return Ok(worked);
            }
            // What the tool could do when the effect was planned may not be what it can do by now, and the other way.
            let means = Some(worked.effect.means).filter(|means| *means == Means::from(sending.entry.tool.contract()));
            let evidence = match means.unwrap_or(Means::Opaque) {
                Means::Opaque => return Ok(worked),
                Means::Keyed => Evidence::Keyed,
                Means::Lookup => match self.look_up(&worked.effect, sending).await {
                    Some(Lookup::Happened(output)) => {
                        let change = Change::Commit(output, Witness::Lookup);
                        worked.effect = self.record(worked.effect.key, worked.effect.attempt, change).await?;
                        return Ok(worked);
                    }
                    // Its last sender may still be alive and send it any time: absence proves nothing.
                    Some(Lookup::Absent) if !worked.effect.contested => Evidence::Absent,
                    Some(Lookup::Absent | Lookup::Unsupported) => return Ok(worked),
                    None => continue,
                },
            };
            let intended = self.record(worked.effect.key, worked.effect.attempt, Change::Intend(evidence)).await?;
            if intended.state == State::Intent {
                let again = self.send(intended, sending).await?;
                worked = Worked { sends: worked.sends + again.sends, ..again };
            } else {
                worked.effect = intended;
            }
        }
        Ok(worked)
    }

    /// Asks whether an effect happened. That it did not is believed only after every earlier send must have ended.
    pub(crate) async fn look_up(&self, effect: &EffectRecord, sending: &Sending<'_>) -> Option<Lookup> {
        let ask = async || {
            let asked = sending.entry.tool.look_up(sending.dispatch.clone());
            let limit = sending.entry.tool.contract().timeout().unwrap_or(self.options().timeout);
            tokio::time::timeout(limit, asked).await.ok()?.ok()
        };
        let first = ask().await?;
        reached(self.options().probe.as_ref(), "reconcile.looked_up").await;
        if first != Lookup::Absent || effect.contested {
            return Some(first);
        }
        if !pause(sending.scope, self.options().absence_after).await {
            return None;
        }
        ask().await
    }

    /// What to say when the same call stands elsewhere in the run; `None` if it turned out not to have happened.
    async fn after_twin(
        &self,
        call: &Prepared,
        other: &EffectRecord,
        mut sending: Sending<'_>,
    ) -> Result<Option<ToolReply>, LedgerError> {
        // If it is being made right now, its end is worth waiting for.
        let claim = tokio::select! {
            biased;
            () = sending.scope.cancelled() => return Ok(Some(cancelled(call))),
            claim = self.claims().take(other.key) => claim,
        };
        let other = self.ledger().effect(other.key).await?.unwrap_or_else(|| other.clone());
        sending.dispatch.key = Some(other.key);
        let worked = match other.state {
            State::Intent | State::Dispatched | State::Unknown => self.settle(other, &sending).await?,
            _ => Worked::still(other),
        };
        drop(claim);
        let (text, of) = (worked.effect.detail.clone(), worked.effect.slot.clone());
        let status = match worked.effect.state {
            State::Committed => Status::Duplicate { of },
            State::Planned | State::Authorised => Status::Waiting,
            State::Failed | State::Void => return Ok(None),
            State::Intent | State::Dispatched | State::Unknown => Status::Unknown,
        };
        let reply = call.reply(status, text);
        Ok(Some(ToolReply { effect: Some(worked.effect.key), sends: worked.sends, ..reply }))
    }

    /// Resolves every effect that an owner that is gone left open, as far as possible without a person. Can be killed
    /// and started again at any moment. Returns what is still open.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn recover(&self, scope: &Scope) -> Result<Vec<EffectRecord>, LedgerError> {
        let mut left = Vec::new();
        for effect in self.ledger().orphans().await? {
            let sent = matches!(effect.state, State::Intent | State::Dispatched | State::Unknown);
            let (true, Some(entry)) = (sent && !scope.is_cancelled(), self.entry(&effect.tool)) else {
                left.push(effect);
                continue;
            };
            let worked = self.work_on(scope, Arc::clone(entry), effect.key).await?;
            left.extend(worked.filter(EffectRecord::is_open));
        }
        Ok(left)
    }

    pub(crate) async fn work_on(
        &self,
        scope: &Scope,
        entry: Arc<Entry>,
        key: EffectKey,
    ) -> Result<Option<EffectRecord>, LedgerError> {
        let _claim = self.claims().take(key).await;
        let Some(effect) = self.ledger().effect(key).await? else {
            return Ok(None);
        };
        if !matches!(effect.state, State::Intent | State::Dispatched | State::Unknown) {
            return Ok(Some(effect));
        }
        let flight = Flight::default();
        let Ok(meter) = Meter::reserve(scope, entry.tool.contract()) else {
            return Ok(Some(effect));
        };
        let arguments = serde_json::from_str(&effect.arguments).unwrap_or_default();
        let dispatch = Dispatch { key: Some(key), arguments, scope: scope.clone() };
        let sending = Sending { scope, entry: &entry, dispatch, meter: &meter, flight: &flight };
        self.settle(effect, &sending).await.map(|worked| Some(worked.effect))
    }
}

fn new_effect(call: &Prepared) -> NewEffect {
    let contract = call.entry.tool.contract();
    let start = match call.verdict {
        Verdict::Ask => Start::Waiting,
        Verdict::Allow | Verdict::Deny(_) => Start::Sending(POLICY.to_owned()),
    };
    NewEffect {
        slot: call.slot.clone(),
        tool: call.call.name.clone(),
        arguments: call.canonical.clone(),
        effect: contract.effect,
        means: Means::from(contract),
        start,
    }
}

fn cancelled(call: &Prepared) -> ToolReply {
    call.reply(Status::Cancelled(Cause::Requested), "cancelled before it was sent")
}

fn change_for(ended: Result<String, ToolFault>) -> Change {
    match ended {
        Ok(text) => Change::Commit(text, Witness::Answer),
        Err(fault @ (ToolFault::Lost(_) | ToolFault::TimedOut(_))) => Change::Lose(fault.to_string()),
        Err(fault) => Change::Fail(fault.to_string(), Witness::Answer),
    }
}

/// The reply for an effect of this call that stands here.
fn said(call: &Prepared, worked: &Worked, replayed: bool) -> ToolReply {
    let status = match worked.effect.state {
        State::Committed if replayed => Status::Replayed,
        State::Committed => Status::Done,
        State::Failed => Status::Failed,
        State::Planned | State::Authorised | State::Void => Status::Waiting,
        State::Intent | State::Dispatched | State::Unknown => Status::Unknown,
    };
    let reply = call.reply(status, worked.effect.detail.clone());
    ToolReply { effect: Some(worked.effect.key), sends: worked.sends, ..reply }
}
