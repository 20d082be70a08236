//! All effects in memory, with the checks that a database would make by its constraints. Pure.
//!
//! The journal replays its records into a book and asks it before it writes. What the book refuses is never written.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use steersman_core::{ContentHash, Effect};

use crate::effect::{Change, EffectRecord, State};
use crate::key::{EffectKey, RunId, Slot};
use crate::ledger::{LedgerError, NewEffect, Plan, RunOpened};

/// One run, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    pub(crate) run: RunId,
    /// Hexadecimal hash of the client's request.
    pub(crate) request: String,
    pub(crate) closed: bool,
    /// Records of this run may have been lost: what is not known may still have been sent.
    pub(crate) suspect: bool,
}

/// One line of the journal: the whole new state of what it names, so that replaying is overwriting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    Run(RunRecord),
    Effect(Box<EffectRecord>),
    Granted {
        twin: EffectKey,
        repeats: u32,
    },
    Forgotten(RunId),
    /// Every record of the segment before this one is here.
    SnapshotEnd,
    /// Damage was found when the segment began: a run that is not known here may still have been there.
    Damaged,
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    effects: BTreeMap<EffectKey, EffectRecord>,
    runs: BTreeMap<RunId, RunRecord>,
    granted: BTreeMap<EffectKey, u32>,
    by_slot: HashMap<Slot, EffectKey>,
    by_twin: HashMap<EffectKey, Vec<EffectKey>>,
    damaged: bool,
}

impl Book {
    /// Takes an entry over as it is.
    pub(crate) fn replay(&mut self, entry: Entry) {
        match entry {
            Entry::Run(run) => drop(self.runs.insert(run.run.clone(), run)),
            Entry::Granted { twin, repeats } => drop(self.granted.insert(twin, repeats)),
            Entry::Forgotten(run) => self.forget(&run),
            Entry::SnapshotEnd => {}
            Entry::Damaged => self.damaged = true,
            Entry::Effect(effect) => {
                if effect.state == State::Void {
                    self.by_slot.remove(&effect.slot);
                } else {
                    self.by_slot.insert(effect.slot.clone(), effect.key);
                }
                let twins = self.by_twin.entry(effect.twin).or_default();
                if !twins.contains(&effect.key) {
                    twins.push(effect.key);
                }
                self.effects.insert(effect.key, *effect);
            }
        }
    }

    /// What happens to the book when its journal lost records: every open run becomes suspect.
    pub(crate) fn suspect_all(&mut self) {
        self.damaged = true;
        for run in self.runs.values_mut().filter(|run| !run.closed) {
            run.suspect = true;
        }
    }

    /// What happens when the last owner may still be alive: it may send late what it intended.
    pub(crate) fn contest_all(&mut self) {
        for effect in self.effects.values_mut() {
            effect.contested |= matches!(effect.state, State::Intent | State::Dispatched | State::Unknown);
        }
    }

    /// Everything, in the order in which it can be replayed.
    pub(crate) fn live(&self) -> Vec<Entry> {
        let mut entries: Vec<_> = self.runs.values().cloned().map(Entry::Run).collect();
        entries.extend(self.effects.values().cloned().map(|effect| Entry::Effect(Box::new(effect))));
        let granted = self.granted.iter().map(|(twin, repeats)| Entry::Granted { twin: *twin, repeats: *repeats });
        entries.extend(granted);
        if self.damaged {
            entries.push(Entry::Damaged);
        }
        entries.push(Entry::SnapshotEnd);
        entries
    }

    pub(crate) fn effect(&self, key: EffectKey) -> Option<&EffectRecord> {
        self.effects.get(&key)
    }

    pub(crate) fn open_effects(&self) -> Vec<EffectRecord> {
        self.effects.values().filter(|effect| effect.is_open()).cloned().collect()
    }

    pub(crate) fn open_run(&self, run: &RunId, request: ContentHash) -> (RunOpened, Option<Entry>) {
        let request = request.to_string();
        match self.runs.get(run) {
            Some(known) if known.request != request => (RunOpened::OtherRequest, None),
            Some(known) if known.closed => {
                let reopened = RunRecord { closed: false, ..known.clone() };
                (RunOpened::Known, Some(Entry::Run(reopened)))
            }
            Some(_) => (RunOpened::Known, None),
            None => {
                let new = RunRecord { run: run.clone(), request, closed: false, suspect: self.damaged };
                (RunOpened::New, Some(Entry::Run(new)))
            }
        }
    }

