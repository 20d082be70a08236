//! The fault scenarios in simulation, as a command: `chaos [--seeds N] [--seed S] [--scenario NAME-PART | NUMBER] [--json]`.
//!
//! Each cell (scenario x sink class) runs once for each seed. A failing cell prints its first seed, which
//! `--seed S` repeats. Exit status 1 if any promise was broken.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, unreachable_pub, reason = "a test program")]

mod disk;
mod scenarios;
mod sink;
mod special;
mod world;

use std::ops::Range;
use std::process::ExitCode;

use scenarios::SCENARIOS;
use world::{Verdict, World};

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

fn quiet_boom() {
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref::<&str>().is_none_or(|text| *text != "boom") {
            eprintln!("{info}");
        }
    }));
}

fn main() -> ExitCode {
    quiet_boom();
    let number = |name: &str| option(name).and_then(|n| n.parse::<u64>().ok());
    let range = match number("--seed") {
        Some(seed) => seed..seed + 1,
        None => 0..number("--seeds").unwrap_or(50),
    };
    let cells = cells(&range);
    print(&cells);
    if cells.iter().any(|cell| cell.first_bad_seed.is_some()) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The table.
fn cells(range: &Range<u64>) -> Vec<Cell> {
    let part = option("--scenario").unwrap_or_default();
    let chosen = SCENARIOS.iter().filter(|s| s.name.contains(&part) || s.number.to_string() == part);
    let mut cells = Vec::new();
    for scenario in chosen {
        for class in scenario.sinks {
            let name = format!("{:02} {}", scenario.number, scenario.name);
            let live = |seed: u64| {
                let mixed = seed.wrapping_mul(1_000_003).wrapping_add(u64::from(scenario.number));
                (scenario.run)(World::new(*class, mixed))
            };
            cells.push(cell(name, class.name(), range, live));
        }
    }
    cells
}

fn cell(name: String, sink: &'static str, seeds: &Range<u64>, live: impl Fn(u64) -> Verdict) -> Cell {
    let mut cell = Cell { name, sink, runs: seeds.end - seeds.start, total: Verdict::default(), first_bad_seed: None };
    for seed in seeds.clone() {
        let verdict = live(seed);
        let bad = verdict.duplicates + verdict.silent_losses > 0 || !verdict.broken.is_empty();
        if bad && cell.first_bad_seed.is_none() {
            cell.first_bad_seed = Some(seed);
            cell.total.broken = verdict.broken;
        }
        cell.total.duplicates += verdict.duplicates;
        cell.total.silent_losses += verdict.silent_losses;
        cell.total.unknown += verdict.unknown;
    }
    cell
}

fn print(cells: &[Cell]) {
    if std::env::args().any(|argument| argument == "--json") {
        let rows = cells.iter().map(|cell| {
            serde_json::json!({ "name": cell.name, "sink": cell.sink, "runs": cell.runs, "duplicates": cell.total.duplicates,
                "silent_losses": cell.total.silent_losses, "unknown": cell.total.unknown, "broken": cell.total.broken })
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
