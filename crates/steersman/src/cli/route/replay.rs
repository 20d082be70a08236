//! `steersman route replay`: an objective over recorded traffic, beside what anybody could run without one.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use steersman_routing::{Figures, Method, NothingToSave, Replay};

use super::{Objective, recording};
use crate::cli::Failure;

#[derive(Args)]
pub(super) struct Arguments {
    /// The recording: JSON lines, plain or gzip
    file: PathBuf,
    #[command(flatten)]
    objective: Objective,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let recording = recording::read(&arguments.file)?;
    let replay = steersman_routing::replay(&recording.traffic, &arguments.objective.plan())
        .map_err(|error| recording::explain(error, &recording.traffic))?;
    if arguments.json {
        anstream::println!("{}", serde_json::to_string(&replay)?);
    } else {
        tell(&replay);
    }
    Ok(ExitCode::SUCCESS)
}

/// The replay as a table of 80 columns and a verdict.
pub(super) fn tell(replay: &Replay) {
    let [train, calib, test] = replay.rows;
    let method = match replay.method {
        Method::PromptOnly => "one call, chosen from the prompt",
        Method::Cascade => "cheapest first, decided again after each answer",
    };
    anstream::println!("{} ({method})", replay.arms.join(" -> "));
    anstream::println!("{train} rows fitted the router, {calib} proved the floor, {test} give these figures");
    if !replay.unpriced.is_empty() {
        anstream::println!("left out, since no cost of theirs is known: {}", replay.unpriced.join(", "));
    }
    table(replay);
    anstream::println!("{}", verdict(replay));
}

fn table(replay: &Replay) {
    anstream::println!();
    anstream::println!("{:<16} {:>17} {:>17} {:>10} {:>8}", "", "quality", "cost", "escalated", "missed");
    let is_free = replay.nothing_to_save == Some(NothingToSave::FreeReference);
    let without = if is_free { "-" } else { "unknown" };
    line("policy", &replay.policy, without);
    replay.baselines.iter().for_each(|(name, figures)| line(name, figures, without));
    anstream::println!();
    anstream::println!("quality and cost relative to the reference, half-width of the 95 % interval behind;");
    anstream::println!(
        "missed: share of {} re-splits with {} labels below the floor of {}",
        replay.plan.splits,
        replay.labels_per_split,
        replay.plan.floor
    );
}

/// `without` stands where there is no relative cost.
fn line(name: &str, figures: &Figures, without: &str) {
    let ranged = |value: f64, [low, high]: [f64; 2]| format!("{value:.3} +-{:.3}", (high - low) / 2.0);
    let cost = figures.relative_cost.zip(figures.relative_cost_ci);
    let missed = figures.miss_rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
    anstream::println!(
        "{name:<16} {:>17} {:>17} {:>9.1}% {missed:>8}",
        ranged(figures.relative_quality, figures.relative_quality_ci),
        cost.map_or_else(|| without.to_owned(), |(value, ends)| ranged(value, ends)),
        figures.escalated * 100.0,
    );
}

fn verdict(replay: &Replay) -> String {
    let reference = &replay.plan.reference;
    match replay.nothing_to_save {
        Some(NothingToSave::FreeReference) => {
            return format!("cannot arm: `{reference}` costs nothing, so nothing can be saved");
        }
        Some(NothingToSave::DearCandidates) => {
            return format!("cannot arm: no policy over these candidates costs less than `{reference}`");
        }
        None => {}
    }
    match (replay.rung, &replay.policy.relative_cost) {
        (0, _) => "cannot arm: the labels do not show that any cheaper policy keeps the floor".to_owned(),
        (rung, None) => {
            format!("rung {rung} of {} keeps the floor; a price is unknown, so no saving is claimed", replay.rungs)
        }
        (rung, Some(cost)) if replay.saving_claimed => {
            format!("rung {rung} of {} keeps the floor and saves {:.1} %", replay.rungs, (1.0 - cost) * 100.0)
        }
        (rung, Some(_)) => format!("rung {rung} of {} keeps the floor; no saving is shown", replay.rungs),
    }
}
