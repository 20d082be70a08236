//! `cargo xtask soak`: a day's work in minutes, and what is left of it when it is done.
//!
//! Two simulated providers that fail in every way they know, 32 clients that ask, stream, leave and talk nonsense,
//! tools that the gateway runs, a budget over all of it, and a store that is full long before the end. After each tenth
//! the traffic stops, and what is then still there is counted: memory, tasks, connections, bytes on disk. At the end
//! the gateway is stopped and started again, and no reservation may be left.
//!
//! What never happens here: a bar is read off an average that hides its worst sample.

mod bars;
mod rest;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use crate::bench::{keep, machine, release};
use crate::server::{Gateway, Server};
use crate::task::{Task, parse};
use crate::{Failure, house, http};
use rest::Rest;

pub(crate) static TASK: Task = Task {
    name: "soak",
    about: "Mixed traffic with faults, and what is left of it at the end",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// A million requests
    #[arg(long)]
    full: bool,
    /// So many requests [default: 100000]
    #[arg(long, conflicts_with = "full")]
    requests: Option<u64>,
    /// Print the run as JSON instead of a table
    #[arg(long)]
    json: bool,
}

const REQUESTS: u64 = 100_000;
const FULL_REQUESTS: u64 = 1_000_000;
/// For `cargo xtask test`: about half a minute on two cores.
pub(crate) const FEW_REQUESTS: u64 = 20_000;
/// After this no further part begins: a million requests take a quarter of an hour on two cores that have nothing else
/// to do.
const MOST_TIME: Duration = Duration::from_secs(3_600);
/// The traffic stops so often.
const PARTS: u64 = 10;
/// The store may take so much; it is full after some ten thousand requests.
const RETENTION_MB: u64 = 16;

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let requests = if arguments.full { FULL_REQUESTS } else { arguments.requests.unwrap_or(REQUESTS) };
    let (run, broken) = soak(requests)?;
    keep("soak", &run)?;
    if arguments.json {
        println!("{run:#}");
    } else {
        println!("{}", bars::table(&run).join("\n"));
    }
    if broken.is_empty() { Ok(()) } else { Err(Failure::new(format!("over the bar: {}", broken.join("; ")))) }
}

/// Runs it and gives the run and what is over its bar.
pub(crate) fn soak(requests: u64) -> Result<(Value, Vec<String>), Failure> {
    let load = release("steersman-load", "steersman-load")?;
    let steersman = release("steersman", "steersman")?;
    let machine = machine::describe();
    let began = Instant::now();
    let ground = Ground::new(load, steersman)?;
    let mut gateway = ground.gateway()?;
    let (mut came, mut rests) = (Vec::new(), Vec::new());
    for part in 0..PARTS {
        if began.elapsed() > MOST_TIME {
            eprintln!("an hour has passed; the run ends with what was sent");
            break;
        }
        eprintln!("part {} of {PARTS}", part + 1);
        came.push(ground.send(&gateway, part * (requests / PARTS), requests / PARTS)?);
        rests.push(Rest::of(&gateway, &ground.upstreams(), &ground.data)?);
    }
    let sent = came.len() as u64 * (requests / PARTS);
    let pages = pages(&gateway)?;
    let health: Value = serde_json::from_str(&http::get(&gateway.address, "/health")?.body)?;
    gateway.server.end()?;
    gateway = ground.gateway()?;
    let budgets: Value = serde_json::from_str(&http::get(&gateway.address, "/admin/keys")?.body)?;
    gateway.server.end()?;
    let run = json!({
        "run": "soak", "command": format!("cargo xtask soak --requests {requests}"), "machine": machine,
        "seconds": began.elapsed().as_secs(), "requests": sent, "traffic": bars::sum(&came),
        "at_rest_after_each_tenth": rests.iter().map(Rest::to_json).collect::<Vec<_>>(), "health_at_the_end": health,
        "page_ms": pages, "budgets_after_a_restart": budgets.get("budgets"), "retention_mb": RETENTION_MB,
    });
    let broken = bars::broken(&run);
    Ok((run, broken))
}

/// Where it takes place.
struct Ground {
    load: PathBuf,
    steersman: PathBuf,
    config: PathBuf,
    data: PathBuf,
    flaky: (Server, String),
    steady: (Server, String),
}

