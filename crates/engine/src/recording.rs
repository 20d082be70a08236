//! One request's record while it is being made.
//!
//! Whoever holds the [`Recording`] owns the request's fate: [`Recording::deliver`] or [`Recording::fail`] says how it
//! ended, and dropping it without that says that the client went away, or that the gateway did. Either way the record
//! is offered exactly once, with the attempt that was under way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use steersman_core::{
    AttemptRecord, Code, ContentHash, FinishReason, ModelName, Note, OutcomeKind, Recorder, RequestRecord, TaskName,
    Timing, Usage, Usd,
};

use steersman_structured::{Alias, Repair};
use steersman_wire::{Loss, dialect};

use crate::admit::Admitted;
use crate::attempt::Attempt;
use crate::bulk::Reconciled;
use crate::cache::Lease;
use crate::checks::Checks;
use crate::cut::Cut;
use crate::forms::Forms;
use crate::guard::Report;
use crate::losses::Losses;
use crate::prepare::{Prepared, Target};
use crate::rejection::Rejection;
use crate::reply::Inbound;

/// The largest answer that is kept; a longer one is cut here, and the record says so by its length.
const MAX_KEPT_BYTES: usize = 4 << 20;

/// The longest name of a model that is kept of a request which was refused for it.
const MAX_MODEL_BYTES: usize = 256;

/// The longest header value that is written.
const MAX_HEADER_BYTES: usize = 4 << 10;

/// A record in the making.
pub(crate) struct Recording {
    record: Option<Box<RequestRecord>>,
    recorder: Arc<dyn Recorder>,
    cut: Cut,
    started: Instant,
    current: Option<Attempt>,
    released: Released,
    repairs: Vec<Repair>,
    /// Evidence for other names of members.
    learned: Vec<Alias>,
    /// What each answer did with the items of the question.
    bulk: Vec<Reconciled>,
    losses: Losses,
    /// Attempts of others beside this one, which end up on this record.
    beside: Arc<Mutex<Vec<AttemptRecord>>>,
    role: Role,
    admitted: Option<Admitted>,
    /// What it owes to those that ask the same.
    lease: Option<Lease>,
    /// Whether the guard refused a call of the answer.
    is_guarded: bool,
}

/// Whose record it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The request's own.
    Whole,
    /// A second attempt's; all that it leaves is that attempt.
    Aside,
    /// That of another question, asked for this one; all that it leaves is its attempts, with what they sent.
    Apart,
}

impl Recording {
    /// Starts the record of a request.
    #[must_use]
    pub(crate) fn open(recorder: Arc<dyn Recorder>, inbound: &Inbound) -> Self {
        let record = RequestRecord {
            id: inbound.id.clone(),
            started_at_us: inbound.started_at_us,
            task: TaskName::from("none"),
            protocol: inbound.dialect.name(),
            streamed: false,
            requested_model: ModelName::from(""),
            status: 0,
            outcome: OutcomeKind::Cancelled,
            code: None,
            usage: Usage::default(),
            cost: None,
            timing: Timing::default(),
            fingerprint: ContentHash::from_bytes([0; 32]),
            parameters: String::new(),
            request_body: inbound.body.clone(),
            response_body: Bytes::new(),
            attempts: Vec::new(),
            notes: Vec::new(),
        };
        let mut recording = Self {
            record: Some(Box::new(record)),
            recorder,
            cut: inbound.cut.clone(),
            started: inbound.started,
            current: None,
            released: Released::default(),
            repairs: Vec::new(),
            learned: Vec::new(),
            bulk: Vec::new(),
            losses: Losses::default(),
            beside: Arc::default(),
            role: Role::Whole,
            admitted: None,
            lease: None,
            is_guarded: false,
        };
        if inbound.waited_us > 0 {
            recording.note("queue", &serde_json::json!({ "waited_ms": inbound.waited_us / 1_000 }));
        }
        recording
    }

    /// When its request is cut.
    pub(crate) fn cut(&self) -> Cut {
        self.cut.clone()
    }

    /// A recording for another question. It leaves its attempts on this record, and nothing of what its answers needed.
    pub(crate) fn apart(&self) -> Self {
        let mut apart = self.aside();
        apart.role = Role::Apart;
        apart
    }

    /// A recording for one attempt beside this one's. Dropped, it leaves that attempt on this record.
    pub(crate) fn aside(&self) -> Self {
        Self {
            record: None,
            recorder: Arc::clone(&self.recorder),
            cut: self.cut.clone(),
            started: self.started,
            current: None,
            released: Released::default(),
            repairs: Vec::new(),
            learned: Vec::new(),
            bulk: Vec::new(),
            losses: Losses::default(),
            beside: Arc::clone(&self.beside),
            role: if self.role == Role::Apart { Role::Apart } else { Role::Aside },
            admitted: None,
            lease: None,
            is_guarded: false,
        }
    }

