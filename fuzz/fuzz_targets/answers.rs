//! Answer readers take any bytes, whole or streamed; what they read, every writer writes.
//! Run: `cargo +nightly fuzz run answers crates/wire/tests/golden`.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use steersman_wire::sse::SseDecoder;
use steersman_wire::{Answer, AnswerOptions, DIALECTS, json::RawObject, retry_delay};

fuzz_target!(|bytes: &[u8]| {
    std::hint::black_box(retry_delay(bytes));
    for dialect in DIALECTS {
        std::hint::black_box(dialect.facts_reader().body(bytes).is_some());
        if let Ok(events) = dialect.decode_answer(bytes) {
            for other in DIALECTS {
                let encoded = other.encode_answer(&Answer::collect(&events), &AnswerOptions::default());
                assert!(RawObject::parse(&encoded.body).is_ok());
            }
        }
        let (mut frames, mut decoder) = (SseDecoder::new(1 << 16), dialect.answer_decoder());
        let mut facts = dialect.facts_reader();
        let mut encoders: Vec<_> = DIALECTS.iter().map(|d| d.answer_encoder(AnswerOptions::default())).collect();
        frames.push(Bytes::copy_from_slice(bytes));
        while let Ok(Some(frame)) = frames.next_frame() {
            let Some(data) = frame.data() else { continue };
            std::hint::black_box(facts.frame(data).is_some());
            for event in decoder.frame(frame.event(), data).unwrap_or_default() {
                encoders.iter_mut().for_each(|encoder| encoder.event(&event, &mut Vec::new()));
            }
        }
    }
});
