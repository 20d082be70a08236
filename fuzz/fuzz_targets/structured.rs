//! The recovering parser takes any text: it accepts, rejects or refuses, it never panics, and what it accepts is JSON.
//! Run: `cargo +nightly fuzz run structured fuzz/seeds/structured`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steersman_structured::{CompiledSchema, Conditions, Finish, Mode, Reading, read};

fuzz_target!(|input: (u8, &str)| {
    let (dial, text) = input;
    let mode = [Mode::Strict, Mode::Safe, Mode::Lenient][usize::from(dial) % 3];
    let finish = [Finish::Stop, Finish::Length, Finish::Unknown][usize::from(dial / 3) % 3];
    let schema = serde_json::json!({
        "type": "object",
        "properties": { "a": { "type": ["integer", "string", "null"] }, "b": { "enum": ["bug", "billing"] } },
        "required": ["a"],
    });
    let schema = CompiledSchema::new(&schema).expect("a schema");
    for schema in [None, Some(&schema)] {
        if let Reading::Accepted(accepted) = read(text, schema, Conditions { mode, finish }) {
            assert!(serde_json::from_str::<serde_json::Value>(accepted.document().text()).is_ok());
        }
    }
});
