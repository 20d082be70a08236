//! What somebody wants of a new key: the same rules for the command line, the console's form and `/admin/keys`.
//!
//! What never happens here: a limit that cannot be read and so is none.

use serde::Deserialize;
use steersman_core::Usd;
use steersman_engine::KeyRules;

/// A wish, as JSON has it: money in nano-dollars, what is missing is not limited.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What a person calls it.
    pub(crate) name: String,
    /// The team that it belongs to.
    #[serde(default)]
    pub(crate) team: Option<String>,
    /// Names of models it may ask for; empty: all.
    #[serde(default)]
    pub(crate) models: Vec<String>,
    /// Where its requests may be processed; empty: anywhere.
    #[serde(default)]
    pub(crate) regions: Vec<String>,
    /// Whether its end users write the messages of its requests themselves.
    #[serde(default)]
    pub(crate) end_users: bool,
    /// The most requests in any minute.
    #[serde(default)]
    pub(crate) requests_per_minute: Option<u64>,
    /// The most tokens in any minute.
    #[serde(default)]
    pub(crate) tokens_per_minute: Option<u64>,
    /// The most money in a day (UTC).
    #[serde(default)]
    pub(crate) usd_per_day: Option<Usd>,
    /// The most money in a month (UTC).
    #[serde(default)]
    pub(crate) usd_per_month: Option<Usd>,
    /// The most money ever.
    #[serde(default)]
    pub(crate) usd_total: Option<Usd>,
}

/// Why a key cannot be as it is wanted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NewKeyError {
    /// It has no name.
    #[error("`name` is empty; say what a person calls the key")]
    NoName,
    /// A limit is no number.
    #[error("`{field}` is `{given}`, which is no {what}")]
    Unreadable {
        /// The field.
        field: &'static str,
        /// What stands in it, cut.
        given: String,
        /// What should stand there.
        what: &'static str,
    },
    /// A limit of none, which refuses every request.
    #[error("`{0}` is 0, so every request with the key would be refused; leave it out for no limit")]
    Nothing(&'static str),
    /// A sum below zero.
    #[error("`{0}` is less than nothing")]
    Negative(&'static str),
}

impl NewKey {
    /// The rules of the key.
    pub(crate) fn rules(self) -> Result<KeyRules, NewKeyError> {
        let name = self.name.trim().to_owned();
        if name.is_empty() {
            return Err(NewKeyError::NoName);
        }
        let money = |field, usd: Option<Usd>| match usd {
            Some(usd) if usd < Usd::ZERO => Err(NewKeyError::Negative(field)),
            usd => Ok(usd),
        };
        let some = |field, count: Option<u64>| match count {
            Some(0) => Err(NewKeyError::Nothing(field)),
            count => Ok(count),
        };
        Ok(KeyRules {
            id: String::new(),
            name,
            team: self.team.map(|team| team.trim().to_owned()).filter(|team| !team.is_empty()),
            models: self.models,
            regions: self.regions,
            end_users: self.end_users,
            requests_per_minute: some("requests_per_minute", self.requests_per_minute)?,
            tokens_per_minute: some("tokens_per_minute", self.tokens_per_minute)?,
            usd_per_day: money("usd_per_day", self.usd_per_day)?,
            usd_per_month: money("usd_per_month", self.usd_per_month)?,
            usd_total: money("usd_total", self.usd_total)?,
        })
    }
}

/// A count as a person types it; nothing is no limit.
pub(crate) fn count(field: &'static str, text: &str) -> Result<Option<u64>, NewKeyError> {
    typed(text, |text| text.parse().ok(), field, "whole number; write it as in `60`")
}

/// A sum in dollars as a person types it; nothing is no limit.
pub(crate) fn dollars(field: &'static str, text: &str) -> Result<Option<Usd>, NewKeyError> {
    typed(text, |text| Usd::from_decimal(text.parse().ok()?), field, "amount of dollars; write it as in `5.50`")
}

fn typed<T>(
    text: &str,
    read: impl Fn(&str) -> Option<T>,
    field: &'static str,
    what: &'static str,
) -> Result<Option<T>, NewKeyError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let unreadable = || NewKeyError::Unreadable { field, given: text.chars().take(40).collect(), what };
    read(text).map(Some).ok_or_else(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_refused_by_its_name_and_never_unlimited() {
        assert_eq!((count("c", " "), count("c", "60")), (Ok(None), Ok(Some(60))));
        for wrong in ["10/min", "-1", "1.5", "ten"] {
            assert!(count("requests_per_minute", wrong).unwrap_err().to_string().contains("requests_per_minute"));
        }
        assert_eq!(dollars("d", "5.5"), Ok(Usd::from_decimal(5.5)));
        for wrong in ["5,00", "$5", "NaN", "inf", "1e400"] {
            assert!(dollars("usd_per_day", wrong).is_err(), "{wrong}");
        }
        let json = |text: &str| serde_json::from_str::<NewKey>(text).map_err(|error| error.to_string());
        assert!(json(r#"{"name":"a","usd_perday":1}"#).unwrap_err().contains("usd_perday"));
        assert!(json(r#"{"name":"a","requests_per_minute":"10"}"#).is_err());
        let negative = json(r#"{"name":"a","usd_total":-1}"#).unwrap().rules();
        assert_eq!(negative.unwrap_err(), NewKeyError::Negative("usd_total"));
        let never = json(r#"{"name":"a","requests_per_minute":0}"#).unwrap().rules();
        assert_eq!(never.unwrap_err(), NewKeyError::Nothing("requests_per_minute"));
        assert_eq!(json(r#"{"name":" "}"#).unwrap().rules().unwrap_err(), NewKeyError::NoName);
        assert_eq!(json(r#"{"name":"a","usd_total":1}"#).unwrap().rules().unwrap().usd_total, Some(Usd::from_nanos(1)));
    }
}
