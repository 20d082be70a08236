//! An effect as a row and back. Words on disk are those of the scope crate (`State::name` and its like).

use steersman_core::Effect;
use steersman_scope::{EffectKey, EffectRecord, Means, Slot, State, Witness};

use crate::StoreError;
use crate::driver::DatabaseError;
use crate::value::{Cell, Fields};

const PERSON: &str = "person:";

pub(super) const fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Irreversible => "irreversible",
    }
}

pub(super) fn witness_name(witness: &Witness) -> String {
    match witness {
        Witness::Answer => "answer".to_owned(),
        Witness::Lookup => "lookup".to_owned(),
        Witness::Person(name) => format!("{PERSON}{name}"),
    }
}

fn witness(text: &str) -> Option<Witness> {
    match text {
        "answer" => Some(Witness::Answer),
        "lookup" => Some(Witness::Lookup),
        _ => text.strip_prefix(PERSON).map(|name| Witness::Person(name.to_owned())),
    }
}

fn read(cells: Vec<Cell>) -> Result<EffectRecord, StoreError> {
    let mut fields = Fields::new("effect", cells);
    let corrupt = || StoreError::Corrupt { what: "effect" };
    let key = |bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).map(EffectKey::from).map_err(|_| corrupt());
    let (own, twin) = (key(fields.blob()?)?, key(fields.blob()?)?);
    let (run, path) = (fields.text()?, fields.text()?);
    let slot = Slot { run: run.as_str().into(), path: path.into(), index: fields.number()? };
    let (tool, arguments) = (fields.text()?, fields.text()?);
    let (effect, means, state) = (fields.text()?, fields.text()?, fields.text()?);
    let classes = [Effect::Read, Effect::Write, Effect::Irreversible];
    Ok(EffectRecord {
        key: own,
        twin,
        slot,
        tool,
        arguments,
        effect: classes.into_iter().find(|class| effect_name(*class) == effect).ok_or_else(corrupt)?,
        means: Means::ALL.into_iter().find(|known| known.name() == means).ok_or_else(corrupt)?,
        state: State::ALL.into_iter().find(|known| known.name() == state).ok_or_else(corrupt)?,
        attempt: fields.number()?,
        epoch: fields.number()?,
        contested: fields.int()? == 1,
        doubt: fields.int()? == 1,
        detail: fields.text()?,
        authorised_by: fields.maybe_text()?,
        reconciled_by: fields.maybe_text()?.map(|text| witness(&text).ok_or_else(corrupt)).transpose()?,
        changed_at_ms: fields.int()?,
    })
}

/// The effects of an answer.
pub(super) fn effects(rows: Vec<Vec<Cell>>) -> Result<Vec<EffectRecord>, DatabaseError> {
    rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|error| DatabaseError::lasting(error.to_string()))
}

/// The effects of an answer, by key. A database that sorts rows carries all of each along.
pub(super) fn by_key(rows: Vec<Vec<Cell>>) -> Result<Vec<EffectRecord>, DatabaseError> {
    let mut effects = effects(rows)?;
    effects.sort_unstable_by_key(|effect| effect.key);
    Ok(effects)
}

/// The one effect of an answer.
pub(super) fn one(rows: Vec<Vec<Cell>>) -> Result<Option<EffectRecord>, DatabaseError> {
    Ok(effects(rows)?.into_iter().next())
}
