//! Instructions a request, counted by callgrind: the one figure that a busy machine does not move.
//!
//! Each process runs twice, with few and with many requests; the difference leaves start and end out.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::start::fresh;
use crate::server::{Gateway, Server};
use crate::{Failure, house};

const FEW: u64 = 100;
const MANY: u64 = 600;

/// Measures floor and gateway; null where there is no valgrind.
pub(super) fn measure(
    load: &Path,
    steersman: &Path,
    config: &Path,
    folder: &Path,
    upstream: &str,
) -> Result<Value, Failure> {
    if house::output(Command::new("valgrind").arg("--version")).is_err() {
        eprintln!("no valgrind: instructions are not counted");
        return Ok(Value::Null);
    }
    eprintln!("counting instructions");
    let floor = slope(
        |requests| {
            let mut command = callgrind(folder, load);
            let mut floor = Server::start(command.args(["floor", upstream]))?;
            let address = floor.line()?;
            drive(load, &address, requests)?;
            floor.end()
        },
        folder,
    )?;
    let gateway = slope(
        |requests| {
            let data = fresh(folder, "instructions")?;
            let gateway = Gateway::start(&mut callgrind(folder, steersman), Some(config), &data)?;
            drive(load, &gateway.address, requests)?;
            gateway.server.end()
        },
        folder,
    )?;
    Ok(json!({ "floor": floor, "gateway": gateway, "ratio": gateway as f64 / (floor.max(1)) as f64 }))
}

fn slope(run: impl Fn(u64) -> Result<(), Failure>, folder: &Path) -> Result<u64, Failure> {
    let mut counts = Vec::new();
    for requests in [FEW, MANY] {
        run(requests)?;
        counts.push(collected(folder)?);
    }
    let [few, many] = counts.as_slice() else { return Ok(0) };
    Ok(many.saturating_sub(*few) / (MANY - FEW))
}

fn callgrind(folder: &Path, binary: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]);
    command.arg(format!("--callgrind-out-file={}", folder.join("callgrind.out").display())).arg(binary);
    command.stderr(Stdio::null());
    command
}

fn collected(folder: &Path) -> Result<u64, Failure> {
    let profile = std::fs::read_to_string(folder.join("callgrind.out"))?;
    let line = profile.lines().rev().find_map(|line| line.strip_prefix("totals: "));
    line.and_then(|count| count.trim().parse().ok()).ok_or_else(|| Failure::new("callgrind wrote no total"))
}

fn drive(load: &Path, address: &str, requests: u64) -> Result<(), Failure> {
    house::output(Command::new(load).args(["drive", address, "--requests", &requests.to_string()])).map(drop)
}
