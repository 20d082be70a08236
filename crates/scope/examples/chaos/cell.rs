//! One cell of a chaos table: how many worlds it lived, what they came to, and how it is printed. Simulated and real
//! worlds share it.

use std::ops::Range;
use std::process::ExitCode;

/// What a world came to.
#[derive(Debug, Default, Clone)]
pub struct Verdict {
    pub duplicates: u64,
    pub silent_losses: u64,
    pub unknown: u64,
    /// Broken promises in words; empty in a good world.
    pub broken: Vec<String>,
}

impl Verdict {
    pub fn expect(&mut self, holds: bool, promise: &str) {
        if !holds {
            self.broken.push(promise.to_owned());
        }
    }
}

/// A scenario with one class of sink.
pub struct Cell {
    name: String,
    sink: &'static str,
    runs: u64,
    total: Verdict,
    first_bad_seed: Option<u64>,
}

/// The word after this option of the command line.
pub fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next().and(arguments.next())
}

/// The seeds that the command line asks for.
pub fn seeds(otherwise: u64) -> Range<u64> {
    let number = |name: &str| option(name).and_then(|n| n.parse::<u64>().ok());
    match number("--seed") {
        Some(seed) => seed..seed + 1,
        None => 0..number("--seeds").unwrap_or(otherwise),
    }
}

impl Cell {
    /// Lives one world a seed.
    pub fn lived(name: String, sink: &'static str, seeds: &Range<u64>, live: impl Fn(u64) -> Verdict) -> Self {
        let mut cell =
            Self { name, sink, runs: seeds.end - seeds.start, total: Verdict::default(), first_bad_seed: None };
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

    /// Prints the table, as JSON where the command line says so. Fails if a promise was broken.
    pub fn print(cells: &[Self]) -> ExitCode {
        if std::env::args().any(|argument| argument == "--json") {
            let rows: Vec<_> = cells.iter().map(Self::json).collect();
            println!("{:#}", serde_json::json!({ "scenarios": rows }));
        } else {
            cells.iter().for_each(Self::print_line);
        }
        if cells.iter().any(|cell| cell.first_bad_seed.is_some()) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({ "name": self.name, "sink": self.sink, "runs": self.runs, "duplicates": self.total.duplicates,
            "silent_losses": self.total.silent_losses, "unknown": self.total.unknown, "broken": self.total.broken,
            "first_bad_seed": self.first_bad_seed })
    }

    fn print_line(&self) {
        let Self { name, sink, runs, total, first_bad_seed } = self;
        let (twice, lost, unknown) = (total.duplicates, total.silent_losses, total.unknown);
        println!("{name:55} {sink:6} {runs:>5} runs {twice:>3} twice {lost:>3} lost {unknown:>6} unknown");
        if let Some(seed) = first_bad_seed {
            println!("    seed {seed}: {:?}", total.broken);
        }
    }
}
