//! Labels in the order in which they are counted, which is that of their times in the state: a restart counts them in
//! the same order, and so comes to the same policy.
//!
//! What never happens here: a label that is counted before one that was begun earlier and may still become durable.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Those that are on their way.
#[derive(Debug)]
pub(crate) struct Line<T>(Mutex<Places<T>>);

#[derive(Debug)]
struct Places<T> {
    last_us: i64,
    /// By time; what is not durable yet is empty.
    places: BTreeMap<i64, Option<T>>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self(Mutex::new(Places { last_us: i64::MIN, places: BTreeMap::new() }))
    }
}

/// A place in the line. One that is dropped empty holds nobody up.
pub(crate) struct Place<T> {
    line: Arc<Line<T>>,
    at_us: i64,
}

impl<T> Line<T> {
    /// Places are behind this time from now on, wherever the clock stands.
    pub(crate) fn start_after(&self, at_us: i64) {
        let mut line = self.lock();
        line.last_us = line.last_us.max(at_us);
    }

    /// A place behind all others: at `now_us`, or just after the one before it.
    pub(crate) fn begin(self: &Arc<Self>, now_us: i64) -> Place<T> {
        let mut line = self.lock();
        let at_us = now_us.max(line.last_us.saturating_add(1));
        line.last_us = at_us;
        line.places.insert(at_us, None);
        Place { line: Arc::clone(self), at_us }
    }

    /// The first in the line with its time, if its turn has come.
    pub(crate) fn next(&self) -> Option<(i64, T)> {
        let mut line = self.lock();
        let first = line.places.first_entry().filter(|first| first.get().is_some())?;
        let (at_us, label) = first.remove_entry();
        Some((at_us, label?))
    }

    fn lock(&self) -> MutexGuard<'_, Places<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Place<T> {
    pub(crate) const fn at_us(&self) -> i64 {
        self.at_us
    }

    /// It is durable.
    pub(crate) fn fill(self, label: T) {
        if let Some(place) = self.line.lock().places.get_mut(&self.at_us) {
            *place = Some(label);
        }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        let mut line = self.line.lock();
        if line.places.get(&self.at_us).is_some_and(Option::is_none) {
            line.places.remove(&self.at_us);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_first_is_counted_first_and_what_came_to_nothing_holds_nobody_up() {
        let line = Arc::new(Line::default());
        let [first, second, third] = [5, 5, 1].map(|now_us| line.begin(now_us));
        assert_eq!(
            [first.at_us(), second.at_us(), third.at_us()],
            [5, 6, 7],
            "no two at one time, none before another"
        );
        third.fill("third");
        assert_eq!(line.next(), None);
        first.fill("first");
        assert_eq!(line.next(), Some((5, "first")));
        assert_eq!(line.next(), None, "the second may still come");
        drop(second);
        assert_eq!(line.next(), Some((7, "third")));
        assert_eq!(line.next(), None);
    }
}
