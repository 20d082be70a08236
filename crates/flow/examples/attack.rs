//! Plays the red team and prints what it gave as JSON; fails if it ever won.
//!
//! `cargo run --release -p steersman-flow --example attack -- 100000 [SEED]`

use std::process::ExitCode;
use std::sync::Arc;

use steersman_flow::{Policy, attack};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let sequences = arguments.next().unwrap_or(100_000);
    let report = attack(&Arc::new(Policy::default()), sequences, arguments.next().unwrap_or(1));
    println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    if report.violations + report.interferences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
