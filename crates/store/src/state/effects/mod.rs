//! The effect ledger: which side effects were intended, sent and done, durable before anyone acts on it.
//!
//! Gateways that share a database share it. Each has a lease that it renews and an epoch that tells its lives apart; a
//! run belongs to one gateway, and passes to another only when its owner let go of it, began a new life, or was silent
//! for longer than its lease. One that was only silent may still send what it intended: what it left counts as
//! contested. The clock decides when a run can be taken over, never whether an effect is safe: that is the run's row,
//! which every new effect of it must change, and the attempt that every change must name.
//!
//! What never happens here: a read and then a write that rests on it, without the run's row held in between.

mod change;
mod rows;
mod sql;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use steersman_core::{BoxFuture, ContentHash};
use steersman_scope::{
    Change, Clock, EffectKey, EffectRecord, Ledger, LedgerError, NewEffect, Plan, Probe, RunId, RunOpened, SystemClock,
};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use self::change::{Answer, Stamp};
use super::{Migration, State};
use crate::StoreError;
use crate::driver::{DatabaseError, Driver};
use crate::value::{Cell, Value};

pub(super) const MIGRATION: Migration =
    Migration { both: include_str!("../../../migrations/state_0005_effects.sql"), postgres: "" };
pub(super) const MIGRATION_2: Migration =
    Migration { both: include_str!("../../../migrations/state_0040_effects.sql"), postgres: "" };

/// Where a test may kill the process: before a change is handed over, inside its transaction, after its commit.
pub const FAIL_POINTS: [&str; 3] = ["ledger.before", "ledger.inside", "ledger.after"];

/// Gateways that were silent for so long are forgotten.
const OWNERS_KEPT_MS: i64 = 30 * 86_400_000;

/// How a gateway takes part.
#[derive(Clone)]
pub struct LedgerOptions {
    /// Its name, the same after a restart and no other gateway's.
    pub owner: String,
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
    /// How long its runs are its own when nothing is heard of it.
    pub lease: Duration,
    /// Whoever watches the fail points.
    pub probe: Option<Arc<dyn Probe>>,
}

impl LedgerOptions {
    /// The usual options for a gateway of this name.
    #[must_use]
    pub fn of(owner: &str) -> Self {
        Self { owner: owner.to_owned(), clock: Arc::new(SystemClock), lease: Duration::from_secs(15), probe: None }
    }
}

/// The ledger as one gateway sees it. Renews its lease while it lives.
pub struct EffectLedger {
    state: State,
    options: LedgerOptions,
    epoch: i64,
    /// Effects handed to their tools since the last change: noted with the next one.
    dispatched: Mutex<BTreeMap<EffectKey, u32>>,
    heart: JoinHandle<()>,
}

impl std::fmt::Debug for EffectLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { options, epoch, .. } = self;
        f.debug_struct("EffectLedger").field("owner", &options.owner).field("epoch", epoch).finish_non_exhaustive()
    }
}

