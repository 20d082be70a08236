//! The fair queue on a paused clock: shares of keys when the gateway is full, bounds on what waits, and who goes first.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use steersman_core::ContentHash;
use steersman_engine::{Crowded, FairQueue, Flow, LoadLimits};

const SECOND: Duration = Duration::from_secs(1);
const LIMITS: LoadLimits =
    LoadLimits { in_flight: 4, held_bytes: 1 << 20, waiting: 200, wait: Duration::from_secs(60) };

fn key(name: u8) -> Flow {
    Some(ContentHash::from_bytes([name; 32]))
}

/// Sends `count` requests of a key at once; each takes a second. Their ends are logged in order.
fn send(
    queue: &FairQueue,
    log: &Arc<Mutex<Vec<u8>>>,
    name: u8,
    count: usize,
    bytes: u64,
) -> Vec<tokio::task::JoinHandle<()>> {
    let one = |_| {
        let (queue, log) = (queue.clone(), Arc::clone(log));
        tokio::spawn(async move {
            if let Ok(pass) = queue.enter(key(name), bytes).await {
                tokio::time::sleep(SECOND).await;
                log.lock().unwrap().push(name);
                drop(pass);
            }
        })
    };
    (0..count).map(one).collect()
}

async fn ends(tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_floods_gets_no_more_than_its_share() {
    let (queue, log) = (FairQueue::new(LIMITS), Arc::new(Mutex::new(Vec::new())));
    let mut tasks = send(&queue, &log, 1, 100, 1_000);
    tokio::time::sleep(Duration::from_millis(1)).await;
    tasks.extend(send(&queue, &log, 2, 10, 1_000));
    tasks.extend(send(&queue, &log, 3, 10, 1_000));
    ends(tasks).await;
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 120);
    // The four that were under way end first; then each of three keys gets a third of the places.
    let share = |name: u8| log[4..34].iter().filter(|ended| **ended == name).count();
    assert!((9..=11).contains(&share(1)) && share(2) >= 9 && share(3) >= 9, "{log:?}");
    let report = queue.report();
    assert_eq!((report.in_flight, report.held_bytes, report.waiting.len()), (0, 0, 0));
    assert_eq!((report.at_once, report.waited), (4, 116));
}

#[tokio::test(start_paused = true)]
async fn large_bodies_cost_turns_and_none_waits_for_ever() {
    let (queue, log) = (FairQueue::new(LIMITS), Arc::new(Mutex::new(Vec::new())));
    let mut tasks = send(&queue, &log, 9, 4, 0);
    tokio::time::sleep(Duration::from_millis(1)).await;
    tasks.extend(send(&queue, &log, 1, 20, 256 << 10));
    tasks.extend(send(&queue, &log, 2, 40, 1_000));
    ends(tasks).await;
    let log = log.lock().unwrap();
    let first: Vec<_> = log[4..44].iter().collect();
    let large = first.iter().filter(|name| ***name == 1).count();
    assert!((7..=9).contains(&large), "four quanta a body, so one large to four small: {large} of 40");
}

#[tokio::test(start_paused = true)]
async fn bytes_are_bounded_and_what_a_body_did_not_need_is_free_again() {
    let queue = FairQueue::new(LIMITS);
    let mut first = queue.enter(key(1), 1 << 20).await.unwrap();
    let mut second = Box::pin(queue.enter(key(2), 1 << 10));
    assert!(tokio::time::timeout(SECOND, &mut second).await.is_err(), "there is no room for its bytes");
    first.holds(10);
    assert_eq!(second.await.unwrap().waited(), SECOND);
    let over = queue.enter(key(1), 1 << 30);
    assert!(tokio::time::timeout(SECOND, over).await.is_err(), "one beyond the bound waits until it is alone");
    drop(first);
    assert!(queue.enter(key(1), 1 << 30).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_wait_has_an_end_and_a_flood_pushes_out_its_own() {
    let limits = LoadLimits { in_flight: 1, waiting: 10, wait: SECOND, ..LIMITS };
    let queue = FairQueue::new(limits);
    let held = queue.enter(key(1), 0).await.unwrap();
    let flood: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let queue = queue.clone();
                async move { queue.enter(key(1), 0).await.err() }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(queue.report().refused_full, 10, "ten wait, ten are told at once");
    let other = tokio::spawn({
        let queue = queue.clone();
        async move { queue.enter(key(2), 0).await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(queue.report().waiting, [(key(1), 9), (key(2), 1)], "the newest of the flood made room");
    drop(held);
    // The flood's first goes, then the other key's, though nine came before it.
    let pass = other.await.unwrap();
    assert!(pass.is_ok());
    drop(pass);
    let mut told = Vec::new();
    for task in flood {
        told.push(task.await.unwrap());
    }
    assert!(told.iter().all(|why| matches!(why, None | Some(Crowded::Full))));
    let held = queue.enter(key(1), 0).await.unwrap();
    assert_eq!(queue.enter(key(2), 0).await.err(), Some(Crowded::TooLong));
    drop(held);
    assert_eq!(queue.report().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_the_queue_leaves_no_trace() {
    let queue = FairQueue::new(LoadLimits { in_flight: 1, ..LIMITS });
    let held = queue.enter(key(1), 5).await.unwrap();
    for _ in 0..50 {
        let waits = queue.enter(key(2), 5);
        assert!(tokio::time::timeout(Duration::from_millis(10), waits).await.is_err());
    }
    assert!(queue.report().waiting.is_empty());
    drop(held);
    let report = queue.report();
    assert_eq!((report.in_flight, report.held_bytes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_is_told_when_those_that_wait_will_have_begun() {
    let limits = LoadLimits { in_flight: 2, waiting: 20, ..LIMITS };
    let (queue, log) = (FairQueue::new(limits), Arc::new(Mutex::new(Vec::new())));
    assert_eq!(queue.come_again(), SECOND, "nobody waits");
    let tasks = send(&queue, &log, 1, 22, 1_000);
    tokio::time::sleep(SECOND * 7 / 2).await;
    // Six have ended in 3.5 seconds, and 14 wait before one that comes now.
    let told = queue.come_again().as_millis();
    assert!((8_750..8_760).contains(&told), "{told} ms");
    ends(tasks).await;
    assert!(queue.come_again() >= SECOND);
}
