//! The fault scenarios with real processes: `chaos_real [--seeds N] [--seed S] [--scenario PART] [--json]`.
//!
//! A gateway's ledger is the state as the product keeps it (SQLite; PostgreSQL too where `STEERSMAN_TEST_POSTGRES` names a
//! server); the sink is a process of its own whose synced log is the truth. Exit status 1 if any promise was broken.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, unreachable_pub, reason = "a test program")]

mod base;
mod real;
mod sinkd;
mod verdict;
mod worker;

use std::path::Path;
use std::process::ExitCode;

use verdict::Verdict;

/// One cell of the table.
struct Cell {
    name: String,
    sink: &'static str,
    runs: u64,
    total: Verdict,
    first_bad_seed: Option<u64>,
}

fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next().and(arguments.next())
}

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
    let number = |name: &str| option(name).and_then(|n| n.parse::<u64>().ok());
    let seeds = match number("--seed") {
        Some(seed) => seed..seed + 1,
        None => 0..number("--seeds").unwrap_or(5),
    };
    let part = option("--scenario").unwrap_or_default();
    let mut cells = Vec::new();
    for engine in base::engines() {
        for scenario in real::scenarios() {
            let name = format!("{}{}", scenario.name, engine.suffix());
            // With rivals, ours too meets only what all can meet.
            if !name.contains(&part) || (std::env::var_os("CHAOS_WORKER").is_some() && !scenario.is_for_all()) {
                continue;
            }
            for class in ["keyed", "lookup", "opaque"] {
                let mut cell =
                    Cell { name: name.clone(), sink: class, runs: 0, total: Verdict::default(), first_bad_seed: None };
                for seed in seeds.clone() {
                    cell.add(seed, real::live(&scenario, class, &engine, seed));
                }
                cells.push(cell);
            }
        }
    }
    print(&cells);
    if cells.iter().any(|cell| cell.first_bad_seed.is_some()) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

impl Cell {
    fn add(&mut self, seed: u64, verdict: Verdict) {
        let bad = verdict.duplicates + verdict.silent_losses > 0 || !verdict.broken.is_empty();
        if bad && self.first_bad_seed.is_none() {
            self.first_bad_seed = Some(seed);
            self.total.broken = verdict.broken;
        }
        self.runs += 1;
        self.total.duplicates += verdict.duplicates;
        self.total.silent_losses += verdict.silent_losses;
        self.total.unknown += verdict.unknown;
    }
}

fn print(cells: &[Cell]) {
    if std::env::args().any(|argument| argument == "--json") {
        let rows = cells.iter().map(|cell| {
            serde_json::json!({ "name": cell.name, "sink": cell.sink, "runs": cell.runs, "duplicates": cell.total.duplicates,
                "silent_losses": cell.total.silent_losses, "unknown": cell.total.unknown, "broken": cell.total.broken,
                "first_bad_seed": cell.first_bad_seed })
        });
        println!("{:#}", serde_json::json!({ "scenarios": rows.collect::<Vec<_>>() }));
        return;
    }
    for Cell { name, sink, runs, total, first_bad_seed } in cells {
        let (twice, lost, unknown) = (total.duplicates, total.silent_losses, total.unknown);
        println!("{name:55} {sink:6} {runs:>5} runs {twice:>3} twice {lost:>3} lost {unknown:>6} unknown");
        if let Some(seed) = first_bad_seed {
            println!("    seed {seed}: {:?}", total.broken);
        }
    }
}
