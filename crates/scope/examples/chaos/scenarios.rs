//! The fault scenarios, one row each: a number, a name, the sinks it applies to, and how its world goes.

use steersman_scope::{Dice, OnCancel};

use super::disk::Tear;
use super::sink::{Class, Fault};
use super::special;
use super::world::{Say, Story, Trouble, Verdict, World, say};

/// One scenario.
pub struct Scenario {
    pub number: u8,
    pub name: &'static str,
    pub sinks: &'static [Class],
    pub run: fn(World) -> Verdict,
}

const ALL: &[Class] = &Class::ALL;
const WRITES: &[Class] = &[Class::Keyed, Class::Lookup, Class::Opaque];
const ANY_ONE: &[Class] = &[Class::Opaque];

const fn row(number: u8, name: &'static str, sinks: &'static [Class], run: fn(World) -> Verdict) -> Scenario {
    Scenario { number, name, sinks, run }
}

/// Every scenario that runs in simulation.
pub const SCENARIOS: &[Scenario] = &[
    row(1, "killed before the intent is synced", WRITES, |w| crash_at(w, "journal.before_sync", Tear::LoseUnsynced)),
    row(2, "killed after the intent, before the send", WRITES, |w| crash_at(w, "dispatch.before", Tear::KeepAll)),
    row(3, "killed after the bytes left, before the sink acts", ALL, killed_in_flight),
    row(4, "the sink acted, its answer is lost", ALL, |w| {
        faults(w, &[Fault::LostAfter, Fault::None, Fault::LostAfter])
    }),
    row(5, "killed between answer and outcome", WRITES, |w| crash_at(w, "dispatch.answered", Tear::KeepAll)),
    row(6, "killed after the outcome, before the model sees it", WRITES, replayed),
    row(7, "killed again and again while recovering", WRITES, killed_while_recovering),
    row(8, "last journal record torn, flipped or cut", WRITES, damaged_tail),
    row(9, "disk full or broken at the sync", WRITES, broken_disk),
    row(10, "two processes on one journal", WRITES, special::two_owners),
    row(11, "stopped, replaced, and woken again", WRITES, special::zombie),
    row(12, "the clock jumps by a day", ALL, clock_jumps),
    row(13, "64 calls in parallel, some fail", ALL, many_parallel),
    row(14, "cancelled during the clean-up of its calls", ALL, cancelled),
    row(15, "a tool ignores cancellation", ALL, hangs),
    row(16, "a tool panics, also in its drop", ALL, panics),
    row(17, "the client goes away mid-turn", ALL, abandoned),
    row(18, "one request twice at once", WRITES, special::same_request_twice),
    row(19, "one key for two requests", WRITES, special::same_key_other_request),
    row(20, "the model makes the same call twice in a turn", ALL, twice_in_a_turn),
    row(21, "the model plans again after a time-out", WRITES, replanned),
    row(22, "an approval survives a crash", WRITES, special::approval_survives),
    row(23, "arguments change after the approval", WRITES, special::approval_void),
    row(24, "endless or huge answers", ALL, |w| faults(w, &[Fault::Huge, Fault::Hang, Fault::Huge])),
    row(25, "a tool's connection breaks while it is called", ALL, |w| {
        faults(w, &[Fault::LostBefore, Fault::NotSent, Fault::LostBefore])
    }),
    row(26, "cancellation races completion", ALL, cancel_race),
    row(27, "retry storm of refusals", ALL, storm),
    row(28, "64 calls race for the last of the budget", ALL, special::last_of_the_budget),
    row(29, "an inner deadline is longer than an outer one", ALL, nested_deadlines),
    row(30, "something untrusted is read while a write waits", WRITES, special::stale_verdict),
    row(31, "shut down with many calls in flight", ALL, shut_down),
    row(32, "a thousand scopes opened and cancelled", ANY_ONE, special::many_scopes),
];

/// A short plan: two steps, a few calls each.
fn plan(dice: &Dice) -> Vec<Vec<Say>> {
    let step = |s: u64| {
        let calls = 1 + dice.below(3);
        (0..calls).map(|c| say(&format!("intent {s}.{c}"), &format!("call_{s}_{c}_{}", dice.below(99)))).collect()
    };
    vec![step(0), step(1)]
}

fn random_faults(dice: &Dice, n: u64) -> Vec<Fault> {
    let kinds = [
        Fault::None,
        Fault::None,
        Fault::LostBefore,
        Fault::LostAfter,
        Fault::Late(1 + dice.below(3_000)),
        Fault::NotSent,
        Fault::Throttle,
        Fault::Hang,
    ];
    (0..n).map(|_| kinds[usize::try_from(dice.below(8)).unwrap()]).collect()
}

