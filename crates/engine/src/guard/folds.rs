//! Conversations that were folded lately, so that a request folds only what is new in it.
//!
//! Of several that go on from one beginning the first has its fold, and the others fold it anew.
//!
//! A fold is a pure function of what was said, so whoever finds the beginning of a conversation here gets what folding
//! it again would give. Losing one costs time and nothing else.
//!
//! What never happens here: no fold is found by anything but all that was said in it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use steersman_core::ContentHash;
use steersman_flow::Guard;

/// The most text of which folds are kept, in bytes. A fold takes some eight times the room of its text.
const ROOM: usize = 16 << 20;
/// What the shortest conversation counts as, in bytes.
const LEAST: usize = 16 << 10;

/// Folded conversations, by the hash of all that was said in them.
#[derive(Default)]
pub(super) struct Folds(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    folds: HashMap<ContentHash, Fold>,
    length: usize,
    clock: u64,
}

struct Fold {
    guard: Guard,
    length: usize,
    kept_at: u64,
}

impl Folds {
    /// The fold of the longest of these beginnings that is here, and how many of them it covers. It is taken out: what
    /// is folded next stands for it.
    pub(super) fn take(&self, beginnings: &[ContentHash]) -> Option<(Guard, usize)> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let covered = beginnings.iter().rposition(|hash| kept.folds.contains_key(hash))?;
        let fold = kept.remove(beginnings.get(covered)?)?;
        Some((fold.guard, covered + 1))
    }

    /// Keeps a fold of a conversation of `length` bytes; those that were kept longest ago make room.
    pub(super) fn keep(&self, whole: ContentHash, guard: Guard, length: usize) {
        let length = length + LEAST;
        if length > ROOM {
            return;
        }
        // What goes is dropped when nobody waits any more.
        let mut gone = Vec::new();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gone.extend(kept.remove(&whole));
        while kept.length + length > ROOM {
            let Some(oldest) = kept.folds.iter().min_by_key(|(_, fold)| fold.kept_at).map(|(hash, _)| *hash) else {
                break;
            };
            gone.extend(kept.remove(&oldest));
        }
        kept.clock += 1;
        kept.length += length;
        let fold = Fold { guard, length, kept_at: kept.clock };
        kept.folds.insert(whole, fold);
    }
}

impl Kept {
    fn remove(&mut self, hash: &ContentHash) -> Option<Fold> {
        let fold = self.folds.remove(hash)?;
        self.length -= fold.length;
        Some(fold)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn hash(name: &str) -> ContentHash {
        ContentHash::of(name.as_bytes())
    }

    fn guard(said: &str) -> Guard {
        let mut guard = Guard::new(Arc::default(), Arc::default());
        guard.push_user(said);
        guard
    }

    #[test]
    fn the_longest_beginning_is_taken_once_and_the_oldest_makes_room() {
        let folds = Folds::default();
        folds.keep(hash("a"), guard("a"), 1);
        folds.keep(hash("ab"), guard("ab"), 2);
        let beginnings = [hash("a"), hash("ab"), hash("abc")];
        assert_eq!(folds.take(&beginnings).map(|(_, covered)| covered), Some(2));
        assert_eq!(folds.take(&beginnings).map(|(_, covered)| covered), Some(1));
        assert!(folds.take(&beginnings).is_none());

        folds.keep(hash("old"), guard("old"), ROOM / 2);
        folds.keep(hash("new"), guard("new"), ROOM / 2 - LEAST);
        assert!(folds.take(&[hash("old")]).is_none(), "two halves and what both count at least are too much");
        assert!(folds.take(&[hash("new")]).is_some());
        folds.keep(hash("huge"), guard("huge"), ROOM);
        assert!(folds.take(&[hash("huge")]).is_none());
    }
}
