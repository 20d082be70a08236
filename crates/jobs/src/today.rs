//! What shadow calls of one task took on the day that is counted: how many requests got them, how many calls those
//! were.
//!
//! What never happens here: a figure of one day that counts for another. Money is on the account of [`crate::purse`].

use steersman_core::Usd;

use crate::purse::Spent;

/// What shadow calls of a task, its judge's among them, took today (UTC). They are on no record: no client asked them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShadowDay {
    /// Calls that were answered, of this gateway since its start.
    pub calls: u64,
    /// Of those, how many have a cost that nobody knows.
    pub unknown: u64,
    /// What all gateways on the state have booked.
    pub booked: Usd,
}

/// The day that is counted.
#[derive(Default)]
pub(crate) struct Today {
    day: i64,
    requests: u64,
    /// Whether the day's money did not cover one more.
    broke: bool,
    spent: Spent,
}

impl Today {
    /// Counts one more request that gets shadow calls, if the day has had fewer than `most`.
    pub(crate) fn may_ask(&mut self, day: i64, most: u64) -> bool {
        if self.day != day {
            *self = Self { day, ..Self::default() };
        }
        let may = self.requests < most;
        self.requests += u64::from(may);
        may
    }

    /// A request that was counted has asked nobody. `broke`: the day's money did not cover it.
    pub(crate) const fn did_not_ask(&mut self, day: i64, broke: bool) {
        if self.day == day {
            self.requests = self.requests.saturating_sub(1);
            self.broke |= broke;
        }
    }

    /// Whether the money of `day` is used up.
    pub(crate) const fn is_broke(&self, day: i64) -> bool {
        self.day == day && self.broke
    }

    /// Whether `day` has had as many requests as it may have.
    pub(crate) const fn is_full(&self, day: i64, most: u64) -> bool {
        self.day == day && self.requests >= most
    }

    /// Counts what the calls of one request took.
    pub(crate) fn spent(&mut self, day: i64, spent: Spent) {
        if self.day == day {
            self.spent.add_all(spent);
        }
    }

    /// What `day` took so far, with what is booked.
    pub(crate) fn told(&self, day: i64, booked: Usd) -> ShadowDay {
        let Spent { calls, unknown, .. } = if self.day == day { self.spent } else { Spent::default() };
        ShadowDay { calls, unknown, booked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_the_day() {
        let mut today = Today::default();
        assert!(today.may_ask(7, 1) && !today.may_ask(7, 1));
        today.spent(7, Spent { known: Usd::from_nanos(9), calls: 3, unknown: 1 });
        today.spent(6, Spent { known: Usd::from_nanos(9), calls: 3, unknown: 1 });
        let booked = Usd::from_nanos(9);
        assert_eq!(today.told(7, booked), ShadowDay { calls: 3, unknown: 1, booked });
        assert_eq!(today.told(8, Usd::ZERO), ShadowDay { calls: 0, unknown: 0, booked: Usd::ZERO });
        assert!(today.may_ask(8, 1));
        assert_eq!(today.told(8, Usd::ZERO).calls, 0);
    }
}
