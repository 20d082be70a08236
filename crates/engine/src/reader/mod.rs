//! The quarantined reader: what others wrote reaches the model of a run as values and handles, never as text.
//!
//! A run with a reader shows its model of an untrusted result what the operator's contract says the platform
//! guarantees, and a handle (`$h1`) for the rest. Where the operator gave a schema of what may be learnt from a tool's
//! results, another call of a model, without tools, reads the result into that schema first: numbers, flags and listed
//! words are shown, free text stays behind handles. A handle is filled in where it is used: in the arguments of a call
//! before the guard decides on it, and in the answer (Willison, "The Dual LLM pattern for building AI assistants that
//! can resist prompt injection", 2023).
//!
//! What never happens here: a better label for what was read. The guard folds the results as they came.

mod ask;
mod form;
mod handles;
mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use steersman_core::{Code, Contract, TaskName};
use tokio::time::Instant;

use crate::admit::priced;
use crate::engine::Engine;
use crate::guard::GuardMode;
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::region::Demand;
use crate::reply::Inbound;

pub(crate) use form::judge as judge_filled;
pub(crate) use handles::Handles;

/// Everything that `x-steersman-guard` may ask for.
const WORDS: &[&str] = &[WANTED, crate::act::PLAN_WANTED];
/// The word of `x-steersman-guard` that asks for a reader.
pub(crate) const WANTED: &str = "reader";

/// Why nobody can read for a request.
const NO_MODEL: &str = "the request wants a reader, and neither `guard.reader` nor the task's `reader` names a model";

/// What the operator decided about readers.
#[derive(Debug, Clone, Default)]
pub struct ReaderSettings {
    /// The model that reads where a request asks for a reader and its task names none.
    pub model: Option<String>,
    /// The model that reads for a task, by the task's name. Such a task always has a reader.
    pub tasks: BTreeMap<String, String>,
    /// What may be learnt from a tool's results, as a JSON Schema, by the tool's name. Others are not read.
    pub schemas: BTreeMap<String, Arc<Value>>,
}

/// What the model of a run sees of one result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Read {
    /// The text in place of the result.
    pub(crate) shown: String,
    /// What stands behind each handle in it.
    pub(crate) values: Vec<(String, String)>,
}

/// How one result was read, as the record says it.
#[derive(Debug, Serialize)]
pub(crate) struct ReadNote {
    tool: String,
    /// The model that read it; none if it was only put behind handles.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    handles: usize,
    /// Why the reader gave nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

/// What a tool gave, for a reader.
pub(crate) struct Heard<'a> {
    pub(crate) text: &'a str,
    /// How it ended, where it brought nothing.
    pub(crate) failed: Option<&'static str>,
    /// Whether it was told more than the run's model has seen: it may repeat that in any field, so none of them
    /// vouches.
    pub(crate) told_more: bool,
}

/// The reader of one run.
pub(crate) struct Reader<'a> {
    engine: &'a Engine,
    inbound: &'a Inbound,
    model: &'a str,
    deadline: Instant,
    /// Where the run's requests may be processed, and so what it reads.
    demand: Option<Demand>,
}

impl ReaderSettings {
    /// Whether any request may have one.
    #[must_use]
    pub fn are_some(&self) -> bool {
        self.model.is_some() || !self.tasks.is_empty()
    }
}

impl Engine {
    /// The reader of a run of this task, if the operator or the client wants one.
    ///
    /// # Errors
    /// The client asks for one, and no model is configured that could read.
    pub(crate) fn reader<'a>(
        &'a self,
        task: &str,
        inbound: &'a Inbound,
        deadline: Instant,
    ) -> Result<Option<Reader<'a>>, Refusal> {
        let wanted = inbound.wants_of_guard(WANTED);
        let words = inbound.guard.iter().flat_map(|words| words.split(',')).map(str::trim);
        if let Some(unknown) = words.filter(|word| !word.is_empty()).find(|word| !WORDS.contains(word)) {
            let shown: String = unknown.chars().take(40).collect();
            let message = format!("`x-steersman-guard` may ask for `reader` and `plan`, not for `{shown}`");
            return Err(Refusal::new(Code::INVALID_REQUEST, message));
        }
        let model = self.readers.tasks.get(task).or_else(|| self.readers.model.as_ref().filter(|_| wanted));
        match model {
            Some(_) if self.guard.mode_of(task) != GuardMode::On => Err(Refusal::new(
                Code::INVALID_REQUEST,
                "the request wants a reader, and the guard is not `on` for its task: nothing would decide on what is filled in",
            )),
            Some(model) => {
                Ok(Some(Reader { engine: self, inbound, model, deadline, demand: self.demand(inbound, Some(task)) }))
            }
            None if wanted => Err(Refusal::new(Code::INVALID_REQUEST, NO_MODEL)),
            None => Ok(None),
        }
    }
}

