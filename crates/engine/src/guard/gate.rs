//! The gate between a provider's events and the client's: tool calls wait until they are decided, text flows on.
//!
//! Text is let through word by word, since a link must be seen whole to be judged; a call waits until its answer ends,
//! since calls proposed together are decided together. In observing mode the events pass as they came.
//!
//! What never happens here: a call that was not decided is never released, also when an answer breaks off.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use steersman_core::{Event, FinishReason};
use steersman_flow::{Decision, ProposedCall, call_hash};

use super::report::{Judged, REFUSED, Report};
use super::{GuardMode, Guarded, OnDeny};

/// Punctuation at which text may be cut without cutting a link in two, beside white space.
const BORDERS: &str = "\"'`<>()[]{}|,。，、！？；「」『』（）…—";
/// The longest link that a report repeats.
const SHOWN: usize = 200;

/// The gate of one answer.
pub(crate) struct Gate {
    guarded: Arc<Guarded>,
    choices: BTreeMap<u32, Waiting>,
    report: Report,
    changed: bool,
    done: bool,
}

/// What one choice has said and the client has not received.
#[derive(Default)]
struct Waiting {
    text: String,
    /// Whether the text is a trace of thought.
    thinks: bool,
    /// Whether the thought so far leaves other than it came, so that no seal fits it.
    altered: bool,
    calls: Vec<Call>,
}

struct Call {
    index: u32,
    id: String,
    name: String,
    arguments: String,
}

impl Gate {
    pub(crate) fn new(guarded: Arc<Guarded>) -> Self {
        let report = Report {
            mode: guarded.mode.name(),
            context: guarded.guard.label().integrity.name(),
            calls: Vec::new(),
            links: Vec::new(),
            stripped: Vec::new(),
            decision_us: 0,
        };
        Self { guarded, choices: BTreeMap::new(), report, changed: false, done: false }
    }

    /// Takes the next event of the provider and appends what the client may receive.
    pub(crate) fn push(&mut self, event: &Event, out: &mut Vec<Event>) {
        let observing = self.guarded.mode == GuardMode::Observe;
        let mut released = Vec::new();
        match event {
            Event::Text { choice, text } => self.hear(*choice, text, false, &mut released),
            Event::Reasoning { choice, text } => self.hear(*choice, text, true, &mut released),
            Event::ReasoningSeal { choice, .. } => {
                self.flush_text(*choice, &mut released);
                let altered = |waiting: &mut Waiting| std::mem::take(&mut waiting.altered);
                if !self.choices.get_mut(choice).is_some_and(altered) {
                    released.push(event.clone());
                }
            }
            Event::ToolCall { choice, index, id, name } => {
                self.flush_text(*choice, &mut released);
                let call = Call { index: *index, id: id.clone(), name: name.clone(), arguments: String::new() };
                self.choices.entry(*choice).or_default().calls.push(call);
            }
            Event::ToolArguments { choice, index, text } => self.add_arguments(*choice, *index, text),
            Event::Finish { choice, reason } => self.finish(*choice, *reason, &mut released),
            Event::Refusal { choice, .. } => {
                self.flush_text(*choice, &mut released);
                released.push(event.clone());
            }
            Event::Done => {
                self.end(&mut released);
                released.push(Event::Done);
            }
            Event::Start { .. } | Event::Foreign { .. } | Event::Usage(_) | Event::Error { .. } => {
                released.push(event.clone());
            }
        }
        if observing {
            out.push(event.clone());
        } else {
            out.append(&mut released);
        }
    }

    /// Takes the events of a whole answer. `None` if they may leave as they came.
    pub(crate) fn whole(&mut self, events: &[Event]) -> Option<Vec<Event>> {
        let mut out = Vec::with_capacity(events.len());
        events.iter().for_each(|event| self.push(event, &mut out));
        if !self.done {
            self.end(&mut out);
        }
        (self.changed && self.guarded.rewrites()).then_some(out)
    }

    /// Whether the operator wants this answer refused as a whole.
    pub(crate) fn refuses(&self) -> Option<&Report> {
        let wanted = self.guarded.rewrites() && self.guarded.on_deny == OnDeny::Error;
        (wanted && self.report.refused().next().is_some()).then_some(&self.report)
    }

    /// Whether anything left, or will leave, other than it came.
    pub(crate) const fn has_changed(&self) -> bool {
        self.changed
    }

    /// Whether everything that came in has been let through.
    pub(crate) fn is_empty(&self) -> bool {
        self.choices.values().all(|waiting| waiting.text.is_empty() && waiting.calls.is_empty())
    }

    /// What was decided, once the answer has ended.
    pub(crate) fn report(&self) -> Option<&Report> {
        self.done.then_some(&self.report)
    }

    /// The answer is over: what still waits had no end of its own.
    fn end(&mut self, out: &mut Vec<Event>) {
        for choice in self.choices.keys().copied().collect::<Vec<_>>() {
            self.settle(choice, out);
        }
        self.done = true;
        self.guarded.keep(self.report.clone());
    }

