//! What each question of the ledger comes to inside a transaction: one conditional statement, and, where that changed
//! nothing, a look at why.

use steersman_core::Effect;
use steersman_scope::{
    Change, EffectKey, EffectRecord, Evidence, LedgerError, NewEffect, Plan, RunId, RunOpened, State, Witness,
};

use super::rows::{effect_name, effects, one, witness_name};
use super::sql;
use crate::driver::{DatabaseError, Driver};
use crate::value::{Cell, Value};

/// What a change is made with: who makes it, in which of its lives, and when.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    pub(super) owner: String,
    pub(super) epoch: i64,
    pub(super) now_ms: i64,
}

/// The database's refusal outside, the ledger's inside.
pub(super) type Answer<T> = Result<Result<T, LedgerError>, DatabaseError>;

/// The first number of an answer, if there is one.
fn number(rows: &[Vec<Cell>]) -> Option<i64> {
    match rows.first().and_then(|row| row.first()) {
        Some(Cell::Int(number)) => Some(*number),
        _ => None,
    }
}

fn changed(driver: &mut dyn Driver, sql: &'static str, row: Vec<Value<'_>>) -> Result<bool, DatabaseError> {
    Ok(driver.execute(sql, &[row])?.first().is_some_and(|count| *count > 0))
}

pub(super) fn open_run(driver: &mut dyn Driver, stamp: &Stamp, run: &RunId, request: &str) -> Answer<RunOpened> {
    let id = run.to_string();
    let (owner, epoch) = (Value::Text(&stamp.owner), Value::Int(stamp.epoch));
    let era = Value::Int(era(stamp.now_ms, &id));
    if changed(driver, sql::NEW_RUN, vec![Value::Text(&id), Value::Text(request), owner, epoch, era])? {
        return Ok(Ok(RunOpened::New));
    }
    let row = vec![owner, epoch, Value::Text(&id), Value::Text(request), Value::Int(stamp.now_ms)];
    if changed(driver, sql::TAKE_RUN, row)? {
        return Ok(Ok(RunOpened::Known));
    }
    let known = driver.query(sql::RUN, &[Value::Text(&id)])?;
    Ok(match known.first().and_then(|row| row.first()) {
        Some(Cell::Text(other)) if other != request => Ok(RunOpened::OtherRequest),
        _ => Err(LedgerError::Elsewhere(run.clone())),
    })
}

/// Puts what runs at the same time together on disk, and keeps runs of one millisecond apart.
fn era(now_ms: i64, run: &str) -> i64 {
    const APART_BITS: u32 = 20;
    let hash = steersman_core::ContentHash::of(run.as_bytes()).to_string();
    let apart = i64::from_str_radix(hash.get(..5).unwrap_or_default(), 16).unwrap_or_default();
    now_ms.wrapping_shl(APART_BITS) | apart
}

pub(super) fn close_run(driver: &mut dyn Driver, stamp: &Stamp, run: &RunId) -> Answer<()> {
    let id = run.to_string();
    let closed = changed(driver, sql::CLOSE_RUN, vec![Value::Text(&id), Value::Text(&stamp.owner)])?;
    if !closed && driver.query(sql::RUN, &[Value::Text(&id)])?.is_empty() {
        return Ok(Err(LedgerError::NoRun(run.clone())));
    }
    Ok(Ok(()))
}

pub(super) fn forget_run(driver: &mut dyn Driver, run: &RunId) -> Answer<()> {
    let id = run.to_string();
    let Some(era) = number(&driver.query(sql::ERA, &[Value::Text(&id)])?) else { return Ok(Ok(())) };
    // The run's row goes first: whoever plans in it waits for that.
    changed(driver, sql::FORGET_RUN, vec![Value::Text(&id), Value::Int(era)])?;
    let row = || vec![Value::Int(era), Value::Text(&id)];
    if let Some(open) = one(driver.query(sql::OPEN_OF, &row())?)? {
        return Ok(Err(LedgerError::Moved(Box::new(open))));
    }
    driver.execute(sql::FORGET_GRANTS, &[row()])?;
    driver.execute(sql::FORGET_EFFECTS, &[row()])?;
    Ok(Ok(()))
}

