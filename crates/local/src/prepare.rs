//! From a chat request to a `Job`'s contents: what the model reads, how it samples, what binds it.
//!
//! Whatever this server cannot do is refused by name, before a token is spent. The exceptions are labels and advice
//! (`user`, `metadata`, ..), without which the answer is the same.

use serde_json::{Value, json};
use steersman_core::{ChatRequest, Code, Message, Part, ResponseFormat, Role, ToolCall, ToolChoice, ToolSpec};

use crate::facts::ModelFacts;
use crate::job::{Constraint, Sampling, Unenforceable};
use crate::prompt::{Aside, Prompt};
use crate::template::{ChatTemplate, TemplateError, ToolStyle};
use crate::tools::{self, Forced};

/// The sampling temperature of a request that names none: small models wander at the API's 1.0.
const DEFAULT_TEMPERATURE: f64 = 0.7;
/// Answers to one request, at most.
const MOST_CHOICES: u32 = 8;
/// Stop texts, at most.
const MOST_STOPS: usize = 16;
/// Alternatives to each token, at most; the API's own limit.
const MOST_TOP_LOGPROBS: u64 = 20;

/// Members that label, price or advise; an answer without regard to them is still the answer.
const LABELS: &[&str] = &[
    "cache_control",
    "description",
    "detail",
    "max_tokens",
    "metadata",
    "name",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "role",
    "safety_identifier",
    "service_tier",
    "store",
    "verbosity",
];

/// Everything of a job but the channel.
#[derive(Debug)]
pub struct Prepared {
    /// What the model reads.
    pub prompt: Prompt,
    /// How it samples.
    pub sampling: Sampling,
    /// What binds it.
    pub constraint: Option<Constraint>,
    /// How many answers.
    pub choices: u32,
    /// The most tokens in each.
    pub max_tokens: u32,
    /// What ends one.
    pub stop: Vec<String>,
    /// Alternatives to report.
    pub top_logprobs: Option<usize>,
    /// How its text is to be read.
    pub reading: Reading,
}

/// How a model's text is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// As words.
    Words,
    /// As words with calls of these tools.
    Calls(Vec<String>),
    /// As the arguments of this tool.
    ArgumentsOf(String),
    /// As one call without its tags.
    OneCall,
}

