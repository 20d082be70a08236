//! `cargo xtask bench peers`: this gateway beside others, on one machine, in one run.
//!
//! One definition for each peer, with the settings that its own documentation recommends; the same simulated provider,
//! the same requests, rounds interleaved. A peer that fails is shown with the end of its own log: until that says
//! otherwise, the failure is this program's. Trust the ratios: load, provider and gateways share the same cores.
//!
//! What never happens here: a feature of ours is switched off. Our record is on; what each peer records is said beside
//! it.

mod peer;
mod process;
mod table;

use std::path::Path;
use std::process::Command;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::bench::{keep, machine, release};
use crate::server::Server;
use crate::task::{Task, parse};
use crate::{Failure, house, http};
use peer::{Ground, PEERS, Peer, Running};

pub(crate) static BENCH: Task = Task {
    name: "peers",
    about: "This gateway beside LiteLLM and TensorZero, in one run",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// How often each measurement is repeated; medians are printed
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Print the run as JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// What is sent.
struct Scenario {
    name: &'static str,
    connections: usize,
    bytes: usize,
    streamed: bool,
}

static SCENARIOS: &[Scenario] = &[
    Scenario { name: "2 KB, 1 connection", connections: 1, bytes: 2_000, streamed: false },
    Scenario { name: "2 KB, 32 connections", connections: 32, bytes: 2_000, streamed: false },
    Scenario { name: "50 KB, 1 connection", connections: 1, bytes: 50_000, streamed: false },
    Scenario { name: "50 KB, 32 connections", connections: 32, bytes: 50_000, streamed: false },
    Scenario { name: "stream, 1 connection", connections: 1, bytes: 2_000, streamed: true },
    Scenario { name: "stream, 32 connections", connections: 32, bytes: 2_000, streamed: true },
];

/// About how long one measurement of one peer takes.
const SECONDS: f64 = 1.5;
const MOST_REQUESTS: f64 = 4_000.0;

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let load = release("steersman-load", "steersman-load")?;
    let steersman = release("steersman", "steersman")?;
    let machine = machine::describe();
    let folder = house::target("bench/peers");
    std::fs::create_dir_all(&folder)?;
    let script = folder.join("sim.toml");
    let answer =
        "The parcel went to the wrong depot and comes on Monday; the fee is refunded, and we are sorry. ".repeat(2);
    std::fs::write(&script, format!("[default]\nanswer = {{ text = \"{answer}\" }}\n"))?;
    let mut sim = Server::start(Command::new(&load).arg("sim").arg(&script))?;
    let upstream = sim.line()?;
    let ground = Ground { upstream: upstream.clone(), folder, steersman };
    let started: Vec<(&Peer, Result<Running, Failure>)> = PEERS
        .iter()
        .map(|peer| {
            eprintln!("starting {}", peer.name);
            (peer, (peer.start)(&ground))
        })
        .collect();
    let mut scenarios = Vec::new();
    for scenario in SCENARIOS {
        eprintln!("{} x {} rounds", scenario.name, arguments.rounds);
        scenarios.push(measure(&load, scenario, &upstream, &started, arguments.rounds));
    }
    let peers: Vec<Value> = started.iter().map(|(peer, running)| about(peer, running)).collect();
    let run = json!({
        "bench": "peers", "command": "cargo xtask bench peers", "machine": machine, "rounds": arguments.rounds,
        "peers": peers, "scenarios": scenarios,
    });
    keep("peers", &run)?;
    table::print(&run, arguments.json);
    Ok(())
}

fn about(peer: &Peer, running: &Result<Running, Failure>) -> Value {
    let failure = running.as_ref().err().map(Failure::message);
    let memory_kb = running.as_ref().ok().map(|running| running.process.memory_kb());
    // Ours tells how many records it had to drop: what is not recorded costs nothing.
    let health = running.as_ref().ok().filter(|_| peer.name == "steersman");
    let health = health.and_then(|running| http::get(&running.address, "/health").ok());
    let records = health.and_then(|answer| serde_json::from_str::<Value>(&answer.body).ok()?.get("records").cloned());
    json!({
        "name": peer.name, "counted": records, "version": peer.version, "settings": peer.settings, "records": peer.records,
        "memory_kb": memory_kb, "failure": failure,
    })
}

