//! A peer's process and all of its children: their log, their processor time, their memory, their end.

use std::collections::HashMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Failure, house, http};

/// How long a peer may take to start: one of them imports for half a minute on a busy machine.
const START: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(100);
/// What of a log is shown when its writer failed.
const LOG_LINES: usize = 20;

/// A process group. Dropping it ends all of it.
pub(super) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts a command with both of its outputs in `log`.
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Self, Failure> {
        let name = house::shown(command);
        let file = File::create(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
        let child = command.spawn().map_err(|error| Failure::new(format!("could not start `{name}`: {error}")))?;
        Ok(Self { child, name, log: log.to_owned() })
    }

    /// Waits until a path answers 200.
    pub(super) fn until_ready(&mut self, address: &str, path: &str) -> Result<(), Failure> {
        self.until(|_| http::get(address, path).is_ok_and(|answer| answer.status == 200).then_some(()))
    }

    /// Waits for a line of the log that begins like this.
    pub(super) fn until_line(&mut self, beginning: &str) -> Result<String, Failure> {
        self.until(|log| log.lines().find(|line| line.starts_with(beginning)).map(str::to_owned))
    }

    fn until<T>(&mut self, ready: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
        let deadline = Instant::now() + START;
        loop {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(found) = ready(&log) {
                return Ok(found);
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let lines: Vec<_> = log.lines().rev().take(LOG_LINES).collect();
                let tail = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
                let what =
                    ended.map_or_else(|| format!("not ready in {START:?}"), |status| format!("ended with {status}"));
                return Err(Failure::new(format!("`{}`: {what}\n{tail}", self.name)));
            }
            sleep(PAUSE);
        }
    }

    /// The processor time of all its processes so far, in nanoseconds.
    pub(super) fn cpu_ns(&self) -> u64 {
        let of = |pid: u32| {
            let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
            let times = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
            times.filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).sum::<u64>()
        };
        self.tree().into_iter().map(of).sum()
    }

    /// The memory of all its processes now, in kilobytes; what several share is counted once (`Pss`).
    pub(super) fn memory_kb(&self) -> u64 {
        let of = |pid: u32| {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        self.tree().into_iter().filter_map(of).sum()
    }

    /// It and everything below it.
    fn tree(&self) -> Vec<u32> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // The name in brackets may hold spaces; the parent is the second field after it.
            let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
            if let Some(parent) = after.split_whitespace().nth(1).and_then(|parent| parent.parse().ok()) {
                children.entry(parent).or_default().push(pid);
            }
        }
        let mut tree = vec![self.child.id()];
        let mut at = 0;
        while let Some(pid) = tree.get(at) {
            tree.extend(children.get(pid).into_iter().flatten());
            at += 1;
        }
        tree
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group's id is its first process's; a worker that outlived it is in the group still.
        let group = format!("-{}", self.child.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
        drop(self.child.wait());
    }
}

/// A port of the loopback that nobody listens on.
pub(super) fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
