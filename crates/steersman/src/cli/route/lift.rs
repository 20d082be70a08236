//! `steersman route lift`: what more effort, or a larger model, adds on a recording, and what that costs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use steersman_routing::{FitError, Lift, ReplayError};

use super::recording;
use crate::cli::Failure;

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
    /// Seed of all resampling
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let recording = recording::read(&arguments.file)?;
    let Arguments { from, to, .. } = arguments;
    let Some(lifts) = steersman_routing::lift(&recording.traffic, from, to, arguments.seed) else {
        let missing = [from, to].into_iter().find(|name| recording.traffic.arm(name).is_none()).unwrap_or(to);
        return Err(recording::explain(ReplayError::Fit(FitError::UnknownArm(missing.clone())), &recording.traffic));
    };
    if arguments.json {
        anstream::println!("{}", serde_json::json!({ "from": from, "to": to, "groups": lifts }));
        return Ok(ExitCode::SUCCESS);
    }
    anstream::println!("{from} -> {to}, on the same requests");
    anstream::println!("{:<24} {:>7} {:>22} {:>6} {:>6} {:>11}", "", "n", "quality added", "cost", "time", "usd/right");
    lifts.iter().for_each(line);
    Ok(ExitCode::SUCCESS)
}

fn line(lift: &Lift) {
    let [low, high] = lift.delta_ci;
    let times = |multiple: Option<f64>| multiple.map_or_else(|| "-".to_owned(), |multiple| format!("{multiple:.1}x"));
    let name: String = lift.group.chars().take(24).collect();
    anstream::println!(
        "{name:<24} {:>7} {:>22} {:>6} {:>6} {:>11}{}",
        lift.requests,
        format!("{:+.3} [{low:+.3},{high:+.3}]", lift.delta),
        times(lift.cost_multiple),
        times(lift.latency_multiple),
        lift.usd_per_right_answer.map_or_else(|| "-".to_owned(), |usd| format!("{usd:.5}")),
        if lift.lifts { "" } else { "  no lift shown" },
    );
}
