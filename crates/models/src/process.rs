//! A `steersman-local` that is kept running.
//!
//! One supervisor thread starts the child, reads its ready line, and starts it again with back-off when it ends. The
//! child holds a pipe from us as its standard input and exits when that closes, so it cannot outlive us even if we are
//! killed; it is in a process group of its own, so Ctrl-C reaches us first. After the first start it is always put back
//! on the same address.
//!
//! What never happens here: two children at once, or one that outlives us.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::spec::LocalSpec;

/// The exit code by which `steersman-local` says that trying again is useless (`EX_CONFIG` of `sysexits.h`).
pub const EXIT_PERMANENT: u8 = 78;

/// A line of standard error longer than this is cut, in bytes.
const LONGEST_LINE: u64 = 8 * 1024;

/// The line that `steersman-local` writes to standard output when it can take requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Where it listens: `127.0.0.1:PORT`, or `unix:PATH`.
    pub address: String,
    /// The name it serves the model under.
    pub model: String,
    /// The context window it was opened with, in tokens.
    pub context_tokens: u32,
    /// How long the weights took to load, in milliseconds.
    pub load_ms: u64,
}

/// How the child is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Started, not ready yet: it loads the weights.
    Starting,
    /// It takes requests.
    Ready(Ready),
    /// It ended, for this reason, and will be started again.
    Waiting(String),
    /// It ended, for this reason, and starting it again is useless.
    Failed(String),
    /// It was stopped by us.
    Stopped,
}

/// Why no child could be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The specification names no program.
    #[error("no program was given")]
    NoProgram,
    /// The program did not start.
    #[error("could not start `{program}`: {source}")]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// It was stopped before it began.
    #[error("the local model was stopped")]
    Stopped,
    /// No thread for the supervisor.
    #[error("could not start the supervisor's thread: {0}")]
    Thread(#[source] io::Error),
}

/// Why a child did not become ready.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotReady {
    /// It did not say so in time.
    #[error("the local model was not ready within {0:?}")]
    Late(Duration),
    /// It will not be started again.
    #[error("the local model does not run: {0}")]
    Failed(String),
    /// It was stopped.
    #[error("the local model was stopped")]
    Stopped,
}

/// A running child and its supervisor. Dropping it kills the child.
#[derive(Debug)]
pub struct LocalProcess {
    shared: Arc<Shared>,
    supervisor: Option<JoinHandle<()>>,
}

impl LocalProcess {
    /// Starts a child. Returns at once; [`Self::wait_ready`] waits for it. `log` gets each line of its standard error,
    /// and one line for each restart.
    ///
    /// # Errors
    /// When the first start fails; later failures are retried.
    pub fn spawn(spec: LocalSpec, log: impl Fn(&str) + Send + Sync + 'static) -> Result<Self, SpawnError> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                status: Status::Starting,
                child: None,
                stopping: false,
                restarts: 0,
                told: None,
            }),
            changed: Condvar::new(),
            log: Box::new(log),
        });
        let pipes = shared.start(&spec, "127.0.0.1:0")?;
        let supervised = Arc::clone(&shared);
        let supervisor = thread::Builder::new()
            .name("local-supervisor".to_owned())
            .spawn(move || supervised.supervise(&spec, pipes))
            .map_err(|error| {
                shared.kill();
                SpawnError::Thread(error)
            })?;
        Ok(Self { shared, supervisor: Some(supervisor) })
    }

    /// How the child is now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.lock().status.clone()
    }

    /// Tells how the child is: now, and from now on at each change. `told` is called under a lock and must not wait.
    pub fn on_change(&self, told: impl Fn(&Status) + Send + 'static) {
        let mut state = self.shared.lock();
        told(&state.status);
        state.told = Some(Told(Box::new(told)));
    }

    /// How often the child was started again.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.shared.lock().restarts
    }

    /// The child's process id, while there is a child.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.shared.lock().child.as_ref().map(Child::id)
    }

    /// Waits until the child takes requests. Blocks the thread.
    ///
    /// # Errors
    /// See [`NotReady`].
    pub fn wait_ready(&self, timeout: Duration) -> Result<Ready, NotReady> {
        let waiting = |state: &mut State| matches!(state.status, Status::Starting | Status::Waiting(_));
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(self.shared.lock(), timeout, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        match &state.status {
            Status::Ready(ready) => Ok(ready.clone()),
            Status::Failed(reason) => Err(NotReady::Failed(reason.clone())),
            Status::Stopped => Err(NotReady::Stopped),
            Status::Starting | Status::Waiting(_) => Err(NotReady::Late(timeout)),
        }
    }

    /// Kills the child and waits until it and the supervisor are gone. Requests in flight break off.
    pub fn stop(&mut self) {
        self.shared.kill();
        if let Some(supervisor) = self.supervisor.take() {
            // A supervisor that panicked has nothing left to stop.
            drop(supervisor.join());
        }
    }
}

impl Drop for LocalProcess {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    log: Box<dyn Fn(&str) + Send + Sync>,
}

