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
}

impl Meter {
    pub(crate) fn new(account: Account) -> Self {
        Self { account, slab: Mutex::default(), turn: Arc::default() }
    }

    pub(crate) fn set_cap(&self, cap: Usd) {
        self.lock().cap = cap;
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
        // Fifty at once would else take a slab each: all of the cap, and nothing would be left for the other gateways.
        let mut turn = Arc::clone(&self.turn).lock_owned().await;
        while !self.reserve_here(amount) {
            match self.take(bank, takes, amount, turn).await? {
                Some(again) => turn = again,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Takes a slab, or at least `amount`; gives the turn back if the account had as much. A client that leaves meanwhile
    /// ends its request and not this: what the account gave must arrive here, or it would be held until its period ends.
    async fn take(
        self: &Arc<Self>,
        bank: &Arc<dyn Bank>,
        takes: &Takes,
        amount: Usd,
        turn: Turn,
    ) -> Result<Option<Turn>, BankError> {
        let (tell, told) = oneshot::channel();
        let (meter, bank) = (Arc::clone(self), Arc::clone(bank));
        let take = async move {
            let taken = meter.take_slab(bank.as_ref(), amount).await;
            // Nobody listens where the client has left.
            drop(tell.send(taken.map(|enough| enough.then_some(turn))));
        };
        {
            let mut takes = takes.lock().unwrap_or_else(PoisonError::into_inner);
            while takes.try_join_next().is_some() {}
            takes.spawn(take);
        }
        told.await.unwrap_or_else(|_| Err(BankError("the process is ending".to_owned())))
    }

    async fn take_slab(&self, bank: &dyn Bank, amount: Usd) -> Result<bool, BankError> {
        let cap = self.lock().cap;
        let slab = slab_of(cap);
        let sizes = if slab > amount { &[slab, amount][..] } else { &[amount][..] };
        for wanted in sizes {
            if bank.take(self.account.clone(), *wanted, cap).await? {
                self.lock().left += *wanted;
                return Ok(true);
            }
        }
        Ok(false)
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

    /// Tells the account what was used, gives back what exceeds two slabs, and takes one ahead of use where this one is half
    /// empty.
    pub(crate) async fn flush(self: &Arc<Self>, bank: &Arc<dyn Bank>, takes: &Takes) -> Result<(), BankError> {
        let over = self.is_over();
        let (used, overrun, free, wanted, size) = {
            let mut slab = self.lock();
            let size = slab_of(slab.cap);
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
    use super::*;

    #[test]
    fn days_have_their_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_784), (2026, 11, 27));
        assert_eq!(civil(20_788), (2026, 12, 1));
    }
}
