//! Cancellation at every `await`, and ten thousand random trees of scopes: nothing is alive when a scope has ended.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use steersman_core::BoxFuture;
use steersman_scope::{Amount, Budget, Caps, Child, Root, Scope};
use tokio::time::sleep;

/// The ledger of the tests: what is open now, and what was opened in all.
#[derive(Clone, Default)]
struct Ledger(Arc<[AtomicUsize; 2]>);

struct Open(Ledger);

impl Ledger {
    fn open(&self) -> Open {
        for count in &*self.0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
        Open(self.clone())
    }

    fn open_now(&self) -> usize {
        self.0[0].load(Ordering::SeqCst)
    }

    fn opened(&self) -> usize {
        self.0[1].load(Ordering::SeqCst)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0[0].fetch_sub(1, Ordering::SeqCst);
    }
}

/// A small reproducible source of choices (SplitMix64: Steele, Lea, Flood, Fast Splittable PRNGs, OOPSLA 2014).
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }

    fn millis(&mut self) -> Duration {
        Duration::from_millis(self.roll(40))
    }
}

/// Runs a random subtree: work of every kind, nested scopes with every policy, every way to end.
fn tree(scope: Scope, ledger: Ledger, mut dice: Dice, depth: u32) -> BoxFuture<'static, Result<u32, String>> {
    Box::pin(async move {
        let _open = ledger.open();
        let hook = ledger.open();
        let nap = dice.millis();
        scope.on_close("return connection", async move {
            sleep(nap / 8).await;
            drop(hook);
        });
        let _hold = scope.reserve(Amount::calls(1)).map_err(|over| over.to_string())?;
        sleep(dice.millis()).await;
        match dice.roll(12) {
            0 => return Err("said no".into()),
            1 => panic!("boom"),
            2 => std::future::pending().await,
            3 => {
                let open = ledger.open();
                let nap = dice.millis();
                let section = async move {
                    sleep(nap).await;
                    drop(open);
                };
                scope.shield(dice.millis(), section).await.map_err(|lost| lost.to_string())?;
            }
            _ => {}
        }
        if depth == 0 {
            return Ok(1);
        }
        let spec = scope.child("inner").deadline(dice.millis() * 2).grace(dice.millis()).cleanup(dice.millis());
        let children: Vec<_> = (0..dice.roll(4))
            .map(|i| {
                let (ledger, seed) = (ledger.clone(), Dice(dice.roll(u64::MAX)));
                let start = move |scope: Scope| tree(scope, ledger, seed, depth - 1);
                let child = if dice.roll(2) == 0 {
                    Child::new(format!("{i}"), start)
                } else {
                    Child::graceful(format!("{i}"), start)
                };
                if dice.roll(4) == 0 { child.timeout(dice.millis()) } else { child }
            })
            .collect();
        let n = children.len();
        let limit = dice.millis() * 3;
        let run = async {
            match dice.roll(4) {
                0 => spec.all_or_nothing(children).await.map_or(0, |values| values.len()),
                1 => {
                    let settled = spec.best_effort(children).await;
                    settled.fold(|_, _| (), |_| ()).map_or(n, |items| items.len())
                }
                2 => spec.first_success(children).await.map_or(0, |won| won.values.len() + won.others.len()),
                _ => spec.quorum(2, children).await.map_or(0, |won| won.values.len() + won.others.len()),
            }
        };
        // Sometimes nobody waits for the end.
        if let Ok(answered) = tokio::time::timeout(limit, run).await {
            assert!(answered == n || answered == 0, "{answered} answers for {n} calls");
        }
        Ok(1)
    })
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref::<&str>().is_none_or(|text| *text != "boom") {
            eprintln!("{info}");
        }
    }));
}

/// Runs one random tree and returns how much was opened in it.
fn one_schedule(seed: u64) -> usize {
    let (ledger, budget) = (Ledger::default(), Budget::new("all", Caps { calls: Some(40), ..Caps::default() }));
    let runtime = paused();
    runtime.block_on(async {
        let root = Root::new("test", &budget, Duration::from_millis(20));
        let (calls, dice) = (ledger.clone(), Dice(seed));
        let child = Child::graceful("top", move |scope| tree(scope, calls, dice, 3));
        let scope = root.scope("turn").deadline(Duration::from_millis(150));
        let waited = match Dice(!seed).roll(3) {
            0 => tokio::time::timeout(dice_limit(seed), scope.run(child)).await.is_ok(),
            _ => scope.run(child).await.map_or_else(|failed| failed.failures.len() < 2, |_| true),
        };
        if waited {
            assert_eq!(ledger.open_now(), 0, "seed {seed}: work outlived its scope");
            assert_eq!(budget.held(), Amount::ZERO, "seed {seed}: a hold outlived its scope");
        }
        root.shutdown().await;
        let alive = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        assert_eq!((ledger.open_now(), alive), (0, 0), "seed {seed}: after the end of the root");
        assert_eq!(budget.held(), Amount::ZERO);
    });
    ledger.opened()
}

fn dice_limit(seed: u64) -> Duration {
    Dice(seed ^ 7).millis() * 4
}

#[test]
fn ten_thousand_random_trees_leave_nothing_behind() {
    quiet_panics();
    let opened: usize = (0..10_000).map(one_schedule).sum();
    assert!(opened > 50_000, "the trees are too small to prove anything: {opened}");
}

