//! Where a body is kept: a long one by the hash of its content, a short one by its place in a pack.
//!
//! A name is written beside the request that refers to it, as bytes; their number tells which of both it is.

use steersman_core::ContentHash;

/// The length of a pack's id: six bytes of time, four of the process that wrote it, four that count.
pub(crate) const PACK_BYTES: usize = 14;
/// The length of a place: a pack's id, an offset, a length.
const PLACE_BYTES: usize = PACK_BYTES + 8;

/// The id of a pack. Ids sort by the time that they begin with.
pub(crate) type PackId = [u8; PACK_BYTES];

/// The id of the pack with this number of this process, to which no request that began after `until_ms` refers.
pub(crate) fn pack_id(until_ms: i64, process: [u8; 4], number: u32) -> PackId {
    let mut id = [0; PACK_BYTES];
    let (time, rest) = id.split_at_mut(6);
    time.copy_from_slice(&time_of(until_ms));
    let (of_process, of_number) = rest.split_at_mut(4);
    of_process.copy_from_slice(&process);
    of_number.copy_from_slice(&number.to_be_bytes());
    id
}

/// What the ids of all packs begin with that are needed until `until_ms`: less than each of them, and than all later
/// ones.
pub(crate) fn time_of(until_ms: i64) -> [u8; 6] {
    let [_, _, time @ ..] = u64::try_from(until_ms).unwrap_or(0).to_be_bytes();
    time
}

/// The name of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// BLAKE3 of its redacted content.
    Hash(ContentHash),
    /// A place in a pack.
    Place([u8; PLACE_BYTES]),
}

impl Name {
    pub(crate) fn at(pack: PackId, offset: u32, length: u32) -> Self {
        let mut place = [0; PLACE_BYTES];
        let (id, rest) = place.split_at_mut(PACK_BYTES);
        id.copy_from_slice(&pack);
        let (at, long) = rest.split_at_mut(4);
        at.copy_from_slice(&offset.to_be_bytes());
        long.copy_from_slice(&length.to_be_bytes());
        Self::Place(place)
    }

    /// As it is written.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Hash(hash) => hash.as_bytes(),
            Self::Place(place) => place,
        }
    }

    /// Reads what [`Self::as_bytes`] wrote.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        if let Ok(place) = bytes.try_into() {
            return Some(Self::Place(place));
        }
        bytes.try_into().ok().map(|hash| Self::Hash(ContentHash::from_bytes(hash)))
    }

    /// The pack and the range in it, of a body that is in one.
    pub(crate) fn place(&self) -> Option<(PackId, std::ops::Range<usize>)> {
        let Self::Place(place) = self else { return None };
        let (id, rest) = place.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (length, _) = rest.split_first_chunk()?;
        let at = u32::from_be_bytes(*at) as usize;
        Some((*id, at..at.checked_add(u32::from_be_bytes(*length) as usize)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_ids_sort_by_their_time() {
        let id = pack_id(1_700_000_000_123, [1, 2, 3, 4], 7);
        let name = Name::at(id, 70_000, 12);
        assert_eq!(Name::read(name.as_bytes()), Some(name));
        assert_eq!(name.place(), Some((id, 70_000..70_012)));
        let hash = Name::Hash(ContentHash::of(b"body"));
        assert_eq!((Name::read(hash.as_bytes()), hash.place()), (Some(hash), None));
        assert_eq!(Name::read(b"neither"), None);
        assert!(pack_id(1_699_999_999_999, [9; 4], 9) < id);
        assert!(time_of(1_700_000_000_123)[..] < id[..] && id[..] < time_of(1_700_000_000_124)[..]);
    }
}
