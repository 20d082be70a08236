//! One budget as one gateway sees it: a slab that was taken from the durable account, and what came out of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use steersman_core::{Account, Bank, BankError, Usd};
use tokio::sync::{Mutex as Queue, OwnedMutexGuard, oneshot};
use tokio::task::JoinSet;

/// A slab is this part of the cap: small enough that what a killed gateway held is no loss worth naming.
const SLABS: i64 = 50;

/// A span of time, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    Day,
    Month,
    Total,
}

impl Period {
    /// The span that it is now: `2026-11-27`, `2026-11`, `total`.
    pub(crate) fn label_now(self) -> String {
        let (year, month, day) = civil(now_s() / 86_400);
        match self {
            Self::Day => format!("{year:04}-{month:02}-{day:02}"),
            Self::Month => format!("{year:04}-{month:02}"),
            Self::Total => "total".to_owned(),
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Day => "a day",
            Self::Month => "a month",
            Self::Total => "in all",
        }
    }

    /// Until the next span begins.
    pub(crate) fn seconds_left(self) -> Option<u64> {
        let now = now_s();
        let day = 86_400 - now % 86_400;
        match self {
            Self::Day => Some(day),
            Self::Month => {
                let today = now / 86_400;
                let (_, month, _) = civil(today);
                let days = (1..=31).find(|ahead| civil(today + ahead).1 != month).unwrap_or(31);
                Some(day + (days - 1) * 86_400)
            }
            Self::Total => None,
        }
    }

    pub(crate) fn resets(self) -> String {
        match self.seconds_left() {
            Some(seconds) => format!("it begins anew in {} h {} min", seconds / 3_600, seconds % 3_600 / 60),
            None => "it does not begin anew".to_owned(),
        }
    }
}

/// Slabs that are being taken. They outlive the requests that wanted them.
pub(crate) type Takes = Mutex<JoinSet<()>>;

#[derive(Debug)]
pub(crate) struct Meter {
    account: Account,
    slab: Mutex<Slab>,
    /// Whoever holds it takes; the others wait for what that brings.
    turn: Arc<Queue<()>>,
}

type Turn = OwnedMutexGuard<()>;

/// What a take brought.
enum Taken {
    /// The amount, reserved with it.
    Reserved(Reserved),
    /// A part of what is missing by now, and the turn.
    Again(Turn),
    /// The account has less.
    Short,
}

/// An amount on its way to the request that waits for it. Dropped, it is free again: nobody waits any more.
struct Reserved {
    meter: Arc<Meter>,
    amount: Usd,
}

impl Reserved {
    fn keep(mut self) {
        self.amount = Usd::ZERO;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.meter.settle(self.amount, Usd::ZERO);
    }
}

#[derive(Debug, Default)]
struct Slab {
    cap: Usd,
    /// Taken and not reserved.
    left: Usd,
    /// Used and not yet told.
    used: Usd,
    overrun: Usd,
    /// Whether anything was reserved since the last flush.
    busy: bool,
    /// The least that the account would not give since the last flush: who lacks as much need not ask.
    dry: Option<Usd>,
}

impl Meter {
    pub(crate) fn new(account: Account) -> Self {
        Self { account, slab: Mutex::default(), turn: Arc::default() }
    }

    /// The budget's name.
    pub(crate) fn name(&self) -> &str {
        &self.account.name
    }

    pub(crate) fn set_cap(&self, cap: Usd) {
        let mut slab = self.lock();
        if slab.cap != cap {
            (slab.cap, slab.dry) = (cap, None);
        }
    }