/// Why a request was refused before it reached the model.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Something that this server cannot do.
    #[error("a local model has no {what}")]
    Unsupported {
        /// The request's field.
        param: String,
        /// What is missing.
        what: &'static str,
    },
    /// A value outside of its range.
    #[error("`{param}` must be {expected}")]
    Range {
        /// The request's field.
        param: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// A tool is to be called that was not offered.
    #[error("`tool_choice` names `{0}`, which is not among the tools")]
    UnknownTool(String),
    /// The template does not take the conversation.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

impl Refusal {
    /// The row of the code table, and the field at fault.
    #[must_use]
    pub fn code(&self) -> (&'static Code, Option<&str>) {
        match self {
            Self::Unsupported { param, .. } => (Code::UNSUPPORTED, Some(param)),
            Self::Range { param, .. } => (Code::INVALID_REQUEST, Some(param)),
            Self::UnknownTool(_) => (Code::INVALID_REQUEST, Some("tool_choice")),
            Self::Template(TemplateError::Refused(_)) => (Code::INVALID_REQUEST, Some("messages")),
            Self::Template(TemplateError::Invalid(_)) => (Code::INTERNAL, None),
        }
    }
}

/// Prepares a request. `seed` is used when the request has none; `default_max_tokens` when it has no limit.
///
/// # Errors
/// See [`Refusal`].
pub fn prepare(
    request: &ChatRequest,
    facts: &ModelFacts,
    template: &ChatTemplate,
    default_max_tokens: u32,
    seed: u64,
) -> Result<Prepared, Refusal> {
    let extras = read_extras(request)?;
    let choices = request.n.unwrap_or(1);
    if !(1..=MOST_CHOICES).contains(&choices) {
        return Err(Refusal::Range { param: "n", expected: "between 1 and 8" });
    }
    if request.stop.len() > MOST_STOPS || request.stop.iter().any(String::is_empty) {
        return Err(Refusal::Range { param: "stop", expected: "at most 16 texts, none of them empty" });
    }
    let max_tokens =
        request.max_output_tokens.map_or(default_max_tokens, |most| u32::try_from(most).unwrap_or(u32::MAX));
    if max_tokens == 0 {
        return Err(Refusal::Range { param: "max_completion_tokens", expected: "at least 1" });
    }
    let forced = forced_call(request)?;
    let offered = if request.tool_choice == Some(ToolChoice::None) { &[] } else { request.tools.as_slice() };
    let constraint = constraint_of(request, forced.as_ref(), offered)?;
    let mut prompt = render(&request.messages, offered, facts, template)?;
    let reading = match &forced {
        Some(Forced { tool: Some(name), .. }) => Reading::ArgumentsOf(name.clone()),
        Some(_) => Reading::OneCall,
        None if offered.is_empty() => Reading::Words,
        None => Reading::Calls(offered.iter().map(|tool| tool.name.clone()).collect()),
    };
    if let Some(forced) = forced {
        prompt.push_template(&forced.begun);
    }
    Ok(Prepared {
        prompt,
        sampling: Sampling {
            temperature: narrow(request.temperature.unwrap_or(DEFAULT_TEMPERATURE)),
            top_p: narrow(request.top_p.unwrap_or(1.0)).clamp(f32::MIN_POSITIVE, 1.0),
            frequency_penalty: narrow(extras.frequency_penalty),
            presence_penalty: narrow(extras.presence_penalty),
            seed: request.seed.map_or(seed, i64::cast_unsigned),
        },
        constraint,
        choices,
        max_tokens: max_tokens.min(facts.context_tokens),
        stop: request.stop.clone(),
        top_logprobs: extras.top_logprobs,
        reading,
    })
}

/// The members of a request that its canonical form leaves aside and this server knows.
#[derive(Debug, Default)]
struct Extras {
    frequency_penalty: f64,
    presence_penalty: f64,
    top_logprobs: Option<usize>,
}

fn read_extras(request: &ChatRequest) -> Result<Extras, Refusal> {
    let mut extras = Extras::default();
    let mut wants_logprobs = false;
    for (name, json) in &request.extra {
        let value: Value = serde_json::from_str(json.get()).unwrap_or_default();
        match name.as_str() {
            "frequency_penalty" => extras.frequency_penalty = penalty("frequency_penalty", &value)?,
            "presence_penalty" => extras.presence_penalty = penalty("presence_penalty", &value)?,
            "logprobs" => wants_logprobs = value.as_bool() == Some(true),
            "top_logprobs" => {
                let most = value.as_u64().filter(|most| *most <= MOST_TOP_LOGPROBS);
                let most = most.ok_or(Refusal::Range { param: "top_logprobs", expected: "between 0 and 20" })?;
                extras.top_logprobs = Some(usize::try_from(most).unwrap_or(0));
            }
            _ if value.is_null() => {}
            other if other.rsplit('/').next().is_some_and(|member| LABELS.contains(&member)) => {}
            other => {
                return Err(Refusal::Unsupported { param: other.to_owned(), what: "use for this part of a request" });
            }
        }
    }
    if extras.top_logprobs.is_some() && !wants_logprobs {
        return Err(Refusal::Range { param: "top_logprobs", expected: "accompanied by `logprobs: true`" });
    }
    extras.top_logprobs = wants_logprobs.then(|| extras.top_logprobs.unwrap_or(0));
    Ok(extras)
}

fn penalty(param: &'static str, value: &Value) -> Result<f64, Refusal> {
    let number = if value.is_null() { Some(0.0) } else { value.as_f64() };
    number
        .filter(|number| (-2.0..=2.0).contains(number))
        .ok_or(Refusal::Range { param, expected: "a number between -2 and 2" })
}

fn forced_call(request: &ChatRequest) -> Result<Option<Forced>, Refusal> {
    match &request.tool_choice {
        Some(ToolChoice::Required) if request.tools.is_empty() => {
            Err(Refusal::Range { param: "tools", expected: "given where a tool is required" })
        }
        Some(ToolChoice::Required) => Ok(Some(tools::force(&request.tools.iter().collect::<Vec<_>>()))),
        Some(ToolChoice::Tool(name)) => {
            let tool = request.tools.iter().find(|tool| tool.name == *name);
            Ok(Some(tools::force(&[tool.ok_or_else(|| Refusal::UnknownTool(name.clone()))?])))
        }
        Some(ToolChoice::Auto | ToolChoice::None) | None => Ok(None),
    }
}

fn constraint_of(
    request: &ChatRequest,
    forced: Option<&Forced>,
    offered: &[ToolSpec],
) -> Result<Option<Constraint>, Refusal> {
    if let Some(forced) = forced {
        let strict = offered.iter().any(|tool| tool.strict == Some(true));
        let (schema, param) = (forced.schema.clone(), "tools");
        return Ok(Some(Constraint { schema, unenforceable: unenforceable(strict), param }));
    }
    let (schema, strict) = match &request.response_format {
        None | Some(ResponseFormat::Text) => return Ok(None),
        Some(ResponseFormat::JsonObject) => (json!({"type": "object"}), true),
        Some(ResponseFormat::JsonSchema { schema, strict, .. }) => {
            (serde_json::from_str(schema.get()).unwrap_or_default(), *strict == Some(true))
        }
    };
    if !offered.is_empty() {
        // The schema would forbid the very call that the tools invite.
        let what = "choice between a call and an answer under a schema: set `tool_choice` to `none` or `required`";
        return Err(Refusal::Unsupported { param: "response_format".to_owned(), what });
    }
    Ok(Some(Constraint { schema, unenforceable: unenforceable(strict), param: "response_format" }))
}

fn unenforceable(strict: bool) -> Unenforceable {
    if strict { Unenforceable::Refuse } else { Unenforceable::Report }
}

/// Renders the conversation. Nothing that a message, a tool or a call says can pass for a control token.
fn render(
    messages: &[Message],
    offered: &[ToolSpec],
    facts: &ModelFacts,
    template: &ChatTemplate,
) -> Result<Prompt, Refusal> {
    let mut aside = Aside::new(&facts.control_texts);
    let mut shown = tools::for_template(offered);
    shown.iter_mut().for_each(|tool| put_aside(tool, &mut aside));
    let mut turns = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        add_turns(message, at, template.tool_style(), &mut aside, &mut turns)?;
    }
    if template.tool_style() == ToolStyle::Described && !shown.is_empty() {
        describe(&mut turns, &tools::described(&shown));
        shown.clear();
    }
    let rendered = template.render(&turns, &shown)?;
    Ok(aside.set_back(&rendered))
}

