//! Plan, then execute: the model writes every call of a run before it has read what any of them brings.
//!
//! The plan is a value of a schema: steps of one call each, with variables (`$1.from`) where a result of an earlier
//! step is to stand. Results flow into variables and nowhere else: no model is asked again before the plan is through,
//! and then for an answer alone (Debenedetti et al., "Defeating Prompt Injections by Design", 2025, without its
//! interpreter: no branches, no loops). A plan that was made before anything untrusted stood in the conversation fixes
//! control flow and literal arguments; the guard decides on what the variables brought.
//!
//! What never happens here: a call that is not in the plan, a variable of a step that has not been made.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use steersman_core::{
    ChatRequest, Code, ContentHash, Event, FinishReason, Message, Part, ResponseFormat, Role, ToolCall, pointer_token,
};
use steersman_flow::{Guard, Place, PlanSlot};
use steersman_wire::Answer;

use super::Offered;
use super::log::{RunLog, Step};
use super::run::Running;
use super::step::{Said, said};
use super::views::Views;
use crate::apart::Apart;
use crate::guard::{Gate, GuardMode, Guarded};
use crate::prepare::prepare;
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::reply::Inbound;

/// The word of `x-steersman-guard` that asks for a plan.
pub(crate) const WANTED: &str = "plan";

const PLAN: &str = "Do not act yet. First write the whole plan: the tool calls that the request needs, in order. Nothing can be \
     added or changed afterwards. Where an argument is known only once an earlier call was made, write a variable: `$1` is \
     the result of the first call, `$1.from` a member of it, `$1.0.id` a member of the first element of a list. A variable \
     may stand inside of a text. Plan no call that the request does not need; without any, leave the list empty.";

/// A plan, as it is kept with its run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    steps: Vec<Planned>,
    /// Whether nothing untrusted and nothing private stood in the conversation when it was made.
    #[serde(default)]
    trusted: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Planned {
    tool: String,
    arguments: Value,
}

/// One call of a plan with its variables filled in.
pub(super) struct Slotted {
    pub(super) call: ToolCall,
    /// What the plan fixed of it; `None` if the plan fixes nothing.
    pub(super) slot: Option<PlanSlot>,
    /// Why it cannot be made.
    pub(super) failed: Option<String>,
}

