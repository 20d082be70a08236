//! Judges sets of prompts that ask for an effect or only speak of one, and prints what was judged otherwise.
//!
//! `cargo run --release -p steersman-flow --example asked -- testdata/flow/asked/office.json`

use std::error::Error;
use std::sync::Arc;

use steersman_flow::{Policy, Prompts};

fn main() -> Result<(), Box<dyn Error>> {
    for file in std::env::args().skip(1) {
        let report = Prompts::parse(&std::fs::read_to_string(file)?)?.judge(&Arc::new(Policy::default()));
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(())
}
