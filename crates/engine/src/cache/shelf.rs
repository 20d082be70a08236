//! Which answers there are, and those that were used last, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use steersman_core::ContentHash;

use super::KeptAnswer;

/// The most bytes of bodies in memory; those that were used longest ago stay only on disk.
const MAX_BYTES: usize = 32 << 20;
/// The most answers that are known of, at about a hundred bytes each; of further ones nobody learns.
const MAX_LISTED: usize = 1 << 18;

/// What is known of a request.
pub(super) enum Found {
    /// No answer.
    Nothing,
    /// There is one, but not in memory.
    Listed,
    /// Its answer.
    Here(Arc<KeptAnswer>),
}

#[derive(Default)]
pub(super) struct Shelf {
    slots: HashMap<ContentHash, Slot>,
    /// Answers in memory, by the turn in which each was last used.
    used: BTreeMap<u64, ContentHash>,
    turn: u64,
    bytes: usize,
}

struct Slot {
    good_until_us: i64,
    here: Option<(Arc<KeptAnswer>, u64)>,
}

impl Shelf {
    /// Looks for an answer that is still good.
    pub(super) fn find(&mut self, key: &ContentHash, now_us: i64) -> Found {
        let Some(slot) = self.slots.get_mut(key) else { return Found::Nothing };
        if slot.good_until_us <= now_us {
            self.forget(key);
            return Found::Nothing;
        }
        let Some((answer, used)) = &mut slot.here else { return Found::Listed };
        self.turn += 1;
        self.used.remove(used);
        self.used.insert(self.turn, *key);
        *used = self.turn;
        Found::Here(Arc::clone(answer))
    }

    /// Learns that there is an answer.
    pub(super) fn list(&mut self, key: ContentHash, good_until_us: i64) {
        let has_room = self.slots.len() < MAX_LISTED;
        match self.slots.get_mut(&key) {
            // A newer answer took the place of the one in memory; the two are equally good.
            Some(slot) => slot.good_until_us = slot.good_until_us.max(good_until_us),
            None if has_room => {
                self.slots.insert(key, Slot { good_until_us, here: None });
            }
            None => {}
        }
    }

    /// Takes an answer in.
    pub(super) fn put(&mut self, answer: Arc<KeptAnswer>) {
        let key = answer.key;
        self.forget(&key);
        if self.slots.len() >= MAX_LISTED {
            return;
        }
        self.turn += 1;
        self.bytes += answer.body.len();
        self.used.insert(self.turn, key);
        self.slots.insert(key, Slot { good_until_us: answer.good_until_us, here: Some((answer, self.turn)) });
        while self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.used.pop_first() else { return };
            if let Some((answer, _)) = self.slots.get_mut(&oldest).and_then(|slot| slot.here.take()) {
                self.bytes -= answer.body.len();
            }
        }
    }

    /// Knows no more of it.
    pub(super) fn forget(&mut self, key: &ContentHash) {
        if let Some((answer, used)) = self.slots.remove(key).and_then(|slot| slot.here) {
            self.bytes -= answer.body.len();
            self.used.remove(&used);
        }
    }

    /// Knows no more of what is good no longer.
    pub(super) fn forget_old(&mut self, now_us: i64) {
        let (bytes, used) = (&mut self.bytes, &mut self.used);
        self.slots.retain(|_, slot| {
            let is_good = slot.good_until_us > now_us;
            if let (false, Some((answer, turn))) = (is_good, &slot.here) {
                *bytes -= answer.body.len();
                used.remove(turn);
            }
            is_good
        });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use steersman_core::Usage;

    use super::*;

    fn answer(name: u8, bytes: usize, good_until_us: i64) -> Arc<KeptAnswer> {
        Arc::new(KeptAnswer {
            key: ContentHash::from_bytes([name; 32]),
            task: String::new(),
            dialect: String::new(),
            streamed: false,
            include_usage: false,
            model: String::new(),
            request: String::new(),
            asked_at_us: 0,
            kept_at_us: 0,
            good_until_us,
            usage: Usage::default(),
            cost: None,
            body: Bytes::from(vec![0; bytes]),
        })
    }

    #[test]
    fn memory_keeps_what_was_used_last_and_knows_that_the_rest_is_on_disk() {
        let mut shelf = Shelf::default();
        let third = MAX_BYTES / 3;
        (0..3).for_each(|name| shelf.put(answer(name, third, 100)));
        assert!(matches!(shelf.find(&ContentHash::from_bytes([0; 32]), 1), Found::Here(_)));
        shelf.put(answer(3, third, 100));
        let found = |shelf: &mut Shelf, name: u8| shelf.find(&ContentHash::from_bytes([name; 32]), 1);
        assert!(matches!(found(&mut shelf, 0), Found::Here(_)), "it was used last");
        assert!(matches!(found(&mut shelf, 1), Found::Listed), "the oldest went");
        assert!(shelf.bytes <= MAX_BYTES && shelf.used.len() == 3);
        assert!(matches!(shelf.find(&ContentHash::from_bytes([0; 32]), 100), Found::Nothing), "its time is over");
        shelf.forget_old(100);
        assert_eq!((shelf.bytes, shelf.slots.len(), shelf.used.len()), (0, 0, 0));
    }
}
