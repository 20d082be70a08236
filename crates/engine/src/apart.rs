//! A question that a run asks apart from its conversation: without tools, answered by a value of a schema.
//!
//! It is asked as any request is (attempts, failover, the question again for what broke its form) and stands on the
//! record of the run with its price, which is reserved before it is asked.
//!
//! What never happens here: a tool, a word of the client's headers, a form of the run's task.

use bytes::Bytes;
use serde_json::Value;
use steersman_core::{ChatRequest, Code, Part};
use steersman_structured::Mode;
use steersman_wire::openai_chat::OpenAiChat;
use steersman_wire::{Answer, Dialect};
use tokio::time::Instant;

use crate::checks::{Checks, Policy};
use crate::engine::Engine;
use crate::pipeline::Accepted;
use crate::prepare::prepare;
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::region::Demand;
use crate::reply::Inbound;

/// Who asks.
pub(crate) struct Apart<'a> {
    pub(crate) engine: &'a Engine,
    /// The request of the run.
    pub(crate) inbound: &'a Inbound,
    /// Where it may be processed.
    pub(crate) demand: Option<Demand>,
    pub(crate) deadline: Instant,
}

impl Apart<'_> {
    /// Asks. `reason` is what the record calls the attempt.
    ///
    /// # Errors
    /// No model answers, or none with a value of the schema.
    pub(crate) async fn ask(
        &self,
        request: &ChatRequest,
        reason: &'static str,
        recording: &mut Recording,
    ) -> Result<Value, Refusal> {
        let (engine, dialect) = (self.engine, &OpenAiChat);
        let body = Bytes::from(dialect.encode_request(request).map_err(Refusal::from)?.body);
        let own = Inbound {
            dialect,
            body: body.clone(),
            task: None,
            structured: None,
            quoted: None,
            approved: None,
            guard: None,
            previous_response_id: None,
            headers: Vec::new(),
            ..self.inbound.clone()
        };
        let head = dialect.request_head(&body).map_err(Refusal::from)?;
        let mut prepared = prepare(&engine.catalog, &engine.forms, &own, &head)?;
        prepared.checks = Checks::of(&own, &head, Policy::Repair(Mode::Safe), &engine.forms.schemas, None)?;
        self.demand.clone().map_or(Ok(()), |demand| demand.confine(&mut prepared))?;
        prepared.phase = Some(reason);
        let (settings, before) = (&engine.admit_settings, recording.cost());
        let admitted = recording.admission();
        let held = engine.admit.reserve_more(settings, admitted, &own.body, &prepared.candidates).await?;
        let mut apart = recording.apart();
        let answered = engine.attempt_until_accepted(&prepared, &own, &head, &mut apart, self.deadline).await;
        if let (Ok((_, Accepted::Whole(answer))), Some(attempt)) = (&answered, apart.attempt()) {
            attempt.keep(answer.clone());
            apart.end_attempt(None);
        }
        drop(apart);
        if let Some((after, before)) = recording.cost().zip(before)
            && let Some(admitted) = recording.admission()
        {
            admitted.give_back(held - (after - before).min(held));
        }
        let (_, Accepted::Whole(answer)) = answered? else {
            return Err(Refusal::new(Code::INTERNAL, "the answer to a question apart was streamed"));
        };
        let events = dialect.decode_answer(&answer);
        let said = Answer::collect(&events.unwrap_or_default());
        let parts = said.choices.first().map(|choice| choice.parts.as_slice()).unwrap_or_default();
        let text = |part: &Part| if let Part::Text(text) = part { Some(text.clone()) } else { None };
        serde_json::from_str(&parts.iter().filter_map(text).collect::<String>())
            .map_err(|error| Refusal::new(Code::OUTPUT_REJECTED, error.to_string()))
    }
}

/// A schema's name, as every provider takes it.
pub(crate) fn named(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    name.chars().take(64).map(plain).collect()
}
