//! How a `steersman-local` is started, and how its restarts are spaced.
//!
//! What never happens here: the child gets no environment beyond what a program needs to start, so no key of ours.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The variables that a child keeps.
const KEPT_VARIABLES: [&str; 5] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "SystemRoot"];

/// How to start a child.
#[derive(Debug, Clone)]
pub struct LocalSpec {
    /// The program, and arguments to put before ours.
    pub command: Vec<OsString>,
    /// The weights.
    pub model: PathBuf,
    /// The name to serve them under.
    pub name: String,
    /// Threads for inference; `None` leaves one core to the gateway.
    pub threads: Option<u32>,
    /// The context window in tokens; `None` takes what the file says, up to the child's own limit.
    pub context_tokens: Option<u32>,
    /// Requests that may wait; more are refused with 503.
    pub queue: Option<u32>,
    /// How restarts are spaced.
    pub backoff: Backoff,
}

impl LocalSpec {
    /// A child of this binary for these weights, all else as the child sees fit.
    #[must_use]
    pub fn new(binary: impl Into<OsString>, model: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Self {
            command: vec![binary.into()],
            model: model.into(),
            name: name.into(),
            threads: None,
            context_tokens: None,
            queue: None,
            backoff: Backoff::default(),
        }
    }

    pub(crate) fn command(&self, listen: &str) -> Option<Command> {
        let (program, leading) = self.command.split_first()?;
        let mut command = Command::new(program);
        command.args(leading).arg("--model").arg(&self.model).arg("--name").arg(&self.name);
        command.args(["--exit-with-stdin", "--listen", listen]);
        for (flag, value) in [("--threads", self.threads), ("--context", self.context_tokens), ("--queue", self.queue)]
        {
            command.args(value.iter().flat_map(|value| [flag.to_owned(), value.to_string()]));
        }
        command.env_clear();
        command.envs(KEPT_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Some(command)
    }
}

/// How restarts are spaced: the pause doubles from `first` to `longest`, and starts over after a run of `calm`.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// A run this long forgets earlier crashes.
    pub calm: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(250), longest: Duration::from_secs(30), calm: Duration::from_secs(60) }
    }
}

impl Backoff {
    pub(crate) fn pause(&self, crashes: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(crashes.saturating_sub(1))).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_its_limit() {
        let backoff = Backoff::default();
        let pauses: Vec<u128> = [1, 2, 3, 7, 8, 40].iter().map(|crashes| backoff.pause(*crashes).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 16_000, 30_000, 30_000]);
    }
}
