//! Step 5: the form that a request asks for, at the strongest level its provider has for it.
//!
//! A request that its provider can take goes on as it came. A schema that the provider would refuse is lowered into its
//! subset; one that cannot be lowered, or whose provider knows no schemas, goes out as the one tool that the model must
//! call where it can be made to (`forced`), else in the prompt, with the provider's JSON mode where it has one.
//! Whatever was sent, the answer is judged by the schema that the client gave.
//!
//! What never happens here: no level is lost in silence. What was asked for, what was obtained and each keyword that
//! was dropped stand on the record.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use steersman_core::{ChatRequest, Message, Part, ResponseFormat, Role, ToolSpec};
use steersman_structured::{Asking, Change, Level, lower_for};
use steersman_wire::json::{RawObject, Splice, elements};
use steersman_wire::{Dialect, Form, RequestHead, SchemaForm, anthropic, openai_chat};

use crate::catalog::Candidate;
use crate::forced;
use crate::thought::Thought;

/// What became of the form on the way to a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Constraint {
    /// `strict`, `schema` or `json`, as the client asked.
    pub(crate) asked: &'static str,
    /// The level that the provider has for it.
    pub(crate) obtained: Level,
    /// Differences between the client's schema and the one that was sent; the client's judges the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) changes: Vec<Change>,
    /// Why a stronger level could not be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) obstacle: Option<String>,
}

impl Constraint {
    /// The level's word in headers.
    pub(crate) const fn level(&self) -> &'static str {
        match self.obtained {
            Level::Prompt => "prompt",
            Level::JsonMode => "json_mode",
            Level::Schema => "schema",
            Level::Tool => "tool",
            Level::Strict => "strict",
        }
    }
}

/// What is sent in place of the form.
enum Sent {
    Unchanged,
    Schema(Box<RawValue>),
    Tool(ToolSpec),
    Instruction { json_mode: bool, text: String },
}

/// A form made ready for one provider.
pub(crate) struct Constrained {
    pub(crate) constraint: Constraint,
    form: Sent,
}

/// Reads the form of a request and finds its level. `None` for free text.
pub(crate) fn constrain(
    head: &RequestHead<'_>,
    client: &dyn Dialect,
    provider: &dyn Dialect,
    candidate: &Candidate,
) -> Option<Constrained> {
    let subset = candidate.provider.subset;
    let native = client.name() == provider.name();
    let as_sent = |asked, obtained| {
        let constraint = Constraint { asked, obtained, changes: Vec::new(), obstacle: None };
        Some(Constrained { constraint, form: Sent::Unchanged })
    };
    let SchemaForm { schema, strict, name, description } = match client.form(head.response_format?)? {
        Form::Schema(form) => form,
        Form::Json if provider.name() == anthropic::NAME => return Some(json_in_the_prompt()),
        Form::Json => return as_sent("json", Level::JsonMode),
    };
    let asked = if strict { "strict" } else { "schema" };
    // A client that speaks its provider's own language, or wants no enforcement, gets what it asks for.
    let level = subset.level_of(candidate.model.as_str());
    let enforced = (strict || subset.always) && level == Level::Strict;
    let knows_schemas = matches!(level, Level::Schema | Level::Strict);
    if (native && client.name() != openai_chat::NAME) || (knows_schemas && !enforced) {
        return as_sent(asked, if enforced { Level::Strict } else { Level::Schema });
    }
    let value: Value = serde_json::from_str(schema.get()).ok()?;
    let mut lowered = lower_for(&value, subset, &asking(head, client, candidate));
    if lowered.level == Level::JsonMode && provider.name() == anthropic::NAME {
        lowered.level = Level::Prompt;
    }
    let form = match lowered.level {
        Level::Strict if lowered.changes.is_empty() => Sent::Unchanged,
        Level::Strict => Sent::Schema(serde_json::value::to_raw_value(&lowered.schema).ok()?),
        Level::Tool => {
            let description = description.map(Cow::into_owned);
            Sent::Tool(forced::tool(name.as_deref(), description, schema.clone().into_owned()))
        }
        level => Sent::Instruction { json_mode: level == Level::JsonMode, text: instruction(schema.get()) },
    };
    let constraint =
        Constraint { asked, obtained: lowered.level, changes: lowered.changes, obstacle: lowered.obstacle };
    Some(Constrained { constraint, form })
}

fn asking<'c>(head: &RequestHead<'_>, client: &dyn Dialect, candidate: &'c Candidate) -> Asking<'c> {
    let tools = head.tools.is_some_and(|tools| elements(tools).next().is_some());
    Asking { model: candidate.model.as_str(), tools, thinking: thinking(head, client, &candidate.thought) }
}

