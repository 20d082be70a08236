//! Child processes that end with their scope: the whole process group is killed and reaped, not only the leader.
//!
//! This is where work belongs that may block or ignore cancellation, since no task of this process can be killed. The
//! process is owned by a task that holds a pass of the scope. On cancellation it gets `SIGTERM`, at the end of the
//! grace period `SIGKILL`; what the leader leaves behind in its group is killed as soon as it exits. A process that
//! moves itself into another group (`setsid`) leaves this promise; only a container keeps such a one.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, kill_process_group, pidfd_open, test_kill_process_group, waitpgid,
};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::gate::Pass;
use crate::scope::Scope;

/// How often a killed group is looked at until it is empty. The kernel needs well under this for a small process.
const POLL_EVERY: Duration = Duration::from_millis(1);

/// Why there is no process, or no exit status.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("could not start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The scope had already ended.
    #[error("the scope had already ended")]
    Ended,
    /// The operating system gave no exit status.
    #[error("could not wait for the process")]
    Wait(#[source] io::Error),
}

/// A running child process. Dropping it kills the process group; the scope waits until it is gone.
#[derive(Debug)]
pub struct Process {
    /// The process id, which is also the id of its group.
    pub id: u32,
    /// Its standard input, if it was asked for by `stdin(Stdio::piped())`.
    pub stdin: Option<ChildStdin>,
    /// Its standard output.
    pub stdout: Option<ChildStdout>,
    /// Its standard error.
    pub stderr: Option<ChildStderr>,
    exit: oneshot::Receiver<io::Result<ExitStatus>>,
    unwanted: CancellationToken,
}

impl Process {
    /// Waits for the exit of the leader and of everything it left in its group.
    ///
    /// # Errors
    /// [`ProcessError::Wait`] if the operating system gives no status.
    pub async fn wait(mut self) -> Result<ExitStatus, ProcessError> {
        drop(self.stdin.take());
        let exit = (&mut self.exit).await;
        exit.map_err(|_| ProcessError::Ended)?.map_err(ProcessError::Wait)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.unwanted.cancel();
    }
}

impl Scope {
    /// Starts a child process in a process group of its own, with standard input closed unless `command` says
    /// otherwise.
    ///
    /// # Errors
    /// [`ProcessError`] if it cannot be started or the scope has ended.
    pub fn process(&self, mut command: Command) -> Result<Process, ProcessError> {
        let pass = self.node.gate.enter().ok_or(ProcessError::Ended)?;
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let start = |source| ProcessError::Start { program, source };
        let mut child = command.process_group(0).kill_on_drop(true).spawn().map_err(start)?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).ok_or(ProcessError::Ended)?;
        let unwanted = CancellationToken::new();
        let (report, exit) = oneshot::channel();
        let process = Process {
            id: group.as_raw_nonzero().get().unsigned_abs(),
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            exit,
            unwanted: unwanted.clone(),
        };
        let keeper = Keeper { group, scope: self.clone(), unwanted };
        tokio::spawn(keeper.keep(child, report, pass));
        Ok(process)
    }
}

/// A command whose three standard streams are pipes.
#[must_use]
pub fn piped(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Keeper {
    group: Pid,
    scope: Scope,
    unwanted: CancellationToken,
}

impl Keeper {
    async fn keep(self, mut child: Child, report: oneshot::Sender<io::Result<ExitStatus>>, pass: Pass) {
        tokio::select! {
            biased;
            () = exited(self.group) => {}
            () = self.scope.cancelled() => self.ask().await,
            () = self.scope.node.hard.cancelled() => {}
            () = self.unwanted.cancelled() => {}
        }
        // The leader is not reaped yet, so its group id cannot have been given to another process.
        kill(self.group, Signal::KILL);
        let status = child.wait().await;
        self.empty_the_group().await;
        drop(pass);
        // Nobody may be waiting any more; the status is not needed then.
        drop(report.send(status));
    }

    /// Asks the group to end and gives it the grace period.
    async fn ask(&self) {
        kill(self.group, Signal::TERM);
        tokio::select! {
            biased;
            () = exited(self.group) => {}
            () = self.scope.node.hard.cancelled() => {}
            () = sleep(self.scope.grace()) => {}
        }
    }

    /// Waits until nothing of the killed group lives. Orphans that were handed to this process are reaped here; one
    /// that was handed to another parent is that one's to reap, and counts as gone when it is a zombie.
    async fn empty_the_group(&self) {
        let over = Instant::now() + self.scope.node.cleanup;
        while test_kill_process_group(self.group).is_ok() && Instant::now() < over {
            kill(self.group, Signal::KILL);
            while let Ok(Some(_)) = waitpgid(self.group, WaitOptions::NOHANG) {}
            let group = self.group;
            if let Ok(false) = tokio::task::spawn_blocking(move || has_life(group)).await {
                return;
            }
            sleep(POLL_EVERY).await;
        }
    }
}

/// Whether a process of the group is neither gone nor a zombie. One pass over `/proc`: some 5 us a process.
fn has_life(group: Pid) -> bool {
    let group = group.as_raw_nonzero().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return false;
    };
    processes.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()).any(|stat| {
        // After the name in parentheses: state, parent, group.
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let state = fields.next();
        state != Some("Z") && state != Some("X") && fields.nth(1) == Some(&group)
    })
}

fn kill(group: Pid, signal: Signal) {
    // The only error left is that the group is gone, which is what was wanted.
    let (Ok(()) | Err(_)) = kill_process_group(group, signal);
}

/// Waits until the process has exited, without reaping it. Where there is no such thing as a process descriptor, it
/// waits for ever and the other ways to end remain.
#[expect(deprecated, reason = "the replacement is an unsafe fn; an owned descriptor keeps what it asks for")]
async fn exited(leader: Pid) {
    let Ok(Ok(exit)) = pidfd_open(leader, PidfdFlags::NONBLOCK).map(AsyncFd::new) else {
        return std::future::pending().await;
    };
    drop(exit.readable().await);
}
