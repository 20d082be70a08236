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
