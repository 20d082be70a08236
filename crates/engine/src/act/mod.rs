//! Step 8: the gateway runs the model's tool calls itself and asks again, until the model answers.
//!
//! A task with tools is a run: steps of one model call and one turn of tool calls. Each step passes the whole pipeline
//! (labels, attempts, checks, guard; no objective, which grades single answers), with the tools added and the results
//! so far appended; the turn runs in a scope with the request's deadline and the task's budget, so a client that leaves
//! cancels it, joined. Writes go through the effect ledger. A run under an `Idempotency-Key`, or one that is about to
//! write, is kept step by step: the same request again attaches to it, or goes on where it ended.
//!
//! A task without tools is a run of one step where it has a reader: the client makes the calls, and comes back with
//! results.
//!
//! What never happens here: no tool is reached (that is behind [`Tools`]), no ledger is kept, and no call of a tool
//! that the client itself offers is run.

mod ending;
mod hidden;
mod judge;
mod kept_away;
mod log;
mod outlet;
mod planned;
mod respond;
mod run;
mod step;
mod views;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use steersman_core::{BoxFuture, ToolSpec};
use steersman_scope::{Budget, Caps, Limiter, Root, Runner, Tool};
use tokio::sync::watch;

pub(crate) use planned::WANTED as PLAN_WANTED;

/// One tool that the gateway can run.
#[derive(Clone)]
pub struct Offered {
    /// What the model sees.
    pub spec: ToolSpec,
    /// How it is called.
    pub tool: Arc<dyn Tool>,
    /// What it shares with others.
    pub limiter: Option<Limiter>,
}

/// Why the tools of a task cannot be offered: which server does not answer, and how.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ToolsAway(pub String);

/// Whoever has the tools.
pub trait Tools: Send + Sync {
    /// The usable ones among these names (`SERVER/*` names all of a server).
    ///
    /// # Errors
    /// [`ToolsAway`] where it cannot be known whether there are all that should be.
    fn offered<'a>(&'a self, names: &'a [String]) -> BoxFuture<'a, Result<Vec<Offered>, ToolsAway>>;
}

/// Why a run could not be kept.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the run cannot be kept: {0}")]
pub struct RunsDown(pub String);

/// Why nothing new may be begun.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoRoom {
    /// What is kept takes all the room there is.
    #[error("{0}")]
    Full(String),
    /// It is not known.
    #[error(transparent)]
    Down(#[from] RunsDown),
}

/// What is written of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunWrite {
    /// Something new.
    New,
    /// The next version of what stands as this one, with so many bytes.
    Over {
        /// The version that has to stand.
        version: u64,
        /// Its size.
        bytes: usize,
    },
}

impl RunWrite {
    /// The version that has to stand.
    #[must_use]
    pub const fn seen(self) -> Option<u64> {
        match self {
            Self::New => None,
            Self::Over { version, .. } => Some(version),
        }
    }
}

/// Whoever keeps runs, durably.
pub trait Runs: Send + Sync {
    /// A run's version and content.
    fn load<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Option<(u64, String)>, RunsDown>>;

    /// Whether `owner` (empty: whoever has no key) may begin what takes about so many bytes.
    fn has_room<'a>(&'a self, owner: &'a str, bytes: usize) -> BoxFuture<'a, Result<(), NoRoom>>;

    /// Writes a run of `owner` if the version stands that `write` has seen, whatever room there is: it has begun. Gives
    /// the new version; `None` if somebody else was faster.
    fn save<'a>(
        &'a self,
        owner: &'a str,
        run: &'a str,
        write: RunWrite,
        content: String,
    ) -> BoxFuture<'a, Result<Option<u64>, RunsDown>>;
}

/// What one task may do with tools.
#[derive(Debug, Clone)]
pub struct AgentTask {
    /// Names of tools, or `SERVER/*`.
    pub tools: Vec<String>,
    /// Model calls of one run.
    pub max_steps: u32,
    /// Tool calls of one run.
    pub max_calls: u64,
    /// Whether every call is planned before any is made.
    pub plan: bool,
}

/// A task without tools: a run with a reader whose client makes all calls itself.
pub(crate) static CLIENTS_OWN: AgentTask = AgentTask { tools: Vec::new(), max_steps: 1, max_calls: 0, plan: false };

/// Runs under way in this process, by id.
type Live = Mutex<HashMap<String, watch::Receiver<()>>>;

/// The tools of an engine, and what runs them.
pub struct ToolRoom {
    tools: Arc<dyn Tools>,
    runner: Runner,
    runs: Arc<dyn Runs>,
    root: Root,
    live: Live,
}

impl ToolRoom {
    /// A room over this runner, whose ledger keeps the effects. `grace` is what calls in flight get when a run is
    /// cancelled.
    #[must_use]
    pub fn new(tools: Arc<dyn Tools>, runner: Runner, runs: Arc<dyn Runs>, grace: Duration) -> Self {
        let root = Root::new("runs", &Budget::new("runs", Caps::default()), grace);
        Self { tools, runner, runs, root, live: Mutex::default() }
    }

    /// Cancels every run and waits until all of them are gone.
    pub async fn shutdown(&self) {
        self.root.shutdown().await;
    }
}