/// Puts the description of the tools under the system message, or makes it one.
fn describe(turns: &mut Vec<Value>, description: &str) {
    let is_system = |turn: &Value| turn.get("role").is_some_and(|role| role == "system");
    let said = turns.first().filter(|first| is_system(first)).and_then(|first| first.get("content")?.as_str());
    let content = said.map_or_else(|| description.to_owned(), |said| format!("{said}\n\n{description}"));
    if said.is_some() {
        turns.remove(0);
    }
    turns.insert(0, json!({"role": "system", "content": content}));
}

/// Adds the turns that one message makes in a template's eyes.
fn add_turns(
    message: &Message,
    at: usize,
    style: ToolStyle,
    aside: &mut Aside<'_>,
    turns: &mut Vec<Value>,
) -> Result<(), Refusal> {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let mut content = String::new();
    let mut calls = Vec::new();
    for part in &message.parts {
        match part {
            Part::ToolCall(call) => calls.push(spoken_call(call, aside)),
            Part::ToolResult(result) => {
                let text = aside.put(&text_of(&result.parts, at)?);
                turns.push(match style {
                    ToolStyle::Native => json!({"role": role, "tool_call_id": result.call_id, "content": text}),
                    ToolStyle::Described => json!({"role": "user", "content": tools::result_as_text(&text)}),
                });
            }
            other => content.push_str(&aside.put(&text_of(std::slice::from_ref(other), at)?)),
        }
    }
    if message.role == Role::Tool {
        return Ok(());
    }
    if style == ToolStyle::Described {
        for call in calls.drain(..) {
            content.push_str(if content.is_empty() { "" } else { "\n" });
            content.push_str(&tools::call_as_text(&call));
        }
    }
    turns.push(if calls.is_empty() {
        json!({"role": role, "content": content})
    } else {
        json!({"role": role, "content": content, "tool_calls": calls.iter().map(native_call).collect::<Vec<_>>()})
    });
    Ok(())
}

fn text_of(parts: &[Part], at: usize) -> Result<String, Refusal> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(words) | Part::Refusal(words) => text.push_str(words),
            // Earlier thoughts are no part of what was said; templates leave them out too.
            Part::Reasoning(_) => {}
            Part::Image(_) => {
                return Err(Refusal::Unsupported { param: format!("messages[{at}].content"), what: "eyes for images" });
            }
            Part::ToolCall(_) | Part::ToolResult(_) | Part::Foreign { .. } => {
                let what = "use for a content part of this type";
                return Err(Refusal::Unsupported { param: format!("messages[{at}].content"), what });
            }
        }
    }
    Ok(text)
}

fn spoken_call(call: &ToolCall, aside: &mut Aside<'_>) -> ToolCall {
    ToolCall { id: call.id.clone(), name: aside.put(&call.name), arguments: aside.put(&call.arguments) }
}

/// A call as templates expect it: with arguments as an object, which they spell out themselves.
fn native_call(call: &ToolCall) -> Value {
    let arguments = serde_json::from_str(&call.arguments).unwrap_or_else(|_| Value::from(call.arguments.as_str()));
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

/// Puts control texts aside in every string of a value.
fn put_aside(value: &mut Value, aside: &mut Aside<'_>) {
    match value {
        Value::String(text) => *text = aside.put(text),
        Value::Array(items) => items.iter_mut().for_each(|item| put_aside(item, aside)),
        Value::Object(members) => members.values_mut().for_each(|member| put_aside(member, aside)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[expect(clippy::cast_possible_truncation, reason = "sampling parameters need no more than single precision")]
fn narrow(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests;
