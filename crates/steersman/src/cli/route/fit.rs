//! `steersman route fit`: a router as a file that can be reviewed, hashed and taken back.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use steersman_routing::{Frontier, Lineage, RouterFile, replay_fitted};

use super::{Objective, recording, replay};
use crate::cli::Failure;

#[derive(Args)]
pub(super) struct Arguments {
    /// The recording: JSON lines, plain or gzip
    file: PathBuf,
    #[command(flatten)]
    objective: Objective,
    /// Where the router goes
    #[arg(long, default_value = "router.json")]
    out: PathBuf,
    /// The router that this one is to replace
    #[arg(long, value_name = "FILE")]
    parent: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let recording = recording::read(&arguments.file)?;
    let parent = arguments.parent.as_deref().map(read_router).transpose()?.map(|router| router.hash);
    let (report, fitted) = replay_fitted(&recording.traffic, &arguments.objective.plan())
        .map_err(|error| recording::explain(error, &recording.traffic))?;
    let lineage = Lineage {
        source: arguments.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        recording: recording.digest,
        parent,
        fitted_by: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let frontier = Frontier::new(&fitted.pure, &fitted.test_rows());
    let file = RouterFile::seal(lineage, report, frontier, fitted.router)?;
    std::fs::write(&arguments.out, file.write()?)
        .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", arguments.out.display())))?;
    if arguments.json {
        let out = arguments.out.display().to_string();
        let said =
            serde_json::json!({"router": out, "hash": file.hash, "lineage": file.lineage, "report": file.report});
        anstream::println!("{said}");
    } else {
        replay::tell(&file.report);
        anstream::println!("wrote {} ({})", arguments.out.display(), file.hash.get(..16).unwrap_or_default());
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a router's file.
pub(super) fn read_router(path: &Path) -> Result<RouterFile, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("the router `{}` cannot be read: {error}", path.display())))?;
    RouterFile::read(&text)
        .map_err(|error| Failure::from(error).hint("`steersman route fit` writes one from recorded traffic"))
}
