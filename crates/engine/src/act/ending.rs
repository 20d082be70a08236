//! The end of a run: what its client gets, and what is kept of it for when the client comes back.
//!
//! What never happens here: a call, or an answer that leaves before what must be kept of it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use steersman_core::{ContentHash, Event, Part, ToolCall, Usage};
use steersman_wire::Answer;

use super::log::{RunLog, Step};
use super::run::{Acted, Running, is_ours};
use super::step::Said;
use super::views::Views;
use super::{Offered, hidden};
use crate::checks::Revision;
use crate::guard::Guarded;
use crate::judged::replaced;
use crate::refusal::Refusal;

/// What is known of a run at its end.
pub(super) struct Ending<'a> {
    /// The gateway's tools in it.
    pub(super) ours: &'a [Offered],
    /// The names of the client's.
    pub(super) theirs: &'a BTreeSet<String>,
    /// Its conversation.
    pub(super) views: &'a Views,
    /// The labels in its last step; `None` where no guard looks.
    pub(super) guarded: Option<Arc<Guarded>>,
    /// Whether it had a reader.
    pub(super) reads: bool,
    /// The conversation that the client sent.
    pub(super) before: Option<ContentHash>,
    /// Its steps, that one whole and last which the client gets.
    pub(super) unseen: Vec<Step>,
    /// Whether there is more in them than the client gets.
    pub(super) hides: bool,
    /// What all its steps used, where the client is told.
    pub(super) usage: Option<Usage>,
}

impl Running<'_> {
    /// Ends a run with this answer, which calls these tools of the client's.
    pub(super) async fn end(
        &self,
        mut said: Said,
        others: &[ToolCall],
        ending: Ending<'_>,
        log: RunLog<'_>,
    ) -> Result<Acted, Refusal> {
        let Ending { ours, theirs, views, guarded, reads, before, unseen, hides, usage } = ending;
        if reads {
            self.fill(&mut said, views, guarded.as_deref());
        }
        let (room, dialect) = (self.room, self.inbound.dialect);
        match before {
            Some(before) if !others.is_empty() && (reads || hides) => {
                let ids: Vec<&str> = others.iter().map(|call| call.id.as_str()).collect();
                hidden::keep(room, &log.owner, dialect, before, &ids, unseen).await?;
            }
            Some(before) if guarded.is_some() && others.is_empty() && (reads || hides) => {
                let text = hidden::text_of(&first_choice(&said.events));
                hidden::keep_answer(room, &log.owner, dialect, before, &text, unseen).await?;
            }
            _ => {}
        }
        self.answer(said, |call| is_ours(ours, theirs, call), usage, log).await
    }

    /// Fills the handles of an answer in, and those of calls that the client makes, on which the guard has decided so.
    fn fill(&self, said: &mut Said, views: &Views, guarded: Option<&Guarded>) {
        let mut revisions = Vec::new();
        for (choice, answer) in Answer::collect(&said.events).choices.into_iter().enumerate() {
            let call = |part: Part| if let Part::ToolCall(call) = part { Some(call) } else { None };
            let filled = views.filled(answer.parts.into_iter().filter_map(call).collect());
            let revision =
                |(call, filled): (usize, ToolCall)| Revision { choice, call: Some(call), text: filled.arguments };
            revisions.extend(filled.into_iter().enumerate().map(revision));
        }
        said.events = replaced(&said.events, &revisions);
        for event in &mut said.events {
            let Event::Text { text, .. } = event else { continue };
            let Some(filled) = views.filled_answer(text) else { continue };
            // Links that the guard took out of what the model wrote are looked for anew in what it did not see.
            let checked = guarded.map(|guarded| guarded.guard.check_answer(&filled));
            if let (Some(checked), Some(report)) = (&checked, &mut said.guard) {
                report.links.extend(checked.neutralised.iter().map(|link| link.chars().take(200).collect::<String>()));
            }
            *text = checked.map_or(filled, |checked| checked.text);
        }
        let answer = Answer::collect(&said.events);
        said.body = Bytes::from(self.inbound.dialect.encode_answer(&answer, &self.inbound.answer_options(true)).body);
    }

    /// The final answer, without calls that nobody will run.
    async fn answer(
        &self,
        said: Said,
        is_ours: impl Fn(&ToolCall) -> bool,
        usage_of_all: Option<Usage>,
        mut log: RunLog<'_>,
    ) -> Result<Acted, Refusal> {
        let Said { mut events, mut body, target, calls, guard, shown, .. } = said;
        if usage_of_all.is_some() || calls.iter().any(&is_ours) {
            events = without(events, &calls, is_ours);
            set_usage(&mut events, usage_of_all);
            let options = self.inbound.answer_options(true);
            body = Bytes::from(self.inbound.dialect.encode_answer(&Answer::collect(&events), &options).body);
        }
        if log.is_kept(false) {
            log.content.answer = Some(String::from_utf8_lossy(&body).into_owned());
            log.keep().await?;
        }
        Ok(Acted { events, body, target, replayed: false, guard, shown })
    }
}

pub(super) fn first_choice(events: &[Event]) -> Vec<Part> {
    Answer::collect(events).choices.into_iter().next().map(|choice| choice.parts).unwrap_or_default()
}

/// The events without the calls that are ours: they were not run, and the client has no such tool.
fn without(events: Vec<Event>, calls: &[ToolCall], is_ours: impl Fn(&ToolCall) -> bool) -> Vec<Event> {
    let ours: BTreeSet<u32> = (0u32..).zip(calls).filter(|(_, call)| is_ours(call)).map(|(index, _)| index).collect();
    let (mut order, mut kept) = (Vec::new(), Vec::new());
    for event in events {
        let place = match &event {
            Event::ToolCall { index, .. } => {
                order.push(*index);
                order.len().checked_sub(1)
            }
            Event::ToolArguments { index, .. } => order.iter().position(|known| known == index),
            _ => None,
        };
        if place.is_none_or(|place| !ours.contains(&u32::try_from(place).unwrap_or(u32::MAX))) {
            kept.push(event);
        }
    }
    kept
}

/// The client is told what the whole run used.
fn set_usage(events: &mut Vec<Event>, usage: Option<Usage>) {
    let Some(usage) = usage else { return };
    events.retain(|event| !matches!(event, Event::Usage(_)));
    let end = events.iter().position(|event| *event == Event::Done).unwrap_or(events.len());
    events.insert(end, Event::Usage(usage));
}
