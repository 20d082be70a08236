//! The effect ledger on both engines: what it allows, held against the journal as a model; and several gateways on one
//! database, which never intend one effect twice and never run one run at once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cognitive_complexity,
    reason = "statements held against both engines are plain functions, each a script of questions and answers"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use steersman_core::{ContentHash, Effect};
use steersman_scope::{
    Change, Clock, Dice, DiskFiles, EffectKey, EffectRecord, Evidence, Journal, JournalOptions, Ledger, LedgerError,
    Means, NewEffect, Plan, RunId, RunOpened, Slot, Start, State, Witness,
};
use steersman_store::Store;
use steersman_store::state::effects::{EffectLedger, LedgerOptions};
use support::{Place, on_both_engines};

on_both_engines! {
    a_life_from_plan_to_reconciled_says_what_stands_and_who_said_so,
    places_twins_and_grants_keep_a_call_from_being_made_again,
    it_answers_as_the_journal_does,
    of_two_gateways_one_has_a_run_and_one_intends_an_effect,
    a_silent_gateway_is_replaced_and_what_it_may_still_send_is_contested,
    a_restart_has_its_runs_at_once_and_its_old_life_is_over,
    a_question_leaves_no_commit_behind,
    effects_of_an_older_version_are_known_by_their_keys_and_still_stand_in_the_way,
}

