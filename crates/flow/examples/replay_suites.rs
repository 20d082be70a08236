//! Replays every suite of a folder against the guard and prints the report as JSON.
//!
//! `cargo run --release -p steersman-flow --example replay_suites -- testdata/flow/agentdojo [--findings]
//! [--policy FILE]`

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use steersman_flow::{Policy, Suite, replay};

fn suites(folder: &Path) -> Result<Vec<Suite>, Box<dyn Error>> {
    let blobs: HashMap<String, Value> = serde_json::from_str(&std::fs::read_to_string(folder.join("blobs.json"))?)?;
    let mut files: Vec<_> = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let mut suites = Vec::new();
    for file in
        files.iter().filter(|file| file.extension().is_some_and(|end| end == "json") && !file.ends_with("blobs.json"))
    {
        suites.push(Suite::parse(&std::fs::read_to_string(file)?, &blobs)?);
    }
    Ok(suites)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or("which folder?")?;
    let start = Instant::now();
    let clock = || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut report = replay(&suites(Path::new(folder))?, &Arc::new(Policy::default()), &clock);
    if !arguments.iter().any(|argument| argument == "--findings") {
        report.findings.clear();
    }
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
