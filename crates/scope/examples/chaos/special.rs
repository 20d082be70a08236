//! Scenarios whose worlds are more than one agent after another: two owners, two clients, people, budgets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use steersman_core::{BoxFuture, ContentHash};
use steersman_scope::{
    Authorise, Budget, Caps, Child, Decision, Journal, JournalOptions, Kind, Ledger, OpenError, Probe, Proposed, Root,
    RunId, RunOpened, Runner, Scope, State, Status, Turn, Verdict as Word, arguments_hash, decide,
};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::sink::{Class, Fault};
use super::world::{GRACE, Machine, Say, Story, Trouble, Verdict, World, say};

fn calls(says: &[Say]) -> Vec<steersman_core::ToolCall> {
    says.iter().map(Say::call).collect()
}

/// One turn of the run `run` for the request `request`.
async fn turn(root: &Root, runner: &Runner, says: &[Say]) -> Turn {
    let (runner, calls) = (runner.clone(), calls(says));
    let child = Child::<_, String>::graceful("run", move |scope: Scope| async move {
        Ok(runner.run(RunId::from("run"), ContentHash::of(b"request")).tool_calls(&scope, "step", &calls).await)
    });
    root.scope("request").run(child).await.unwrap()
}

fn root() -> Root {
    Root::new("process", &Budget::new("all", Caps::default()), GRACE)
}

fn statuses(turn: &Turn) -> Vec<Status> {
    turn.replies.iter().map(|reply| reply.status.clone()).collect()
}

/// Counts duplicates and contradictions of one intent.
fn judge(verdict: &mut Verdict, world: &World, intent: &str, status: &Status) {
    let acted = u64::from(world.sink.truth().get(intent).copied().unwrap_or(0));
    verdict.duplicates += acted.saturating_sub(1);
    let done = matches!(status, Status::Done | Status::Replayed | Status::Duplicate { .. });
    let unknown = *status == Status::Unknown;
    verdict.unknown += u64::from(unknown);
    if (done && acted == 0) || (!done && !unknown && acted > 0) {
        verdict.silent_losses += 1;
        verdict.broken.push(format!("`{intent}` acted {acted} times, told {status:?}"));
    }
}

/// 10: the second process is refused while the first lives, whatever the clock says.
pub fn two_owners(mut world: World) -> Verdict {
    let jump = i64::try_from(world.dice.below(100_000)).unwrap();
    let mut verdict = Verdict::default();
    let told = world.process(&Trouble::default(), async |machine| {
        let first = machine.journal().await.unwrap();
        machine.clock.jump_ms.fetch_add(jump, Ordering::SeqCst);
        let second = Journal::open(machine.disk.for_process(99, 1), machine.journal_options()).await;
        let refused = matches!(second, Err(OpenError::Owned));
        let runner = machine.runner(Arc::new(first), &Story::of(Vec::new(), Vec::new()));
        let root = root();
        let told = turn(&root, &runner, &[say("pay", "call")]).await;
        root.shutdown().await;
        (refused, statuses(&told).remove(0))
    });
    let (refused, status) = told.unwrap();
    verdict.expect(refused, "a living owner is not replaced");
    judge(&mut verdict, &world, "pay", &status);
    verdict
}

/// Holds a process at one place until it is let go.
struct Hold {
    place: &'static str,
    reached: Notify,
    go: Notify,
}

impl Probe for Hold {
    fn reached(&self, point: &'static str) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if point == self.place {
                self.reached.notify_one();
                self.go.notified().await;
            }
        })
    }
}

