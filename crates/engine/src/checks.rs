//! What an answer must be before it may be released, read from the request once.
//!
//! A request that asks for a JSON form, or that offers tools with schemas, has its answer held back whole, read by
//! `steersman-structured`, and released only if it is the value that was asked for: as it came, repaired with each change
//! recorded, or not at all. A schema is compiled once and kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::RawValue;
use steersman_core::{Code, ContentHash, FinishReason, Part, Violation};
use steersman_structured::{CompiledSchema, Conditions, Finish, Mode, Reading, Repair, read};
use steersman_wire::json::{RawObject, elements};
use steersman_wire::{Answer, RequestHead};

use crate::refusal::Refusal;

/// What to do with an answer that has a form to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Repair as far as this mode goes; refuse what is beyond it.
    Repair(Mode),
    /// Change nothing; refuse what is not as asked.
    Validate,
    /// Look at nothing.
    Off,
}

impl Policy {
    /// Every word that a client or a task may use, and what it means.
    pub const WORDS: &[(&str, Self)] = &[
        ("repair", Self::Repair(Mode::Safe)),
        ("strict", Self::Repair(Mode::Strict)),
        ("safe", Self::Repair(Mode::Safe)),
        ("lenient", Self::Repair(Mode::Lenient)),
        ("validate", Self::Validate),
        ("off", Self::Off),
    ];

    /// The policy with this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(name, _)| *name == word).map(|(_, policy)| *policy)
    }
}

/// The forms that one request asks for.
#[derive(Clone)]
pub(crate) struct Checks {
    policy: Policy,
    /// Names the forms in the drift memory; empty if there are none.
    pub(crate) name: String,
    /// The answer's text must be JSON, of this schema if there is one.
    response: Option<Option<Arc<CompiledSchema>>>,
    /// Arguments of calls, by tool.
    tools: BTreeMap<String, Arc<CompiledSchema>>,
}

/// What one part of an answer is replaced with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revision {
    /// Which answer.
    pub(crate) choice: usize,
    /// Which tool call of it; `None` for its text.
    pub(crate) call: Option<usize>,
    /// The new text.
    pub(crate) text: String,
}

/// An answer that may be released.
#[derive(Default)]
pub(crate) struct Passed {
    /// Parts to replace; empty if it is released as it came.
    pub(crate) revisions: Vec<Revision>,
    /// Each change, in order.
    pub(crate) repairs: Vec<Repair>,
}

/// An answer that may not be released.
#[derive(Debug)]
pub(crate) struct Held {
    /// What the client hears if no further attempt follows.
    pub(crate) refusal: Refusal,
    /// What was wrong, for a re-ask.
    pub(crate) violations: Vec<Violation>,
    /// The text that was wrong.
    pub(crate) raw: String,
    /// Whether asking again may help.
    pub(crate) worth_asking_again: bool,
}

/// Compiled schemas by the hash of their text.
#[derive(Default)]
pub(crate) struct Schemas(Mutex<BTreeMap<ContentHash, Arc<CompiledSchema>>>);

/// More schemas than this in use at once are compiled anew now and then.
const MAX_SCHEMAS: usize = 1_024;

