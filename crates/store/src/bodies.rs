//! Bodies on their way to disk: redacted, named, compressed.
//!
//! Short ones go into packs. A long one is named by its content and kept once, in parts that are each named and kept
//! like a body: a conversation that grows by a turn costs that turn.
//!
//! There are no reference counts to keep in step. A body carries a time, `until_ms`, such that no request that began
//! later refers to it; it may go when all requests up to that time have gone. The time is rounded up to a grain, so
//! that a body used by every request is written once a grain, not once a request; and it only ever grows, so that any
//! number of gateways may share a body without a word to one another.

use std::borrow::Cow;
use std::collections::HashMap;

use steersman_core::ContentHash;
use zstd::bulk::Compressor;

use crate::name::Name;
use crate::packs::{OpenPack, Pack};
use crate::parts::{CUT_FROM_BYTES, parts};
use crate::redact::Redactor;

/// The level of long bodies while the writer keeps up. Prose becomes a third of its size, for 3.9 ns a
/// byte: what less would cost is spent again on writing more.
const LEVEL: i32 = 1;
/// The level of packs: two fifths of the size, for 2.2 ns a byte.
const PACK_LEVEL: i32 = -2;
/// The level while the queue fills: half of the size, for 1.4 ns a byte. A larger record is better than none.
const HASTY_LEVEL: i32 = -8;

/// The length of a name.
const NAME_BYTES: usize = 32;

/// Bodies and parts remembered in each of the two generations.
const REMEMBERED: usize = 16_384;

/// A body that the database does not have yet, or not for so long.
pub(crate) struct NewBody {
    pub(crate) hash: ContentHash,
    pub(crate) until_ms: i64,
    pub(crate) size: u64,
    /// How many parts it is kept in; `content` is then their names.
    pub(crate) parts: Option<u64>,
    pub(crate) content: Vec<u8>,
}

/// What the database must get for the bodies of a batch.
#[derive(Default)]
pub(crate) struct NewTexts {
    pub(crate) bodies: Vec<NewBody>,
    pub(crate) packs: Vec<Pack>,
}

