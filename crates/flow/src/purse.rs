//! Which of the user's own accounts something is taken from, or moved to.
//!
//! Whoever pays is no recipient: the account need only be one that the words or the other values of the call choose.
//!
//! What never happens here: no account is chosen that a platform does not attest.

use crate::binding;
use crate::record::{Row, bind};
use crate::text;
use crate::transcript::Source;
use crate::value::Values;

impl Values<'_> {
    /// Whether no sibling of a row has this reason too. Of accounts, but for one that the call has as well: "from
    /// Savings to Holidays" names two.
    pub(crate) fn is_alone_or_moved_between(&self, row: &Row, reason: u16) -> bool {
        let given = |other: &Row| {
            let mut fields = other.fields.iter().filter_map(|at| self.transcript.field(*at));
            fields.any(|field| field.attested && self.given.contains(&text::exact(&field.raw)))
        };
        let two = || {
            let mut named = self.transcript.family_of(row).filter(|other| other.bind & reason != 0);
            named.by_ref().take(2).all(given) && named.next().is_none()
        };
        binding::is_alone(self.transcript, row, reason)
            || (reason == bind::LITERAL && self.tool.takes_from_an_account() && two())
    }

    /// Whether an own account is the one in whose entries another value of the call was read.
    pub(crate) fn is_read_there(&self, account: &str) -> bool {
        let account = text::exact(account);
        let others = || self.given.iter().filter(|other| **other != account);
        let holds = |source: &Source, value: &String| {
            let places = self.transcript.attested(value).iter().filter_map(|at| self.transcript.field(*at));
            places.filter(|field| field.number.is_none()).any(|field| source.rows.contains(&field.row))
        };
        let mut read =
            self.transcript.sources.iter().filter(|source| !source.created && source.given.contains(&account));
        read.any(|source| others().any(|value| holds(source, value)))
    }
}
