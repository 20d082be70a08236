//! The structured room of an engine: policies of tasks, compiled schemas, and the memory of what answers needed.

use std::collections::BTreeMap;
use std::sync::Arc;

use steersman_core::{Code, TaskName};
use steersman_structured::{Mode, Rules};

use crate::bulk::BulkSettings;
use crate::checks::{Policy, Schemas};
use crate::drift::Drift;
use crate::phases::Phases;
use crate::refusal::Refusal;
use crate::reply::Inbound;

/// What the operator decided about answers that have a form to keep.
#[derive(Debug, Clone, Default)]
pub struct FormSettings {
    /// By the name of the task; others repair safely and have no rules.
    pub tasks: BTreeMap<String, TaskForm>,
}

/// What one task wants of its answers.
#[derive(Debug, Clone, Default)]
pub struct TaskForm {
    /// How far repairs may go; `None`: safely.
    pub policy: Option<Policy>,
    /// What a value must satisfy beyond its schema.
    pub rules: Arc<Rules>,
    /// How items are found, where one question holds many.
    pub bulk: Option<BulkSettings>,
    /// Whether the model reasons first, and who extracts then.
    pub phases: Option<Phases>,
}

/// The room: settings, compiled schemas, and what answers needed so far.
#[derive(Default)]
pub(crate) struct Forms {
    settings: FormSettings,
    pub(crate) schemas: Schemas,
    pub(crate) drift: Arc<Drift>,
}

impl Forms {
    /// What was remembered is taken over from `before`, where there is one.
    pub(crate) fn new(settings: FormSettings, before: Option<&Self>) -> Self {
        let drift = before.map(|before| Arc::clone(&before.drift)).unwrap_or_default();
        Self { settings, drift, ..Self::default() }
    }

    /// What is done with an answer: as the client says, else as its task says, else repair safely.
    pub(crate) fn policy(&self, inbound: &Inbound, task: &TaskName) -> Result<Policy, Refusal> {
        let Some(word) = &inbound.structured else {
            let own = self.settings.tasks.get(task.as_str()).and_then(|form| form.policy);
            return Ok(own.unwrap_or(Policy::Repair(Mode::Safe)));
        };
        Policy::named(word).ok_or_else(|| {
            let words: Vec<_> = Policy::WORDS.iter().map(|(word, _)| *word).collect();
            let asked: String = word.chars().take(40).collect();
            Refusal::new(
                Code::INVALID_REQUEST,
                format!("`x-steersman-structured` must be one of {}, not `{asked}`", words.join(", ")),
            )
        })
    }

    /// What a task wants.
    pub(crate) fn of_task(&self, task: &TaskName) -> Option<&TaskForm> {
        self.settings.tasks.get(task.as_str())
    }
}