    /// Goes on with the attempt of a recording that ran beside this one.
    pub(crate) fn adopt(&mut self, mut aside: Self) {
        self.current = aside.current.take();
        self.repaired(std::mem::take(&mut aside.repairs));
        self.learned.append(&mut aside.learned);
        self.bulk.append(&mut aside.bulk);
        self.lost_in_answer(aside.losses.in_answer());
    }

    /// Fills in what the request turned out to be.
    pub(crate) fn describe(&mut self, prepared: &Prepared) {
        if let Some(record) = &mut self.record {
            record.task = prepared.task.clone();
            record.streamed = prepared.stream;
            record.requested_model = prepared.asked.clone();
            record.fingerprint = prepared.fingerprint;
            record.parameters.clone_from(&prepared.parameters);
        }
    }

    /// Says that the request is passed through an endpoint whose bodies are not read.
    pub(crate) fn pass(&mut self, protocol: &'static str) {
        if let Some(record) = &mut self.record {
            record.protocol = protocol;
            record.task = TaskName::from(protocol);
        }
    }

    /// Names the model that a request turned out to ask for.
    pub(crate) fn asks(&mut self, model: &ModelName) {
        if let Some(record) = &mut self.record {
            record.requested_model = model.clone();
        }
    }

    /// Notes how it was let in, which is settled when the record closes.
    pub(crate) fn admitted(&mut self, admitted: Admitted, report: Option<&serde_json::Value>) {
        self.admitted = Some(admitted);
        if let Some(report) = report {
            self.note("admit", report);
        }
    }

    /// How it was let in.
    pub(crate) const fn admission(&mut self) -> Option<&mut Admitted> {
        self.admitted.as_mut()
    }

    /// Promises its answer to those that ask the same.
    pub(crate) fn lead(&mut self, lease: Lease) {
        self.lease = Some(lease);
    }

    /// Microseconds since the request's first byte.
    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Starts the clock of an attempt.
    pub(crate) fn start_attempt(&mut self, target: &Target, reason: &'static str) {
        // What the client sent is on the record already; its bytes are shared, not copied.
        let own = match &self.record {
            Some(record) => record.request_body.as_ptr() == target.body.as_ptr(),
            None => self.role == Role::Aside,
        };
        let sent = (target.edited || !own).then(|| target.body.clone());
        self.current = Some(Attempt::start(target, sent, self.elapsed_us(), reason));
    }

    /// The attempt under way.
    pub(crate) const fn attempt(&mut self) -> Option<&mut Attempt> {
        self.current.as_mut()
    }

    /// Ends the attempt under way.
    pub(crate) fn end_attempt(&mut self, code: Option<&'static Code>) {
        let Some(attempt) = self.current.take() else { return };
        match &mut self.record {
            Some(record) => record.attempts.push(attempt.end(code)),
            None => self.beside.lock().unwrap_or_else(PoisonError::into_inner).push(attempt.end(code)),
        }
    }

    /// Ends the attempt under way, whose answer is not given to the client; it is kept, for labels to be made from.
    pub(crate) fn hold_back(&mut self, answer: Option<Bytes>) {
        if let (Some(attempt), Some(answer)) = (&mut self.current, answer) {
            attempt.keep_first(answer);
        }
        self.end_attempt(None);
    }

    /// How many attempts have ended.
    pub(crate) fn attempts(&self) -> usize {
        self.record.as_ref().map_or(0, |record| record.attempts.len())
    }

    /// Notes bytes that go to the client; the first content among them stops the first-token clock.
    pub(crate) fn release(&mut self, bytes: &Bytes, has_content: bool) {
        self.released.push(bytes);
        if has_content && self.record.as_ref().is_some_and(|record| record.timing.first_token_us.is_none()) {
            let now = self.elapsed_us();
            if let Some(record) = &mut self.record {
                record.timing.first_token_us = Some(now);
            }
        }
    }

    /// Notes how long the gate held an answer that was ready.
    pub(crate) fn held(&mut self, hold_us: u64) {
        if let Some(record) = &mut self.record {
            record.timing.hold_us += hold_us;
        }
    }

    /// Keeps what a room decided; a second note of one room takes the place of its first.
    ///
    /// A note that cannot be written as JSON is left out: the record is telemetry and fails open.
    pub(crate) fn note(&mut self, room: &'static str, content: &impl serde::Serialize) {
        let Some(record) = &mut self.record else { return };
        let Ok(content) = serde_json::to_string(content) else { return };
        record.notes.retain(|note| note.room != room);
        record.notes.push(Note { room, content });
    }

    /// Notes what the guard said of the answer.
    pub(crate) fn guarded(&mut self, report: &Report) {
        self.note("guard", report);
        self.is_guarded = report.has_refused();
    }

