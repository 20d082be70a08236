//! One simulated world: processes that start, crash and start again over one disk and one sink, until the agent is
//! done.
//!
//! A process is a runtime of its own with a paused clock; a crash drops it between two polls, so that nothing of it, no
//! clean-up and no destructor that waits, runs on. Disk, sink and time go on. Then the books are compared with the
//! truth.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use steersman_core::{BoxFuture, ContentHash, ToolCall};
use steersman_scope::{
    Authorise, Budget, Caps, Child, Dice, EffectRecord, Journal, JournalOptions, Ledger, LedgerError, OnCancel, Probe,
    RetryBudget, Root, RunId, Runner, RunnerOptions, State, Status, ToolReply,
};
use tokio::sync::Notify;
use tokio::time::sleep;

pub use super::cell::Verdict;
use super::disk::{SimDisk, Tear};
use super::sink::{Class, Fault, SimSink, SinkTool, WorldClock};

/// A call as the scripted model makes it: which intent, under which id.
#[derive(Debug, Clone)]
pub struct Say {
    pub intent: String,
    pub id: String,
}

pub fn say(intent: &str, id: &str) -> Say {
    Say { intent: intent.to_owned(), id: id.to_owned() }
}

impl Say {
    pub fn call(&self) -> ToolCall {
        let arguments = format!("{{\"intent\": \"{}\"}}", self.intent);
        ToolCall { id: self.id.clone(), name: "act".into(), arguments }
    }
}

/// Trouble for one process.
#[derive(Debug, Clone, Default)]
pub struct Trouble {
    /// Dies at the n-th time that it reaches this place.
    pub crash_at: Option<(&'static str, u64)>,
    /// Dies after so many milliseconds.
    pub crash_after_ms: Option<u64>,
    pub tear: Option<Tear>,
    /// What happens to its requests, in order.
    pub faults: Vec<Fault>,
    pub fail_sync_in: Option<u32>,
    pub fail_append_in: Option<u32>,
    /// The client goes away after so many milliseconds.
    pub cancel_after_ms: Option<u64>,
    pub turn_deadline_ms: Option<u64>,
    /// The wall clock jumps before it starts.
    pub jump_ms: i64,
    pub cap_calls: Option<u64>,
}

/// A whole story: what the model says, and the trouble of each process. The last process has none.
#[derive(Clone)]
pub struct Story {
    pub steps: Vec<Vec<Say>>,
    pub troubles: Vec<Trouble>,
    pub on_cancel: OnCancel,
    pub authorise: Option<Arc<dyn Authorise>>,
}

impl Story {
    pub fn of(steps: Vec<Vec<Say>>, troubles: Vec<Trouble>) -> Self {
        Self { steps, troubles, on_cancel: OnCancel::Finish, authorise: None }
    }
}

struct CrashProbe {
    at: Mutex<Option<(&'static str, u64)>>,
    crashed: Arc<Notify>,
}

impl Probe for CrashProbe {
    fn reached(&self, point: &'static str) -> BoxFuture<'_, ()> {
        let mut at = self.at.lock().unwrap();
        let dies = match at.as_mut() {
            Some((place, left)) if *place == point && *left > 0 => {
                *left -= 1;
                *left == 0
            }
            _ => false,
        };
        if dies {
            self.crashed.notify_one();
            return Box::pin(std::future::pending());
        }
        Box::pin(async {})
    }
}

/// What one process leaves behind when it ends by itself.
pub struct Left {
    pub replies: Vec<ToolReply>,
    pub records: Vec<EffectRecord>,
    pub ledger_down: bool,
}

/// The parts that outlive processes.
pub struct World {
    pub disk: SimDisk,
    pub sink: SimSink,
    pub clock: Arc<WorldClock>,
    pub dice: Dice,
    pub processes: u64,
}

impl World {
    pub fn new(class: Class, seed: u64) -> Self {
        let clock = Arc::new(WorldClock::default());
        let (disk, sink) = (SimDisk::default(), SimSink::new(class, Arc::clone(&clock)));
        Self { disk, sink, clock, dice: Dice::seeded(seed), processes: 0 }
    }

