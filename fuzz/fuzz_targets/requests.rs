//! Request readers take any bytes; what they read, every writer writes as JSON or refuses.
//! Run: `cargo +nightly fuzz run requests fuzz/seeds/requests`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steersman_wire::{DIALECTS, fingerprint, json::RawObject, question};

fuzz_target!(|bytes: &[u8]| {
    for dialect in DIALECTS {
        if let Ok(head) = dialect.request_head(bytes) {
            std::hint::black_box(fingerprint(&head));
        }
        let Ok(request) = dialect.decode_request(bytes) else { continue };
        for other in DIALECTS {
            if let Ok(encoded) = other.encode_request(&request) {
                assert!(RawObject::parse(&encoded.body).is_ok());
            }
        }
        let asked = question(request.clone());
        assert_eq!(asked, question(request));
    }
});
