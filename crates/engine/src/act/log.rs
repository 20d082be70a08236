//! What is kept of a run: the request's hash, each step with what its calls gave, and the answer.
//!
//! A step is written before its calls are made, so that after a crash the same calls stand at the same places and the
//! ledger knows them again; what they gave is written after. The answer is written before the client has it.

use std::sync::PoisonError;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use steersman_core::{Code, ContentHash};
use steersman_scope::{AgentRun, LedgerError, RunError, RunId};
use tokio::sync::watch;
use tokio::time::Instant;

use super::planned::Plan;
use super::{NoRoom, RunWrite, RunsDown, ToolRoom};
use crate::reader::{Handles, Read};
use crate::refusal::Refusal;
use crate::reply::Inbound;

/// How often it is looked whether another gateway has ended with a run.
const ELSEWHERE: Duration = Duration::from_millis(200);

/// One step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step {
    /// The model's answer, in the client's dialect.
    pub(super) answer: String,
    /// What the calls gave, in their order; none while they are under way.
    pub(super) results: Option<Vec<Kept>>,
}

/// What one call gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) call_id: String,
    pub(super) text: String,
    pub(super) is_error: bool,
    /// What the model sees of it, where a reader stands between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) read: Option<Read>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) request: String,
    pub(super) task: String,
    /// The plan, where it was made first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<Plan>,
    /// What the handles stood for that it began with, where there were some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    handles: Option<String>,
    pub(super) steps: Vec<Step>,
    /// The final answer, in the client's dialect.
    pub(super) answer: Option<String>,
}

/// A run and its place in the log.
pub(super) struct RunLog<'a> {
    room: &'a ToolRoom,
    /// The run's id: the hash of owner, task and `Idempotency-Key`, or the request's id.
    pub(super) id: String,
    pub(super) content: Content,
    /// Whose it is; empty for whoever has no key.
    pub(super) owner: String,
    /// The version that stands, and its bytes; `None` while nothing is kept.
    stands: Option<(u64, usize)>,
    /// Whether there was room for it when it was asked for.
    has_room: bool,
    /// Whether the client can name the run.
    keyed: bool,
    _live: LiveRun<'a>,
}

/// Takes the run off the list of those under way, whatever ends it, and wakes who waits for it.
struct LiveRun<'a> {
    room: &'a ToolRoom,
    id: String,
    /// The run, where another gateway could want it too.
    held: Option<AgentRun>,
    _ended: watch::Sender<()>,
}