pub(super) fn plan(driver: &mut dyn Driver, stamp: &Stamp, new: &NewEffect) -> Answer<Plan> {
    let epoch = u64::try_from(stamp.epoch).unwrap_or_default();
    let effect = new.clone().record(epoch, stamp.now_ms);
    let run = effect.slot.run.to_string();
    let guard = [Value::Text(&run), Value::Text(&stamp.owner), Value::Int(stamp.epoch)];
    let Some(era) = number(&driver.query(sql::MAY_PLAN, &guard)?) else {
        return Ok(Err(may_not_plan(driver, stamp, &effect.slot.run)?));
    };
    if insert(driver, stamp, &effect, era, Twins::Unseen)? {
        return Ok(Ok(Plan::New(effect)));
    }
    if let Some(known) = find(driver, effect.key)?.filter(|known| known.state != State::Void) {
        return Ok(Ok(Plan::Known(known)));
    }
    let index = Value::Int(i64::from(effect.slot.index));
    let place = [Value::Int(era), Value::Text(&run), Value::Text(&effect.slot.path), index, key_value(&effect.key)];
    let at_place = effects(driver.query(sql::AT_PLACE, &place)?)?;
    let was_sent = |other: &EffectRecord| match other.state {
        State::Planned | State::Authorised | State::Void => false,
        State::Failed => other.attempt > 0,
        State::Intent | State::Dispatched | State::Committed | State::Unknown => true,
    };
    if let Some(other) = at_place.into_iter().find(was_sent) {
        return Ok(Ok(Plan::Conflict(other)));
    }
    if let Some(other) = twin_in_the_way(driver, era, &effect)? {
        return Ok(Ok(Plan::Twin(other)));
    }
    driver.execute(sql::VOID_PLACE, &[[&[Value::Int(stamp.now_ms)], &place[..]].concat()])?;
    if insert(driver, stamp, &effect, era, Twins::Allowed)? {
        return Ok(Ok(Plan::New(effect)));
    }
    Err(DatabaseError::lasting("nothing stands in the way of the effect, and it cannot be written"))
}

/// Why this gateway may not plan in the run.
fn may_not_plan(driver: &mut dyn Driver, stamp: &Stamp, run: &RunId) -> Result<LedgerError, DatabaseError> {
    let owner = driver.query(sql::OWNER, &[Value::Text(&stamp.owner)])?;
    if let Some(by) = number(&owner).filter(|by| *by != stamp.epoch) {
        return Ok(LedgerError::Fenced { by: u64::try_from(by).unwrap_or_default() });
    }
    let rows = driver.query(sql::RUN, &[Value::Text(&run.to_string())])?;
    Ok(match rows.first().map(Vec::as_slice) {
        Some([_, Cell::Int(0), _]) => LedgerError::Elsewhere(run.clone()),
        _ => LedgerError::NoRun(run.clone()),
    })
}

/// Whether the same call elsewhere in the run was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twins {
    Unseen,
    Allowed,
}

fn key_value(key: &EffectKey) -> Value<'_> {
    Value::Blob(key.as_bytes())
}

fn insert(
    driver: &mut dyn Driver,
    stamp: &Stamp,
    effect: &EffectRecord,
    era: i64,
    twins: Twins,
) -> Result<bool, DatabaseError> {
    let run = effect.slot.run.to_string();
    let owner = if effect.state == State::Intent { stamp.owner.as_str() } else { "" };
    let row = vec![
        key_value(&effect.key),
        key_value(&effect.twin),
        Value::Text(&run),
        Value::Text(&effect.slot.path),
        Value::Int(i64::from(effect.slot.index)),
        Value::Text(&effect.tool),
        Value::Text(&effect.arguments),
        Value::Text(effect_name(effect.effect)),
        Value::Text(effect.means.name()),
        Value::Text(effect.state.name()),
        Value::Int(i64::from(effect.attempt)),
        Value::Text(owner),
        Value::count(effect.epoch),
        Value::text_or_null(effect.authorised_by.as_deref()),
        Value::Int(effect.changed_at_ms),
        Value::Int(era),
        Value::Int(i64::from(twins == Twins::Allowed)),
    ];
    changed(driver, sql::PLAN, row)
}

/// The same call elsewhere in the run, if it keeps this one from being made.
fn twin_in_the_way(
    driver: &mut dyn Driver,
    era: i64,
    effect: &EffectRecord,
) -> Result<Option<EffectRecord>, DatabaseError> {
    let run = effect.slot.run.to_string();
    let of = [Value::Int(era), Value::Text(&run), key_value(&effect.twin), key_value(&effect.key)];
    let twins = effects(driver.query(sql::TWINS, &of)?)?;
    if let Some(open) = twins.iter().find(|other| other.is_open()) {
        return Ok(Some(open.clone()));
    }
    let mut done: Vec<EffectRecord> = twins.into_iter().filter(|other| other.state == State::Committed).collect();
    let granted = number(&driver.query(sql::GRANTED, &[key_value(&effect.twin)])?).unwrap_or_default();
    let granted = usize::try_from(granted).unwrap_or_default();
    let too_many = effect.effect == Effect::Irreversible && done.len() > granted;
    Ok(done.pop().filter(|_| too_many))
}