#[derive(Debug)]
struct State {
    status: Status,
    child: Option<Child>,
    stopping: bool,
    restarts: u32,
    told: Option<Told>,
}

/// Whoever hears of each change.
struct Told(Box<dyn Fn(&Status) + Send>);

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}

impl State {
    fn become_status(&mut self, status: Status) {
        self.status = status;
        if let Some(Told(told)) = &self.told {
            told(&self.status);
        }
    }
}

/// What a child says.
struct Pipes {
    stdout: Option<std::process::ChildStdout>,
    stderr: Option<std::process::ChildStderr>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn become_status(&self, status: Status) {
        self.lock().become_status(status);
        self.changed.notify_all();
    }

    fn start(&self, spec: &LocalSpec, listen: &str) -> Result<Pipes, SpawnError> {
        let mut command = spec.command(listen).ok_or(SpawnError::NoProgram)?;
        let mut state = self.lock();
        // Whoever stops has killed the child before this one; this one nobody would.
        if state.stopping {
            return Err(SpawnError::Stopped);
        }
        let mut child = command.spawn().map_err(|source| SpawnError::Start {
            program: spec.command.first().map_or(OsStr::new(""), |name| name).to_string_lossy().into_owned(),
            source,
        })?;
        let pipes = Pipes { stdout: child.stdout.take(), stderr: child.stderr.take() };
        state.become_status(Status::Starting);
        state.child = Some(child);
        Ok(pipes)
    }

    fn kill(&self) {
        let mut state = self.lock();
        state.stopping = true;
        if let Some(child) = &mut state.child {
            // An error means that it has ended already.
            drop(child.kill());
        }
        drop(state);
        self.changed.notify_all();
    }

    fn supervise(&self, spec: &LocalSpec, first: Pipes) {
        let mut listen = "127.0.0.1:0".to_owned();
        let mut crashes = 0;
        let mut pipes: Result<Pipes, SpawnError> = Ok(first);
        loop {
            let started = Instant::now();
            let ended = match pipes {
                Ok(pipes) => self.attend(pipes, &mut listen),
                Err(error) => Ended { reason: error.to_string(), permanent: false },
            };
            crashes = if started.elapsed() >= spec.backoff.calm { 1 } else { crashes + 1 };
            if self.lock().stopping {
                return self.become_status(Status::Stopped);
            }
            (self.log)(&format!("the local model ended: {}", ended.reason));
            if ended.permanent {
                return self.become_status(Status::Failed(ended.reason));
            }
            self.become_status(Status::Waiting(ended.reason));
            if self.pause(spec.backoff.pause(crashes)).is_break() {
                return self.become_status(Status::Stopped);
            }
            self.lock().restarts += 1;
            pipes = self.start(spec, &listen);
        }
    }

    /// Waits out a pause, or breaks it off when we are being stopped.
    fn pause(&self, pause: Duration) -> std::ops::ControlFlow<()> {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), pause, |state| !state.stopping)
            .unwrap_or_else(PoisonError::into_inner);
        if state.stopping { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    }

    /// Listens to one child until it ends.
    fn attend(&self, pipes: Pipes, listen: &mut String) -> Ended {
        let mut last_words = String::new();
        thread::scope(|scope| {
            let words = &mut last_words;
            if let Some(stderr) = pipes.stderr {
                scope.spawn(move || {
                    for_each_line(stderr, |line| {
                        (self.log)(line);
                        line.clone_into(words);
                    });
                });
            }
            if let Some(stdout) = pipes.stdout {
                for_each_line(stdout, |line| {
                    if let Ok(ready) = serde_json::from_str::<Ready>(line) {
                        ready.address.clone_into(listen);
                        self.become_status(Status::Ready(ready));
                    }
                });
            }
            self.bury();
        });
        let status = self.bury();
        let permanent = status.and_then(|status| status.code()) == Some(i32::from(EXIT_PERMANENT));
        let how = status.map_or_else(|| "it was never there".to_owned(), |status| status.to_string());
        let reason = if last_words.is_empty() { how } else { format!("{how}; its last words: {last_words}") };
        self.lock().child = None;
        Ended { reason, permanent }
    }

    /// Collects a child whose standard output has ended: it is over, or of no use any more.
    fn bury(&self) -> Option<ExitStatus> {
        let mut state = self.lock();
        let child = state.child.as_mut()?;
        // An error means that it has ended already.
        drop(child.kill());
        child.wait().ok()
    }
}

/// How a child ended.
struct Ended {
    reason: String,
    permanent: bool,
}