    /// Reserves out of the slab; takes another where it is too small. False if the cap leaves no room.
    pub(crate) async fn reserve(
        self: &Arc<Self>,
        bank: &Arc<dyn Bank>,
        takes: &Takes,
        amount: Usd,
    ) -> Result<bool, BankError> {
        if self.reserve_here(amount) {
            return Ok(true);
        }
        if self.is_dry(amount) {
            return Ok(false);
        }
        // Fifty at once would else take a slab each: all of the cap, and nothing would be left for the other gateways.
        let mut turn = Arc::clone(&self.turn).lock_owned().await;
        loop {
            if self.reserve_here(amount) {
                return Ok(true);
            }
            if self.is_dry(amount) {
                return Ok(false);
            }
            match self.take(bank, takes, amount, turn).await? {
                Taken::Reserved(reserved) => {
                    reserved.keep();
                    return Ok(true);
                }
                Taken::Again(again) => turn = again,
                Taken::Short => return Ok(false),
            }
        }
    }

    /// Takes a slab, or at least what is missing of `amount`, and reserves it. A client that leaves meanwhile ends its
    /// request and not this: what the account gave must arrive here, or it would be held until its period ends.
    async fn take(
        self: &Arc<Self>,
        bank: &Arc<dyn Bank>,
        takes: &Takes,
        amount: Usd,
        turn: Turn,
    ) -> Result<Taken, BankError> {
        let (tell, told) = oneshot::channel();
        let (meter, bank) = (Arc::clone(self), Arc::clone(bank));
        let take = async move {
            let taken = meter.take_slab(bank.as_ref(), amount, turn).await;
            // Nobody listens where the client has left.
            drop(tell.send(taken));
        };
        {
            let mut takes = takes.lock().unwrap_or_else(PoisonError::into_inner);
            while takes.try_join_next().is_some() {}
            takes.spawn(take);
        }
        told.await.unwrap_or_else(|_| Err(BankError("the process is ending".to_owned())))
    }

    async fn take_slab(self: &Arc<Self>, bank: &dyn Bank, amount: Usd, turn: Turn) -> Result<Taken, BankError> {
        let (cap, missing) = {
            let slab = self.lock();
            (slab.cap, amount - slab.left.min(amount))
        };
        let slab = slab_of(cap);
        let sizes = if slab > missing { &[slab, missing][..] } else { &[missing][..] };
        for wanted in sizes {
            if bank.take(self.account.clone(), *wanted, cap).await? {
                return Ok(if self.arrive(*wanted, amount) {
                    Taken::Reserved(Reserved { meter: Arc::clone(self), amount })
                } else {
                    Taken::Again(turn)
                });
            }
        }
        let mut slab = self.lock();
        slab.dry = Some(slab.dry.map_or(missing, |dry| dry.min(missing)));
        Ok(Taken::Short)
    }

    /// Puts what was taken into the slab and reserves out of it at once: a flush in between would give it back.
    fn arrive(&self, taken: Usd, amount: Usd) -> bool {
        let mut slab = self.lock();
        slab.left += taken;
        let enough = slab.left >= amount;
        if enough {
            slab.left = slab.left - amount;
        }
        enough
    }

    /// Whether the account was asked since the last flush, and had less than is missing.
    fn is_dry(&self, amount: Usd) -> bool {
        let slab = self.lock();
        slab.dry.is_some_and(|dry| amount - slab.left.min(amount) >= dry)
    }

    fn reserve_here(&self, amount: Usd) -> bool {
        let mut slab = self.lock();
        slab.busy = true;
        let enough = slab.left >= amount;
        if enough {
            slab.left = slab.left - amount;
        }
        enough
    }

    /// Ends a reservation with what was used. More than was reserved comes out of the slab, and what even that does not
    /// cover is an overrun.
    pub(crate) fn settle(&self, held: Usd, used: Usd) {
        let mut slab = self.lock();
        if used <= held {
            slab.left += held - used;
            slab.used += used;
            return;
        }
        let more = (used - held).min(slab.left);
        slab.left = slab.left - more;
        slab.used += held + more;
        slab.overrun += used - held - more;
    }

