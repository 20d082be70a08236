//! What a scope promises, one sentence a test, in paused time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use steersman_scope::{
    Amount, Budget, Caps, Cause, Child, CleanupFaultKind, Failure, Fault, Kind, OverBudget, Root, Scope, ShieldLost,
};
use tokio::time::{Instant, sleep};

type Work = Child<u32, String>;

const SECOND: Duration = Duration::from_secs(1);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ok(id: &str, after: u64) -> Work {
    Child::new(id, move |_| async move {
        sleep(secs(after)).await;
        Ok(u32::try_from(after).unwrap())
    })
}

fn bad(id: &str, after: u64) -> Work {
    let said = format!("{id} broke");
    Child::new(id, move |_| async move {
        sleep(secs(after)).await;
        Err(said)
    })
}

fn hang(id: &str) -> Work {
    Child::new(id, |_| std::future::pending())
}

fn panics(id: &str) -> Work {
    Child::new(id, |_| async { panic!("boom") })
}

/// Failures as `index id fault`, for comparison.
fn said(failures: &[Failure<String>]) -> Vec<String> {
    failures.iter().map(|failure| format!("{} {failure}", failure.index)).collect()
}

#[tokio::test(start_paused = true)]
async fn values_come_back_in_request_order_whatever_the_order_of_their_ends() {
    let root = Root::unlimited("test");
    let values = root.scope("turn").all_or_nothing([ok("a", 3), ok("b", 1), ok("c", 2)]).await.unwrap();
    assert_eq!(values, [3, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_cancels_the_siblings_and_every_failure_comes_back_with_its_id() {
    let root = Root::unlimited("test");
    let start = Instant::now();
    let children = [ok("a", 1), bad("b", 2), bad("c", 2), hang("d"), panics("e")];
    // `e` panics at once, so that `a` to `d` are all cancelled.
    let failed = root.scope("turn").all_or_nothing(children).await.unwrap_err();
    let siblings = "cancelled: `e` failed and the policy wants all or nothing";
    let expected: Vec<String> =
        ["a", "b", "c", "d"].iter().enumerate().map(|(i, id)| format!("{i} `{id}`: {siblings}")).collect();
    assert_eq!(said(&failed.failures)[..4], expected);
    assert_eq!(said(&failed.failures)[4], "4 `e`: panicked: boom");
    assert_eq!(start.elapsed(), Duration::ZERO, "cancelled work does not delay the end");
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_same_moment_all_come_back() {
    let root = Root::unlimited("test");
    let failed = root.scope("turn").all_or_nothing([ok("a", 1), bad("b", 2), bad("c", 2)]).await.unwrap_err();
    assert_eq!(failed.completed.len(), 1);
    let ids: Vec<_> = failed.failures.iter().map(|failure| failure.id.as_str()).collect();
    assert_eq!(ids, ["b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_best_effort_gives_one_result_for_each_item_and_none_without_its_handler() {
    let root = Root::unlimited("test");
    let settled = root.scope("turn").best_effort([bad("a", 1), ok("b", 2), panics("c")]).await;
    let lines = settled.fold(|id, value| format!("{id} = {value}"), |failure| failure.to_string()).unwrap();
    assert_eq!(lines, ["`a`: a broke", "b = 2", "`c`: panicked: boom"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_success_wins_and_the_slower_ones_are_cancelled() {
    let root = Root::unlimited("test");
    let start = Instant::now();
    let won = root.scope("hedge").first_success([bad("a", 1), ok("b", 2), ok("c", 9)]).await.unwrap();
    assert_eq!((won.values[0].0.as_str(), won.values[0].1), ("b", 2));
    assert_eq!(said(&won.others), ["0 `a`: a broke", "2 `c`: cancelled: enough of its siblings succeeded"]);
    assert_eq!(start.elapsed(), secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_quorum_out_of_reach_ends_at_once() {
    let root = Root::unlimited("test");
    let start = Instant::now();
    let failed = root.scope("vote").quorum(3, [ok("a", 1), bad("b", 2), bad("c", 3), hang("d")]).await.unwrap_err();
    assert_eq!(failed.report.cause, Some(Cause::OutOfReach));
    assert_eq!((failed.completed.len(), failed.failures.len(), start.elapsed()), (1, 3, secs(3)));
}

#[tokio::test(start_paused = true)]
async fn one_slow_call_times_out_by_itself_and_the_others_keep_their_results() {
    let root = Root::unlimited("test");
    let start = Instant::now();
    let children = [ok("a", 1), hang("b").timeout(secs(3)), ok("c", 2)];
    let settled = root.scope("turn").best_effort(children).await;
    let lines = settled.fold(|id, _| id.to_string(), |failure| failure.to_string()).unwrap();
    assert_eq!(lines, ["a", "`b`: timed out after 3s", "c"]);
    assert_eq!(start.elapsed(), secs(3));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_fan_out_is_a_typed_time_out_for_the_hanging_call_only() {
    let root = Root::unlimited("test");
    let settled = root.scope("turn").deadline(secs(5)).best_effort([ok("a", 1), hang("b")]).await;
    assert_eq!(settled.report().cause, Some(Cause::Deadline));
    let lines = settled.fold(|id, _| id.to_string(), |failure| failure.to_string()).unwrap();
    assert_eq!(lines, ["a", "`b`: timed out after 5s"]);
}

#[tokio::test(start_paused = true)]
async fn an_inner_deadline_never_outlives_an_outer_one() {
    let root = Root::unlimited("test");
    let start = Instant::now();
    let outer = Child::<u32, String>::graceful("outer", |scope: Scope| async move {
        let inner = scope.child("inner").deadline(secs(60));
        inner.run(hang("leaf")).await.map_err(|failed| failed.to_string())
    });
    let failed = root.scope("turn").deadline(secs(2)).run(outer).await.unwrap_err();
    assert_eq!(start.elapsed(), secs(2));
    assert_eq!(said(&failed.failures), ["0 `outer`: 1 of 1 failed, first `leaf`: timed out after 2s"]);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_child_has_its_grace_and_not_more() {
    let root = Root::new("test", &Budget::new("all", Caps::default()), secs(5));
    let tidy = |id: &str, needs: u64| {
        Work::graceful(id, move |scope: Scope| async move {
            scope.cancelled().await;
            sleep(secs(needs)).await;
            Ok(1)
        })
    };
    let start = Instant::now();
    let scope = root.scope("turn").deadline(SECOND).grace(secs(3));
    let settled = scope.best_effort([tidy("quick", 2), tidy("slow", 60)]).await;
    assert_eq!(start.elapsed(), secs(4));
    let lines = settled.fold(|id, _| id.to_string(), |failure| failure.to_string()).unwrap();
    assert_eq!(lines, ["quick", "`slow`: stopped hard after its grace period: the deadline passed"]);
}

#[tokio::test(start_paused = true)]
async fn clean_ups_run_together_within_their_own_time_and_their_faults_are_reported() {
    let root = Root::new("test", &Budget::new("all", Caps::default()), secs(2));
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&order);
    let child = Work::new("call", move |scope: Scope| async move {
        for name in ["first", "second"] {
            let log = Arc::clone(&log);
            scope.on_close(name, async move {
                sleep(Duration::from_millis(100)).await;
                log.lock().unwrap().push(name);
            });
        }
        scope.on_close("bomb", async { panic!("hook") });
        scope.on_close("tar pit", sleep(secs(3600)));
        std::future::pending().await
    });
    let start = Instant::now();
    let failed = root.scope("turn").deadline(SECOND).run(child).await.unwrap_err();
    assert_eq!(start.elapsed(), secs(3), "one second of work and two of clean-up");
    let kinds: Vec<_> = failed.report.cleanup.iter().map(|fault| (fault.name.as_str(), &fault.kind)).collect();
    let bomb = ("bomb", &CleanupFaultKind::Panicked("hook".into()));
    assert_eq!(kinds, [bomb, ("tar pit", &CleanupFaultKind::TimedOut(secs(2)))]);
    assert_eq!(*order.lock().unwrap(), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn clean_ups_alone_can_fail_a_scope_and_the_values_are_kept() {
    let root = Root::unlimited("test");
    let child = Work::new("call", |scope: Scope| async move {
        scope.on_close("bomb", async { panic!("hook") });
        Ok(7)
    });
    let failed = root.scope("turn").all_or_nothing([child]).await.unwrap_err();
    assert_eq!((failed.completed[0].1, failed.report.cleanup.len()), (7, 1));
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_drop_is_contained_and_named() {
    let root = Root::unlimited("test");
    let armed = Work::new("armed", |_| async {
        let _bomb = Bomb;
        std::future::pending().await
    });
    let failed = root.scope("turn").all_or_nothing([armed, bad("b", 1), ok("c", 9)]).await.unwrap_err();
    assert_eq!(said(&failed.failures)[0], "0 `armed`: panicked: dropped");
    assert_eq!(failed.failures.len(), 3);
    root.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_shielded_section_ends_after_its_caller_was_cancelled_and_the_scope_waits_for_it() {
    let root = Root::unlimited("test");
    let done = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&done);
    let child = Work::new("call", move |scope: Scope| async move {
        let commit = async move {
            sleep(SECOND).await;
            count.fetch_add(1, Ordering::SeqCst);
        };
        scope.shield(secs(9), commit).await.map(|()| 1).map_err(|lost| lost.to_string())
    });
    let start = Instant::now();
    let failed = root.scope("turn").deadline(Duration::from_millis(500)).run(child).await.unwrap_err();
    assert_eq!((done.load(Ordering::SeqCst), start.elapsed()), (1, SECOND));
    assert!(matches!(failed.failures[0].fault, Fault::TimedOut(_)));
}

#[tokio::test(start_paused = true)]
async fn a_shielded_section_is_bounded_by_its_limit_and_by_the_grace_period() {
    let root = Root::unlimited("test");
    let child = Child::<_, String>::new("call", |scope: Scope| async move {
        Ok((scope.shield(SECOND, sleep(secs(9))).await, scope.shield(SECOND, async { panic!("in") }).await))
    });
    let (slow, burst) = root.scope("turn").run(child).await.unwrap();
    assert_eq!(slow, Err(ShieldLost::TimedOut(SECOND)));
    assert_eq!(burst, Err::<(), _>(ShieldLost::Panicked("in".into())));

    let endless = Work::new("call", |scope: Scope| async move {
        drop(scope.shield(secs(3600), std::future::pending::<()>()).await);
        Ok(0)
    });
    let start = Instant::now();
    drop(root.scope("turn").deadline(SECOND).grace(secs(2)).run(endless).await);
    assert_eq!(start.elapsed(), secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_scope_is_closed_by_its_own_task_and_the_scope_around_it_waits() {
    let root = Root::unlimited("test");
    let done = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&done);
    let impatient = Work::new("impatient", move |scope: Scope| async move {
        let leaf = Work::graceful("leaf", move |scope: Scope| async move {
            scope.cancelled().await;
            sleep(SECOND).await;
            count.fetch_add(1, Ordering::SeqCst);
            Ok(0)
        });
        let inner = scope.child("inner").run(leaf);
        drop(tokio::time::timeout(secs(3), inner).await);
        Ok(1)
    });
    let start = Instant::now();
    assert_eq!(root.scope("turn").run(impatient).await.unwrap(), 1);
    assert_eq!((done.load(Ordering::SeqCst), start.elapsed()), (1, secs(4)));
}

#[tokio::test(start_paused = true)]
async fn a_shut_down_root_starts_nothing_and_still_answers_for_each_item() {
    let root = Root::unlimited("test");
    root.shutdown().await;
    let failed = root.scope("late").all_or_nothing([ok("a", 1), ok("b", 1)]).await.unwrap_err();
    assert_eq!(said(&failed.failures)[1], "1 `b`: cancelled: the scope had already ended");
}

#[tokio::test(start_paused = true)]
async fn work_that_used_tokens_before_it_was_cancelled_is_on_the_bill() {
    let budget = Budget::new("key", Caps { tokens: Some(100), ..Caps::default() });
    let root = Root::new("test", &budget, SECOND);
    let child = Work::new("call", |scope: Scope| async move {
        let mut hold = scope.reserve(Amount::tokens(80)).map_err(|over| over.to_string())?;
        hold.charge(Amount::tokens(30));
        std::future::pending().await
    });
    drop(root.scope("turn").deadline(SECOND).run(child).await);
    assert_eq!((budget.spent(), budget.held()), (Amount::tokens(30), Amount::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_leaves_its_scope_is_revoked_and_said_so() {
    let budget = Budget::new("key", Caps { calls: Some(3), ..Caps::default() });
    let root = Root::new("test", &budget, SECOND);
    let child = Child::<_, OverBudget>::new("call", |scope: Scope| async move { scope.reserve(Amount::calls(2)) });
    let settled = root.scope("turn").best_effort([child]).await;
    assert_eq!((settled.report().revoked, budget.held()), (Amount::calls(2), Amount::ZERO));
    // A bill that comes in late still counts.
    settled.fold(|_, hold| hold.settle(Amount::calls(1)), |_| ()).unwrap();
    assert_eq!((budget.spent(), budget.held()), (Amount::calls(1), Amount::ZERO));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_and_fifty_six_children_racing_for_the_last_cent_never_overshoot() {
    let budget = Budget::new("key", Caps { tokens: Some(1000), calls: Some(100), ..Caps::default() });
    let root = Root::new("test", &budget, SECOND);
    let children = (0..256).map(|i| {
        Child::<_, OverBudget>::new(format!("call {i}"), |scope: Scope| async move {
            let inner = Child::<_, OverBudget>::new("leaf", |scope: Scope| async move {
                let mut hold = scope.reserve(Amount::tokens(7).and(Amount::calls(1)))?;
                tokio::task::yield_now().await;
                hold.charge(Amount::tokens(7));
                hold.settle(Amount::calls(1));
                Ok(())
            });
            match scope.child("inner").run(inner).await {
                Ok(()) => Ok(1),
                Err(_) => Ok(0),
            }
        })
    });
    let won: u64 = root.scope("race").all_or_nothing(children).await.unwrap().into_iter().sum();
    assert_eq!(won, 100);
    assert_eq!((budget.spent().of(Kind::Tokens), budget.spent().of(Kind::Calls)), (700, 100));
    assert_eq!(budget.held(), Amount::ZERO);
}
