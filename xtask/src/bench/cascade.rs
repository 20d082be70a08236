//! `cargo xtask bench cascade`: two local models under an objective, on questions whose domain is known.
//!
//! Every call is real and goes through the gateway: the client asks, the gateway asks the other model beside it, the
//! truth is posted as feedback, and the objective arms or says why it cannot. The labels are then replayed as a
//! recording, which tells the gap between the models with its interval and how often the floor would be missed.
//!
//! What never happens here: a call to a model of somebody else, or a figure from a label that fitted a router.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use crate::bench::{keep, machine, release};
use crate::domains::{self, Sorted};
use crate::server::Gateway;
use crate::task::{Task, parse};
use crate::{Failure, house, http, setup};

pub(crate) static BENCH: Task = Task {
    name: "cascade",
    about: "A quality floor between two local models, proved or not on real calls",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// Questions to ask at most; the sample has 600
    #[arg(long, default_value_t = 600)]
    questions: usize,
    /// Minutes after which no further question is asked
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// A built `steersman` with `steersman-local` beside it [default: both are built]
    #[arg(long)]
    steersman: Option<PathBuf>,
    /// Print the run as JSON instead of a summary
    #[arg(long)]
    json: bool,
}

/// How long the last shadow calls may take to become labels.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let steersman = match &arguments.steersman {
        Some(built) => std::path::absolute(built)?,
        None => {
            setup::local_binary()?;
            release("steersman", "steersman")?
        }
    };
    setup::pulled(&steersman, domains::CANDIDATE)?;
    let models = setup::pulled(&steersman, domains::REFERENCE)?;
    let data = house::target("cascade");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    std::fs::create_dir_all(&data)?;
    let config = data.join("steersman.toml");
    std::fs::write(&config, domains::CONFIG)?;
    let mut command = Command::new(&steersman);
    command.env("STEERSMAN_MODELS", models);
    let gateway = Gateway::start(&mut command, Some(&config), &data)?;
    let asked = ask(&gateway.address, arguments)?;
    let standing = settled(&gateway.address, asked.answers.len())?;
    let labels = http::get(&gateway.address, "/admin/objectives/domains/labels")?.body;
    gateway.server.end()?;
    let recording = data.join("labels.jsonl");
    std::fs::write(&recording, &labels)?;
    let figures = figures(&steersman, &recording, &labels, &asked, &standing)?;
    let mut machine = machine::describe();
    if let (Some(_), Some(machine)) = (&arguments.steersman, machine.as_object_mut()) {
        machine.insert("profile".to_owned(), "as given with --steersman".into());
    }
    let run = json!({
        "bench": "cascade", "command": "cargo xtask bench cascade", "machine": machine,
        "models": { "candidate": domains::CANDIDATE, "reference": domains::REFERENCE },
        "task": "ten domains of CLINC150, answers held to the ten labels", "figures": figures,
    });
    keep("cascade", &run)?;
    if arguments.json {
        println!("{run}");
    } else {
        print(&run);
    }
    Ok(())
}

/// What the client saw.
struct Asked {
    /// Each answer, and whether the objective was armed when it was asked for.
    answers: Vec<(Sorted, bool)>,
    seconds: f64,
}

fn ask(address: &str, arguments: &Arguments) -> Result<Asked, Failure> {
    let started = Instant::now();
    let mut answers: Vec<(Sorted, bool)> = Vec::new();
    for question in domains::questions(house::root())?.iter().take(arguments.questions) {
        let standing = domains::standing(address, "domains")?;
        let armed = standing.get("phase").and_then(Value::as_str) == Some("armed");
        answers.push((domains::sort(address, question)?, armed));
        if answers.len().is_multiple_of(25) {
            let right = answers.iter().filter(|(sorted, _)| sorted.right).count();
            eprintln!(
                "{} questions, {right} right, {:.0} s: {}",
                answers.len(),
                started.elapsed().as_secs_f64(),
                standing.get("next_step").and_then(Value::as_str).unwrap_or_default()
            );
        }
        if started.elapsed() > Duration::from_secs(60 * arguments.minutes) {
            break;
        }
    }
    Ok(Asked { answers, seconds: started.elapsed().as_secs_f64() })
}

