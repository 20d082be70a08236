//! How journal entries stand in a file: length, tag, JSON. The tag chains each entry to all before it. Pure.
//!
//! An entry that is cut, changed, moved or missing breaks the chain at its place; what stands before is the valid
//! prefix.

use crate::book::Entry;

/// 128 bits of BLAKE3: more than enough against accidents.
const TAG_BYTES: usize = 16;
const LENGTH_BYTES: usize = 4;

/// The running tag of one segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain([u8; TAG_BYTES]);

impl Chain {
    pub(super) fn of_segment(epoch: u64) -> Self {
        Self::tag(blake3::Hasher::new_derive_key("steersman journal 1").update(&epoch.to_le_bytes()))
    }

    fn next(self, payload: &[u8]) -> Self {
        Self::tag(blake3::Hasher::new().update(&self.0).update(payload))
    }

    fn tag(hasher: &blake3::Hasher) -> Self {
        let mut tag = [0; TAG_BYTES];
        hasher.finalize_xof().fill(&mut tag);
        Self(tag)
    }

    /// Appends an entry to a buffer.
    pub(super) fn encode(&mut self, out: &mut Vec<u8>, entry: &Entry) {
        let payload = serde_json::to_vec(entry).expect("invariant: entries are plain data");
        *self = self.next(&payload);
        out.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend(self.0);
        out.extend(payload);
    }
}

/// What could be read of a segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) entries: Vec<Entry>,
    /// Bytes after the valid prefix.
    pub(super) lost_bytes: usize,
}

/// Reads the valid prefix of a segment.
pub(super) fn decode(epoch: u64, bytes: &[u8]) -> Segment {
    let (mut chain, mut rest, mut entries) = (Chain::of_segment(epoch), bytes, Vec::new());
    while let Some((entry, next, after)) = decode_one(chain, rest) {
        entries.push(entry);
        (chain, rest) = (next, after);
    }
    Segment { entries, lost_bytes: rest.len() }
}

fn decode_one(chain: Chain, bytes: &[u8]) -> Option<(Entry, Chain, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let (tag, rest) = rest.split_first_chunk::<TAG_BYTES>()?;
    let (payload, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let next = chain.next(payload);
    if next.0 != *tag {
        return None;
    }
    Some((serde_json::from_slice(payload).ok()?, next, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::book::RunRecord;

    fn entries(n: usize) -> Vec<Entry> {
        let run = |i: usize| RunRecord {
            run: format!("run {i}").as_str().into(),
            request: "00".repeat(i % 40),
            closed: i.is_multiple_of(2),
            suspect: false,
        };
        (0..n).map(|i| Entry::Run(run(i))).collect()
    }

    fn encoded(entries: &[Entry]) -> (Vec<u8>, Vec<usize>) {
        let (mut chain, mut bytes, mut ends) = (Chain::of_segment(7), Vec::new(), vec![0]);
        for entry in entries {
            chain.encode(&mut bytes, entry);
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    proptest! {
        #[test]
        fn a_cut_or_a_flipped_bit_keeps_exactly_the_entries_before_it(n in 1..20usize, at in any::<prop::sample::Index>(), bit in 0..8u8, flip in any::<bool>()) {
            let entries = entries(n);
            let (mut bytes, ends) = encoded(&entries);
            let at = at.index(bytes.len());
            if flip { bytes[at] ^= 1 << bit } else { bytes.truncate(at) }
            let whole = ends.iter().filter(|end| **end <= at).count() - 1;
            let read = decode(7, &bytes);
            prop_assert_eq!(&read.entries, &entries[..whole]);
            prop_assert_eq!(read.lost_bytes, bytes.len() - ends[whole]);
        }
    }

    #[test]
    fn a_segment_under_another_name_is_not_believed() {
        let (bytes, _) = encoded(&entries(3));
        assert_eq!(decode(8, &bytes).entries.len(), 0);
    }
}
