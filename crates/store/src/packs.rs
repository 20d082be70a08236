//! Packs: the short texts of many requests, put together and compressed as one.
//!
//! What they have in common costs once, and so do the tables that a compressor makes for each text it is given; and a
//! text has no row and no entry in an index of its own. A pack is written with the batch that began it, and never
//! changed.
//!
//! What never happens here: a text stays longer than a grain of time after the requests that began with its own.

use crate::name::{Name, PackId, pack_id};

/// A pack takes no further text that would make it longer. Unpacking one takes about 50 us.
const FULL_BYTES: usize = 64 << 10;

/// A pack, compressed.
pub(crate) struct Pack {
    pub(crate) id: PackId,
    pub(crate) size: u64,
    pub(crate) content: Vec<u8>,
}

/// The pack that takes texts.
pub(crate) struct OpenPack {
    process: [u8; 4],
    number: u32,
    /// Its id, and until when it is needed; `None` while it is empty.
    id: Option<(PackId, i64)>,
    texts: Vec<u8>,
}

impl OpenPack {
    /// No text yet.
    pub(crate) fn new() -> Self {
        let [process @ .., _, _, _, _] = crate::runs::new_id().to_be_bytes();
        Self { process, number: 0, id: None, texts: Vec::with_capacity(FULL_BYTES) }
    }

    /// Whether a text of a request that began at `at_ms` can go in.
    pub(crate) fn takes(&self, text: &[u8], at_ms: i64) -> bool {
        self.id.is_none_or(|(_, until_ms)| at_ms <= until_ms && self.texts.len() + text.len() <= FULL_BYTES)
    }

    /// Puts a text in, which it must take; `until_ms` counts for the first one. `None`: it is longer than 4 GiB.
    pub(crate) fn push(&mut self, text: &[u8], until_ms: i64) -> Option<Name> {
        let length = u32::try_from(text.len()).ok()?;
        let offset = u32::try_from(self.texts.len()).ok()?;
        let (id, _) = *self.id.get_or_insert_with(|| {
            self.number = self.number.wrapping_add(1);
            (pack_id(until_ms, self.process, self.number), until_ms)
        });
        self.texts.extend_from_slice(text);
        Some(Name::at(id, offset, length))
    }

    /// Ends the pack; `None` if it is empty.
    pub(crate) fn close(&mut self, compress: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Option<Pack> {
        let (id, _) = self.id.take()?;
        let content = compress(&self.texts);
        let size = self.texts.len() as u64;
        self.texts.clear();
        Some(Pack { id, size, content: content? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_takes_texts_until_it_is_full_or_its_time_is_over() {
        let mut open = OpenPack::new();
        let first = open.push(b"one", 1_000).unwrap();
        let second = open.push(b"three", 2_000).unwrap();
        assert_eq!(first.place().unwrap().0, second.place().unwrap().0);
        assert_eq!((first.place().unwrap().1, second.place().unwrap().1), (0..3, 3..8));
        assert!(open.takes(&[0; FULL_BYTES - 8], 1_000) && open.takes(b"", -5));
        assert!(!open.takes(&[0; FULL_BYTES - 7], 1_000) && !open.takes(b"", 1_001));
        let pack = open.close(|texts| Some(texts.to_vec())).unwrap();
        assert_eq!((pack.id, pack.size, &pack.content[..]), (first.place().unwrap().0, 8, &b"onethree"[..]));
        assert!(open.close(|_| None).is_none() && open.takes(&[0; 2 * FULL_BYTES], 9_000));
        assert!(open.push(b"next", 500).unwrap().place().unwrap().0 != pack.id);
    }
}
