//! What an answer must be before it may be released, read from the request once.
//!
//! A request that asks for a JSON form, or that offers tools with schemas, has its answer held back whole, read by
//! `steersman-structured`, and released only if it is the value that was asked for: as it came, repaired with each
//! change recorded, or not at all. A schema is compiled once and kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;
use steersman_core::{Code, ContentHash, FinishReason, Layer, Message, Part, Role, ToolCall};
use steersman_structured::{
    Alias, Code as RepairCode, CompiledSchema, Conditions, Finish, Mode, Reading, Rejected, Repair, Rules, Source,
    read, read_with,
};
use steersman_wire::json::{RawObject, elements};
use steersman_wire::{self as wire, Answer, Dialect, RequestHead};

use crate::bulk::{self, BulkSettings, Reconciled};
use crate::forms::TaskForm;
use crate::reask::{Reask, Reread};
use crate::refusal::Refusal;
use crate::rejection::Rejection;
use crate::reply::Inbound;

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

/// A schema, compiled and as it came.
pub(crate) struct Form {
    schema: CompiledSchema,
    value: Value,
}

/// The forms that one request asks for.
pub(crate) struct Checks {
    policy: Policy,
    /// Names the forms in the drift memory; empty if there are none.
    pub(crate) name: String,
    /// The answer's text must be JSON, of this schema if there is one.
    response: Option<Option<Arc<Form>>>,
    /// Arguments of calls, by tool.
    tools: BTreeMap<String, Arc<Form>>,
    /// What the answer must satisfy beyond its schema.
    rules: Arc<Rules>,
    /// How items are found, where the question holds many.
    bulk: Option<BulkSettings>,
    /// The request, for whoever asks what it says.
    asked: Option<(&'static dyn Dialect, Bytes)>,
    source: OnceLock<Source>,
}

/// Whose text is read.
#[derive(Clone, Copy)]
enum Place<'a> {
    Answer,
    Arguments(&'a str),
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answer => f.write_str("the answer"),
            Self::Arguments(tool) => write!(f, "the arguments of `{tool}`"),
        }
    }
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
    /// Evidence for other names of members.
    pub(crate) learned: Vec<Alias>,
    /// What the answer did with the items of the question.
    pub(crate) bulk: Option<Reconciled>,
    /// The answers whose text is no value: the model declines in it.
    pub(crate) declined: Vec<usize>,
    /// Whether the text that was read last is such a one.
    declines: bool,
}

impl Passed {
    /// Whether the answer is released as it came.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.revisions.is_empty() && self.declined.is_empty()
    }
}

/// What is known before an answer is judged.
#[derive(Default)]
pub(crate) struct Known<'a> {
    /// What was asked for again, where this is the second question.
    pub(crate) reask: Option<&'a Reask>,
    /// Other names of members, as far as they were confirmed.
    pub(crate) aliases: Vec<Alias>,
}

/// An answer that may not be released.
#[derive(Debug)]
pub(crate) struct Held {
    /// What the client hears if no further attempt follows.
    pub(crate) refusal: Refusal,
    /// What was wrong, where it broke a layer.
    pub(crate) rejection: Option<Rejection>,
    /// The text that was wrong.
    pub(crate) raw: String,
    /// What was wrong with the items of the question.
    pub(crate) items: Option<Reconciled>,
    /// Whether it is the answer itself, and the only one; not the arguments of a call.
    pub(crate) sole: bool,
    /// Whether asking again may help.
    pub(crate) worth_asking_again: bool,
}

/// Compiled schemas by the hash of their text.
#[derive(Default)]
pub(crate) struct Schemas(Mutex<BTreeMap<ContentHash, Arc<Form>>>);

/// More schemas than this in use at once are compiled anew now and then.
const MAX_SCHEMAS: usize = 1_024;