/// Whether a request wants the model to think, in the words of any dialect; `None` where it does not say.
fn thinking(head: &RequestHead<'_>, client: &dyn Dialect, thought: &Thought) -> Option<bool> {
    let word = |value: &RawValue| serde_json::from_str::<String>(value.get()).ok();
    let inner = |outer: &str, name: &str| RawObject::of(head.object.get(outer)?).ok()?.get(name);
    let asked = head.object.get("reasoning_effort").or_else(|| inner("reasoning", "effort"));
    let thinks = match &thought.effort {
        Some(effort) => effort.thinks(),
        None => asked.and_then(word).is_some_and(|effort| effort != "none"),
    };
    if thinks || inner("reasoning", "max_tokens").is_some() || inner("generationConfig", "thinkingConfig").is_some() {
        return Some(true);
    }
    match inner("thinking", "type").and_then(word)?.as_str() {
        // Only a body that stays as it is says so to its provider in these words.
        "disabled" => (client.name() == openai_chat::NAME).then_some(false),
        _ => Some(true),
    }
}

fn json_in_the_prompt() -> Constrained {
    let text = "Answer with one JSON object and with nothing else.".to_owned();
    let constraint = Constraint { asked: "json", obtained: Level::Prompt, changes: Vec::new(), obstacle: None };
    Constrained { constraint, form: Sent::Instruction { json_mode: false, text } }
}

fn instruction(schema: &str) -> String {
    format!("Answer with one JSON value that satisfies this JSON Schema, and with nothing else:\n{schema}")
}

impl Constrained {
    /// Writes the form into a request that changes its dialect.
    pub(crate) fn write(&self, request: &mut ChatRequest) {
        match &self.form {
            Sent::Unchanged => {}
            Sent::Schema(lowered) => {
                if let Some(ResponseFormat::JsonSchema { schema, .. }) = &mut request.response_format {
                    schema.clone_from(lowered);
                }
            }
            Sent::Tool(tool) => {
                request.response_format = None;
                request.tool_choice = Some(forced::choice(tool));
                request.tools = vec![tool.clone()];
            }
            Sent::Instruction { json_mode, text } => {
                request.response_format = json_mode.then_some(ResponseFormat::JsonObject);
                let message = Message { role: Role::System, parts: vec![Part::Text(text.clone())] };
                request.messages.insert(0, message);
            }
        }
    }

    /// Writes the form into an OpenAI chat request that stays one; all other bytes stay as they came. `false` if there
    /// was nothing to write.
    pub(crate) fn splice<'o, 'a>(&self, splice: Splice<'o, 'a>, object: &RawObject<'a>) -> (Splice<'o, 'a>, bool) {
        match &self.form {
            Sent::Unchanged => (splice, false),
            Sent::Schema(lowered) => match relowered(object, lowered) {
                Some(format) => (splice.set_raw("response_format", format), true),
                None => (splice, false),
            },
            Sent::Tool(tool) => {
                let function = serde_json::json!({"name": tool.name, "description": tool.description,
                    "parameters": tool.parameters});
                let choice = serde_json::json!({"type": "function", "function": {"name": tool.name}});
                let splice = splice.set("tools", &serde_json::json!([{"type": "function", "function": function}]));
                (splice.set("tool_choice", &choice).remove("response_format"), true)
            }
            Sent::Instruction { json_mode, text } => {
                let Some(messages) = instructed(object, text) else { return (splice, false) };
                let splice = splice.set_raw("messages", messages);
                let format = serde_json::json!({"type": "json_object"});
                let splice =
                    if *json_mode { splice.set("response_format", &format) } else { splice.remove("response_format") };
                (splice, true)
            }
        }
    }
}

/// The format again, with the lowered schema in place of the client's.
fn relowered(object: &RawObject<'_>, lowered: &RawValue) -> Option<Box<RawValue>> {
    let format = RawObject::of(object.get("response_format")?).ok()?;
    let inner = RawObject::of(format.get("json_schema")?).ok()?;
    let inner = String::from_utf8(inner.splice().set_raw("schema", lowered.to_owned()).finish()).ok()?;
    let format = format.splice().set_raw("json_schema", RawValue::from_string(inner).ok()?).finish();
    RawValue::from_string(String::from_utf8(format).ok()?).ok()
}

/// The messages with the instruction before them.
fn instructed(object: &RawObject<'_>, text: &str) -> Option<Box<RawValue>> {
    let rest = object.get("messages")?.get().trim_start().strip_prefix('[')?.trim_start();
    let message = serde_json::json!({"role": "system", "content": text});
    let comma = if rest.starts_with(']') { "" } else { "," };
    RawValue::from_string(format!("[{message}{comma}{rest}")).ok()
}
