//! Two phases for tasks that want them: the model reasons freely first, and the answer is then extracted into its form.
//!
//! A model that must write JSON at once gives its verdict before its reasons. So the question goes out without its
//! form, and what the model says goes on as its own turn, with the form that was asked for: to the same model, or to a
//! cheaper one that need not think any more and that the task's own models stand behind. Both calls stand on the
//! record, priced; the client sees the second one's answer alone.
//!
//! What never happens here: a first phase for a request with tools, whose first call is the model's to choose; rules or
//! labels that take the model's own reasons for the source.

use bytes::Bytes;
use serde_json::value::RawValue;
use steersman_core::{Code, Message, Part, Role};
use steersman_wire::json::RawObject;
use steersman_wire::{Answer, RequestHead};
use tokio::time::Instant;

use crate::engine::Engine;
use crate::pipeline::Accepted;
use crate::prepare::{Prepared, Target, prepare};
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::reply::Inbound;

const REASON: &str = "Do not write the final answer in its form yet. First think the question through and write down, in \
     plain prose, everything that the answer needs.";
const EXTRACT: &str = "Now give the final answer in the form that was asked for, and nothing else. Use only what was said \
     above; do not change your findings.";

/// How a task's answers are made in two phases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phases {
    /// The model that extracts; `None`: the one that reasons.
    pub extract_with: Option<String>,
}

impl Engine {
    /// Attempts as `attempt_until_accepted` makes them; for a task with two phases, those of the first before.
    pub(crate) async fn attempt_in_phases(
        &self,
        prepared: &mut Prepared,
        inbound: &Inbound,
        head: &RequestHead<'_>,
        recording: &mut Recording,
        deadline: Instant,
    ) -> Result<(Target, Accepted), Refusal> {
        let wanted = prepared.checks.as_ref().filter(|checks| checks.is_of_answer_alone());
        let phases = wanted.and_then(|_| self.forms.of_task(&prepared.task)?.phases.as_ref());
        let Some(phases) = phases else {
            return self.attempt_until_accepted(prepared, inbound, head, recording, deadline).await;
        };
        let Some(second) = self.reason(prepared, inbound, recording, deadline).await? else {
            return self.attempt_until_accepted(prepared, inbound, head, recording, deadline).await;
        };
        if let Some(model) = &phases.extract_with {
            let own = std::mem::take(&mut prepared.candidates);
            let there = self.catalog.resolve(model)?.candidates;
            let demand = prepared.demand.as_ref();
            let kept =
                there.iter().filter_map(|one| demand.map_or_else(|| Some(one.clone()), |demand| demand.keep(one)));
            prepared.candidates = kept.collect();
            prepared.candidates.extend(own);
        }
        prepared.phase = Some("extract");
        let body = second.body.clone();
        let head = second.dialect.request_head(&body).map_err(Refusal::from)?;
        self.attempt_until_accepted(prepared, &second, &head, recording, deadline).await
    }

    /// The first phase. Gives the request of the second; `None` if the model said nothing that could go into it.
    async fn reason(
        &self,
        prepared: &Prepared,
        inbound: &Inbound,
        recording: &mut Recording,
        deadline: Instant,
    ) -> Result<Option<Inbound>, Refusal> {
        let mut request = inbound.dialect.decode_request(&inbound.body).map_err(Refusal::from)?;
        (request.response_format, request.n) = (None, None);
        (request.stream, request.include_usage) = (false, false);
        request.messages.push(Message { role: Role::User, parts: vec![Part::Text(REASON.to_owned())] });
        let body = Bytes::from(inbound.dialect.encode_request(&request).map_err(Refusal::from)?.body);
        let free = Inbound { body: body.clone(), structured: Some("off".to_owned()), ..inbound.clone() };
        let head = free.dialect.request_head(&body).map_err(Refusal::from)?;
        let mut first = prepare(&self.catalog, &self.forms, &free, &head)?;
        first.candidates.clone_from(&prepared.candidates);
        first.phase = Some("reason");
        let (_, accepted) = self.attempt_until_accepted(&first, &free, &head, recording, deadline).await?;
        let Accepted::Whole(answer) = accepted else {
            return Err(Refusal::new(Code::INTERNAL, "the first phase of a task was streamed"));
        };
        let thought = said(inbound, &answer);
        if let Some(attempt) = recording.attempt() {
            attempt.keep(answer);
        }
        recording.end_attempt(None);
        let body = (!thought.trim().is_empty()).then(|| with_thought(inbound, &thought)).flatten();
        Ok(body.map(|body| Inbound { body, ..inbound.clone() }))
    }
}

fn said(inbound: &Inbound, body: &[u8]) -> String {
    let answer = Answer::collect(&inbound.dialect.decode_answer(body).unwrap_or_default());
    let parts = answer.choices.first().map(|choice| choice.parts.as_slice()).unwrap_or_default();
    parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect()
}

/// The request as it came, with two turns more.
fn with_thought(inbound: &Inbound, thought: &str) -> Option<Bytes> {
    let dialect = inbound.dialect;
    let object = RawObject::parse(&inbound.body).ok()?;
    let more = format!("{},{}", dialect.turn(Role::Assistant, thought.trim()), dialect.turn(Role::User, EXTRACT));
    let turns = object.get(dialect.conversation())?.get();
    let longer = match serde_json::from_str::<String>(turns) {
        Ok(text) => format!("[{},{more}]", dialect.turn(Role::User, &text)),
        Err(_) => format!("{},{more}]", turns.trim_ascii_end().strip_suffix(']')?),
    };
    let longer = RawValue::from_string(longer).ok()?;
    Some(Bytes::from(object.splice().set_raw(dialect.conversation(), longer).finish()))
}
