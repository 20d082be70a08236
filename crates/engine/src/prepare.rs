//! Steps before an attempt: read the request, find the task and the models, write what a provider will receive.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use steersman_core::{Asked, ContentHash, ModelName, TaskName, UpstreamCall};
use steersman_wire::json::{RawObject, Splice};
use steersman_wire::{Dialect, Loss, RequestHead, fingerprint, openai_chat};

use crate::admit::Shortage;
use crate::catalog::{Candidate, Catalog};
use crate::checks::Checks;
use crate::constrain::{Constrained, Constraint, constrain};
use crate::forced::Hearing;
use crate::forms::Forms;
use crate::guard::Guarded;
use crate::health::Place;
use crate::previews::Previews;
use crate::reask::Reask;
use crate::refusal::Refusal;
use crate::region::Demand;
use crate::reply::Inbound;
use crate::route::Routed;

/// Sampling parameters that are kept on the record, in the spellings of all dialects.
const PARAMETERS: &[&str] = &[
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "seed",
    "stop",
    "stop_sequences",
    "presence_penalty",
    "frequency_penalty",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "thinking_budget",
    "output_config",
    "tool_choice",
    "parallel_tool_calls",
    "logprobs",
    "generationConfig",
];

/// Longer values (a long `stop`, a named `tool_choice` with a schema) are not parameters but content.
const MAX_PARAMETER_BYTES: usize = 200;

/// A request that has been read and understood.
pub(crate) struct Prepared {
    /// The dialect of the client.
    pub(crate) dialect: &'static dyn Dialect,
    /// Whether the answer is streamed.
    pub(crate) stream: bool,
    /// Whether the client wants a usage report at the end of a stream.
    pub(crate) include_usage: bool,
    /// The name that the client used.
    pub(crate) asked: ModelName,
    /// The task.
    pub(crate) task: TaskName,
    /// Whether a header or the body names a configured task beside the model: what that task may do comes with it.
    pub(crate) joins_task: bool,
    /// Hash of system text, schema and tools.
    pub(crate) fingerprint: ContentHash,
    /// Sampling parameters, as a JSON object.
    pub(crate) parameters: String,
    /// The most tokens that all its answers together may have, if the client says so.
    pub(crate) max_output_tokens: Option<u64>,
    /// What the answer must be. `Some` fixes the release policy: the answer is held back whole until it has been
    /// judged.
    pub(crate) checks: Option<Checks>,
    /// The labelled conversation; `None` where the guard is off.
    pub(crate) guarded: Option<Arc<Guarded>>,
    /// A stream that begins with text need not wait for its calls: whoever reads it looks at them.
    pub(crate) text_flows: bool,
    /// Where it may be processed; `None`: anywhere.
    pub(crate) demand: Option<Demand>,
    /// What its budgets have left for it, where that is less than the task's own model may cost.
    pub(crate) shortage: Option<Shortage>,
    /// What step 4 decided; `None` for a task without an objective.
    pub(crate) routed: Option<Routed>,
    /// Which of two phases it is, as the record calls it.
    pub(crate) phase: Option<&'static str>,
    /// Where its value is shown while it grows; `None` where nobody asked to see it.
    pub(crate) previews: Option<Box<Previews>>,
    /// Where it may go, in the order of trying.
    pub(crate) candidates: Vec<Candidate>,
}

/// One candidate and what it will receive.
#[derive(Clone)]
pub(crate) struct Target {
    /// Who.
    pub(crate) candidate: Candidate,
    /// The dialect in which it is asked.
    pub(crate) dialect: &'static dyn Dialect,
    /// The provider's version of the body.
    pub(crate) body: Bytes,
    /// Whether that differs from what the client sent.
    pub(crate) edited: bool,
    /// Whether the answer can pass as it comes.
    pub(crate) same_dialect: bool,
    /// What the provider's dialect has no words for.
    pub(crate) losses: Vec<Loss>,
    /// What became of the form that was asked for; `None` for free text.
    pub(crate) constraint: Option<Constraint>,
    /// Where it is served, once that was chosen.
    pub(crate) place: Option<Arc<Place>>,
    /// Whether it was asked for log-probabilities that the client did not ask for.
    pub(crate) told_unasked: bool,
    /// What is asked for again, where this is the second question.
    pub(crate) reask: Option<Arc<Reask>>,
}

impl Target {
    /// A target whose bodies are not read.
    pub(crate) fn raw(candidate: Candidate, body: Bytes, edited: bool) -> Self {
        let dialect = candidate.provider.dialect;
        let (losses, constraint, place, reask) = (Vec::new(), None, None, None);
        let told_unasked = false;
        Self { candidate, dialect, body, edited, same_dialect: true, losses, constraint, place, told_unasked, reask }
    }

    /// The call that asks it.
    pub(crate) fn call(&self, inbound: &Inbound, stream: bool) -> UpstreamCall {
        let model = &self.candidate.model;
        let asked = Asked { dialect: self.dialect.name(), model: model.clone() };
        let path = self.dialect.call_path(model.as_str(), stream);
        UpstreamCall::ask(asked, path, self.body.clone(), stream, self.headers(inbound))
    }

    /// How its answer is heard.
    pub(crate) fn hearing(&self) -> Hearing {
        Hearing::of(self)
    }

    /// The client's headers that this provider may see: those of its own dialect.
    pub(crate) fn headers(&self, inbound: &Inbound) -> Vec<(String, String)> {
        if self.dialect.name() == inbound.dialect.name() { inbound.headers.clone() } else { Vec::new() }
    }
}

