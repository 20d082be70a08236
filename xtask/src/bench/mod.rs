//! `cargo xtask bench NAME`: one file and one line in [`BENCHES`] for each benchmark.
//!
//! `xtask` itself is built without optimisation, so a benchmark here builds and runs something that is optimised
//! ([`release`]) and never times code of its own. Each keeps its run in `bench/runs/NAME.json`.

mod cascade;
mod gateway;
mod guard;
pub(crate) mod machine;
mod peers;
mod routing;
mod scope;
mod structured;

use std::path::PathBuf;

use serde_json::Value;

use crate::task::{self, Task};
use crate::{Failure, house};

pub(crate) static TASK: Task = Task {
    name: "bench",
    about: "Measure, print a table and keep the run under bench/runs/",
    arguments: |command| task::commands(command, BENCHES),
    run: |matches| task::dispatch(matches, BENCHES),
};

/// Every benchmark, in the order of the help.
pub(crate) static BENCHES: &[&Task] = &[
    &cascade::BENCH,
    &gateway::BENCH,
    &guard::BENCH,
    &peers::BENCH,
    &routing::BENCH,
    &scope::BENCH,
    &structured::BENCH,
];

/// Builds an optimised binary of the workspace and gives its path.
pub(crate) fn release(package: &str, binary: &str) -> Result<PathBuf, Failure> {
    house::run(house::cargo().args(["build", "--release", "--package", package, "--bin", binary]))?;
    Ok(house::target("release").join(binary))
}

/// Writes a run to `bench/runs/NAME.json`.
pub(crate) fn keep(name: &str, run: &Value) -> Result<(), Failure> {
    let folder = house::root().join("bench/runs");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{name}.json"));
    std::fs::write(&path, format!("{run:#}\n"))?;
    eprintln!("kept the run in bench/runs/{name}.json");
    Ok(())
}