/// Polls a future `left` more times, then drops it.
struct CutAfter<F> {
    inner: Option<Pin<Box<F>>>,
    left: usize,
}

impl<F: Future> Future for CutAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            self.inner = None;
            return Poll::Ready(None);
        }
        self.left -= 1;
        match &mut self.inner {
            Some(inner) => inner.as_mut().poll(context).map(Some),
            None => Poll::Ready(None),
        }
    }
}

/// How the driver cuts.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The caller's future is dropped before its poll number n.
    Caller(usize),
    /// The body of the first child is dropped before its poll number n.
    Body(usize),
    /// The scope is cancelled at poll number n of the work at the leaves, counted together.
    Leaves(usize),
}

/// A path with an `await` of every kind. Returns whether the cut came before the end.
fn path_with_a_cut(cut: Cut) -> bool {
    let (ledger, budget) = (Ledger::default(), Budget::new("all", Caps { calls: Some(40), ..Caps::default() }));
    let cut_short = Arc::new(AtomicUsize::new(0));
    paused().block_on(async {
        let root = Root::new("test", &budget, Duration::from_millis(20));
        let (calls, was_cut) = (ledger.clone(), Arc::clone(&cut_short));
        let body = move |scope: Scope| async move {
            let polls = if let Cut::Body(polls) = cut { polls } else { usize::MAX };
            let leaf_polls = Arc::new(AtomicUsize::new(0));
            let tripwire = {
                let (scope, was_cut) = (scope.clone(), Arc::clone(&was_cut));
                move || {
                    let poll = leaf_polls.fetch_add(1, Ordering::SeqCst);
                    if matches!(cut, Cut::Leaves(at) if at == poll) {
                        was_cut.fetch_add(1, Ordering::SeqCst);
                        scope.cancel();
                    }
                }
            };
            let work = every_kind_of_await(scope, calls, Arc::new(tripwire));
            let path = CutAfter { inner: Some(Box::pin(work)), left: polls };
            if path.await.is_none() {
                was_cut.fetch_add(1, Ordering::SeqCst);
            }
            Ok::<_, String>(())
        };
        let polls = if let Cut::Caller(polls) = cut { polls } else { usize::MAX };
        let run = root.scope("turn").all_or_nothing([Child::new("call", body)]);
        let caller = CutAfter { inner: Some(Box::pin(run)), left: polls };
        match caller.await {
            None => {
                cut_short.fetch_add(1, Ordering::SeqCst);
            }
            Some(ended) => {
                let whole = ended.is_ok();
                assert!(whole || matches!(cut, Cut::Leaves(_)), "{cut:?}: the path failed by itself");
                assert_eq!(ledger.open_now(), 0, "{cut:?}: work outlived its scope");
            }
        }
        root.shutdown().await;
        assert_eq!((ledger.open_now(), budget.held()), (0, Amount::ZERO), "{cut:?}");
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "{cut:?}");
    });
    cut_short.load(Ordering::SeqCst) > 0
}

async fn every_kind_of_await(scope: Scope, ledger: Ledger, tripwire: Arc<dyn Fn() + Send + Sync>) {
    let leaf = |id: &str, millis: u64| {
        let (ledger, tripwire) = (ledger.clone(), Arc::clone(&tripwire));
        Child::<_, String>::graceful(id, move |scope: Scope| {
            let mut work = Box::pin(async move {
                let _open = ledger.open();
                for _ in 0..3 {
                    sleep(Duration::from_millis(millis)).await;
                    if scope.is_cancelled() {
                        sleep(Duration::from_millis(2)).await;
                        return Err("told to stop".to_owned());
                    }
                }
                Ok(millis)
            });
            poll_fn(move |context| {
                tripwire();
                work.as_mut().poll(context)
            })
        })
    };
    let open = ledger.open();
    scope.on_close("connection", async move {
        sleep(Duration::from_millis(1)).await;
        drop(open);
    });
    let mut hold = scope.reserve(Amount::calls(9)).unwrap();
    drop(scope.child("all").all_or_nothing([leaf("a", 1), leaf("b", 2)]).await);
    hold.charge(Amount::calls(2));
    drop(scope.child("first").first_success([leaf("a", 3), leaf("b", 1)]).await);
    let open = ledger.open();
    let section = async move {
        for _ in 0..3 {
            sleep(Duration::from_millis(1)).await;
        }
        drop(open);
    };
    drop(scope.shield(Duration::from_millis(9), section).await);
    let slow = leaf("b", 50).timeout(Duration::from_millis(3));
    let settled = scope.child("some").best_effort([leaf("a", 1), slow]).await;
    settled.fold(|_, _| (), |_| ()).unwrap();
}

#[test]
fn a_cut_at_every_await_of_the_caller_and_of_the_work_leaves_nothing_behind() {
    let caller = (0..).take_while(|n| path_with_a_cut(Cut::Caller(*n))).count();
    let body = (0..).take_while(|n| path_with_a_cut(Cut::Body(*n))).count();
    let leaves = (0..).take_while(|n| path_with_a_cut(Cut::Leaves(*n))).count();
    let counts = (caller, body, leaves);
    assert!(caller >= 2 && body >= 5 && leaves >= 20, "cuts of the caller, the body and the leaves: {counts:?}");
}
