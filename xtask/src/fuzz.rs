//! `cargo xtask fuzz`: every fuzz target for a bounded time, from its seeds; what one finds is kept and named.
//!
//! The targets are built with a nightly compiler and libFuzzer's own instrumentation, without a tool of their own. What
//! a run has learnt stays below `target/fuzz/corpus` and is where the next one goes on.
//!
//! What never happens here: a target that finds something, or runs nothing, counts as well.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};

use crate::bench::{keep, machine};
use crate::task::{Task, parse};
use crate::{Failure, house};

pub(crate) static TASK: Task = Task {
    name: "fuzz",
    about: "Every fuzz target for a bounded time, from its seeds",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// Only this target [default: all]
    target: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Print the run as JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Each target and where its seeds are.
const TARGETS: &[(&str, &str)] = &[
    ("requests", "fuzz/seeds/requests"),
    ("answers", "crates/wire/tests/golden"),
    ("sse", "crates/wire/tests/golden"),
    ("splice", "crates/wire/tests/golden"),
    ("eventstream", "fuzz/seeds/eventstream"),
    ("structured", "fuzz/seeds/structured"),
];

/// What libFuzzer reads to tell what an input reaches. The code is safe Rust: no sanitizer of memory is needed.
const FLAGS: &str = "--cfg fuzzing -Cdebug-assertions -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let wanted = |name: &str| arguments.target.as_ref().is_none_or(|target| target == name);
    let targets: Vec<_> = TARGETS.iter().filter(|(name, _)| wanted(name)).collect();
    if targets.is_empty() {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        return Err(Failure::new(format!("there is no such target; there are {}", names.join(", "))));
    }
    let folder = build()?;
    let mut lines = Vec::new();
    for (name, seeds) in targets {
        eprintln!("fuzzing `{name}` for {} s", arguments.seconds);
        lines.push(fuzz(&folder.join(name), name, &house::root().join(seeds), arguments.seconds)?);
    }
    let run = json!({
        "run": "fuzz", "command": format!("cargo xtask fuzz --seconds {}", arguments.seconds), "machine": machine::describe(),
        "targets": lines,
    });
    if arguments.target.is_none() {
        keep("fuzz", &run)?;
    }
    if arguments.json {
        println!("{run:#}");
    } else {
        for line in &lines {
            println!(
                "{:<12} {:>12} inputs  {:>6} kept",
                text(line, "target"),
                number(line, "inputs"),
                number(line, "kept")
            );
        }
    }
    Ok(())
}

/// Builds all targets; gives the folder of the programs.
fn build() -> Result<PathBuf, Failure> {
    let version = house::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Failure::new("`rustc -vV` names no host"))?.to_owned();
    let folder = house::target("fuzz");
    let mut cargo = Command::new("rustup");
    // A target of its own keeps the flags from build scripts and procedural macros.
    cargo.args(["run", "nightly", "cargo", "build", "--release", "--bins", "--target", &host]);
    cargo.current_dir(house::root().join("fuzz"));
    cargo.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &folder);
    cargo.env_remove("CARGO").env_remove("RUSTC");
    house::run(&mut cargo).map_err(|failure| failure.hint("`rustup toolchain install nightly --profile minimal`"))?;
    Ok(folder.join(host).join("release"))
}

/// Runs one target; an input that breaks it is a failure that names the file.
fn fuzz(program: &Path, name: &str, seeds: &Path, seconds: u32) -> Result<Value, Failure> {
    let corpus = house::target("fuzz/corpus").join(name);
    let found = house::target("fuzz/found").join(name);
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&found)?;
    let mut command = Command::new(program);
    command.arg(format!("-max_total_time={seconds}"));
    command.args(["-print_final_stats=1", "-rss_limit_mb=2048", "-timeout=10"]);
    command.arg(format!("-artifact_prefix={}/", found.display())).arg(&corpus).arg(seeds);
    let out = command.output().map_err(|error| Failure::new(format!("could not start `{name}`: {error}")))?;
    let said = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() {
        let tail: Vec<&str> = said.lines().rev().take(30).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        return Err(Failure::new(format!("`{name}` found something\n{}", tail.join("\n"))).hint(format!(
            "the input is in `{}`; give it to `{}` to see it again",
            found.display(),
            program.display()
        )));
    }
    let figure = |stat: &str| {
        said.lines()
            .find_map(|line| line.strip_prefix("stat::")?.strip_prefix(stat)?.strip_prefix(':')?.trim().parse().ok())
    };
    let inputs: u64 = figure("number_of_executed_units")
        .filter(|inputs| *inputs > 0)
        .ok_or_else(|| Failure::new(format!("`{name}` tells no figures; it ran nothing")))?;
    let kept = std::fs::read_dir(&corpus)?.count();
    Ok(json!({ "target": name, "inputs": inputs, "kept": kept, "peak_rss_mb": figure("peak_rss_mb") }))
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