impl Schemas {
    fn compile(&self, schema: &RawValue, param: &str) -> Result<Arc<Form>, Refusal> {
        let hash = ContentHash::of(schema.get().as_bytes());
        if let Some(known) = self.lock().get(&hash) {
            return Ok(Arc::clone(known));
        }
        let refuse = |error: String| Refusal::new(Code::INVALID_SCHEMA, format!("`{param}`: {error}")).param(param);
        let value = serde_json::from_str(schema.get()).map_err(|error| refuse(error.to_string()))?;
        let schema = CompiledSchema::new(&value).map_err(|error| refuse(error.to_string()))?;
        let compiled = Arc::new(Form { schema, value });
        let mut kept = self.lock();
        if kept.len() >= MAX_SCHEMAS {
            kept.clear();
        }
        kept.insert(hash, Arc::clone(&compiled));
        Ok(compiled)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ContentHash, Arc<Form>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checks {
    /// Whether the text of an answer has no form to keep.
    pub(crate) fn is_of_calls_alone(&self) -> bool {
        self.response.is_none()
    }

    /// Whether the arguments of this tool's calls have a form to keep.
    pub(crate) fn are_of_call(&self, tool: &str) -> bool {
        self.tools.contains_key(tool)
    }

    /// Whether what breaks its form may be repaired.
    pub(crate) const fn may_repair(&self) -> bool {
        matches!(self.policy, Policy::Repair(_))
    }

    /// What the answer says is looked for in this body, of the same dialect, where the model was shown less.
    pub(crate) fn look_in(&mut self, body: Bytes) {
        self.asked = self.asked.take().map(|(dialect, _)| (dialect, body));
    }

    /// Reads the forms that a request asks for, with the rules of its task. `None` if it asks for none.
    pub(crate) fn of(
        inbound: &Inbound,
        head: &RequestHead<'_>,
        policy: Policy,
        schemas: &Schemas,
        task: Option<&TaskForm>,
    ) -> Result<Option<Self>, Refusal> {
        if policy == Policy::Off {
            return Ok(None);
        }
        let rules = task.map(|task| Arc::clone(&task.rules)).unwrap_or_default();
        let bulk = task.and_then(|task| task.bulk.clone());
        let form = head.response_format.and_then(|format| inbound.dialect.form(format));
        let response = form.map(|form| response_schema(&form, schemas)).transpose()?;
        // A task with rules wants a document in any case.
        let response = response.or_else(|| (!rules.is_empty() || bulk.is_some()).then_some(None));
        let tools = head.tools.map(|tools| tool_schemas(tools, schemas)).transpose()?.unwrap_or_default();
        if response.is_none() && tools.is_empty() {
            return Ok(None);
        }
        let forms = [head.response_format, head.tools].map(|form| form.map_or("", RawValue::get)).concat();
        let name = ContentHash::of(forms.as_bytes()).to_string().chars().take(12).collect();
        let asked = Some((inbound.dialect, inbound.body.clone()));
        Ok(Some(Self { policy, name, response, tools, rules, bulk, asked, source: OnceLock::new() }))
    }

    /// No form at all: the answer is held back whole for another reason.
    pub(crate) fn none() -> Self {
        Self {
            policy: Policy::Off,
            name: String::new(),
            response: None,
            tools: BTreeMap::new(),
            rules: Arc::default(),
            bulk: None,
            asked: None,
            source: OnceLock::new(),
        }
    }

    /// Whether the answer has a form and no tools are offered.
    pub(crate) fn is_of_answer_alone(&self) -> bool {
        self.response.is_some() && self.tools.is_empty()
    }

    /// Whether the answer has a form, and leaves in the order in which it comes.
    pub(crate) const fn grows_in_order(&self) -> bool {
        self.response.is_some() && self.bulk.is_none()
    }

    /// The schema of the answer, compiled.
    pub(crate) fn compiled(&self) -> Option<&CompiledSchema> {
        Some(&self.response.as_ref()?.as_ref()?.schema)
    }

    /// The schema of the answer, as it came.
    pub(crate) fn schema(&self) -> Option<&Value> {
        Some(&self.response.as_ref()?.as_ref()?.value)
    }

    /// Judges a whole answer, which may be one to a question that was asked again.
    pub(crate) fn judge(&self, answer: &Answer, known: &Known<'_>) -> Result<Passed, Box<Held>> {
        let mut passed = Passed::default();
        let sole = answer.choices.len() == 1;
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
                        let form = self.tools.get(&call.name);
                        if form.is_some_and(|form| is_bare(call, form, conditions)) {
                            // The one reading that no arguments have.
                            let bare = || Revision { choice: index, call: Some(calls), text: "{}".to_owned() };
                            passed.revisions.extend(self.may_repair().then(bare));
                        } else if let Some(form) = form {
                            let place = Place::Arguments(&call.name);
                            let reading = read(&call.arguments, Some(&form.schema), conditions);
                            let revised = self.outcome(reading, &call.arguments, false, place, &mut passed);
                            let revision = |text| Revision { choice: index, call: Some(calls), text };
                            passed.revisions.extend(revised?.map(revision));
                        }
                        calls += 1;
                    }
                    _ => {}
                }
            }
            if let Some(form) = &self.response
                && calls == 0
            {
                let known = Known { reask: known.reask.filter(|_| sole), aliases: known.aliases.clone() };
                let revised = self.read(&text, form.as_deref(), conditions, &known, &mut passed);
                let revised = revised.map_err(|held| Box::new(Held { sole, ..*held }))?;
                passed.revisions.extend(revised.map(|text| Revision { choice: index, call: None, text }));
                passed.declined.extend(std::mem::take(&mut passed.declines).then_some(index));
            }
        }
        Ok(passed)
    }

    /// What the model was given: all texts of the request but the model's own.
    fn source(&self) -> &Source {
        self.source.get_or_init(|| {
            let decoded = self.asked.as_ref().and_then(|(dialect, body)| dialect.decode_request(body).ok());
            let messages = decoded.map(|request| request.messages).unwrap_or_default();
            let given = messages.iter().filter(|message| message.role != Role::Assistant);
            Source::of(given.flat_map(texts))
        })
    }

    /// Reads the answer through all layers.
    fn read(
        &self,
        text: &str,
        form: Option<&Form>,
        conditions: Conditions,
        known: &Known<'_>,
        passed: &mut Passed,
    ) -> Result<Option<String>, Box<Held>> {
        let reask = known.reask;
        let schema = form.map(|form| &form.schema);
        let Reread { reading, merged } = match reask {
            Some(reask) => reask.read(text, schema, conditions),
            None => Reread { reading: read_with(text, schema, conditions, &known.aliases), merged: None },
        };
        let Reread { reading, merged } = self.reconcile(Reread { reading, merged }, schema, conditions, reask, passed);
        let nothing = Source::default();
        let source = if self.rules.read_source() { self.source() } else { &nothing };
        let mut reading = self.rules.judge(reading, source);
        if let (Reading::Accepted(accepted), Some(reask), Some(form)) = (&reading, reask, form) {
            let violations = reask.placeholders(accepted.document(), &form.value, self.source());
            // What was undeclared in the first answer may go; all else must be right as it stands.
            let strict = accepted.repairs().iter().all(|repair| repair.code == RepairCode::ExtraMember);
            if violations.is_empty() && strict {
                passed.learned.extend(reask.learned(accepted.document(), &form.value));
            } else if !violations.is_empty() {
                let best = Some(accepted.document().text().to_owned());
                let rejected = Rejected { layer: Layer::Rules, violations, readings: Vec::new(), best };
                reading = Reading::Rejected(rejected);
            }
        }
        let outcome = self.outcome(reading, text, merged.is_some(), Place::Answer, passed);
        outcome.map_err(|mut held| {
            held.items = passed.bulk.take().filter(|report| !report.wanted().is_empty());
            let best = reask.and_then(|reask| reask.best.as_ref()).map(|best| best.text().to_owned());
            if let Some(rejection) = &mut held.rejection {
                rejection.best_attempt = rejection.best_attempt.take().or(best);
            }
            held
        })
    }

    const fn mode(&self) -> Mode {
        match self.policy {
            Policy::Repair(mode) => mode,
            Policy::Validate | Policy::Off => Mode::Strict,
        }
    }

    /// One item for each that was asked about: what is missing or contradicts itself is a violation, what is there
    /// twice or was not asked about is left out.
    fn reconcile(
        &self,
        reread: Reread,
        schema: Option<&CompiledSchema>,
        conditions: Conditions,
        reask: Option<&Reask>,
        passed: &mut Passed,
    ) -> Reread {
        let (Some(bulk), Reading::Accepted(accepted)) = (&self.bulk, &reread.reading) else { return reread };
        let kept = reask.filter(|reask| reask.items.is_some()).and_then(|reask| reask.best.as_ref());
        let found = bulk.reconcile(&self.asked_items(bulk), kept, accepted.document());
        let Some((merged, report)) = found.filter(|(_, report)| report.asked > 0) else { return reread };
        let (exact, violations) = (kept.is_none() && report.is_exact(), report.violations(&bulk.items));
        passed.bulk = Some(report);
        if exact {
            return reread;
        }
        let text = merged.into_text();
        if violations.is_empty() {
            return Reread { reading: read(&text, schema, conditions), merged: Some(text) };
        }
        let rejected = Rejected { layer: Layer::Rules, violations, readings: Vec::new(), best: Some(text) };
        Reread { reading: Reading::Rejected(rejected), merged: None }
    }

    /// The ids of the items that the user's messages hold.
    fn asked_items(&self, bulk: &BulkSettings) -> Vec<String> {
        let decoded = self.asked.as_ref().and_then(|(dialect, body)| dialect.decode_request(body).ok());
        let messages = decoded.map(|request| request.messages).unwrap_or_default();
        let user = messages.iter().filter(|message| message.role == Role::User);
        bulk::asked(&user.flat_map(texts).map(str::to_owned).collect::<Vec<_>>(), &bulk.id)
    }

    /// What becomes of one text: its replacement, if it needs one. `rewritten`: what was read is not what came.
    fn outcome(
        &self,
        reading: Reading,
        text: &str,
        rewritten: bool,
        place: Place<'_>,
        passed: &mut Passed,
    ) -> Result<Option<String>, Box<Held>> {
        match reading {
            Reading::Accepted(accepted) if accepted.unchanged() && !rewritten => Ok(None),
            Reading::Accepted(accepted) if accepted.unchanged() || self.policy != Policy::Validate => {
                passed.repairs.extend(accepted.repairs());
                Ok(Some(accepted.document().text().to_owned()))
            }
            Reading::Accepted(accepted) => {
                let message = format!("{place} would need {} repairs, and none are allowed", accepted.repairs().len());
                Err(held(Code::OUTPUT_REJECTED, message, None, text))
            }
            // The model's own words, in place of the value: a client is told that they are none.
            Reading::Refused(_) => {
                passed.declines |= matches!(place, Place::Answer);
                Ok(None)
            }
            Reading::Rejected(rejected) => {
                let first = rejected.violations.first().map_or("", |violation| &violation.message);
                let message = format!("{place} breaks the {} layer: {first}", layer(rejected.layer));
                let Rejected { layer, violations, readings, best } = rejected;
                let rejection = Rejection { layer, violations, readings, best_attempt: best };
                Err(held(Code::OUTPUT_REJECTED, message, Some(rejection), text))
            }
            Reading::Truncated(_) => {
                Err(held(Code::OUTPUT_TRUNCATED, format!("{place} was cut before it was complete"), None, text))
            }
        }
    }
}

