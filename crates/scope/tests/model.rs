//! The primitives under a model checker: budget and gate are compiled here against the checker's locks, and every
//! law is checked over thousands of interleavings. No clock, no runtime.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod sync {
    pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }
}

#[allow(dead_code, unreachable_pub)]
#[path = "../src/budget.rs"]
mod budget;
#[allow(dead_code)]
#[path = "../src/gate.rs"]
mod gate;

use budget::{Amount, Budget, Caps, Kind};
use gate::Gate;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::{Arc, Mutex};
use shuttle::{check_pct, check_random, future, thread};

const SCHEDULES: usize = 2_000;

fn calls(n: u64) -> Caps {
    Caps { calls: Some(n), ..Caps::default() }
}

/// Two children of one root race for its last units, each through three levels.
fn race_for_the_last_unit() {
    let root = Budget::new("root", calls(2));
    let racers: Vec<_> = (0..3)
        .map(|i| {
            let leaf = root.child("run", calls(2)).child("turn", calls(1 + i % 2));
            let root = root.clone();
            thread::spawn(move || {
                let won = leaf.reserve(Amount::calls(1)).map(|hold| hold.settle(Amount::calls(1))).is_ok();
                let (spent, held) = (root.spent(), root.held());
                assert!(spent.of(Kind::Calls) <= 2 && held.of(Kind::Calls) <= 2);
                won
            })
        })
        .collect();
    let won = racers.into_iter().filter(|_| true).map(|racer| racer.join().unwrap()).filter(|won| *won).count();
    assert_eq!(won, 2, "two of three win: none is refused while there is room");
    assert_eq!((root.spent(), root.held()), (Amount::calls(2), Amount::ZERO));
}

#[test]
fn racers_never_overshoot_and_none_is_refused_without_need() {
    check_random(race_for_the_last_unit, SCHEDULES);
    check_pct(race_for_the_last_unit, SCHEDULES, 3);
}

/// A scope's budget closes while a hold of it is dropped elsewhere.
fn close_against_drop() {
    let root = Budget::new("root", calls(5));
    let turn = root.child("turn", Caps::default());
    let mut hold = turn.reserve(Amount::calls(3)).unwrap();
    let closing = thread::spawn({
        let turn = turn.clone();
        move || turn.close()
    });
    hold.charge(Amount::calls(1));
    drop(hold);
    let revoked = closing.join().unwrap().of(Kind::Calls);
    assert!(revoked <= 3);
    assert_eq!((root.spent(), root.held(), turn.held()), (Amount::calls(1), Amount::ZERO, Amount::ZERO));
    assert!(turn.reserve(Amount::calls(1)).is_err());
}

#[test]
fn closing_and_dropping_give_back_exactly_once() {
    check_random(close_against_drop, SCHEDULES);
    check_pct(close_against_drop, SCHEDULES, 3);
}

/// Work enters and leaves while the scope closes: what got in is out when the gate says closed.
fn enter_against_close() {
    let gate = Gate::default();
    let (inside, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(false)));
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let (gate, inside, closed) = (gate.clone(), Arc::clone(&inside), Arc::clone(&closed));
            thread::spawn(move || {
                let Some(pass) = gate.enter() else {
                    return;
                };
                inside.fetch_add(1, Ordering::SeqCst);
                assert!(!*closed.lock().unwrap(), "somebody is inside a closed gate");
                inside.fetch_sub(1, Ordering::SeqCst);
                drop(pass);
            })
        })
        .collect();
    future::block_on(gate.close());
    assert_eq!(inside.load(Ordering::SeqCst), 0);
    *closed.lock().unwrap() = true;
    assert!(gate.enter().is_none());
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn a_closed_gate_is_empty_and_stays_so() {
    check_random(enter_against_close, SCHEDULES);
    check_pct(enter_against_close, SCHEDULES, 3);
}
