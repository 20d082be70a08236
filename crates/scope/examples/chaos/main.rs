//! The fault scenarios in simulation, as a command:
//! `chaos [--seeds N] [--seed S] [--scenario NAME-PART | NUMBER] [--json]`.
//!
//! Each cell (scenario x sink class) runs once for each seed. A failing cell prints its first seed, which
//! `--seed S` repeats. Exit status 1 if any promise was broken.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, unreachable_pub, reason = "a test program")]

mod cell;
mod disk;
mod scenarios;
mod sink;
mod special;
mod world;

use std::process::ExitCode;

use cell::Cell;
use scenarios::SCENARIOS;
use world::World;

fn quiet_boom() {
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref::<&str>().is_none_or(|text| *text != "boom") {
            eprintln!("{info}");
        }
    }));
}

fn main() -> ExitCode {
    quiet_boom();
    let (seeds, part) = (cell::seeds(50), cell::option("--scenario").unwrap_or_default());
    let mut cells = Vec::new();
    for scenario in SCENARIOS.iter().filter(|s| s.name.contains(&part) || s.number.to_string() == part) {
        for class in scenario.sinks {
            let name = format!("{:02} {}", scenario.number, scenario.name);
            cells.push(Cell::lived(name, class.name(), &seeds, |seed| {
                let mixed = seed.wrapping_mul(1_000_003).wrapping_add(u64::from(scenario.number));
                (scenario.run)(World::new(*class, mixed))
            }));
        }
    }
    Cell::print(&cells)
}