/// One scenario: the provider itself and each peer, in turn, in an order that rotates.
fn measure(
    load: &Path,
    scenario: &Scenario,
    upstream: &str,
    peers: &[(&Peer, Result<Running, Failure>)],
    rounds: usize,
) -> Value {
    let mut targets: Vec<Target<'_>> = vec![Target::new("direct", upstream, "/v1/chat/completions", "canned", None)];
    targets.extend(peers.iter().filter_map(|(peer, running)| {
        let running = running.as_ref().ok()?;
        Some(Target::new(peer.name, &running.address, running.path, running.model, Some(running)))
    }));
    for target in &mut targets {
        target.warm_up(load, scenario);
    }
    for round in 0..rounds {
        for turn in 0..targets.len() {
            let at = (round + turn) % targets.len();
            if let Some(target) = targets.get_mut(at) {
                target.round(load, scenario);
            }
        }
    }
    let mut figures = Map::new();
    figures.insert("name".to_owned(), json!(scenario.name));
    figures.insert("streamed".to_owned(), json!(scenario.streamed));
    for target in targets {
        figures.insert(target.name.to_owned(), target.summary());
    }
    Value::Object(figures)
}

/// Whom requests are sent to, and what came of it.
struct Target<'r> {
    name: &'static str,
    address: &'r str,
    path: &'static str,
    model: &'static str,
    running: Option<&'r Running>,
    requests: usize,
    samples: Vec<Value>,
    failure: Option<String>,
}

impl<'r> Target<'r> {
    const fn new(
        name: &'static str,
        address: &'r str,
        path: &'static str,
        model: &'static str,
        running: Option<&'r Running>,
    ) -> Self {
        Self { name, address, path, model, running, requests: 0, samples: Vec::new(), failure: None }
    }

    /// Finds out how many requests fill a round.
    fn warm_up(&mut self, load: &Path, scenario: &Scenario) {
        let few = scenario.connections * 4;
        match self.drive(load, scenario, few) {
            Ok(said) => {
                let rate = figure(&said, "/requests") / figure(&said, "/seconds").max(1e-6);
                let least = (scenario.connections * 4) as f64;
                self.requests = (rate * SECONDS).clamp(least, MOST_REQUESTS.max(least)) as usize;
            }
            Err(failure) => self.failure = Some(failure.message().to_owned()),
        }
    }

    fn round(&mut self, load: &Path, scenario: &Scenario) {
        if self.failure.is_some() {
            return;
        }
        let before = self.running.map(|running| running.process.cpu_ns());
        match self.drive(load, scenario, self.requests) {
            Err(failure) => self.failure = Some(failure.message().to_owned()),
            Ok(mut said) => {
                let after = self.running.map(|running| running.process.cpu_ns());
                if let (Some(before), Some(after), Some(members)) = (before, after, said.as_object_mut()) {
                    let spent_us = after.saturating_sub(before) as f64 / 1e3;
                    members.insert("cpu_us".to_owned(), json!(spent_us / self.requests.max(1) as f64));
                }
                self.samples.push(said);
            }
        }
    }

    fn drive(&self, load: &Path, scenario: &Scenario, requests: usize) -> Result<Value, Failure> {
        let mut command = Command::new(load);
        command.args(["drive", self.address, "--path", self.path, "--model", self.model]);
        command.args(["--requests", &requests.to_string(), "--bytes", &scenario.bytes.to_string()]);
        command.args(["--connections", &scenario.connections.to_string()]);
        if scenario.streamed {
            command.arg("--stream");
        }
        Ok(serde_json::from_str(&house::output(&mut command)?)?)
    }

    fn summary(&self) -> Value {
        let middle = |path: &str| {
            let mut values: Vec<f64> = self.samples.iter().map(|sample| figure(sample, path)).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).map(|value| (value * 10.0).round() / 10.0)
        };
        let rates: Vec<f64> =
            self.samples.iter().map(|s| (figure(s, "/requests") / figure(s, "/seconds").max(1e-9)).round()).collect();
        json!({
            "requests_a_round": self.requests, "us_p50": middle("/whole_us/p50"), "us_p99": middle("/whole_us/p99"),
            "first_us_p50": middle("/first_us/p50"), "first_us_p99": middle("/first_us/p99"),
            "cpu_us_a_request": self.running.and_then(|_| middle("/cpu_us")), "requests_a_second_of_each_round": rates,
            "failure": self.failure,
        })
    }
}

fn figure(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or(0.0)
}
