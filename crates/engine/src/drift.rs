//! The engine's memory of forms: what answers needed, counted, and the aliases that were confirmed.
//!
//! Counters live here and are handed out to be kept; aliases are kept elsewhere and handed in, so that several gateways
//! on one database know the same ones. Evidence for an alias waits here until somebody takes it away.
//!
//! What never happens here: an alias in force that was neither confirmed often enough nor by a person.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use steersman_structured::{Alarm, Alias, DriftMemory, Repair, Row};

use crate::checks::Known;
use crate::engine::Engine;
use crate::prepare::{Prepared, Target};

/// Evidence that waits to be kept; more is left out.
const EVIDENCE_MAX: usize = 1_024;

/// Aliases of one model under one schema.
pub type AliasKey = (String, String);

/// An alias and what speaks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The model (`provider/model`).
    pub model: String,
    /// The schema's name in the drift memory.
    pub schema: String,
    /// Which name stands for which.
    pub alias: Alias,
}

/// Counters and aliases.
#[derive(Default)]
pub(crate) struct Drift {
    memory: Mutex<DriftMemory>,
    aliases: RwLock<Arc<BTreeMap<AliasKey, Vec<Alias>>>>,
    evidence: Mutex<Vec<Evidence>>,
    /// The version under which each model served last.
    served: Mutex<BTreeMap<String, String>>,
    /// Set by the test that must fail without this loop.
    cut: AtomicBool,
}

impl Drift {
    /// Counts an accepted answer and the repairs that it needed. Gives the alarms that it raises.
    pub(crate) fn observe(&self, model: &str, served: &str, schema: &str, repairs: &[Repair]) -> Vec<Alarm> {
        if self.cut.load(Ordering::Relaxed) {
            return Vec::new();
        }
        self.note_served(model, served);
        let raised = self.lock().observe(model, served, schema, repairs);
        for alarm in &raised {
            tracing::warn!(
                model, pointer = %alarm.form.pointer, old = %alarm.form.old, new = %alarm.form.new,
                before = ?alarm.served_before, now = ?alarm.served_now, "the share of one repair has jumped"
            );
        }
        raised
    }

    fn note_served(&self, model: &str, served: &str) {
        let mut known = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(model).is_none_or(|known| known != served) {
            known.insert(model.to_owned(), served.to_owned());
        }
    }

    /// Keeps evidence for aliases until it is taken away.
    pub(crate) fn learn(&self, model: &str, schema: &str, aliases: Vec<Alias>) {
        let mut evidence = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
        let room = EVIDENCE_MAX.saturating_sub(evidence.len());
        let own = |alias| Evidence { model: model.to_owned(), schema: schema.to_owned(), alias };
        evidence.extend(aliases.into_iter().take(room).map(own));
    }

    /// The aliases in force for a model and a schema.
    pub(crate) fn aliases(&self, model: &str, schema: &str) -> Vec<Alias> {
        let all = Arc::clone(&self.aliases.read().unwrap_or_else(PoisonError::into_inner));
        if all.is_empty() {
            return Vec::new();
        }
        all.get(&(model.to_owned(), schema.to_owned())).cloned().unwrap_or_default()
    }

    pub(crate) fn replace_aliases(&self, aliases: BTreeMap<AliasKey, Vec<Alias>>) {
        *self.aliases.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(aliases);
    }

    pub(crate) fn take_evidence(&self) -> Vec<Evidence> {
        std::mem::take(&mut *self.evidence.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Older evidence stands before what came in since; beyond the bound the newest is left out.
    pub(crate) fn put_evidence_back(&self, mut back: Vec<Evidence>) {
        let mut evidence = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
        back.append(&mut evidence);
        back.truncate(EVIDENCE_MAX);
        *evidence = back;
    }

    /// What is remembered: a row for each kind of repair, and every alarm.
    pub(crate) fn remembered(&self) -> (Vec<Row>, Vec<Alarm>) {
        let memory = self.lock();
        (memory.rows(), memory.alarms())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, DriftMemory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Cuts the loop from repairs to alarms, for the test that must fail without it.
    #[doc(hidden)]
    #[must_use]
    pub fn without_drift(self) -> Self {
        self.forms.drift.cut.store(true, Ordering::Relaxed);
        self
    }

    /// Which repairs the answers needed, and the alarms that were raised.
    #[must_use]
    pub fn remembered(&self) -> (Vec<Row>, Vec<Alarm>) {
        self.forms.drift.remembered()
    }

    /// What was counted since the last call, for whoever keeps it: a name and JSON for [`Engine::restore_drift`].
    #[must_use]
    pub fn changed_drift(&self) -> Vec<(String, String)> {
        self.forms.drift.lock().changed()
    }

    /// Takes counters that were kept.
    ///
    /// # Errors
    /// If the text is no such counters.
    pub fn restore_drift(&self, content: &str) -> Result<(), serde_json::Error> {
        self.forms.drift.lock().restore(content)
    }

    /// The version under which the first model of a task served last, as far as an answer with a form has told.
    #[must_use]
    pub fn served_to(&self, task: &str) -> Option<String> {
        let resolved = self.catalog.resolve(&format!("task/{task}")).ok()?;
        let first = resolved.candidates.first()?;
        let served = self.forms.drift.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.get(&format!("{}/{}", first.provider.name, first.model)).cloned()
    }

    /// Evidence for aliases since the last call.
    #[must_use]
    pub fn take_evidence(&self) -> Vec<Evidence> {
        self.forms.drift.take_evidence()
    }

    /// Puts evidence back that could not be kept, for the next call of [`Engine::take_evidence`].
    pub fn put_evidence_back(&self, evidence: Vec<Evidence>) {
        self.forms.drift.put_evidence_back(evidence);
    }

    /// Puts these aliases in force, and no others.
    pub fn replace_aliases(&self, aliases: BTreeMap<AliasKey, Vec<Alias>>) {
        self.forms.drift.replace_aliases(aliases);
    }

    /// What is known of an answer before it is judged.
    pub(crate) fn known<'a>(&self, prepared: &Prepared, target: &'a Target) -> Known<'a> {
        let model = format!("{}/{}", target.candidate.provider.name, target.candidate.model);
        let named = prepared.checks.as_ref().filter(|checks| !checks.name.is_empty());
        let aliases = named.map(|checks| self.forms.drift.aliases(&model, &checks.name)).unwrap_or_default();
        Known { reask: target.reask.as_deref(), aliases }
    }
}