pub(super) fn find(driver: &mut dyn Driver, key: EffectKey) -> Result<Option<EffectRecord>, DatabaseError> {
    one(driver.query(sql::EFFECT, &[key_value(&key)])?)
}

pub(super) fn advance(
    driver: &mut dyn Driver,
    stamp: &Stamp,
    key: EffectKey,
    attempt: u32,
    change: &Change,
) -> Answer<EffectRecord> {
    let now = Value::Int(stamp.now_ms);
    let at = [key_value(&key), Value::Int(i64::from(attempt))];
    let (sql, mut values) = match change {
        Change::Authorise(by) => (sql::AUTHORISE, vec![Value::Text(by), now]),
        Change::Dispatch => (sql::DISPATCH, vec![now]),
        Change::Void => (sql::VOID, vec![now]),
        Change::Lose(how) => (sql::LOSE, vec![Value::Text(how), now, Value::Text(&stamp.owner)]),
        Change::Deny(by) => return deny(driver, now, &at, by, key),
        Change::Commit(output, by) => return end(driver, now, &at, output, by, Ends::Committed, key),
        Change::Fail(why, by) => return end(driver, now, &at, why, by, Ends::Failed, key),
        Change::Intend(evidence) => return intend(driver, stamp, &at, evidence, key),
    };
    values.extend(at);
    moved(driver, sql, &values, key)
}

/// Runs the statement; where it changed nothing, says where the effect stands.
fn moved(driver: &mut dyn Driver, sql: &str, values: &[Value<'_>], key: EffectKey) -> Answer<EffectRecord> {
    if let Some(after) = one(driver.query(sql, values)?)? {
        return Ok(Ok(after));
    }
    Ok(Err(find(driver, key)?.map_or(LedgerError::NoEffect(key), |effect| LedgerError::Moved(Box::new(effect)))))
}

fn deny(driver: &mut dyn Driver, now: Value<'_>, at: &[Value<'_>], by: &str, key: EffectKey) -> Answer<EffectRecord> {
    let detail = format!("denied by {by}");
    moved(driver, sql::DENY, &[&[Value::Text(by), Value::Text(&detail), now], at].concat(), key)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Committed,
    Failed,
}

fn end(
    driver: &mut dyn Driver,
    now: Value<'_>,
    at: &[Value<'_>],
    text: &str,
    by: &Witness,
    ends: Ends,
    key: EffectKey,
) -> Answer<EffectRecord> {
    let who = witness_name(by);
    let (text, who) = (Value::Text(text), Value::Text(&who));
    let by_answer = Value::Int(i64::from(*by == Witness::Answer));
    match ends {
        Ends::Committed => moved(driver, sql::COMMIT, &[&[text, now, who], at].concat(), key),
        Ends::Failed => moved(driver, sql::FAIL, &[&[text, now, by_answer, who], at].concat(), key),
    }
}

fn intend(
    driver: &mut dyn Driver,
    stamp: &Stamp,
    at: &[Value<'_>],
    evidence: &Evidence,
    key: EffectKey,
) -> Answer<EffectRecord> {
    let from = if *evidence == Evidence::FirstSend { State::Authorised } else { State::Unknown };
    let doubt = matches!(evidence, Evidence::Keyed | Evidence::Person(_));
    let person = if let Evidence::Person(name) = evidence { Some(name.as_str()) } else { None };
    let values = [
        Value::Int(stamp.now_ms),
        Value::Int(i64::from(doubt)),
        Value::text_or_null(person),
        Value::Text(&stamp.owner),
        Value::Int(stamp.epoch),
        Value::Text(from.name()),
    ];
    moved(driver, sql::INTEND, &[&values, at].concat(), key)
}

/// Writes down which effects were handed to their tools. For people only.
pub(super) fn note_dispatched(
    driver: &mut dyn Driver,
    stamp: &Stamp,
    notes: &[(EffectKey, u32)],
) -> Result<(), DatabaseError> {
    let now = Value::Int(stamp.now_ms);
    let rows: Vec<_> =
        notes.iter().map(|(key, attempt)| vec![now, key_value(key), Value::Int(i64::from(*attempt))]).collect();
    if rows.is_empty() { Ok(()) } else { driver.execute(sql::NOTE_DISPATCHED, &rows).map(drop) }
}