/// 11: an owner is stopped between intent and send; another takes over when its lease is out; the first wakes and
/// sends.
pub fn zombie(mut world: World) -> Verdict {
    let mut verdict = Verdict::default();
    let places = ["dispatch.before", "journal.before_sync", "journal.after_sync", "dispatch.answered"];
    let place = places[usize::try_from(world.dice.below(4)).unwrap()];
    let told = world.process(&Trouble::default(), async |machine| {
        let hold = Arc::new(Hold { place, reached: Notify::new(), go: Notify::new() });
        let old_files = machine.disk.for_process(1, machine.seed);
        let held = Machine { probe: Arc::clone(&hold) as _, ..machine };
        let none = Trouble::default();
        let story = Story::of(Vec::new(), Vec::new());
        let journal =
            Journal::open(Arc::clone(&old_files) as _, JournalOptions { probe: None, ..held.journal_options() });
        // The journal's own places are reached by opening as well, so the hold is put in afterwards through the runner.
        let journal = Arc::new(journal.await.unwrap());
        let old = held.runner(journal, &story);
        let (old_root, new_root) = (root(), root());
        let says = [say("pay", "call")];
        let sleeper = async {
            let told = turn(&old_root, &old, &says).await;
            statuses(&told).remove(0)
        };
        let successor = async {
            tokio::select! {
                () = hold.reached.notified() => {}
                () = sleep(Duration::from_millis(200)) => {}
            }
            old_files.freeze();
            held.clock.jump_ms.fetch_add(60_000, Ordering::SeqCst);
            let options = JournalOptions { replace_silent_owner: true, probe: None, ..held.journal_options() };
            let journal = Journal::open(held.disk.for_process(2, held.seed), options).await.unwrap();
            let successor = Machine { probe: Arc::new(Quiet), process: 2, ..held };
            let new = successor.runner(Arc::new(journal), &story);
            let told = turn(&new_root, &new, &says).await;
            old_files.thaw();
            hold.go.notify_one();
            statuses(&told).remove(0)
        };
        let _ = none;
        let told = tokio::join!(sleeper, successor);
        old_root.shutdown().await;
        new_root.shutdown().await;
        told
    });
    let (old, new) = told.unwrap();
    let acted = world.sink.truth().get("pay").copied().unwrap_or(0);
    verdict.duplicates += u64::from(acted.saturating_sub(1));
    verdict.unknown += u64::from(new == Status::Unknown);
    let done = |status: &Status| matches!(status, Status::Done | Status::Replayed | Status::Duplicate { .. });
    verdict.silent_losses += u64::from(acted == 0 && (done(&old) || done(&new)));
    verdict.silent_losses += u64::from(acted > 0 && !(done(&new) || new == Status::Unknown));
    verdict
}

struct Quiet;

