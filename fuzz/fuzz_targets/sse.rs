//! Frames put together again are the stream, wherever it was cut; their data does not depend on the cut.
//! Run: `cargo +nightly fuzz run sse crates/wire/tests/golden`.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use steersman_wire::sse::SseDecoder;

fn read(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut decoder = SseDecoder::new(1 << 20);
    let (mut data, mut raw) = (Vec::new(), Vec::new());
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Ok(Some(frame)) = decoder.next_frame() {
            raw.extend_from_slice(frame.raw());
            data.extend(frame.data().map(<[u8]>::to_vec));
        }
    }
    if let Some(frame) = decoder.finish() {
        raw.extend_from_slice(frame.raw());
    }
    (data, raw)
}

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let (head, tail) = bytes.split_at(usize::from(cut) % (bytes.len() + 1));
    let whole = read(&[bytes]);
    assert_eq!(whole.1, bytes);
    assert_eq!(read(&[head, tail]), whole);
});