impl Drop for LiveRun<'_> {
    fn drop(&mut self) {
        if let Some(run) = &self.held {
            run.let_go();
        }
        self.room.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// What tells a request from another under the same key. What was begun without a reader or a plan may not go on with
/// one.
pub(super) fn request_hash(inbound: &Inbound, reads: bool, plans: bool) -> ContentHash {
    let body = ContentHash::of(&inbound.body);
    match (reads, plans) {
        (false, false) => body,
        _ => ContentHash::of(format!("{reads} {plans} {body}").as_bytes()),
    }
}

impl<'a> RunLog<'a> {
    /// Opens the run that this request of `owner` names, waiting for another request of the same key to end, here or at
    /// another gateway. The same name of another owner is another run.
    pub(super) async fn open(
        room: &'a ToolRoom,
        inbound: &Inbound,
        (owner, task): (&str, &str),
        request: ContentHash,
        deadline: Instant,
    ) -> Result<Self, Refusal> {
        let key = inbound.idempotency_key.as_deref();
        let id = key.map_or_else(
            || inbound.id.to_string(),
            |key| format!("key_{}", ContentHash::of(format!("{owner}\0{task}\0{key}").as_bytes())),
        );
        let mut live = loop {
            let other = {
                let mut live = room.live.lock().unwrap_or_else(PoisonError::into_inner);
                match live.get(&id) {
                    Some(ended) => ended.clone(),
                    None => {
                        let (sender, receiver) = watch::channel(());
                        live.insert(id.clone(), receiver);
                        break LiveRun { room, id: id.clone(), held: None, _ended: sender };
                    }
                }
            };
            let mut other = other;
            // Fails when the other one ends: then it is looked at again.
            drop(other.changed().await);
        };
        if key.is_some() {
            live.held = Some(take(room, &id, request, deadline).await?);
        }
        let request = request.to_string();
        let fresh = Content { request: request.clone(), task: task.to_owned(), ..Content::default() };
        let (owner, keyed) = (owner.to_owned(), key.is_some());
        let mut log = Self { room, id, content: fresh, owner, stands: None, has_room: false, keyed, _live: live };
        if log.keyed
            && let Some((version, text)) = room.runs.load(&log.id).await.map_err(|error| down(&error))?
        {
            let known: Content = serde_json::from_str(&text).map_err(|error| down(&RunsDown(error.to_string())))?;
            if known.request != request {
                return Err(other_request());
            }
            (log.content, log.stands) = (known, Some((version, text.len())));
        }
        Ok(log)
    }

    /// Whether the run must be kept from here on.
    pub(super) const fn is_kept(&self, writes: bool) -> bool {
        self.keyed || self.stands.is_some() || writes
    }

    /// Asks, once and before the run goes on, for room for what it will leave, about so many bytes. What was kept
    /// before goes on whatever room there is.
    pub(super) async fn ask_for_room(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.has_room || self.stands.is_some() {
            return Ok(());
        }
        self.room.runs.has_room(&self.owner, bytes).await.map_err(|no_room| match no_room {
            NoRoom::Full(message) => Refusal::new(Code::RUNS_FULL, message),
            NoRoom::Down(error) => down(&error),
        })?;
        self.has_room = true;
        Ok(())
    }

    /// Notes what the handles stand for that the run works with.
    ///
    /// # Errors
    /// The run began with others: those in its steps would stand for another text.
    pub(super) fn works_with(&mut self, handles: &Handles) -> Result<(), Refusal> {
        let known = (handles.len() > 0).then(|| handles.bound_to(ContentHash::of(b"run")).to_string());
        if !self.content.steps.is_empty() && self.content.handles != known {
            let message = "what the run of this `Idempotency-Key` had read when it began is not kept any more";
            return Err(Refusal::new(Code::RUN_FORGOTTEN, message));
        }
        self.content.handles = known;
        Ok(())
    }

    /// Writes the run down as it stands.
    pub(super) async fn keep(&mut self) -> Result<(), Refusal> {
        let text = serde_json::to_string(&self.content).unwrap_or_default();
        let write = self.stands.map_or(RunWrite::New, |(version, bytes)| RunWrite::Over { version, bytes });
        let bytes = text.len();
        let saved = self.room.runs.save(&self.owner, &self.id, write, text).await.map_err(|error| down(&error))?;
        self.stands = Some((saved.ok_or_else(elsewhere)?, bytes));
        Ok(())
    }
}

/// Takes the run, so that no other gateway works on it; waits for one that does, as for a request of this one.
async fn take(room: &ToolRoom, id: &str, request: ContentHash, deadline: Instant) -> Result<AgentRun, Refusal> {
    let run = room.runner.run(RunId::from(id), request);
    loop {
        match run.attach().await {
            Ok(_) => return Ok(run),
            Err(RunError::OtherRequest) => return Err(other_request()),
            Err(RunError::Ledger(LedgerError::Elsewhere(_))) if Instant::now() + ELSEWHERE < deadline => {
                tokio::time::sleep(ELSEWHERE).await;
            }
            Err(RunError::Ledger(LedgerError::Elsewhere(_))) => return Err(elsewhere()),
            Err(error) => return Err(down(&RunsDown(error.to_string()))),
        }
    }
}

fn other_request() -> Refusal {
    Refusal::new(Code::IDEMPOTENCY_CONFLICT, "this `Idempotency-Key` was used for another request")
}

fn elsewhere() -> Refusal {
    Refusal::new(Code::IDEMPOTENCY_CONFLICT, "another gateway works on the run of this key")
}

pub(super) fn down(error: &RunsDown) -> Refusal {
    Refusal::new(Code::RUN_NOT_KEPT, error.to_string())
}
