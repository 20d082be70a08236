//! The limiter against a simulated provider that counts its own windows, in paused time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use steersman_scope::{Backoff, Child, Dice, Limiter, Limits, RetryBudget, Root, Scope};
use tokio::time::{Instant, sleep};

/// A provider that refuses what is over its limits, and remembers everything.
#[derive(Clone)]
struct Provider(Arc<Mutex<Book>>, Limits);

#[derive(Default)]
struct Book {
    window: VecDeque<(Instant, u64)>,
    in_flight: usize,
    attempts: Vec<Instant>,
    refused: usize,
    down_until: Option<Instant>,
}

impl Provider {
    fn new(limits: Limits) -> Self {
        Self(Arc::default(), limits)
    }

    async fn call(&self, tokens: u64, takes: Duration) -> Result<(), Duration> {
        // As long as a refusal takes to come back.
        sleep(Duration::from_millis(5)).await;
        {
            let (now, mut book) = (Instant::now(), self.0.lock().unwrap());
            book.attempts.push(now);
            if let Some(until) = book.down_until.filter(|until| *until > now) {
                book.refused += 1;
                return Err(until - now);
            }
            book.window.retain(|(at, _)| now - *at < self.1.window);
            book.window.push_back((now, tokens));
            book.in_flight += 1;
            let used: u64 = book.window.iter().map(|(_, tokens)| tokens).sum();
            let over = book.window.len() as u64 > self.1.requests || used > self.1.tokens;
            if over || book.in_flight > self.1.in_flight {
                book.refused += 1;
                book.in_flight -= 1;
                return Err(Duration::from_secs(1));
            }
        }
        sleep(takes).await;
        self.0.lock().unwrap().in_flight -= 1;
        Ok(())
    }
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_window_and_no_moment_is_over_its_limit_and_everybody_is_served(
        in_flight in 1..6usize, requests in 1..9u64, tokens in 50..200u64,
        calls in proptest::collection::vec((0..50u64, 0..400u64, 0..900u64, any::<bool>()), 1..60),
    ) {
        let limits = Limits { in_flight, window: Duration::from_secs(1), requests, tokens };
        paused().block_on(async {
            let (limiter, provider, root) = (Limiter::new(limits), Provider::new(limits), Root::unlimited("test"));
            let children = calls.iter().enumerate().map(|(i, &(tokens, arrives, takes, impatient))| {
                let (limiter, provider) = (limiter.clone(), provider.clone());
                let child = Child::<_, String>::new(format!("{i}"), move |_| async move {
                    sleep(Duration::from_millis(arrives)).await;
                    let admission = limiter.admit(tokens).await;
                    provider.call(tokens, Duration::from_millis(takes)).await.map_err(|_| "refused".to_owned())?;
                    admission.succeeded(tokens);
                    Ok(())
                });
                if impatient { child.timeout(Duration::from_millis(arrives + takes / 2)) } else { child }
            });
            let settled = root.scope("turn").best_effort(children).await;
            let said = settled.fold(|_, ()| String::new(), |failure| failure.fault.to_string()).unwrap();
            // A call that is cut off never told the provider's book; the limiter's own count is exact.
            let cut = said.iter().any(|fault| fault.starts_with("timed out"));
            prop_assert!(cut || provider.0.lock().unwrap().refused == 0);
            prop_assert_eq!(limiter.in_flight(), 0);
            let window = &provider.0.lock().unwrap().attempts.clone();
            for (i, first) in window.iter().enumerate() {
                let in_window = window[i..].iter().take_while(|at| **at - *first < limits.window).count();
                prop_assert!(in_window as u64 <= requests);
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_larger_than_the_window_is_admitted_alone_and_not_starved() {
    let window = Duration::from_secs(60);
    let limiter = Limiter::new(Limits { in_flight: 9, window, requests: 99, tokens: 100 });
    let start = Instant::now();
    limiter.admit(10).await.succeeded(10);
    limiter.admit(500).await.succeeded(500);
    assert_eq!(start.elapsed(), window);
    limiter.admit(1).await.succeeded(1);
    assert_eq!(start.elapsed(), window * 2);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_were_not_used_make_room_at_once() {
    let limits = Limits { in_flight: 9, window: Duration::from_secs(60), requests: 99, tokens: 100 };
    let limiter = Limiter::new(limits);
    let start = Instant::now();
    let (first, second) = (limiter.admit(90).await, limiter.admit(90));
    let small = async {
        sleep(Duration::from_secs(1)).await;
        first.succeeded(5);
    };
    let (second, ()) = tokio::join!(second, small);
    second.succeeded(90);
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

/// Forty agents keep calling a provider that answers 429 for the first ten seconds.
async fn outage(retry_after: bool) -> (usize, usize, Vec<u64>) {
    let limits = Limits { in_flight: 20, window: Duration::from_secs(1), requests: 200, tokens: u64::MAX };
    let (limiter, provider) = (Limiter::new(limits), Provider::new(limits));
    provider.0.lock().unwrap().down_until = Some(Instant::now() + Duration::from_secs(10));
    let (budget, dice) = (Arc::new(RetryBudget::new(10, 10)), Arc::new(Dice::seeded(3)));
    let root = Root::unlimited("test");
    let agents = (0..40).map(|i| {
        let (limiter, provider) = (limiter.clone(), provider.clone());
        let (budget, dice) = (Arc::clone(&budget), Arc::clone(&dice));
        Child::<_, String>::new(format!("agent {i}"), move |_: Scope| async move {
            let mut done = 0;
            for _ in 0..5 {
                budget.earn();
                for retry in 0..6 {
                    let admission = limiter.admit(1).await;
                    match provider.call(1, Duration::from_millis(50)).await {
                        Ok(()) => {
                            admission.succeeded(1);
                            done += 1;
                            break;
                        }
                        Err(after) => {
                            let after = retry_after.then_some(after);
                            admission.throttled(after);
                            if !budget.spend() {
                                break;
                            }
                            sleep(Backoff::default().wait(retry, after, &dice)).await;
                        }
                    }
                }
            }
            Ok(done)
        })
    });
    let done: usize = root.scope("agents").all_or_nothing(agents).await.unwrap().into_iter().sum();
    let book = provider.0.lock().unwrap();
    let start = book.attempts[0];
    let mut per_tenth = vec![0; 600];
    for at in &book.attempts {
        if let Some(count) = per_tenth.get_mut(usize::try_from((*at - start).as_millis() / 100).unwrap()) {
            *count += 1;
        }
    }
    assert!(retry_after <= (book.refused <= 20), "{} refused", book.refused);
    (done, book.attempts.len(), per_tenth)
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_429_with_retry_after_costs_one_round_and_starts_no_storm() {
    let (done, attempts, per_tenth) = outage(true).await;
    // One round in flight learns of the outage; then nobody asks until it is over, and nobody is refused after it.
    assert!(per_tenth[0] <= 20 && per_tenth[1..99].iter().sum::<u64>() == 0, "{per_tenth:?}");
    assert!(attempts <= 220 && done >= 180, "{attempts} attempts, {done} of 200 done");
    // They come back one by one: slow start doubles with each round of 55 ms.
    assert!(per_tenth[99] + per_tenth[100] <= 8, "{per_tenth:?}");
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_429_without_retry_after_stays_within_the_retry_budget() {
    let (_, attempts, per_tenth) = outage(false).await;
    let first_attempts = 200;
    // 10 % of the first attempts, and the reserve of 10 for each ten seconds begun.
    assert!(attempts <= first_attempts + first_attempts / 10 + 3 * 10, "{attempts} {per_tenth:?}");
}