/// A clock that a test moves.
#[derive(Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn unix_millis(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Hand {
    fn later(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

fn options(owner: &str, clock: &Arc<Hand>) -> LedgerOptions {
    LedgerOptions { clock: Arc::clone(clock) as _, ..LedgerOptions::of(owner) }
}

async fn gateway(store: &Store, owner: &str, clock: &Arc<Hand>) -> EffectLedger {
    EffectLedger::open(store.state(), options(owner, clock)).await.unwrap()
}

fn request() -> ContentHash {
    ContentHash::of(b"request")
}

fn call(run: &str, step: u32, index: u32, arguments: &str, start: Start) -> NewEffect {
    NewEffect {
        slot: Slot { run: run.into(), path: format!("step {step}").into(), index },
        tool: "pay".into(),
        arguments: arguments.into(),
        effect: Effect::Irreversible,
        means: Means::Opaque,
        start,
    }
}

fn sending() -> Start {
    Start::Sending("policy".into())
}

async fn new(ledger: &dyn Ledger, effect: NewEffect) -> EffectRecord {
    match ledger.plan(effect).await.unwrap() {
        Plan::New(record) => record,
        other => panic!("{other:?}"),
    }
}

async fn a_life_from_plan_to_reconciled_says_what_stands_and_who_said_so(place: Place) {
    let (store, clock) = (place.open().await, Arc::new(Hand(AtomicI64::new(1_000))));
    let ledger = gateway(&store, "a", &clock).await;
    let run = RunId::from("run");
    let early = ledger.plan(call("run", 0, 0, "{}", sending())).await;
    assert!(matches!(early, Err(LedgerError::NoRun(_))), "{early:?}");
    assert_eq!(ledger.open_run(&run, request()).await.unwrap(), RunOpened::New);
    let waits = new(&ledger, call("run", 0, 0, "{\"a\":1}", Start::Waiting)).await;
    assert_eq!((waits.state, waits.attempt), (State::Planned, 0));
    assert_eq!(ledger.effect(waits.key).await.unwrap(), Some(waits.clone()), "it is read as it was written");
    let early = ledger.advance(waits.key, 0, Change::Intend(Evidence::FirstSend)).await;
    assert!(matches!(early, Err(LedgerError::Moved(at)) if at.state == State::Planned));
    ledger.advance(waits.key, 0, Change::Authorise("ann".into())).await.unwrap();
    let sent = ledger.advance(waits.key, 0, Change::Intend(Evidence::FirstSend)).await.unwrap();
    assert_eq!((sent.state, sent.attempt, sent.authorised_by.as_deref()), (State::Intent, 1, Some("ann")));
    let stale = ledger.advance(waits.key, 0, Change::Lose("late".into())).await;
    assert!(matches!(stale, Err(LedgerError::Moved(at)) if at.attempt == 1), "another attempt by now");
    ledger.dispatched(waits.key, 1);
    ledger.grant_repeat(waits.twin).await.unwrap();
    assert_eq!(ledger.effect(waits.key).await.unwrap().unwrap().state, State::Dispatched, "noted with the next change");
    clock.later(5);
    let lost = ledger.advance(waits.key, 1, Change::Lose("reset".into())).await.unwrap();
    assert_eq!((lost.state, lost.detail.as_str(), lost.contested), (State::Unknown, "reset", false));
    assert_eq!(ledger.open_effects().await.unwrap(), std::slice::from_ref(&lost));
    let again = ledger.advance(waits.key, 1, Change::Intend(Evidence::Person("bob".into()))).await.unwrap();
    assert_eq!((again.attempt, again.doubt, again.authorised_by.as_deref()), (2, true, Some("bob")));
    let no = ledger.advance(waits.key, 2, Change::Fail("no".into(), Witness::Answer)).await.unwrap();
    assert_eq!(no.state, State::Unknown, "a no to the second send says nothing of the first");
    let by = Witness::Person("ann".into());
    let done = ledger.advance(waits.key, 2, Change::Commit("seen it".into(), by.clone())).await.unwrap();
    assert_eq!((done.state, done.reconciled_by, done.changed_at_ms), (State::Committed, Some(by), 1_005));
    assert!(ledger.open_effects().await.unwrap().is_empty());
    let nobody = EffectKey::twin(&run, "x", "y");
    assert!(matches!(ledger.advance(nobody, 0, Change::Dispatch).await, Err(LedgerError::NoEffect(_))));
}

async fn places_twins_and_grants_keep_a_call_from_being_made_again(place: Place) {
    let (store, clock) = (place.open().await, Arc::<Hand>::default());
    let ledger = gateway(&store, "a", &clock).await;
    let run = RunId::from("run");
    ledger.open_run(&run, request()).await.unwrap();
    let first = new(&ledger, call("run", 0, 0, "1", sending())).await;
    let same = ledger.plan(call("run", 0, 0, "1", sending())).await.unwrap();
    assert!(matches!(same, Plan::Known(known) if known.state == State::Intent));
    let other = ledger.plan(call("run", 0, 0, "2", sending())).await.unwrap();
    assert!(matches!(other, Plan::Conflict(at) if at.key == first.key), "something was sent from this place");
    let twin = ledger.plan(call("run", 1, 0, "1", sending())).await.unwrap();
    assert!(matches!(twin, Plan::Twin(at) if at.key == first.key), "the same call is under way");
    ledger.advance(first.key, 1, Change::Commit("done".into(), Witness::Answer)).await.unwrap();
    let twin = ledger.plan(call("run", 1, 0, "1", sending())).await.unwrap();
    assert!(matches!(twin, Plan::Twin(_)), "irreversible and done: not again");
    ledger.grant_repeat(first.twin).await.unwrap();
    let granted = new(&ledger, call("run", 1, 0, "1", sending())).await;
    ledger.advance(granted.key, 1, Change::Commit("done".into(), Witness::Answer)).await.unwrap();
    assert!(matches!(ledger.plan(call("run", 2, 0, "1", sending())).await.unwrap(), Plan::Twin(_)), "one, not two");
    // What waits at a place gives way to other arguments, and can come back.
    let waits = new(&ledger, call("run", 3, 0, "3", Start::Waiting)).await;
    new(&ledger, call("run", 3, 0, "4", Start::Waiting)).await;
    assert_eq!(ledger.effect(waits.key).await.unwrap().unwrap().state, State::Void);
    let back = new(&ledger, call("run", 3, 0, "3", Start::Waiting)).await;
    ledger.advance(back.key, 0, Change::Deny("ann".into())).await.unwrap();
    new(&ledger, call("run", 3, 0, "5", sending())).await;
    let open = ledger.forget_run(&run).await;
    assert!(matches!(open, Err(LedgerError::Moved(at)) if at.arguments == "5"), "what is open is not forgotten");
    let last = ledger.open_effects().await.unwrap().remove(0);
    ledger.advance(last.key, 1, Change::Commit("done".into(), Witness::Answer)).await.unwrap();
    assert_eq!(ledger.open_run(&run, ContentHash::of(b"other")).await.unwrap(), RunOpened::OtherRequest);
    ledger.close_run(&run).await.unwrap();
    assert!(matches!(ledger.plan(call("run", 4, 0, "6", sending())).await, Err(LedgerError::NoRun(_))));
    assert_eq!(ledger.open_run(&run, request()).await.unwrap(), RunOpened::Known);
    ledger.forget_run(&run).await.unwrap();
    assert_eq!(ledger.effect(first.key).await.unwrap(), None);
    assert_eq!(ledger.open_run(&run, request()).await.unwrap(), RunOpened::New);
    new(&ledger, call("run", 0, 0, "1", sending())).await;
    assert!(matches!(ledger.close_run(&"nobody".into()).await, Err(LedgerError::NoRun(_))));
}

/// One random question; both ledgers get the same ones.
async fn question(ledger: &dyn Ledger, dice: &Dice) -> String {
    let pick = |n: u64| u32::try_from(dice.below(n)).unwrap();
    let (step, index, word) = (pick(2), pick(2), pick(3).to_string());
    let run = if pick(8) == 0 { "other" } else { "run" };
    let effect = if pick(3) == 0 { Effect::Write } else { Effect::Irreversible };
    let start = if pick(3) == 0 { Start::Waiting } else { sending() };
    let planned = NewEffect { effect, ..call(run, step, index, &word, start) };
    let key = EffectKey::of(&planned.slot, &planned.tool, &planned.arguments);
    let change = match pick(9) {
        0 => Change::Authorise("ann".into()),
        1 => Change::Deny("ann".into()),
        2 => Change::Intend(Evidence::FirstSend),
        3 => Change::Intend(
            [Evidence::Keyed, Evidence::Absent, Evidence::Person("bob".into())][pick(3) as usize].clone(),
        ),
        4 => Change::Dispatch,
        5 => Change::Commit(word, [Witness::Answer, Witness::Lookup][pick(2) as usize].clone()),
        6 => Change::Fail(word, [Witness::Answer, Witness::Person("eve".into())][pick(2) as usize].clone()),
        7 => Change::Lose(word),
        _ => Change::Void,
    };
    let (attempt, kind) = (pick(3), pick(20));
    // Which of several twins is named is nobody's promise; that it is one of them is.
    let shown = |record: EffectRecord| format!("{:?}", EffectRecord { epoch: 0, changed_at_ms: 0, ..record });
    let failed = |error: LedgerError| match error {
        LedgerError::Moved(record) => format!("moved {}", shown(*record)),
        other => other.to_string(),
    };
    match kind {
        0 => format!("{:?}", ledger.open_run(&run.into(), request()).await.map_err(failed)),
        1 => format!("{:?}", ledger.close_run(&run.into()).await.map_err(failed)),
        2 => format!(
            "{:?}",
            ledger.grant_repeat(EffectKey::twin(&run.into(), "pay", &planned.arguments)).await.map_err(failed)
        ),
        3 => {
            let open = ledger.open_effects().await.unwrap();
            open.into_iter().map(shown).collect()
        }
        4..=10 => match ledger.plan(planned).await {
            Ok(Plan::New(record)) => format!("new {}", shown(record)),
            Ok(Plan::Known(record)) => format!("known {}", shown(record)),
            Ok(Plan::Twin(record)) => format!("twin {}", record.twin),
            Ok(Plan::Conflict(record)) => format!("conflict {}", record.slot),
            Err(error) => failed(error),
        },
        _ => ledger.advance(key, attempt, change).await.map_or_else(failed, shown),
    }
}

async fn it_answers_as_the_journal_does(place: Place) {
    let (store, clock) = (place.open().await, Arc::<Hand>::default());
    for seed in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let files = Arc::new(DiskFiles::open(folder.path()).unwrap());
        let model = Journal::open(files, JournalOptions::default()).await.unwrap();
        let ledger = gateway(&store, &format!("gateway {seed}"), &clock).await;
        for run in ["run", "other"] {
            for effect in ledger.open_effects().await.unwrap() {
                let fail = Change::Fail(String::new(), Witness::Lookup);
                for change in [fail, Change::Void] {
                    drop(ledger.advance(effect.key, effect.attempt, change).await);
                }
            }
            ledger.forget_run(&run.into()).await.unwrap();
            assert_eq!(ledger.open_run(&run.into(), request()).await.unwrap(), RunOpened::New);
            model.open_run(&run.into(), request()).await.unwrap();
        }
        let dice = [Dice::seeded(seed), Dice::seeded(seed)];
        for number in 0..250 {
            let (expected, got) = (question(&model, &dice[0]).await, question(&ledger, &dice[1]).await);
            assert_eq!(got, expected, "question {number} of seed {seed}");
        }
        ledger.close().await.unwrap();
        model.close().await;
    }
}