    /// Runs async work in a process of its own; `None` if it crashed.
    pub fn process<T>(&mut self, trouble: &Trouble, work: impl AsyncFnOnce(Machine) -> T) -> Option<T> {
        self.processes += 1;
        self.clock.jump_ms.fetch_add(trouble.jump_ms, Ordering::SeqCst);
        self.sink.script(trouble.faults.iter().copied());
        if let Some(n) = trouble.fail_sync_in {
            self.disk.fail_sync_in(n);
        }
        if let Some(n) = trouble.fail_append_in {
            self.disk.fail_append_in(n);
        }
        let crashed = Arc::new(Notify::new());
        let probe = CrashProbe { at: Mutex::new(trouble.crash_at), crashed: Arc::clone(&crashed) };
        let machine = Machine {
            disk: self.disk.clone(),
            sink: self.sink.clone(),
            clock: Arc::clone(&self.clock),
            probe: Arc::new(probe),
            process: self.processes,
            seed: self.dice.next(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let ended = runtime.block_on(async {
            self.clock.process_starts();
            let dies = async {
                match trouble.crash_after_ms {
                    Some(ms) => sleep(Duration::from_millis(ms)).await,
                    None => std::future::pending().await,
                }
            };
            let ended = tokio::select! {
                biased;
                () = crashed.notified() => None,
                () = dies => None,
                done = work(machine) => Some(done),
            };
            self.clock.process_ends();
            ended
        });
        drop(runtime);
        let tear = trouble.tear.unwrap_or(Tear::KeepAll);
        self.disk.crash(if ended.is_some() { Tear::KeepAll } else { tear }, &self.dice);
        self.clock.pass(self.dice.below(200));
        ended
    }

    /// Lives a story to its end and compares the books with the truth.
    pub fn live(&mut self, story: &Story) -> Verdict {
        for trouble in &story.troubles {
            let (tale, trouble_of) = (story.clone(), trouble.clone());
            drop(self.process(trouble, async move |machine| machine.agent(&tale, &trouble_of).await));
        }
        let calm = Trouble::default();
        let tale = story.clone();
        let left = self.process(&calm, async move |machine| machine.agent(&tale, &Trouble::default()).await);
        let mut verdict = self.compare(story, left.as_ref());
        verdict.expect(self.sink.in_flight() == 0, "no call is in flight when all scopes have ended");
        verdict
    }

    /// Compares what the agent was told at last with what the sink did.
    fn compare(&self, story: &Story, left: Option<&Left>) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(left) = left else {
            verdict.broken.push("the last process did not end".to_owned());
            return verdict;
        };
        verdict.expect(!left.ledger_down, "the ledger opens after every crash");
        let said: Vec<&Say> = story.steps.iter().flatten().collect();
        verdict.expect(left.replies.len() == said.len(), "n replies for n calls");
        let ids = left.replies.iter().zip(&said).all(|(reply, say)| reply.call_id == say.id);
        verdict.expect(ids, "replies in request order, each with its id");
        let truth = self.sink.truth();
        let mut told: BTreeMap<&str, Vec<&ToolReply>> = BTreeMap::new();
        for (reply, say) in left.replies.iter().zip(&said) {
            told.entry(&say.intent).or_default().push(reply);
        }
        for (intent, replies) in told {
            let acted = u64::from(truth.get(intent).copied().unwrap_or(0));
            self.judge_intent(&mut verdict, intent, &replies, acted);
        }
        let open = left.records.iter().filter(|effect| matches!(effect.state, State::Intent | State::Dispatched));
        verdict.expect(open.count() == 0, "no effect is left in the middle");
        verdict
    }

    fn judge_intent(&self, verdict: &mut Verdict, intent: &str, replies: &[&ToolReply], acted: u64) {
        let class = self.sink.class;
        let is = |f: fn(&Status) -> bool| replies.iter().any(|reply| f(&reply.status));
        let done = is(|status| matches!(status, Status::Done | Status::Replayed | Status::Duplicate { .. }));
        let unknown = is(|status| *status == Status::Unknown);
        if class == Class::Read {
            verdict.expect(
                done || is(|status| matches!(status, Status::Failed | Status::TimedOut | Status::Refused(_))),
                "a read is answered",
            );
            return;
        }
        verdict.duplicates += acted.saturating_sub(1);
        verdict.unknown += u64::from(unknown);
        let denied = !done && !unknown && acted > 0;
        if (done && acted == 0) || denied {
            verdict.silent_losses += 1;
            verdict.broken.push(format!("`{intent}` acted {acted} times, told {replies:?}"));
        }
        let resolvable = matches!(class, Class::Keyed | Class::Lookup);
        verdict.expect(!(resolvable && unknown), "a keyed or look-up effect is resolved in the end");
        verdict.expect(!(done && unknown), "an effect is not both done and unknown");
    }
}

/// A running process: everything that dies with it.
pub struct Machine {
    pub disk: SimDisk,
    pub sink: SimSink,
    pub clock: Arc<WorldClock>,
    pub probe: Arc<dyn Probe>,
    pub process: u64,
    pub seed: u64,
}

pub const GRACE: Duration = Duration::from_millis(400);

impl Machine {
    pub async fn journal(&self) -> Result<Journal, steersman_scope::OpenError> {
        let files = self.disk.for_process(self.process, self.seed);
        Journal::open(files, self.journal_options()).await
    }

