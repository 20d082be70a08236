//! `steersman route report`: a router's frontier as a page or a drawing that stands alone.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use steersman_console::frontier;

use super::fit::read_router;
use crate::cli::Failure;

#[derive(Args)]
pub(super) struct Arguments {
    /// The router's file
    router: PathBuf,
    /// Where the report goes: an `.html` page or an `.svg` drawing
    #[arg(long, default_value = "router.html")]
    out: PathBuf,
    /// Print the frontier as JSON and write nothing
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let router = read_router(&arguments.router)?;
    if arguments.json {
        let said = serde_json::json!({
            "hash": router.hash, "lineage": router.lineage, "report": router.report, "frontier": router.frontier,
        });
        anstream::println!("{said}");
        return Ok(ExitCode::SUCCESS);
    }
    let drawn = match arguments.out.extension().and_then(|end| end.to_str()) {
        Some("svg") => frontier::drawing(&router),
        Some("html" | "htm") => frontier::report(&router),
        _ => {
            return Err(Failure::new(format!("`{}` is neither a page nor a drawing", arguments.out.display()))
                .hint("end its name in `.html` or `.svg`"));
        }
    };
    std::fs::write(&arguments.out, drawn.into_string())
        .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", arguments.out.display())))?;
    anstream::eprintln!("wrote {}", arguments.out.display());
    Ok(ExitCode::SUCCESS)
}