/// Understands a request. A body is read once: whoever serves it keeps the head for all that follows.
pub(crate) fn prepare(
    catalog: &Catalog,
    forms: &Forms,
    inbound: &Inbound,
    head: &RequestHead<'_>,
) -> Result<Prepared, Refusal> {
    let resolved = catalog.resolve(&head.model)?;
    let fingerprint = fingerprint(head);
    let by_model = resolved.task.is_some();
    let task = resolved
        .task
        .or_else(|| inbound.task.as_deref().map(TaskName::from))
        .or_else(|| head.task.as_deref().map(TaskName::from))
        .unwrap_or_else(|| derived_task(&fingerprint));
    let policy = forms.policy(inbound, &task)?;
    Ok(Prepared {
        dialect: inbound.dialect,
        stream: head.stream,
        include_usage: head.include_usage,
        asked: ModelName::from(&*head.model),
        fingerprint,
        parameters: parameters(&head.object),
        max_output_tokens: head.max_output_tokens.map(|most| most.saturating_mul(head.choices.max(1))),
        checks: Checks::of(inbound, head, policy, &forms.schemas, forms.of_task(&task))?,
        joins_task: !by_model && catalog.has_task(task.as_str()),
        task,
        guarded: None,
        text_flows: false,
        demand: None,
        shortage: None,
        routed: None,
        phase: None,
        previews: None,
        candidates: resolved.candidates,
    })
}

/// Writes what one candidate will receive.
pub(crate) fn target_of(inbound: &Inbound, head: &RequestHead<'_>, candidate: &Candidate) -> Result<Target, Refusal> {
    let dialect = candidate.provider.dialect_for(inbound.dialect);
    let constrained = match inbound.structured.as_deref() {
        Some("off") => None,
        _ => constrain(head, inbound.dialect, dialect, candidate),
    };
    let (edited, losses) = write_body(head, inbound, candidate, dialect, constrained.as_ref())?;
    let mut target = Target {
        candidate: candidate.clone(),
        dialect,
        edited: edited.is_some(),
        body: edited.map_or_else(|| inbound.body.clone(), Bytes::from),
        same_dialect: false,
        losses,
        constraint: constrained.map(|constrained| constrained.constraint),
        place: None,
        told_unasked: false,
        reask: None,
    };
    target.same_dialect = target.hearing().passes_to(inbound.dialect);
    Ok(target)
}

/// `auto/` and the first eight digits of the fingerprint.
fn derived_task(fingerprint: &ContentHash) -> TaskName {
    let hex = fingerprint.to_string();
    TaskName::from(format!("auto/{}", hex.get(..8).unwrap_or(&hex)))
}

/// The provider's version of the body; `None` where it is the client's own, byte for byte.
fn write_body(
    head: &RequestHead<'_>,
    inbound: &Inbound,
    candidate: &Candidate,
    dialect: &dyn Dialect,
    constrained: Option<&Constrained>,
) -> Result<(Option<Vec<u8>>, Vec<Loss>), Refusal> {
    let provider = &candidate.provider;
    if dialect.name() != inbound.dialect.name() || candidate.thought.is_set() {
        let mut request = inbound.dialect.decode_request(&inbound.body).map_err(Refusal::from)?;
        candidate.model.as_str().clone_into(&mut request.model);
        request.include_usage = request.stream;
        let overruled = candidate.thought.apply(&mut request);
        if let Some(constrained) = constrained {
            constrained.write(&mut request);
        }
        let mut encoded = dialect.encode_request(&request).map_err(Refusal::from)?;
        if overruled {
            let what = "overruled: the model is configured with an effort of its own";
            encoded.losses.push(Loss { param: "reasoning_effort".to_owned(), what });
        }
        return Ok((Some(encoded.body), encoded.losses));
    }
    let mut splice = head.object.splice();
    let mut edited = false;
    if let Some(constrained) = constrained.filter(|_| dialect.name() == openai_chat::NAME) {
        (splice, edited) = constrained.splice(splice, &head.object);
    }
    if head.model != candidate.model.as_str() {
        splice = splice.set("model", candidate.model.as_str());
        edited = true;
    }
    if head.stream && !head.include_usage && provider.stream_usage && dialect.name() == openai_chat::NAME {
        splice = ask_for_usage(splice, &head.object);
        edited = true;
    }
    if !provider.max_completion_tokens
        && let Some(limit) = head.object.get("max_completion_tokens")
    {
        splice = splice.remove("max_completion_tokens").set_raw("max_tokens", limit.to_owned());
        edited = true;
    }
    Ok((edited.then(|| splice.finish()), Vec::new()))
}

/// Sets `stream_options.include_usage`, keeping the options that are there.
fn ask_for_usage<'o, 'a>(splice: Splice<'o, 'a>, object: &RawObject<'a>) -> Splice<'o, 'a> {
    let given = object.get("stream_options").and_then(|options| RawObject::of(options).ok());
    let merged = given.and_then(|options| {
        let text = String::from_utf8(options.splice().set("include_usage", &true).finish()).ok()?;
        RawValue::from_string(text).ok()
    });
    match merged {
        Some(options) => splice.set_raw("stream_options", options),
        None => splice.set("stream_options", &serde_json::json!({ "include_usage": true })),
    }
}

fn parameters(object: &RawObject<'_>) -> String {
    let mut out = String::from("{");
    for member in object.members() {
        let value = member.value.get();
        if PARAMETERS.contains(&&*member.key) && value.len() <= MAX_PARAMETER_BYTES {
            if out.len() > 1 {
                out.push(',');
            }
            out.push('"');
            out.push_str(&member.key);
            out.push_str("\":");
            out.push_str(value);
        }
    }
    out.push('}');
    out
}
