//! Bodies on their way to disk: redacted, named by content, compressed, each distinct one once.
//!
//! There are no reference counts to keep in step. A body carries a time, `until_ms`, such that no request that began
//! later refers to it; it may go when all requests up to that time have gone. The time is rounded up to a grain, so that
//! a body used by every request is written once a grain, not once a request; and it only ever grows, so that any number
//! of gateways may share a body without a word to one another.

use std::borrow::Cow;
use std::collections::HashMap;

use steersman_core::ContentHash;
use zstd::bulk::Compressor;

use crate::redact::Redactor;

/// The level while the writer keeps up. Prose becomes a third of its size.
const LEVEL: i32 = 1;
/// The level while the queue fills: half of the size, in less than half of the time. A larger record is better than none.
const HASTY_LEVEL: i32 = -5;

/// Bodies remembered in each of the two generations.
const REMEMBERED: usize = 16_384;

/// A body that the database does not have yet, or not for so long.
pub(crate) struct NewBody {
    pub(crate) hash: ContentHash,
    pub(crate) until_ms: i64,
    pub(crate) size: u64,
    pub(crate) content: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// The name of the redacted content.
    hash: ContentHash,
    until_ms: i64,
}

/// Turns bodies into rows, and remembers the recent ones.
pub(crate) struct Bodies {
    compressor: Compressor<'static>,
    hasty: Compressor<'static>,
    /// Whether records wait to be dropped.
    pressed: bool,
    grain_ms: i64,
    /// The largest compressed body that is kept.
    max_bytes: Option<u64>,
    /// By the hash of what came, before redaction.
    young: HashMap<ContentHash, Known>,
    old: HashMap<ContentHash, Known>,
}

impl Bodies {
    /// `max_bytes` is the limit of the whole store.
    pub(crate) fn new(max_bytes: Option<u64>) -> std::io::Result<Self> {
        // The smaller the store, the sooner it is full, and the finer must be what goes together: a hundredth of a
        // minute for each 16 MiB, at most a minute. Chosen so that a grain holds a small part of a full store at
        // tens of thousands of requests a second.
        let grain_ms = max_bytes.map_or(60_000, |bytes| i64::try_from(bytes >> 18).unwrap_or(60_000));
        Ok(Self {
            compressor: Compressor::new(LEVEL)?,
            hasty: Compressor::new(HASTY_LEVEL)?,
            pressed: false,
            grain_ms: grain_ms.clamp(50, 60_000),
            max_bytes: max_bytes.map(|bytes| bytes / 32),
            young: HashMap::new(),
            old: HashMap::new(),
        })
    }

    /// The name under which this body is kept, for a request that began at `at_ms`; what must be written for it goes to `new`.
    /// `None`: it is empty, or too large for the limit of the store.
    pub(crate) fn keep(
        &mut self,
        redactor: &Redactor,
        body: &[u8],
        at_ms: i64,
        new: &mut Vec<NewBody>,
    ) -> Option<ContentHash> {
        if body.is_empty() {
            return None;
        }
        let came = ContentHash::of(body);
        if let Some(known) = self.recall(came, at_ms) {
            return Some(known.hash);
        }
        let clean = redactor.bytes(body);
        let hash = if matches!(clean, Cow::Borrowed(_)) { came } else { ContentHash::of(&clean) };
        let compressor = if self.pressed { &mut self.hasty } else { &mut self.compressor };
        let content = compressor.compress(&clean).ok()?;
        if self.max_bytes.is_some_and(|max| content.len() as u64 > max) {
            return None;
        }
        let until_ms = at_ms.div_euclid(self.grain_ms).saturating_add(1).saturating_mul(self.grain_ms);
        self.remember(came, Known { hash, until_ms });
        new.push(NewBody { hash, until_ms, size: clean.len() as u64, content });
        Some(hash)
    }

    /// Says whether there is time to compress well.
    pub(crate) const fn press(&mut self, pressed: bool) {
        self.pressed = pressed;
    }

    /// Forgets all: after a failed batch the database may not have what memory says.
    pub(crate) fn forget(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    fn recall(&mut self, came: ContentHash, at_ms: i64) -> Option<Known> {
        let holds = |known: &Known| known.until_ms >= at_ms;
        if let Some(known) = self.young.get(&came).copied() {
            return holds(&known).then_some(known);
        }
        let known = self.old.get(&came).copied().filter(holds)?;
        self.remember(came, known);
        Some(known)
    }

    fn remember(&mut self, came: ContentHash, known: Known) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(came, known);
    }
}

/// Unpacks a body of a known size.
pub(crate) fn unpack(content: &[u8], size: usize) -> Option<Vec<u8>> {
    zstd::bulk::decompress(content, size).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_pressure_a_body_is_larger_and_the_same() {
        let text = include_str!("../../../docs/sim.md").as_bytes();
        let redactor = Redactor::new(&[]);
        let kept = |pressed| {
            let mut bodies = Bodies::new(None).unwrap();
            let mut new = Vec::new();
            bodies.press(pressed);
            let name = bodies.keep(&redactor, text, 0, &mut new);
            let [body] = <[NewBody; 1]>::try_from(new).ok().unwrap();
            assert_eq!((name, unpack(&body.content, text.len()).as_deref()), (Some(body.hash), Some(text)));
            body.content.len()
        };
        let (calm, pressed) = (kept(false), kept(true));
        assert!(calm < pressed && pressed < text.len(), "{calm}, {pressed} of {}", text.len());
    }
}
