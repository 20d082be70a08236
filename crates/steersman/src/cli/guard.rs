//! `steersman guard`: lint a policy, explain decisions, replay recorded attacks, play the red team.
//!
//! The files are read here; everything is decided in `steersman-flow`, which opens none.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use steersman_flow::{Figures, Policy, PromptReport, Prompts, Report, Suite, attack, borrowed, lint, replay};

use super::{Command, Failure, parse};

pub(crate) static COMMAND: Command = Command {
    name: "guard",
    about: "Lint a policy, replay recorded attacks, play the red team",
    examples: &["steersman guard lint policy.toml", "steersman guard replay testdata/flow/heldout_final_4"],
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
    /// Try everything that a policy can say, and name what it must not.
    Lint {
        /// The policy (TOML).
        policy: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Replay a folder of suites: an always-obeying agent against the guard and seven simpler ones.
    Replay {
        /// The folder: NAME.json files and blobs.json.
        folder: PathBuf,
        /// A policy on top of the suites' contracts.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tell each question that the guard asks in a clean run, and each injected effect that it lets through.
    Explain {
        /// The folder: NAME.json files and blobs.json.
        folder: PathBuf,
        /// Only this user task.
        #[arg(long)]
        task: Option<String>,
        /// A policy on top of the suites' contracts.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Judge prompts that ask for an effect, and prompts that only speak of one.
    Asked {
        /// The set: JSON with `tools`, `reads` and `cases`.
        file: PathBuf,
        /// A policy on top of the set's contracts.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Play adaptive, guard-aware sequences of calls and count those that win.
    Attack {
        /// How many sequences.
        #[arg(long, default_value_t = 100_000)]
        sequences: u64,
        /// Ten million sequences.
        #[arg(long)]
        full: bool,
        /// The seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// A policy to attack.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    match &arguments.action {
        Action::Lint { policy, json } => run_lint(policy, *json),
        Action::Replay { folder, policy, json } => {
            let mut report = replayed(folder, policy.as_deref())?;
            report.findings.clear();
            print_report(&report, *json)
        }
        Action::Explain { folder, task, policy, json } => {
            run_explain(folder, task.as_deref(), policy.as_deref(), *json)
        }
        Action::Asked { file, policy, json } => {
            let policy = Arc::new(read_policy(policy.as_deref())?);
            let prompts = Prompts::parse(&read(file)?);
            let prompts = prompts.map_err(|error| Failure::from(error).hint(format!("in `{}`", file.display())))?;
            print_asked(&prompts.judge(&policy), *json)
        }
        Action::Attack { sequences, full, seed, policy, json } => {
            let sequences = if *full { 10_000_000 } else { *sequences };
            let report = attack(&Arc::new(read_policy(policy.as_deref())?), sequences, *seed);
            if *json {
                anstream::println!("{}", serde_json::to_string(&report)?);
            } else {
                anstream::println!(
                    "{} sequences, {} calls, {} allowed",
                    report.sequences,
                    report.calls,
                    report.allowed
                );
                anstream::println!("{} violations, {} interferences", report.violations, report.interferences);
                report.examples.iter().for_each(|example| anstream::println!("  {example}"));
            }
            Ok(ExitCode::from(u8::from(report.violations + report.interferences > 0)))
        }
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::new(format!("reading `{}`: {error}", path.display())))
}

fn read_policy(path: Option<&Path>) -> Result<Policy, Failure> {
    path.map_or_else(|| Ok(Policy::default()), |path| Ok(Policy::parse(&read(path)?)?))
}

fn run_lint(path: &Path, as_json: bool) -> Result<ExitCode, Failure> {
    let found = lint(&read_policy(Some(path))?);
    let errors = found.iter().filter(|lint| lint.is_error()).count();
    if as_json {
        anstream::println!("{}", json!({"ok": errors == 0, "found": found}));
    } else {
        for lint in &found {
            anstream::println!("{}: {lint}", if lint.is_error() { "error" } else { "warning" });
        }
        anstream::println!("{errors} errors, {} warnings", found.len() - errors);
    }
    Ok(ExitCode::from(u8::from(errors > 0)))
}

/// Reads every suite of a folder, in the order of the file names.
fn suites(folder: &Path) -> Result<Vec<Suite>, Failure> {
    let blobs: HashMap<String, Value> = serde_json::from_str(&read(&folder.join("blobs.json"))?)?;
    let entries =
        std::fs::read_dir(folder).map_err(|error| Failure::new(format!("reading `{}`: {error}", folder.display())))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "json") && !file.ends_with("blobs.json"));
    files.sort();
    let mut suites = Vec::with_capacity(files.len());
    for file in &files {
        let suite = Suite::parse(&read(file)?, &blobs);
        suites.push(suite.map_err(|error| Failure::from(error).hint(format!("in `{}`", file.display())))?);
    }
    if suites.is_empty() {
        return Err(Failure::new(format!("`{}` holds no suite", folder.display()))
            .hint("a suite is NAME.json beside blobs.json"));
    }
    Ok(suites)
}

fn replayed(folder: &Path, policy: Option<&Path>) -> Result<Report, Failure> {
    let policy = Arc::new(read_policy(policy)?);
    let suites = suites(folder)?;
    let start = Instant::now();
    let clock = || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Ok(Report { borrowed: Some(borrowed(&suites, &policy)), ..replay(&suites, &policy, &clock) })
}

fn print_report(report: &Report, as_json: bool) -> Result<ExitCode, Failure> {
    if as_json {
        anstream::println!("{}", serde_json::to_string(report)?);
        return Ok(ExitCode::SUCCESS);
    }
    anstream::println!("{:<32} {:>9} {:>6} {:>6} {:>8} {:>7}", "", "benign", "asked", "pairs", "attacks", "writes");
    let line = |name: &str, figures: &Figures| {
        let benign = format!("{}/{}", figures.benign_allowed, figures.benign_tasks);
        let (attacks, writes) = (figures.attacks_succeeded, figures.any_injected_write);
        anstream::println!(
            "{name:<32} {benign:>9} {:>6} {:>6} {attacks:>8} {writes:>7}",
            figures.approvals,
            figures.pairs
        );
    };
    report.suites.iter().for_each(|(name, figures)| line(name, figures));
    line("all", &report.total);
    anstream::println!("for comparison, over all suites:");
    report.baselines.iter().for_each(|(name, figures)| line(&format!("  {name}"), figures));
    let total = &report.total;
    anstream::println!(
        "decision: median {:.1} us, 99th percentile {:.1} us",
        total.decision_us_p50,
        total.decision_us_p99
    );
    if let Some(few) = report.borrowed {
        anstream::println!(
            "legitimate calls that this user did not ask for: let through {} of {} of other tasks, {} of {} with another row's value",
            few.borrowed_allowed,
            few.borrowed,
            few.swapped_allowed,
            few.swapped
        );
    }
    if total.grants > 0 {
        anstream::println!("delegations: asked in {} of {}", total.grants_asked, total.grants);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_asked(report: &PromptReport, as_json: bool) -> Result<ExitCode, Failure> {
    if as_json {
        anstream::println!("{}", serde_json::to_string(report)?);
        return Ok(ExitCode::SUCCESS);
    }
    for finding in &report.findings {
        let verdict = if finding.allowed { "let through, not asked for" } else { "asked for, not let through" };
        let why = finding.witness.as_ref().map_or_else(String::new, |witness| format!(" ({})", witness.rule));
        anstream::println!("{verdict}{why}: {} {}", finding.tool, finding.arguments);
        anstream::println!("  {}", finding.prompt.replace('\n', "\n  "));
    }
    anstream::println!("{} of {} calls that were asked for are let through", report.asked_allowed, report.asked);
    anstream::println!("{} of {} calls that were not are let through", report.unasked_allowed, report.unasked);
    Ok(ExitCode::SUCCESS)
}

fn run_explain(folder: &Path, task: Option<&str>, policy: Option<&Path>, as_json: bool) -> Result<ExitCode, Failure> {
    let mut report = replayed(folder, policy)?;
    report.findings.retain(|finding| task.is_none_or(|task| task == finding.user_task));
    if as_json {
        anstream::println!("{}", serde_json::to_string(&report.findings)?);
        return Ok(ExitCode::SUCCESS);
    }
    for finding in &report.findings {
        match (&finding.witness, &finding.injection) {
            (Some(witness), _) => anstream::println!("{} {} asks: {witness}", finding.suite, finding.user_task),
            (None, injection) => {
                let injection = injection.as_deref().unwrap_or_default();
                anstream::println!(
                    "{} {} {injection} let through: {} {}",
                    finding.suite,
                    finding.user_task,
                    finding.tool,
                    finding.arguments
                );
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