impl Ground {
    fn new(load: PathBuf, steersman: PathBuf) -> Result<Self, Failure> {
        let folder = house::target("soak");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let data = folder.join("data");
        std::fs::create_dir_all(&data)?;
        let flaky = provider(&load, &folder.join("flaky.toml"), FLAKY)?;
        let steady = provider(&load, &folder.join("steady.toml"), STEADY)?;
        let config = folder.join("steersman.toml");
        std::fs::write(&config, configuration(&steersman, &folder, &flaky.1, &steady.1))?;
        Ok(Self { load, steersman, config, data, flaky, steady })
    }

    fn gateway(&self) -> Result<Gateway, Failure> {
        Gateway::start(&mut Command::new(&self.steersman), Some(&self.config), &self.data)
    }

    fn upstreams(&self) -> [&str; 2] {
        [&self.flaky.1, &self.steady.1]
    }

    fn send(&self, gateway: &Gateway, from: u64, requests: u64) -> Result<Value, Failure> {
        let mut command = Command::new(&self.load);
        command.args(["soak", &gateway.address, "--task", "shop", "--connections", "32"]);
        command.args(["--from", &from.to_string(), "--requests", &requests.to_string()]);
        Ok(serde_json::from_str(&house::output(&mut command)?)?)
    }
}

fn provider(load: &Path, file: &Path, script: &str) -> Result<(Server, String), Failure> {
    std::fs::write(file, script)?;
    let mut server = Server::start(Command::new(load).arg("sim").arg(file))?;
    let address = server.line()?;
    Ok((server, address))
}

/// Errors, limits, cuts before and after the first token, garbage, silence. What is left is slow, so that it can be
/// left.
const FLAKY: &str = r#"
seed = 11
[default]
latency = { uniform_ms = [0, 4] }
[[rules]]
when = { probability = 0.05 }
then = { fault = { error = { status = 503 } } }
[[rules]]
when = { probability = 0.02 }
then = { fault = { error = { status = 429 } } }
[[rules]]
when = { probability = 0.02 }
then = { fault = { cut_after_bytes = 10 } }
[[rules]]
when = { probability = 0.01 }
then = { fault = "garbage" }
[[rules]]
when = { probability = 0.002, stream = true }
then = { fault = { cut_after_bytes = 900 } }
[[rules]]
when = { probability = 0.0005 }
then = { fault = "hang_before_headers" }
[[rules]]
when = { contains = "leaving" }
then = { tokens_per_second = 100.0, fault = "none" }
"#;
const STEADY: &str = r#"
seed = 12
[default]
latency = { uniform_ms = [0, 2] }
[[rules]]
when = { contains = "leaving" }
then = { tokens_per_second = 100.0 }
"#;

fn configuration(steersman: &Path, folder: &Path, flaky: &str, steady: &str) -> String {
    let provider = |name: &str, address: &str| {
        format!(
            "[providers.{name}]\nkind = \"openai-compatible\"\nbase_url = \"http://{address}/v1\"\nmodels = [\"m\"]\n"
        )
    };
    format!(
        "[store]\nretention_mb = {RETENTION_MB}\n[timeouts]\nfirst_token_ms = 2000\nidle_ms = 2000\n\
         [retry]\nbase_ms = 1\nmax_ms = 50\n[hedge]\npercent = 5\n[limits]\nusd_per_day = 100000.0\n{}{}\
         [models.m]\ntargets = [\"flaky/m\", \"steady/m\"]\ninput_usd_per_million = 1.0\noutput_usd_per_million = 2.0\n\
         [tasks.shop]\nmodel = \"m\"\ntools = [\"find_order\"]\n\
         [tool_servers.shop]\ncommand = \"{}\"\nargs = [\"sim\", \"--tools\", \"{}\"]\n\
         [tools.find_order]\neffect = \"read\"\nuntrusted = false\n",
        provider("flaky", flaky),
        provider("steady", steady),
        steersman.display(),
        folder.join("tools.log").display(),
    )
}

/// What the pages that read facets and lists take with the store full: the slowest of twenty, in milliseconds.
fn pages(gateway: &Gateway) -> Result<Value, Failure> {
    let mut slowest = serde_json::Map::new();
    for path in ["/console", "/console/requests", "/console/requests?outcome=failed", "/console/tasks"] {
        let mut times = Vec::new();
        for _ in 0..20 {
            let asked = Instant::now();
            let answer = http::get(&gateway.address, path)?;
            times.push(asked.elapsed().as_secs_f64() * 1e3);
            if answer.status != 200 {
                return Err(Failure::new(format!("`{path}` answered {}", answer.status)));
            }
        }
        slowest.insert(path.to_owned(), json!(times.into_iter().fold(0.0, f64::max)));
    }
    Ok(Value::Object(slowest))
}
