//! `cargo xtask bench gateway`: what the gateway adds to a call, against a bare proxy in the same minute.
//!
//! Rounds are interleaved (direct, floor, gateway), so that a busy machine is busy for all three. The figure to trust
//! is processor time a request and its ratio to the floor's; latencies mean something on a quiet machine only.
//!
//! Each request has a text of its own, and large ones come at a pace at which the gateway keeps every record: a body
//! that is known already, or a record that was dropped, would cost nothing and say nothing. Records lost are counted.
//! Large texts are cut from the same prose, so that parts of them recur, as they do in conversations; one row has texts
//! of which no part was ever sent.

mod instructions;
mod round;
mod start;
mod table;

use std::path::Path;
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};

use crate::bench::{keep, machine, release};
use crate::server::{Gateway, Server};
use crate::task::{Task, parse};
use crate::{Failure, house, http};
use round::{Answer, Scenario, Target};

pub(crate) static BENCH: Task = Task {
    name: "gateway",
    about: "What the gateway costs beside a bare proxy",
    arguments: Arguments::augment_args,
    run: |matches| run(&parse(matches)?),
};

#[derive(Args)]
struct Arguments {
    /// How often each measurement is repeated; medians are printed
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Leave out counting instructions (it needs valgrind)
    #[arg(long)]
    no_instructions: bool,
    /// Fail if a ratio of processor time is over its bar
    #[arg(long)]
    gate: bool,
    /// Print the run as JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// What is sent: small and large requests, one and many connections, streams.
static SCENARIOS: &[Scenario] = &[
    Scenario { name: "2 KB, 1 connection", requests: 2_000, ..SMALL },
    Scenario { name: "2 KB, 32 connections", requests: 8_000, connections: 32, ..SMALL },
    Scenario { name: "50 KB, 1,000 a second", bytes: 50_000, rate: Some(1_000), ..LARGE },
    Scenario { name: "100 KB, 500 a second", requests: 1_000, bytes: 100_000, rate: Some(500), ..LARGE },
    Scenario { name: "50 KB all new, 500 / s", requests: 1_000, bytes: 50_000, rate: Some(500), new: true, ..LARGE },
    Scenario { name: "50 KB, the same again", bytes: 50_000, same: true, ..LARGE },
    Scenario { name: "stream at once, 8", requests: 800, connections: 8, answer: Answer::AtOnce, ..SMALL },
    Scenario { name: "stream 2 ms apart, 32", requests: 64, connections: 32, answer: Answer::Paced, ..SMALL },
];

const SMALL: Scenario = Scenario {
    name: "",
    requests: 2_000,
    connections: 1,
    bytes: 2_000,
    rate: None,
    same: false,
    new: false,
    answer: Answer::Whole,
};
const LARGE: Scenario = Scenario { connections: 32, ..SMALL };

/// 50 tokens at four characters each, as the simulated provider counts them.
const TEXT: &str = "The parcel was handed over on Friday, it went to the wrong depot, and it has been on its way back since Monday; \
    the customer wants to know when it comes, and whether the fee is refunded. Kind, short, no promise.";

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let load = release("steersman-load", "steersman-load")?;
    let steersman = release("steersman", "steersman")?;
    let machine = machine::describe();
    let folder = house::target("bench/gateway");
    std::fs::create_dir_all(&folder)?;
    let short = format!("[default]\nanswer = {{ text = \"{TEXT}\" }}\n");
    let at_once = Rig::start(&load, &folder.join("at-once.toml"), &short)?;
    let paced = Rig::start(&load, &folder.join("paced.toml"), &format!("{short}tokens_per_second = 500\n"))?;
    let config = folder.join("steersman.toml");
    std::fs::write(&config, configuration(&at_once.upstream_address, &paced.upstream_address))?;

    let starts = start::measure(&steersman, &config, &folder, arguments.rounds)?;
    let data = start::fresh(&folder, "rounds")?;
    let gateway = Gateway::start(&mut Command::new(&steersman), Some(&config), &data)?;
    let mut scenarios = Vec::new();
    for scenario in SCENARIOS {
        eprintln!("{} x {} rounds", scenario.name, arguments.rounds);
        let rig = if matches!(scenario.answer, Answer::Paced) { &paced } else { &at_once };
        scenarios.push(round::measure(&load, scenario, &rig.targets(&gateway), arguments.rounds)?);
    }
    let health: Value = serde_json::from_str(&http::get(&gateway.address, "/health")?.body)?;
    let memory = json!({
        "now_kb": gateway.server.memory_kb("VmRSS"), "highest_kb": gateway.server.memory_kb("VmHWM"),
        "floor_highest_kb": at_once.floor.memory_kb("VmHWM"),
    });
    let instructions = if arguments.no_instructions {
        Value::Null
    } else {
        instructions::measure(&load, &steersman, &config, &folder, &at_once.upstream_address)?
    };
    let run = json!({
        "bench": "gateway", "command": "cargo xtask bench gateway", "machine": machine,
        "rounds": arguments.rounds, "scenarios": scenarios, "memory": memory, "start_to_first_answer_ms": starts,
        "instructions_a_request": instructions, "records": health.get("records"),
    });
    keep("gateway", &run)?;
    let over = table::print(&run, arguments.json);
    if arguments.gate && !over.is_empty() {
        return Err(Failure::new(format!("over the bar: {}", over.join(", "))));
    }
    Ok(())
}

/// A simulated provider and the bare proxy before it.
struct Rig {
    upstream: Server,
    upstream_address: String,
    floor: Server,
    floor_address: String,
}

impl Rig {
    fn start(load: &Path, file: &Path, script: &str) -> Result<Self, Failure> {
        std::fs::write(file, script)?;
        let mut upstream = Server::start(Command::new(load).arg("sim").arg(file))?;
        let upstream_address = upstream.line()?;
        let mut floor = Server::start(Command::new(load).args(["floor", &upstream_address]))?;
        let floor_address = floor.line()?;
        Ok(Self { upstream, upstream_address, floor, floor_address })
    }

    fn targets<'s>(&'s self, gateway: &'s Gateway) -> [Target<'s>; 3] {
        [
            Target { name: "direct", address: &self.upstream_address, process: &self.upstream },
            Target { name: "floor", address: &self.floor_address, process: &self.floor },
            Target { name: "gateway", address: &gateway.address, process: &gateway.server },
        ]
    }
}

/// The configuration of the measured gateway: everything at its default, records included, and models with a price.
fn configuration(at_once: &str, paced: &str) -> String {
    let part = |name: &str, address: &str| {
        format!(
            "[providers.{name}]\nkind = \"openai-compatible\"\nbase_url = \"http://{address}/v1\"\nmodels = [\"{name}\"]\n\n\
             [models.{name}]\nprovider = \"{name}\"\ninput_usd_per_million = 0.15\noutput_usd_per_million = 0.60\n\n"
        )
    };
    part(Answer::AtOnce.model(), at_once) + &part(Answer::Paced.model(), paced)
}
