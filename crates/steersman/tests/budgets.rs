//! A budget under everything at once: 256 requests that race for it at one or two gateways, which are killed with
//! `kill -9` in between and start again. At no moment is more spent and held than the budget, and the provider charges
//! no more.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::Value;
use steersman_sim::{Script, Sim};
use support::{Answer, lock, read, spawn, until};

const RACERS: u64 = 16;
const REQUESTS: u64 = 256;

/// Slow enough that a kill always meets calls under way. Ten tokens in, nine out.
const ANSWERS: &str =
    "[default]\nanswer = { text = \"one two three four five six seven eight\" }\nlatency = { uniform_ms = [1, 30] }\n";

/// Gateways that share one budget of a day.
struct Fleet {
    gateways: Vec<Mutex<(Child, SocketAddr)>>,
    folders: Vec<tempfile::TempDir>,
    config: PathBuf,
    cap_nanos: i64,
    runtime: tokio::runtime::Runtime,
    sim: Option<Sim>,
    answered: AtomicU64,
    refused: AtomicU64,
}

impl Fleet {
    fn start(size: usize, database: Option<&str>, cap_usd: f64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sim = runtime.block_on(Sim::start(Script::from_toml(ANSWERS).unwrap())).unwrap();
        let folders: Vec<_> = (0..size).map(|_| tempfile::tempdir().unwrap()).collect();
        let config = folders[0].path().join("steersman.toml");
        let store = database.map_or_else(String::new, |url| {
            let file = folders[0].path().join("database-url");
            std::fs::write(&file, url).unwrap();
            format!("[store]\ndatabase_url = \"file:{}\"\n", file.display())
        });
        let text = format!(
            "{store}[limits]\nusd_per_day = {cap_usd}\n\
             [providers.sim]\nkind = \"openai-compatible\"\nbase_url = \"{}/v1\"\nmodels = [\"small\"]\n\
             [models.small]\nprovider = \"sim\"\ninput_usd_per_million = 10.0\noutput_usd_per_million = 10.0\n",
            sim.base_url()
        );
        std::fs::write(&config, text).unwrap();
        let gateways = folders.iter().map(|folder| Mutex::new(spawn(&config, folder.path()))).collect();
        let (cap_nanos, sim) = ((cap_usd * 1e9).round() as i64, Some(sim));
        let (answered, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { gateways, folders, config, cap_nanos, runtime, sim, answered, refused }
    }

    fn address(&self, gateway: usize) -> SocketAddr {
        self.gateways[gateway % self.gateways.len()].lock().unwrap().1
    }

    /// One request; nothing comes of it where its gateway is being killed.
    fn ask(&self, number: u64) {
        let body = format!(
            r#"{{"model":"small","max_tokens":16,"messages":[{{"role":"user","content":"question number {number}"}}]}}"#
        );
        let head = format!("content-length: {}\r\n\r\n{body}", body.len());
        let answer = exchange(self.address(usize::try_from(number).unwrap()), "POST /v1/chat/completions", &head);
        match answer.map(|answer| answer.status) {
            Some(200) => self.answered.fetch_add(1, Ordering::SeqCst),
            Some(402 | 429) => self.refused.fetch_add(1, Ordering::SeqCst),
            _ => 0,
        };
    }

    /// `kill -9`, and a new process on the same data.
    fn kill_and_start(&self, gateway: usize) {
        let at = gateway % self.gateways.len();
        let mut place = self.gateways[at].lock().unwrap();
        place.0.kill().unwrap();
        place.0.wait().unwrap();
        *place = spawn(&self.config, self.folders[at].path());
    }

    /// What the database says of the budget: spent, held and overrun together.
    fn taken(&self, gateway: usize) -> Option<(i64, Value)> {
        let answer = exchange(self.address(gateway), "GET /admin/keys", "\r\n")?;
        let budgets = serde_json::from_str::<Value>(&answer.body).ok()?.get("budgets")?.as_array()?.clone();
        assert!(budgets.len() <= 1, "{budgets:?}");
        let budget = budgets.first()?.clone();
        let sum = ["spent", "held", "overrun"].iter().map(|of| budget[*of].as_i64().unwrap()).sum();
        Some((sum, budget))
    }

    /// What the provider charged, in nano-dollars, whoever was there to hear of it.
    fn charged(&self) -> i64 {
        let bill = self.sim.as_ref().unwrap().bill();
        bill.models.values().map(|m| i64::try_from(m.input_tokens + m.output_tokens).unwrap() * 10_000).sum()
    }

    /// All 256, with so many kills among them, while somebody looks at the account all the time.
    fn race(&self, kills: u64) {
        let (next, done, looks) = (AtomicU64::new(0), AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let racers: Vec<_> = (0..RACERS)
                .map(|_| {
                    scope.spawn(|| {
                        loop {
                            let number = next.fetch_add(1, Ordering::SeqCst);
                            if number >= REQUESTS {
                                return;
                            }
                            self.ask(number);
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    if let Some((taken, budget)) = self.taken(usize::try_from(looks.load(Ordering::SeqCst)).unwrap()) {
                        assert!(taken <= self.cap_nanos, "{budget} of {}", self.cap_nanos);
                        looks.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
            let killer = scope.spawn(|| {
                for kill in 1..=kills {
                    let at = kill * REQUESTS / (kills + 2);
                    while next.load(Ordering::SeqCst) < at {
                        std::thread::yield_now();
                    }
                    self.kill_and_start(usize::try_from(kill).unwrap());
                }
            });
            racers.into_iter().for_each(|racer| racer.join().unwrap());
            killer.join().unwrap();
            done.store(true, Ordering::SeqCst);
        });
        assert!(looks.load(Ordering::SeqCst) > 0, "nobody looked");
    }

    /// What must hold once it is over.
    fn assert_kept(&self) {
        let (taken, budget) = self.taken(0).unwrap();
        assert!(taken <= self.cap_nanos, "{budget} of {}", self.cap_nanos);
        assert!(self.charged() <= self.cap_nanos, "{} charged of {}", self.charged(), self.cap_nanos);
        let (answered, refused) = (self.answered.load(Ordering::SeqCst), self.refused.load(Ordering::SeqCst));
        assert!(answered > 0, "the budget let nobody through: {budget}");
        assert!(refused > 0, "the budget was never reached, so nothing was shown: {answered} answered, {budget}");
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for place in &self.gateways {
            let (gateway, _) = &mut *place.lock().unwrap();
            drop(gateway.kill());
            drop(gateway.wait());
        }
        if let Some(sim) = self.sim.take() {
            self.runtime.block_on(sim.shutdown());
        }
    }
}

fn exchange(address: SocketAddr, line: &str, rest: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{rest}").as_bytes()).ok()?;
    Some(read(&mut stream)).filter(|answer| answer.status != 0)
}

/// A PostgreSQL of its own, which ends with this value.
struct Postgres(Child);

impl Postgres {
    fn start() -> (Self, String) {
        let tests = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../store/tests/postgres_server.py"));
        let cache = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/test-postgres");
        let mut server = Command::new("python3");
        server.arg(tests).arg(cache).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut server = server.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("postgresql://"), "no PostgreSQL could be started with python3, venv and pip");
        (Self(server), url.trim().to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

#[test]
fn two_gateways_on_one_postgresql_never_pass_a_budget_whoever_is_killed() {
    let (_server, url) = Postgres::start();
    // One account a day: the second fleet goes on where the first has ended, with a larger budget.
    for (cap_usd, kills) in [(0.02, 2), (0.05, 5)] {
        let fleet = Fleet::start(2, Some(&url), cap_usd);
        fleet.race(kills);
        fleet.assert_kept();
    }
}

#[test]
fn a_gateway_on_sqlite_that_is_killed_again_and_again_never_passes_its_budget() {
    for (cap_usd, kills) in [(0.01, 0), (0.02, 2), (0.03, 4)] {
        let fleet = Fleet::start(1, None, cap_usd);
        fleet.race(kills);
        fleet.assert_kept();
    }
}

/// What is not used stays there for others: a slab is a fiftieth of the budget, and another is taken ahead of use.
#[test]
fn thirty_two_requests_at_once_take_no_slab_each() {
    let fleet = Fleet::start(1, None, 1.0);
    let together = std::sync::Barrier::new(32);
    std::thread::scope(|scope| {
        for number in 0..32 {
            let (fleet, together) = (&fleet, &together);
            scope.spawn(move || {
                together.wait();
                fleet.ask(number);
            });
        }
    });
    assert_eq!(fleet.answered.load(Ordering::SeqCst), 32);
    let (taken, budget) = fleet.taken(0).unwrap();
    assert!(taken <= 4 * fleet.cap_nanos / 50, "{budget}");
}

#[test]
fn a_client_that_leaves_while_its_budget_is_taken_leaves_nothing_reserved() {
    let fleet = Fleet::start(1, None, 10.0);
    let health = |of: &str| {
        let answer = exchange(fleet.address(0), "GET /health", "\r\n").unwrap();
        serde_json::from_str::<Value>(&answer.body).unwrap()[of].as_u64().unwrap()
    };
    let mut locker = lock(&fleet.folders[0].path().join("state.db"));
    let body = r#"{"model":"small","messages":[{"role":"user","content":"a question that nobody waits for"}]}"#;
    let mut client = TcpStream::connect(fleet.address(0)).unwrap();
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all((head + body).as_bytes()).unwrap();
    until("the request is under way", || health("requests_under_way") > 0);
    drop(client);
    until("the request has ended", || health("requests_under_way") == 0);
    drop(locker.stdin.take());
    assert!(locker.wait().unwrap().success());
    let mut place = fleet.gateways[0].lock().unwrap();
    assert!(Command::new("kill").arg(place.0.id().to_string()).status().unwrap().success());
    assert!(place.0.wait().unwrap().success());
    *place = spawn(&fleet.config, fleet.folders[0].path());
    drop(place);
    let taken = fleet.taken(0);
    assert!(taken.as_ref().is_none_or(|(taken, _)| *taken == 0), "{taken:?}");
}