/// Calls `each` with every line, cut at [`LONGEST_LINE`], until the pipe closes.
fn for_each_line(pipe: impl Read, mut each: impl FnMut(&str)) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(read) = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
        if read == 0 {
            return;
        }
        each(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;

    use super::*;
    use crate::spec::Backoff;

    const READY: &str = r#"echo '{"address":"127.0.0.1:4000","model":"m","context_tokens":64,"load_ms":1}'"#;
    const LONG: Duration = Duration::from_secs(60);

    fn until(is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + LONG;
        while !is_so() {
            assert!(Instant::now() < deadline, "not within a minute");
            thread::yield_now();
        }
    }

    /// A child that runs a shell script, with almost no back-off.
    fn script(folder: &tempfile::TempDir, text: &str) -> LocalSpec {
        let path = folder.path().join("child.sh");
        fs::write(&path, text).unwrap();
        let mut spec = LocalSpec::new("/bin/sh", "weights.gguf", "m");
        spec.command.push(path.into());
        let pause = Duration::from_millis(1);
        spec.backoff = Backoff { first: pause, longest: pause, calm: LONG };
        spec
    }

    #[test]
    fn a_child_is_ready_when_it_says_so_and_gone_after_stop() {
        let folder = tempfile::tempdir().unwrap();
        let spec = script(&folder, &format!("{READY}\nexec cat"));
        let mut child = LocalProcess::spawn(spec, |_| ()).unwrap();
        assert_eq!(child.wait_ready(LONG).unwrap().address, "127.0.0.1:4000");
        assert!(child.pid().is_some());
        child.stop();
        assert_eq!((child.status(), child.pid()), (Status::Stopped, None));
        assert_eq!(child.wait_ready(LONG), Err(NotReady::Stopped));
    }

    #[test]
    fn a_crash_is_followed_by_a_start_on_the_same_address() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "echo \"$@\" >> {0}/arguments\nif [ -e {0}/seen ]; then {READY}; exec cat; fi\ntouch {0}/seen; {READY}; echo oops >&2; exit 7",
            folder.path().display()
        );
        let (lines, heard) = mpsc::channel();
        let child = LocalProcess::spawn(script(&folder, &text), move |line| {
            lines.send(line.to_owned()).unwrap_or_default();
        })
        .unwrap();
        let told: Vec<String> = heard.iter().take(2).collect();
        assert_eq!(told, ["oops", "the local model ended: exit status: 7; its last words: oops"]);
        until(|| child.restarts() > 0);
        child.wait_ready(LONG).unwrap();
        let arguments = fs::read_to_string(folder.path().join("arguments")).unwrap();
        let starts: Vec<&str> = arguments.lines().collect();
        assert!(starts[0].ends_with("--exit-with-stdin --listen 127.0.0.1:0"), "{arguments}");
        assert!(starts[1].ends_with("--exit-with-stdin --listen 127.0.0.1:4000"), "{arguments}");
    }

    #[test]
    fn an_exit_that_says_useless_is_not_retried() {
        let folder = tempfile::tempdir().unwrap();
        let child = LocalProcess::spawn(script(&folder, "echo no such file >&2; exit 78"), |_| ()).unwrap();
        let Err(NotReady::Failed(reason)) = child.wait_ready(LONG) else { panic!("it should have failed") };
        assert_eq!(reason, "exit status: 78; its last words: no such file");
        assert_eq!(child.restarts(), 0);
    }

    #[test]
    fn each_change_is_told_from_where_it_stands_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let go = folder.path().join("go");
        let wait = format!("while [ ! -e {} ]; do sleep 0.01; done", go.display());
        let child = LocalProcess::spawn(script(&folder, &format!("{wait}\n{READY}\nexit 78")), |_| ()).unwrap();
        let (tell, heard) = mpsc::channel();
        child.on_change(move |status| tell.send(status.clone()).unwrap_or_default());
        fs::write(go, "").unwrap();
        let told: Vec<Status> = (0..3).map(|_| heard.recv_timeout(LONG).unwrap()).collect();
        assert!(matches!(&told[..], [Status::Starting, Status::Ready(_), Status::Failed(_)]), "{told:?}");
    }

    #[test]
    fn the_child_reads_the_end_of_its_input_when_its_keeper_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let spec = script(
            &folder,
            &format!("{READY}\ncat >/dev/null\necho orphan > {0}/x; mv {0}/x {0}/ended", folder.path().display()),
        );
        let child = LocalProcess::spawn(spec, |_| ()).unwrap();
        child.wait_ready(LONG).unwrap();
        // What a SIGKILL of the keeper does to the pipe.
        drop(child.shared.lock().child.as_mut().unwrap().stdin.take());
        let ended = folder.path().join("ended");
        until(|| ended.exists());
    }

    #[test]
    fn no_secret_of_ours_reaches_the_child() {
        let folder = tempfile::tempdir().unwrap();
        let spec = script(&folder, &format!("env > {}/environment\n{READY}\nexec cat", folder.path().display()));
        let child = LocalProcess::spawn(spec, |_| ()).unwrap();
        child.wait_ready(LONG).unwrap();
        let environment = fs::read_to_string(folder.path().join("environment")).unwrap();
        let names: Vec<&str> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        assert!(!names.contains(&"CARGO_MANIFEST_DIR") && !names.contains(&"HOME"), "{environment}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error_at_once() {
        let refused = LocalProcess::spawn(LocalSpec::new("/no/such/program", "w", "m"), |_| ());
        assert!(matches!(refused, Err(SpawnError::Start { .. })), "{refused:?}");
    }
}
