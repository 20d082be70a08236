//! A gateway process, its simulated provider, and a client that reads answers to their end: shared by the tests that
//! drive the real binary over a real socket.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "test code outside a test function; each test file uses its own part"
)]

pub(crate) mod shop;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use steersman_sim::{Script, Sim};

pub(crate) const SECRET: &str = "sk-planted-0123456789abcdefghijklmnop";

/// A gateway process with its data folder and its simulated provider.
pub(crate) struct House {
    pub(crate) gateway: Child,
    pub(crate) address: SocketAddr,
    /// What the gateway said of itself when it was up.
    pub(crate) ready: Value,
    pub(crate) data: tempfile::TempDir,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) sim: Option<Sim>,
}

impl House {
    pub(crate) fn start(script: &str) -> Self {
        Self::start_with(script, "")
    }

    pub(crate) fn start_with(script: &str, more: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sim = runtime.block_on(Sim::start(Script::from_toml(script).unwrap())).unwrap();
        let data = tempfile::tempdir().unwrap();
        let config = data.path().join("steersman.toml");
        let text = format!(
            "{more}\n[retry]\nbase_ms = 1\nmax_ms = 2000\n\
             [providers.sim]\nkind = \"openai-compatible\"\nbase_url = \"{0}/v1\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"small\", \"large\"]\n\
             [providers.claude]\nkind = \"anthropic\"\nbase_url = \"{0}/v1\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"opus\"]\n\
             [providers.native]\nkind = \"openai-responses\"\nbase_url = \"{0}/v1\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"native\"]\n\
             [models.small]\nprovider = \"sim\"\ninput_usd_per_million = 1.0\noutput_usd_per_million = 2.0\n",
            sim.base_url()
        );
        std::fs::write(&config, text).unwrap();
        let (gateway, address, ready) = spawn_ready(&config, data.path());
        Self { gateway, address, ready, data, runtime, sim: Some(sim) }
    }

    pub(crate) fn bill(&self) -> steersman_sim::Bill {
        self.sim.as_ref().unwrap().bill()
    }

    pub(crate) fn ask(&self, body: &Value) -> Answer {
        post(self.address, "/v1/chat/completions", body.to_string().as_bytes())
    }

    /// Everything that `steersman log` knows, oldest first, once there are `count` of them.
    pub(crate) fn log(&self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let out = self.run(&["log", "--json", "-n", "1000"]);
            let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if rows.len() >= count {
                return rows;
            }
            assert!(Instant::now() < deadline, "only {} of {count} records after a minute", rows.len());
            std::thread::yield_now();
        }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let config = self.data.path().join("steersman.toml");
        let out = Command::new(env!("CARGO_BIN_EXE_steersman"))
            .args(arguments)
            .arg("--config")
            .arg(config)
            .arg("--data")
            .arg(self.data.path())
            .env("SIM_KEY", SECRET)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// Makes virtual keys, which the gateway knows then; gives the header lines that bear them.
    pub(crate) fn make_keys<const N: usize>(&self, names: [&str; N]) -> [String; N] {
        let keys = names.map(|name| self.make_key(&[name]));
        keys.iter().for_each(|key| self.until_known(key));
        keys
    }

    /// Waits until the gateway knows a key. From the first one on it lets no stranger in.
    pub(crate) fn until_known(&self, key: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let ask = |line: &str| format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{line}\r\n");
        let status = |line: &str| raw(self.address, ask(line).as_bytes()).status;
        while status("") != 401 || status(key) != 200 {
            assert!(Instant::now() < deadline, "a key is not known after a minute");
        }
    }

    /// Makes one virtual key, with the arguments of `keys create`; the gateway learns of it on its own.
    pub(crate) fn make_key(&self, arguments: &[&str]) -> String {
        let out = Command::new(env!("CARGO_BIN_EXE_steersman"))
            .args(["keys", "--json", "--config"])
            .arg(self.data.path().join("steersman.toml"))
            .arg("--data")
            .arg(self.data.path())
            .arg("create")
            .args(arguments)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let made: Value = serde_json::from_slice(&out.stdout).unwrap();
        format!("authorization: Bearer {}\r\n", made["secret"].as_str().unwrap())
    }

    /// SIGTERM, by the system's own `kill`. Gives the exit status.
    pub(crate) fn terminate(&mut self) -> std::process::ExitStatus {
        let killed = Command::new("kill").arg(self.gateway.id().to_string()).status().unwrap();
        assert!(killed.success());
        self.gateway.wait().unwrap()
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

pub(crate) fn spawn(config: &Path, data: &Path) -> (Child, SocketAddr) {
    let (gateway, address, _) = spawn_ready(config, data);
    (gateway, address)
}

pub(crate) fn spawn_ready(config: &Path, data: &Path) -> (Child, SocketAddr, Value) {
    spawn_with(config, data, &[])
}

/// With these variables in its environment besides.
pub(crate) fn spawn_with(config: &Path, data: &Path, variables: &[(&str, &str)]) -> (Child, SocketAddr, Value) {
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_steersman"))
        .args(["up", "--json", "--listen", "127.0.0.1:0", "--config"])
        .arg(config)
        .arg("--data")
        .arg(data)
        .env("SIM_KEY", SECRET)
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(gateway.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    (gateway, place(&ready["address"]), ready)
}

/// Host and port of an address.
pub(crate) fn place(address: &Value) -> SocketAddr {
    let text = address.as_str().unwrap();
    let host = text.split_once("://").unwrap().1;
    host.split('/').next().unwrap().parse().unwrap()
}

/// One HTTP answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &[u8]) -> Answer {
    post_with(address, path, "", body)
}

/// `headers` are whole lines, each with its end.
pub(crate) fn post_with(address: SocketAddr, path: &str, headers: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    raw(address, &[head.as_bytes(), body].concat())
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    raw(address, format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
}

pub(crate) fn raw(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // A server that refuses early may close before it has read everything.
    drop(stream.write_all(request));
    read(&mut stream)
}

/// Waits for it, generously.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

/// Sends a request and leaves it open.
pub(crate) fn begin(address: SocketAddr, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("host: localhost\r\n{headers}content-length: {}", body.len());
    write!(stream, "POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n\r\n{body}").unwrap();
    stream
}

/// Sends a request and reads its answer until these words are in it. The connection stays open with what is given.
pub(crate) fn read_until(address: SocketAddr, headers: &str, body: &str, words: &str) -> TcpStream {
    let mut stream = begin(address, headers, body);
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    // Comments keep it alive, so no read of it is late.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !text.contains(words) {
        assert!(Instant::now() < deadline, "`{words}` did not come within a minute: {text}");
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "the answer ended without `{words}`: {text}");
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    stream
}

pub(crate) fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        let is_slow = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        assert!(!is_slow, "no end of the answer within a minute: {}", String::from_utf8_lossy(&bytes));
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let head = head.to_ascii_lowercase();
    let body = if head.contains("transfer-encoding: chunked") { unchunk(body) } else { body.to_owned() };
    Answer { status, head, body }
}

pub(crate) fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size, 16) else { break };
        if size == 0 || rest.len() < size {
            break;
        }
        whole.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}

/// A process that holds the database's write lock until its standard input closes.
pub(crate) fn lock(database: &Path) -> Child {
    const LOCK: &str = "import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute('BEGIN EXCLUSIVE')
print('locked', flush=True)
sys.stdin.read()
held.execute('ROLLBACK')
";
    let mut command = Command::new("python3");
    command.args(["-c", LOCK]).arg(database).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "locked");
    process
}