async fn of_two_gateways_one_has_a_run_and_one_intends_an_effect(place: Place) {
    let (one, clock) = (place.open().await, Arc::<Hand>::default());
    let other = steersman_store::State::open(&place.engine).await.unwrap();
    let a = Arc::new(gateway(&one, "a", &clock).await);
    let b = Arc::new(EffectLedger::open(&other, options("b", &clock)).await.unwrap());
    for round in 0..16 {
        let run = format!("run {round}");
        let asked = [&a, &b].map(|gateway| {
            let (gateway, run) = (Arc::clone(gateway), RunId::from(run.as_str()));
            tokio::spawn(async move { gateway.open_run(&run, request()).await })
        });
        let mut opened = Vec::new();
        for answer in asked {
            opened.push(answer.await.unwrap());
        }
        assert_eq!(opened.iter().filter(|answer| matches!(answer, Ok(RunOpened::New))).count(), 1, "{opened:?}");
        assert_eq!(opened.iter().filter(|answer| matches!(answer, Err(LedgerError::Elsewhere(_)))).count(), 1);
        let (has, has_not) = if opened[0].is_ok() { (&a, &b) } else { (&b, &a) };
        let refused = has_not.plan(call(&run, 0, 0, "1", sending())).await;
        assert!(matches!(refused, Err(LedgerError::Elsewhere(_))), "{refused:?}");
        let waits = new(&**has, call(&run, 0, 0, "1", Start::Waiting)).await;
        // A person may decide at either; both then carry it out, and one does.
        has_not.advance(waits.key, 0, Change::Authorise("ann".into())).await.unwrap();
        let sends = (0..8).map(|n| {
            let gateway = if n % 2 == 0 { Arc::clone(&a) } else { Arc::clone(&b) };
            tokio::spawn(
                async move { gateway.advance(waits.key, 0, Change::Intend(Evidence::FirstSend)).await.is_ok() },
            )
        });
        let mut sent = 0;
        for send in sends.collect::<Vec<_>>() {
            sent += u32::from(send.await.unwrap());
        }
        assert_eq!(sent, 1, "one of eight sends");
        let run = RunId::from(run.as_str());
        assert!(matches!(has_not.open_run(&run, request()).await, Err(LedgerError::Elsewhere(_))));
        has.let_go(&run);
        has.open_effects().await.unwrap();
        assert_eq!(has_not.open_run(&run, request()).await.unwrap(), RunOpened::Known, "let go of");
    }
}