fn live(mut world: World, troubles: Vec<Trouble>) -> Verdict {
    let story = Story::of(plan(&world.dice), troubles);
    world.live(&story)
}

fn crash_at(world: World, point: &'static str, tear: Tear) -> Verdict {
    let faults = if world.dice.below(2) == 0 { Vec::new() } else { random_faults(&world.dice, 4) };
    let crash_at = Some((point, 1 + world.dice.below(8)));
    live(world, vec![Trouble { crash_at, tear: Some(tear), faults, ..Trouble::default() }])
}

fn killed_in_flight(world: World) -> Verdict {
    let faults = vec![Fault::Late(1 + world.dice.below(3_000)); 3];
    let crash_after_ms = Some(1 + world.dice.below(120));
    live(world, vec![Trouble { crash_after_ms, faults, ..Trouble::default() }])
}

fn faults(world: World, faults: &[Fault]) -> Verdict {
    live(world, vec![Trouble { faults: faults.to_vec(), ..Trouble::default() }])
}

fn replayed(mut world: World) -> Verdict {
    let crash_at = Some(("outcome.recorded", 1 + world.dice.below(4)));
    let story = Story::of(plan(&world.dice), vec![Trouble { crash_at, ..Trouble::default() }]);
    let mut verdict = world.live(&story);
    let calls: usize = story.steps.iter().map(Vec::len).sum();
    // Whatever was recorded is not sent again; what was in flight beside it may be, where that is safe.
    let sends = usize::try_from(world.sink.requests()).unwrap();
    verdict.expect(sends <= calls + 2, "recorded outcomes are replayed and not sent again");
    verdict
}

fn killed_while_recovering(world: World) -> Verdict {
    let places = [
        "reconcile.before",
        "reconcile.looked_up",
        "journal.before_append",
        "journal.after_sync",
        "open.before_snapshot",
        "dispatch.before",
    ];
    let first = Trouble {
        crash_at: Some(("dispatch.answered", 1)),
        faults: random_faults(&world.dice, 2),
        ..Trouble::default()
    };
    let mut troubles = vec![first];
    for _ in 0..10 {
        let place = places[usize::try_from(world.dice.below(6)).unwrap()];
        let tear = Some(if world.dice.below(2) == 0 { Tear::KeepAll } else { Tear::LoseUnsynced });
        let crash_at = Some((place, 1 + world.dice.below(3)));
        troubles.push(Trouble { crash_at, tear, faults: random_faults(&world.dice, 3), ..Trouble::default() });
    }
    live(world, troubles)
}

fn damaged_tail(world: World) -> Verdict {
    let tears = [Tear::Torn, Tear::TornFlipped, Tear::FlipSynced, Tear::CutSynced];
    let tear = Some(tears[usize::try_from(world.dice.below(4)).unwrap()]);
    let points =
        ["journal.before_sync", "journal.after_sync", "dispatch.before", "dispatch.answered", "outcome.recorded"];
    let point = points[usize::try_from(world.dice.below(5)).unwrap()];
    let crash_at = Some((point, 1 + world.dice.below(5)));
    live(world, vec![Trouble { crash_at, tear, ..Trouble::default() }])
}

fn broken_disk(world: World) -> Verdict {
    let n = Some(u32::try_from(world.dice.below(9)).unwrap());
    let sync = world.dice.below(2) == 0;
    let (fail_sync_in, fail_append_in) = if sync { (n, None) } else { (None, n) };
    let tear = Some(Tear::KeepAll);
    live(world, vec![Trouble { fail_sync_in, fail_append_in, tear, ..Trouble::default() }])
}

fn clock_jumps(world: World) -> Verdict {
    const DAY_MS: i64 = 86_400_000;
    let trouble = || {
        let jump_ms = if world.dice.below(2) == 0 { DAY_MS } else { -DAY_MS };
        let crash_after_ms = Some(1 + world.dice.below(150));
        Trouble { jump_ms, crash_after_ms, faults: random_faults(&world.dice, 3), ..Trouble::default() }
    };
    let troubles = vec![trouble(), trouble(), trouble()];
    live(world, troubles)
}