impl EffectLedger {
    /// Begins a new life of this gateway. What its last life left open is its own at once.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn open(state: &State, options: LedgerOptions) -> Result<Self, StoreError> {
        let (owner, now) = (options.owner.clone(), options.clock.unix_millis());
        let until = now.saturating_add(millis(options.lease));
        let register = move |driver: &mut dyn Driver| {
            let row = vec![Value::Int(now - OWNERS_KEPT_MS), Value::Text(&owner)];
            driver.execute(sql::FORGET_OWNERS, &[row])?;
            let rows = driver.query(sql::REGISTER, &[Value::Text(&owner), Value::Int(until)])?;
            let Some(Cell::Int(epoch)) = rows.first().and_then(|row| row.first()) else {
                return Err(DatabaseError::lasting("the database gave no epoch"));
            };
            driver.execute(sql::UNCONTEST, &[vec![Value::Text(&owner), Value::Int(*epoch)]])?;
            Ok(*epoch)
        };
        let epoch = state.apply("open the effect ledger", register).await?;
        let heart = tokio::spawn(beat(state.clone(), options.clone(), epoch));
        Ok(Self { state: state.clone(), options, epoch, dispatched: Mutex::default(), heart })
    }

    /// Says that this life is over, so that others need not wait for its lease to run out.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.heart.abort();
        let stamp = self.stamp();
        let resign = move |driver: &mut dyn Driver| {
            driver.execute(sql::RESIGN, &[vec![Value::Text(&stamp.owner), Value::Int(stamp.epoch)]]).map(drop)
        };
        self.state.apply("close the effect ledger", resign).await
    }

    fn stamp(&self) -> Stamp {
        let LedgerOptions { owner, clock, .. } = &self.options;
        Stamp { owner: owner.clone(), epoch: self.epoch, now_ms: clock.unix_millis() }
    }

    fn dispatched_so_far(&self) -> Vec<(EffectKey, u32)> {
        let mut notes = self.dispatched.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *notes).into_iter().collect()
    }

    async fn change<T, F>(&self, doing: &'static str, mut work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Driver, &Stamp) -> Answer<T> + Send + 'static,
    {
        let [before, inside, after] = FAIL_POINTS;
        let (stamp, notes, probe) = (self.stamp(), self.dispatched_so_far(), self.options.probe.clone());
        if let Some(probe) = &self.options.probe {
            probe.reached(before).await;
        }
        let inside_of = move |driver: &mut dyn Driver| {
            let answer = work(driver, &stamp)?;
            change::note_dispatched(driver, &stamp, &notes)?;
            if let Some(probe) = &probe {
                probe.reached(inside).now_or_never();
            }
            Ok(answer)
        };
        let answer = self.state.apply(doing, inside_of).await.map_err(database)?;
        if let Some(probe) = &self.options.probe {
            probe.reached(after).await;
        }
        answer
    }

    async fn look<T, F>(&self, doing: &'static str, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Driver) -> Result<T, DatabaseError> + Send + 'static,
    {
        self.state.ask(doing, work).await.map_err(database)
    }
}

impl Drop for EffectLedger {
    fn drop(&mut self) {
        self.heart.abort();
    }
}

fn database(error: StoreError) -> LedgerError {
    match error {
        StoreError::Closed => LedgerError::Closed,
        other => LedgerError::Database(Arc::new(other)),
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Renews the lease until this life is over. A beat that fails only makes a takeover possible earlier.
async fn beat(state: State, options: LedgerOptions, epoch: i64) {
    let mut heart = interval(options.lease / 3);
    heart.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Opening was the first beat.
    heart.tick().await;
    loop {
        heart.tick().await;
        let (owner, until) = (options.owner.clone(), options.clock.unix_millis().saturating_add(millis(options.lease)));
        let renew = move |driver: &mut dyn Driver| {
            let row = vec![Value::Int(until), Value::Text(&owner), Value::Int(epoch)];
            Ok(driver.execute(sql::BEAT, &[row])?.first() == Some(&1))
        };
        if matches!(state.apply("renew a lease", renew).await, Ok(false) | Err(StoreError::Closed)) {
            return;
        }
    }
}

impl Ledger for EffectLedger {
    fn open_run<'a>(&'a self, run: &'a RunId, request: ContentHash) -> BoxFuture<'a, Result<RunOpened, LedgerError>> {
        let (run, request) = (run.clone(), request.to_string());
        Box::pin(self.change("open a run", move |driver, stamp| change::open_run(driver, stamp, &run, &request)))
    }

    fn close_run<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<(), LedgerError>> {
        let run = run.clone();
        Box::pin(self.change("close a run", move |driver, stamp| change::close_run(driver, stamp, &run)))
    }

    fn let_go(&self, run: &RunId) {
        let (run, stamp) = (run.to_string(), self.stamp());
        self.state.apply_later(move |driver| {
            let row = vec![Value::Text(&run), Value::Text(&stamp.owner), Value::Int(stamp.epoch)];
            driver.execute(sql::DROP_RUN, std::slice::from_ref(&row))?;
            driver.execute(sql::LET_GO, &[row]).map(drop)
        });
    }

    fn forget_run<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<(), LedgerError>> {
        let run = run.clone();
        Box::pin(self.change("forget a run", move |driver, _| change::forget_run(driver, &run)))
    }

    fn plan(&self, new: NewEffect) -> BoxFuture<'_, Result<Plan, LedgerError>> {
        Box::pin(self.change("plan an effect", move |driver, stamp| change::plan(driver, stamp, &new)))
    }

    fn advance(
        &self,
        key: EffectKey,
        attempt: u32,
        change: Change,
    ) -> BoxFuture<'_, Result<EffectRecord, LedgerError>> {
        // What the change overwrites need not be noted.
        self.dispatched.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        let work = move |driver: &mut dyn Driver, stamp: &Stamp| change::advance(driver, stamp, key, attempt, &change);
        Box::pin(self.change("change an effect", work))
    }

    fn dispatched(&self, key: EffectKey, attempt: u32) {
        self.dispatched.lock().unwrap_or_else(PoisonError::into_inner).insert(key, attempt);
    }

    fn grant_repeat(&self, twin: EffectKey) -> BoxFuture<'_, Result<(), LedgerError>> {
        let grant = move |driver: &mut dyn Driver, _: &Stamp| {
            driver.execute(sql::GRANT, &[vec![Value::Blob(twin.as_bytes())]]).map(|_| Ok(()))
        };
        Box::pin(self.change("grant a repeat", grant))
    }

    fn effect(&self, key: EffectKey) -> BoxFuture<'_, Result<Option<EffectRecord>, LedgerError>> {
        Box::pin(self.look("read an effect", move |driver| change::find(driver, key)))
    }

    fn open_effects(&self) -> BoxFuture<'_, Result<Vec<EffectRecord>, LedgerError>> {
        Box::pin(self.look("read open effects", |driver| rows::by_key(driver.query(sql::OPEN, &[])?)))
    }

    fn orphans(&self) -> BoxFuture<'_, Result<Vec<EffectRecord>, LedgerError>> {
        let Stamp { owner, epoch, now_ms } = self.stamp();
        let orphans = move |driver: &mut dyn Driver| {
            let values = [Value::Int(now_ms), Value::Text(&owner), Value::Int(epoch)];
            rows::by_key(driver.query(sql::ORPHANS, &values)?)
        };
        Box::pin(self.look("read effects without an owner", orphans))
    }
}
