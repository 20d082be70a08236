//! `cargo xtask tidy`: the rules of the house that a machine can see, in a second, without building anything.
//!
//! Each rule is a function from the repository to complaints: one file (or part of one) and one line in [`RULES`]. A
//! complaint names the place and says what would be right. What is never here: a rule that clippy already has.

mod commands;
mod functions;
mod graph;
mod licences;
mod rooms;
mod sources;
mod widths;
mod words;

use clap::Args;

use crate::task::{Task, parse};
use crate::{Failure, house};
use graph::Graph;
use sources::Source;

pub(crate) static TASK: Task = Task {
    name: "tidy",
    about: "Check the rules of the house that need no build",
    arguments: Arguments::augment_args,
    run: |matches| {
        let Arguments {} = parse(matches)?;
        run()
    },
};

#[derive(Args)]
struct Arguments {}

/// What the rules look at.
struct Repository {
    sources: Vec<Source>,
    graph: Graph,
}

/// What a rule found.
#[derive(Default)]
struct Findings {
    /// Each fails the check.
    complaints: Vec<String>,
    /// Worth a line, no reason to fail.
    remarks: Vec<String>,
}

/// A rule: its name and what it finds.
struct Rule {
    name: &'static str,
    check: fn(&Repository) -> Result<Findings, Failure>,
}

/// Every rule, in the order in which they are checked.
static RULES: &[Rule] = &[
    Rule { name: "arrows", check: rooms::arrows },
    Rule { name: "absences", check: rooms::absences },
    Rule { name: "packages", check: graph::sizes },
    Rule { name: "licences", check: licences::check },
    Rule { name: "openings", check: sources::openings },
    Rule { name: "lengths", check: sources::lengths },
    Rule { name: "functions", check: functions::check },
    Rule { name: "widths", check: widths::check },
    Rule { name: "words", check: words::vocabulary },
    Rule { name: "places", check: words::places },
    Rule { name: "sleeps", check: words::sleeps },
    Rule { name: "commands", check: commands::check },
];

/// Checks every rule and prints what they found.
pub(crate) fn run() -> Result<(), Failure> {
    let repository = Repository { sources: sources::walk(house::root())?, graph: Graph::read()? };
    let mut count = 0;
    for rule in RULES {
        let findings = (rule.check)(&repository)?;
        for complaint in &findings.complaints {
            eprintln!("{}: {complaint}", rule.name);
        }
        for remark in &findings.remarks {
            eprintln!("{}: ({remark})", rule.name);
        }
        count += findings.complaints.len();
    }
    if count > 0 {
        return Err(Failure::new(format!("tidy found {count} things to put right")));
    }
    eprintln!("tidy: {} rules hold over {} files", RULES.len(), repository.sources.len());
    Ok(())
}
