//! Where a long body is cut into parts, so that what bodies have in common is kept once.
//!
//! A conversation sends all that was said before with each turn, and requests share instructions and documents. Where a
//! part ends depends on the bytes before its end alone, so a text that has moved is cut as before, but for its rims.
//!
//! Wen Xia et al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data Deduplication", USENIX ATC
//! 2016: the gear hash (section 3.2) and the skipping of what is too short to end (section 3.4). We deviate: sizes are not
//! normalised, since parts of unequal size cost us nothing.
//!
//! What never happens here: the cuts of a body depend on what was cut before it.

/// Shorter bodies are kept whole: a part has a row of its own, which costs as much as some hundred bytes.
pub(crate) const CUT_FROM_BYTES: usize = 16 << 10;
/// No part but the last is shorter.
const LEAST_BYTES: usize = 4 << 10;
/// No part is longer.
const MOST_BYTES: usize = 32 << 10;
/// A part ends where these bits of the hash are zero: once in 4 KiB on average, after the first 4.
const MASK: u64 = 0xFFF << 52;
/// How far back a byte still bears on the hash: it is shifted out after so many.
const REACH_BYTES: usize = 64;

/// The parts of a body, in order; together they are the body. About 0.4 ns a byte.
pub(crate) fn parts(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (part, after) = rest.split_at_checked(length_of_first(rest))?;
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

fn length_of_first(rest: &[u8]) -> usize {
    let most = rest.len().min(MOST_BYTES);
    let Some(before) = rest.get(LEAST_BYTES - REACH_BYTES..LEAST_BYTES) else { return most };
    #[expect(clippy::indexing_slicing, reason = "the table has a number for every byte")]
    let shift = |hash: u64, byte: u8| (hash << 1).wrapping_add(GEAR[usize::from(byte)]);
    let mut hash = before.iter().fold(0, |hash, &byte| shift(hash, byte));
    let rim = rest.get(LEAST_BYTES..most).unwrap_or_default().iter().position(|&byte| {
        hash = shift(hash, byte);
        hash & MASK == 0
    });
    rim.map_or(most, |rim| LEAST_BYTES + rim + 1)
}

/// A number for each byte that looks like chance (G. Steele et al., "Fast splittable pseudorandom number generators",
/// OOPSLA 2014, `mix64`). They are a part of the format only in so far as other numbers would cut elsewhere.
#[expect(clippy::indexing_slicing, reason = "the index is below the length, and it is looked at while compiling")]
static GEAR: [u64; 256] = {
    let mut gear = [0; 256];
    let mut at = 0;
    let mut seed = 0u64;
    while at < gear.len() {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        gear[at] = z ^ (z >> 31);
        at += 1;
    }
    gear
};

#[cfg(test)]
mod tests {
    use super::*;

    fn prose() -> Vec<u8> {
        concat!(include_str!("../../../docs/cli.md"), include_str!("../../../docs/config.md")).repeat(2).into_bytes()
    }

    #[test]
    fn parts_are_the_body_and_keep_to_their_sizes() {
        let mut text = prose();
        text.extend_from_slice(&[b'x'; 3 * MOST_BYTES]);
        for length in [0, 1, LEAST_BYTES - 1, LEAST_BYTES, LEAST_BYTES + 1, text.len()] {
            let body = &text[..length];
            let cut: Vec<_> = parts(body).collect();
            assert_eq!(cut.concat(), body);
            assert!(cut.iter().all(|part| part.len() <= MOST_BYTES));
            assert!(cut.iter().rev().skip(1).all(|part| part.len() >= LEAST_BYTES));
        }
    }

    #[test]
    fn a_text_that_has_moved_or_grown_is_cut_as_before_but_for_its_rims() {
        let text = prose();
        let moved = [b"another beginning, ", &text[..], b"and one more turn"].concat();
        let before: Vec<_> = parts(&text).collect();
        let known = parts(&moved).filter(|part| before.contains(part)).map(<[u8]>::len).sum::<usize>();
        assert!(known * 10 > text.len() * 6, "{known} of {}", text.len());
        let grown: Vec<_> = parts(&moved[..moved.len() - 17]).collect();
        let again = parts(&moved).filter(|part| grown.contains(part)).map(<[u8]>::len).sum::<usize>();
        assert!(again + MOST_BYTES >= moved.len(), "{again} of {}", moved.len());
    }
}