    pub(crate) fn close_run(&self, run: &RunId) -> Result<Option<Entry>, LedgerError> {
        let known = self.runs.get(run).ok_or_else(|| LedgerError::NoRun(run.clone()))?;
        Ok((!known.closed).then(|| Entry::Run(RunRecord { closed: true, ..known.clone() })))
    }

    pub(crate) fn forget_run(&self, run: &RunId) -> Result<Entry, LedgerError> {
        let open = self.effects.values().find(|effect| effect.slot.run == *run && effect.is_open());
        match open {
            Some(open) => Err(LedgerError::Moved(Box::new(open.clone()))),
            None => Ok(Entry::Forgotten(run.clone())),
        }
    }

    fn forget(&mut self, run: &RunId) {
        self.runs.remove(run);
        let gone: Vec<_> = self.effects.values().filter(|effect| effect.slot.run == *run).cloned().collect();
        for effect in gone {
            self.effects.remove(&effect.key);
            self.by_slot.remove(&effect.slot);
            self.by_twin.remove(&effect.twin);
            self.granted.remove(&effect.twin);
        }
    }

    /// What planning this effect comes to, and what is to be written for it.
    pub(crate) fn plan(&self, new: NewEffect, epoch: u64, now_ms: i64) -> Result<(Plan, Vec<Entry>), LedgerError> {
        let run = self.runs.get(&new.slot.run).filter(|run| !run.closed);
        let run = run.ok_or_else(|| LedgerError::NoRun(new.slot.run.clone()))?;
        let key = EffectKey::of(&new.slot, &new.tool, &new.arguments);
        if let Some(known) = self.effects.get(&key).filter(|known| known.state != State::Void) {
            return Ok((Plan::Known(known.clone()), Vec::new()));
        }
        let mut entries = Vec::new();
        if let Some(other) = self.by_slot.get(&new.slot).and_then(|key| self.effects.get(key)) {
            match other.after(other.attempt, Change::Void, epoch, now_ms) {
                Ok(void) => entries.push(Entry::Effect(Box::new(void))),
                Err(_) if other.attempt == 0 && other.state == State::Failed => {}
                Err(_) => return Ok((Plan::Conflict(other.clone()), Vec::new())),
            }
        }
        let twin = EffectKey::twin(&new.slot.run, &new.tool, &new.arguments);
        if let Some(other) = self.twin_in_the_way(twin, new.effect) {
            return Ok((Plan::Twin(other.clone()), Vec::new()));
        }
        let effect = match new.record(epoch, now_ms) {
            // An intent of it may be among the lost records.
            sent if run.suspect && sent.state == State::Intent => in_doubt(sent),
            effect => effect,
        };
        entries.push(Entry::Effect(Box::new(effect.clone())));
        Ok((Plan::New(effect), entries))
    }

    /// The same call elsewhere in the run, if it keeps this one from being made.
    fn twin_in_the_way(&self, twin: EffectKey, class: Effect) -> Option<&EffectRecord> {
        let twins = self.by_twin.get(&twin)?.iter().filter_map(|key| self.effects.get(key));
        let (mut done, mut last) = (0, None);
        for other in twins {
            match other.state {
                State::Void | State::Failed => {}
                State::Committed => (done, last) = (done + 1, Some(other)),
                _ => return Some(other),
            }
        }
        let allowed = 1 + self.granted.get(&twin).copied().unwrap_or(0);
        last.filter(|_| class == Effect::Irreversible && done >= allowed)
    }

    pub(crate) fn advance(
        &self,
        key: EffectKey,
        attempt: u32,
        change: Change,
        epoch: u64,
        now_ms: i64,
    ) -> Result<EffectRecord, LedgerError> {
        let effect = self.effects.get(&key).ok_or(LedgerError::NoEffect(key))?;
        let first_send = matches!(change, Change::Intend(_)) && effect.state == State::Authorised;
        let suspect = self.runs.get(&effect.slot.run).is_some_and(|run| run.suspect);
        let next = effect.after(attempt, change, epoch, now_ms);
        match next.map_err(|_| LedgerError::Moved(Box::new(effect.clone())))? {
            // Its intent may be among the lost records.
            next if first_send && suspect => Ok(in_doubt(next)),
            next => Ok(next),
        }
    }

    pub(crate) fn grant(&self, twin: EffectKey) -> Entry {
        let repeats = 1 + self.granted.get(&twin).copied().unwrap_or(0);
        Entry::Granted { twin, repeats }
    }
}

/// An intended effect that may have been sent before: its earlier intent may be lost.
fn in_doubt(effect: EffectRecord) -> EffectRecord {
    let detail = "the journal lost records; it may have been sent before".to_owned();
    EffectRecord { state: State::Unknown, detail, ..effect }
}