/// The standing once the last shadow calls are in.
fn settled(address: &str, asked: usize) -> Result<Value, Failure> {
    let waited = Instant::now();
    loop {
        let labels = http::get(address, "/admin/objectives/domains/labels")?.body.lines().count();
        if labels >= asked || waited.elapsed() > SETTLED_WITHIN {
            return domains::standing(address, "domains");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn figures(
    steersman: &Path,
    recording: &PathBuf,
    labels: &str,
    asked: &Asked,
    standing: &Value,
) -> Result<Value, Failure> {
    let told = |arguments: &[&str]| -> Result<Value, Failure> {
        let mut route = Command::new(steersman);
        route.arg("route").arg(arguments.first().copied().unwrap_or_default()).arg(recording);
        route.args(arguments.iter().skip(1)).arg("--json");
        // Too few labels are an answer as well.
        Ok(match house::output(&mut route) {
            Ok(said) => serde_json::from_str(&said)?,
            Err(failure) => {
                json!({ "refused": failure.message().lines().find_map(|line| line.strip_prefix("error: ")) })
            }
        })
    };
    let lift = told(&["lift", "--from", "domains-small", "--to", "domains-big"])?;
    let replay = told(&[
        "replay",
        "--reference",
        "domains-big",
        "--candidates",
        "domains-small",
        "--floor",
        "0.9",
        "--confidence",
        "0.9",
        "--splits",
        "1000",
    ])?;
    Ok(json!({
        "questions": asked.answers.len(), "seconds": asked.seconds, "labels": labels.lines().count(),
        "gap": lift.pointer("/groups/0"), "standing": standing, "served_while_armed": while_armed(labels, asked),
        "replay": replay,
    }))
}

/// What clients got while a cheaper policy was in force, beside what the reference said to the same questions.
fn while_armed(labels: &str, asked: &Asked) -> Value {
    let rows = labels.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let reference: HashMap<String, bool> = rows
        .filter_map(|row| {
            let id = row.get("id")?.as_str()?.to_owned();
            Some((id, row.pointer("/arms/domains-big/quality")?.as_f64()? > 0.5))
        })
        .collect();
    let armed = asked.answers.iter().filter(|(_, armed)| *armed);
    let compared: Vec<(bool, bool, bool)> = armed
        .filter_map(|(sorted, _)| {
            let by_candidate =
                sorted.answer.header("x-steersman-model").is_some_and(|m| m.contains(domains::CANDIDATE));
            Some((sorted.right, *reference.get(&sorted.id)?, by_candidate))
        })
        .collect();
    let count = |of: fn(&(bool, bool, bool)) -> bool| compared.iter().filter(|one| of(one)).count();
    json!({
        "questions": compared.len(), "right": count(|one| one.0), "reference_right": count(|one| one.1),
        "answered_by_the_candidate": count(|one| one.2), "fell_short": count(|one| one.1 && !one.0),
    })
}

fn print(run: &Value) {
    let text = |place: &str| run.pointer(place).map_or_else(|| "-".to_owned(), Value::to_string);
    println!("labels                       {}", text("/figures/labels"));
    println!("right, candidate, reference  {}", text("/figures/gap/quality"));
    println!("the gap and its interval     {} {}", text("/figures/gap/delta"), text("/figures/gap/delta_ci"));
    println!("times the candidate's time   {}", text("/figures/gap/latency_multiple"));
    println!("the objective                {}", text("/figures/standing/phase"));
    println!("next step                    {}", text("/figures/standing/next_step"));
    println!(
        "relative quality, cost       {} {}",
        text("/figures/standing/relative_quality"),
        text("/figures/standing/relative_cost")
    );
    println!("served while armed           {}", text("/figures/served_while_armed"));
    println!("missed in re-splits          {}", text("/figures/replay/policy/miss_rate"));
}
