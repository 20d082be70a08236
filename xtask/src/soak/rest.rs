//! What a gateway still holds once all traffic has stopped.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Gateway;
use crate::{Failure, http};

/// How long the last requests may take to end: the longest time-out of the run, and some.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

/// One sample.
pub(super) struct Rest {
    memory_kb: u64,
    /// Tasks of the runtime, without the one that each pooled connection to a provider has.
    tasks: i64,
    /// Connections of clients that are gone.
    inbound: usize,
    /// Pooled connections to providers.
    outbound: usize,
    store_bytes: u64,
    records: Value,
}

impl Rest {
    /// Waits until nothing is under way and looks.
    pub(super) fn of(gateway: &Gateway, upstreams: &[&str], data: &Path) -> Result<Self, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let health: Value = serde_json::from_str(&http::get(&gateway.address, "/health")?.body)?;
            let number = |path: &str| health.pointer(path).and_then(Value::as_i64).unwrap_or(-1);
            let (inbound, outbound) = connections(gateway, upstreams)?;
            let quiet = number("/requests_under_way") == 0 && number("/records/queued") == 0 && inbound == 0;
            if quiet || Instant::now() > deadline {
                return Ok(Self {
                    memory_kb: gateway.server.memory_kb("VmRSS").unwrap_or(0),
                    tasks: number("/tasks") - i64::try_from(outbound).unwrap_or(0),
                    inbound,
                    outbound,
                    store_bytes: store_bytes(data),
                    records: health.get("records").cloned().unwrap_or_default(),
                });
            }
            sleep(PAUSE);
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "memory_kb": self.memory_kb, "tasks": self.tasks, "inbound": self.inbound, "outbound": self.outbound,
            "store_bytes": self.store_bytes, "records": self.records,
        })
    }
}

/// Connections that stand on the gateway's side: to its own port, and to the ports of its providers. Ours, which asks,
/// is closed by the time it is counted.
fn connections(gateway: &Gateway, upstreams: &[&str]) -> Result<(usize, usize), Failure> {
    let port = |address: &str| address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let own = port(&gateway.address);
    let theirs: Vec<_> = upstreams.iter().map(|address| port(address)).collect();
    let (mut inbound, mut outbound) = (0, 0);
    for line in fs::read_to_string("/proc/net/tcp")?.lines().skip(1) {
        let mut fields = line.split_whitespace().skip(1);
        let hex = |field: Option<&str>| u16::from_str_radix(field?.rsplit(':').next()?, 16).ok();
        let (local, remote, state) = (hex(fields.next()), hex(fields.next()), fields.next());
        // 01 stands; 08 waits for the gateway to close its end.
        if !matches!(state, Some("01" | "08")) {
            continue;
        }
        inbound += usize::from(local == own);
        outbound += usize::from(theirs.contains(&remote));
    }
    Ok((inbound, outbound))
}

/// The records' database and its log.
fn store_bytes(data: &Path) -> u64 {
    ["steersman.db", "steersman.db-wal"]
        .iter()
        .filter_map(|name| fs::metadata(data.join(name)).ok())
        .map(|file| file.len())
        .sum()
}
