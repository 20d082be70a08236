//! `cargo xtask chaos`: every fault scenario with every sink it applies to, as one table; fails if a promise was
//! broken.
//!
//! The scenarios are programs, built optimised: `crates/scope/examples/chaos` with a simulated disk, sink and clock,
//! and, with `--real`, `crates/store/examples/chaos_real`: gateways over one durable state that die by `kill -9` beside
//! a sink whose synced log is the truth. Nothing is judged here; this only runs, prints and keeps.

mod rivals;

use clap::Args;
use serde_json::{Value, json};

use crate::bench::{keep, machine};
use crate::task::{Task, parse};
use crate::{Failure, house};

pub(crate) static TASK: Task = Task {
    name: "chaos",
    about: "Run the fault scenarios of the tool runtime and print what happened twice or was lost",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

/// Seeds of a cell where nobody says how many: simulated, and real.
const SEEDS: u64 = 1_000;
const REAL_SEEDS: u64 = 20;
const RIVAL_SEEDS: u64 = 5;

#[derive(Args)]
struct Arguments {
    /// Runs of each cell (scenario x sink class) [default: 1000; 20 with --real]
    #[arg(long)]
    seeds: Option<u64>,
    /// Real processes and `kill -9` at every fail point, instead of the simulation
    #[arg(long)]
    real: bool,
    /// Agents on other stacks beside ours, killed at the same places; what they break is shown and fails nothing
    #[arg(long, conflicts_with_all = ["real", "scenario"])]
    rivals: bool,
    /// Your own agent beside ours: the command of a worker (docs/conformance.md says what it is told); nothing is kept
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["real", "rivals", "scenario"])]
    worker: Option<String>,
    /// Only scenarios whose name contains this (nothing is kept then)
    #[arg(long, value_name = "PART")]
    scenario: Option<String>,
    /// Print the run as JSON instead of a table
    #[arg(long)]
    json: bool,
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.rivals || arguments.worker.is_some() {
        return beside_others(arguments);
    }
    let seeds = arguments.seeds.unwrap_or(if arguments.real { REAL_SEEDS } else { SEEDS });
    let machine = machine::describe();
    let began = std::time::Instant::now();
    let mut run = scenarios(seeds, arguments.real, arguments.scenario.as_deref())?;
    let cells = run.get_mut("scenarios").map(Value::take).unwrap_or_default();
    let broken = broken(&cells);
    let name = if arguments.real { "chaos_real" } else { "chaos" };
    let run = json!({
        "run": name, "command": format!("cargo xtask chaos --seeds {seeds}{}", if arguments.real { " --real" } else { "" }),
        "machine": machine, "seconds": began.elapsed().as_secs(), "scenarios": cells,
    });
    if arguments.scenario.is_none() {
        keep(name, &run)?;
    }
    if arguments.json {
        println!("{run:#}");
    } else {
        println!("{}", table(&cells).join("\n"));
    }
    if broken.is_empty() { Ok(()) } else { Err(Failure::new(format!("broken promises in: {}", broken.join("; ")))) }
}

/// Builds the program, runs it and reads what it prints.
pub(crate) fn scenarios(seeds: u64, real: bool, part: Option<&str>) -> Result<Value, Failure> {
    if real {
        return chaos_real(seeds, part, &[]);
    }
    house::run(house::cargo().args(["build", "--release", "--package", "steersman-scope", "--example", "chaos"]))?;
    answers_of(std::process::Command::new(house::target("release/examples/chaos")), seeds, part)
}

/// The same for real processes.
fn chaos_real(seeds: u64, part: Option<&str>, variables: &[(&str, &str)]) -> Result<Value, Failure> {
    house::run(house::cargo().args(["build", "--release", "--package", "steersman-store", "--example", "chaos_real"]))?;
    let mut chaos = std::process::Command::new(house::target("release/examples/chaos_real"));
    chaos.envs(variables.iter().copied());
    answers_of(chaos, seeds, part)
}

fn answers_of(mut chaos: std::process::Command, seeds: u64, part: Option<&str>) -> Result<Value, Failure> {
    chaos.args(["--json", "--seeds", &seeds.to_string()]);
    if let Some(part) = part {
        chaos.args(["--scenario", part]);
    }
    // Its exit status says again what the cells say; a program that dies prints no JSON.
    let out = chaos.stderr(std::process::Stdio::inherit()).output()?;
    Ok(serde_json::from_slice(&out.stdout)?)
}

