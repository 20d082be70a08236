//! `cargo xtask test`: the one front door. Stages, cheap ones first; the first that fails ends the run.
//!
//! What a stage needs and does not find it fetches (`setup`), so that a second run starts at once. All that is executed
//! is built once, optimised without LTO; `check` builds serve clippy and the documentation.

mod clients;
mod counts;
mod fixture;
mod stages;

use std::time::{Duration, Instant};

use clap::Args;

use crate::Failure;
use crate::task::{Task, parse};
use counts::Counts;

pub(crate) static TASK: Task = Task {
    name: "test",
    about: "Run every check and every test, cheap ones first",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// Run only this stage (may be given again)
    #[arg(long, value_name = "STAGE", value_parser = names())]
    only: Vec<String>,
    /// Run the long variants too: more cases of each law, and the benchmark's bars
    #[arg(long)]
    full: bool,
}

/// How much is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    /// What fits into an hour on two cores, with nothing built before.
    Usual,
    /// All there is.
    Full,
}

/// One stage.
struct Stage {
    name: &'static str,
    run: fn(Length) -> Result<Counts, Stopped>,
}

/// A stage that failed: what had passed and failed until then, and why it stopped.
struct Stopped {
    counts: Counts,
    failure: Failure,
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self { counts: Counts { passed: 0, failed: 1 }, failure: error.into() }
    }
}

/// Every stage, in order.
static STAGES: &[Stage] = &[
    Stage { name: "fmt", run: stages::fmt },
    Stage { name: "tidy", run: stages::tidy },
    Stage { name: "deny", run: stages::deny },
    Stage { name: "clippy", run: stages::clippy },
    Stage { name: "docs", run: stages::docs },
    Stage { name: "tests", run: stages::tests },
    Stage { name: "chaos", run: stages::chaos },
    Stage { name: "soak", run: stages::soak },
    Stage { name: "generated", run: stages::generated },
    Stage { name: "sdk", run: clients::sdk },
    Stage { name: "examples", run: clients::examples },
    Stage { name: "browser", run: clients::browser },
    Stage { name: "local", run: clients::local },
    Stage { name: "bars", run: stages::bars },
];

fn names() -> clap::builder::PossibleValuesParser {
    STAGES.iter().map(|stage| stage.name).collect::<Vec<_>>().into()
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let length = if arguments.full { Length::Full } else { Length::Usual };
    let started = Instant::now();
    let mut total = Counts::default();
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let mut failed = None;
    for stage in STAGES {
        let chosen = arguments.only.is_empty() || arguments.only.iter().any(|name| name == stage.name);
        if !chosen || (stage.name == "bars" && length == Length::Usual && arguments.only.is_empty()) {
            continue;
        }
        eprintln!("\n== {}", stage.name);
        let began = Instant::now();
        let outcome = (stage.run)(length);
        times.push((stage.name, began.elapsed()));
        match outcome {
            Ok(counts) => total += counts,
            Err(stopped) => {
                total += stopped.counts;
                failed = Some(stopped.failure.while_doing(stage.name).hint(again(stage.name, length)));
                break;
            }
        }
    }
    report(&times, started.elapsed());
    if let Some(failure) = failed {
        failure.report();
        println!("{} passed, {} failed", total.passed, total.failed.max(1));
        std::process::exit(1);
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(())
}

fn again(stage: &str, length: Length) -> String {
    let full = if length == Length::Full { " --full" } else { "" };
    format!("run this stage alone with `cargo xtask test --only {stage}{full}`")
}

fn report(times: &[(&str, Duration)], whole: Duration) {
    eprintln!();
    for (name, time) in times {
        eprintln!("{name:12}{:>8.1} s", time.as_secs_f64());
    }
    eprintln!("{:12}{:>8.1} s", "in all", whole.as_secs_f64());
}
