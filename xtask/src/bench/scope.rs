//! `cargo xtask bench scope`: what the tool runtime costs, each figure beside its bar.
//!
//! Two programs measure, built optimised: `crates/scope/examples/bench.rs` what scopes cost, and
//! `crates/store/examples/bench_ledger.rs` what effects cost on the state as the product keeps it.

use clap::Args;
use serde_json::{Value, json};

use crate::bench::{keep, machine};
use crate::task::{Task, parse};
use crate::{Failure, house};

pub(crate) static BENCH: Task = Task {
    name: "scope",
    about: "What a tool call, a durable intent, a cancellation and a recovery cost",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// A million cancelled scopes and a hundred thousand open effects
    #[arg(long)]
    full: bool,
    /// Print the run as JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// What is printed: the place in the run, its name, its unit, its bar.
static FIGURES: &[(&str, &str, &str, &str)] = &[
    ("/read_call_us", "a read call in turns of 8, all included", "us", "<= 20"),
    ("/intents_at_256_in_flight/per_s", "durable intents a second, 256 in flight", "/s", ">= 10000"),
    ("/intents_at_256_in_flight/processor_us", "  processor time of one", "us", ""),
    ("/intents_at_256_in_flight/bytes_written", "  bytes to the disk for one", "B", ""),
    ("/intents_at_256_in_flight/times_floor/time", "  its time, in floors", "x", ""),
    ("/intents_with_outcomes_at_256_in_flight/per_s", "intents with their outcomes a second", "/s", ""),
    ("/intents_with_outcomes_at_256_in_flight/processor_us", "  processor time of one", "us", ""),
    ("/sqlite_floor/per_s", "floor: bare rows, 256 a synced transaction", "/s", ""),
    ("/sqlite_floor/processor_us", "  processor time of one", "us", ""),
    ("/sqlite_floor/bytes_written", "  bytes to the disk for one", "B", ""),
    ("/append_and_sync_400_bytes_us/p50", "one append and sync of this disk, median", "us", ""),
    ("/open_ledger/open_effects", "open effects of a ledger that is opened", "", ""),
    ("/open_ledger/seconds", "opening it and reading them", "s", "<= 2"),
    ("/open_ledger/processor_seconds", "  processor time of it", "s", ""),
    ("/postgres/intents_at_256_in_flight/per_s", "durable intents a second, PostgreSQL", "/s", ""),
    ("/cancel_1000_calls_to_joined_us/p99", "cancel to joined, 1000 calls, p99", "us", "<= 20000"),
    ("/hostile_process_beyond_grace_us/p99", "hostile process beyond its grace, p99", "us", "<= 50000"),
    ("/budget/overshoot", "budget overshoot, 256 racing calls", "", "= 0"),
    ("/budget/races", "  races", "", ""),
    ("/cancelled_scopes/scopes", "cancelled scopes", "", ""),
    ("/cancelled_scopes/tasks_left", "  tasks left of them", "", "= 0"),
    ("/cancelled_scopes/descriptors_left", "  file descriptors left", "", "= 0"),
    ("/cancelled_scopes/children_left", "  child processes left", "", "= 0"),
    ("/cancelled_scopes/held_left", "  held of the budget", "", "= 0"),
];

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let machine = machine::describe();
    let mut figures = measure("steersman-store", "bench_ledger", arguments.full)?;
    if let (Some(all), Value::Object(scopes)) =
        (figures.as_object_mut(), measure("steersman-scope", "bench", arguments.full)?)
    {
        all.extend(scopes);
    }
    let command = if arguments.full { "cargo xtask bench scope --full" } else { "cargo xtask bench scope" };
    let run = json!({ "bench": "scope", "command": command, "machine": machine, "figures": &figures });
    keep("scope", &run)?;
    if arguments.json {
        println!("{run:#}");
        return Ok(());
    }
    for (place, name, unit, bar) in FIGURES {
        let Some(value) = figures.pointer(place).and_then(Value::as_f64) else { continue };
        let digits = if value < 10.0 && value.fract() != 0.0 { 2 } else { 0 };
        println!("{name:44}{value:>12.digits$} {unit:4}{bar}");
    }
    Ok(())
}

/// Builds a measuring program, runs it and reads what it prints.
fn measure(package: &str, example: &str, full: bool) -> Result<Value, Failure> {
    house::run(house::cargo().args(["build", "--release", "--package", package, "--example", example]))?;
    let mut bench = std::process::Command::new(house::target("release/examples").join(example));
    if full {
        bench.arg("--full");
    }
    Ok(serde_json::from_str(&house::output(&mut bench)?)?)
}
