//! What was changed on disk and is not in force, and why.
//!
//! Each thing that is taken over on its own has a place of its own: a renewed certificate says nothing of the
//! configuration.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is taken over while the gateway runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The configuration's file.
    Configuration,
    /// The listener's certificate and key.
    Certificate,
}

/// Why something is not in force.
#[derive(Debug, Default)]
pub(crate) struct Stale(Mutex<BTreeMap<Part, String>>);

impl Stale {
    /// Says whether a part is in force. Gives whether that is new.
    pub(crate) fn set(&self, part: Part, why: Option<&str>) -> bool {
        let before = match why {
            Some(why) => self.lock().insert(part, why.to_owned()),
            None => self.lock().remove(&part),
        };
        before.as_deref() != why
    }

    /// One line for each part that is not in force.
    pub(super) fn lines(&self) -> String {
        let name = |part: &Part| match part {
            Part::Configuration => "the configuration's file is not in force",
            Part::Certificate => "the certificate's files are not in force",
        };
        self.lock().iter().map(|(part, why)| format!("{}: {why}\n", name(part))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Part, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