async fn a_silent_gateway_is_replaced_and_what_it_may_still_send_is_contested(place: Place) {
    let (store, clock) = (place.open().await, Arc::<Hand>::default());
    let (a, b) = (gateway(&store, "a", &clock).await, gateway(&store, "b", &clock).await);
    let run = RunId::from("run");
    a.open_run(&run, request()).await.unwrap();
    let sent = new(&a, call("run", 0, 0, "1", sending())).await;
    let lost = || Change::Lose("its sender is gone".into());
    assert!(b.orphans().await.unwrap().is_empty(), "its owner lives");
    assert!(matches!(b.advance(sent.key, 1, lost()).await, Err(LedgerError::Moved(at)) if at.state == State::Intent));
    clock.later(15_001);
    assert_eq!(b.orphans().await.unwrap().len(), 1);
    assert_eq!(b.open_run(&run, request()).await.unwrap(), RunOpened::Known);
    let zombie = a.plan(call("run", 1, 0, "2", sending())).await;
    assert!(matches!(zombie, Err(LedgerError::Elsewhere(_))), "{zombie:?}");
    let taken = b.advance(sent.key, 1, lost()).await.unwrap();
    assert!(taken.contested, "it may still send");
    // What the old owner hears from the tool is still the truth of that attempt.
    let told = a.advance(sent.key, 1, Change::Commit("done".into(), Witness::Answer)).await.unwrap();
    assert_eq!(told.state, State::Committed);
    new(&b, call("run", 1, 0, "2", sending())).await;
    // A gateway that says goodbye is replaced at once, and cannot send any more.
    b.close().await.unwrap();
    assert_eq!(a.open_run(&run, request()).await.unwrap(), RunOpened::Known);
    let late = a.orphans().await.unwrap().remove(0);
    assert!(!a.advance(late.key, 1, lost()).await.unwrap().contested);
    // Silent and replaced, but then seen to have begun anew: its old life sends nothing late any more.
    let last = new(&a, call("run", 2, 0, "3", sending())).await;
    clock.later(15_001);
    let c = gateway(&store, "c", &clock).await;
    assert!(c.advance(last.key, 1, lost()).await.unwrap().contested);
    let again = gateway(&store, "a", &clock).await;
    assert!(!again.effect(last.key).await.unwrap().unwrap().contested);
}

