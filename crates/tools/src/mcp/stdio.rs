//! An MCP server as a child process: one JSON message a line on its standard streams.
//!
//! The process lives in a scope of its own below the toolbox's root, so it ends with the gateway, its whole process
//! group with it. It sees a handful of harmless environment variables and those that the operator names. The last lines
//! of its standard error are kept for the message that says why it is gone.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use serde_json::Value;
use steersman_scope::{Child, Root, Scope, piped};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::sync::CancellationToken;

use super::CallFault;
use super::message::{self, Incoming};
use super::pending::Pending;

/// The longest line of a server. A longer one ends the connection: nothing after it can be trusted to be whole.
const MAX_LINE_BYTES: usize = 16 << 20;
/// Messages that may wait for the process to read them.
const QUEUE: usize = 64;
/// Lines of standard error that are kept.
const LAST_WORDS: usize = 5;
/// What a child sees of the gateway's environment: where things are, and nothing that is a secret.
const HARMLESS: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_ALL", "TMPDIR", "TZ"];

/// How a server is started.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
}

/// A connection to a running child.
pub(crate) struct StdioLink {
    outgoing: mpsc::Sender<String>,
    pub(crate) pending: Arc<Pending>,
    /// Whether the server has said that its list of tools has changed.
    pub(crate) changed: Arc<AtomicBool>,
    stop: CancellationToken,
}

impl StdioLink {
    /// Starts the process.
    pub(crate) fn start(root: &Arc<Root>, name: &str, program: &Program) -> Self {
        let (outgoing, queue) = mpsc::channel(QUEUE);
        let (pending, stop, changed) = (Arc::new(Pending::default()), CancellationToken::new(), Arc::default());
        let connection = Connection {
            program: program.clone(),
            pending: Arc::clone(&pending),
            stop: stop.clone(),
            changed: Arc::clone(&changed),
        };
        let child = Child::<(), String>::graceful("connection", move |scope| connection.run(scope, queue));
        let (root, scope, ended) = (Arc::clone(root), format!("mcp {name}"), Arc::clone(&pending));
        // The task only drives the scope, which the root waits for.
        drop(tokio::spawn(async move {
            if let Err(failures) = root.scope(&scope).run(child).await {
                ended.end(&failures.to_string());
            }
        }));
        Self { outgoing, pending, changed, stop }
    }

    /// Hands a message to the process.
    pub(crate) async fn send(&self, message: &Value) -> Result<(), CallFault> {
        let gone = || CallFault::NotSent(self.pending.ended().unwrap_or_else(|| "the server has ended".to_owned()));
        self.outgoing.send(message.to_string()).await.map_err(|_| gone())
    }

    /// Kills the process group.
    pub(crate) fn kill(&self) {
        self.stop.cancel();
    }
}

impl Drop for StdioLink {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Connection {
    program: Program,
    pending: Arc<Pending>,
    stop: CancellationToken,
    changed: Arc<AtomicBool>,
}

type LastWords = Arc<Mutex<VecDeque<String>>>;

impl Connection {
    async fn run(self, scope: Scope, queue: mpsc::Receiver<String>) -> Result<(), String> {
        let args: Vec<&str> = self.program.args.iter().map(String::as_str).collect();
        let mut command = piped(&self.program.command, &args);
        command.env_clear().stdin(Stdio::piped());
        command.envs(HARMLESS.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
        command.envs(self.program.env.iter().map(|(name, value)| (name, value)));
        let mut process = match scope.process(command) {
            Ok(process) => process,
            Err(error) => {
                let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
                self.pending.end(&format!("{error}{cause}"));
                return Ok(());
            }
        };
        let words = LastWords::default();
        if let (Some(stdin), Some(stdout), Some(stderr)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        {
            let talk = self.talk(stdin, stdout, queue);
            let ended = tokio::select! {
                biased;
                () = scope.cancelled() => "the gateway is shutting down",
                () = self.stop.cancelled() => "it was stopped",
                () = listen(stderr, &words) => "its streams are closed",
                why = talk => why,
            };
            let said =
                words.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect::<Vec<_>>().join(" | ");
            let said = if said.is_empty() { String::new() } else { format!("; its last words: {said}") };
            self.pending.end(&format!("{ended}{said}"));
        }
        drop(process);
        Ok(())
    }

    /// Writes what is queued and reads what comes until one of the streams ends.
    async fn talk(
        &self,
        mut stdin: ChildStdin,
        stdout: ChildStdout,
        mut queue: mpsc::Receiver<String>,
    ) -> &'static str {
        let mut lines = FramedRead::new(stdout, LinesCodec::new_with_max_length(MAX_LINE_BYTES));
        let (answers, mut to_answer) = mpsc::channel::<String>(QUEUE);
        let write = async move {
            loop {
                let message = tokio::select! {
                    Some(answer) = to_answer.recv() => answer,
                    message = queue.recv() => match message {
                        Some(message) => message,
                        None => return,
                    },
                };
                let written = stdin.write_all(format!("{message}\n").as_bytes()).await;
                if written.is_err() || stdin.flush().await.is_err() {
                    return;
                }
            }
        };
        let read = async {
            while let Some(Ok(line)) = lines.next().await {
                match message::read(line.as_bytes()) {
                    Incoming::Answer(id, answer) => self.pending.settle(id, answer.map_err(CallFault::Rpc)),
                    // A server that asks faster than it reads gets no answer.
                    Incoming::Request(id, method) => drop(answers.try_send(message::reply(&id, &method).to_string())),
                    Incoming::Notification(method) if method == message::LIST_CHANGED => {
                        self.changed.store(true, Ordering::Relaxed);
                    }
                    Incoming::Notification(_) | Incoming::Noise => {}
                }
            }
        };
        tokio::select! {
            () = write => "its input is closed",
            () = read => "it ended",
        }
    }
}

/// Keeps the last lines of standard error. Never ends before the streams do, since the reason is on standard output.
async fn listen(stderr: ChildStderr, words: &LastWords) {
    const LONGEST: usize = 300;
    let mut lines = FramedRead::new(stderr, LinesCodec::new_with_max_length(MAX_LINE_BYTES));
    while let Some(Ok(line)) = lines.next().await {
        let shown: String = line.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        words.push_back(shown);
        if words.len() > LAST_WORDS {
            words.pop_front();
        }
    }
    std::future::pending::<()>().await;
}