impl NewTexts {
    pub(crate) fn is_empty(&self) -> bool {
        self.bodies.is_empty() && self.packs.is_empty()
    }
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
    packer: Compressor<'static>,
    hasty: Compressor<'static>,
    /// Whether records wait to be dropped.
    pressed: bool,
    grain_ms: i64,
    /// The largest compressed body that is kept, and the largest text in a pack.
    max_bytes: Option<u64>,
    open: OpenPack,
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
            packer: Compressor::new(PACK_LEVEL)?,
            hasty: Compressor::new(HASTY_LEVEL)?,
            pressed: false,
            grain_ms: grain_ms.clamp(50, 60_000),
            max_bytes: max_bytes.map(|bytes| bytes / 32),
            open: OpenPack::new(),
            young: HashMap::new(),
            old: HashMap::new(),
        })
    }

    /// The name under which this body is kept, for a request that began at `at_ms`; what must be written for it goes to
    /// `new`. `None`: it is empty, or too large for the limit of the store.
    pub(crate) fn keep(&mut self, redactor: &Redactor, body: &[u8], at_ms: i64, new: &mut NewTexts) -> Option<Name> {
        if body.len() < CUT_FROM_BYTES {
            return self.keep_text(&redactor.bytes(body), at_ms, new);
        }
        self.keep_long(redactor, body, at_ms, &mut new.bodies).map(Name::Hash)
    }

    /// The same of a text that holds no secret, and goes into a pack however long it is.
    pub(crate) fn keep_text(&mut self, clean: &[u8], at_ms: i64, new: &mut NewTexts) -> Option<Name> {
        if clean.is_empty() || self.max_bytes.is_some_and(|max| clean.len() as u64 > max) {
            return None;
        }
        if !self.open.takes(clean, at_ms) {
            self.close_pack(new);
        }
        self.open.push(clean, self.until_ms(at_ms))
    }

    /// Ends the pack under way: what was kept so far is then in `new`. To be called at the end of each batch.
    pub(crate) fn close_pack(&mut self, new: &mut NewTexts) {
        let compressor = if self.pressed { &mut self.hasty } else { &mut self.packer };
        new.packs.extend(self.open.close(|texts| compressor.compress(texts).ok()));
    }

    fn keep_long(
        &mut self,
        redactor: &Redactor,
        body: &[u8],
        at_ms: i64,
        new: &mut Vec<NewBody>,
    ) -> Option<ContentHash> {
        let came = ContentHash::of(body);
        if let Some(known) = self.recall(came, at_ms) {
            return Some(known.hash);
        }
        let clean = redactor.bytes(body);
        let hash = if matches!(clean, Cow::Borrowed(_)) { came } else { ContentHash::of(&clean) };
        let until_ms = self.until_ms(at_ms);
        let before = new.len();
        let written = self.write_parts(hash, &clean, until_ms, new);
        let bytes: usize = new.iter().skip(before).map(|body| body.content.len()).sum();
        if written.is_none() || self.max_bytes.is_some_and(|max| bytes as u64 > max) {
            new.truncate(before);
            return None;
        }
        for body in new.iter().skip(before).filter(|body| body.hash != hash) {
            self.remember(body.hash, Known { hash: body.hash, until_ms });
        }
        self.remember(came, Known { hash, until_ms });
        Some(hash)
    }

    /// The end of the grain.
    const fn until_ms(&self, at_ms: i64) -> i64 {
        at_ms.div_euclid(self.grain_ms).saturating_add(1).saturating_mul(self.grain_ms)
    }

    fn write_whole(&mut self, hash: ContentHash, clean: &[u8], until_ms: i64, new: &mut Vec<NewBody>) -> Option<()> {
        let compressor = if self.pressed { &mut self.hasty } else { &mut self.compressor };
        let content = compressor.compress(clean).ok()?;
        new.push(NewBody { hash, until_ms, size: clean.len() as u64, parts: None, content });
        Some(())
    }

    /// A body that is a single part is kept whole: its part would have its name.
    fn write_parts(&mut self, hash: ContentHash, clean: &[u8], until_ms: i64, new: &mut Vec<NewBody>) -> Option<()> {
        let mut names = Vec::new();
        for part in parts(clean) {
            if part.len() == clean.len() {
                return self.write_whole(hash, clean, until_ms, new);
            }
            let name = ContentHash::of(part);
            names.extend_from_slice(name.as_bytes());
            if self.recall(name, until_ms).is_none() {
                self.write_whole(name, part, until_ms, new)?;
            }
        }
        let parts = Some((names.len() / NAME_BYTES) as u64);
        new.push(NewBody { hash, until_ms, size: clean.len() as u64, parts, content: names });
        Some(())
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

/// The names of the parts of a body, from its content.
pub(crate) fn names(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.chunks_exact(NAME_BYTES)
}

/// Unpacks a body, or a part of one, of a known size.
pub(crate) fn unpack(content: &[u8], size: usize) -> Option<Vec<u8>> {
    zstd::bulk::decompress(content, size).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_pressure_a_pack_is_larger_and_the_same() {
        let text = include_str!("../../../docs/sim.md").as_bytes();
        let kept = |pressed| {
            let mut bodies = Bodies::new(None).unwrap();
            let mut new = NewTexts::default();
            bodies.press(pressed);
            let (_, place) = bodies.keep_text(text, 0, &mut new).unwrap().place().unwrap();
            bodies.close_pack(&mut new);
            let [pack] = <[Pack; 1]>::try_from(new.packs).ok().unwrap();
            let size = usize::try_from(pack.size).unwrap();
            assert_eq!(unpack(&pack.content, size).unwrap().get(place), Some(text));
            pack.content.len()
        };
        let (calm, pressed) = (kept(false), kept(true));
        assert!(calm < pressed && pressed < text.len(), "{calm}, {pressed} of {}", text.len());
    }

    #[test]
    fn short_bodies_share_a_pack_in_which_what_they_repeat_is_small() {
        let redactor = Redactor::new(&[]);
        let question = |n: u64| format!("{n} {}", include_str!("../../../docs/sim.md").get(..3_000).unwrap());
        let packed = |questions: u64| {
            let mut bodies = Bodies::new(None).unwrap();
            let mut new = NewTexts::default();
            let names: Vec<_> =
                (0..questions).map(|n| bodies.keep(&redactor, question(n).as_bytes(), 5, &mut new).unwrap()).collect();
            bodies.close_pack(&mut new);
            let [pack] = <[Pack; 1]>::try_from(new.packs).ok().unwrap();
            let texts = unpack(&pack.content, usize::try_from(pack.size).unwrap()).unwrap();
            for (n, name) in (0..).zip(names) {
                let (id, place) = name.place().unwrap();
                assert_eq!((id, texts.get(place)), (pack.id, Some(question(n).as_bytes())));
            }
            pack.content.len()
        };
        let (one, twenty) = (packed(1), packed(20));
        assert!(twenty < 2 * one, "{twenty} bytes for twenty, {one} for one");
    }

    #[test]
    fn a_turn_more_writes_that_turn_and_keeps_the_parts_as_long_as_the_body() {
        let turn = concat!(include_str!("../../../docs/cli.md"), include_str!("../../../docs/config.md")).as_bytes();
        let more = [turn, b"and what then?"].concat();
        let mut bodies = Bodies::new(None).unwrap();
        let mut write = |body: &[u8], at_ms| {
            let mut new = NewTexts::default();
            let name = bodies.keep(&Redactor::new(&[]), body, at_ms, &mut new).unwrap();
            let (new, Name::Hash(name)) = (new.bodies, name) else { panic!("a long body is not in a pack") };
            assert_eq!(new.last().map(|body| (body.hash, body.size)), Some((name, body.len() as u64)));
            (new.len(), new.iter().map(|body| body.content.len()).sum::<usize>(), new.first().map(|body| body.until_ms))
        };
        let (parts, bytes, _) = write(turn, 0);
        let (changed, further, _) = write(&more, 1);
        assert!(parts > 2 && changed == 2 && further * 2 < bytes, "{parts} parts of {bytes}, {changed} of {further}");
        let (renewed, _, until_ms) = write(&more, 90_000);
        assert_eq!((renewed, until_ms), (parts, Some(120_000)), "parts stay as long as the last body that has them");
    }
}
