//! The seed corpus of the fuzz targets, run by every build: what a fuzzer starts from must hold already.

use std::path::PathBuf;

use steersman_wire::json::RawObject;
use steersman_wire::{DIALECTS, fingerprint};

#[test]
fn every_seed_is_read_by_some_dialect_or_refused_and_what_is_read_is_written_by_all() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/requests");
    let mut read = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        for dialect in DIALECTS {
            if let Ok(head) = dialect.request_head(&bytes) {
                std::hint::black_box(fingerprint(&head));
            }
            let Ok(request) = dialect.decode_request(&bytes) else { continue };
            read.push(format!("{} {}", path.file_name().expect("a name").to_string_lossy(), dialect.name()));
            for other in DIALECTS {
                if let Ok(encoded) = other.encode_request(&request) {
                    assert!(RawObject::parse(&encoded.body).is_ok(), "{} as {}", path.display(), other.name());
                }
            }
        }
    }
    for seed in [
        "chat_full.json openai.chat",
        "responses_full.json openai.responses",
        "messages_full.json anthropic.messages",
        "gemini_full.json google.gemini",
    ] {
        assert!(read.iter().any(|found| found == seed), "`{seed}` is not among {read:?}");
    }
    assert!(!read.iter().any(|seed| seed.starts_with("cut.json") || seed.starts_with("deep.json")), "{read:?}");
}

#[test]
fn every_seed_of_the_binary_stream_is_what_it_is_named_after() {
    use steersman_wire::eventstream::EventStreamDecoder;
    use steersman_wire::hosted::event_of;

    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/eventstream");
    let read = |name: &str| {
        let mut decoder = EventStreamDecoder::new(1 << 16);
        decoder.push(&std::fs::read(folder.join(name)).expect("a seed"));
        let mut events = Vec::new();
        while let Some(message) = decoder.next_message().expect("right checksums") {
            events.push(String::from_utf8(event_of(&message).expect("an event")).expect("text"));
        }
        (events, decoder.is_empty())
    };
    let (events, whole) = read("stream.bin");
    let names: Vec<&str> = events.iter().filter_map(|event| event.lines().next()).collect();
    assert!(
        whole && names == ["event: message_start", "event: content_block_delta", "event: message_stop"],
        "{names:?}"
    );
    let (events, _) = read("exception.bin");
    assert!(events.len() == 1 && events.iter().all(|event| event.contains("rate_limit_error")), "{events:?}");
    assert_eq!(read("cut.bin"), (Vec::new(), false));
    // Whole or piece by piece: nothing behind a wrong checksum is read, though it may look like a message.
    let bytes = std::fs::read(folder.join("wrong_checksum.bin")).expect("a seed");
    for piece in [bytes.len(), 7] {
        let (mut decoder, mut messages) = (EventStreamDecoder::new(1 << 16), 0);
        for piece in bytes.chunks(piece) {
            decoder.push(piece);
            while let Ok(Some(_)) = decoder.next_message() {
                messages += 1;
            }
        }
        assert_eq!((messages, decoder.next_message().is_err()), (1, true), "in pieces of {piece}");
    }
}
