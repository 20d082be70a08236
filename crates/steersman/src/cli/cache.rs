//! `steersman cache`: answers that were kept, forgotten before their time. A gateway that runs sees it within half a
//! second.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use steersman_engine::Purge;
use steersman_store::now_us;

use super::records::{Where, with_state};
use super::{Command, Failure, parse};
use crate::purges;

pub(crate) static COMMAND: Command = Command {
    name: "cache",
    about: "Forget answers that were kept to be given again",
    examples: &["steersman cache purge --task triage"],
    arguments: Arguments::augment_args,
    run: |matches| run(parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Forget the kept answers of a task, of a model, or all; what is asked from now on is kept as ever.
    Purge {
        /// Only those of this task
        #[arg(long)]
        task: Option<String>,
        /// Only those by this model: `provider/model`, or the provider's name of it
        #[arg(long)]
        model: Option<String>,
        #[command(flatten)]
        place: Where,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Action::Purge { task, model, place, json } = arguments.action;
    let purge = Purge { at_us: now_us(), task, model };
    let forgotten = with_state(&place, async move |state| purges::purge(&state, "cli", purge).await)?;
    if json {
        anstream::println!("{}", json!({ "forgotten": forgotten }));
    } else {
        anstream::eprintln!("forgot {forgotten} {}", if forgotten == 1 { "answer" } else { "answers" });
    }
    Ok(ExitCode::SUCCESS)
}
