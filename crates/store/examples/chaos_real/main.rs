//! The fault scenarios with real processes: `chaos_real [--seeds N] [--seed S] [--scenario PART] [--json]`.
//!
//! A gateway's ledger is the state as the product keeps it (SQLite; PostgreSQL too where `STEERSMAN_TEST_POSTGRES`
//! names a server); the sink is a process of its own whose synced log is the truth. Exit status 1 if any
//! promise was broken.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, unreachable_pub, reason = "a test program")]

mod base;
#[path = "../../../scope/examples/chaos/cell.rs"]
mod cell;
mod real;
mod sinkd;
mod verdict;
mod worker;

use std::path::Path;
use std::process::ExitCode;

use cell::Cell;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["sinkd", folder, class, seed] => {
            sinkd::serve(Path::new(folder), class, seed.parse().unwrap());
            return ExitCode::SUCCESS;
        }
        ["worker", owner, class, port] => {
            worker::work(owner, class, port.parse().unwrap());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let (seeds, part) = (cell::seeds(5), cell::option("--scenario").unwrap_or_default());
    let mut cells = Vec::new();
    for engine in base::engines() {
        for scenario in real::scenarios() {
            let name = format!("{}{}", scenario.name, engine.suffix());
            // With rivals, ours too meets only what all can meet.
            if !name.contains(&part) || (std::env::var_os("CHAOS_WORKER").is_some() && !scenario.is_for_all()) {
                continue;
            }
            for class in ["keyed", "lookup", "opaque"] {
                let live = |seed| real::live(&scenario, class, &engine, seed);
                cells.push(Cell::lived(name.clone(), class, &seeds, live));
            }
        }
    }
    Cell::print(&cells)
}
