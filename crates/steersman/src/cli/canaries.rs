//! `steersman canaries`: fixed inputs, what their answers are compared with, and what was found last.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use steersman_store::{State, now_us};

use super::records::{Where, with_config_and_state};
use super::{Command, Failure, parse};
use crate::canaries::{self, CanarySettings, StoredCanary};

pub(crate) static COMMAND: Command = Command {
    name: "canaries",
    about: "See what replays of fixed inputs found, have them replayed, confirm an answer",
    examples: &["steersman canaries --run"],
    arguments: Wanted::augment_args,
    run: |matches| run(&parse(matches)?),
};

/// How long a replay is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Args)]
struct Wanted {
    /// Have the gateway that runs replay them now, and wait for it
    #[arg(long, conflicts_with = "confirm")]
    run: bool,
    /// Take the last answer to this input for right too
    #[arg(long, value_name = "TASK/ID")]
    confirm: Option<String>,
    #[command(flatten)]
    place: Where,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Ends with exit code 1 while an answer is not as it was confirmed.
fn run(wanted: &Wanted) -> Result<ExitCode, Failure> {
    let listed = with_config_and_state(&wanted.place, async |config, state| {
        let tasks: Vec<String> = CanarySettings::of(&config).tasks.into_iter().map(|(task, _)| task).collect();
        if tasks.is_empty() {
            return Err(Failure::new("no task has canaries").hint("name a file of inputs: `tasks.NAME.canaries`"));
        }
        if wanted.run {
            for task in &tasks {
                replayed(&state, task).await?;
            }
        }
        if let Some(name) = &wanted.confirm {
            let (task, id) = name.split_once('/').ok_or_else(|| {
                Failure::new(format!("`{name}` names no canary")).hint("write it as `TASK/ID`, as in the list")
            })?;
            canaries::confirm(&state, task, id, now_us()).await?;
        }
        Ok::<_, Failure>(canaries::canaries(&state).await?)
    })?;
    for canary in &listed {
        if wanted.json {
            anstream::println!("{}", serde_json::json!(canary));
        } else {
            lines(canary).iter().for_each(|line| anstream::println!("{line}"));
        }
    }
    if listed.is_empty() && !wanted.json {
        anstream::eprintln!("none was replayed yet; `steersman canaries --run` asks the gateway that runs");
    }
    Ok(if listed.iter().any(StoredCanary::is_alarm) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn replayed(state: &State, task: &str) -> Result<(), Failure> {
    let asked_at_us = now_us();
    canaries::ask(state, task, asked_at_us).await?;
    let waited = tokio::time::timeout(PATIENCE, async {
        while !canaries::asked(state, task, asked_at_us).await? {
            tokio::time::sleep(LOOK).await;
        }
        Ok::<_, Failure>(())
    });
    waited.await.map_err(|_| {
        Failure::new(format!("no gateway has replayed the canaries of `{task}`"))
            .hint("is one running on this configuration? `steersman up` starts it, and it will replay them then")
    })?
}

fn lines(canary: &StoredCanary) -> Vec<String> {
    let StoredCanary { task, id, confirmed, last, .. } = canary;
    let Some(last) = last else { return vec![format!("{task}/{id}  not replayed yet")] };
    let state = match (&last.failed, confirmed, last.differences.len()) {
        (Some(why), ..) => format!("nothing to compare: {why}"),
        (None, None, _) => "nothing confirmed yet; `--confirm` takes the last answer".to_owned(),
        (None, Some(_), 0) => "as confirmed".to_owned(),
        (None, Some(_), count) => format!("{count} differences"),
    };
    let head = format!("{task}/{id}  {state}, served by {}, {} ({})", last.served, last.request, last.cause);
    let before = canary.served_confirmed.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let rest = last.differences.iter().map(|found| {
        let (rule, pointer) = (found.rule.replace('_', " "), &found.pointer);
        format!("    {rule} at {pointer}: `{}` -> `{}`, as confirmed under {before}", found.old, found.new)
    });
    std::iter::once(head).chain(rest).collect()
}