impl Engine {
    /// Whether a request of this task has, or wants, more than the guard alone.
    pub(crate) fn is_read_for(&self, inbound: &Inbound, task: &TaskName) -> bool {
        inbound.guard.is_some() || self.readers.tasks.contains_key(task.as_str())
    }

    /// Whether what a request wants of the guard can be had where its task has no tools.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) fn can_be_read_for(&self, inbound: &Inbound, task: &TaskName) -> Result<(), Refusal> {
        if self.agent(task).is_some() || !self.is_read_for(inbound, task) {
            return Ok(());
        }
        let refused = |message| Err(Refusal::new(Code::INVALID_REQUEST, message));
        if inbound.wants_of_guard(crate::act::PLAN_WANTED) {
            return refused("plans are for the gateway's own tools, and only a task with `tools` has some");
        }
        if self.tools.is_none() {
            return refused(NO_MODEL);
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// Whether what it may ask has a price, where budgets are to pay for it.
    ///
    /// # Errors
    /// A model without a price, or one that does not exist.
    pub(crate) fn can_be_paid(&self, recording: &mut Recording) -> Result<(), Refusal> {
        if self.engine.readers.schemas.is_empty() {
            return Ok(());
        }
        let candidates = self.engine.catalog.resolve(self.model)?.candidates;
        priced(&candidates, recording.admission().as_deref())
    }

    /// What the run's model sees of one result. Costs a call of a model where the tool's results have a schema; a call
    /// that gives nothing leaves a named refusal, and the result behind a handle.
    pub(crate) async fn read(
        &self,
        contract: &Contract,
        Heard { text, failed, told_more }: Heard<'_>,
        handles: &mut Handles,
        recording: &mut Recording,
    ) -> (Read, ReadNote) {
        let before = handles.len();
        let mut note = ReadNote { tool: contract.name.clone(), by: None, handles: 0, failed: None };
        let shown = match self.engine.readers.schemas.get(&contract.name) {
            _ if text.trim().is_empty() => String::new(),
            _ if let Some(how) = failed => format!("({how}) {}", handles.name(text.to_owned())),
            None if told_more => handles.name(text.to_owned()),
            None => show::attested(text, contract, handles),
            Some(schema) => {
                note.by = Some(self.model.to_owned());
                match self.ask(&contract.name, schema, text, recording).await {
                    Ok(value) => {
                        let vouched = if told_more { BTreeSet::new() } else { show::vouched(text, contract) };
                        show::of_schema(&value, schema, &vouched, handles)
                    }
                    Err(refusal) => {
                        note.failed = Some(refusal.code.name.to_owned());
                        let (code, handle) = (refusal.code.name, handles.name(text.to_owned()));
                        format!(
                            "{FAILED}: nobody could read the result of `{}` ({code}); it stands behind {handle}",
                            contract.name
                        )
                    }
                }
            }
        };
        let values = handles.since(before);
        note.handles = values.len();
        (Read { shown: with_hint(shown, &values), values }, note)
    }
}

impl Reader<'_> {
    /// A text that nobody reads, behind a handle.
    pub(crate) fn put_away(what: &str, text: &str, handles: &mut Handles) -> (Read, ReadNote) {
        let before = handles.len();
        let shown = handles.name(text.to_owned());
        let values = handles.since(before);
        let note = ReadNote { tool: what.to_owned(), by: None, handles: values.len(), failed: None };
        (Read { shown: with_hint(shown, &values), values }, note)
    }
}

/// Begins what the model reads where its reader gave nothing.
const FAILED: &str = "reader_failed";

/// How a handle is used is said where it stands: no message of the conversation is added or changed for it.
fn with_hint(shown: String, values: &[(String, String)]) -> String {
    let [(first, _), ..] = values else { return shown };
    format!(
        "{shown}\n(Names such as {first} stand for text that is not shown to you. Write the name, in an argument or in your \
         answer, where its text is to stand.)"
    )
}