fn many_parallel(mut world: World) -> Verdict {
    let calls = (0..64).map(|c| say(&format!("intent {c}"), &format!("call {c}"))).collect();
    let faults = (0..64).map(|_| if world.dice.below(8) == 0 { Fault::Refuse } else { Fault::None }).collect();
    let crash_after_ms = (world.dice.below(2) == 0).then(|| 1 + world.dice.below(80));
    let story = Story::of(vec![calls], vec![Trouble { faults, crash_after_ms, ..Trouble::default() }]);
    world.live(&story)
}

fn cancelled(world: World) -> Verdict {
    let faults = random_faults(&world.dice, 4);
    let cancel_after_ms = Some(1 + world.dice.below(300));
    live(world, vec![Trouble { cancel_after_ms, faults, ..Trouble::default() }])
}

fn hangs(world: World) -> Verdict {
    let turn_deadline_ms = Some(50 + world.dice.below(500));
    live(world, vec![Trouble { turn_deadline_ms, faults: vec![Fault::Hang; 6], ..Trouble::default() }])
}

fn panics(world: World) -> Verdict {
    let faults =
        (0..6).map(|_| [Fault::Panic, Fault::Bomb, Fault::None][usize::try_from(world.dice.below(3)).unwrap()]);
    let faults = faults.collect();
    let turn_deadline_ms = Some(100 + world.dice.below(4_000));
    live(world, vec![Trouble { turn_deadline_ms, faults, ..Trouble::default() }])
}

fn abandoned(mut world: World) -> Verdict {
    let faults = random_faults(&world.dice, 4);
    let cancel_after_ms = Some(1 + world.dice.below(100));
    let troubles = vec![Trouble { cancel_after_ms, faults, ..Trouble::default() }];
    let on_cancel = if world.dice.below(2) == 0 { OnCancel::Abandon } else { OnCancel::Finish };
    let story = Story { on_cancel, ..Story::of(plan(&world.dice), troubles) };
    world.live(&story)
}

fn twice_in_a_turn(mut world: World) -> Verdict {
    let same_id = world.dice.below(2) == 0;
    let twice =
        vec![say("pay", "call_1"), say("pay", if same_id { "call_1" } else { "call_2" }), say("other", "call_3")];
    let faults = random_faults(&world.dice, 2);
    let crash_after_ms = (world.dice.below(2) == 0).then(|| 1 + world.dice.below(80));
    let story = Story::of(vec![twice], vec![Trouble { faults, crash_after_ms, ..Trouble::default() }]);
    world.live(&story)
}

fn replanned(mut world: World) -> Verdict {
    // The model is told "unknown" or nothing at all, and makes the same call again in later steps, under new ids.
    let steps = (0..3).map(|s| vec![say("pay", &format!("call_{s}"))]).collect();
    let faults = vec![Fault::Hang, Fault::LostAfter, Fault::Hang, Fault::LostAfter];
    let turn_deadline_ms = (world.dice.below(2) == 0).then(|| 100 + world.dice.below(3_000));
    let story = Story::of(steps, vec![Trouble { faults, turn_deadline_ms, ..Trouble::default() }]);
    world.live(&story)
}

fn cancel_race(world: World) -> Verdict {
    // Calls take 1 to 40 ms each way and syncs up to 4 ms: the cut falls around the answer.
    let cancel_after_ms = Some(8 + world.dice.below(50));
    live(world, vec![Trouble { cancel_after_ms, ..Trouble::default() }])
}

fn storm(mut world: World) -> Verdict {
    let faults = vec![Fault::Throttle; 40];
    let calls = (0..8).map(|c| say(&format!("intent {c}"), &format!("call {c}"))).collect();
    let story = Story::of(vec![calls], vec![Trouble { faults, ..Trouble::default() }]);
    let mut verdict = world.live(&story);
    // Three attempts a call at most, in each of two processes.
    verdict.expect(world.sink.requests() <= 8 * 3 * 2, "attempts stay within the contract's number");
    verdict
}

fn nested_deadlines(world: World) -> Verdict {
    let cancel_after_ms = Some(20 + world.dice.below(80));
    let turn_deadline_ms = Some(100_000);
    live(world, vec![Trouble { cancel_after_ms, turn_deadline_ms, faults: vec![Fault::Hang; 4], ..Trouble::default() }])
}

fn shut_down(mut world: World) -> Verdict {
    let calls = (0..100).map(|c| say(&format!("intent {c}"), &format!("call {c}"))).collect();
    let cancel_after_ms = Some(1 + world.dice.below(60));
    let story = Story::of(vec![calls], vec![Trouble { cancel_after_ms, ..Trouble::default() }]);
    world.live(&story)
}