    /// More of a text or a thought. What waits of the other goes first.
    fn hear(&mut self, choice: u32, text: &str, thinks: bool, out: &mut Vec<Event>) {
        if self.choices.entry(choice).or_default().thinks != thinks {
            self.flush_text(choice, out);
        }
        let waiting = self.choices.entry(choice).or_default();
        waiting.thinks = thinks;
        waiting.text.push_str(text);
        self.flush_words(choice, out);
    }

    /// Lets all text through that cannot be the beginning of a link.
    fn flush_words(&mut self, choice: u32, out: &mut Vec<Event>) {
        let Some(waiting) = self.choices.get_mut(&choice) else { return };
        let border = |c: char| c.is_whitespace() || BORDERS.contains(c);
        let Some((at, last)) = waiting.text.char_indices().rev().find(|(_, c)| border(*c)) else { return };
        let rest = waiting.text.split_off(at + last.len_utf8());
        let ready = std::mem::replace(&mut waiting.text, rest);
        self.release(choice, &ready, out);
    }

    fn flush_text(&mut self, choice: u32, out: &mut Vec<Event>) {
        let ready = self.choices.get_mut(&choice).map(|waiting| std::mem::take(&mut waiting.text)).unwrap_or_default();
        self.release(choice, &ready, out);
    }

    fn release(&mut self, choice: u32, text: &str, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let answer = self.guarded.guard.check_answer(text);
        self.changed |= !answer.neutralised.is_empty();
        let shown = |link: String| link.chars().take(SHOWN).collect();
        let altered = !answer.neutralised.is_empty();
        self.report.links.extend(answer.neutralised.into_iter().map(shown));
        let waiting = self.choices.entry(choice).or_default();
        waiting.altered |= altered && waiting.thinks;
        let text = answer.text;
        out.push(if waiting.thinks { Event::Reasoning { choice, text } } else { Event::Text { choice, text } });
    }

    fn add_arguments(&mut self, choice: u32, index: u32, more: &str) {
        let calls = self.choices.get_mut(&choice).map(|waiting| &mut waiting.calls);
        let call = calls.and_then(|calls| calls.iter_mut().rev().find(|call| call.index == index));
        if let Some(call) = call {
            call.arguments.push_str(more);
        }
    }

    fn finish(&mut self, choice: u32, reason: FinishReason, out: &mut Vec<Event>) {
        let any_left = self.settle(choice, out);
        // An answer without a call that says it has one would make an agent wait for a result.
        let reason =
            if reason == FinishReason::ToolCalls && any_left == Some(false) { FinishReason::Stop } else { reason };
        out.push(Event::Finish { choice, reason });
    }

    /// Decides what waits. Whether a call is left, if there was one.
    fn settle(&mut self, choice: u32, out: &mut Vec<Event>) -> Option<bool> {
        self.flush_text(choice, out);
        let calls = self.choices.remove(&choice).map(|waiting| waiting.calls).filter(|calls| !calls.is_empty())?;
        let decisions = self.decide(&calls);
        let kept: Vec<(&Call, bool)> = calls.iter().zip(decisions).collect();
        if kept.iter().any(|(_, allowed)| !allowed) {
            self.changed = true;
            if self.guarded.on_deny == OnDeny::Refuse {
                let text = format!("{REFUSED} {}.", self.report.reasons());
                out.push(Event::Text { choice, text });
            } else {
                let gone = kept.iter().filter(|(_, allowed)| !allowed);
                self.report.stripped.extend(gone.map(|(call, _)| self.guarded.shown(&call.name).to_owned()));
            }
        }
        let mut index = 0;
        for (call, _) in kept.into_iter().filter(|(_, allowed)| *allowed) {
            out.push(Event::ToolCall { choice, index, id: call.id.clone(), name: call.name.clone() });
            out.push(Event::ToolArguments { choice, index, text: call.arguments.clone() });
            index += 1;
        }
        Some(index > 0)
    }

    fn decide(&mut self, calls: &[Call]) -> Vec<bool> {
        let proposed: Vec<ProposedCall> =
            calls.iter().map(|call| self.guarded.proposed(&call.name, &call.arguments)).collect();
        let began = Instant::now();
        let decisions = self.guarded.guard.decide(&proposed);
        self.report.decision_us += u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut granted = BTreeSet::new();
        let mut allowed = Vec::with_capacity(calls.len());
        for ((call, proposed), decision) in calls.iter().zip(&proposed).zip(&decisions) {
            let hash = call_hash(&proposed.tool, &proposed.arguments);
            let mut judged = Judged::new(&proposed.tool, self.guarded.shown(&proposed.tool), hash, decision);
            let deferred = self.guarded.deferred.contains(&call.name);
            let mut passes = decision.is_allowed();
            if let Some(asking) = self.guarded.asking.as_ref().filter(|_| !deferred) {
                if passes && asking.is_granted(hash) {
                    // One grant, one call: an answer that makes it twice has asked for one of them alone.
                    passes = granted.insert(hash);
                    asking.passed(hash);
                } else if let Decision::Ask(witness) = decision {
                    asking.ask(proposed, witness);
                }
            }
            if !passes && decision.is_allowed() {
                judged.decision = "deny";
            }
            self.report.calls.push(judged);
            allowed.push(passes || deferred);
        }
        allowed
    }
}