impl Schemas {
    fn compile(&self, schema: &RawValue, param: &str) -> Result<Arc<CompiledSchema>, Refusal> {
        let hash = ContentHash::of(schema.get().as_bytes());
        if let Some(known) = self.lock().get(&hash) {
            return Ok(Arc::clone(known));
        }
        let refuse = |error: String| Refusal::new(Code::INVALID_SCHEMA, format!("`{param}`: {error}")).param(param);
        let value = serde_json::from_str(schema.get()).map_err(|error| refuse(error.to_string()))?;
        let compiled = Arc::new(CompiledSchema::new(&value).map_err(|error| refuse(error.to_string()))?);
        let mut kept = self.lock();
        if kept.len() >= MAX_SCHEMAS {
            kept.clear();
        }
        kept.insert(hash, Arc::clone(&compiled));
        Ok(compiled)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ContentHash, Arc<CompiledSchema>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checks {
    /// Reads the forms that a request asks for. `None` if it asks for none.
    pub(crate) fn of(head: &RequestHead<'_>, policy: Policy, schemas: &Schemas) -> Result<Option<Self>, Refusal> {
        if policy == Policy::Off {
            return Ok(None);
        }
        let response = head.response_format.map(|format| response_schema(format, schemas)).transpose()?.flatten();
        let tools = head.tools.map(|tools| tool_schemas(tools, schemas)).transpose()?.unwrap_or_default();
        if response.is_none() && tools.is_empty() {
            return Ok(None);
        }
        let forms = [head.response_format, head.tools].map(|form| form.map_or("", RawValue::get)).concat();
        let name = ContentHash::of(forms.as_bytes()).to_string().chars().take(12).collect();
        Ok(Some(Self { policy, name, response, tools }))
    }

    /// No form at all: the answer is held back whole for another reason.
    pub(crate) const fn none() -> Self {
        Self { policy: Policy::Off, name: String::new(), response: None, tools: BTreeMap::new() }
    }

    /// Judges a whole answer.
    pub(crate) fn judge(&self, answer: &Answer) -> Result<Passed, Box<Held>> {
        let mut passed = Passed::default();
        for (index, choice) in answer.choices.iter().enumerate() {
            let conditions = Conditions { mode: self.mode(), finish: finish(choice.finish) };
            let mut text = String::new();
            let mut calls = 0;
            for part in &choice.parts {
                match part {
                    Part::Text(more) => text.push_str(more),
                    // A refusal is an outcome of its own, and the client may read it.
                    Part::Refusal(_) => return Ok(Passed::default()),
                    Part::ToolCall(call) => {
                        if let Some(schema) = self.tools.get(&call.name) {
                            let place = format!("the arguments of `{}`", call.name);
                            let revised = self.read(&call.arguments, Some(schema), conditions, &place, &mut passed)?;
                            passed.revisions.extend(revised.map(|text| Revision {
                                choice: index,
                                call: Some(calls),
                                text,
                            }));
                        }
                        calls += 1;
                    }
                    _ => {}
                }
            }
            if let Some(schema) = &self.response
                && calls == 0
            {
                let revised = self.read(&text, schema.as_deref(), conditions, "the answer", &mut passed)?;
                passed.revisions.extend(revised.map(|text| Revision { choice: index, call: None, text }));
            }
        }
        Ok(passed)
    }

    const fn mode(&self) -> Mode {
        match self.policy {
            Policy::Repair(mode) => mode,
            Policy::Validate | Policy::Off => Mode::Strict,
        }
    }

    /// Reads one text. Gives its replacement, if it needs one.
    fn read(
        &self,
        text: &str,
        schema: Option<&CompiledSchema>,
        conditions: Conditions,
        place: &str,
        passed: &mut Passed,
    ) -> Result<Option<String>, Box<Held>> {
        match read(text, schema, conditions) {
            Reading::Accepted(accepted) if accepted.unchanged() => Ok(None),
            Reading::Accepted(accepted) if self.policy != Policy::Validate => {
                passed.repairs.extend(accepted.repairs());
                Ok(Some(accepted.document().text().to_owned()))
            }
            Reading::Accepted(accepted) => {
                let message = format!("{place} would need {} repairs, and none are allowed", accepted.repairs().len());
                Err(held(Code::OUTPUT_REJECTED, message, Vec::new(), text))
            }
            // The model's own words, in place of the value; the record says that it declined.
            Reading::Refused(_) => Ok(None),
            Reading::Rejected(rejected) => {
                let first = rejected.violations.first().map_or("", |violation| &violation.message);
                let message = format!("{place} breaks the {} layer: {first}", layer(rejected.layer));
                Err(held(Code::OUTPUT_REJECTED, message, rejected.violations, text))
            }
            Reading::Truncated(_) => {
                Err(held(Code::OUTPUT_TRUNCATED, format!("{place} was cut before it was complete"), Vec::new(), text))
            }
        }
    }
}

fn held(code: &'static Code, message: String, violations: Vec<Violation>, raw: &str) -> Box<Held> {
    let refusal = Refusal::new(code, message);
    Box::new(Held { refusal, violations, raw: raw.to_owned(), worth_asking_again: code == Code::OUTPUT_REJECTED })
}

const fn layer(layer: steersman_core::Layer) -> &'static str {
    match layer {
        steersman_core::Layer::Syntax => "syntax",
        steersman_core::Layer::Schema => "schema",
        steersman_core::Layer::Rules => "rules",
        steersman_core::Layer::Distribution => "distribution",
    }
}

const fn finish(reason: Option<FinishReason>) -> Finish {
    match reason {
        Some(FinishReason::Length) => Finish::Length,
        Some(FinishReason::ContentFilter | FinishReason::Refusal) => Finish::Filtered,
        Some(FinishReason::Stop | FinishReason::ToolCalls) => Finish::Stop,
        _ => Finish::Unknown,
    }
}

/// `Some(None)` for any JSON object, `Some(Some(_))` for a schema, `None` for free text.
#[expect(clippy::option_option, reason = "free text, any JSON, JSON of a schema")]
fn response_schema(format: &RawValue, schemas: &Schemas) -> Result<Option<Option<Arc<CompiledSchema>>>, Refusal> {
    let Ok(object) = RawObject::of(format) else { return Ok(None) };
    let kind = object.get("type").map_or("", |kind| kind.get().trim_matches('"'));
    if kind == "json_object" {
        return Ok(Some(None));
    }
    // OpenAI nests the schema below `json_schema`; others give it at once.
    let nested = object.get("json_schema").and_then(|inner| RawObject::of(inner).ok()?.get("schema"));
    match nested.or_else(|| object.get("schema")).or_else(|| object.get("responseJsonSchema")) {
        Some(schema) => Ok(Some(Some(schemas.compile(schema, "response_format")?))),
        None => Ok(None),
    }
}

/// The argument schemas of tools, by name. A tool without one is not checked.
fn tool_schemas(tools: &RawValue, schemas: &Schemas) -> Result<BTreeMap<String, Arc<CompiledSchema>>, Refusal> {
    let mut compiled = BTreeMap::new();
    for (index, tool) in elements(tools).enumerate() {
        let Ok(tool) = RawObject::of(tool) else { continue };
        let mut add = |function: &RawObject<'_>, members: &[&str]| -> Result<(), Refusal> {
            let name: Option<String> = function.get("name").and_then(|name| serde_json::from_str(name.get()).ok());
            let schema = members.iter().find_map(|member| function.get(member));
            if let (Some(name), Some(schema)) = (name, schema) {
                compiled.insert(name, schemas.compile(schema, &format!("tools[{index}]"))?);
            }
            Ok(())
        };
        let function = tool.get("function").and_then(|function| RawObject::of(function).ok());
        add(function.as_ref().unwrap_or(&tool), &["parameters", "input_schema"])?;
        // Gemini puts several functions into one tool. Its older `parameters` are no JSON Schema (their types are upper
        // case), and its provider keeps them.
        let declared = tool.get("functionDeclarations").or_else(|| tool.get("function_declarations"));
        for function in declared.into_iter().flat_map(elements).filter_map(|function| RawObject::of(function).ok()) {
            add(&function, &["parametersJsonSchema", "parameters_json_schema"])?;
        }
    }
    Ok(compiled)
}