    /// Tells the account what was used, gives back what exceeds two slabs, and takes one ahead of use where this one is
    /// half empty.
    pub(crate) async fn flush(self: &Arc<Self>, bank: &Arc<dyn Bank>, takes: &Takes) -> Result<(), BankError> {
        let over = self.is_over();
        let (used, overrun, free, wanted, size) = {
            let mut slab = self.lock();
            let size = slab_of(slab.cap);
            slab.dry = None;
            let keep = if over { Usd::ZERO } else { (size + size).min(slab.left) };
            let free = slab.left - keep;
            slab.left = keep;
            let wanted = std::mem::take(&mut slab.busy) && !over && keep.nanos() < size.nanos() / 2;
            (std::mem::take(&mut slab.used), std::mem::take(&mut slab.overrun), free, wanted, size)
        };
        if (used, overrun, free) != (Usd::ZERO, Usd::ZERO, Usd::ZERO) {
            let told = bank.settle(self.account.clone(), used + free, used, overrun).await;
            if let Err(error) = told {
                let mut slab = self.lock();
                slab.used += used;
                slab.overrun += overrun;
                slab.left += free;
                return Err(error);
            }
        }
        // Where somebody takes already, that is ahead enough.
        let turn = if wanted { Arc::clone(&self.turn).try_lock_owned().ok() } else { None };
        match turn {
            Some(turn) => self.take(bank, takes, size, turn).await.map(drop),
            None => Ok(()),
        }
    }

    /// Gives the rest of the slab back.
    pub(crate) async fn give_back(&self, bank: &dyn Bank) -> Result<(), BankError> {
        let left = std::mem::take(&mut self.lock().left);
        if left == Usd::ZERO {
            return Ok(());
        }
        bank.settle(self.account.clone(), left, Usd::ZERO, Usd::ZERO).await
    }

    /// Whether the account has not heard of everything that came of it.
    pub(crate) fn owes(&self) -> bool {
        let slab = self.lock();
        [slab.used, slab.overrun, slab.left].iter().any(|amount| *amount != Usd::ZERO)
    }

    /// Whether its span of time is over.
    pub(crate) fn is_over(&self) -> bool {
        let now = match self.account.period.len() {
            10 => Period::Day,
            7 => Period::Month,
            _ => return false,
        };
        now.label_now() != *self.account.period
    }