    /// The answer of the attempt under way declines in place of a value.
    pub(crate) fn declined(&mut self) {
        self.attempt().into_iter().for_each(Attempt::decline);
    }

    /// Notes each change that was made to the answer.
    pub(crate) fn repaired(&mut self, repairs: Vec<Repair>) {
        self.repairs.extend(repairs);
    }

    /// Forgets what was noted of an answer that was passed over: another one counts.
    pub(crate) fn passed_over(&mut self) {
        self.repairs.clear();
        self.learned.clear();
        self.bulk.clear();
        self.losses.forget_answer();
    }

    /// Notes what the request lost on its way to the provider that answered.
    pub(crate) fn lost_in_request(&mut self, losses: &[Loss]) {
        self.losses.of_request(losses);
        self.note_losses();
    }

    /// Notes what the answer lost on its way back.
    pub(crate) fn lost_in_answer(&mut self, losses: &[Loss]) {
        self.losses.of_answer(losses);
        self.note_losses();
    }

    fn note_losses(&mut self) {
        if let Some(note) = self.losses.note() {
            self.note("losses", &note);
        }
    }

    /// What was lost so far, as a header's value; `None` if nothing was.
    pub(crate) fn losses_header(&self) -> Option<String> {
        self.losses.header()
    }

    /// Notes what an answer says about other names of members.
    pub(crate) fn learned(&mut self, aliases: Vec<Alias>) {
        self.learned.extend(aliases);
    }

    /// Notes what was wrong with an answer that is not released.
    pub(crate) fn rejected(&mut self, rejection: &Rejection) {
        let mut note = serde_json::json!({ "rejected": rejection });
        if let Some(members) = note.as_object_mut() {
            members.extend(self.items());
        }
        self.note("structured", &note);
    }

    fn items(&mut self) -> Option<(String, serde_json::Value)> {
        let bulk = std::mem::take(&mut self.bulk);
        (!bulk.is_empty()).then(|| ("items".to_owned(), serde_json::json!(bulk)))
    }

    /// Notes what an answer did with the items of the question.
    pub(crate) fn reconciled(&mut self, bulk: Option<Reconciled>) {
        self.bulk.extend(bulk);
    }

    /// Notes what became of the form that was asked for, and counts what the answer needed.
    pub(crate) fn formed(&mut self, forms: &Forms, checks: &Checks, target: &Target) {
        let asked = format!("{}/{}", target.candidate.provider.name, target.candidate.model);
        let served = self.current.as_ref().and_then(Attempt::served).unwrap_or(&target.candidate.model).to_string();
        let repairs = std::mem::take(&mut self.repairs);
        let alarms = forms.drift.observe(&asked, &served, &checks.name, &repairs);
        forms.drift.learn(&asked, &checks.name, std::mem::take(&mut self.learned));
        let mut note = serde_json::json!({ "schema": checks.name, "repairs": repairs });
        if let Some(members) = note.as_object_mut() {
            members.extend(target.constraint.as_ref().map(|form| ("form".to_owned(), serde_json::json!(form))));
            members.extend(self.items());
            members.extend((!alarms.is_empty()).then(|| ("alarms".to_owned(), serde_json::json!(alarms))));
        }
        self.note("structured", &note);
        self.repairs = repairs;
    }

    /// The changes as a header's value: JSON, the first ones of it that fit; `None` if there were none.
    pub(crate) fn repairs_header(&self) -> Option<String> {
        let mut list = String::from("[");
        for repair in &self.repairs {
            let text = in_ascii(&serde_json::to_string(repair).ok()?);
            if list.len() + text.len() + 2 > MAX_HEADER_BYTES {
                break;
            }
            list.push_str(if list.len() > 1 { "," } else { "" });
            list.push_str(&text);
        }
        list.push(']');
        let none_fits = || format!("{} repairs", self.repairs.len());
        (!self.repairs.is_empty()).then(|| if list.len() > 2 { list } else { none_fits() })
    }

    /// Ends a request whose answer was delivered: what the last attempt says of it decides the outcome. Gives the cost.
    pub(crate) fn deliver(mut self) -> Option<Usd> {
        let outcome = match &self.current {
            Some(attempt) if attempt.is_refusal() => OutcomeKind::Refused,
            Some(attempt) if attempt.finish_reason() == Some(FinishReason::Length) => OutcomeKind::Truncated,
            _ if self.is_guarded => OutcomeKind::Guarded,
            _ => OutcomeKind::Accepted,
        };
        self.end_attempt(None);
        let cost = self.cost();
        self.close(200, outcome, None);
        cost
    }

    /// What all attempts so far cost together.
    pub(crate) fn cost(&self) -> Option<Usd> {
        let beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        let own = self.record.as_ref().map_or(&[][..], |record| &record.attempts);
        Some(total_cost(own)? + total_cost(&beside)?)
    }