/// Whether a call comes without arguments, and its schema wants none.
fn is_bare(call: &ToolCall, form: &Form, conditions: Conditions) -> bool {
    let none = call.arguments.trim().is_empty() && conditions.finish != Finish::Length;
    none && matches!(read("{}", Some(&form.schema), conditions), Reading::Accepted(bare) if bare.unchanged())
}

/// The texts of a message, those of tool results among them.
fn texts(message: &Message) -> impl Iterator<Item = &str> {
    message.parts.iter().flat_map(|part| match part {
        Part::Text(text) => vec![text.as_str()],
        Part::ToolResult(result) => {
            let inner = result.parts.iter();
            inner.filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect()
        }
        _ => Vec::new(),
    })
}

pub(crate) fn held(code: &'static Code, message: String, rejection: Option<Rejection>, raw: &str) -> Box<Held> {
    let refusal = Refusal { rejection: rejection.clone().map(Box::new), ..Refusal::new(code, message) };
    let worth_asking_again = code == Code::OUTPUT_REJECTED;
    Box::new(Held { refusal, rejection, raw: raw.to_owned(), items: None, sole: false, worth_asking_again })
}

const fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Syntax => "syntax",
        Layer::Schema => "schema",
        Layer::Rules => "rules",
        Layer::Distribution => "distribution",
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

/// `None` for any JSON object.
fn response_schema(form: &wire::Form<'_>, schemas: &Schemas) -> Result<Option<Arc<Form>>, Refusal> {
    match form {
        wire::Form::Json => Ok(None),
        wire::Form::Schema(form) => schemas.compile(&form.schema, "response_format").map(Some),
    }
}

/// The argument schemas of tools, by name. A tool without one is not checked.
fn tool_schemas(tools: &RawValue, schemas: &Schemas) -> Result<BTreeMap<String, Arc<Form>>, Refusal> {
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