async fn a_restart_has_its_runs_at_once_and_its_old_life_is_over(place: Place) {
    let (store, clock) = (place.open().await, Arc::<Hand>::default());
    let old = gateway(&store, "a", &clock).await;
    let run = RunId::from("run");
    old.open_run(&run, request()).await.unwrap();
    let sent = new(&old, call("run", 0, 0, "1", sending())).await;
    let waits = new(&old, call("run", 0, 1, "2", Start::Waiting)).await;
    let again = gateway(&store, "a", &clock).await;
    assert_eq!(
        again.orphans().await.unwrap(),
        std::slice::from_ref(&sent),
        "what waits for a person is nobody's to resolve"
    );
    assert_eq!(again.open_run(&run, request()).await.unwrap(), RunOpened::Known);
    let zombie = old.plan(call("run", 1, 0, "3", sending())).await;
    assert!(matches!(zombie, Err(LedgerError::Fenced { by: 2 })), "{zombie:?}");
    old.advance(waits.key, 0, Change::Authorise("ann".into())).await.unwrap();
    assert!(old.advance(waits.key, 0, Change::Intend(Evidence::FirstSend)).await.is_err(), "an old life sends nothing");
    let known = again.plan(call("run", 0, 0, "1", sending())).await.unwrap();
    assert!(matches!(known, Plan::Known(at) if at.key == sent.key));
    let lost = again.advance(sent.key, 1, Change::Lose("killed".into())).await.unwrap();
    assert!(!lost.contested, "its sender is dead");
}