impl Running<'_> {
    /// The plan of a run, where task or client wants one: from the log if the run was there before, else made now.
    pub(super) async fn plan(
        &self,
        task_name: &str,
        views: &Views,
        ours: &[Offered],
        log: &mut RunLog<'_>,
        recording: &mut Recording,
    ) -> Result<Option<Plan>, Refusal> {
        if !self.is_planned() {
            return Ok(None);
        }
        let refused = |words| Err(Refusal::new(Code::INVALID_REQUEST, words));
        if self.engine.guard.mode_of(task_name) != GuardMode::On {
            return refused(
                "the run is to be planned, and the guard is not `on` for its task: nothing would hold it to its plan",
            );
        }
        if views.shown.tools.len() != ours.len() {
            return refused("a planned run makes its tool calls itself; this request brings tools of its own");
        }
        if let Some(plan) = &log.content.plan {
            return Ok(Some(plan.clone()));
        }
        let demand = self.engine.demand(self.inbound, Some(task_name));
        let apart = Apart { engine: self.engine, inbound: self.inbound, demand, deadline: self.deadline };
        let value = apart.ask(&self.question(views, ours)?, "plan", recording).await?;
        let unreadable = |error: serde_json::Error| Refusal::new(Code::OUTPUT_REJECTED, format!("the plan: {error}"));
        let mut plan: Plan = serde_json::from_value(value).map_err(unreadable)?;
        plan.trusted = self.is_clean(views)?;
        log.content.plan = Some(plan.clone());
        Ok(Some(plan))
    }

    /// Whether task or client wants a plan.
    pub(super) fn is_planned(&self) -> bool {
        self.task.plan || self.inbound.wants_of_guard(WANTED)
    }

    /// Whether nothing that somebody else wrote, or that not everybody may see, stands in the conversation.
    fn is_clean(&self, views: &Views) -> Result<bool, Refusal> {
        if views.has_lost {
            return Ok(false);
        }
        let dialect = self.inbound.dialect;
        let truth = views.truth();
        let body = dialect.encode_request(truth.as_ref().unwrap_or(&views.shown)).map_err(Refusal::from)?.body;
        let inbound = Inbound { body: Bytes::from(body), ..self.inbound.clone() };
        let head = dialect.request_head(&inbound.body).map_err(Refusal::from)?;
        let prepared = prepare(&self.engine.catalog, &self.engine.forms, &inbound, &head)?;
        let guarded = self.engine.label(&inbound, self.inbound, &prepared)?;
        let is_clean = |guard: &Guard| !guard.label().integrity.is_tainted() && !guard.holds_private();
        Ok(guarded.is_some_and(|guarded| is_clean(&guarded.guard)))
    }

    /// The conversation, without tools, with the question for a plan.
    fn question(&self, views: &Views, ours: &[Offered]) -> Result<ChatRequest, Refusal> {
        let mut text = PLAN.to_owned();
        text.push_str(" The tools:");
        for tool in ours {
            let about = tool.spec.description.as_deref().unwrap_or_default();
            let parameters = tool.spec.parameters.as_ref().map_or("{}", |schema| schema.get());
            text.push_str(&format!("\n- `{}`: {about} Arguments: {parameters}", tool.spec.name));
        }
        let names: Vec<&str> = ours.iter().map(|tool| tool.spec.name.as_str()).collect();
        let step = json!({ "type": "object", "required": ["tool", "arguments"], "additionalProperties": false, "properties": {
            "tool": { "type": "string", "enum": names }, "arguments": { "type": "object" } } });
        let schema = json!({ "type": "object", "required": ["steps"], "additionalProperties": false, "properties": {
            "steps": { "type": "array", "maxItems": self.task.max_steps.saturating_sub(1), "items": step } } });
        let schema = RawValue::from_string(schema.to_string());
        let schema = schema.map_err(|error| Refusal::new(Code::INTERNAL, error.to_string()))?;
        let mut messages = views.shown.messages.clone();
        messages.push(Message { role: Role::User, parts: vec![Part::Text(text)] });
        let model = views.shown.model.clone();
        let response_format = Some(ResponseFormat::JsonSchema { name: "plan".to_owned(), schema, strict: None });
        Ok(ChatRequest { model, messages, response_format, ..ChatRequest::default() })
    }

    /// A call of the plan as the turn of a model that made it.
    pub(super) fn as_said(&self, call: &ToolCall, guarded: Option<&std::sync::Arc<Guarded>>) -> Result<Said, Refusal> {
        let (id, name, text) = (call.id.clone(), call.name.clone(), call.arguments.clone());
        let events = [
            Event::Start { id: self.inbound.id.to_string(), model: "plan".to_owned() },
            Event::ToolCall { choice: 0, index: 0, id, name },
            Event::ToolArguments { choice: 0, index: 0, text },
            Event::Finish { choice: 0, reason: FinishReason::ToolCalls },
            Event::Done,
        ];
        let report = guarded.and_then(|guarded| {
            Gate::new(std::sync::Arc::clone(guarded)).whole(&events);
            guarded.report()
        });
        let dialect = self.inbound.dialect;
        let body = dialect.encode_answer(&Answer::collect(&events), &self.inbound.answer_options(true)).body;
        said(dialect, Bytes::from(body), None, report)
    }
}

impl Plan {
    /// The names of the tools that it calls, in order.
    pub(super) fn tools(&self) -> Vec<String> {
        self.steps.iter().map(|step| step.tool.clone()).collect()
    }

    /// The call of this step, from what the steps before it gave. `None` once the plan is through.
    pub(super) fn call(&self, run: &str, number: usize, made: &[Step]) -> Option<Slotted> {
        let step = self.steps.get(number)?;
        let (mut arguments, mut failed, mut fixed) = (step.arguments.clone(), None, BTreeSet::new());
        let mut filling = Filling { results: made.iter().map(result).collect(), from: Vec::new() };
        for (name, value) in arguments.as_object_mut().into_iter().flatten() {
            match filling.fill(value, &below("", name)) {
                Ok(false) => drop(fixed.insert(name.clone())),
                Ok(true) => {}
                Err(why) => failed = Some(format!("the call was not made: {why}")),
            }
        }
        let place =
            |(filled, (step, pointer)): (String, Brought)| (filled, Place { call: call_id(run, step), pointer });
        let slot = PlanSlot { fixed, from: filling.from.into_iter().map(place).collect() };
        let call = ToolCall { id: call_id(run, number), name: step.tool.clone(), arguments: arguments.to_string() };
        Some(Slotted { call, slot: self.trusted.then_some(slot), failed })
    }
}

