//! A server that a task started: it ends with the task, and tells what it has used.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::{Failure, house};

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    name: String,
}

impl Server {
    /// Starts a command whose stdout says when it is ready.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let name = house::shown(command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::new(format!("could not start `{name}`: {error}")))?;
        let stdout = child.stdout.take().ok_or_else(|| Failure::new(format!("`{name}` has no stdout")))?;
        Ok(Self { child, stdout: BufReader::new(stdout), name })
    }

    /// The next line of its stdout; waits for it.
    pub(crate) fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        if line.is_empty() {
            let status = self.child.wait()?;
            return Err(Failure::new(format!("`{}` ended with {status} before it was ready", self.name)));
        }
        Ok(line.trim_end().to_owned())
    }

    /// Its processor time so far, all threads, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let tasks = format!("/proc/{}/task", self.child.id());
        let threads = fs::read_dir(tasks).into_iter().flatten().flatten();
        let times = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
        times.filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).sum()
    }

    /// A figure of `/proc/PID/status` in kilobytes: `VmRSS` is its memory now, `VmHWM` at its highest.
    pub(crate) fn memory_kb(&self, figure: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub(crate) fn end(self) -> Result<(), Failure> {
        house::output(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        self.wait()
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(mut self) -> Result<(), Failure> {
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it is left.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// A running gateway.
pub(crate) struct Gateway {
    /// The process.
    pub(crate) server: Server,
    /// Host and port.
    pub(crate) address: String,
}

impl Gateway {
    /// Starts a built `steersman` on a free port of the loopback with this configuration and data folder.
    pub(crate) fn start(command: &mut Command, config: Option<&Path>, data: &Path) -> Result<Self, Failure> {
        command.args(["up", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        if let Some(config) = config {
            command.arg("--config").arg(config);
        }
        let mut server = Server::start(command)?;
        let ready: Value = serde_json::from_str(&server.line()?)?;
        let address = ready.get("address").and_then(Value::as_str).unwrap_or_default();
        let address = address.trim_start_matches("http://").to_owned();
        Ok(Self { server, address })
    }
}
