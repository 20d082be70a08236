//! The build without an engine says what it lacks.

#![cfg(not(feature = "llama"))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

#[test]
fn a_build_without_an_engine_says_how_to_get_one_and_that_trying_again_is_useless() {
    let output = Command::new(env!("CARGO_BIN_EXE_steersman-local")).args(["--model", "x.gguf"]).output().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(steersman_models::EXIT_PERMANENT)));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("cargo build --release -p steersman-local --features llama"), "{told}");
    assert!(output.stdout.is_empty());
}