/// What the one call of a step gave; an error if it failed.
fn result(step: &Step) -> Result<Value, ()> {
    let kept = step.results.iter().flatten().next().filter(|kept| !kept.is_error).ok_or(())?;
    Ok(serde_json::from_str(&kept.text).unwrap_or_else(|_| Value::String(kept.text.clone())))
}

/// The id of the call of a step.
fn call_id(run: &str, step: usize) -> String {
    let id: String = ContentHash::of(format!("{run}\0{step}").as_bytes()).to_string().chars().take(12).collect();
    format!("plan_{id}")
}

fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", pointer_token(name))
}

/// The step that brought a value, and where in its result it stood.
type Brought = (usize, String);

struct Filling {
    results: Vec<Result<Value, ()>>,
    /// Where each variable that stood alone came from, by the place that it filled.
    from: Vec<(String, Brought)>,
}

impl Filling {
    /// Fills the variables of a value in, which stands at this place. Whether there were some.
    fn fill(&mut self, value: &mut Value, pointer: &str) -> Result<bool, String> {
        let mut any = false;
        match value {
            Value::String(text) => {
                if let Some((found, brought)) = filled(text, &self.results)? {
                    self.from.extend(brought.map(|brought| (pointer.to_owned(), brought)));
                    (*value, any) = (found, true);
                }
            }
            Value::Array(list) => {
                for (at, inner) in list.iter_mut().enumerate() {
                    any |= self.fill(inner, &format!("{pointer}/{at}"))?;
                }
            }
            Value::Object(map) => {
                for (name, inner) in map {
                    any |= self.fill(inner, &below(pointer, name))?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(any)
    }
}

/// The text with its variables filled in; one that stands alone keeps its type, and tells where it came from. A `$`
/// before another number is a price.
fn filled(text: &str, results: &[Result<Value, ()>]) -> Result<Option<(Value, Option<Brought>)>, String> {
    let (mut out, mut rest, mut found) = (String::new(), text, false);
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (digits, tail) = split_while(after, |c| c.is_ascii_digit());
        let step = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let Some((step, result)) = step.and_then(|step| Some((step, results.get(step)?))) else {
            out.push('$');
            rest = after;
            continue;
        };
        let (mut at, mut left, mut path) = (result.as_ref().ok(), tail, format!("${digits}"));
        let mut pointer = String::new();
        while let Some((name, more)) =
            left.strip_prefix('.').map(|left| split_while(left, is_name)).filter(|(name, _)| !name.is_empty())
        {
            at = at.and_then(|value| member(value, name));
            path = format!("{path}.{name}");
            pointer = below(&pointer, name);
            left = more;
        }
        let value = at.ok_or_else(|| match result {
            Ok(_) => format!("`{path}` stands for nothing in the result of step {digits}"),
            Err(()) => format!("`{path}` stands for nothing, since step {digits} failed"),
        })?;
        if before.is_empty() && left.is_empty() && !found {
            return Ok(Some((value.clone(), Some((step, pointer)))));
        }
        out.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        (rest, found) = (left, true);
    }
    out.push_str(rest);
    Ok(found.then_some((Value::String(out), None)))
}

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    }
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keep(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_take_values_of_earlier_steps_whole_or_inside_of_a_text() {
        let results = [Ok(json!({ "from": "ann@x.test", "n": 7, "rows": [{ "id": 3 }] })), Err(()), Ok(json!("plain"))];
        let check = |text: &str, expected: Result<Option<Value>, &str>| {
            let found = filled(text, &results).map(|found| found.map(|(value, _)| value));
            assert_eq!(found.as_ref().map_err(String::as_str), expected.as_ref().map_err(|why| *why), "{text}");
        };
        check("$1.from", Ok(Some(json!("ann@x.test"))));
        check("$1.n", Ok(Some(json!(7))));
        check("$1.rows.0.id", Ok(Some(json!(3))));
        check("Dear $1.from, no. $1.n.", Ok(Some(json!("Dear ann@x.test, no. 7."))));
        check("$3", Ok(Some(json!("plain"))));
        check("costs $4 or $12.50", Ok(None));
        check("$1.rows.1.id", Err("`$1.rows.1.id` stands for nothing in the result of step 1"));
        check("see $2", Err("`$2` stands for nothing, since step 2 failed"));
        let place = |text: &str| filled(text, &results).unwrap().unwrap().1;
        assert_eq!(place("$1.rows.0.id"), Some((0, "/rows/0/id".to_owned())));
        assert_eq!(place("no. $1.n"), None, "a part of a text comes from no single place");
    }
}