/// Ours and other agents in one table. Fails if ours broke a promise, or the one that was named.
fn beside_others(arguments: &Arguments) -> Result<(), Failure> {
    let (machine, began) = (machine::describe(), std::time::Instant::now());
    let seeds = arguments.seeds.unwrap_or(RIVAL_SEEDS);
    let judged: &[&str] = if arguments.worker.is_some() { &["steersman", rivals::NAMED] } else { &["steersman"] };
    let rows = rivals::run(seeds, arguments.worker.as_deref())?;
    let run = json!({
        "run": "chaos_rivals", "command": format!("cargo xtask chaos --rivals --seeds {seeds}"), "machine": machine,
        "seconds": began.elapsed().as_secs(), "scenarios": rows,
    });
    if arguments.worker.is_none() {
        keep("chaos_rivals", &run)?;
    }
    if arguments.json {
        println!("{run:#}");
    } else {
        println!("{}", rivals::table(&rows).join("\n"));
    }
    let is_judged = |row: &&Value| judged.contains(&text(row, "system"));
    let broken = broken(&Value::Array(rows.as_array().into_iter().flatten().filter(is_judged).cloned().collect()));
    if broken.is_empty() { Ok(()) } else { Err(Failure::new(format!("broken promises in: {}", broken.join("; ")))) }
}

/// The cells in which a promise was broken.
pub(crate) fn broken(cells: &Value) -> Vec<String> {
    let cells = cells.as_array().map(Vec::as_slice).unwrap_or_default();
    let bad = cells.iter().filter(|cell| {
        let words = cell.get("broken").and_then(Value::as_array).is_some_and(|words| !words.is_empty());
        number(cell, "duplicates") + number(cell, "silent_losses") > 0 || words
    });
    bad.map(|cell| format!("{} ({})", text(cell, "name"), text(cell, "sink"))).collect()
}

fn number(cell: &Value, name: &str) -> u64 {
    cell.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn text<'c>(cell: &'c Value, name: &str) -> &'c str {
    cell.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A line a cell, 80 columns, and their sum.
fn table(cells: &Value) -> Vec<String> {
    let line = |name: &str, sink: &str, figures: [&str; 4]| {
        let [runs, twice, lost, unknown] = figures;
        format!("{name:48.48}{sink:>8}{runs:>7}{twice:>5}{lost:>5}{unknown:>7}")
    };
    let counts = |name: &str, sink: &str, counts: [u64; 4]| {
        let figures = counts.map(|count| count.to_string());
        line(name, sink, figures.each_ref().map(String::as_str))
    };
    let mut lines = vec![line("scenario", "sink", ["runs", "twice", "lost", "unkn."]), "-".repeat(80)];
    let mut sum = [0; 4];
    for cell in cells.as_array().into_iter().flatten() {
        let of = ["runs", "duplicates", "silent_losses", "unknown"].map(|name| number(cell, name));
        sum.iter_mut().zip(of).for_each(|(sum, one)| *sum += one);
        lines.push(counts(text(cell, "name"), text(cell, "sink"), of));
    }
    lines.push("-".repeat(80));
    lines.push(counts("in all", "", sum));
    lines.push("twice: effects that happened again; lost: what was told contradicts what happened;".to_owned());
    lines.push("unkn.: calls reported as unknown, which is the honest word for a lost answer".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(duplicates: u64) -> Value {
        json!([{ "name": "04 the sink acted, its answer is lost, and more words than fit", "sink": "keyed", "runs": 1000,
            "duplicates": duplicates, "silent_losses": 0, "unknown": 7, "broken": [] }])
    }

    #[test]
    fn the_table_fits_eighty_columns_and_adds_up() {
        let lines = table(&cells(2));
        assert!(lines.iter().all(|line| line.chars().count() <= 84), "{lines:#?}");
        assert!(
            lines.iter().any(|line| line.starts_with("in all") && line.contains("1000    2    0      7")),
            "{lines:#?}"
        );
    }

    #[test]
    fn one_duplicate_is_a_broken_promise() {
        assert!(broken(&cells(0)).is_empty());
        assert_eq!(broken(&cells(1)).len(), 1);
    }
}
