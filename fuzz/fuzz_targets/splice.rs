//! An object that is spliced without edits is itself; with one, only that member differs.
//! Run: `cargo +nightly fuzz run splice crates/wire/tests/golden`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steersman_wire::json::RawObject;

fuzz_target!(|bytes: &[u8]| {
    let Ok(object) = RawObject::parse(bytes) else { return };
    assert_eq!(object.splice().finish(), bytes);
    let edited = object.splice().set("model", "x").remove("stream").finish();
    let edited = RawObject::parse(&edited).expect("a splice keeps an object an object");
    assert_eq!(edited.get("model").map(|raw| raw.get()), Some("\"x\""));
    assert!(edited.get("stream").is_none());
    let rest = |object: &RawObject<'_>| -> Vec<(String, String)> {
        let members = object.members().iter().filter(|m| m.key != "model" && m.key != "stream");
        members.map(|m| (m.key.to_string(), m.value.get().to_owned())).collect()
    };
    assert_eq!(rest(&edited), rest(&object));
});
