//! `cargo xtask bench routing --data DIR`: the guarantee, the frontiers, the drift alarm and the time of a decision.
//!
//! The folder holds `routellm_mmlu`, `routellm_gsm8k`, `mmlupro` and `gsm8k_cruxeval`, each `.jsonl.gz` in the format
//! of `docs/routing.md`. What is missing is left out.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};

use crate::bench::{keep, machine};
use crate::task::{Task, parse};
use crate::{Failure, house};

pub(crate) static BENCH: Task = Task {
    name: "routing",
    about: "What a quality floor holds and costs on recorded traffic",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// The folder of recordings
    #[arg(long)]
    data: PathBuf,
    /// Re-splits a cell
    #[arg(long, default_value_t = 1_000)]
    splits: usize,
    /// Print the run as JSON instead of a table
    #[arg(long)]
    json: bool,
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let example = ["build", "--release", "--package", "steersman-routing", "--example", "figures"];
    house::run(house::cargo().args(example))?;
    let mut figures = Command::new(house::target("release/examples/figures"));
    let figures: Value =
        serde_json::from_str(&house::output(figures.arg(&arguments.data).arg(arguments.splits.to_string()))?)?;
    let run = json!({
        "bench": "routing", "command": "cargo xtask bench routing --data DIR", "machine": machine::describe(),
        "figures": figures,
    });
    keep("routing", &run)?;
    if arguments.json {
        println!("{run}");
    } else {
        print(&figures);
    }
    Ok(())
}

/// What a line of the summary says, and where its figure stands.
const LINES: &[(&str, &str)] = &[
    ("false claims, same against same", "/same_against_same/false_claims"),
    ("APGR, routellm_mmlu", "/apgr/apgr"),
    ("cost at 99 %, mmlupro, prompt only", "/mmlupro/prompt_only/on_frontier/relative_cost"),
    ("cost at 99 %, o1-mini, cascade", "/o1_mini/every_arm/at/picked_on_calib/relative_cost"),
    ("calls at 99 %, o1-mini, cascade", "/o1_mini/every_arm/at/picked_on_calib/escalated"),
    ("requests until the drift alarm", "/drift/delay_median"),
    ("the longest of 200", "/drift/delay_worst"),
    ("false alarms in 20,000 requests", "/drift/false_alarms_in_20k"),
    ("a decision, median, us", "/decision/p50_us"),
    ("a decision, 99th percentile, us", "/decision/p99_us"),
];

fn print(figures: &Value) {
    let number = |value: &Value, place: &str| value.pointer(place).and_then(Value::as_f64).unwrap_or(f64::NAN);
    println!("{:<34} {:>8} {:>9} {:>9}", "floor, labels, delta, bound", "missed", "allowed", "overhead");
    for cell in figures.pointer("/guarantee/cells").and_then(Value::as_array).into_iter().flatten() {
        for bound in ["once", "any_time", "normal"] {
            let of = |name: &str| number(cell, &format!("/bounds/{bound}/{name}")) * 100.0;
            let name = format!(
                "{} {:>5} {:>5} {bound}",
                number(cell, "/floor"),
                number(cell, "/labels"),
                number(cell, "/delta")
            );
            println!("{name:<34} {:>7.1}% {:>8.1}% {:>8.1}%", of("miss_rate"), of("allowed"), of("overhead"));
        }
    }
    for (name, place) in LINES {
        println!("{name:<36} {:>10.3}", number(figures, place));
    }
}