    pub fn journal_options(&self) -> JournalOptions {
        JournalOptions {
            clock: Arc::clone(&self.clock) as _,
            probe: Some(Arc::clone(&self.probe)),
            segment_bytes: 4_000,
            ..JournalOptions::default()
        }
    }

    pub fn runner(&self, ledger: Arc<dyn Ledger>, story: &Story) -> Runner {
        let options = RunnerOptions {
            absence_after: Duration::from_secs(4),
            retry_budget: Arc::new(RetryBudget::new(50, 20)),
            max_output_bytes: 1_000,
            max_identical_reads: 100,
            on_cancel: story.on_cancel,
            seed: self.seed,
            probe: Some(Arc::clone(&self.probe)),
            ..RunnerOptions::default()
        };
        let tool = SinkTool::new(self.sink.clone(), self.seed);
        let runner = Runner::over(ledger).tool(Arc::new(tool), None).options(options);
        match &story.authorise {
            Some(authorise) => runner.authorise(Arc::clone(authorise)).build(),
            None => runner.build(),
        }
    }

    /// Opens the journal, recovers, and lives the run from its first step.
    pub async fn agent(self, story: &Story, trouble: &Trouble) -> Left {
        let Ok(journal) = self.journal().await else {
            return Left { replies: Vec::new(), records: Vec::new(), ledger_down: true };
        };
        let journal = Arc::new(journal);
        let runner = self.runner(Arc::clone(&journal) as _, story);
        let caps = Caps { calls: trouble.cap_calls, ..Caps::default() };
        let root = Root::new("process", &Budget::new("all", caps), GRACE);
        let (work, tale, limit) = (runner.clone(), story.steps.clone(), trouble.turn_deadline_ms);
        let replies_out = Arc::new(Mutex::new(Vec::new()));
        let out = Arc::clone(&replies_out);
        let live = Child::<(), LedgerError>::graceful("run", move |scope| async move {
            work.recover(&scope).await?;
            let run = work.run(RunId::from("run"), ContentHash::of(b"request"));
            for (i, says) in tale.iter().enumerate() {
                let calls: Vec<ToolCall> = says.iter().map(Say::call).collect();
                let turn = match limit {
                    // The deadline is that of a scope around the turn.
                    Some(ms) => {
                        let (run, step) = (run.clone(), format!("step {i}"));
                        let child = Child::<_, LedgerError>::graceful(
                            "turn",
                            move |scope: steersman_scope::Scope| async move {
                                Ok(run.tool_calls(&scope, &step, &calls).await)
                            },
                        );
                        scope.child("bounded").deadline(Duration::from_millis(ms)).run(child).await.ok()
                    }
                    None => Some(run.tool_calls(&scope, &format!("step {i}"), &calls).await),
                };
                out.lock().unwrap().extend(turn.into_iter().flat_map(|turn| turn.replies));
            }
            Ok(())
        });
        let scope = root.scope("request");
        let scope = match trouble.cancel_after_ms {
            Some(ms) => scope.deadline(Duration::from_millis(ms)),
            None => scope,
        };
        let ended = scope.run(live).await;
        root.shutdown().await;
        let records = journal.open_effects().await.unwrap_or_default();
        let ledger_down = ended.is_err() && trouble.cancel_after_ms.is_none();
        let replies = std::mem::take(&mut *replies_out.lock().unwrap());
        Left { replies, records, ledger_down }
    }
}
