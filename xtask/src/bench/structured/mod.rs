//! `cargo xtask bench structured`: what is right, refused and silently wrong, what it costs, and what rivals make of
//! it.
//!
//! The sets are generated with a seed by the example `measure` of `steersman-structured`, each document in one half
//! only. The parser was tuned on the development half; the figures that count are those of the final half.

mod rivals;
mod table;

use std::path::Path;
use std::process::Command;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::bench::{keep, machine};
use crate::task::{Task, parse};
use crate::{Failure, house};
use rivals::Rivals;

pub(crate) static BENCH: Task = Task {
    name: "structured",
    about: "Repair, alignment and refusal over generated sets, beside rivals",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// Which documents the sets are made from
    #[arg(long, value_enum, default_value_t = Half::Final)]
    half: Half,
    /// The seed of the generator
    #[arg(long, default_value_t = 11)]
    seed: u64,
    /// Leave out the rivals (they come by pip, npm and cargo)
    #[arg(long)]
    no_rivals: bool,
    /// Print the run as JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Half {
    Development,
    Final,
}

/// Cases that were written without knowledge of the parser.
const BLIND: [&str; 9] =
    ["blind", "blind_2", "blind_3", "blind_3_final", "blind_4", "blind_4_final", "blind_5", "blind_5_final", "blind_6"];
const SETS: [&str; 5] = ["syntax", "bracket", "drift", "must_refuse", "valid"];

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut cargo = house::cargo();
    house::run(cargo.args(["build", "--release", "--package", "steersman-structured", "--example", "measure"]))?;
    let measure = Measure(house::target("release/examples/measure"));
    let half = if arguments.half == Half::Final { "final" } else { "development" };
    let folder = house::target("bench/structured").join(half);
    house::output(Command::new(&measure.0).args(["emit", half, &arguments.seed.to_string()]).arg(&folder))?;
    let mut sets = serde_json::Map::new();
    for set in SETS {
        eprintln!("judging {set}");
        sets.insert(set.to_owned(), measure.figures("judge", &[&folder.join(format!("{set}.jsonl"))])?);
    }
    for set in BLIND {
        eprintln!("judging {set}");
        let cases = folder.join(format!("{set}.jsonl"));
        std::fs::copy(house::root().join(format!("testdata/structured/{set}.jsonl")), &cases)?;
        sets.insert(set.to_owned(), measure.figures("mixed", &[&cases])?);
    }
    let previews = measure.figures("previews", &[&folder])?;
    let limits = measure.figures("limits", &[])?;
    let suite = measure.figures("suite", &[&rivals::schema_suite()?])?;
    let rivals = if arguments.no_rivals {
        Value::Null
    } else {
        let is_blind = |set: &Path| BLIND.iter().any(|name| set.ends_with(format!("{name}.jsonl")));
        let judge = |set: &Path| if is_blind(set) { "mixed" } else { "judge" };
        Rivals::fetch().run(&folder, |set, answers| measure.figures(judge(set), &[set, answers]))?
    };
    let run = json!({
        "bench": "structured", "command": "cargo xtask bench structured", "machine": machine::describe(),
        "half": half, "seed": arguments.seed, "mode": "safe", "sets": sets, "previews": previews, "limits": limits,
        "schema_test_suite": suite, "rivals": rivals,
    });
    if arguments.half == Half::Final {
        keep("structured", &run)?;
    }
    table::print(&run, arguments.json);
    Ok(())
}

/// The optimised program that does the measuring.
struct Measure(std::path::PathBuf);

impl Measure {
    fn figures(&self, command: &str, paths: &[&Path]) -> Result<Value, Failure> {
        let text = house::output(Command::new(&self.0).arg(command).args(paths))?;
        Ok(serde_json::from_str(text.trim())?)
    }
}