    fn lock(&self) -> MutexGuard<'_, Slab> {
        self.slab.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The day that it is now (UTC), as accounts of a day are named: `2026-11-27`.
#[must_use]
pub fn day_now() -> String {
    Period::Day.label_now()
}

fn slab_of(cap: Usd) -> Usd {
    Usd::from_nanos((cap.nanos() / SLABS).max(1))
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Year, month and day of a day since the Unix epoch (H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*,
/// `civil_from_days`, for days after 1970).
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use steersman_core::BoxFuture;

    use super::*;
    use crate::admit::Admit;

    /// Accounts in memory.
    #[derive(Default)]
    struct Purse {
        held: Mutex<BTreeMap<Account, i64>>,
        asked: AtomicUsize,
        /// Whether it cannot be reached.
        away: AtomicBool,
    }

    impl Purse {
        fn held(&self) -> i64 {
            self.held.lock().unwrap().values().sum()
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    impl Bank for Purse {
        fn take(&self, account: Account, amount: Usd, cap: Usd) -> BoxFuture<'_, Result<bool, BankError>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let mut held = self.held.lock().unwrap();
            let held = held.entry(account).or_default();
            let enough = *held + amount.nanos() <= cap.nanos();
            *held += if enough { amount.nanos() } else { 0 };
            Box::pin(async move { Ok(enough) })
        }

        fn settle(&self, account: Account, released: Usd, used: Usd, _: Usd) -> BoxFuture<'_, Result<(), BankError>> {
            if self.away.load(Ordering::SeqCst) {
                return Box::pin(async { Err(BankError("it is away".to_owned())) });
            }
            *self.held.lock().unwrap().entry(account).or_default() -= released.nanos() - used.nanos();
            Box::pin(async { Ok(()) })
        }
    }

    /// A meter of a budget of a thousand, whose slabs are of twenty.
    fn meter() -> (Arc<Meter>, Arc<Purse>, Arc<dyn Bank>, Takes) {
        let meter = Arc::new(Meter::new(Account { name: "all".into(), period: "total".into() }));
        meter.set_cap(Usd::from_nanos(1_000));
        let purse = Arc::new(Purse::default());
        (meter, Arc::clone(&purse), purse, Takes::default())
    }

    #[tokio::test]
    async fn what_was_taken_for_a_request_is_not_given_back_before_it_has_it() {
        let (meter, purse, bank, takes) = meter();
        let amount = Usd::from_nanos(600);
        let turn = Arc::clone(&meter.turn).lock_owned().await;
        let Ok(Taken::Reserved(reserved)) = meter.take(&bank, &takes, amount, turn).await else { panic!("taken") };
        meter.flush(&bank, &takes).await.unwrap();
        assert!(purse.held() >= 600, "a flush in between gives nothing of it back: {}", purse.held());
        reserved.keep();
        meter.settle(amount, Usd::from_nanos(100));
        assert!(meter.reserve(&bank, &takes, Usd::from_nanos(700)).await.unwrap(), "only what is missing is taken");
        // Nobody waits for this one.
        let turn = Arc::clone(&meter.turn).lock_owned().await;
        drop(meter.take(&bank, &takes, Usd::from_nanos(100), turn).await.unwrap());
        assert!(meter.reserve_here(Usd::from_nanos(100)), "what nobody waits for is free");
    }

    #[tokio::test]
    async fn an_account_that_had_no_more_is_asked_again_after_a_flush_alone() {
        let (meter, purse, bank, takes) = meter();
        assert!(meter.reserve(&bank, &takes, Usd::from_nanos(990)).await.unwrap());
        let mut asked = 0;
        for _ in 0..3 {
            for _ in 0..10 {
                assert!(!meter.reserve(&bank, &takes, Usd::from_nanos(100)).await.unwrap());
                assert!(
                    meter.reserve(&bank, &takes, Usd::from_nanos(1)).await.unwrap(),
                    "what is left still pays for less"
                );
                meter.settle(Usd::from_nanos(1), Usd::ZERO);
            }
            assert!(purse.asked() - asked <= 5, "{} round trips for twenty requests", purse.asked() - asked);
            meter.flush(&bank, &takes).await.unwrap();
            asked = purse.asked();
        }
        meter.settle(Usd::from_nanos(990), Usd::ZERO);
        assert!(meter.reserve(&bank, &takes, Usd::from_nanos(100)).await.unwrap(), "what came back is there at once");
    }

    #[tokio::test]
    async fn what_a_day_that_is_over_still_owes_is_told_once_the_bank_is_back() {
        let purse = Arc::new(Purse::default());
        let bank: Arc<dyn Bank> = Arc::clone(&purse) as _;
        let (admit, takes) = (Admit::new(Arc::clone(&bank)), Takes::default());
        let meter = admit.meter_of(Account { name: "all".into(), period: "2026-01-01".into() }, Usd::from_nanos(1_000));
        assert!(meter.reserve(&bank, &takes, Usd::from_nanos(100)).await.unwrap());
        meter.settle(Usd::from_nanos(100), Usd::from_nanos(70));
        drop(meter);
        purse.away.store(true, Ordering::SeqCst);
        admit.flush().await;
        assert_eq!(purse.held(), 100, "nobody could be told");
        purse.away.store(false, Ordering::SeqCst);
        admit.flush().await;
        assert_eq!(purse.held(), 70, "70 were used, and the rest is free");
    }

    #[test]
    fn days_have_their_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_784), (2026, 11, 27));
        assert_eq!(civil(20_788), (2026, 12, 1));
    }
}