    /// Ends a request that failed.
    pub(crate) fn fail(mut self, status: u16, code: &'static Code) {
        self.end_attempt(Some(code));
        let outcome = match code.name {
            "output_rejected" => OutcomeKind::Rejected,
            "output_truncated" | "output_starved" => OutcomeKind::Truncated,
            _ => OutcomeKind::Failed,
        };
        self.close(status, outcome, Some(code));
    }

    fn close(&mut self, status: u16, outcome: OutcomeKind, code: Option<&'static Code>) {
        let total_us = self.elapsed_us();
        let Some(mut record) = self.record.take() else { return };
        record.status = status;
        record.outcome = outcome;
        record.code = code;
        record.timing.total_us = total_us;
        if record.requested_model.as_str().is_empty()
            && let Some(asked) = asked_for(&record)
        {
            record.requested_model = asked;
        }
        let beside = std::mem::take(&mut *self.beside.lock().unwrap_or_else(PoisonError::into_inner));
        if !beside.is_empty() {
            record.attempts.extend(beside);
            record.attempts.sort_by_key(|attempt| attempt.started_us);
        }
        record.timing.connect_us = record.attempts.last().and_then(|attempt| attempt.timing.connect_us);
        for attempt in &record.attempts {
            record.usage = sum(&record.usage, &attempt.usage);
        }
        record.cost = total_cost(&record.attempts);
        if let Some(admitted) = self.admitted.take() {
            // What was answered from the cache or refused by every provider took none.
            let is_free = record.attempts.iter().all(|attempt| attempt.status.is_some_and(|status| status >= 400));
            admitted.settle(record.cost, if is_free { Some(0) } else { record.usage.total_tokens() });
        }
        let is_whole = self.released.is_whole();
        record.response_body = std::mem::take(&mut self.released).whole();
        if let Some(lease) = self.lease.take() {
            lease.settle(&record, is_whole);
        }
        self.recorder.record(*record);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let code = if self.cut.is_made() { Code::SHUTTING_DOWN } else { Code::CLIENT_GONE };
        self.end_attempt(Some(code));
        if self.role != Role::Whole {
            return;
        }
        self.close(code.status, OutcomeKind::Cancelled, Some(code));
    }
}

/// The model that a request names which was refused before it was made ready: whoever looks for the mistake looks for
/// that name. It may be of any length, and no more of it is kept than a name has.
fn asked_for(record: &RequestRecord) -> Option<ModelName> {
    let head = dialect(record.protocol)?.request_head(&record.request_body).ok()?;
    let name = head.model.get(..head.model.floor_char_boundary(MAX_MODEL_BYTES))?;
    Some(ModelName::from(name))
}

/// An attempt that got no answer at all (no status) is not billed; any other without a known cost makes the sum
/// unknown.
fn total_cost(attempts: &[AttemptRecord]) -> Option<Usd> {
    attempts
        .iter()
        .filter(|attempt| attempt.status.is_some_and(|status| status < 400))
        .map(|attempt| attempt.cost)
        .sum()
}

fn sum(a: &Usage, b: &Usage) -> Usage {
    let add = |x: Option<u64>, y: Option<u64>| match (x, y) {
        (None, None) => None,
        _ => Some(x.unwrap_or(0) + y.unwrap_or(0)),
    };
    Usage {
        input_tokens: add(a.input_tokens, b.input_tokens),
        cache_read_tokens: add(a.cache_read_tokens, b.cache_read_tokens),
        cache_write_tokens: add(a.cache_write_tokens, b.cache_write_tokens),
        output_tokens: add(a.output_tokens, b.output_tokens),
        reasoning_tokens: add(a.reasoning_tokens, b.reasoning_tokens),
    }
}

/// JSON in which every character beyond ASCII is escaped: a header takes no other.
fn in_ascii(json: &str) -> String {
    let mut units = [0; 2];
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        if c.is_ascii() {
            out.push(c);
        } else {
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
        out
    })
}

/// What went to the client. A stream's pieces are copied together at once: kept as they came, each would hold on to the
/// buffer that it was read into.
#[derive(Default)]
struct Released {
    first: Bytes,
    joined: BytesMut,
}

impl Released {
    fn push(&mut self, bytes: &Bytes) {
        if self.joined.is_empty() && self.first.is_empty() {
            self.first = bytes.slice(..bytes.len().min(MAX_KEPT_BYTES));
        } else if self.first.len() + self.joined.len() < MAX_KEPT_BYTES {
            self.joined.extend_from_slice(&std::mem::take(&mut self.first));
            self.joined.extend_from_slice(bytes);
        }
    }

    /// Whether nothing was left out.
    fn is_whole(&self) -> bool {
        self.first.len() + self.joined.len() < MAX_KEPT_BYTES
    }

    fn whole(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}
