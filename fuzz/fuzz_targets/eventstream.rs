//! Any bytes as a binary event stream: no panic, no growth beyond the limit, and the same messages wherever they are
//! cut. Run: `cargo +nightly fuzz run eventstream fuzz/seeds/eventstream`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steersman_wire::eventstream::{EventStreamDecoder, Message};
use steersman_wire::hosted::event_of;

fn messages<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> Vec<Message> {
    let mut decoder = EventStreamDecoder::new(1 << 16);
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Ok(Some(message)) = decoder.next_message() {
            std::hint::black_box(event_of(&message).is_some());
            messages.push(message);
        }
    }
    messages
}

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(messages(std::iter::once(bytes)), messages(bytes.chunks(7)));
});