impl Probe for Quiet {
    fn reached(&self, _: &'static str) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// 18: two clients send one request at once; one run does the work, the other sees its results.
pub fn same_request_twice(mut world: World) -> Verdict {
    let mut verdict = Verdict::default();
    let apart = Duration::from_millis(world.dice.below(60));
    let faults = if world.dice.below(2) == 0 { vec![Fault::LostAfter] } else { Vec::new() };
    let told = world.process(&Trouble { faults, ..Trouble::default() }, async |machine| {
        let runner = machine.runner(Arc::new(machine.journal().await.unwrap()), &Story::of(Vec::new(), Vec::new()));
        let (root, says) = (root(), [say("pay", "call")]);
        let second = async {
            sleep(apart).await;
            turn(&root, &runner, &says).await
        };
        let (first, second) = tokio::join!(turn(&root, &runner, &says), second);
        root.shutdown().await;
        (statuses(&first).remove(0), statuses(&second).remove(0), second.replies[0].sends)
    });
    let (first, second, _) = told.unwrap();
    let acted = world.sink.truth().get("pay").copied().unwrap_or(0);
    verdict.expect(acted == 1, "two clients, one effect");
    judge(&mut verdict, &world, "pay", &second);
    let agree = (first == Status::Unknown) == (second == Status::Unknown);
    verdict.expect(agree, "both are told the same");
    verdict
}

/// 19: a key that was used for another request opens nothing.
pub fn same_key_other_request(mut world: World) -> Verdict {
    let mut verdict = Verdict::default();
    let crash = world.dice.below(2) == 0;
    let opened = world.process(&Trouble::default(), async |machine| {
        let journal = Arc::new(machine.journal().await.unwrap());
        let runner = machine.runner(Arc::clone(&journal) as _, &Story::of(Vec::new(), Vec::new()));
        runner.run(RunId::from("run"), ContentHash::of(b"one")).attach().await.unwrap()
    });
    verdict.expect(opened == Some(RunOpened::New), "the first request opens the run");
    let trouble = Trouble { crash_after_ms: crash.then_some(60_000), ..Trouble::default() };
    let refused = world.process(&trouble, async |machine| {
        let runner = machine.runner(Arc::new(machine.journal().await.unwrap()), &Story::of(Vec::new(), Vec::new()));
        let other = runner.run(RunId::from("run"), ContentHash::of(b"other"));
        let same = runner.run(RunId::from("run"), ContentHash::of(b"one")).attach().await;
        (other.attach().await.is_err(), same.is_ok_and(|opened| opened == RunOpened::Known))
    });
    verdict
        .expect(refused == Some((true, true)), "another request under the same key is refused, the same one attaches");
    verdict.expect(world.sink.truth().is_empty(), "nothing was done");
    verdict
}

/// Asks a person about everything; or forbids everything once something untrusted was read.
struct Guard {
    ask: bool,
    revision: AtomicU64,
}

impl Authorise for Guard {
    fn judge(&self, turn: &[Proposed<'_>]) -> Vec<Word> {
        let word = match self.ask {
            _ if self.revision.load(Ordering::SeqCst) > 0 => Word::Deny("untrusted text was read".to_owned()),
            true => Word::Ask,
            false => Word::Allow,
        };
        // The second call of a turn is harmless and needs no person.
        turn.iter().map(|call| if call.slot.index == 1 { Word::Allow } else { word.clone() }).collect()
    }

    fn revision(&self) -> u64 {
        self.revision.load(Ordering::SeqCst)
    }
}

fn asking() -> Story {
    let guard = Guard { ask: true, revision: AtomicU64::new(0) };
    Story { authorise: Some(Arc::new(guard)), ..Story::of(Vec::new(), Vec::new()) }
}

async fn approve_all(journal: &Journal, hash_of: Option<&str>) -> Vec<bool> {
    let mut done = Vec::new();
    for effect in journal.open_effects().await.unwrap() {
        if effect.state == State::Planned {
            let shown = arguments_hash(hash_of.unwrap_or(&effect.arguments));
            done.push(decide(journal, effect.key, shown, Decision::Approve, "ann").await.is_ok());
        }
    }
    done
}

/// 22: a call waits, the process dies, the person approves, the process dies again; it is made once, its sibling not
/// again.
pub fn approval_survives(mut world: World) -> Verdict {
    let mut verdict = Verdict::default();
    let says = [say("pay", "a"), say("note", "b")];
    let live = async |machine: Machine| {
        let journal = Arc::new(machine.journal().await.unwrap());
        let runner = machine.runner(Arc::clone(&journal) as _, &asking());
        let root = root();
        let told = turn(&root, &runner, &says).await;
        root.shutdown().await;
        statuses(&told)
    };
    let waits = world.process(&Trouble::default(), live);
    verdict.expect(waits == Some(vec![Status::Waiting, Status::Done]), "one waits, its sibling is done");
    verdict.expect(!world.sink.truth().contains_key("pay"), "nothing is sent before the approval");
    let approved =
        world.process(&Trouble::default(), async |machine| approve_all(&machine.journal().await.unwrap(), None).await);
    verdict.expect(approved == Some(vec![true]), "the approval is taken after a crash");
    let crash_after_ms = Some(1 + world.dice.below(60));
    drop(world.process(&Trouble { crash_after_ms, ..Trouble::default() }, live));
    let told = world.process(&Trouble::default(), live).unwrap();
    judge(&mut verdict, &world, "pay", &told[0]);
    judge(&mut verdict, &world, "note", &told[1]);
    verdict.expect(told[1] == Status::Replayed, "the sibling is replayed");
    verdict
}

/// 23: the arguments change between the showing and the approval: the approval is void.
pub fn approval_void(mut world: World) -> Verdict {
    let mut verdict = Verdict::default();
    let (shown, changed) = ([say("pay ann", "a")], [say("pay eve", "a")]);
    let told = world.process(&Trouble::default(), async |machine| {
        let journal = Arc::new(machine.journal().await.unwrap());
        let runner = machine.runner(Arc::clone(&journal) as _, &asking());
        let root = root();
        turn(&root, &runner, &shown).await;
        // Approved for ann; then the model says eve from the same place.
        let wrong = approve_all(&journal, Some("{\"intent\":\"pay eve\"}")).await;
        let right = approve_all(&journal, None).await;
        let told = turn(&root, &runner, &changed).await;
        root.shutdown().await;
        (wrong, right, statuses(&told).remove(0))
    });
    let (wrong, right, status) = told.unwrap();
    verdict.expect(wrong == [false] && right == [true], "an approval names the arguments it was given for");
    verdict.expect(status == Status::Waiting, "other arguments wait for an approval of their own");
    verdict.expect(world.sink.truth().is_empty(), "nothing was sent");
    verdict
}

/// 28: 64 calls race for what is left of a budget.
pub fn last_of_the_budget(mut world: World) -> Verdict {
    let mut verdict = Verdict::default();
    let cap = 1 + world.dice.below(63);
    let says: Vec<_> = (0..64).map(|c| say(&format!("intent {c}"), &format!("call {c}"))).collect();
    let faults = (0..9).map(|_| if world.dice.below(2) == 0 { Fault::NotSent } else { Fault::None }).collect();
    let told = world.process(&Trouble { faults, ..Trouble::default() }, async |machine| {
        let runner = machine.runner(Arc::new(machine.journal().await.unwrap()), &Story::of(Vec::new(), Vec::new()));
        let budget = Budget::new("all", Caps { calls: Some(cap), ..Caps::default() });
        let root = Root::new("process", &budget, GRACE);
        let told = turn(&root, &runner, &says).await;
        root.shutdown().await;
        (statuses(&told), budget.spent().of(Kind::Calls), budget.held().of(Kind::Calls))
    });
    let (told, spent, held) = told.unwrap();
    verdict.expect(spent <= cap && held == 0, "spent and held never exceed the cap");
    verdict.expect(u64::from(world.sink.requests()) <= cap, "nothing is sent beyond the cap");
    for (say, status) in says.iter().zip(&told) {
        if world.sink.class != Class::Read {
            judge(&mut verdict, &world, &say.intent, status);
        }
    }
    verdict
}

/// 30: a verdict that was made before something untrusted was read is asked for again before the send.
pub fn stale_verdict(mut world: World) -> Verdict {
    let mut verdict = Verdict::default();
    let told = world.process(&Trouble::default(), async |machine| {
        let guard = Arc::new(Guard { ask: false, revision: AtomicU64::new(0) });
        let learn = Learn { guard: Arc::clone(&guard) };
        let machine = Machine { probe: Arc::new(learn), ..machine };
        let story = Story { authorise: Some(guard), ..Story::of(Vec::new(), Vec::new()) };
        let journal = Journal::open(machine.disk.for_process(1, 1), JournalOptions::default()).await.unwrap();
        let runner = machine.runner(Arc::new(journal), &story);
        let root = root();
        let told = turn(&root, &runner, &[say("pay", "a")]).await;
        root.shutdown().await;
        statuses(&told).remove(0)
    });
    verdict.expect(told == Some(Status::Failed), "the write is not made");
    verdict.expect(world.sink.truth().is_empty(), "nothing was sent");
    verdict
}

/// Something untrusted is read between the verdict and the send.
struct Learn {
    guard: Arc<Guard>,
}

impl Probe for Learn {
    fn reached(&self, point: &'static str) -> BoxFuture<'_, ()> {
        if point == "plan.before" {
            self.guard.revision.fetch_add(1, Ordering::SeqCst);
        }
        Box::pin(async {})
    }
}

/// 32: many scopes with a call each, all cancelled: nothing is left of any.
pub fn many_scopes(mut world: World) -> Verdict {
    let mut verdict = Verdict::default();
    let seed = world.dice.next();
    let left = world.process(&Trouble::default(), async |machine| {
        let runner = machine.runner(Arc::new(machine.journal().await.unwrap()), &Story::of(Vec::new(), Vec::new()));
        let (root, dice) = (root(), steersman_scope::Dice::seeded(seed));
        let baseline = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        for i in 0..20u32 {
            let children = (0..50).map(|c| {
                let (runner, nap) = (runner.clone(), Duration::from_millis(dice.below(30)));
                Child::<(), String>::new(format!("{c}"), move |scope: Scope| async move {
                    sleep(nap).await;
                    let run = runner.run(RunId::from(&*format!("run {i} {c}")), ContentHash::of(b"request"));
                    drop(run.tool_calls(&scope, "step", &[say(&format!("intent {i} {c}"), "call").call()]).await);
                    std::future::pending().await
                })
            });
            let limit = Duration::from_millis(1 + dice.below(60));
            drop(
                root.scope("scopes")
                    .deadline(limit)
                    .best_effort(children.collect::<Vec<_>>())
                    .await
                    .fold(|_, ()| (), |_| ()),
            );
        }
        let alive = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        root.shutdown().await;
        (alive.saturating_sub(baseline), root.budget().held())
    });
    verdict.expect(left == Some((0, steersman_scope::Amount::ZERO)), "tasks and holds are back at the baseline");
    verdict.expect(world.sink.in_flight() == 0, "no call is in flight");
    let acted = world.sink.truth();
    verdict.duplicates += acted.values().map(|n| u64::from(n.saturating_sub(1))).sum::<u64>();
    verdict
}