async fn a_question_leaves_no_commit_behind(place: Place) {
    let (store, clock) = (place.open().await, Arc::<Hand>::default());
    let ledger = gateway(&store, "a", &clock).await;
    let sql = "SELECT COALESCE(SUM(batch), 0) FROM state_commits";
    let commits = || async {
        match &place.engine {
            steersman_store::Engine::Sqlite { path } => {
                let state = rusqlite::Connection::open(path.with_file_name("state.db")).unwrap();
                state.query_row(sql, [], |row| row.get(0)).unwrap()
            }
            steersman_store::Engine::Postgres { .. } => {
                place.number("SELECT CAST(COALESCE(SUM(batch), 0) AS BIGINT) FROM state_commits").await
            }
        }
    };
    let before: i64 = commits().await;
    for _ in 0..10 {
        ledger.open_effects().await.unwrap();
    }
    assert_eq!(commits().await, before);
    ledger.open_run(&"run".into(), request()).await.unwrap();
    assert_eq!(commits().await, before + 1);
}

async fn effects_of_an_older_version_are_known_by_their_keys_and_still_stand_in_the_way(place: Place) {
    let steps = [
        include_str!("../migrations/state_0001_commits.sql"),
        include_str!("../migrations/state_0002_documents.sql"),
        include_str!("../migrations/state_0003_responses.sql"),
        include_str!("../migrations/state_0004_budgets.sql"),
        include_str!("../migrations/state_0005_effects.sql"),
        include_str!("../migrations/state_0006_cache.sql"),
    ];
    let slot = Slot { run: "old".into(), path: "step 0".into(), index: 0 };
    let (key, twin) = (EffectKey::of(&slot, "pay", "{}"), EffectKey::twin(&slot.run, "pay", "{}"));
    let rows = format!(
        "CREATE TABLE steersman_state_schema (version BIGINT NOT NULL);
         INSERT INTO steersman_state_schema VALUES (6);
         INSERT INTO state_effect_owners VALUES ('a', 3, 9);
         INSERT INTO state_effect_runs VALUES ('old', '{}', 0, 'a', 3, 1), ('other', 'x', 1, '', 0, 0);
         INSERT INTO state_effects VALUES ('{key}', '{twin}', 'old', 'step 0', 0, 'pay', '{{}}', 'irreversible', 'opaque',
            'unknown', 1, 'a', 3, 0, 0, 'reset', 'policy', NULL, 7);",
        request()
    );
    place.state_script(&(steps.concat() + &rows)).await;
    let (store, clock) = (place.open().await, Arc::new(Hand(AtomicI64::new(1_000))));
    let ledger = gateway(&store, "a", &clock).await;
    let known = ledger.effect(key).await.unwrap().unwrap();
    assert_eq!((known.slot.clone(), known.twin, known.state, known.attempt), (slot, twin, State::Unknown, 1));
    assert_eq!(ledger.open_run(&"old".into(), request()).await.unwrap(), RunOpened::Known);
    let elsewhere = ledger.plan(call("old", 1, 0, "{}", sending())).await.unwrap();
    assert!(matches!(elsewhere, Plan::Twin(other) if other.key == key), "the same call is still in doubt");
    let there = ledger.plan(call("old", 0, 0, "{\"b\":1}", sending())).await.unwrap();
    assert!(matches!(there, Plan::Conflict(other) if other.key == key), "its place is taken");
    ledger.advance(key, 1, Change::Fail("it was not".into(), Witness::Person("ann".into()))).await.unwrap();
    ledger.close_run(&"old".into()).await.unwrap();
    ledger.forget_run(&"old".into()).await.unwrap();
    assert_eq!(ledger.effect(key).await.unwrap(), None, "a forgotten run takes its effects with it");
}
