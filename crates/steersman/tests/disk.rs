//! A disk that is full and a database that somebody else has locked: requests do not notice, and what is lost is known
//! to the record.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;
use steersman_sim::{Script, Sim};
use support::{get, lock, post, spawn};

/// Requests that had to wait for the writer would wait for seconds: it tries a locked database again for ten. That one
/// of them is slow says nothing on a machine that is busy.
const UNDELAYED: Duration = Duration::from_secs(5);

const ANSWERS: &str = "[default]\nanswer = { text = \"one two three four\" }\n";

/// A gateway with its data in a folder of the test's choice.
struct House {
    gateway: Child,
    address: SocketAddr,
    runtime: tokio::runtime::Runtime,
    sim: Option<Sim>,
    took: Vec<Duration>,
}

impl House {
    fn start(data: &Path, store: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sim = runtime.block_on(Sim::start(Script::from_toml(ANSWERS).unwrap())).unwrap();
        let config = data.join("steersman.toml");
        let provider = format!("[providers.sim]\nkind = \"openai-compatible\"\nbase_url = \"{}/v1\"\n", sim.base_url());
        std::fs::write(&config, format!("[store]\n{store}\n{provider}models = [\"small\"]\n")).unwrap();
        let (gateway, address) = spawn(&config, data);
        Self { gateway, address, runtime, sim: Some(sim), took: Vec::new() }
    }

    /// Asks so often, each time with a text that does not compress. Every answer is whole.
    fn ask(&mut self, times: u64, bytes: usize) {
        for number in 0..times {
            let body =
                serde_json::json!({ "model": "small", "messages": [{ "role": "user", "content": noise(bytes) }] });
            let asked = Instant::now();
            let answer = post(self.address, "/v1/chat/completions", body.to_string().as_bytes());
            self.took.push(asked.elapsed());
            assert_eq!(answer.status, 200, "request {number}: {}", answer.body);
        }
    }

    /// What half of the requests took at most.
    fn typical(&self) -> Duration {
        let mut took = self.took.clone();
        took.sort();
        took[took.len() / 2]
    }

    fn health(&self) -> Value {
        get(self.address, "/health").json()
    }

    /// Looks at its health until it is as wanted.
    fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let health = self.health();
            if wanted(&health) {
                return health;
            }
            assert!(Instant::now() < deadline, "after a minute: {health}");
            std::thread::yield_now();
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        drop(self.gateway.kill());
        drop(self.gateway.wait());
        if let Some(sim) = self.sim.take() {
            self.runtime.block_on(sim.shutdown());
        }
    }
}

/// Hexadecimal digits from the system's own noise.
fn noise(bytes: usize) -> String {
    let mut noise = vec![0; bytes / 2];
    std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
    noise.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A small file system in memory.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|out| out.status.success()).then_some(Self(folder))
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn filler(&self) -> std::path::PathBuf {
        self.0.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path()).status());
    }
}

#[test]
fn a_full_disk_fails_no_request_and_every_lost_record_is_counted_until_there_is_room_again() {
    let Some(disk) = Disk::mount(16) else {
        eprintln!("skipped: no file system can be mounted here (this needs root)");
        return;
    };
    let mut house = House::start(disk.0.path(), "");
    house.ask(5, 2_000);
    house.until(|health| health["records"]["written"] == 5);
    disk.fill();
    house.ask(40, 20_000);
    let health = house.until(|health| health["records"]["queued"] == 0);
    let records = &health["records"];
    assert_eq!(health["status"], "not recording", "{health}");
    let count = |of: &str| records[of].as_u64().unwrap();
    assert_eq!(count("accepted") + count("dropped"), 45, "{health}");
    assert_eq!(count("written") + count("failed"), count("accepted"), "{health}");
    assert!(count("lost") > 0 && count("lost") == count("dropped") + count("failed"), "{health}");
    let console = get(house.address, "/console").body;
    assert!(console.contains(&format!("{} lost", count("lost"))), "the console tells the same");
    assert!(console.contains("The last batch failed"), "and why");
    assert!(house.typical() < UNDELAYED, "requests took {:?}", house.typical());
    let written = count("written");
    std::fs::remove_file(disk.filler()).unwrap();
    house.ask(5, 2_000);
    let health = house.until(|health| health["records"]["written"].as_u64() >= Some(written + 5));
    assert_eq!(health["status"], "ok", "{health}");
}

#[test]
fn a_locked_database_delays_no_request_and_what_does_not_fit_the_queue_is_counted() {
    let data = tempfile::tempdir().unwrap();
    let mut house = House::start(data.path(), "queue = 32");
    let mut locker = lock(&data.path().join("steersman.db"));
    // One batch is in the writer's hands and waits for the lock; what comes then fills the queue.
    let mut requests = 0;
    while house.health()["records"]["dropped"] == 0 {
        assert!(requests < 2_000, "the queue takes more than it should: {}", house.health());
        house.ask(60, 2_000);
        requests += 60;
    }
    assert!(house.typical() < UNDELAYED, "requests took {:?}", house.typical());
    let health = house.health();
    let records = &health["records"];
    assert_eq!(records["accepted"].as_u64().unwrap() + records["dropped"].as_u64().unwrap(), requests, "{health}");
    assert_eq!(records["written"], 0, "{health}");
    drop(locker.stdin.take());
    assert!(locker.wait().unwrap().success());
    let health = house.until(|health| health["records"]["queued"] == 0);
    let count = |of: &str| health["records"][of].as_u64().unwrap();
    assert_eq!(count("written") + count("lost"), requests, "{health}");
    assert!(count("written") > 0 && count("dropped") > 0, "{health}");
    let log = Command::new(env!("CARGO_BIN_EXE_steersman"))
        .args(["log", "--json", "-n", "1000", "--config"])
        .arg(data.path().join("steersman.toml"))
        .arg("--data")
        .arg(data.path())
        .output()
        .unwrap();
    let kept = String::from_utf8(log.stdout).unwrap().lines().count() as u64;
    assert_eq!(kept, count("written"), "what is counted as written is there");
}
