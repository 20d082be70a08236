//! Child processes and leaks, against the real operating system.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::time::{Duration, Instant};

use steersman_scope::{Budget, Caps, Child, Root, Scope, piped};
use tokio::io::{AsyncBufReadExt, BufReader};

const GRACE: Duration = Duration::from_millis(300);

fn root() -> Root {
    Root::new("test", &Budget::new("all", Caps::default()), GRACE)
}

/// Whether a process is there and not a zombie.
fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// Starts a shell script that prints the ids of its processes on one line, then waits to be killed.
fn hostile(script: &'static str) -> Child<Vec<u32>, String> {
    Child::graceful("hostile", move |scope: Scope| async move {
        let mut process = scope.process(piped("sh", &["-c", script])).map_err(|error| error.to_string())?;
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).await.map_err(|error| error.to_string())?;
        let mut pids: Vec<u32> = line.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        pids.push(process.id);
        scope.cancel();
        Ok(pids)
    })
}

#[tokio::test]
async fn a_process_that_ignores_the_request_to_end_is_killed_with_its_grandchildren() {
    let start = Instant::now();
    let script = "trap '' TERM; (trap '' TERM; sleep 60) & (sleep 60) & echo $! $$; while :; do :; done";
    let pids = root().scope("turn").run(hostile(script)).await.unwrap();
    assert!(pids.len() >= 3 && pids.iter().all(|pid| !alive(*pid)), "{pids:?}");
    assert!(start.elapsed() >= GRACE && start.elapsed() < Duration::from_secs(50));
}

#[tokio::test]
async fn what_a_dead_leader_leaves_in_its_group_dies_with_it() {
    let leaver = Child::<_, String>::new("leaver", |scope: Scope| async move {
        let mut process = scope.process(piped("sh", &["-c", "sleep 60 & echo $!"])).map_err(|e| e.to_string())?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).await.map_err(|e| e.to_string())?;
        let status = process.wait().await.map_err(|e| e.to_string())?;
        Ok((status.success(), line.trim().parse::<u32>().unwrap()))
    });
    let (success, orphan) = root().scope("turn").run(leaver).await.unwrap();
    assert!(success && !alive(orphan));
}

#[tokio::test]
async fn a_dropped_process_handle_kills_and_the_scope_waits_for_it() {
    let dropper = Child::<_, String>::new("dropper", |scope: Scope| async move {
        let process = scope.process(piped("sleep", &["60"])).map_err(|error| error.to_string())?;
        Ok(process.id)
    });
    let pid = root().scope("turn").run(dropper).await.unwrap();
    assert!(!alive(pid));
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_an_error_with_its_name() {
    let child = Child::<(), _>::new("call", |scope: Scope| async move {
        scope.process(piped("/no/such/program", &[])).map(drop).map_err(|error| error.to_string())
    });
    let failed = root().scope("turn").run(child).await.unwrap_err();
    insta::assert_snapshot!(failed.failures[0], @"`call`: could not start `/no/such/program`");
}
