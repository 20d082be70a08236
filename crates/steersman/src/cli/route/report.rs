//! `steersman route report`: a router's frontier as a page or a drawing that stands alone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use steersman_console::frontier;
use steersman_routing::{Estimate, OffPolicy, RouterFile, off_policy};

use super::fit::read_router;
use super::recording;
use crate::cli::Failure;

#[derive(Args)]
pub(super) struct Arguments {
    /// The router's file
    router: PathBuf,
    /// Where the report goes: an `.html` page or an `.svg` drawing
    #[arg(long, default_value = "router.html")]
    out: PathBuf,
    /// Decisions of the policy in force (`GET /admin/objectives/TASK/decisions`): what would this router have done with
    /// them?
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The rung at which it would serve [default: the one that its report proves]
    #[arg(long, requires = "log")]
    rung: Option<usize>,
    /// Confidence of the intervals
    #[arg(long, default_value_t = 0.95, requires = "log")]
    confidence: f64,
    /// Print the frontier as JSON and write nothing
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let router = read_router(&arguments.router)?;
    let log = arguments.log.as_deref().map(|log| beside(arguments, &router, log)).transpose()?;
    if arguments.json {
        let said = serde_json::json!({
            "hash": router.hash, "lineage": router.lineage, "report": router.report, "frontier": router.frontier,
            "off_policy": log,
        });
        anstream::println!("{said}");
        return Ok(ExitCode::SUCCESS);
    }
    let drawn = match arguments.out.extension().and_then(|end| end.to_str()) {
        Some("svg") => frontier::drawing(&router),
        Some("html" | "htm") => frontier::report(&router, log.as_ref()),
        _ => {
            return Err(Failure::new(format!("`{}` is neither a page nor a drawing", arguments.out.display()))
                .hint("end its name in `.html` or `.svg`"));
        }
    };
    std::fs::write(&arguments.out, drawn.into_string())
        .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", arguments.out.display())))?;
    if let Some(log) = &log {
        tell(log);
    }
    anstream::eprintln!("wrote {}", arguments.out.display());
    Ok(ExitCode::SUCCESS)
}

/// The router beside the policy whose decisions the log holds.
fn beside(arguments: &Arguments, router: &RouterFile, log: &Path) -> Result<OffPolicy, Failure> {
    let rung = arguments.rung.unwrap_or(router.report.rung);
    if rung > router.router.rungs() {
        return Err(Failure::new(format!("the router has {} rungs, and `--rung` is {rung}", router.router.rungs())));
    }
    if !(arguments.confidence > 0.0 && arguments.confidence < 1.0) {
        return Err(Failure::new(format!("`--confidence` is {}; it must lie between 0 and 1", arguments.confidence)));
    }
    let traffic = recording::read(log)?.traffic;
    if let Some(arm) = router.router.arms.iter().find(|arm| traffic.arm(arm).is_none()) {
        let about = traffic.arm_names.join("`, `");
        let message =
            format!("`{}` says nothing of `{arm}`, which the router asks: it is about `{about}`", log.display());
        return Err(Failure::new(message).hint("take the log of the task that this router is for"));
    }
    if traffic.served.iter().all(Option::is_none) {
        let hint = "`GET /admin/objectives/TASK/decisions` of a gateway gives a log; a line of one has `served`";
        return Err(Failure::new(format!("`{}` says of no request how it was served", log.display())).hint(hint));
    }
    Ok(off_policy(&router.router, rung, &traffic, arguments.confidence))
}

fn tell(log: &OffPolicy) {
    let line = |what: &str, Estimate { value, ci: [low, high] }: Estimate| {
        anstream::println!("{what:<36} {value:.3} [{low:.3}, {high:.3}]");
    };
    anstream::println!("{:<36} {}, which count for {:.0}", "graded decisions", log.requests, log.effective);
    anstream::println!("{:<36} {:.0} %", "of its decisions, in the log", log.covered * 100.0);
    line("quality in force", log.in_force);
    line("its quality, doubly robust", log.doubly_robust);
    line("its quality, by propensity alone", log.ips);
    line("change of quality", log.change);
    if let Some(ratio) = log.cost_ratio {
        line("its cost, as a share", ratio);
    }
    anstream::println!("{}", frontier::verdict(&log.verdict));
}
