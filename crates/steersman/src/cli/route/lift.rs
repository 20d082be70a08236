//! `steersman route lift`: what more effort, or a larger model, adds on a recording, what that costs, and whether it
//! pays.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use steersman_routing::{FitError, Lift, LiftReport, Lineage, ReplayError};

use super::recording;
use crate::cli::Failure;

/// Groups with fewer requests are counted and not listed.
const FEWEST_TOLD: usize = 20;

#[derive(Args)]
pub(super) struct Arguments {
    /// The recording: JSON lines, plain or gzip
    file: PathBuf,
    /// The cheaper arm
    #[arg(long)]
    from: String,
    /// The dearer arm
    #[arg(long)]
    to: String,
    /// What one more right answer is worth, in dollars; without it nothing is recommended
    #[arg(long)]
    worth: Option<f64>,
    /// Where the report is kept, for `tasks.NAME.effort_report`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seed of all resampling
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let recording = recording::read(&arguments.file)?;
    let Arguments { from, to, worth, .. } = arguments;
    if worth.is_some_and(|worth| !(worth > 0.0 && worth.is_finite())) {
        let message = format!("`--worth` is {}; it must be an amount of dollars above zero", worth.unwrap_or_default());
        return Err(Failure::new(message).hint("say what one more right answer is worth to you, as in `--worth 0.05`"));
    }
    let Some(groups) = steersman_routing::lift(&recording.traffic, [from, to], *worth, arguments.seed) else {
        let missing = [from, to].into_iter().find(|name| recording.traffic.arm(name).is_none()).unwrap_or(to);
        return Err(recording::explain(ReplayError::Fit(FitError::UnknownArm(missing.clone())), &recording.traffic));
    };
    let lineage = Lineage {
        source: arguments.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        recording: recording.digest,
        parent: None,
        fitted_by: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let report = LiftReport::seal(lineage, [from, to], *worth, groups)?;
    let written = serde_json::to_string(&report)?;
    if let Some(out) = &arguments.out {
        std::fs::write(out, &written)
            .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", out.display())))?;
        anstream::eprintln!("wrote {}", out.display());
    }
    if arguments.json {
        anstream::println!("{written}");
    } else {
        tell(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(report: &LiftReport) {
    anstream::println!("{} -> {}, on the same requests", report.from, report.to);
    anstream::println!("{:<20} {:>6} {:>22} {:>7} {:>6} {:>11}", "", "n", "quality added", "cost", "time", "usd/right");
    let (told, small): (Vec<&Lift>, Vec<&Lift>) = report.groups.iter().partition(|lift| lift.requests >= FEWEST_TOLD);
    for lift in told {
        line(lift);
        anstream::println!("  {}", lift.verdict.describe());
    }
    if !small.is_empty() {
        anstream::println!("{} groups have fewer than {FEWEST_TOLD} requests, too few to say anything", small.len());
    }
    if report.worth_usd.is_none() {
        anstream::println!("say what one more right answer is worth (`--worth USD`) to be told whether it pays");
    }
}

fn line(lift: &Lift) {
    let [low, high] = lift.delta_ci;
    let times = |multiple: Option<f64>| multiple.map_or_else(|| "-".to_owned(), |multiple| format!("{multiple:.1}x"));
    let name: String = lift.group.chars().take(20).collect();
    anstream::println!(
        "{name:<20} {:>6} {:>22} {:>7} {:>6} {:>11}",
        lift.requests,
        format!("{:+.3} [{low:+.3},{high:+.3}]", lift.delta),
        times(lift.cost_multiple),
        times(lift.latency_multiple),
        lift.usd_per_right_answer.map_or_else(|| "-".to_owned(), |usd| format!("{usd:.5}")),
    );
}
