//! `steersman route`: replay an objective over recorded traffic, fit a router, draw its frontier.
//!
//! Files are read and written here; everything is decided in `steersman-routing`, which opens none.

mod fit;
mod lift;
mod recording;
mod replay;
mod report;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use steersman_routing::{Bound, ReplayPlan};

use super::{Command, Failure, parse};

pub(crate) static COMMAND: Command = Command {
    name: "route",
    about: "Prove a quality floor on recorded traffic, fit a router, draw its frontier",
    examples: &["steersman route replay traffic.jsonl --reference large --candidates small --floor 0.97"],
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Tell what an objective would have saved on a recording, and whether its floor would have held
    Replay(replay::Arguments),
    /// Fit a router to a recording and write it as a file with its report, hash and lineage
    Fit(fit::Arguments),
    /// Tell what a dearer arm adds on a recording, group by group, and what that costs
    Lift(lift::Arguments),
    /// Draw a router's cost against its quality
    Report(report::Arguments),
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    match &arguments.action {
        Action::Replay(arguments) => replay::run(arguments),
        Action::Fit(arguments) => fit::run(arguments),
        Action::Lift(arguments) => lift::run(arguments),
        Action::Report(arguments) => report::run(arguments),
    }
}

/// An objective, as a command line says it.
#[derive(Args)]
struct Objective {
    /// The arm whose quality is the measure
    #[arg(long)]
    reference: String,
    /// Arms that may stand in for it
    #[arg(long, value_delimiter = ',', required = true)]
    candidates: Vec<String>,
    /// Quality floor, as a share of the reference's
    #[arg(long, default_value_t = 0.97)]
    floor: f64,
    /// Confidence that the floor holds
    #[arg(long, default_value_t = 0.95)]
    confidence: f64,
    /// How often calib and test are split again to count misses
    #[arg(long, default_value_t = 200)]
    splits: usize,
    /// Labels spent in each split [default: as many as calib has, at most 1000]
    #[arg(long)]
    labels: Option<usize>,
    /// How the regret is bounded
    #[arg(long, value_enum, default_value_t = BoundName::Once)]
    bound: BoundName,
    /// Seed of all resampling
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A bound that an objective may rest on. The textbook ones are baselines and no choice.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum BoundName {
    /// Looked at once, after a fixed number of labels
    Once,
    /// Holds however often it is looked at; needs more labels
    AnyTime,
}

impl Objective {
    fn plan(&self) -> ReplayPlan {
        ReplayPlan {
            reference: self.reference.clone(),
            candidates: self.candidates.clone(),
            floor: self.floor,
            confidence: self.confidence,
            splits: self.splits,
            labels: self.labels,
            bound: match self.bound {
                BoundName::Once => Bound::FixedSample,
                BoundName::AnyTime => Bound::TimeUniform,
            },
            seed: self.seed,
        }
    }
}
