//! Where a long body is cut into parts, so that what bodies have in common is kept once.
//!
//! A conversation sends all that was said before with each turn, and requests share instructions and documents. Where a
//! part ends depends on the bytes before its end alone, so a text that has moved is cut as before, but for its rims.
//!
//! The cuts are those of `fastcdc` (Wen Xia et al., "FastCDC", USENIX ATC 2016, in its form of 2020).
//!
//! What never happens here: the cuts of a body depend on what was cut before it.

use fastcdc::v2020::FastCDC;

/// Shorter bodies are kept whole: a part has a row of its own, which costs as much as some hundred bytes.
pub(crate) const CUT_FROM_BYTES: usize = 16 << 10;
/// No part but the last is shorter.
const LEAST_BYTES: usize = 4 << 10;
/// No part is longer.
const MOST_BYTES: usize = 32 << 10;
/// What a part has on average.
const AVERAGE_BYTES: usize = 8 << 10;

/// The parts of a body, in order; together they are the body.
pub(crate) fn parts(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let cuts = FastCDC::new(body, LEAST_BYTES, AVERAGE_BYTES, MOST_BYTES);
    cuts.filter_map(move |cut| body.get(cut.offset..cut.offset + cut.length))
}

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
